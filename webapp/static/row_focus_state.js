// Which row of the list has its tab stop, and where keys lead from there. Knows no DOM.

const PAGE = 10; // rows

/**
 * Return the row that Tab leads to: the one that had the focus last, else that of the open session, else the first.
 * @param {{ ids: string[], last: string | null, current: string | null }} list the ids of the rows, and those of two of them
 * @returns {string | null} null in an empty list
 */
export function tabStop({ ids, last, current }) {
  if (last !== null && ids.includes(last)) return last;
  if (current !== null && ids.includes(current)) return current;
  return ids[0] ?? null;
}

/**
 * Return how many rows a key goes down, or up if it is negative; null for another key.
 * @param {string} key
 * @returns {number | null}
 */
export function rowsBy(key) {
  switch (key) {
    case "ArrowDown": return 1;
    case "ArrowUp": return -1;
    case "PageDown": return PAGE;
    case "PageUp": return -PAGE;
    case "Home": return -Infinity;
    case "End": return Infinity;
    default: return null;
  }
}

/**
 * Return the place of the control of a row that a key leads to; null for another key.
 * @param {string} key
 * @param {number} place of the focused control
 * @param {number} count of controls
 * @returns {number | null}
 */
export function controlAfter(key, place, count) {
  if (key === "ArrowRight") return Math.min(count - 1, place + 1);
  if (key === "ArrowLeft") return Math.max(0, place - 1);
  return null;
}
