// A long press on a touch screen. It opens no link, and no menu of the browser.

import { closest } from "./dom.js";

const HELD = 450; // milliseconds, before the browser's own menu comes
const MOVED = 10; // pixels: whoever moves farther scrolls

/**
 * Call a function after a long press on an element that matches a selector.
 * @param {HTMLElement} box
 * @param {string} selector
 * @param {(element: HTMLElement) => void} act
 */
export function onLongPress(box, selector, act) {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  let pressed = false;
  let from = { x: 0, y: 0 };
  const cancel = () => clearTimeout(timer);
  box.addEventListener("pointerdown", (event) => {
    cancel();
    pressed = false;
    const element = closest(event.target, selector);
    if (event.pointerType !== "touch" || !element) return;
    from = { x: event.clientX, y: event.clientY };
    timer = setTimeout(() => { pressed = true; act(element); }, HELD);
  });
  box.addEventListener("pointermove", ({ clientX, clientY }) => {
    if (Math.hypot(clientX - from.x, clientY - from.y) > MOVED) cancel();
  });
  for (const name of ["pointerup", "pointercancel", "scroll"]) box.addEventListener(name, cancel, { passive: true });
  for (const name of ["contextmenu", "dragstart"]) box.addEventListener(name, (event) => { if (pressed) event.preventDefault(); }, true);
  box.addEventListener("click", (event) => {
    if (!pressed) return;
    pressed = false;
    event.preventDefault();
    event.stopImmediatePropagation();
  }, true);
}
