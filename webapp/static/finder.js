// The search field and the filters: the list follows them as one types and chooses; the address keeps them.

import { filtersOf, load, rows } from "./list.js";
import { explain } from "./toast.js";

const PAUSE = 180; // milliseconds without a key before a search is sent

let timer = null;
let asking = null;

const form = () => document.getElementById("finder");
const field = () => document.getElementById("q");
const menu = () => document.getElementById("filters");

export function start() {
  form().addEventListener("submit", onSubmit);
  form().addEventListener("input", (event) => { if (event.target === field()) applySoon(); });
  form().addEventListener("change", (event) => { if (event.target !== field()) apply(); });
  document.getElementById("side").addEventListener("click", onClick);
  document.addEventListener("filtered", (event) => show(event.detail));
  document.addEventListener("click", (event) => { if (!menu().contains(event.target)) menu().open = false; });
}

/** Put the cursor into the search field. */
export function focus() {
  field().focus();
  field().select();
}

/** Leave the search field, and the search if there is one; return whether there was anything to leave. */
export function leave() {
  if (menu().open) {
    menu().open = false;
    menu().querySelector("summary").focus();
    return true;
  }
  if (document.activeElement !== field() && !field().value) return false;
  if (field().value) {
    field().value = "";
    apply();
  } else {
    field().blur();
  }
  return true;
}

function onSubmit(event) {
  event.preventDefault();
  apply().then(() => rows()[0]?.querySelector(".row-title").focus());
}

/** A link in the sidebar that only changes the filters leaves the page beside it as it is. */
function onClick(event) {
  const link = event.target.closest(".side-state a, .list .empty a");
  if (!link || event.metaKey || event.ctrlKey) return;
  event.preventDefault();
  request(filtersOf(new URL(link.href).search));
}

function applySoon() {
  clearTimeout(timer);
  timer = setTimeout(apply, PAUSE);
}

function apply() {
  clearTimeout(timer);
  const chosen = new URLSearchParams(new FormData(form()));
  if (chosen.get("archived") === "0") chosen.delete("archived");
  return request(filtersOf(chosen));
}

async function request(filters) {
  asking?.abort();
  asking = new AbortController();
  try {
    await load(filters, asking.signal);
    history.replaceState(history.state, "", addressWith(filters));
  } catch (error) {
    if (error.name !== "AbortError") explain(error, () => request(filters));
  }
}

/** Return this page's address with other filters: what else it says stays. */
function addressWith(filters) {
  const query = new URLSearchParams(location.search);
  for (const name of new URLSearchParams(filtersOf(location.search)).keys()) query.delete(name);
  query.delete("cursor");
  for (const [name, value] of new URLSearchParams(filters)) query.set(name, value);
  return `${location.pathname}${query.size ? `?${query}` : ""}${location.hash}`;
}

/** Make the fields say what the list shows. */
function show(filters) {
  const chosen = new URLSearchParams(filters);
  for (const name of ["project_id", "source", "profile"]) form().elements[name].value = chosen.get(name) ?? "";
  form().elements.archived.value = chosen.get("archived") ?? "0";
  if (document.activeElement !== field()) field().value = chosen.get("q") ?? "";
}
