// The search field and the filters above the list: the list follows while the user types, and the address keeps them.

import { isAbort } from "./api.js";
import { all, byId, closestLink, isComposing, optional, queryOf, required, textOf } from "./dom.js";
import { on } from "./events.js";
import { filtersOf } from "./filters.js";
import { load, rows, titleOf } from "./list.js";
import * as recent from "./recent.js";
import * as results from "./results.js";
import * as suggest from "./suggest.js";
import { pauseBefore, withExample } from "./suggest_state.js";
import { explain } from "./toast.js";

/** How long the latest search took, in milliseconds. */
let took = 0;
/** Set while somebody types. @type {ReturnType<typeof setTimeout> | null} */
let timer = null;
/** Aborts the request for a list. @type {AbortController | null} */
let loading = null;

const form = () => required(document, "#finder", HTMLFormElement);
const field = () => required(document, "#q", HTMLInputElement);
const menus = () => all(byId("side"), "details[name=finder]", HTMLDetailsElement);

export function start() {
  form().addEventListener("submit", onSubmit);
  form().addEventListener("input", (event) => { if (event.target === field() && !isComposing(event)) applySoon(); });
  form().addEventListener("compositionend", applySoon);
  form().addEventListener("change", ({ target }) => { if (target instanceof HTMLSelectElement) apply(); });
  form().addEventListener("click", onExample);
  suggest.start(applySoon);
  recent.start(searchFor);
  byId("side").addEventListener("click", onClick);
  byId("content").addEventListener("click", onOpen);
  on("filters-changed", show);
  document.addEventListener("click", ({ target }) => {
    for (const menu of menus()) if (!(target instanceof Node && menu.contains(target))) menu.open = false;
  });
}

/** Move the focus to the search field. */
export function focus() {
  field().focus();
  field().select();
}

/**
 * Close the filters or the help; else clear the search; else leave the search field.
 * @returns {boolean} whether there was anything to do
 */
export function leave() {
  const open = menus().find((menu) => menu.open);
  if (open) close(open);
  else if (field().value) clear();
  else if (document.activeElement === field()) field().blur();
  else return false;
  return true;
}

/** @param {HTMLDetailsElement} menu */
function close(menu) {
  menu.open = false;
  required(menu, "summary", HTMLElement).focus();
}

function clear() {
  field().value = "";
  apply();
}

/** @param {SubmitEvent} event */
async function onSubmit(event) {
  event.preventDefault();
  suggest.close();
  recent.remember(field().value);
  await apply();
  const [first] = rows();
  if (!results.focusFirst() && first) titleOf(first).focus();
}

/**
 * Search for a text as if it had been typed.
 * @param {string} text
 */
function searchFor(text) {
  field().value = text;
  field().focus();
  apply();
}

/**
 * Put an example of the help into the search box, with its value selected.
 * @param {MouseEvent} event
 */
function onExample(event) {
  const link = closestLink(event.target, ".example");
  if (!link || event.metaKey || event.ctrlKey) return;
  event.preventDefault();
  const example = textOf(link);
  searchFor(withExample(field().value, example));
  const { length } = field().value;
  field().setSelectionRange(length - example.length + example.indexOf(":") + 1, length);
  for (const menu of menus()) menu.open = false;
}

/**
 * Remember a search that led to a conversation.
 * @param {MouseEvent} event
 */
function onOpen(event) {
  if (closestLink(event.target, "#results a, .row-title")) recent.remember(field().value);
}

/**
 * Follow a link that only changes the filters, and leave the page beside the list alone.
 * @param {MouseEvent} event
 */
async function onClick(event) {
  onOpen(event);
  const link = closestLink(event.target, ".side-state a, .views a, a.place-link, .list .empty a, .row .tag");
  if (!link || event.metaKey || event.ctrlKey) return;
  event.preventDefault();
  for (const menu of menus()) menu.open = false;
  await showMatching(filtersOf(new URL(link.href).search));
  // What was clicked may be gone from the page, and the focus with it.
  if (document.activeElement === document.body) optional(document, ".side-state summary, .side-state a", HTMLElement)?.focus();
}

function applySoon() {
  stopWaiting();
  if (/[:：]$/.test(field().value)) return; // the value of an operator comes next: a search would only flicker
  timer = setTimeout(apply, pauseBefore(field().value, took));
}

function stopWaiting() {
  if (timer !== null) clearTimeout(timer);
  timer = null;
}

/**
 * Show the conversations that match these filters, in place of what the form asks for.
 * @param {string} filters a query string
 */
export function showMatching(filters) {
  stopWaiting();
  field().value = new URLSearchParams(filters).get("q") ?? "";
  return showList(filters);
}

/** Show the list that the form asks for. */
export function apply() {
  stopWaiting();
  const query = queryOf(form());
  if (query.get("archived") === "0") query.delete("archived"); // the default
  return showList(filtersOf(query));
}

/** @param {string} filters */
async function showList(filters) {
  loading?.abort();
  loading = new AbortController();
  const began = performance.now();
  try {
    await load(filters, loading.signal);
    took = performance.now() - began;
    history.replaceState(history.state, "", addressWith(filters));
  } catch (error) {
    if (!isAbort(error)) explain(error, () => showList(filters));
  }
}

/**
 * Return the address of this page with other filters, and from the beginning of the list.
 * @param {string} filters
 */
function addressWith(filters) {
  const query = new URLSearchParams(location.search);
  for (const name of new URLSearchParams(filtersOf(location.search)).keys()) query.delete(name);
  query.delete("cursor");
  for (const [name, value] of new URLSearchParams(filters)) query.set(name, value);
  return `${location.pathname}${query.size ? `?${query}` : ""}${location.hash}`;
}

/**
 * Show in the fields which filters the list follows. A search field that is in use is left alone.
 * @param {string} filters
 */
function show(filters) {
  const values = new URLSearchParams(filters);
  for (const name of ["source", "profile", "archived"]) {
    const select = required(form(), `select[name=${name}]`, HTMLSelectElement);
    select.value = values.get(name) ?? (name === "archived" ? "0" : "");
  }
  for (const input of all(form(), "input[type=hidden]", HTMLInputElement)) input.remove();
  for (const [name, value] of values) if (!form().elements.namedItem(name)) form().append(hiddenField(name, value));
  if (document.activeElement !== field() && timer === null) field().value = values.get("q") ?? "";
}

/**
 * Return a field for a filter that only links and addresses set.
 * @param {string} name
 * @param {string} value
 */
function hiddenField(name, value) {
  const input = document.createElement("input");
  input.type = "hidden";
  input.name = name;
  input.value = value;
  return input;
}
