// The searches that a browser remembers: the latest first, each once, at most ten. Knows no DOM.

export const MOST = 10;
const LONGEST = 200; // characters: a pasted text is no search to come back to

/**
 * Return the searches with another one as the latest.
 * @param {string[]} searches
 * @param {string} text
 */
export function remembered(searches, text) {
  const search = text.trim();
  if (!search || search.length > LONGEST) return searches;
  return [search, ...searches.filter((each) => each !== search)].slice(0, MOST);
}

/**
 * Return the searches that a browser kept, without what cannot be one.
 * @param {unknown[]} kept
 * @returns {string[]}
 */
export function valid(kept) {
  return kept.filter((each) => typeof each === "string").slice(0, MOST);
}
