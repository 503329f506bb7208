// The note that the home is read-only or its disk full, above every page: it stays in sight, and the head of a conversation
// stays below it. A style sheet cannot know how high it is.

import { optional } from "./dom.js";
import { on } from "./events.js";

/** @type {ResizeObserver} */
const observer = new ResizeObserver(measure);

export function start() {
  follow();
  on("page-changed", follow);
}

/** Follow the height of the banner of the page that is shown. */
function follow() {
  observer.disconnect();
  const banner = shown();
  if (banner) observer.observe(banner);
  measure();
}

function measure() {
  document.documentElement.style.setProperty("--banner", `${shown()?.offsetHeight ?? 0}px`);
}

const shown = () => optional(document, "#content > .beside", HTMLElement);
