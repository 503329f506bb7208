// The mark of conversations that changed since they were opened in this browser.

import { optional } from "./dom.js";
import { on } from "./events.js";
import { rows, titleOf } from "./list.js";
import { read, write } from "./preferences.js";
import { hasNews, withMark } from "./read_marks_state.js";

/** @typedef {import("./read_marks_state.js").Marks} Marks */

const NAME = "read-marks";

export function start() {
  on("page-changed", () => { markOpened(); update(); });
  on("rows-changed", update);
  document.addEventListener("visibilitychange", update);
  markOpened();
  update();
}

/** Remember what the open page shows of its conversation. */
function markOpened() {
  const page = optional(document, ".actions[data-id][data-stamp]", HTMLElement);
  if (page) mark(page);
}

/** @param {HTMLElement} element */
function mark({ dataset: { id = "", stamp = "" } }) {
  const marks = read(NAME, /** @type {Marks} */ ({}));
  const now = withMark(marks, id, stamp);
  if (now !== marks) write(NAME, now);
}

/** Show what is new. The open conversation is read while its page can be seen. */
function update() {
  const elements = rows();
  const open = elements.find((row) => titleOf(row).hasAttribute("aria-current"));
  if (open && !document.hidden) mark(open);
  const marks = read(NAME, /** @type {Marks} */ ({}));
  for (const row of elements) show(row, hasNews(marks, row.dataset.id ?? "", row.dataset.stamp ?? ""));
}

/**
 * @param {HTMLElement} row
 * @param {boolean} isNew
 */
function show(row, isNew) {
  if (row.classList.contains("has-news") === isNew) return;
  row.classList.toggle("has-news", isNew);
  if (isNew) titleOf(row).setAttribute("aria-describedby", "has-news");
  else titleOf(row).removeAttribute("aria-describedby");
}
