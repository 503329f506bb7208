// The page of a conversation: its transcript, finding in it, and the menus of its messages.

import { RequestError, request, statusText } from "./api.js";
import { addCopyButtons, copy, copyCode } from "./copy.js";
import { copyMarkdown, copyText, tellCopied } from "./copy_message.js";
import { all, closest, closestLink, errorIn, optional, parsed, required, textOf } from "./dom.js";
import { on } from "./events.js";
import { keepFilters, withFilters } from "./filters.js";
import { Find } from "./find.js";
import { Jumps } from "./jumps.js";
import { visit } from "./navigation.js";
import { hideBroken, hideBrokenIn, openPicture } from "./pictures.js";
import { measureHead, startHead } from "./session_head.js";
import { explain } from "./toast.js";
import { Transcript } from "./window.js";

/**
 * Start the page's script.
 * @param {HTMLElement} content
 * @returns {() => void} what stops it
 */
export function mount(content) {
  const stop = new AbortController();
  const { signal } = stop;
  addCopyButtons(content);
  content.addEventListener("click", (event) => onClick(event, content), { signal });
  content.addEventListener("toggle", onToggle, { capture: true, signal });
  content.addEventListener("error", onImageError, { capture: true, signal });
  hideBrokenIn(content); // those that failed before this script ran
  content.addEventListener("submit", (event) => onSubmit(event, content), { capture: true, signal });
  on("filters-changed", (filters) => keepFilters(content, filters), { signal });
  document.addEventListener("keydown", (event) => onKey(event, content), { signal });
  const section = optional(content, ".transcript", HTMLElement);
  if (section) start(content, section, signal);
  return () => stop.abort();
}

/**
 * @param {HTMLElement} content
 * @param {HTMLElement} section
 * @param {AbortSignal} signal
 */
function start(content, section, signal) {
  const transcript = new Transcript(section, signal);
  new Find(required(content, ".find", HTMLFormElement), transcript).start(signal);
  measureHead(content, signal);
  transcript.open();
  startHead(content, transcript, signal);
  new Jumps(content, transcript).start(signal);
}

// ---- the menus of messages ------------------------------------------------------------------------------

/**
 * @param {MouseEvent} event
 * @param {HTMLElement} content
 */
function onClick(event, content) {
  closeOtherMenus(content, closest(event.target, ".more"));
  const button = closest(event.target, ".copy");
  const link = closestLink(event.target, "[data-copy-link]");
  const truncate = closestLink(event.target, "[data-truncate]");
  const text = closest(event.target, "[data-copy-text]");
  const markdown = closestLink(event.target, "[data-copy-markdown]");
  if (openPicture(event, content)) return;
  if (button) copyCode(button);
  else if (link) copyLink(event, link);
  else if (text) { closeMenuAround(text); copyText(text); }
  else if (markdown) { event.preventDefault(); closeMenuAround(markdown); copyMarkdown(markdown.href); }
  else if (truncate && !event.metaKey && !event.ctrlKey) askToTruncate(event, truncate, content);
}

/**
 * @param {HTMLElement} content
 * @param {HTMLElement | null} menu the one that stays open
 */
function closeOtherMenus(content, menu) {
  for (const open of all(content, ".more[open]", HTMLDetailsElement)) if (open !== menu) open.open = false;
}

/** @param {Element} inside what stands in the menu */
function closeMenuAround(inside) {
  const menu = closest(inside, ".more");
  if (menu instanceof HTMLDetailsElement) menu.open = false;
}

/**
 * Copy the address of a message, without the filters of this user's list.
 * @param {Event} event
 * @param {HTMLAnchorElement} link
 */
async function copyLink(event, link) {
  event.preventDefault();
  closeMenuAround(link);
  tellCopied(await copy(new URL(withFilters(link.href, ""), location.href).href), "Link copied.");
}

/**
 * Tell the server which version of the conversation is on the page: newer messages came since the form was made.
 * @param {SubmitEvent} event
 * @param {HTMLElement} content
 */
function onSubmit(event, content) {
  if (!(event.target instanceof HTMLFormElement)) return;
  const field = event.target.elements.namedItem("seen");
  const window = optional(content, ".window", HTMLElement);
  if (field instanceof HTMLInputElement && window) field.value = window.dataset.seen ?? "";
}

/**
 * Ask in a dialog whether to truncate, with the form of the page that a link leads to.
 * @param {Event} event
 * @param {HTMLAnchorElement} link
 * @param {HTMLElement} content
 */
async function askToTruncate(event, link, content) {
  event.preventDefault();
  closeMenuAround(link);
  try {
    const address = new URL(link.href);
    address.searchParams.set("seen", required(content, ".window", HTMLElement).dataset.seen ?? "");
    openDialog(await fetchForm(address));
  } catch (error) {
    explain(error, () => visit(location.href, { push: false }));
  }
}

/**
 * Return the form on a page; throw `RequestError` if the page has none.
 * @param {URL} address
 */
async function fetchForm(address) {
  const response = await request(address);
  const page = parsed(await response.text());
  const form = optional(page, "form.ask", HTMLFormElement);
  if (form) return form;
  throw new RequestError(errorIn(page) ?? (response.ok ? "log in again" : statusText(response)), response.status);
}

/** @param {HTMLFormElement} form */
function openDialog(form) {
  const dialog = document.createElement("dialog");
  dialog.className = "dialog";
  dialog.setAttribute("aria-label", textOf(form.querySelector("h1")));
  dialog.append(form);
  dialog.addEventListener("close", () => dialog.remove());
  form.addEventListener("submit", () => dialog.close());
  required(form, "[data-close]", HTMLElement).addEventListener("click", (event) => {
    event.preventDefault();
    dialog.close();
  });
  document.body.append(dialog);
  dialog.showModal();
}

/**
 * @param {KeyboardEvent} event
 * @param {HTMLElement} content
 */
function onKey(event, content) {
  const plain = !(event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented);
  const field = optional(content, ".find input[name=words]", HTMLInputElement);
  if (event.key === "f" && plain && field && !closest(event.target, "input, textarea, select, dialog")) {
    event.preventDefault();
    field.select();
  }
  if (event.key === "Escape") closeOpenMenu();
}

function closeOpenMenu() {
  const menu = optional(document, ".more[open]", HTMLDetailsElement);
  if (!menu) return;
  menu.open = false;
  required(menu, "summary", HTMLElement).focus();
}

/**
 * Give the focus to the field of a menu that was opened for it: whoever wants to tag begins to type.
 * @param {Event} event
 */
function onToggle({ target }) {
  if (!(target instanceof HTMLDetailsElement) || !target.matches(".actions > .more[open]")) return;
  optional(target, ".field input:not([type=hidden]), .field select", HTMLElement)?.focus({ preventScroll: true });
}

/** @param {Event} event */
function onImageError({ target }) {
  if (target instanceof HTMLImageElement && target.matches("img.picture")) hideBroken(target);
}
