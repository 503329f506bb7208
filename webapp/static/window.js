// The window of messages: what of a conversation is on the page. More is loaded where it is read, what is far away goes.

import { Refused, reach } from "./api.js";
import { withFilters } from "./beside.js";
import { enhance } from "./copy.js";
import { toast } from "./toast.js";

// Every change costs in proportion to what is on the page: with 2,300 messages 2.4 s, with 200 a tenth of it.
const MOST = 200;
const AHEAD = 2400; // pixels from the edge of what is loaded where more is asked for: three screens
const FAR = 2 * AHEAD; // pixels from the screen; more than AHEAD, or what went would be asked for again
const AT_END = 120; // pixels: whoever is so near to the end follows what is new

export class Transcript {
  constructor(section, signal) {
    this.section = section;
    this.signal = signal;
    this.busy = false; // whether a change is under way
    this.changes = Promise.resolve(); // the last of those that were asked for
    this.grown = () => {};
    this.unfolded = new Map(); // by id, what was open in messages that went
    this.latest = latestButton(() => this.toEnd());
    section.append(this.latest);
    this.edges = new IntersectionObserver((seen) => this.edgesSeen(seen), { rootMargin: `${AHEAD}px 0px` });
    this.ends = new IntersectionObserver(([seen]) => { this.latest.hidden = seen.isIntersecting; }, { rootMargin: "0px 0px 200px" });
    this.watch();
    section.addEventListener("click", (event) => this.clicked(event), { signal });
    document.addEventListener("sessions-changed", (event) => this.listChanged(event.detail), { signal });
    addEventListener("hashchange", () => this.toHash(), { signal });
    signal.addEventListener("abort", () => { this.edges.disconnect(); this.ends.disconnect(); });
  }

  get window() { return this.section.querySelector(".window"); }
  get messages() { return this.window.querySelector(".messages"); }
  get offset() { return Number(this.window.dataset.offset); }
  get end() { return Number(this.window.dataset.end); }
  get total() { return Number(this.window.dataset.total); }
  /** The first message that is seen. */
  get read() { return [...this.messages.children].find((article) => article.getBoundingClientRect().bottom > 0); }
  get atEnd() { return innerHeight + scrollY >= document.documentElement.scrollHeight - AT_END; }

  /** Go to the message of the address, else to the end unless another part or place was asked for. */
  open() {
    const query = new URLSearchParams(location.search);
    if (location.hash) this.toHash();
    else if (!scrollY && !["before", "after", "at"].some((name) => query.has(name))) scrollToEnd();
  }

  watch() {
    this.edges.disconnect();
    this.ends.disconnect();
    for (const edge of this.window.querySelectorAll(".older, .newer")) this.edges.observe(edge);
    const tail = this.window.querySelector(".tail");
    if (tail) this.ends.observe(tail);
    else this.latest.hidden = false;
  }

  edgesSeen(seen) {
    const edge = seen.find((each) => each.isIntersecting)?.target;
    if (edge) this.grow(edge.classList.contains("older"));
  }

  clicked(event) {
    const link = event.target.closest(".older > a.button, .newer > a.button");
    if (!link || event.metaKey || event.ctrlKey) return;
    event.preventDefault();
    this.grow(link.parentElement.classList.contains("older"));
  }

  /** Return the window that the server has for a query. */
  async fetch(query) {
    const address = new URL(withFilters(this.section.dataset.messages), location);
    for (const [name, value] of Object.entries(query)) address.searchParams.set(name, value);
    const response = await reach(address, { signal: this.signal });
    if (response.status === 204) throw new DOMException("the conversation is gone", "AbortError");
    if (!response.ok) throw new Refused(`the server answered ${response.status}`, response.status);
    const found = parsed(await response.text()).querySelector(".window");
    if (!found) throw new Refused("log in again to see more", 401);
    return found;
  }

  /** Run what changes the window, one after the other; say why it did not work. */
  alone(change) {
    this.changes = this.changes.then(() => this.run(change));
    return this.changes;
  }

  async run(change) {
    this.busy = true;
    try {
      await change();
      this.grown();
    } catch (error) {
      if (error.name !== "AbortError") toast(`The messages could not be loaded: ${error.message}.`, { bad: true });
    } finally {
      this.busy = false;
      if (!this.signal.aborted) this.watch();
    }
  }

  grow(older) {
    if (!this.busy) this.alone(() => (older ? this.addOlder() : this.addNewer()));
  }

  async addOlder() {
    const found = await this.fetch({ before: this.offset });
    enhance(found);
    const gone = this.tooMany([...this.messages.children].reverse(), found);
    keepingPlace(this.read, () => {
      this.remove(gone);
      this.messages.prepend(...this.asLeft(found));
      this.say({ offset: found.dataset.offset });
    });
  }

  async addNewer() {
    const found = await this.fetch({ after: this.end - 1 });
    if (Number(found.dataset.total) < this.end) return this.startAnew();
    return this.extend(found);
  }

  /** Put newer messages behind those on the page, and take away what is too much before them; return what is new. */
  extend(found) {
    const gone = this.tooMany([...this.messages.children], found);
    let added;
    keepingPlace(this.read, () => {
      added = this.append(found);
      this.remove(gone);
    });
    return added;
  }

  /** Return what of the messages, from the far end on, may go for those that were found. */
  tooMany(articles, found) {
    const excess = articles.length + found.querySelector(".messages").childElementCount - MOST;
    const selection = getSelection();
    const stays = (article) => {
      const { top, bottom } = article.getBoundingClientRect();
      const near = bottom > -FAR && top < innerHeight + FAR;
      return near || (!selection.isCollapsed && selection.containsNode(article, true));
    };
    const first = articles.findIndex(stays);
    return articles.slice(0, Math.max(0, Math.min(excess, first)));
  }

  /** Take messages off the page; what was focused among them leaves the focus to the nearest that stays. */
  remove(gone) {
    if (!gone.length) return;
    const focused = gone.some((article) => article.contains(document.activeElement));
    for (const article of gone) {
      const open = openFolds(article);
      if (open.length) this.unfolded.set(article.id, open);
      article.remove();
    }
    const { firstElementChild: first, lastElementChild: last } = this.messages;
    if (focused) (isBefore(gone[0], first) ? first : last).focus({ preventScroll: true });
    this.say({ offset: first.id.slice(1), end: Number(last.dataset.last) + 1 });
  }

  /** Return the messages of a window, open where they were when they went. */
  asLeft(found) {
    const articles = [...found.querySelector(".messages").children];
    for (const article of articles) {
      unfold(article, this.unfolded.get(article.id) ?? []);
      this.unfolded.delete(article.id);
    }
    return articles;
  }

  /** Note which messages are on the page, and say how many are before and after them. */
  say(facts = {}) {
    Object.assign(this.window.dataset, facts);
    const edges = { older: ["before", this.offset, this.offset], newer: ["after", this.end - 1, this.total - this.end] };
    for (const [name, [key, index, count]] of Object.entries(edges)) {
      const edge = this.window.querySelector(`:scope > .${name}`);
      const link = edge.querySelector("a.button");
      const address = new URL(link.href);
      address.searchParams.set(key, index);
      link.setAttribute("href", address.pathname + address.search);
      edge.querySelector(".count").textContent = count.toLocaleString("en");
      edge.hidden = count <= 0;
    }
    if (this.end < this.total) this.window.querySelector(":scope > .tail")?.remove();
  }

  /** Put newer messages behind those that are there; an answer that came replaces the message with its call. */
  append(found) {
    enhance(found);
    const added = [];
    for (const article of this.asLeft(found)) {
      const shown = this.messages.querySelector(`:scope > #${article.id}`);
      if (shown?.dataset.last === article.dataset.last) continue;
      if (shown) unfold(article, openFolds(shown));
      else added.push(article);
      if (shown) shown.replaceWith(article);
      else this.messages.append(article);
    }
    this.window.querySelector(":scope > .tail")?.remove();
    const tail = found.querySelector(":scope > .tail");
    if (tail) this.window.append(tail);
    const { end, total, seen } = found.dataset;
    this.say({ end, total, seen });
    return added;
  }

  replace(found) {
    enhance(found);
    this.window.replaceWith(found);
  }

  /** Show a message by its index, also one that is not loaded. */
  async show(index) {
    if (index < this.offset || index >= this.end) {
      await this.alone(async () => this.replace(await this.fetch({ at: index })));
    }
    const element = document.getElementById(`m${index}`);
    if (element) reveal(element);
    return element;
  }

  toHash() {
    const index = /^#m(\d{1,15})$/.exec(location.hash)?.[1];
    if (index && Number(index) < this.total) this.show(Number(index));
  }

  async toEnd() {
    if (this.end < this.total) await this.alone(async () => this.replace(await this.fetch({})));
    scrollToEnd();
  }

  // ---- what is new ----

  listChanged(news) {
    const entry = news?.sessions?.find((each) => each.session_id === this.section.dataset.session);
    const state = entry && JSON.stringify([entry.message_count, entry.last_message_at, entry.updated_at]);
    if (state && state === this.state) return;
    this.state = state;
    if (this.end >= this.total) this.alone(() => this.catchUp());
  }

  async catchUp() {
    const following = this.atEnd;
    const found = await this.fetch(this.end ? { after: this.end - 1 } : {});
    if (Number(found.dataset.total) < this.end) return this.startAnew();
    const added = this.extend(found);
    for (const article of added) article.classList.add("arrived");
    if (following) scrollToEnd();
    else if (added.length) this.latest.firstElementChild.textContent = "↓ New messages";
    return undefined;
  }

  /** Show the end of a conversation that has fewer messages than before. */
  async startAnew() {
    this.replace(await this.fetch({}));
    toast("This conversation was shortened elsewhere.");
  }
}

/** Change what is above a message, or the message, without moving it on the screen. */
function keepingPlace(article, change) {
  const root = document.documentElement;
  const top = () => document.getElementById(article?.id)?.getBoundingClientRect().top ?? 0;
  const before = top();
  root.style.overflowAnchor = "none"; // the browser's own way would do it a second time
  change();
  scrollBy({ top: top() - before, behavior: "instant" });
  requestAnimationFrame(() => { root.style.overflowAnchor = ""; });
}

/** Return which of a message's folds are open. */
function openFolds(article) {
  return [...article.querySelectorAll("details.fold")].flatMap((fold, place) => (fold.open ? [place] : []));
}

function unfold(article, places) {
  const folds = article.querySelectorAll("details.fold");
  for (const place of places) if (folds[place]) folds[place].open = true;
}

function isBefore(article, other) {
  return Number(article.id.slice(1)) < Number(other.id.slice(1));
}

/** Scroll to a message, also inside of something folded, and mark it. */
function reveal(element) {
  for (let fold = element.closest("details"); fold; fold = fold.parentElement.closest("details")) fold.open = true;
  for (const fold of element.querySelectorAll(":scope > details.answer")) fold.open = true;
  for (const marked of document.querySelectorAll(".message.at, .result.at")) marked.classList.remove("at");
  element.classList.add("at");
  element.scrollIntoView({ block: "start", behavior: "instant" });
}

function scrollToEnd() {
  scrollTo({ top: document.documentElement.scrollHeight, behavior: "instant" });
}

function latestButton(run) {
  const box = document.createElement("div");
  box.className = "latest";
  box.hidden = true;
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = "↓ Latest";
  button.addEventListener("click", () => { button.textContent = "↓ Latest"; run(); });
  box.append(button);
  return box;
}

export function parsed(html) {
  return new DOMParser().parseFromString(html, "text/html");
}
