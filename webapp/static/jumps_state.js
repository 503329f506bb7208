// Where to jump in a conversation: decisions alone. `jumps.js` applies them.

/** Pixels that a message may move by itself after a jump to it, and still count as not scrolled. */
const STILL = 4;

/**
 * The messages that can be jumped to, by their index in ascending order.
 * @typedef {{ users: number[], failures: number[] }} Landmarks
 */

/** Which message the last jump led to, and how far below the top of the window it then was. @typedef {{ index: number, top: number }} Jump */

/**
 * Return the numbers in a text that has commas between them.
 * @param {string | undefined} text
 * @returns {number[]}
 */
export function numbersIn(text) {
  return text ? text.split(",").map(Number) : [];
}

/**
 * Return the next landmark after a message, or before it; null if there is none.
 * @param {number[]} indexes
 * @param {number} from
 * @param {number} by 1 or -1
 */
export function landmarkAfter(indexes, from, by) {
  const found = by > 0 ? indexes.find((index) => index > from) : indexes.findLast((index) => index < from);
  return found ?? null;
}

/**
 * Return the next failed call after a message, or before it, and from the last one on the first: a conversation opens at
 * its end, after all of them. Null if no call failed.
 * @param {number[]} indexes
 * @param {number} from
 * @param {number} by 1 or -1
 */
export function failureAfter(indexes, from, by) {
  return landmarkAfter(indexes, from, by) ?? indexes.at(by > 0 ? 0 : -1) ?? null;
}

/**
 * Return the message that a reader is at: the one jumped to while it stays there, else the first on the screen.
 * Near the end of a page, a message that was jumped to is not the first. How far the page is scrolled does not tell: that
 * changes when older messages are added above.
 * @param {Jump | null} jump
 * @param {number | null} top where the message is now, null if it is not on the page
 * @param {number} firstVisible
 */
export function placeOf(jump, top, firstVisible) {
  return jump && top !== null && Math.abs(jump.top - top) <= STILL ? jump.index : firstVisible;
}

/**
 * Return which of the outline's messages a reader is at: the last that is not after the message; null before the first.
 * @param {number[]} indexes
 * @param {number} at
 */
export function entryAt(indexes, at) {
  return indexes.findLast((index) => index <= at) ?? null;
}

/** The keys that jump, with capitals for those with Shift, and where to. @type {Readonly<Record<string, { to: "first" | "last" | "user" | "failure" | "outline", by: number }>>} */
const KEYS = Object.freeze({
  g: { to: "first", by: 0 },
  G: { to: "last", by: 0 },
  u: { to: "user", by: 1 },
  U: { to: "user", by: -1 },
  n: { to: "failure", by: 1 },
  N: { to: "failure", by: -1 },
  o: { to: "outline", by: 0 },
});

/**
 * Return where a key jumps to, undefined if it does not: by whether Shift is held, whatever Caps Lock makes of the letter.
 * @param {{ key: string, shiftKey: boolean }} pressed
 */
export function jumpOf({ key, shiftKey }) {
  return KEYS[shiftKey ? key.toUpperCase() : key.toLowerCase()];
}

/**
 * Return what to say where there is nothing to jump to.
 * @param {"user" | "failure"} kind
 * @param {number} by 1 or -1
 */
export function nothingThere(kind, by) {
  return kind === "user" ? `You wrote no ${by > 0 ? "later" : "earlier"} message.` : "No tool call failed.";
}
