// Which messages of a conversation are on the page, which to fetch next, and which to remove. Knows no DOM.
//
// Every change costs in proportion to what is on the page: with 2,300 messages 2.4 s, with 200 a tenth of that.

/** Messages that are on the page at most, unless more are near the screen or selected. */
export const MAX_MESSAGES = 200;
/** Pixels from the edge of the messages at which more are fetched: three screens. */
export const PREFETCH = 2400;
/** Pixels from the screen at which messages may be removed. More than `PREFETCH`, or they would be fetched again at once. */
export const FAR = 2 * PREFETCH;
/** Pixels from the end of the page within which the user follows new messages. */
const FOLLOWING = 120;

/**
 * Which messages are on the page.
 * @typedef {object} Range
 * @property {number} offset the index of the first
 * @property {number} end the index after the last
 * @property {number} total how many the conversation has
 */

/**
 * Which messages to fetch: those before an index, those after one, those around one, or the last.
 * @typedef {{ before: number } | { after: number } | { at: number } | {}} Query
 */

/**
 * A message on the page. With the answers to its tool calls it may stand for several in the conversation.
 * @typedef {object} Message
 * @property {number} index
 * @property {number} last the index of the last message that it stands for
 */

/**
 * Return the range that the server wrote on a window of messages.
 * @param {{ [name: string]: string | undefined }} data
 * @returns {Range}
 */
export function rangeOf({ offset, end, total }) {
  return Object.freeze({ offset: Number(offset), end: Number(end), total: Number(total) });
}

// ---- what to fetch --------------------------------------------------------------------------------------

/**
 * Return the query for older messages.
 * @param {Range} range
 * @returns {Query}
 */
export function olderQuery({ offset }) {
  return { before: offset };
}

/**
 * Return the query for newer messages. The last one is fetched again: it may have got answers to its tool calls.
 * @param {Range} range
 * @returns {Query}
 */
export function newerQuery({ end }) {
  return end ? { after: end - 1 } : {};
}

/**
 * Return the query that brings a message onto the page, null if it is there.
 * @param {Range} range
 * @param {number} index
 * @returns {Query | null}
 */
export function queryToShow({ offset, end }, index) {
  return index < offset || index >= end ? { at: index } : null;
}

/**
 * Return the query that brings the last messages onto the page, null if they are there.
 * @param {Range} range
 * @returns {Query | null}
 */
export function queryToReachEnd(range) {
  return holdsEnd(range) ? null : {};
}

/**
 * Return whether the conversation's last message is on the page, so that new ones belong there too.
 * @param {Range} range
 */
export function holdsEnd({ end, total }) {
  return end >= total;
}

/**
 * Return whether a conversation was shortened: it ends before what is on the page.
 * @param {Range} range
 * @param {Range} fresh what was fetched after it
 */
export function wasShortened({ end }, fresh) {
  return fresh.total < end;
}

/**
 * Return the message that an address points to, null if it points to none of this conversation.
 * @param {string} hash `#m` and an index
 * @param {Range} range
 */
export function indexInHash(hash, { total }) {
  const digits = /^#m(\d{1,15})$/.exec(hash)?.[1];
  return digits !== undefined && Number(digits) < total ? Number(digits) : null;
}

/**
 * Decide where a page opens: at the message of its address; where it was left, or at the part that was asked for; else at
 * the end.
 * @param {{ hash: string, search: string, scrolled: number }} page
 * @returns {"message" | "unmoved" | "end"}
 */
export function openingPlace({ hash, search, scrolled }) {
  if (hash) return "message";
  const query = new URLSearchParams(search);
  return scrolled || ["before", "after", "at"].some((name) => query.has(name)) ? "unmoved" : "end";
}

// ---- what to remove, and what to add --------------------------------------------------------------------

/**
 * Return which messages to remove for others: as many as are too many, from the far end on, up to the first that stays.
 * @template Item
 * @param {Item[]} items the messages on the page, the far end first
 * @param {number} incoming how many others come
 * @param {(item: Item) => boolean} stays asked of one after the other, up to the first that stays
 * @returns {Item[]} none if nothing on the page stays
 */
export function removable(items, incoming, stays) {
  const excess = Math.max(0, items.length + incoming - MAX_MESSAGES);
  const first = Math.max(0, items.findIndex(stays));
  return items.slice(0, Math.min(excess, first));
}

/**
 * Return whether a message is too near to the screen to be removed.
 * @param {{ top: number, bottom: number }} message in pixels from the top of the screen
 * @param {number} height of the screen
 */
export function isNear({ top, bottom }, height) {
  return bottom > -FAR && top < height + FAR;
}

/**
 * Return the range of the messages that are left on the page.
 * @param {Range} range
 * @param {Message} first
 * @param {Message} last
 * @returns {Range}
 */
export function rangeAfterRemoval({ total }, first, last) {
  return Object.freeze({ offset: first.index, end: last.last + 1, total });
}

/**
 * Return which end of the remaining messages is nearest to those that were removed.
 * @param {Message} removed
 * @param {Message} first the first that remains
 * @returns {"first" | "last"}
 */
export function nearestEnd(removed, first) {
  return removed.index < first.index ? "first" : "last";
}

/**
 * Decide what to do with each newer message: leave the one on the page, replace it because answers to its tool calls
 * came, or put it behind the others.
 * @param {Message[]} held the messages on the page
 * @param {Message[]} incoming
 * @returns {("keep" | "replace" | "append")[]} for each that came
 */
export function mergeActions(held, incoming) {
  const known = new Map(held.map(({ index, last }) => [index, last]));
  return incoming.map(({ index, last }) => {
    if (!known.has(index)) return "append";
    return known.get(index) === last ? "keep" : "replace";
  });
}

/**
 * Return what the two edges of the messages say: how many are beyond, and the query that the edge's link carries.
 * @param {Range} range
 * @returns {{ older: { before: number, count: number }, newer: { after: number, count: number } }}
 */
export function edges({ offset, end, total }) {
  return { older: { before: offset, count: offset }, newer: { after: end - 1, count: Math.max(0, total - end) } };
}

// ---- what is new ----------------------------------------------------------------------------------------

/** What is known of a conversation from the news of the list, to notice what changed. */
export class ChangeFilter {
  /** @type {string | null} */
  #latest = null;

  /**
   * Return whether a conversation may have changed since the last news.
   * @param {{ message_count: number, last_message_at: number | null, updated_at: number } | null | undefined} entry what
   *   the list says of it; nothing if the news do not name it, and then it may have changed
   */
  mayHaveChanged(entry) {
    const latest = entry ? JSON.stringify([entry.message_count, entry.last_message_at, entry.updated_at]) : null;
    const same = latest !== null && latest === this.#latest;
    this.#latest = latest;
    return !same;
  }
}

/**
 * Return whether the user is so near to the end of the page that it should follow new messages.
 * @param {{ height: number, scrolled: number, pageHeight: number }} screen in pixels
 */
export function isAtEnd({ height, scrolled, pageHeight }) {
  return height + scrolled >= pageHeight - FOLLOWING;
}
