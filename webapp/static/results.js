// What a search found, on the start page of a wide window: renewed with the list, and used by arrow keys.

import { all, closest, optional } from "./dom.js";
import { on } from "./events.js";

/** As wide as results.css shows them. */
const wide = matchMedia("(width >= 75rem)");

const results = () => optional(document, "#results", HTMLElement);
const links = () => all(results() ?? document.createElement("div"), ".result-link", HTMLElement);

/**
 * Follow the list.
 * @param {() => void} reload loads the list again, with the results
 */
export function start(reload) {
  on("list-loaded", adopt);
  wide.addEventListener("change", () => { if (areWanted()) reload(); });
  document.addEventListener("keydown", onKey);
}

/** Return whether the page has room for the results of a search. */
export function areWanted() {
  return wide.matches && results() !== null;
}

/**
 * Focus the first result.
 * @returns {boolean} whether there is one
 */
export function focusFirst() {
  const [first] = wide.matches ? links() : [];
  first?.focus();
  return first !== undefined;
}

/** @param {Document} page */
function adopt(page) {
  const [old, now] = [results(), optional(page, "#results", HTMLElement)];
  if (!old || old.contains(document.activeElement)) return;
  if (!now) old.hidden = true; // nothing is searched any more
  else if (!old.isEqualNode(now)) old.replaceWith(now);
}

/** @param {KeyboardEvent} event */
function onKey(event) {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
  const link = closest(event.target, "#results .result-link");
  const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!link || !by) return;
  event.preventDefault();
  const every = links();
  every[every.indexOf(link) + by]?.focus();
}
