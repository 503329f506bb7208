// Jumping in a conversation: to its ends, to the user's messages, to failed calls of tools. By buttons and by keys.

import { isAbort, request } from "./api.js";
import { all, closest, optional, parsed, required } from "./dom.js";
import { withFilters } from "./filters.js";
import { failureAfter, jumpOf, landmarkAfter, nothingThere, numbersIn, placeOf } from "./jumps_state.js";
import { Outline } from "./outline.js";
import { explain, toast } from "./toast.js";

/** @typedef {import("./window.js").Transcript} Transcript */
/** @typedef {import("./jumps_state.js").Landmarks} Landmarks */

export class Jumps {
  /**
   * @param {HTMLElement} content
   * @param {Transcript} transcript
   */
  constructor(content, transcript) {
    this.transcript = transcript;
    this.bar = required(content, ".jumps", HTMLElement);
    this.panel = required(content, "#outline", HTMLElement);
    this.outline = new Outline(this.panel, {
      at: () => this.place,
      go: (index) => this.goTo(index),
      fetch: (at) => this.fetch(at),
    });
    /** @type {import("./jumps_state.js").Jump | null} */
    this.jump = null;
    /** How many messages the conversation had when the landmarks were fetched. */
    this.total = -1;
    /** @type {Promise<Landmarks> | null} */
    this.landmarks = null;
  }

  /** @param {AbortSignal} signal ends everything when the page is left */
  start(signal) {
    this.bar.addEventListener("click", (event) => this.onClick(event), { signal });
    document.addEventListener("keydown", (event) => this.onKey(event), { signal });
    this.outline.start(required(this.bar, "[data-jump=outline]", HTMLElement), signal);
    // After the messages are on the screen: the count of failed calls is not what somebody waits for.
    setTimeout(() => { if (!signal.aborted) this.known().catch((error) => this.showUnknown(error)); }, 200);
  }

  /** The index of the message that the reader is at. */
  get place() {
    const head = optional(document, ".session-head", HTMLElement)?.getBoundingClientRect().bottom ?? 0;
    const first = this.transcript.articles.find((each) => each.getBoundingClientRect().bottom > head + 8);
    return placeOf(this.jump, this.jump && topOf(this.jump.index), Number(first?.id.slice(1) ?? 0));
  }

  /** @param {MouseEvent} event */
  onClick(event) {
    const { jump, by } = closest(event.target, "[data-jump]")?.dataset ?? {};
    if (!jump || event.metaKey || event.ctrlKey) return;
    event.preventDefault();
    this.to(jump, Number(by));
  }

  /** @param {KeyboardEvent} event */
  onKey(event) {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    if (closest(event.target, "input, textarea, select, dialog") || document.querySelector("dialog[open]")) return;
    const jump = jumpOf(event);
    if (!jump) return;
    event.preventDefault();
    this.to(jump.to, jump.by);
  }

  /**
   * @param {string} target
   * @param {number} by
   */
  async to(target, by) {
    try {
      if (target === "first") await this.goTo(0);
      else if (target === "last") await this.transcript.toEnd();
      else if (target === "outline") await this.outline.toggle();
      else await this.step(target === "user" ? "user" : "failure", by);
    } catch (error) {
      if (!isAbort(error)) explain(error, () => this.to(target, by));
    }
  }

  /**
   * @param {"user" | "failure"} kind
   * @param {number} by
   */
  async step(kind, by) {
    const { users, failures } = await this.known();
    const index = kind === "user" ? landmarkAfter(users, this.place, by) : failureAfter(failures, this.place, by);
    if (index === null) return toast(nothingThere(kind, by));
    await this.goTo(index);
    if (kind === "failure") unfoldFailures(index);
    this.transcript.onShown();
    this.arriveAt(index);
    return undefined;
  }

  /**
   * Show a message and give it the focus.
   * @param {number} index
   */
  async goTo(index) {
    await this.transcript.show(index);
    closest(document.getElementById(`m${index}`), "article")?.focus({ preventScroll: true });
    this.arriveAt(index);
  }

  /** @param {number} index */
  arriveAt(index) {
    const top = topOf(index);
    this.jump = top === null ? null : { index, top };
  }

  /** Return the landmarks, fetched again if messages came or went since. @returns {Promise<Landmarks>} */
  known() {
    const { total } = this.transcript.range;
    if (!this.landmarks || total !== this.total) {
      this.total = total;
      this.landmarks = this.fetch(null, { places: "" }).then(({ landmarks }) => landmarks);
      this.landmarks.catch(() => { this.landmarks = null; });
    }
    return this.landmarks;
  }

  /**
   * Fetch the outline around a message.
   * @param {number | null} at null for where the reader is
   * @param {Record<string, string>} [options] `places` asks for the places without the words
   * @returns {Promise<{ landmarks: Landmarks, body: HTMLElement }>}
   */
  async fetch(at, options = {}) {
    const address = new URL(withFilters(this.panel.dataset.landmarks ?? ""), location.href);
    for (const [name, value] of Object.entries({ at: String(at ?? this.place), ...options })) address.searchParams.set(name, value);
    const response = await request(address);
    if (response.status === 204) throw new DOMException("the conversation was deleted", "AbortError");
    if (!response.ok) throw new Error("The outline could not be loaded.");
    const body = required(parsed(await response.text()), ".landmarks", HTMLElement);
    const landmarks = { users: numbersIn(body.dataset.users), failures: numbersIn(body.dataset.failures) };
    this.showCount(landmarks.failures.length);
    return { landmarks, body };
  }

  /** @param {number} count */
  showCount(count) {
    this.showFailures(count.toLocaleString("en"), count > 0);
  }

  /**
   * Offer the failed calls although nobody knows how many there are: to press the button says why.
   * @param {unknown} error
   */
  showUnknown(error) {
    if (!isAbort(error)) this.showFailures("?", true);
  }

  /**
   * @param {string} count
   * @param {boolean} isOffered
   */
  showFailures(count, isOffered) {
    const button = required(this.bar, ".failures", HTMLElement);
    required(button, ".count", HTMLElement).textContent = count;
    button.hidden = !isOffered;
  }
}

/**
 * Unfold the calls that failed in a message, and scroll to the beginning of the first, where it says so.
 * @param {number} index
 */
function unfoldFailures(index) {
  const message = document.getElementById(`m${index}`);
  const folds = message ? all(message, "details.failed", HTMLDetailsElement) : [];
  for (const fold of folds) fold.open = true;
  (closest(message, "details.failed") ?? folds[0])?.scrollIntoView({ block: "start", behavior: "instant" });
}

/**
 * Return how far a message is below the top of the window, in pixels; null if it is not on the page.
 * @param {number} index
 */
function topOf(index) {
  return document.getElementById(`m${index}`)?.getBoundingClientRect().top ?? null;
}
