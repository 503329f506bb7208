// Pictures opened in place: a dialog with the whole picture. The arrow keys go to the next one, Escape closes.

import { all, closest, required } from "./dom.js";
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
  new PictureDialog(pictures, pictures.indexOf(picture), link).open();
  return true;
}

class PictureDialog {
  /**
   * @param {HTMLImageElement[]} pictures
   * @param {number} place
   * @param {HTMLElement} opener
   */
  constructor(pictures, place, opener) {
    this.pictures = pictures;
    this.place = place;
    this.opener = opener;
    this.dialog = document.createElement("dialog");
    this.dialog.className = "picture-dialog";
    this.dialog.setAttribute("aria-label", "Picture");
    this.image = document.createElement("img");
    this.caption = document.createElement("p");
    this.caption.setAttribute("aria-live", "polite");
    this.dialog.append(this.image, this.bar());
  }

  bar() {
    const bar = document.createElement("div");
    bar.className = "picture-bar";
    const steps = this.pictures.length > 1
      ? [button("←", "Previous picture", () => this.step(-1)), button("→", "Next picture", () => this.step(1))]
      : [];
    bar.append(this.caption, ...steps, button("Close", "Close", () => this.dialog.close()));
    return bar;
  }

  open() {
    const { dialog } = this;
    this.show();
    dialog.addEventListener("keydown", (event) => this.onKey(event));
    dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
    dialog.addEventListener("close", () => {
      dialog.remove();
      this.opener.focus({ preventScroll: true });
    });
    document.body.append(dialog);
    dialog.showModal();
    required(dialog, ".picture-bar button:last-child", HTMLButtonElement).focus();
  }

  /** @param {KeyboardEvent} event */
  onKey(event) {
    const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (by) this.step(by);
  }

  /** @param {number} by */
  step(by) {
    this.place = placeAfter(this.place, by, this.pictures.length);
    this.show();
  }

  show() {
    const picture = this.pictures[this.place];
    if (!picture) return;
    this.image.src = picture.src;
    this.image.alt = picture.alt;
    const count = this.pictures.length > 1 ? `${this.place + 1} of ${this.pictures.length}` : "";
    this.caption.textContent = [picture.alt, count].filter(Boolean).join(" · ");
  }
}

/**
 * @param {string} text
 * @param {string} name
 * @param {() => void} act
 */
function button(text, name, act) {
  const element = document.createElement("button");
  element.type = "button";
  element.textContent = text;
  if (name !== text) element.setAttribute("aria-label", name);
  element.addEventListener("click", act);
  return element;
}
