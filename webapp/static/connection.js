// While the server cannot be reached: one banner, and what would change something is disabled and says why. Reading goes on.

import { all, byId, closest } from "./dom.js";
import { emit } from "./events.js";

const ACTS = 'form[method="post"] button:not([type="button"]), #picked [data-act]:not([data-act="stop"])';
const REASON = "Not possible while the connection is lost";

/** Disables what is added to the page while the server cannot be reached. @type {MutationObserver | null} */
let observer = null;
let offline = false;

/** Whether the server cannot be reached. */
export const isOffline = () => offline;

/** Keep buttons and forms from changing anything while the server cannot be reached. */
export function start() {
  observer = new MutationObserver(disable);
  for (const type of ["click", "submit"]) document.addEventListener(type, refuse, { capture: true });
}

/**
 * Show whether the server can be reached.
 * @param {boolean} connected
 */
export function showConnection(connected) {
  if (connected !== offline) return;
  offline = !connected;
  document.documentElement.toggleAttribute("data-offline", offline);
  byId("offline").hidden = connected;
  if (connected) {
    observer?.disconnect();
    enable();
  } else {
    disable();
    observer?.observe(document.body, { childList: true, subtree: true });
  }
  emit("connection-changed", { connected });
}

/** Draw the eye to the banner: it says why nothing happens. */
export function insist() {
  const banner = byId("offline");
  banner.classList.remove("insisting");
  void banner.offsetWidth; // or the animation would not begin again
  banner.classList.add("insisting");
}

/** @param {Event} event */
function refuse(event) {
  if (!offline) return;
  const form = event.type === "submit" && event.target instanceof HTMLFormElement ? event.target : null;
  if (form ? form.method !== "post" : !closest(event.target, ACTS)) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  insist();
}

function disable() {
  for (const act of all(document, ACTS, HTMLElement)) {
    if (act.dataset.heldTitle !== undefined) continue;
    act.dataset.heldTitle = act.title;
    act.title = REASON;
    act.setAttribute("aria-disabled", "true");
  }
}

function enable() {
  for (const act of all(document, "[data-held-title]", HTMLElement)) {
    const title = act.dataset.heldTitle;
    delete act.dataset.heldTitle;
    act.removeAttribute("aria-disabled");
    if (title) act.title = title;
    else act.removeAttribute("title");
  }
}
