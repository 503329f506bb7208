// Short messages at the edge of the page: what an action did, or why it failed.

import { RequestError } from "./api.js";
import { insist, isOffline } from "./connection.js";
import { all, byId } from "./dom.js";
import { poll } from "./live.js";
import { sentence } from "./text.js";

const SECONDS = 5;
const SECONDS_WITH_BUTTON = 10;

// The button that helps, by the status of an answer. A conflict is resolved by a fresh page, and a server that cannot be
// reached (0) may be back; any other refusal would only be repeated.
const REMEDIES = new Map([[409, "Reload"], [0, "Try again"]]);

/** @typedef {{ label: string, run: () => void }} ToastAction */

const box = () => byId("toasts");

/**
 * Show a message for some seconds.
 * @param {string} message
 * @param {object} [options]
 * @param {ToastAction | null} [options.action] a button beside the message
 * @param {boolean} [options.bad] whether it reports a failure; it then stays until it is closed
 * @returns {HTMLElement} where it stands
 */
export function toast(message, { action = null, bad = false } = {}) {
  if (!bad) clear();
  const element = document.createElement("div");
  element.className = bad ? "toast bad" : "toast";
  const text = document.createElement("p");
  text.textContent = message;
  element.append(text);
  if (action) element.append(button(action.label, () => { element.remove(); action.run(); }));
  if (bad) element.append(button("Close", () => element.remove()));
  box().append(element);
  if (!bad) expire(element);
  return element;
}

/**
 * Say why something failed, with a button for what may help. That the server cannot be reached, the banner says.
 * @param {unknown} error
 * @param {() => void} [again] what the button does
 */
export async function explain(error, again) {
  if (error instanceof RequestError && error.status === 0) {
    await poll();
    if (isOffline()) {
      insist();
      return;
    }
  }
  const message = error instanceof Error ? error.message : String(error);
  const label = error instanceof RequestError ? REMEDIES.get(error.status) : "Try again";
  toast(sentence(message), { bad: true, action: again && label ? { label, run: again } : null });
}

/**
 * Show the messages of a page: of one that was fetched, or of this document as the server sent it.
 * @param {Document} page
 */
export function adopt(page) {
  const messages = all(page, "#toasts > .toast", HTMLElement);
  if (!messages.length) return;
  if (page !== document) clear();
  for (const message of messages) {
    box().append(message);
    expire(message);
  }
  forgetNotice();
}

/** Remove earlier messages that are no failures: only the latest is of interest. */
function clear() {
  for (const old of box().querySelectorAll(".toast:not(.bad)")) old.remove();
}

/** Take the message out of the address, so that a reload or a bookmark does not repeat it. */
function forgetNotice() {
  const url = new URL(location.href);
  for (const name of ["done", "undo", "undo_mending", "undo_change", "undo_messages", "undo_project", "undo_tag", "left_project", "mended", "restored"]) url.searchParams.delete(name);
  history.replaceState(history.state, "", url);
}

/**
 * @param {string} label
 * @param {() => void} run
 */
function button(label, run) {
  const element = document.createElement("button");
  element.type = "button";
  element.textContent = label;
  element.addEventListener("click", run);
  return element;
}

/**
 * Remove a message after some seconds, more if it has a button, and not while it is pointed at or focused.
 * @param {HTMLElement} element
 */
function expire(element) {
  const milliseconds = (element.querySelector("button") ? SECONDS_WITH_BUTTON : SECONDS) * 1000;
  let timer = setTimeout(() => element.remove(), milliseconds);
  const hold = () => clearTimeout(timer);
  const release = () => { hold(); timer = setTimeout(() => element.remove(), milliseconds); };
  for (const event of ["pointerenter", "focusin"]) element.addEventListener(event, hold);
  for (const event of ["pointerleave", "focusout"]) element.addEventListener(event, release);
  element.addEventListener("submit", () => element.remove());
}
