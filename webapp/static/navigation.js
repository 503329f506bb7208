// Going from page to page beside the same sidebar: links and forms fetch a page, and its content replaces this one's.

import { RequestError, isAbort, request, statusText } from "./api.js";
import { isOffline } from "./connection.js";
import { all, byId, closest, closestLink, errorIn, parsed, queryOf } from "./dom.js";
import { emit, on } from "./events.js";
import { untilReleased } from "./press.js";
import { adopt as adoptToasts, explain } from "./toast.js";

/**
 * A page that was fetched: `url` is where it stands after redirects, with the hash of the address that was asked for.
 * @typedef {{ page: Document, url: URL, response: Response }} FetchedPage
 */

/**
 * How to show a page: `push` adds it to the browser's history, `scroll` is how far to scroll it, in pixels, and `focus`
 * gives it the focus.
 * @typedef {{ push: boolean, scroll: number, focus: boolean }} Showing
 */

/**
 * The script of a page. `mount` starts it, and returns a function that stops it.
 * @typedef {{ mount: (content: HTMLElement) => (() => void) }} PageModule
 */

const CONTENT_ONLY = { "Hermes-Part": "content" };

// The parts around the messages. They can be renewed without losing what was loaded or unfolded.
const AROUND_MESSAGES = ["#content .heading", "#content .session-facts", "#content .actions"];

/** Aborts the request for a page. @type {AbortController | null} */
let loading = null;
let visits = 0;
/** Counts the pages that were shown. Their address alone changes as well, when the list's filters do. */
let mounts = 0;
/** Shows the page that was asked for last, once the server can be reached again. @type {(() => void) | null} */
let waiting = null;
/** Stops the script of the page. @type {(() => void) | null} */
let unmount = null;

const content = () => byId("content");

/**
 * Follow links and send forms without leaving the page.
 * @param {() => void} onChanged called after a form changed something
 */
export function start(onChanged) {
  history.scrollRestoration = "manual";
  document.addEventListener("click", onClick);
  document.addEventListener("submit", (event) => onSubmit(event, onChanged));
  addEventListener("popstate", () => visit(location.href, { push: false, scroll: history.state?.scroll }));
  on("connection-changed", ({ connected }) => { if (connected) waiting?.(); });
  mount();
}

/**
 * Show the page at an address on this server. Failures are reported to the user.
 * @param {string} address
 * @param {Partial<Showing>} [showing] by default the page is pushed and focused, and begins at its top
 */
export async function visit(address, showing = {}) {
  waiting = null;
  const number = ++visits;
  const again = () => { visit(address, showing); };
  try {
    content().dataset.loading = new URL(address, location.href).pathname.startsWith("/session/") ? "conversation" : "page";
    show(await fetchPage(address), showing);
  } catch (error) {
    if (number === visits) delete content().dataset.loading; // else another page is on its way
    if (isAbort(error)) return;
    await explain(error, again);
    if (isOffline()) waiting = again;
  }
}

/** Fetch the open page again, and renew what is around its messages; throw `RequestError`. */
export async function renewAroundMessages() {
  const { page } = await fetchPage(location.href);
  await untilReleased();
  replaceAroundMessages(page);
}

/**
 * Fetch a page, and drop an earlier request for one.
 * @param {string} address
 * @param {RequestInit} [options]
 * @returns {Promise<FetchedPage>}
 */
async function fetchPage(address, options = {}) {
  loading?.abort();
  loading = new AbortController();
  content().setAttribute("aria-busy", "true");
  try {
    // Not stored, or the browser would show the content alone when its history leads back here.
    const init = { headers: CONTENT_ONLY, signal: loading.signal, ...options };
    const response = await request(address, { ...init, cache: "no-store" });
    const page = parsed(await response.text());
    const url = new URL(response.url);
    url.hash ||= new URL(address, location.href).hash; // a response has none
    if (url.pathname === "/login") await leaveFor(url);
    return { page, url, response };
  } finally {
    content().removeAttribute("aria-busy");
  }
}

/**
 * Leave for another page. What waits for it never goes on.
 * @param {URL} url
 * @returns {Promise<never>}
 */
function leaveFor(url) {
  location.assign(url);
  return new Promise(() => {});
}

/**
 * @param {FetchedPage} fetched
 * @param {Partial<Showing>} showing
 */
function show({ page, url }, { push = true, scroll = 0, focus = true }) {
  const hash = url.hash || (push ? "" : location.hash);
  if (push) {
    history.replaceState({ ...history.state, scroll: scrollY }, "");
    history.pushState({}, "", url);
  }
  unmount?.();
  unmount = null;
  replaceContent(page);
  if (focus) content().focus({ preventScroll: true });
  const target = hash ? document.getElementById(decodeURIComponent(hash.slice(1))) : null;
  if (target) target.scrollIntoView();
  else scrollTo(0, scroll);
  emit("page-changed", null);
  mount();
}

/** @param {Document} page */
function replaceContent(page) {
  const fresh = page.getElementById("content");
  if (!fresh) throw new TypeError("the fetched page has no content");
  content().dataset.module = fresh.dataset.module ?? "";
  delete content().dataset.loading;
  content().replaceChildren(...fresh.childNodes);
  document.title = page.title;
  document.body.className = page.body.className;
  adoptToasts(page);
}

/** @param {Document} page */
function replaceAroundMessages(page) {
  for (const selector of AROUND_MESSAGES) {
    const [old, fresh] = [document.querySelector(selector), page.querySelector(selector)];
    if (old && fresh && !old.querySelector(".row-edit")) replaceKeepingFocus(old, fresh); // a title is being typed
  }
  document.title = page.title;
  adoptToasts(page);
}

/**
 * Replace an element by a fresh one, whose control at the same place gets the focus if the old one or its menu had it.
 * @param {Element} old
 * @param {Element} fresh
 */
function replaceKeepingFocus(old, fresh) {
  const controls = (/** @type {Element} */ parent) => all(parent, ":scope > form > button, :scope > details > summary", HTMLElement);
  const place = controls(old).findIndex((each) => each.parentElement?.contains(document.activeElement));
  old.replaceWith(fresh);
  controls(fresh)[place]?.focus({ preventScroll: true });
}

/** Start the script of the page, if it has one. */
async function mount() {
  const number = ++mounts;
  const { module } = content().dataset;
  if (!module) return;
  try {
    /** @type {PageModule} */
    const script = await import(module);
    if (number === mounts) unmount = script.mount(content());
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    explain(new RequestError(`the script of this page did not start (${reason})`, 0), () => location.reload());
  }
}

/** @param {MouseEvent} event */
function onClick(event) {
  const link = closestLink(event.target, "a[href]");
  const plain = event.button === 0 && !(event.metaKey || event.ctrlKey || event.shiftKey || event.altKey);
  if (!link || !plain || event.defaultPrevented || link.target || link.hasAttribute("download")) return;
  const url = new URL(link.href);
  if (!isPage(url) || isPlaceOnThisPage(url)) return;
  event.preventDefault();
  // A link in the sidebar keeps the focus, unless a phone hides the sidebar beside the page.
  visit(url.href, { focus: !closest(link, "#side") || getComputedStyle(link).visibility === "hidden" });
}

/** @param {URL} url */
function isPage(url) {
  return url.origin === location.origin && !/^\/(api|static)\//.test(url.pathname);
}

/** @param {URL} url */
function isPlaceOnThisPage(url) {
  return url.hash !== "" && url.pathname === location.pathname && url.search === location.search;
}

/**
 * @param {SubmitEvent} event
 * @param {() => void} onChanged
 */
async function onSubmit(event, onChanged) {
  const form = event.target;
  if (!(form instanceof HTMLFormElement) || form.method !== "post" || event.defaultPrevented) return;
  event.preventDefault();
  try {
    const fetched = await fetchPage(form.action, { method: "POST", body: bodyOf(form, event.submitter) });
    if (!fetched.response.ok) throw refusalOf(fetched);
    if (form.hasAttribute("data-keeps")) replaceAroundMessages(fetched.page);
    else show(fetched, { push: fetched.url.pathname !== location.pathname, scroll: scrollY });
    onChanged();
  } catch (error) {
    if (!isAbort(error)) explain(error, () => visit(location.href, { push: false }));
  }
}

/**
 * @param {HTMLFormElement} form
 * @param {HTMLElement | null} submitter
 */
function bodyOf(form, submitter) {
  return form.enctype === "multipart/form-data" ? new FormData(form, submitter) : queryOf(form, submitter);
}

/** @param {FetchedPage} fetched */
function refusalOf({ page, response }) {
  return new RequestError(errorIn(page) ?? statusText(response), response.status);
}
