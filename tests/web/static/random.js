// Repeatable random numbers, so that a failing walk fails again.

/**
 * Return a generator of whole numbers from 0 up to but not including a limit (mulberry32).
 * @param {number} seed
 * @returns {(limit: number) => number}
 */
export function randomFrom(seed) {
  let state = seed;
  return (limit) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % limit;
  };
}
