// What the places above the list decide: what can be dropped on which, and which colour is next. Knows no DOM.

/**
 * A project or a tag that sessions can be dropped on. `key` is the id of a project, empty for none, or the name of a tag.
 * @typedef {{ kind: string, key: string }} Target
 */

/**
 * A session that is dragged: its project, empty for none, and its tags.
 * @typedef {{ project: string, tags: string[] }} Dragged
 */

/** @typedef {{ name: string, color: string }} Swatch */

/**
 * Return what dropping sessions on a place does to them.
 * @param {Target} target
 * @param {Dragged[]} dragged
 * @returns {"move" | "tag" | null} null if it is no such place, or if all of them are there already
 */
export function dropOn({ kind, key }, dragged) {
  if (kind === "project") return dragged.some(({ project }) => project !== key) ? "move" : null;
  if (kind === "tag") return dragged.some(({ tags }) => !hasTag(tags, key)) ? "tag" : null;
  return null;
}

/**
 * Return whether a tag is among others: `Work` and `work` are the same one.
 * @param {string[]} tags
 * @param {string} name
 */
export function hasTag(tags, name) {
  return tags.some((each) => each.toLowerCase() === name.toLowerCase());
}

/**
 * Return the colours that a project can have, as the page lists them: "Teal #0d9488,Blue #2563eb".
 * @param {string} text
 * @returns {Swatch[]}
 */
export function paletteOf(text) {
  return text.split(",").map((each) => {
    const [name = "", color = ""] = each.trim().split(" ");
    return { name, color };
  });
}

/**
 * Return the colour of a new project: the one that the fewest of the others have.
 * @param {Swatch[]} palette
 * @param {string[]} used
 */
export function nextColor(palette, used) {
  const uses = (/** @type {string} */ color) => used.filter((each) => each.toLowerCase() === color).length;
  const [first, ...others] = palette;
  return others.reduce((best, each) => (uses(each.color) < uses(best) ? each.color : best), first?.color ?? "");
}
