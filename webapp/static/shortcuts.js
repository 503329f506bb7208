// Keyboard shortcuts. The help in the page lists them.

import * as actions from "./actions.js";
import { closest, dialogById, isComposing } from "./dom.js";
import { step } from "./list.js";
import * as search from "./search.js";
import * as selection from "./selection.js";
import { inVain } from "./text.js";

/**
 * What a key does with the focused session, or with the open one.
 * @type {Map<string, (session: actions.Session) => void>}
 */
const WITH_SESSION = new Map([
  ["e", actions.archive], ["t", actions.tag], ["p", actions.pin], ["r", actions.rename], ["m", actions.move], ["#", actions.remove],
]);

const UNDO = "z";

/** What a key does without a session. @type {Map<string, () => void>} */
const WITHOUT_SESSION = new Map([
  ["/", search.focus],
  ["j", () => step(1)],
  ["k", () => step(-1)],
  ["x", selection.toggleFocused],
  [UNDO, actions.undoLast],
  ["?", openHelp],
]);

/** What a key does with the selected sessions, by the act of the selection bar. @type {Map<string, string>} */
const WITH_SELECTION = new Map([["e", "archive"], ["p", "pin"], ["m", "move"], ["t", "tag"], ["#", "delete"]]);

/** The keys that wait for earlier acts. @type {string[]} */
const waiting = [];

export function start() {
  document.addEventListener("keydown", onKey);
  document.addEventListener("click", (event) => { if (closest(event.target, "[data-act=help]")) openHelp(); });
}

function openHelp() {
  dialogById("help").showModal();
}

/** @param {KeyboardEvent} event */
function onKey(event) {
  if (event.defaultPrevented || isComposing(event) || event.ctrlKey || event.metaKey || event.altKey) return;
  if (document.querySelector("dialog[open]")) return;
  const inField = closest(event.target, "input:not([type=checkbox]), textarea, select, [contenteditable]");
  if (event.key === "Escape") leave(event);
  else if (inField) enterList(event, inField);
  else run(event);
}

/**
 * Close the filters or clear the search, else end the selection.
 * @param {KeyboardEvent} event
 */
function leave(event) {
  if (search.leave() || selection.stop()) event.preventDefault();
}

/**
 * Go from the search field into the list with the arrow key.
 * @param {KeyboardEvent} event
 * @param {HTMLElement} field
 */
function enterList(event, field) {
  if (field.id !== "q" || event.key !== "ArrowDown") return;
  event.preventDefault();
  step(0);
}

/** @param {KeyboardEvent} event */
function run(event) {
  const action = actionFor(event.key);
  if (!action) return;
  event.preventDefault();
  if (!isAct(event.key)) action();
  else if (!event.repeat) actOrWait(event.key, action);
}

/**
 * Act at once, or as soon as the page shows what earlier acts did: or else the key would mean what was there before.
 * @param {string} key
 * @param {() => void} action
 */
function actOrWait(key, action) {
  if (!waiting.length && !actions.isUnfinished()) {
    action();
    return;
  }
  waiting.push(key);
  if (waiting.length === 1) actAfterwards();
}

/** Act for the keys that wait, one after the other. If the earlier acts take too long, all are given up, and named. */
async function actAfterwards() {
  while (waiting.length) {
    if (!(await actions.untilFinished(() => inVain(waiting)))) waiting.length = 0;
    const key = waiting.shift();
    if (key && !document.querySelector("dialog[open]")) actionFor(key)?.();
  }
}

/** Whether a key changes something, and so depends on what the page shows. @param {string} key */
const isAct = (key) => key === UNDO || WITH_SESSION.has(key) || WITH_SELECTION.has(key);

/**
 * Return what a key does, undefined if it does nothing: also for one that needs a session where there is none.
 * @param {string} key
 * @returns {(() => void) | undefined}
 */
function actionFor(key) {
  const act = WITH_SELECTION.get(key);
  if (act && selection.hasSelection()) return () => selection.act(act);
  const withSession = WITH_SESSION.get(key);
  const session = withSession && actions.subject();
  return session ? () => withSession(session) : WITHOUT_SESSION.get(key);
}
