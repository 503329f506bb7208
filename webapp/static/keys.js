// The keyboard: what each key does. The help in the page lists them.

import * as acts from "./acts.js";
import * as finder from "./finder.js";
import { step } from "./list.js";
import * as picked from "./picked.js";

const WITH_SESSION = { e: acts.archive, p: acts.pin, r: acts.rename, m: acts.move, "#": acts.remove };

const KEYS = {
  "/": finder.focus,
  j: () => step(1),
  k: () => step(-1),
  x: picked.toggleFocused,
  z: acts.undoLast,
  "?": () => help(),
};

export function start() {
  document.addEventListener("keydown", onKey);
  document.addEventListener("click", (event) => { if (event.target.closest("[data-act=help]")) help(); });
}

function help() {
  document.getElementById("help").showModal();
}

function onKey(event) {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  if (event.key === "Escape") return leave(event);
  if (event.target.closest("input:not([type=checkbox]), textarea, select, [contenteditable]")) return fromField(event);
  const session = WITH_SESSION[event.key] && acts.subject();
  if (!KEYS[event.key] && !session) return undefined;
  event.preventDefault();
  if (session) WITH_SESSION[event.key](session);
  else KEYS[event.key]();
  return undefined;
}

/** Escape leaves the innermost of what is open. */
function leave(event) {
  if (finder.leave() || picked.stop()) event.preventDefault();
}

/** From the search field, the arrow goes into the list. */
function fromField(event) {
  if (event.target.id !== "q" || event.key !== "ArrowDown") return;
  event.preventDefault();
  step(0);
}
