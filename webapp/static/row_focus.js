// The keyboard in the list: one tab stop for all of it. Arrow keys go from row to row, and within a row to its controls.

import { all, closest } from "./dom.js";
import { on } from "./events.js";
import { list, rows, step, titleOf } from "./list.js";
import { controlAfter, rowsBy, tabStop } from "./row_focus_state.js";

const CONTROLS = ".row-pick, .row-title, .row-facts a, .row-menu";

/** The session whose row had the focus last. @type {string | null} */
let last = null;

export function start() {
  on("rows-changed", update);
  on("page-changed", update);
  list().addEventListener("focusin", ({ target }) => {
    const id = closest(target, ".row")?.dataset.id;
    if (id === undefined || id === last) return;
    last = id;
    update();
  });
  list().addEventListener("keydown", onKey);
  update();
}

/** Give the tab stop to one row, and take it from all else in the list. */
function update() {
  const elements = rows();
  const current = elements.find((row) => titleOf(row).hasAttribute("aria-current"))?.dataset.id ?? null;
  const stop = tabStop({ ids: elements.map((row) => row.dataset.id ?? ""), last, current });
  for (const row of elements) {
    for (const control of all(row, CONTROLS, HTMLElement)) control.tabIndex = -1;
    if (row.dataset.id === stop) titleOf(row).tabIndex = 0;
  }
}

/** @param {KeyboardEvent} event */
function onKey(event) {
  const row = closest(event.target, ".row");
  if (!row || event.ctrlKey || event.metaKey || event.altKey || event.shiftKey || closest(event.target, ".row-edit")) return;
  const by = rowsBy(event.key);
  const control = controlIn(row, event.key);
  if (by === null && !control) return;
  event.preventDefault();
  if (by !== null) step(by);
  control?.focus({ preventScroll: true });
}

/**
 * Return the control of a row that a key leads to, null for another key. What is hidden or cut off is left out.
 * @param {HTMLElement} row
 * @param {string} key
 */
function controlIn(row, key) {
  const controls = all(row, CONTROLS, HTMLElement).filter(isVisible);
  const place = controls.findIndex((each) => each === document.activeElement);
  const next = controlAfter(key, place, controls.length);
  return next === null ? null : controls[next] ?? null;
}

/** @param {HTMLElement} control */
function isVisible(control) {
  const facts = closest(control.parentElement, ".row-facts");
  return control.checkVisibility() && (!facts || control.getBoundingClientRect().top < facts.getBoundingClientRect().bottom);
}
