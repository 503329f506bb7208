// Find within a conversation: the server searches all of it, the page marks the matches and goes to them.

import { request } from "./api.js";
import { all, isComposing, parsed, required } from "./dom.js";
import { withFilters } from "./filters.js";

/** @typedef {import("./window.js").Transcript} Transcript */

/**
 * The messages that match, by their index. There may be more than the server names.
 * @typedef {{ indexes: number[], more: boolean }} Matches
 */

const PAUSE = 250; // milliseconds without a key before the server is asked
const MAX_MARKED = 2000; // places marked on the page
const HIGHLIGHT = "found"; // its name in the style sheet

/** @type {Readonly<Matches>} */
const NONE = Object.freeze({ indexes: [], more: false });

export class Find {
  /**
   * @param {HTMLFormElement} form
   * @param {Transcript} transcript
   */
  constructor(form, transcript) {
    this.form = form;
    this.transcript = transcript;
    this.input = required(form, "[name=words]", HTMLInputElement);
    this.count = required(form, ".count", HTMLElement);
    /** @type {Matches} */
    this.matches = NONE;
    this.place = -1; // of the match that was gone to last
    this.requests = 0;
    /** Settles when the matches are those of the text in the field. @type {Promise<void>} */
    this.settled = Promise.resolve();
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.timer = undefined;
  }

  /**
   * Listen to the form, and search for the text that the page opened with.
   * @param {AbortSignal} signal ends everything when the page is left
   */
  start(signal) {
    const { form } = this;
    this.transcript.onChanged = () => this.mark();
    this.input.addEventListener("input", () => this.onInput(), { signal });
    form.addEventListener("submit", (event) => { event.preventDefault(); this.step(1); }, { signal });
    form.addEventListener("keydown", (event) => this.onKey(event), { signal });
    for (const button of all(form, "[data-step]", HTMLElement)) {
      button.addEventListener("click", () => this.step(Number(button.dataset.step)), { signal });
    }
    signal.addEventListener("abort", () => highlights()?.delete(HIGHLIGHT));
    if (this.text) this.search();
  }

  get text() {
    return this.input.value.trim();
  }

  onInput() {
    clearTimeout(this.timer);
    this.settled = new Promise((resolve) => {
      this.timer = setTimeout(() => resolve(this.search()), PAUSE);
    });
  }

  /** @param {KeyboardEvent} event */
  onKey(event) {
    if (isComposing(event)) return;
    if (event.key === "Enter" && event.shiftKey) {
      event.preventDefault();
      this.step(-1);
    } else if (event.key === "Escape") {
      if (!this.input.value) this.input.blur(); // as in the search of the list: the next Escape leaves it
      this.input.value = "";
      this.search();
    }
  }

  /** Ask the server which messages match, and mark them. */
  async search() {
    const { text } = this;
    this.requests += 1;
    const latest = this.requests;
    const matches = text ? await this.fetch(text) : NONE;
    if (latest !== this.requests) return; // the text changed since
    this.matches = matches ?? NONE;
    this.place = -1;
    this.mark();
    this.showCount(matches === null);
  }

  /**
   * @param {string} text
   * @returns {Promise<Matches | null>} null if the search failed
   */
  async fetch(text) {
    try {
      const address = new URL(withFilters(this.form.dataset.hits ?? "", ""), location.href);
      address.searchParams.set("words", text);
      const response = await request(address);
      if (!response.ok) return null;
      const hits = parsed(await response.text());
      const indexes = all(hits, "[data-index]", HTMLElement).map((hit) => Number(hit.dataset.index));
      return { indexes, more: hits.querySelector("[data-more]") !== null };
    } catch {
      return null;
    }
  }

  /** @param {boolean} failed */
  showCount(failed) {
    if (failed) this.count.textContent = "Search failed";
    else this.count.textContent = this.text ? countText(this.matches, this.place) : "";
    this.form.classList.toggle("on", this.matches.indexes.length > 0);
  }

  /**
   * Go to the next or the previous match; the first time, to the nearest.
   * @param {number} by 1 or -1
   */
  async step(by) {
    await this.settled;
    const { indexes } = this.matches;
    this.place = this.place < 0 ? nearestMatch(indexes, this.firstVisible) : placeAfter(this.place, by, indexes.length);
    const index = indexes[this.place];
    if (index === undefined) return;
    this.showCount(false);
    await this.transcript.show(index);
  }

  /** The index of the first message on the screen. */
  get firstVisible() {
    return Number(this.transcript.firstVisible?.id.slice(1) ?? 0);
  }

  /** Mark the matches on the page. */
  mark() {
    const registry = highlights();
    registry?.delete(HIGHLIGHT);
    if (this.text && this.matches.indexes.length) registry?.set(HIGHLIGHT, new Highlight(...this.ranges()));
  }

  /** Return where the text stands on the page. */
  ranges() {
    const pattern = patternOf(this.text);
    /** @type {Range[]} */
    const ranges = [];
    const texts = document.createTreeWalker(this.transcript.messages, NodeFilter.SHOW_TEXT);
    for (let node = texts.nextNode(); node && ranges.length < MAX_MARKED; node = texts.nextNode()) {
      for (const match of (node.nodeValue ?? "").matchAll(pattern)) {
        const range = new Range();
        range.setStart(node, match.index);
        range.setEnd(node, match.index + match[0].length);
        ranges.push(range);
      }
    }
    return ranges;
  }
}

/** Return the browser's highlights; an old browser has none, and marks nothing. */
function highlights() {
  return "highlights" in CSS ? CSS.highlights : null;
}

/**
 * Return in words how many messages match, and which of them is on the screen.
 * @param {Matches} matches
 * @param {number} place -1 before any was gone to
 */
export function countText({ indexes, more }, place) {
  const total = `${indexes.length}${more ? "+" : ""}`;
  return place < 0 ? `${total} found` : `${place + 1} of ${total}`;
}

/**
 * Return the place of the first match at or after a message, of the last if there is none.
 * @param {number[]} indexes in ascending order
 * @param {number} from the index of the message
 * @returns {number} -1 if nothing matches
 */
export function nearestMatch(indexes, from) {
  const place = indexes.findIndex((index) => index >= from);
  return place < 0 ? indexes.length - 1 : place;
}

/**
 * Return the place after another, around the end.
 * @param {number} place
 * @param {number} by 1 or -1
 * @param {number} count more than 0
 */
export function placeAfter(place, by, count) {
  return (place + by + count) % count;
}

/**
 * Return a pattern that matches a text in any case and with any space between its words.
 * @param {string} text
 */
export function patternOf(text) {
  return new RegExp(text.split(/\s+/).map(escaped).join("\\s+"), "giu");
}

/** @param {string} text */
function escaped(text) {
  return text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}
