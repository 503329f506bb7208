// The search field and the filters above the list: the list follows while the user types, and the address keeps them.

import { isAbort } from "./api.js";
import { all, byId, closestLink, queryOf, required } from "./dom.js";
import { on } from "./events.js";
import { filtersOf } from "./filters.js";
import { load, rows, titleOf } from "./list.js";
import { explain } from "./toast.js";

const PAUSE = 180; // milliseconds without a key before the list is asked for

/** @type {ReturnType<typeof setTimeout> | undefined} */
let timer;
/** Aborts the request for a list. @type {AbortController | null} */
let loading = null;

const form = () => required(document, "#finder", HTMLFormElement);
const field = () => required(document, "#q", HTMLInputElement);
const menus = () => all(form(), "details", HTMLDetailsElement);

export function start() {
  form().addEventListener("submit", onSubmit);
  form().addEventListener("input", (event) => { if (event.target === field()) applySoon(); });
  form().addEventListener("change", (event) => { if (event.target !== field()) apply(); });
  byId("side").addEventListener("click", onClick);
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
  await apply();
  const [first] = rows();
  if (first) titleOf(first).focus();
}

/**
 * Follow a link that only changes the filters, and leave the page beside the list alone.
 * @param {MouseEvent} event
 */
function onClick(event) {
  const link = closestLink(event.target, ".side-state a, .list .empty a, .row .tag");
  if (!link || event.metaKey || event.ctrlKey) return;
  event.preventDefault();
  showList(filtersOf(new URL(link.href).search));
}

function applySoon() {
  clearTimeout(timer);
  timer = setTimeout(apply, PAUSE);
}

/** Show the list that the form asks for. */
function apply() {
  clearTimeout(timer);
  const query = queryOf(form());
  if (query.get("archived") === "0") query.delete("archived"); // the default
  return showList(filtersOf(query));
}

/** @param {string} filters */
async function showList(filters) {
  loading?.abort();
  loading = new AbortController();
  try {
    await load(filters, loading.signal);
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
  for (const name of ["project_id", "source", "profile", "archived"]) {
    const select = required(form(), `select[name=${name}]`, HTMLSelectElement);
    select.value = values.get(name) ?? (name === "archived" ? "0" : "");
  }
  required(form(), "input[name=tag]", HTMLInputElement).value = values.get("tag") ?? "";
  for (const input of all(form(), "input[type=hidden]", HTMLInputElement)) {
    if (!values.has(input.name)) input.remove(); // filters without a field, which only an address sets
  }
  if (document.activeElement !== field()) field().value = values.get("q") ?? "";
}
