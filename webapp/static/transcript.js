// The conversation: more of it is loaded where it is read, what is new appears, and any message can be gone to.

import { Refused, reach } from "./api.js";
import { copy } from "./copy.js";
import { Find } from "./find.js";
import { toast } from "./toast.js";

const AHEAD = "1200px"; // how far from the edge of what is loaded more is asked for
const AT_END = 120; // pixels: whoever is so near to the end follows what is new

/** Make the content's transcript alive; return what stops it. */
export function mount(content) {
  const stop = new AbortController();
  enhance(content);
  content.addEventListener("click", (event) => clicked(event, content), { signal: stop.signal });
  content.addEventListener("error", hideBroken, { capture: true, signal: stop.signal });
  document.addEventListener("keydown", (event) => pressed(event, content), { signal: stop.signal });
  const section = content.querySelector(".transcript");
  if (section) {
    const transcript = new Transcript(section, stop.signal);
    new Find(content.querySelector(".find"), transcript, stop.signal);
    transcript.open();
  }
  return () => stop.abort();
}

// ---- the window of messages -------------------------------------------------------------------------------

class Transcript {
  constructor(section, signal) {
    this.section = section;
    this.signal = signal;
    this.busy = false;
    this.grown = () => {};
    this.latest = latestButton(() => this.toEnd());
    section.append(this.latest);
    this.edges = new IntersectionObserver((seen) => this.edgesSeen(seen), { rootMargin: AHEAD });
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
    const response = await reach(`${this.section.dataset.messages}?${query}`, { signal: this.signal });
    if (response.status === 204) throw new DOMException("the conversation is gone", "AbortError");
    if (!response.ok) throw new Refused(`the server answered ${response.status}`, response.status);
    const found = parsed(await response.text()).querySelector(".window");
    if (!found) throw new Refused("log in again to see more", 401);
    return found;
  }

  /** Run what changes the window, one at a time; say why it did not work. */
  async alone(change) {
    if (this.busy) return;
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
    return this.alone(() => (older ? this.addOlder() : this.addNewer()));
  }

  async addOlder() {
    const found = await this.fetch(`before=${this.offset}`);
    enhance(found);
    keepingPlace(this.messages.firstElementChild, () => {
      this.messages.prepend(...found.querySelector(".messages").children);
      this.window.querySelector(".older")?.remove();
      const older = found.querySelector(".older");
      if (older) this.window.prepend(older);
      this.window.dataset.offset = found.dataset.offset;
    });
  }

  async addNewer() {
    this.append(await this.fetch(`after=${this.end - 1}`));
  }

  /** Put newer messages behind those that are there; an answer that came replaces the message with its call. */
  append(found) {
    enhance(found);
    const added = [];
    for (const article of [...found.querySelector(".messages").children]) {
      const shown = this.messages.querySelector(`:scope > #${article.id}`);
      if (shown?.dataset.last === article.dataset.last) continue;
      if (shown) keepOpen(shown, article);
      else added.push(article);
      if (shown) shown.replaceWith(article);
      else this.messages.append(article);
    }
    for (const name of [".newer", ".tail"]) {
      this.window.querySelector(`:scope > ${name}`)?.remove();
      const part = found.querySelector(`:scope > ${name}`);
      if (part) this.window.append(part);
    }
    for (const name of ["end", "total", "seen"]) this.window.dataset[name] = found.dataset[name];
    return added;
  }

  replace(found) {
    enhance(found);
    this.window.replaceWith(found);
  }

  /** Show a message by its index, also one that is not loaded. */
  async show(index) {
    if (index < this.offset || index >= this.end) {
      await this.alone(async () => this.replace(await this.fetch(`at=${index}`)));
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
    if (this.end < this.total) await this.alone(async () => this.replace(await this.fetch("")));
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
    const found = await this.fetch(this.end ? `after=${this.end - 1}` : "");
    if (Number(found.dataset.total) < this.end) {
      this.replace(await this.fetch(""));
      toast("This conversation was shortened elsewhere.");
      return;
    }
    const added = this.append(found);
    for (const article of added) article.classList.add("arrived");
    if (following) scrollToEnd();
    else if (added.length) this.latest.firstElementChild.textContent = "↓ New messages";
  }
}

/** Change what is above an element without moving it on the screen. */
function keepingPlace(element, change) {
  const root = document.documentElement;
  const top = () => (element ? element.getBoundingClientRect().top : 0);
  const before = top();
  root.style.overflowAnchor = "none"; // the browser's own way would do it a second time
  change();
  scrollBy({ top: top() - before, behavior: "instant" });
  requestAnimationFrame(() => { root.style.overflowAnchor = ""; });
}

/** Open in a message's new version what was open in the old one. */
function keepOpen(old, renewed) {
  const folds = [...renewed.querySelectorAll("details")];
  [...old.querySelectorAll("details")].forEach((fold, place) => {
    if (fold.open && folds[place]) folds[place].open = true;
  });
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

function parsed(html) {
  return new DOMParser().parseFromString(html, "text/html");
}

// ---- what any message has ---------------------------------------------------------------------------------

/** Give every block of code its copy button. */
function enhance(root) {
  for (const code of root.querySelectorAll(".code")) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "copy";
    button.textContent = "Copy";
    code.append(button);
  }
}

async function clicked(event, content) {
  const menu = event.target.closest(".more");
  for (const open of content.querySelectorAll(".more[open]")) if (open !== menu) open.open = false;
  const button = event.target.closest(".copy");
  if (button) return copyCode(button);
  const link = event.target.closest("[data-copy-link]");
  if (link) return copyLink(event, link);
  const truncate = event.target.closest("[data-truncate]");
  if (truncate && !event.metaKey && !event.ctrlKey) return ask(event, truncate);
}

async function copyCode(button) {
  const done = await copy(button.parentElement.querySelector("pre").textContent);
  button.textContent = done ? "Copied" : "Not copied";
  setTimeout(() => { button.textContent = "Copy"; }, 2000);
}

async function copyLink(event, link) {
  event.preventDefault();
  link.closest(".more").open = false;
  if (await copy(link.href)) toast("The link is copied.");
  else toast("The browser does not allow copying.", { bad: true });
}

/** Show the form of another page in a dialog. */
async function ask(event, link) {
  event.preventDefault();
  link.closest(".more").open = false;
  try {
    const response = await reach(link.href);
    const form = parsed(await response.text()).querySelector("form.ask");
    if (!form) throw new Refused("this is not possible any more: reload the page", response.status);
    const dialog = document.createElement("dialog");
    dialog.className = "dialog";
    dialog.setAttribute("aria-label", form.querySelector("h1").textContent);
    dialog.append(form);
    dialog.addEventListener("close", () => dialog.remove());
    form.addEventListener("submit", () => dialog.close());
    form.querySelector("[data-close]").addEventListener("click", (click) => { click.preventDefault(); dialog.close(); });
    document.body.append(dialog);
    dialog.showModal();
  } catch (error) {
    toast(error.message, { bad: true });
  }
}

function pressed(event, content) {
  const plain = !(event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented);
  const field = content.querySelector(".find input");
  if (event.key === "f" && plain && field && !event.target.closest("input, textarea, select, dialog")) {
    event.preventDefault();
    field.select();
  }
  if (event.key === "Escape") closeMenus();
}

function closeMenus() {
  const open = document.querySelector(".more[open]");
  if (!open) return;
  open.open = false;
  open.querySelector("summary").focus();
}

function hideBroken(event) {
  if (!event.target.matches?.("img.picture")) return;
  const words = document.createElement("p");
  words.className = "label";
  words.textContent = `${event.target.alt || "Picture"}: cannot be shown`;
  event.target.replaceWith(words);
}
