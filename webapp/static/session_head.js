// The head of a conversation: its title is renamed in place; on a phone only the title stays while somebody reads on.

import { renameOpen } from "./actions.js";
import { closest, required } from "./dom.js";

const GESTURE = 1000; // milliseconds in which a page still scrolls after a wheel, a finger or a key
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

/**
 * Tell the style sheet how high the head is, which a note can double: what is jumped to must be below it.
 * @param {HTMLElement} content
 * @param {AbortSignal} signal
 */
export function measureHead(content, signal) {
  const head = required(content, ".session-head", HTMLElement);
  const measure = () => content.style.setProperty("--head", `${Math.ceil(head.getBoundingClientRect().height)}px`);
  const observer = new ResizeObserver(measure);
  observer.observe(head);
  signal.addEventListener("abort", () => observer.disconnect());
  measure(); // before the page is scrolled to where it opens
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
  let before = scrollY;
  let moved = -Infinity;
  const set = (/** @type {boolean} */ collapsed) => {
    before = scrollY;
    // The page gets longer or shorter, and the browser scrolls to keep what is read in its place: nobody did.
    if (head.classList.contains("collapsed") !== collapsed) moved = -Infinity;
    head.classList.toggle("collapsed", collapsed);
  };
  const onGesture = () => {
    moved = performance.now();
    if (scrollY <= 0) set(false); // after a jump to the top, where no scrolling up would bring the head back
  };
  for (const gesture of ["wheel", "touchmove", "keydown"]) addEventListener(gesture, onGesture, { signal, passive: true });
  transcript.onShown = () => set(true);
  if (location.hash) set(true);
  addEventListener("scroll", () => {
    const collapsed = scrollY <= 0 ? false : isCollapsed(before, scrollY);
    // The browser also scrolls, to keep what is read in its place when a picture arrives: nobody reads on.
    if (performance.now() - moved > GESTURE) before = scrollY;
    else if (collapsed !== null) set(collapsed);
  }, { signal, passive: true });
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
