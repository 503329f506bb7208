// What a search found, on the start page of a wide window: renewed and extended with the list, and used by arrow keys.

import { all, closest, optional } from "./dom.js";
import { on } from "./events.js";

/** As wide as results.css shows them. */
const wide = matchMedia("(width >= 75rem)");

const NEAR_END = "300px 0px"; // how far from the last result the next ones are fetched

/** Watches the last result. @type {IntersectionObserver | null} */
let end = null;

const results = () => optional(document, "#results", HTMLElement);
const links = () => all(results() ?? document.createElement("div"), ".result-link", HTMLElement);

/**
 * Follow the list.
 * @param {object} list
 * @param {() => void} list.reload loads the list again, with the results
 * @param {() => void} list.extend loads its next page
 */
export function start({ reload, extend }) {
  end = new IntersectionObserver((entries) => { if (entries.at(-1)?.isIntersecting) extend(); }, { rootMargin: NEAR_END });
  on("list-loaded", adopt);
  on("list-extended", append);
  watchEnd();
  wide.addEventListener("change", () => { if (areWanted()) reload(); });
  document.addEventListener("keydown", onKey);
}

/** Return whether the page has room for the results of a search. */
export function areWanted() {
  return wide.matches && results() !== null;
}

/**
 * Focus the first result.
 * @returns {boolean} whether there is one
 */
export function focusFirst() {
  const [first] = wide.matches ? links() : [];
  first?.focus();
  return first !== undefined;
}

/** @param {Document} page */
function adopt(page) {
  const [old, now] = [results(), optional(page, "#results", HTMLElement)];
  if (!old || old.contains(document.activeElement)) return;
  if (!now) old.hidden = true; // nothing is searched any more
  else if (!old.isEqualNode(now)) old.replaceWith(now);
  watchEnd();
}

/**
 * Show the next results, unless others are shown than those before: a page that was opened anew has its own.
 * @param {{ page: Document, query: string }} next
 */
function append({ page, query }) {
  const [list, more] = [results()?.querySelector("ol"), optional(page, "#results ol", HTMLElement)];
  if (!list || !more || list.childElementCount !== Number(new URLSearchParams(query).get("offset"))) return;
  list.append(...more.children);
  watchEnd();
}

/** Watch the last result of those that are shown now. */
function watchEnd() {
  end?.disconnect();
  const last = results()?.querySelector("ol")?.lastElementChild;
  if (last) end?.observe(last);
}

/** @param {KeyboardEvent} event */
function onKey(event) {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
  const link = closest(event.target, "#results .result-link");
  const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!link || !by) return;
  event.preventDefault();
  const every = links();
  every[every.indexOf(link) + by]?.focus();
}
