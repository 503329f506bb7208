// The width and the density of the list: a separator to drag, a button, and what is kept of both.

import { boundsIn, otherDensity, widthAfter, within } from "./appearance_state.js";
import { byId } from "./dom.js";
import { read, write } from "./preferences.js";

/** @typedef {import("./appearance_state.js").Density} Density */

const root = document.documentElement;
const edge = () => byId("side-edge");

export function start() {
  showDensity(root.dataset.density === "compact" ? "compact" : "comfortable");
  byId("density").addEventListener("click", toggleDensity);
  edge().addEventListener("pointerdown", onPointerDown);
  edge().addEventListener("keydown", onKey);
  edge().addEventListener("dblclick", reset);
  addEventListener("resize", describe);
  describe();
}

function toggleDensity() {
  const density = otherDensity(root.dataset.density === "compact" ? "compact" : "comfortable");
  write("density", density);
  showDensity(density);
}

/** @param {Density} density */
function showDensity(density) {
  root.dataset.density = density;
  byId("density").setAttribute("aria-pressed", String(density === "compact"));
}

/** Return the width that was chosen, or else the style sheet's, as the window has room for it. */
function width() {
  return within(read("side-width", byId("side").offsetWidth), boundsIn(innerWidth));
}

/** @param {number} wanted pixels */
function setWidth(wanted) {
  const chosen = within(wanted, boundsIn(innerWidth));
  write("side-width", chosen);
  root.style.setProperty("--side-width", `${chosen}px`);
  describe();
}

function reset() {
  write("side-width", null);
  root.style.removeProperty("--side-width");
  describe();
}

/** Say in the separator's attributes how wide the list is. */
function describe() {
  const { least, most } = boundsIn(innerWidth);
  const now = width();
  edge().setAttribute("aria-valuemin", String(least));
  edge().setAttribute("aria-valuemax", String(most));
  edge().setAttribute("aria-valuenow", String(now));
  edge().setAttribute("aria-valuetext", `${now} pixels`);
}

/** @param {PointerEvent} event */
function onPointerDown(event) {
  if (event.button !== 0) return;
  event.preventDefault();
  const element = edge();
  const from = { x: event.clientX, width: width() };
  const drag = (/** @type {PointerEvent} */ { clientX }) => setWidth(from.width + clientX - from.x);
  element.setPointerCapture(event.pointerId);
  element.addEventListener("pointermove", drag);
  element.addEventListener("lostpointercapture", () => element.removeEventListener("pointermove", drag), { once: true });
}

/** @param {KeyboardEvent} event */
function onKey(event) {
  const next = widthAfter(event.key, width(), boundsIn(innerWidth));
  if (next === null) return;
  event.preventDefault();
  event.stopPropagation();
  setWidth(next);
}
