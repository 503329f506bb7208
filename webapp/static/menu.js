// A menu below a button, used by arrow keys, Home, End and Escape. It closes when anything else is used.

import { byId } from "./dom.js";

const ICONS = new URL("vendor/lucide/icons.svg", import.meta.url).pathname; // of the version of this script

/**
 * An entry of a menu: it calls a function, or downloads what is at an address.
 * @typedef {object} MenuItem
 * @property {string} [icon] the name of a Lucide icon
 * @property {string} [color] the colour of a dot in the place of an icon
 * @property {boolean} [current] whether it is what there is now
 * @property {string} label
 * @property {(() => void) | string} action a function to call, or the address of a file to download
 * @property {string} [key] the key that does the same without the menu
 * @property {boolean} [danger] whether it deletes something
 */

/**
 * Return an icon.
 * @param {string} name
 */
function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  use.setAttribute("href", `${ICONS}#${name}`);
  svg.append(use);
  return svg;
}

/** @param {string} color */
function dot(color) {
  const element = document.createElement("span");
  element.className = "swatch";
  element.style.background = color;
  return element;
}

/**
 * Open a menu below a button.
 * @param {HTMLElement} button
 * @param {MenuItem[]} items
 */
export function openMenu(button, items) {
  const menu = document.createElement("div");
  menu.className = "menu popup";
  menu.popover = "auto";
  menu.setAttribute("role", "menu");
  menu.setAttribute("aria-label", button.getAttribute("aria-label") ?? "");
  const entries = items.map((item) => entryFor(item, () => {
    button.focus({ preventScroll: true });
    menu.hidePopover();
  }));
  menu.append(...entries);
  menu.addEventListener("keydown", (event) => onKey(event, menu, entries));
  menu.addEventListener("toggle", (event) => {
    if (event instanceof ToggleEvent && event.newState === "closed") onClosed(menu, button);
  });
  byId("side").append(menu);
  menu.showPopover();
  position(menu, button.getBoundingClientRect());
  button.setAttribute("aria-expanded", "true");
  entries[0]?.focus();
}

/**
 * @param {HTMLElement} menu
 * @param {HTMLElement} button
 */
function onClosed(menu, button) {
  button.setAttribute("aria-expanded", "false");
  const focused = document.activeElement;
  if (menu.contains(focused) || focused === document.body) button.focus({ preventScroll: true });
  menu.remove();
}

/**
 * @param {MenuItem} item
 * @param {() => void} close
 */
function entryFor(item, close) {
  const { action } = item;
  const entry = typeof action === "string" ? downloadLink(action) : plainButton();
  entry.className = item.danger ? "menu-item danger" : "menu-item";
  entry.setAttribute("role", "menuitem");
  if (item.current) entry.setAttribute("aria-current", "true");
  entry.append(item.color ? dot(item.color) : icon(item.icon ?? ""), document.createTextNode(item.label));
  if (item.key) entry.append(keyHint(item.key));
  entry.addEventListener("click", () => {
    close();
    if (typeof action !== "string") action();
  });
  return entry;
}

/** @param {string} address */
function downloadLink(address) {
  const link = document.createElement("a");
  link.href = address;
  link.download = "";
  return link;
}

function plainButton() {
  const button = document.createElement("button");
  button.type = "button";
  return button;
}

/** @param {string} key */
function keyHint(key) {
  const hint = document.createElement("kbd");
  hint.textContent = key;
  hint.setAttribute("aria-hidden", "true");
  return hint;
}

/**
 * @param {KeyboardEvent} event
 * @param {HTMLElement} menu
 * @param {HTMLElement[]} entries
 */
function onKey(event, menu, entries) {
  event.stopPropagation();
  if (event.key === "Tab") menu.hidePopover();
  const target = entryAfter(event.key, entries.findIndex((entry) => entry === document.activeElement));
  if (target === null) return;
  event.preventDefault();
  entries.at(target % entries.length)?.focus();
}

/**
 * Return the place that a key leads to, before it is wrapped at the ends; null for other keys.
 * @param {string} key
 * @param {number} place
 */
function entryAfter(key, place) {
  switch (key) {
    case "ArrowDown": return place + 1;
    case "ArrowUp": return place - 1;
    case "Home": return 0;
    case "End": return -1;
    default: return null;
  }
}

/**
 * Put a menu below its button, above it where there is no room, and inside the window.
 * @param {HTMLElement} menu
 * @param {DOMRect} button
 */
function position(menu, button) {
  const { offsetWidth: width, offsetHeight: height } = menu;
  const below = button.bottom + height + 8 < innerHeight;
  menu.style.left = `${Math.max(8, Math.min(button.right - width, innerWidth - width - 8))}px`;
  menu.style.top = `${Math.max(8, below ? button.bottom + 4 : button.top - height - 4)}px`;
}
