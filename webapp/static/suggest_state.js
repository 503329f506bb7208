// The suggestions below the search box: which is active, what a key does, and what the text becomes. Knows no DOM.

/** @typedef {{ text: string, label: string, meaning: string }} Suggestion */

/**
 * What the server answers: the suggestions for a place of a text, from `start` to `end` in characters (code points).
 * @typedef {{ start: number, end: number, takes_date: boolean, suggestions: Suggestion[] }} Answer
 */

/** A text, and where the cursor stands in it, in code units as the browser counts. @typedef {{ text: string, at: number }} Typed */

/**
 * What to do at a key: choose another suggestion, take one, go to the calendar, close, or nothing.
 * @typedef {{ act: "choose", place: number } | { act: "take", place: number } | { act: "date" } | { act: "close" } | null} Step
 */

/** @type {Answer} */
const NOTHING = { start: 0, end: 0, takes_date: false, suggestions: [] };

export class SuggestState {
  constructor() {
    /** What the suggestions are for. @type {Typed} */
    this.typed = { text: "", at: 0 };
    this.answer = NOTHING;
    /** Which suggestion is active, -1 for none; one more than there are is the calendar. */
    this.active = -1;
    this.isOpen = false;
  }

  /**
   * Take an answer of the server over, unless something else was typed since. A suggestion that was chosen stays so if it
   * is among the new ones.
   * @param {Typed} asked
   * @param {Answer} answer
   * @param {Typed} now what stands in the field
   */
  show(asked, answer, now) {
    if (asked.text !== now.text || asked.at !== now.at) return;
    const chosen = this.answer.suggestions[this.active];
    this.typed = asked;
    this.answer = answer;
    this.active = chosen ? answer.suggestions.findIndex(({ text }) => text === chosen.text) : -1;
    this.isOpen = answer.suggestions.length > 0 || answer.takes_date;
  }

  close() {
    this.active = -1;
    this.isOpen = false;
  }

  /** How many entries the list has, the one of the calendar among them. */
  get count() {
    return this.answer.suggestions.length + (this.answer.takes_date ? 1 : 0);
  }

  /**
   * Return what a key does.
   * @param {string} key
   * @returns {Step} null if the field has it for itself
   */
  step(key) {
    if (!this.isOpen) return null;
    switch (key) {
      case "ArrowDown": return { act: "choose", place: this.active + 1 < this.count ? this.active + 1 : 0 };
      case "ArrowUp": return { act: "choose", place: this.active > 0 ? this.active - 1 : this.count - 1 };
      case "Enter": return this.active < 0 ? null : this.#taking(this.active);
      case "Tab": return this.#taking(Math.max(0, this.active));
      case "Escape": return { act: "close" };
      default: return null;
    }
  }

  /**
   * @param {number} place
   * @returns {Step}
   */
  #taking(place) {
    return place < this.answer.suggestions.length ? { act: "take", place } : { act: "date" };
  }

  /**
   * Return the text with a suggestion in it, and the cursor behind that; null if something else stands there by now.
   * @param {number} place
   * @param {Typed} now
   * @returns {Typed | null}
   */
  taken(place, now) {
    const suggestion = this.answer.suggestions[place];
    return suggestion && now.text === this.typed.text ? this.#replaced(suggestion.text) : null;
  }

  /**
   * Return the text with a date in it as the value of the operator that is being typed.
   * @param {string} date
   * @returns {Typed}
   */
  dated(date) {
    const points = Array.from(this.typed.text);
    const typed = points.slice(this.answer.start, this.answer.end).join("");
    return this.#replaced(`${typed.slice(0, typed.search(/[:：]/))}:${date} `);
  }

  /**
   * @param {string} text
   * @returns {Typed}
   */
  #replaced(text) {
    const points = Array.from(this.typed.text);
    const before = points.slice(0, this.answer.start).join("") + text;
    const after = points.slice(this.answer.end).join("");
    return { text: before + (text.endsWith(" ") ? after.trimStart() : after), at: before.length };
  }
}

/**
 * Return how many characters, as the server counts, stand before a place that the browser counts in code units.
 * @param {Typed} typed
 */
export function charactersBefore({ text, at }) {
  return Array.from(text.slice(0, at)).length;
}

/**
 * Return a query with an example of the help in it.
 * @param {string} text
 * @param {string} example
 */
export function withExample(text, example) {
  const kept = text.trim();
  return kept && kept !== example ? `${kept} ${example}` : example;
}

const SHORTEST_PAUSE = 20; // milliseconds
const LONGEST_PAUSE = 250;
const SHARE = 8; // of how long a search takes: the server ends one that is not waited for at its next step

/**
 * Return how many milliseconds without a key to wait before a search, from how long the one before took. The next key ends
 * a search for words that are half typed, so few of them cost much; only a slow server is spared more.
 *
 * A single letter waits the longest: most words have it, which takes the server as long as any search does, and few people
 * stop there. A single character of another script may be a word.
 * @param {string} text what is typed
 * @param {number} took milliseconds
 */
export function pauseBefore(text, took) {
  if (/^[a-z]$/i.test(text.trim())) return LONGEST_PAUSE;
  return Math.min(Math.max(took / SHARE, SHORTEST_PAUSE), LONGEST_PAUSE);
}
