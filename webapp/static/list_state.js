// What the list in the sidebar holds, what it fetches next, and which row it keeps in place. Knows no DOM.
//
// The list is made of chunks, one for each page that was fetched. A chunk far from the screen is unloaded: it gives up
// its rows and keeps its place, so that 20,000 sessions cost no more than some hundred. Near again, it is reloaded.

import { isSearch } from "./filters.js";

/** Rows that a fresh list begins with. */
export const FIRST_ROWS = 50;
/** Results that a search begins with: one screen of them, because each letter that is typed asks for others. */
const FIRST_RESULTS = 20;
/** Rows that are fetched at the end of the list. */
export const NEXT_ROWS = 100;
/** Results that are fetched at the end of a search: each takes longer than a row, for the messages that it cites. */
const NEXT_RESULTS = 50;
/** Rows that one request gives at most. */
export const MAX_ROWS = 200;
/** Nearer to the beginning than this, in pixels, new rows push the list down: they are what the user wants to see. */
const BEGINNING = 8;

/**
 * One page of the list. It is the same object from when it is fetched until it leaves the list.
 * @typedef {object} Chunk
 * @property {string} query the query string that fetches it
 * @property {string | null} next the query string that fetches the page after it; null at the end of the list
 * @property {string[]} ids the sessions whose rows it holds; none while it is unloaded
 * @property {number} count how many rows it holds, or held before it was unloaded
 * @property {boolean} loaded
 * @property {string[]} days the days under which its sessions stand; none in the results of a search
 */

/**
 * How to renew the list: fetch `limit` rows from its beginning in place of its first `replaced` chunks, or reload some
 * of its chunks.
 * @typedef {{ scope: "beginning", limit: number, replaced: number } | { scope: "chunks", chunks: Chunk[] }} RefreshPlan
 */

/**
 * Rows to remove from a chunk, because their sessions stand elsewhere in the list now.
 * @typedef {{ chunk: Chunk, ids: string[] }} Removal
 */

/**
 * Return a chunk that was just fetched.
 * @param {Pick<Chunk, "query" | "next" | "ids" | "days">} page
 * @returns {Chunk}
 */
export function chunkOf({ query, next, ids, days }) {
  return { query, next, ids, days, count: ids.length, loaded: true };
}

/**
 * Return how many rows to fetch first, and at the end each time after that.
 * @param {string} filters
 */
export function rowsToFetch(filters) {
  return isSearch(filters) ? { first: FIRST_RESULTS, next: NEXT_RESULTS } : { first: FIRST_ROWS, next: NEXT_ROWS };
}

/** The chunks of the list, and the filters that they follow. */
export class ListState {
  /** What unloaded chunks held. @type {WeakMap<Chunk, string[]>} */
  #held = new WeakMap();

  /** The filters that the list shows, as a query string. */
  filters = "";
  /** @type {Chunk[]} */
  chunks = [];
  /** Whether the beginning of the list was left out of the last refresh. */
  stale = false;
  /** The number of the list, which grows when other filters are asked for. Answers to an earlier one are dropped. */
  generation = 0;

  /**
   * Ask for another list.
   * @returns {number} its generation
   */
  supersede() {
    this.generation += 1;
    return this.generation;
  }

  /**
   * Show another list, of which one page was fetched.
   * @param {string} filters
   * @param {Chunk} first
   */
  reset(filters, first) {
    this.filters = filters;
    this.chunks = [first];
    this.stale = false;
  }

  /**
   * Return the query of the page after the last, null at the end of the list.
   * @returns {string | null}
   */
  get next() {
    return this.chunks.at(-1)?.next ?? null;
  }

  /**
   * Return whether a page still belongs behind the last chunk: it was fetched for this list, and nothing came before it.
   * @param {number} generation when it was asked for
   * @param {string} query
   */
  canAppend(generation, query) {
    return generation === this.generation && query === this.next;
  }

  /**
   * Put a page behind the last.
   * @param {Chunk} chunk
   * @returns {Removal[]}
   */
  append(chunk) {
    this.chunks.push(chunk);
    return this.#removeCopies(chunk);
  }

  /**
   * Decide how to renew the list. From the beginning to the screen everything is fetched again, if one request can give
   * that much; else only what is on the screen. A search is ranked: a page of it says nothing about the pages before.
   * @param {Chunk[]} visible the chunks on the screen
   * @returns {RefreshPlan}
   */
  planRefresh(visible) {
    const last = this.chunks.findLastIndex((chunk) => visible.includes(chunk));
    const rows = this.chunks.slice(0, last + 1).reduce((sum, chunk) => sum + chunk.count, 0);
    if (isSearch(this.filters) || (last > 0 && rows > MAX_ROWS)) {
      this.stale = !this.chunks[0] || !visible.includes(this.chunks[0]);
      return { scope: "chunks", chunks: this.chunks.filter((chunk) => chunk.loaded && visible.includes(chunk)) };
    }
    return { scope: "beginning", limit: Math.max(FIRST_ROWS, rows), replaced: last + 1 };
  }

  /**
   * Put a fresh beginning in the place of the first chunks. The chunks after them stay only if they still follow it.
   * @param {number} replaced how many chunks it replaces
   * @param {Chunk} first
   * @returns {Removal[]}
   */
  replaceBeginning(replaced, first) {
    const rest = this.chunks.slice(replaced);
    const follows = rest[0]?.query === first.next;
    this.chunks = [first, ...(follows ? rest : [])];
    this.stale = false;
    return this.#removeCopies(first);
  }

  /**
   * Unload a chunk.
   * @param {Chunk} chunk
   */
  unload(chunk) {
    this.#held.set(chunk, chunk.ids);
    chunk.loaded = false;
    chunk.ids = [];
  }

  /**
   * Return the unloaded chunks from one session to another, in either order.
   * @param {string} one
   * @param {string} other
   */
  unloadedBetween(one, other) {
    const placeOf = (/** @type {string} */ id) => this.chunks.findIndex((chunk) => (
      (chunk.loaded ? chunk.ids : this.#held.get(chunk) ?? []).includes(id)
    ));
    const [first = -1, last = -1] = [placeOf(one), placeOf(other)].sort((a, b) => a - b);
    return first < 0 ? [] : this.chunks.slice(first, last + 1).filter(({ loaded }) => !loaded);
  }

  /**
   * Return whether a page that was fetched to renew the beginning is of the list that is shown: another one may have been
   * asked for, or have arrived, since.
   * @param {number} generation when it was asked for
   * @param {string} filters
   */
  canRenew(generation, filters) {
    return generation === this.generation && filters === this.filters;
  }

  /**
   * Return whether a reloaded page still has its chunk in the list.
   * @param {number} generation when it was asked for
   * @param {Chunk} chunk
   */
  canReload(generation, chunk) {
    return generation === this.generation && this.chunks.includes(chunk);
  }

  /**
   * Give a chunk the rows that were fetched for it again.
   * @param {Chunk} chunk
   * @param {Chunk} fresh
   * @returns {Removal[]}
   */
  reload(chunk, fresh) {
    chunk.loaded = true;
    chunk.ids = fresh.ids;
    chunk.count = fresh.count;
    if (fresh.days.length) chunk.days = fresh.days;
    return this.#removeCopies(chunk);
  }

  /**
   * Remove a session from the list.
   * @param {string} id
   */
  removeSession(id) {
    for (const chunk of this.chunks) remove(chunk, new Set([id]));
  }

  /**
   * Return of each chunk whether its first day continues the last day of the chunk before.
   * @returns {boolean[]}
   */
  continuedDays() {
    return this.chunks.map((chunk, index) => {
      const before = this.chunks[index - 1]?.days.at(-1);
      return before !== undefined && before === chunk.days[0];
    });
  }

  /**
   * Remove from the other chunks the sessions that a fresh one holds: they moved.
   * @param {Chunk} fresh
   * @returns {Removal[]}
   */
  #removeCopies(fresh) {
    const ids = new Set(fresh.ids);
    const others = this.chunks.filter((chunk) => chunk !== fresh);
    return others.map((chunk) => ({ chunk, ids: remove(chunk, ids) })).filter((removal) => removal.ids.length);
  }
}

/**
 * Remove sessions from a chunk.
 * @param {Chunk} chunk
 * @param {Set<string>} ids
 * @returns {string[]} those that it held
 */
function remove(chunk, ids) {
  const removed = chunk.ids.filter((id) => ids.has(id));
  if (removed.length) {
    chunk.ids = chunk.ids.filter((id) => !ids.has(id));
    chunk.count = chunk.ids.length;
  }
  return removed;
}

/**
 * Return how many rows to ask for when a chunk is reloaded.
 * @param {Chunk} chunk
 */
export function rowsToReload(chunk) {
  return Math.max(1, chunk.count);
}

/**
 * Decide what to do with a chunk that came near the screen or left its surroundings. A chunk that holds the focus is
 * not unloaded.
 * @param {Chunk} chunk
 * @param {{ near: boolean, focused: boolean }} place
 * @returns {"reload" | "unload" | null}
 */
export function changeFor(chunk, { near, focused }) {
  if (near && !chunk.loaded) return "reload";
  if (!near && chunk.loaded && !focused) return "unload";
  return null;
}

/**
 * Return the row to keep in place while the list changes: the first that is not wholly above the edge of the list.
 * @template {{ bottom: number }} Row
 * @param {Iterable<Row>} rows in order; measured only as far as they are needed
 * @param {{ top: number, scrolled: number }} list where its edge is and how far it is scrolled, in pixels
 * @returns {Row | null} null at the beginning of the list, where new rows should be seen
 */
export function anchorOf(rows, { top, scrolled }) {
  if (scrolled <= BEGINNING) return null;
  for (const row of rows) if (row.bottom > top) return row;
  return null;
}

/**
 * Return which rows may take over the focus if the focused row leaves the list: those after it, then those before it,
 * the nearest first.
 * @param {string[]} ids of all rows, in order
 * @param {string} focused
 * @returns {string[]} begins with the focused row, which may have been replaced by a new one
 */
export function focusCandidates(ids, focused) {
  const place = Math.max(0, ids.indexOf(focused));
  return [...ids.slice(place), ...ids.slice(0, place).reverse()];
}

/**
 * Return the place of the row to go to with the keyboard.
 * @param {{ count: number, focused: number, current: number, by: number }} from the number of rows, the places of the
 *   focused row and of the open session (-1 if there is none), and 1 for the next, -1 for the previous, 0 for the same
 * @returns {number} -1 in an empty list
 */
export function stepTarget({ count, focused, current, by }) {
  const from = focused >= 0 ? focused : current;
  const wanted = from < 0 ? 0 : from + by;
  return Math.min(count - 1, Math.max(0, wanted));
}
