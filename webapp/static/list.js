// The list in the sidebar: loads more while scrolling, unloads what is far away, and follows changes.
//
// `list_state.js` decides what to hold and to fetch; this module fetches it and puts it on the page.

import { RequestError, isAbort, request, statusText } from "./api.js";
import { all, byId, closest, errorIn, optional, parsed, required } from "./dom.js";
import { emit, on } from "./events.js";
import { filtersOf, isSearch } from "./filters.js";
import {
  ListState, anchorOf, changeFor, chunkOf, focusCandidates, rowsToFetch, rowsToReload, stepTarget,
} from "./list_state.js";
import { untilReleased } from "./press.js";
import * as results from "./results.js";
import { Coalesced } from "./tasks.js";
import { sentence } from "./text.js";

/** @typedef {import("./list_state.js").Chunk} Chunk */
/** @typedef {import("./list_state.js").Removal} Removal */

const NEAR = "1500px 0px"; // how far from the list's edges rows are held
// How far from its end a search goes on. Farther away, it would before anybody scrolls, at each letter that is typed.
const NEAR_END_OF_SEARCH = "300px 0px";
const NEAR_BEGINNING = 600; // pixels from the beginning where a stale list is renewed

const state = new ListState();
/** @type {WeakMap<Chunk, HTMLElement>} */
const nodes = new WeakMap();
/** The server's HTML of each row, which tells whether it changed. @type {WeakMap<HTMLElement, string>} */
const sources = new WeakMap();

/** Return the filters that the list shows, as a query string. */
export const shownFilters = () => state.filters;

/** Return the element that scrolls. */
export const list = () => byId("list");

/** Return the rows that are loaded, in order. */
export const rows = () => rowsIn(list());

/**
 * Return the row of a session, null if it is not loaded.
 * @param {string} id
 */
export const rowOf = (id) => optional(list(), `.row[data-id="${CSS.escape(id)}"]`, HTMLElement);

/**
 * Return the link with the title of a row.
 * @param {HTMLElement} row
 */
export const titleOf = (row) => required(row, ".row-title", HTMLElement);

const options = { root: document.getElementById("list"), rootMargin: NEAR };
const endOfList = new IntersectionObserver(onEnd, options);
const endOfSearch = new IntersectionObserver(onEnd, { ...options, rootMargin: NEAR_END_OF_SEARCH });
const chunkObserver = new IntersectionObserver(onNear, options);
const end = document.createElement("div");
end.className = "list-end";

/** Take over the list that came with the page. */
export function start() {
  const filters = filtersOf(location.search);
  const cursor = new URLSearchParams(location.search).get("cursor");
  state.reset(filters, takeChunk(document, cursor ? `${filters}&cursor=${encodeURIComponent(cursor)}` : filters));
  layOut();
  on("page-changed", onPageChanged);
  list().addEventListener("scroll", () => {
    if (state.stale && list().scrollTop < NEAR_BEGINNING) refresh();
  }, { passive: true });
}

function onPageChanged() {
  const filters = filtersOf(location.search);
  if (filters !== state.filters) load(filters).catch(showFailure);
  markCurrent();
}

/**
 * Show the sessions that match other filters; throw `RequestError`.
 * @param {string} filters a query string
 * @param {AbortSignal} [signal]
 */
export async function load(filters, signal) {
  const generation = state.supersede();
  list().setAttribute("aria-busy", "true");
  try {
    const page = await fetchPage(filters, rowsToFetch(filters).first, signal);
    if (generation !== state.generation) return;
    state.reset(filters, takeChunk(page, filters));
    renewSummary(page);
    layOut();
    list().scrollTop = 0;
    emit("list-loaded", page);
    emit("filters-changed", filters);
  } finally {
    if (generation === state.generation) list().removeAttribute("aria-busy");
  }
}

/** Show what changed on the server. */
export function refresh() {
  return refreshes.run();
}

const refreshes = new Coalesced(async () => {
  const plan = state.planRefresh(state.chunks.filter(isVisible));
  try {
    await (plan.scope === "beginning" ? renewBeginning(plan) : renewChunks(plan.chunks));
  } catch (error) {
    // The notice about the connection says so already.
    if (!(error instanceof RequestError)) throw error;
  }
});

/** @param {{ limit: number, replaced: number }} plan */
async function renewBeginning({ limit, replaced }) {
  const { generation, filters } = state;
  const page = await fetchPage(filters, limit);
  await untilReleased();
  if (!state.canRenew(generation, filters)) {
    refresh(); // the list that is shown now may have been read before the change
    return;
  }
  renewSummary(page);
  emit("list-loaded", page);
  keepPlace(() => {
    const first = takeChunk(page, filters);
    reuseRows(nodeOf(first), state.chunks.slice(0, replaced).map(nodeOf));
    removeRows(state.replaceBeginning(replaced, first));
    layOut();
  });
}

/** @param {Chunk[]} chunks */
async function renewChunks(chunks) {
  for (const chunk of chunks) {
    const page = await reload(chunk);
    if (page && !isSearch(state.filters)) renewSummary(page); // a page of a search counts only the hits up to its end
  }
  emit("list-renewed", null);
}

/**
 * Act while the rows from one session to another are all there, also those that were unloaded.
 * @param {string} one
 * @param {string} other
 * @param {() => void} act
 */
export async function withRowsBetween(one, other, act) {
  const missing = state.unloadedBetween(one, other);
  for (const chunk of missing) await reload(chunk);
  act();
  for (const chunk of missing) if (chunk.loaded && !isVisible(chunk)) unload(chunk);
}

/**
 * Remove a session's row at once.
 * @param {string} id
 */
export function removeRow(id) {
  state.removeSession(id);
  rowOf(id)?.remove();
}

// ---- chunks ---------------------------------------------------------------------------------------------

/**
 * @param {string} query
 * @param {number} limit rows
 * @param {AbortSignal} [signal]
 */
async function fetchPage(query, limit, signal) {
  const wanted = results.areWanted() && isSearch(query) ? "&results=1" : "";
  const response = await request(`/sidebar?${query}&limit=${limit}${wanted}`, { cache: "no-store", signal: signal ?? null });
  const page = parsed(await response.text());
  if (response.redirected) location.reload(); // to log in
  if (!response.ok) throw new RequestError(errorIn(page) ?? statusText(response), response.status);
  return page;
}

/**
 * Make a chunk of a page's rows, which move from there to a node of the chunk's own.
 * @param {Document} page
 * @param {string} query what fetched it
 */
function takeChunk(page, query) {
  const box = required(page, "#list", HTMLElement);
  const paging = box.querySelector(".paging");
  const next = paging?.querySelector("[rel=next]")?.getAttribute("href");
  paging?.remove();
  const node = document.createElement("div");
  node.className = "chunk";
  node.append(...box.childNodes);
  for (const row of rowsIn(node)) sources.set(row, row.outerHTML);
  const chunk = chunkOf({
    query,
    next: next ? new URL(next, location.href).searchParams.toString() : null,
    ids: rowsIn(node).map(idOf),
    days: daysIn(node).map((day) => day.dataset.day ?? ""),
  });
  nodes.set(chunk, node);
  return chunk;
}

/** Put every chunk on the page. */
function layOut() {
  chunkObserver.disconnect();
  list().replaceChildren(...state.chunks.map(nodeOf), end);
  for (const chunk of state.chunks) chunkObserver.observe(nodeOf(chunk));
  watchEnd();
  settle();
}

/** Watch the end of the list anew: its observer is called once more, also if it is visible already. */
function watchEnd() {
  endOfList.disconnect();
  endOfSearch.disconnect();
  if (!end.hasChildNodes()) (isSearch(state.filters) ? endOfSearch : endOfList).observe(end);
}

/** Do what depends on the rows that are loaded. */
function settle() {
  state.continuedDays().forEach((continued, index) => {
    const chunk = state.chunks[index];
    if (chunk) daysIn(nodeOf(chunk))[0]?.classList.toggle("continued", continued);
  });
  markCurrent();
  emit("rows-changed", null);
}

/** @param {IntersectionObserverEntry[]} entries */
function onEnd(entries) {
  // A busy browser reports several entries at once. Only the last says how it is now.
  if (entries.at(-1)?.isIntersecting) extend();
}

/** Fetch the next page of the list. */
export async function extend() {
  const query = state.next;
  if (query === null || end.ariaBusy) return;
  const { generation } = state;
  end.ariaBusy = "true";
  try {
    const page = await fetchPage(query, rowsToFetch(state.filters).next);
    if (!state.canAppend(generation, query)) return;
    append(takeChunk(page, query));
    emit("list-extended", { page, query });
  } catch (error) {
    showFailure(error);
  } finally {
    end.ariaBusy = null;
    watchEnd();
  }
}

/** @param {Chunk} chunk */
function append(chunk) {
  removeRows(state.append(chunk));
  end.before(nodeOf(chunk));
  chunkObserver.observe(nodeOf(chunk));
  settle();
}

/** @param {unknown} error */
function showFailure(error) {
  if (isAbort(error)) return;
  if (!(error instanceof RequestError)) throw error;
  const message = document.createElement("p");
  message.textContent = sentence(`The list could not be loaded: ${error.message}`);
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = "Try again";
  button.addEventListener("click", () => { end.replaceChildren(); watchEnd(); });
  end.replaceChildren(message, button);
}

/** @param {IntersectionObserverEntry[]} entries */
function onNear(entries) {
  for (const entry of entries) {
    const chunk = state.chunks.find((each) => nodeOf(each) === entry.target);
    if (!chunk) continue;
    const focused = entry.target.contains(document.activeElement);
    const change = changeFor(chunk, { near: entry.isIntersecting, focused });
    if (change === "reload") reload(chunk).catch(showFailure);
    if (change === "unload") unload(chunk);
  }
}

/** @param {Chunk} chunk */
function unload(chunk) {
  const node = nodeOf(chunk);
  node.style.height = `${node.offsetHeight}px`;
  node.replaceChildren();
  state.unload(chunk);
}

/**
 * Fetch the rows of a chunk again.
 * @param {Chunk} chunk
 * @returns {Promise<Document | null>} the page that they came with, null if they are no longer wanted
 */
async function reload(chunk) {
  const { generation } = state;
  const page = await fetchPage(chunk.query, rowsToReload(chunk));
  await untilReleased();
  if (!state.canReload(generation, chunk)) return null;
  keepPlace(() => {
    const fresh = takeChunk(page, chunk.query);
    const node = nodeOf(chunk);
    reuseRows(nodeOf(fresh), [node]);
    node.style.height = "";
    node.replaceChildren(...nodeOf(fresh).childNodes);
    removeRows(state.reload(chunk, fresh));
    settle();
  });
  return page;
}

/**
 * Put rows that did not change back in, so that a row that is focused, hovered or being renamed is left alone.
 * @param {HTMLElement} fresh
 * @param {HTMLElement[]} old the nodes that it replaces
 */
function reuseRows(fresh, old) {
  const known = new Map(old.flatMap(rowsIn).map((row) => [idOf(row), row]));
  for (const row of rowsIn(fresh)) {
    const same = known.get(idOf(row));
    if (same && (sources.get(same) === sources.get(row) || same.querySelector(".row-edit"))) row.replaceWith(same);
  }
}

/** @param {Removal[]} removals */
function removeRows(removals) {
  for (const { chunk, ids } of removals) {
    for (const row of rowsIn(nodeOf(chunk))) if (ids.includes(idOf(row))) row.remove();
  }
}

/** Whether rows are being moved, which takes the focus from what is in them for a moment. */
let moving = false;
export const isMoving = () => moving;

/**
 * Change the list without moving the row at its top, and without losing the focus.
 * @param {() => void} change
 */
function keepPlace(change) {
  const box = list();
  const anchor = anchorOf(measured(rows()), { top: box.getBoundingClientRect().top, scrolled: box.scrollTop });
  const heirs = focusHeirs();
  const focused = document.activeElement;
  moving = true;
  try {
    change();
  } finally {
    moving = false;
  }
  const row = anchor && rowOf(anchor.id);
  if (anchor && row) box.scrollTop += row.getBoundingClientRect().top - anchor.top;
  if (focused instanceof HTMLElement && box.contains(focused)) focused.focus({ preventScroll: true });
  if (box.contains(document.activeElement)) return;
  const heir = heirs.map(rowOf).find((each) => each !== null);
  if (heir) titleOf(heir).focus({ preventScroll: true });
}

/**
 * Measure rows one after the other, in pixels from the top of the window.
 * @param {HTMLElement[]} elements
 * @returns {Generator<{ id: string, top: number, bottom: number }>}
 */
function* measured(elements) {
  for (const row of elements) {
    const { top, bottom } = row.getBoundingClientRect();
    yield { id: idOf(row), top, bottom };
  }
}

/** Return the ids of the rows that may take over the focus; none if no row has it. */
function focusHeirs() {
  const focused = list().contains(document.activeElement) && closest(document.activeElement, ".row");
  return focused ? focusCandidates(rows().map(idOf), idOf(focused)) : [];
}

/** @param {Chunk} chunk */
function nodeOf(chunk) {
  const node = nodes.get(chunk);
  if (!node) throw new TypeError("this chunk was not made by takeChunk");
  return node;
}

/** @param {HTMLElement} row */
function idOf(row) {
  return row.dataset.id ?? "";
}

/** @param {HTMLElement} node */
function rowsIn(node) {
  return all(node, ".row", HTMLElement);
}

/** @param {HTMLElement} node */
function daysIn(node) {
  return all(node, ".day", HTMLElement);
}

/** @param {Chunk} chunk */
function isVisible(chunk) {
  const box = list().getBoundingClientRect();
  const node = nodeOf(chunk).getBoundingClientRect();
  return node.bottom > box.top && node.top < box.bottom;
}

// ---- around the rows ------------------------------------------------------------------------------------

/**
 * Renew the number of sessions, the filters and the warnings above the list.
 * @param {Document} page
 */
function renewSummary(page) {
  const old = required(document, ".side-state", HTMLElement);
  const now = required(page, ".side-state", HTMLElement);
  // What did not change stays: if it has the focus, it would lose it.
  if (!old.isEqualNode(now) && !old.querySelector("[open]")) old.replaceWith(now);
}

/** Mark the row of the open session. */
function markCurrent() {
  const id = /^\/session\/([^/]+)$/.exec(location.pathname)?.[1];
  for (const link of list().querySelectorAll("[aria-current]")) link.removeAttribute("aria-current");
  const row = id ? rowOf(id) : null;
  if (row) titleOf(row).setAttribute("aria-current", "page");
}

/**
 * Go from the focused row, or from that of the open session, to another.
 * @param {number} by how many rows down, or up if it is negative
 */
export function step(by) {
  const elements = rows();
  const row = elements[stepTarget({
    count: elements.length,
    focused: elements.findIndex((each) => each.contains(document.activeElement)),
    current: elements.findIndex((each) => each.querySelector("[aria-current]")),
    by,
  })];
  if (!row) return;
  titleOf(row).focus({ preventScroll: true });
  row.scrollIntoView({ block: "nearest" });
}
