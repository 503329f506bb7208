// The outline of a conversation: the user's messages in a panel, beside the text where there is room for it.

import { all, closestLink, optional, required } from "./dom.js";
import { entryAt } from "./jumps_state.js";

const BESIDE_TEXT = "(min-width: 112rem)"; // as in outline.css
const LONG = 10; // messages of the user, from which on the outline is shown beside the text without being asked for

/**
 * What the outline asks of the page: the message that the reader is at, to go to one, and to fetch the entries around one.
 * @typedef {object} OutlinePage
 * @property {() => number} at
 * @property {(index: number) => Promise<void>} go
 * @property {(at: number | null) => Promise<{ landmarks: import("./jumps_state.js").Landmarks, body: HTMLElement }>} fetch
 */

export class Outline {
  /**
   * @param {HTMLElement} panel
   * @param {OutlinePage} page
   */
  constructor(panel, page) {
    this.panel = panel;
    this.page = page;
    this.body = required(panel, ".outline-body", HTMLElement);
    /** @type {HTMLElement | null} */
    this.opener = null;
    this.waits = false;
  }

  /**
   * @param {HTMLElement} opener
   * @param {AbortSignal} signal ends everything when the page is left
   */
  start(opener, signal) {
    this.opener = opener;
    opener.setAttribute("role", "button");
    opener.setAttribute("aria-expanded", "false");
    this.panel.addEventListener("click", (event) => this.onClick(event), { signal });
    this.panel.addEventListener("keydown", (event) => this.onKey(event), { signal });
    addEventListener("scroll", () => this.follow(), { signal, passive: true });
    if (matchMedia(BESIDE_TEXT).matches) this.openIfLong().catch(() => {}); // asked for by nobody
  }

  async openIfLong() {
    const { landmarks, body } = await this.page.fetch(null);
    if (landmarks.users.length >= LONG && this.panel.hidden) this.show(body);
  }

  get links() {
    return all(this.body, "a[data-index]", HTMLAnchorElement);
  }

  async toggle() {
    if (!this.panel.hidden) return this.close();
    this.setOpen(true);
    this.show((await this.page.fetch(null)).body);
    this.current?.focus();
    return undefined;
  }

  /** @param {boolean} open */
  setOpen(open) {
    this.panel.hidden = !open;
    this.opener?.setAttribute("aria-expanded", String(open));
  }

  close() {
    const focused = this.panel.contains(document.activeElement);
    this.setOpen(false);
    if (focused) this.opener?.focus();
  }

  /** @param {HTMLElement} body */
  show(body) {
    this.setOpen(true);
    this.body.replaceChildren(...body.childNodes);
    this.mark();
  }

  /** The entry of the message that the reader is at; the first one before it. */
  get current() {
    return optional(this.body, "[aria-current]", HTMLAnchorElement) ?? this.links[0] ?? null;
  }

  /** Mark where the reader is, once for each frame. */
  follow() {
    if (this.panel.hidden || this.waits) return;
    this.waits = true;
    requestAnimationFrame(() => { this.waits = false; this.mark(); });
  }

  mark() {
    const { links } = this;
    const at = entryAt(links.map((link) => Number(link.dataset.index)), this.page.at());
    const old = optional(this.body, "[aria-current]", HTMLAnchorElement);
    const link = links.find((each) => Number(each.dataset.index) === at);
    if (link === old) return;
    old?.removeAttribute("aria-current");
    link?.setAttribute("aria-current", "location");
    if (link) keepInView(link, this.body);
  }

  /** @param {MouseEvent} event */
  async onClick(event) {
    if (event.target instanceof Element && event.target.closest("[data-close]")) return this.close();
    const link = closestLink(event.target, "a");
    if (!link || event.metaKey || event.ctrlKey) return undefined;
    event.preventDefault();
    event.stopPropagation();
    if (link.dataset.page) this.show((await this.page.fetch(Number(link.dataset.page))).body);
    else await this.go(Number(link.dataset.index));
    return undefined;
  }

  /** @param {number} index */
  async go(index) {
    if (!matchMedia(BESIDE_TEXT).matches) this.setOpen(false);
    await this.page.go(index);
    this.mark();
  }

  /** @param {KeyboardEvent} event */
  onKey(event) {
    if (event.key === "Escape") {
      event.stopPropagation();
      this.close();
    }
    const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!by) return;
    event.preventDefault();
    const { links } = this;
    const place = links.findIndex((link) => link === document.activeElement);
    links[Math.max(0, Math.min(links.length - 1, place + by))]?.focus();
  }
}

/**
 * Scroll a list so far that one of its entries is to be seen; the page stays where it is.
 * @param {HTMLElement} entry
 * @param {HTMLElement} list
 */
function keepInView(entry, list) {
  const { top, bottom } = entry.getBoundingClientRect();
  const around = list.getBoundingClientRect();
  if (top < around.top) list.scrollTop -= around.top - top;
  else if (bottom > around.bottom) list.scrollTop += bottom - around.bottom;
}
