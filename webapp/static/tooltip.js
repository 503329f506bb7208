// The whole title of a row that has no room for it, beside the list: on hover, and on focus by key. Escape hides it.

import { byId, closest } from "./dom.js";
import { list, titleOf } from "./list.js";

const DELAY = 400; // milliseconds until it is shown on hover
const GRACE = 150; // milliseconds in which the mouse can reach it
const GAP = 6; // pixels

const tip = document.createElement("div");
/** @type {ReturnType<typeof setTimeout> | undefined} */
let timer;
/** @type {HTMLElement | null} */
let shownTitle = null;
let dismissedId = ""; // of the conversation whose title Escape hid: it stays hidden when the list is renewed

export function start() {
  tip.className = "tip";
  tip.popover = "manual";
  tip.setAttribute("role", "tooltip");
  document.body.append(tip);
  list().addEventListener("pointerover", ({ target, pointerType }) => {
    if (pointerType === "mouse") plan(closest(target, ".row"));
  });
  list().addEventListener("focusin", ({ target }) => {
    const title = closest(target, ".row-title");
    if (title?.matches(":focus-visible")) show(title);
    else hide();
  });
  tip.addEventListener("pointerenter", () => clearTimeout(timer));
  for (const element of [list(), tip]) element.addEventListener("pointerleave", () => wait(hide, GRACE));
  list().addEventListener("focusout", hide);
  for (const event of ["scroll", "pointerdown"]) list().addEventListener(event, hide, { passive: true });
  document.addEventListener("keydown", ({ key }) => { if (key === "Escape") dismiss(); }, true);
}

function dismiss() {
  if (shownTitle) dismissedId = idOf(shownTitle);
  hide();
}

/** @param {HTMLElement} title */
function idOf(title) {
  return closest(title, ".row")?.dataset.id ?? "";
}

/** @param {HTMLElement | null} row */
function plan(row) {
  if (row) wait(() => show(titleOf(row)), DELAY);
}

/**
 * @param {() => void} act
 * @param {number} milliseconds
 */
function wait(act, milliseconds) {
  clearTimeout(timer);
  timer = setTimeout(act, milliseconds);
}

function hide() {
  clearTimeout(timer);
  shownTitle = null;
  if (tip.matches(":popover-open")) tip.hidePopover();
}

/** @param {HTMLElement} title */
function show(title) {
  hide();
  if (!title.isConnected || idOf(title) === dismissedId) return;
  dismissedId = "";
  if (title.scrollWidth <= title.clientWidth) return;
  shownTitle = title;
  tip.textContent = title.textContent;
  tip.dir = "auto";
  tip.showPopover();
  place(title.getBoundingClientRect(), byId("side").getBoundingClientRect());
}

/**
 * Put it beside the list, where it covers no row, or above the row if there is no room.
 * @param {DOMRect} title
 * @param {DOMRect} side
 */
function place(title, side) {
  const beside = side.right + GAP + tip.offsetWidth < innerWidth;
  const above = Math.max(GAP, title.top - tip.offsetHeight - GAP);
  tip.style.left = `${beside ? side.right + GAP : GAP}px`;
  tip.style.top = `${beside ? Math.min(title.top, innerHeight - tip.offsetHeight - GAP) : above}px`;
}
