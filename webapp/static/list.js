// The list in the sidebar: loads more while scrolling, holds only what is near, and follows changes.
//
// It is made of chunks, one for each page that was fetched. A chunk far from what is seen gives up its rows and keeps
// its height, so that 20,000 sessions cost no more than some hundred; near again, it is fetched anew.

import { Refused, reach } from "./api.js";

const ROWS_A_FETCH = 100;
const MOST_ROWS = 200; // that one request gives
const NEAR = "1500px 0px";
export const FILTERS = ["q", "profile", "project_id", "source", "archived"];

let chunks = []; // {node, query, next, filled}; `query` and `next` are the queries that fetch it and the one after
let filters = ""; // what the list shows now
let generation = 0; // answers to what was asked for an older list are dropped
let stale = false; // changed while only a part of it, far from its beginning, was renewed
let refreshing = null;
const sources = new WeakMap(); // the server's text of each row, to leave alone what did not change

export const list = () => document.getElementById("list");
export const rows = () => [...list().querySelectorAll(".row")];
export const rowOf = (id) => list().querySelector(`.row[data-id="${CSS.escape(id)}"]`);

const nearEnd = new IntersectionObserver(onEnd, { root: list(), rootMargin: NEAR });
const near = new IntersectionObserver(onNear, { root: list(), rootMargin: NEAR });
const end = document.createElement("div");
end.className = "list-end";

/** Return the filters of an address, in one spelling. */
export function filtersOf(search) {
  const given = new URLSearchParams(search);
  const kept = FILTERS.filter((name) => given.get(name)).map((name) => [name, given.get(name)]);
  return new URLSearchParams(kept).toString();
}

/** Take over the list that came with the page. */
export function start() {
  filters = filtersOf(location.search);
  const cursor = new URLSearchParams(location.search).get("cursor");
  chunks = [chunkOf(document, cursor ? `${filters}&cursor=${encodeURIComponent(cursor)}` : filters)];
  layOut();
  document.addEventListener("shown", onShown);
  list().addEventListener("scroll", () => { if (stale && list().scrollTop < 600) refresh(); }, { passive: true });
}

function onShown() {
  const wanted = filtersOf(location.search);
  if (wanted !== filters) load(wanted).catch(showFailure);
  markCurrent();
}

/** Show the sessions that other filters leave; throws `Refused`. */
export async function load(wanted, signal) {
  const mine = ++generation;
  list().setAttribute("aria-busy", "true");
  try {
    const page = await fetchPage(wanted, ROWS_A_FETCH / 2, signal);
    if (mine !== generation) return;
    filters = wanted;
    stale = false;
    chunks = [chunkOf(page, wanted)];
    renewState(page);
    layOut();
    list().scrollTop = 0;
    document.dispatchEvent(new CustomEvent("filtered", { detail: wanted }));
  } finally {
    if (mine === generation) list().removeAttribute("aria-busy");
  }
}

/** Show what changed. Near the beginning all of it is fetched again, elsewhere only what is seen. */
export async function refresh() {
  if (refreshing) { refreshing.again = true; return; }
  refreshing = { again: false };
  try {
    await (filters.includes("q=") ? renewSeen() : renew());
  } catch (error) {
    if (!(error instanceof Refused)) throw error; // unreachable: whoever watches the connection says so
  } finally {
    const { again } = refreshing;
    refreshing = null;
    if (again) refresh();
  }
}

async function renew() {
  const last = chunks.findLastIndex(isSeen);
  const count = chunks.slice(0, last + 1).reduce((sum, chunk) => sum + countOf(chunk), 0);
  if (last > 0 && count > MOST_ROWS) return renewSeen();
  const mine = generation;
  const page = await fetchPage(filters, Math.max(ROWS_A_FETCH / 2, count));
  if (mine !== generation) return undefined;
  stale = false;
  renewState(page);
  keepingPlace(() => {
    const first = chunkOf(page, filters);
    const rest = chunks.slice(last + 1);
    const follows = rest[0]?.query === first.next;
    const known = new Set(idsOf(first));
    reuse(first.node, chunks.slice(0, last + 1).map((chunk) => chunk.node));
    chunks = [first, ...(follows ? rest : [])];
    if (follows) for (const chunk of rest) forget(chunk, known);
    layOut();
  });
  return undefined;
}

async function renewSeen() {
  stale = true;
  for (const chunk of chunks.filter((each) => isSeen(each) && each.filled)) {
    const page = await fill(chunk);
    if (page && !filters.includes("q=")) renewState(page); // of a search, a part says how many were found up to it
  }
}

// ---- chunks ---------------------------------------------------------------------------------------------

async function fetchPage(query, limit, signal) {
  const response = await reach(`/sidebar?${query}&limit=${limit}`, { cache: "no-store", signal });
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  if (response.redirected) location.reload(); // to log in
  if (!response.ok) throw new Refused(page.querySelector("[role=alert] p")?.textContent ?? "no list", response.status);
  return page;
}

function chunkOf(page, query) {
  const box = page.getElementById("list");
  const paging = box.querySelector(".paging");
  const link = paging?.querySelector("[rel=next]");
  paging?.remove();
  const node = document.createElement("div");
  node.className = "chunk";
  node.append(...box.childNodes);
  for (const row of node.querySelectorAll(".row")) sources.set(row, row.outerHTML);
  const next = link ? new URL(link.getAttribute("href"), location.href).searchParams.toString() : null;
  return { node, query, next, filled: true };
}

function layOut() {
  near.disconnect();
  list().replaceChildren(...chunks.map((chunk) => chunk.node), end);
  for (const chunk of chunks) near.observe(chunk.node);
  nearEnd.unobserve(end);
  nearEnd.observe(end);
  settle();
}

/** Do what depends on the rows that are there now. */
function settle() {
  let day = null;
  for (const chunk of chunks) {
    const first = chunk.node.querySelector(".day");
    first?.classList.toggle("continued", first.dataset.day === day);
    chunk.day = [...chunk.node.querySelectorAll(".day")].at(-1)?.dataset.day ?? chunk.day;
    day = chunk.day;
  }
  markCurrent();
  document.dispatchEvent(new Event("rows"));
}

async function onEnd(entries) {
  const last = chunks.at(-1);
  // Of several, told at once where the browser was busy, only the last is how things stand.
  if (!entries.at(-1).isIntersecting || !last?.next || end.ariaBusy) return;
  const mine = generation;
  end.ariaBusy = "true";
  try {
    const chunk = chunkOf(await fetchPage(last.next, ROWS_A_FETCH), last.next);
    if (mine !== generation || last !== chunks.at(-1)) return;
    const known = new Set(idsOf(chunk));
    for (const other of chunks) forget(other, known);
    chunks.push(chunk);
    end.before(chunk.node);
    near.observe(chunk.node);
    settle();
  } catch (error) {
    showFailure(error);
  } finally {
    end.ariaBusy = null;
    nearEnd.unobserve(end);
    if (!end.hasChildNodes()) nearEnd.observe(end);
  }
}

function showFailure(error) {
  if (error.name === "AbortError") return;
  if (!(error instanceof Refused)) throw error;
  const words = document.createElement("p");
  words.textContent = `The list cannot be loaded: ${error.message}.`;
  const again = document.createElement("button");
  again.type = "button";
  again.textContent = "Try again";
  again.addEventListener("click", () => { end.replaceChildren(); nearEnd.observe(end); });
  end.replaceChildren(words, again);
}

function onNear(entries) {
  for (const entry of entries) {
    const chunk = chunks.find((each) => each.node === entry.target);
    if (!chunk) continue;
    if (entry.isIntersecting && !chunk.filled) fill(chunk).catch(showFailure);
    if (!entry.isIntersecting && chunk.filled && !chunk.node.contains(document.activeElement)) empty(chunk);
  }
}

function empty(chunk) {
  chunk.rows = countOf(chunk);
  chunk.node.style.height = `${chunk.node.offsetHeight}px`;
  chunk.node.replaceChildren();
  chunk.filled = false;
}

/** Fetch the rows of a chunk anew; return the page that they came with, null if they are no longer wanted. */
async function fill(chunk) {
  const mine = generation;
  const page = await fetchPage(chunk.query, Math.max(1, countOf(chunk)));
  if (mine !== generation || !chunks.includes(chunk)) return null;
  const fresh = chunkOf(page, chunk.query);
  keepingPlace(() => {
    reuse(fresh.node, [chunk.node]);
    chunk.node.style.height = "";
    chunk.node.replaceChildren(...fresh.node.childNodes);
    chunk.filled = true;
    const known = new Set(idsOf(chunk));
    for (const other of chunks) if (other !== chunk) forget(other, known);
    settle();
  });
  return page;
}

/** Put rows that did not change back in: what is focused, pointed at or being renamed stays what it is. */
function reuse(fresh, olds) {
  const known = new Map(olds.flatMap((old) => [...old.querySelectorAll(".row")]).map((row) => [row.dataset.id, row]));
  for (const row of fresh.querySelectorAll(".row")) {
    const old = known.get(row.dataset.id);
    if (old && (sources.get(old) === sources.get(row) || old.querySelector(".row-edit"))) row.replaceWith(old);
  }
}

/** Remove rows that are now elsewhere in the list. */
function forget(chunk, known) {
  for (const row of chunk.node.querySelectorAll(".row")) if (known.has(row.dataset.id)) row.remove();
}

/** Change the list so that the row at its top, and the focus, stay where they are. */
function keepingPlace(change) {
  const box = list();
  const top = box.getBoundingClientRect().top;
  const anchor = box.scrollTop > 8 && rows().find((row) => row.getBoundingClientRect().bottom > top);
  const offset = anchor && anchor.getBoundingClientRect().top;
  const heir = inheritance();
  change();
  const again = anchor && rowOf(anchor.dataset.id);
  if (again) box.scrollTop += again.getBoundingClientRect().top - offset;
  heir?.()?.querySelector(".row-title").focus({ preventScroll: true });
}

/** Return what finds, after a change, the row that the focus belongs to: the same, else the one that followed it. */
function inheritance() {
  const focused = list().contains(document.activeElement) && document.activeElement.closest(".row");
  if (!focused) return null;
  const ids = rows().map((row) => row.dataset.id);
  const at = ids.indexOf(focused.dataset.id);
  const candidates = [...ids.slice(at), ...ids.slice(0, at).reverse()];
  return () => (list().contains(document.activeElement) ? null : candidates.map(rowOf).find(Boolean));
}

const countOf = (chunk) => (chunk.filled ? chunk.node.querySelectorAll(".row").length : chunk.rows);
const idsOf = (chunk) => [...chunk.node.querySelectorAll(".row")].map((row) => row.dataset.id);

function isSeen(chunk) {
  const box = list().getBoundingClientRect();
  const place = chunk.node.getBoundingClientRect();
  return place.bottom > box.top && place.top < box.bottom;
}

// ---- beside the rows ------------------------------------------------------------------------------------

function renewState(page) {
  document.querySelector(".side-state").replaceWith(page.querySelector(".side-state"));
}

function markCurrent() {
  const id = location.pathname.match(/^\/session\/([^/]+)$/)?.[1];
  for (const link of list().querySelectorAll("[aria-current]")) link.removeAttribute("aria-current");
  if (id) rowOf(id)?.querySelector(".row-title").setAttribute("aria-current", "page");
}

/** Go to the next row, or with -1 to the one before, from the focused or the open one. */
export function step(by) {
  const all = rows();
  const at = all.findIndex((row) => row.contains(document.activeElement));
  const from = at >= 0 ? at : all.findIndex((row) => row.querySelector("[aria-current]"));
  const row = all[Math.min(all.length - 1, Math.max(0, from < 0 ? 0 : from + by))];
  row?.querySelector(".row-title").focus({ preventScroll: true });
  row?.scrollIntoView({ block: "nearest" });
}
