// Find within a conversation: the server looks through all of it, the page shows what is found and goes there.

import { reach } from "./api.js";
import { withFilters } from "./beside.js";

const PAUSE = 250; // milliseconds after the last key
const MOST_MARKED = 2000;

export class Find {
  constructor(form, transcript, signal) {
    this.form = form;
    this.transcript = transcript;
    this.input = form.elements.words;
    this.count = form.querySelector(".count");
    this.found = [];
    this.more = false;
    this.place = -1;
    this.asked = 0;
    transcript.grown = () => this.mark();
    this.input.addEventListener("input", () => this.typed(), { signal });
    form.addEventListener("submit", (event) => { event.preventDefault(); this.step(1); }, { signal });
    form.addEventListener("keydown", (event) => this.pressed(event), { signal });
    for (const button of form.querySelectorAll("[data-step]")) {
      button.addEventListener("click", () => this.step(Number(button.dataset.step)), { signal });
    }
    signal.addEventListener("abort", () => CSS.highlights?.delete("found"));
    if (this.input.value) this.look();
  }

  typed() {
    clearTimeout(this.timer);
    this.pending = new Promise((resolve) => {
      this.timer = setTimeout(() => resolve(this.look()), PAUSE);
    });
  }

  pressed(event) {
    if (event.key === "Enter" && event.shiftKey) {
      event.preventDefault();
      this.step(-1);
    } else if (event.key === "Escape") {
      this.input.value = "";
      this.look();
    }
  }

  /** Ask which messages hold the words. */
  async look() {
    const words = this.input.value.trim();
    const asked = ++this.asked;
    const found = words ? await this.ask(words) : [];
    if (asked !== this.asked) return; // other words were typed meanwhile
    this.found = found ?? [];
    this.place = -1;
    this.mark();
    this.say(found === null);
  }

  async ask(words) {
    try {
      const address = new URL(withFilters(this.form.dataset.hits, ""), location);
      address.searchParams.set("words", words);
      const response = await reach(address);
      if (!response.ok) return null;
      const hits = new DOMParser().parseFromString(await response.text(), "text/html");
      this.more = hits.querySelector("[data-more]") !== null;
      return [...hits.querySelectorAll("[data-index]")].map((hit) => Number(hit.dataset.index));
    } catch {
      return null;
    }
  }

  say(failed) {
    const all = `${this.found.length}${this.more ? "+" : ""}`;
    const at = this.place < 0 ? `${all} found` : `${this.place + 1} of ${all}`;
    this.count.textContent = failed ? "failed" : this.input.value.trim() ? at : "";
    this.form.classList.toggle("on", this.found.length > 0);
  }

  /** Go to the next or the previous message that holds the words; at first, to the nearest one. */
  async step(by) {
    await this.pending;
    if (!this.found.length) return;
    const last = this.found.length - 1;
    if (this.place < 0) this.place = this.nearest();
    else this.place = (this.place + by + last + 1) % (last + 1);
    this.say(false);
    await this.transcript.show(this.found[this.place]);
  }

  nearest() {
    const { read } = this.transcript;
    const from = read ? Number(read.id.slice(1)) : 0;
    const place = this.found.findIndex((index) => index >= from);
    return place < 0 ? this.found.length - 1 : place;
  }

  /** Mark the words in what is shown. */
  mark() {
    if (!CSS.highlights) return;
    const words = this.input.value.trim();
    CSS.highlights.delete("found");
    if (words && this.found.length) CSS.highlights.set("found", new Highlight(...this.ranges(words)));
  }

  ranges(words) {
    const pattern = new RegExp(words.split(/\s+/).map(escaped).join("\\s+"), "giu");
    const found = [];
    const texts = document.createTreeWalker(this.transcript.messages, NodeFilter.SHOW_TEXT);
    while (texts.nextNode() && found.length < MOST_MARKED) {
      for (const match of texts.currentNode.data.matchAll(pattern)) {
        const range = new Range();
        range.setStart(texts.currentNode, match.index);
        range.setEnd(texts.currentNode, match.index + match[0].length);
        found.push(range);
      }
    }
    return found;
  }
}

function escaped(text) {
  return text.replace(/[.*+?^${}()|[\]\\/-]/g, "\\$&");
}
