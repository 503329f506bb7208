// Which conversations have messages that were not there when they were opened in this browser. Knows no DOM.
//
// A mark is the stamp of a conversation as it was read last: its number of messages and the time of the latest. What was
// never opened here has none, and is not unread: otherwise all would be.

/**
 * The marks by id, the oldest first.
 * @typedef {Record<string, string>} Marks
 */

/** As many conversations are remembered: about 30 kB of the browser's storage. */
export const MOST_MARKS = 500;

/**
 * Return the marks after a conversation was read; the same object if nothing changed.
 * @param {Marks} marks
 * @param {string} id
 * @param {string} stamp
 * @returns {Marks}
 */
export function withMark(marks, id, stamp) {
  if (marks[id] === stamp) return marks;
  const entries = Object.entries(marks).filter(([each]) => each !== id);
  return Object.fromEntries([...entries, [id, stamp]].slice(-MOST_MARKS));
}

/**
 * Return whether a conversation has messages that came after it was read.
 * @param {Marks} marks
 * @param {string} id
 * @param {string} stamp as the list has it now
 */
export function hasNews(marks, id, stamp) {
  const mark = marks[id];
  if (typeof mark !== "string" || mark === stamp) return false;
  const [countThen = 0, timeThen = 0] = numbersIn(mark);
  const [count = 0, time = 0] = numbersIn(stamp);
  return time > timeThen || (time === timeThen && count > countThen);
}

/** @param {string} stamp */
function numbersIn(stamp) {
  return stamp.split(" ").map((each) => Number(each) || 0);
}
