// Whether something is being pressed: a browser drops the click if that is replaced, or moved, before it is released.

import { closest } from "./dom.js";

const PRESSED = "a, button, input, label, select, summary, textarea, .row";
const AT_MOST = 2_000; // milliseconds: a press that lasts longer is no click

/** Settles at the end of the press. @type {Promise<void>} */
let released = Promise.resolve();
let release = () => {};

export function start() {
  addEventListener("pointerdown", onDown, true);
  // The click follows within the same task.
  for (const name of ["pointerup", "pointercancel"]) addEventListener(name, () => setTimeout(release), true);
}

/**
 * Wait until nothing is pressed, or for two seconds at most. Changes that no act of this user caused wait for it.
 * @returns {Promise<void>}
 */
export const untilReleased = () => released;

/** @param {PointerEvent} event */
function onDown(event) {
  if (!closest(event.target, PRESSED)) return;
  release();
  released = new Promise((resolve) => { release = resolve; });
  setTimeout(release, AT_MOST);
}
