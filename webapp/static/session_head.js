// The head of a conversation: its title is renamed in place; on a phone only the title stays while somebody reads on.

import { renameOpen } from "./actions.js";
import { closest, required } from "./dom.js";

const STEP = 12; // pixels that are scrolled in one direction before the head changes

/**
 * Start the head of the page, after that was scrolled to where it opens.
 * @param {HTMLElement} content
 * @param {import("./window.js").Transcript} transcript
 * @param {AbortSignal} signal ends everything when the page is left
 */
export function startHead(content, transcript, signal) {
  const head = required(content, ".session-head", HTMLElement);
  head.addEventListener("click", onClick, { signal });
  followScrolling(head, transcript, signal);
}

/** @param {MouseEvent} event */
function onClick(event) {
  const summary = closest(event.target, ".rename > summary");
  if (!summary && !closest(event.target, "h1[data-rename]")) return;
  event.preventDefault();
  renameOpen();
}

/**
 * Mark the head as collapsed while the page is scrolled down, and after a jump, which it would cover. The style sheet of
 * narrow windows hides the rest of it.
 * @param {HTMLElement} head
 * @param {import("./window.js").Transcript} transcript
 * @param {AbortSignal} signal
 */
function followScrolling(head, transcript, signal) {
  let [before, height] = [scrollY, pageHeight()];
  const note = () => { [before, height] = [scrollY, pageHeight()]; };
  const set = (/** @type {boolean} */ collapsed) => {
    head.classList.toggle("collapsed", collapsed);
    note();
  };
  transcript.onShown = () => set(true);
  if (location.hash) set(true);
  addEventListener("scroll", () => {
    // The browser scrolled, to keep what is read in its place when a picture came: nobody reads on.
    if (pageHeight() !== height) return note();
    const collapsed = isCollapsed(before, scrollY);
    if (collapsed !== null) set(collapsed);
    return undefined;
  }, { signal, passive: true });
}

function pageHeight() {
  return document.documentElement.scrollHeight;
}

/**
 * Return whether the head collapses; null if the page has hardly moved.
 * @param {number} before how far the page was scrolled
 * @param {number} now
 */
export function isCollapsed(before, now) {
  if (Math.abs(now - before) < STEP) return null;
  return now > before;
}
