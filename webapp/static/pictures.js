// Pictures opened in place: a dialog with the whole picture. The arrow keys go to the next one, Escape closes. A click
// shows one that had to be reduced in its full size.

import { all, closest } from "./dom.js";
import { placeAfter } from "./find.js";

/**
 * Open the picture that was clicked, if one was; return whether it was.
 * @param {MouseEvent} event
 * @param {HTMLElement} content the page, whose pictures the arrow keys go through
 */
export function openPicture(event, content) {
  const link = closest(event.target, "a");
  const picture = link?.querySelector("img.picture");
  if (!link || !(picture instanceof HTMLImageElement) || event.metaKey || event.ctrlKey || event.shiftKey) return false;
  event.preventDefault();
  const pictures = all(content, "a > img.picture", HTMLImageElement);
  new PictureDialog(pictures, pictures.indexOf(picture)).open();
  return true;
}

class PictureDialog {
  /**
   * @param {HTMLImageElement[]} pictures
   * @param {number} place
   */
  constructor(pictures, place) {
    this.pictures = pictures.map(({ src, alt, parentElement }) => ({ src, alt, link: parentElement }));
    this.place = place;
    this.image = document.createElement("img");
    this.failure = element("p", "picture-failure");
    this.frame = element("div", "picture-frame");
    this.frame.append(this.image, this.failure);
    this.name = element("bdi", "picture-name");
    this.count = element("span", "picture-count");
    this.size = button("Full size", "Full size", () => this.showWhole(!this.dialog.classList.contains("whole")));
    this.closing = button("Close", "Close", () => this.dialog.close());
    this.dialog = document.createElement("dialog");
    this.dialog.className = "picture-dialog";
    this.dialog.setAttribute("aria-label", "Picture");
    this.dialog.append(this.frame, this.bar());
  }

  bar() {
    const bar = element("div", "picture-bar");
    const steps = this.pictures.length > 1
      ? [button("←", "Previous picture", () => this.step(-1)), button("→", "Next picture", () => this.step(1))]
      : [];
    const caption = element("p", "picture-caption");
    caption.setAttribute("aria-live", "polite");
    caption.append(this.name, this.count);
    const buttons = element("div", "picture-buttons");
    buttons.append(this.size, ...steps, this.closing);
    bar.append(caption, buttons);
    return bar;
  }

  open() {
    const { dialog, image } = this;
    this.show();
    image.addEventListener("load", () => this.showWhole(false));
    image.addEventListener("error", () => this.fail());
    image.addEventListener("click", () => { if (!this.size.hidden) this.size.click(); });
    dialog.addEventListener("keydown", (event) => this.onKey(event));
    dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
    dialog.addEventListener("close", () => this.onClose());
    document.body.append(dialog);
    dialog.showModal();
    this.closing.focus();
  }

  /** The focus goes to the picture that was shown last. */
  onClose() {
    this.dialog.remove();
    const link = this.pictures[this.place]?.link;
    link?.focus({ preventScroll: true });
    link?.scrollIntoView({ block: "nearest" });
  }

  /** @param {KeyboardEvent} event */
  onKey(event) {
    const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (by && event.target !== this.frame) this.step(by); // in the frame, the keys scroll
  }

  /** @param {number} by */
  step(by) {
    this.place = placeAfter(this.place, by, this.pictures.length);
    this.show();
  }

  show() {
    const picture = this.pictures[this.place];
    if (!picture) return;
    this.failure.hidden = true;
    this.image.hidden = false;
    this.image.src = picture.src;
    this.image.alt = picture.alt;
    this.name.textContent = this.name.title = picture.alt;
    const count = this.pictures.length > 1 ? `${this.place + 1} of ${this.pictures.length}` : "";
    this.count.textContent = picture.alt && count ? ` · ${count}` : count;
    this.showWhole(false);
  }

  /**
   * Show the picture in its full size, with scrolling, or so that it fits. A picture that fits has no other size.
   * @param {boolean} whole
   */
  showWhole(whole) {
    const { image, size, frame } = this;
    this.dialog.classList.toggle("whole", whole);
    frame.scrollTo(0, 0);
    size.textContent = whole ? "Fit" : "Full size";
    frame.tabIndex = whole ? 0 : -1;
    if (!whole) this.hideSize(image.naturalWidth <= image.clientWidth + 1 && image.naturalHeight <= image.clientHeight + 1);
  }

  /** @param {boolean} hidden */
  hideSize(hidden) {
    if (hidden && document.activeElement === this.size) this.closing.focus(); // or the keys would reach the page
    this.size.hidden = hidden;
    this.image.classList.toggle("is-reduced", !hidden);
  }

  fail() {
    this.hideSize(true);
    this.image.hidden = true;
    this.failure.hidden = false;
    this.failure.textContent = failureText(this.image.alt);
  }
}

/**
 * Say in the place of a picture that it cannot be shown. It stays one of those that the arrow keys go through.
 * @param {HTMLImageElement} picture
 */
export function hideBroken(picture) {
  if (picture.hidden) return;
  const message = element("p", "label");
  message.dir = "auto";
  message.textContent = failureText(picture.alt);
  picture.hidden = true;
  picture.after(message);
}

/**
 * Say it of the pictures that could not be loaded so far.
 * @param {HTMLElement} content
 */
export function hideBrokenIn(content) {
  for (const picture of all(content, "img.picture", HTMLImageElement)) {
    if (picture.complete && !picture.naturalWidth) hideBroken(picture);
  }
}

/** @param {string} name */
function failureText(name) {
  return `${name || "Picture"}: cannot be shown, because it is missing or damaged`;
}

/**
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {string} className
 */
function element(tag, className) {
  const made = document.createElement(tag);
  made.className = className;
  return made;
}

/**
 * @param {string} text
 * @param {string} name
 * @param {() => void} act
 */
function button(text, name, act) {
  const made = document.createElement("button");
  made.type = "button";
  made.textContent = text;
  if (name !== text) made.setAttribute("aria-label", name);
  made.addEventListener("click", act);
  return made;
}
