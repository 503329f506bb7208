// The messages of a conversation that are on the page: more are fetched where the user reads, those far away are removed.
//
// `window_state.js` decides what to fetch, to add and to remove; this module does it.

import { RequestError, isAbort, request, statusText } from "./api.js";
import { addCopyButtons } from "./copy.js";
import { all, closest, closestLink, parsed, required } from "./dom.js";
import { on } from "./events.js";
import { withFilters } from "./filters.js";
import { untilReleased } from "./press.js";
import { Queue } from "./tasks.js";
import { sentence } from "./text.js";
import { toast } from "./toast.js";
import {
  ChangeFilter, PREFETCH, edges, holdsEnd, indexInHash, isAtEnd, isNear, mergeActions, nearestEnd, newerQuery, olderQuery,
  openingPlace, queryToReachEnd, queryToShow, rangeAfterRemoval, rangeOf, removable, wasShortened,
} from "./window_state.js";

/** @typedef {import("./window_state.js").Query} Query */
/** @typedef {import("./window_state.js").Range} Range */

const LATEST = "↓ Latest";
const NEW_MESSAGES = "↓ New messages";

/** The transcript of a conversation. Its window is the part with the messages that are on the page. */
export class Transcript {
  /**
   * @param {HTMLElement} section
   * @param {AbortSignal} signal ends everything when the page is left
   */
  constructor(section, signal) {
    this.section = section;
    this.signal = signal;
    this.changes = new Queue();
    this.news = new ChangeFilter();
    /** Called after the messages on the page changed. */
    this.onChanged = () => {};
    /** Called after the page was scrolled to a message. */
    this.onShown = () => {};
    /** The open folds of messages that were removed, by the message's id. @type {Map<string, number[]>} */
    this.unfolded = new Map();
    this.latest = latestButton(() => this.toEnd());
    section.append(this.latest.box);
    this.edgeObserver = new IntersectionObserver((entries) => this.onEdges(entries), { rootMargin: `${PREFETCH}px 0px` });
    this.tailObserver = new IntersectionObserver(([entry]) => {
      this.latest.box.hidden = entry?.isIntersecting ?? false;
    }, { rootMargin: "0px 0px 200px" });
    this.observe();
    section.addEventListener("click", (event) => this.onClick(event), { signal });
    on("sessions-changed", (news) => this.onNews(news), { signal });
    addEventListener("hashchange", () => this.toHash(), { signal });
    signal.addEventListener("abort", () => this.disconnect());
  }

  get window() { return required(this.section, ".window", HTMLElement); }
  get messages() { return required(this.window, ".messages", HTMLElement); }
  get articles() { return articlesIn(this.window); }
  get range() { return rangeOf(this.window.dataset); }

  /** The first message on the screen, null if there is none. */
  get firstVisible() {
    return this.articles.find((article) => article.getBoundingClientRect().bottom > 0) ?? null;
  }

  /** Scroll to where the page opens. */
  open() {
    const place = openingPlace({ hash: location.hash, search: location.search, scrolled: scrollY });
    if (place === "message") this.toHash();
    if (place === "end") scrollToEnd();
  }

  observe() {
    this.disconnect();
    for (const edge of all(this.window, ".older, .newer", HTMLElement)) this.edgeObserver.observe(edge);
    const tail = this.window.querySelector(".tail");
    if (tail) this.tailObserver.observe(tail);
    else this.latest.box.hidden = false;
  }

  disconnect() {
    this.edgeObserver.disconnect();
    this.tailObserver.disconnect();
  }

  /** @param {IntersectionObserverEntry[]} entries */
  onEdges(entries) {
    const edge = entries.find((entry) => entry.isIntersecting)?.target;
    if (edge) this.grow(edge);
  }

  /** @param {MouseEvent} event */
  onClick(event) {
    const edge = closestLink(event.target, ".older > a.button, .newer > a.button")?.parentElement;
    if (!edge || event.metaKey || event.ctrlKey) return;
    event.preventDefault();
    this.grow(edge);
  }

  // ---- changing the window ----

  /**
   * Fetch a window of messages.
   * @param {Query} query
   */
  async fetch(query) {
    const address = new URL(withFilters(this.section.dataset.messages ?? ""), location.href);
    for (const [name, value] of Object.entries(query)) address.searchParams.set(name, String(value));
    const response = await request(address, { signal: this.signal });
    if (response.status === 204) throw new DOMException("the conversation was deleted", "AbortError");
    if (!response.ok) throw new RequestError(statusText(response), response.status);
    const fresh = parsed(await response.text()).querySelector(".window");
    if (fresh instanceof HTMLElement) return fresh;
    throw new RequestError("log in again to read more", 401);
  }

  /**
   * Change the window after the changes that wait already. Failures are reported to the user.
   * @param {() => Promise<void>} change
   */
  enqueue(change) {
    return this.changes.add(async () => {
      try {
        await change();
        this.onChanged();
      } catch (error) {
        if (!isAbort(error)) toast(sentence(`The messages could not be loaded: ${messageOf(error)}`), { bad: true });
      } finally {
        if (!this.signal.aborted) this.observe();
      }
    });
  }

  /**
   * Fetch the messages beyond an edge, unless the window is changing already.
   * @param {Element} edge
   */
  grow(edge) {
    const older = edge.classList.contains("older");
    if (!this.changes.busy) this.enqueue(() => (older ? this.addOlder() : this.addNewer()));
  }

  async addOlder() {
    const fresh = await this.fetch(olderQuery(this.range));
    addCopyButtons(fresh);
    const far = this.removableFor(fresh, this.articles.reverse());
    keepPlace(this.firstVisible, () => {
      this.remove(far);
      this.messages.prepend(...this.unfoldAgain(fresh));
      this.setRange({ ...this.range, offset: rangeOf(fresh.dataset).offset });
    });
  }

  async addNewer() {
    const fresh = await this.fetch(newerQuery(this.range));
    if (wasShortened(this.range, rangeOf(fresh.dataset))) await this.startOver();
    else this.extend(fresh);
  }

  /**
   * Put newer messages behind those on the page, and remove those that are too many before them.
   * @param {HTMLElement} fresh
   * @returns {HTMLElement[]} the new ones
   */
  extend(fresh) {
    const far = this.removableFor(fresh, this.articles);
    /** @type {HTMLElement[]} */
    let added = [];
    keepPlace(this.firstVisible, () => {
      added = this.append(fresh);
      this.remove(far);
    });
    return added;
  }

  /**
   * Return which messages to remove for those that were fetched.
   * @param {HTMLElement} fresh
   * @param {HTMLElement[]} articles those on the page, the far end first
   */
  removableFor(fresh, articles) {
    const selection = getSelection();
    const isSelected = (/** @type {HTMLElement} */ article) =>
      selection !== null && !selection.isCollapsed && selection.containsNode(article, true);
    return removable(articles, articlesIn(fresh).length, (article) =>
      isNear(article.getBoundingClientRect(), innerHeight) || isSelected(article));
  }

  /**
   * Remove messages from the page. If one of them has the focus, the nearest that remains gets it.
   * @param {HTMLElement[]} removed
   */
  remove(removed) {
    const [nearest] = removed;
    if (!nearest) return;
    const focused = removed.some((article) => article.contains(document.activeElement));
    for (const article of removed) {
      const folds = openFolds(article);
      if (folds.length) this.unfolded.set(article.id, folds);
      article.remove();
    }
    const first = required(this.messages, ":scope > :first-child", HTMLElement);
    const last = required(this.messages, ":scope > :last-child", HTMLElement);
    const end = nearestEnd(messageIn(nearest), messageIn(first));
    if (focused) (end === "first" ? first : last).focus({ preventScroll: true });
    this.setRange(rangeAfterRemoval(this.range, messageIn(first), messageIn(last)));
  }

  /**
   * Return the messages of a fetched window, with the folds open that were open when they were removed.
   * @param {HTMLElement} fresh
   */
  unfoldAgain(fresh) {
    const articles = articlesIn(fresh);
    for (const article of articles) {
      unfold(article, this.unfolded.get(article.id) ?? []);
      this.unfolded.delete(article.id);
    }
    return articles;
  }

  /**
   * Note which messages are on the page, and show how many are before and after them.
   * @param {Range} range
   */
  setRange(range) {
    const { window } = this;
    window.dataset.offset = String(range.offset);
    window.dataset.end = String(range.end);
    window.dataset.total = String(range.total);
    const { older, newer } = edges(range);
    showEdge(required(window, ":scope > .older", HTMLElement), "before", older.before, older.count);
    showEdge(required(window, ":scope > .newer", HTMLElement), "after", newer.after, newer.count);
    if (!holdsEnd(range)) window.querySelector(":scope > .tail")?.remove();
  }

  /**
   * Put newer messages behind those on the page, or in the place of those that got answers to their tool calls.
   * @param {HTMLElement} fresh
   * @returns {HTMLElement[]} the new ones
   */
  append(fresh) {
    addCopyButtons(fresh);
    const held = this.articles;
    const incoming = this.unfoldAgain(fresh);
    const actions = mergeActions(held.map(messageIn), incoming.map(messageIn));
    const added = incoming.filter((_, index) => actions[index] === "append");
    const changed = incoming.filter((_, index) => actions[index] === "replace");
    for (const article of changed) {
      const old = held.find((each) => each.id === article.id);
      if (old) unfold(article, openFolds(old));
      old?.replaceWith(article);
    }
    this.messages.append(...added);
    this.replaceTail(fresh);
    return added;
  }

  /**
   * Take over what stands behind the last message of a fetched window, and where that window ends.
   * @param {HTMLElement} fresh
   */
  replaceTail(fresh) {
    this.window.querySelector(":scope > .tail")?.remove();
    const tail = fresh.querySelector(":scope > .tail");
    if (tail) this.window.append(tail);
    this.window.dataset.seen = fresh.dataset.seen ?? "";
    const { end, total } = rangeOf(fresh.dataset);
    this.setRange({ ...this.range, end, total });
  }

  /** @param {HTMLElement} fresh */
  replace(fresh) {
    addCopyButtons(fresh);
    this.window.replaceWith(fresh);
  }

  // ---- moving ----

  /**
   * Scroll to a message, which is fetched if it is not on the page.
   * @param {number} index
   */
  async show(index) {
    const query = queryToShow(this.range, index);
    if (query) await this.enqueue(async () => this.replace(await this.fetch(query)));
    const element = document.getElementById(`m${index}`);
    if (!element) return;
    reveal(element);
    this.onShown();
  }

  toHash() {
    const index = indexInHash(location.hash, this.range);
    if (index !== null) this.show(index);
  }

  async toEnd() {
    const query = queryToReachEnd(this.range);
    if (query) await this.enqueue(async () => this.replace(await this.fetch(query)));
    scrollToEnd();
  }

  // ---- following changes ----

  /** @param {import("./events.js").SessionNews | null} news */
  onNews(news) {
    const entry = news?.sessions?.find((each) => each.session_id === this.section.dataset.session);
    if (this.news.mayHaveChanged(entry) && holdsEnd(this.range)) this.enqueue(() => this.catchUp());
  }

  /** Add the messages that came since the last change. */
  async catchUp() {
    const following = isAtEnd({ height: innerHeight, scrolled: scrollY, pageHeight: document.documentElement.scrollHeight });
    const fresh = await this.fetch(newerQuery(this.range));
    await untilReleased();
    if (wasShortened(this.range, rangeOf(fresh.dataset))) return this.startOver();
    const added = this.extend(fresh);
    for (const article of added) article.classList.add("arrived");
    if (following) scrollToEnd();
    else if (added.length) this.latest.button.textContent = NEW_MESSAGES;
    return undefined;
  }

  /** Show the end of a conversation that has fewer messages than before. */
  async startOver() {
    this.replace(await this.fetch({}));
    toast("This conversation was shortened elsewhere.");
  }
}

/**
 * Change the messages without moving one of them on the screen.
 * @param {HTMLElement | null} anchor
 * @param {() => void} change
 */
function keepPlace(anchor, change) {
  const root = document.documentElement;
  const top = () => (anchor && document.getElementById(anchor.id)?.getBoundingClientRect().top) ?? 0;
  const before = top();
  root.style.overflowAnchor = "none"; // or the browser would move the page a second time
  change();
  scrollBy({ top: top() - before, behavior: "instant" });
  requestAnimationFrame(() => { root.style.overflowAnchor = ""; });
}

/** @param {HTMLElement} window */
function articlesIn(window) {
  return all(window, ":scope > .messages > *", HTMLElement);
}

/**
 * Return which messages of the conversation an element shows.
 * @param {HTMLElement} article
 * @returns {import("./window_state.js").Message}
 */
function messageIn(article) {
  return { index: Number(article.id.slice(1)), last: Number(article.dataset.last) };
}

/**
 * Show at an edge of the messages how many are beyond it.
 * @param {HTMLElement} edge
 * @param {"before" | "after"} name
 * @param {number} index
 * @param {number} count
 */
function showEdge(edge, name, index, count) {
  const link = required(edge, "a.button", HTMLAnchorElement);
  const address = new URL(link.href);
  address.searchParams.set(name, String(index));
  link.setAttribute("href", address.pathname + address.search);
  required(edge, ".count", HTMLElement).textContent = count.toLocaleString("en");
  edge.hidden = count === 0;
}

/**
 * Return which of a message's folds are open, by their place.
 * @param {HTMLElement} article
 */
function openFolds(article) {
  return foldsIn(article).flatMap((fold, place) => (fold.open ? [place] : []));
}

/**
 * Open folds of a message.
 * @param {HTMLElement} article
 * @param {number[]} places
 */
function unfold(article, places) {
  foldsIn(article).forEach((fold, place) => { if (places.includes(place)) fold.open = true; });
}

/** @param {HTMLElement} article */
function foldsIn(article) {
  return all(article, "details.fold", HTMLDetailsElement);
}

/**
 * Scroll to a message and mark it. What encloses it is unfolded, and so is its own answer.
 * @param {HTMLElement} element
 */
function reveal(element) {
  for (let fold = closest(element, "details"); fold; fold = closest(fold.parentElement, "details")) {
    if (fold instanceof HTMLDetailsElement) fold.open = true;
  }
  for (const fold of all(element, ":scope > details.answer", HTMLDetailsElement)) fold.open = true;
  for (const marked of document.querySelectorAll(".message.at, .result.at")) marked.classList.remove("at");
  element.classList.add("at");
  element.scrollIntoView({ block: "start", behavior: "instant" });
}

function scrollToEnd() {
  scrollTo({ top: document.documentElement.scrollHeight, behavior: "instant" });
}

/**
 * Return the button that leads to the last message, and the box that floats it over the page.
 * @param {() => void} run
 */
function latestButton(run) {
  const box = document.createElement("div");
  box.className = "latest";
  box.hidden = true;
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = LATEST;
  button.addEventListener("click", () => { button.textContent = LATEST; run(); });
  box.append(button);
  return { box, button };
}

/** @param {unknown} error */
function messageOf(error) {
  return error instanceof Error ? error.message : String(error);
}
