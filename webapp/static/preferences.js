// What a browser keeps for its user: how the pages look here, and what was read. A full or forbidden storage loses it with the page.

/** @typedef {"density" | "side-width" | "places-open" | "read-marks" | "recent-searches"} PreferenceName */

const PREFIX = "hermes.";

/** What could not be stored. @type {Map<PreferenceName, string>} */
const unstored = new Map();

/**
 * Return what is kept under a name, or the default if that is nothing, or of another type than the default.
 * @template T
 * @param {PreferenceName} name
 * @param {T} preset the default; `null` takes any type
 * @returns {T}
 */
export function read(name, preset) {
  try {
    const value = JSON.parse(unstored.get(name) ?? localStorage.getItem(PREFIX + name) ?? "null");
    return value !== null && (preset === null || kindOf(value) === kindOf(preset)) ? value : preset;
  } catch {
    return preset;
  }
}

/**
 * Keep a value that JSON can hold; `null` forgets it.
 * @param {PreferenceName} name
 * @param {unknown} value
 */
export function write(name, value) {
  unstored.delete(name);
  try {
    if (value === null) localStorage.removeItem(PREFIX + name);
    else localStorage.setItem(PREFIX + name, JSON.stringify(value));
  } catch {
    unstored.set(name, JSON.stringify(value));
  }
}

/** @param {unknown} value */
function kindOf(value) {
  if (value === null) return "null";
  return Array.isArray(value) ? "list" : typeof value;
}
