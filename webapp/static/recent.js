// The searches that this browser remembers, below the empty search box. They are never sent anywhere.

import { all, byId, closest, isComposing, required } from "./dom.js";
import { read, write } from "./preferences.js";
import { remembered, valid } from "./recent_state.js";

const field = () => required(document, "#q", HTMLInputElement);
const box = () => byId("recent");

const kept = () => valid(read("recent-searches", /** @type {unknown[]} */ ([])));

/**
 * Show recent searches while the search box is empty and used.
 * @param {(text: string) => void} search searches for one of them
 */
export function start(search) {
  field().addEventListener("focus", show);
  field().addEventListener("input", show);
  field().addEventListener("keydown", (event) => {
    if (box().hidden || event.defaultPrevented || isComposing(event)) return;
    if (event.key === "ArrowDown") step(event, 0);
    if (event.key === "Escape") { event.preventDefault(); hide(); }
  });
  box().addEventListener("keydown", onKey);
  box().addEventListener("click", (event) => onClick(event, search));
  byId("finder").addEventListener("focusout", ({ relatedTarget }) => {
    if (relatedTarget !== field() && !(relatedTarget instanceof Node && box().contains(relatedTarget))) hide();
  });
}

/**
 * Remember a search.
 * @param {string} text
 */
export function remember(text) {
  write("recent-searches", remembered(kept(), text));
}

function hide() {
  box().hidden = true;
}

function show() {
  const searches = field().value ? [] : kept();
  required(box(), "ul", HTMLUListElement).replaceChildren(...searches.map(entryFor));
  box().hidden = !searches.length;
}

/** @param {string} text */
function entryFor(text) {
  const entry = document.createElement("li");
  const again = buttonFor("recent-search", text);
  const words = document.createElement("bdi");
  words.textContent = text;
  again.append(words);
  const remove = buttonFor("quiet", text);
  remove.dataset.act = "forget";
  remove.setAttribute("aria-label", `Remove ${text}`);
  remove.textContent = "×";
  entry.append(again, remove);
  return entry;
}

/**
 * @param {string} className
 * @param {string} text
 */
function buttonFor(className, text) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = className;
  button.dataset.search = text;
  return button;
}

/**
 * @param {MouseEvent} event
 * @param {(text: string) => void} search
 */
function onClick(event, search) {
  const button = closest(event.target, "button");
  if (!button) return;
  const text = button.dataset.search ?? "";
  if (button.dataset.act === "forget-all") forget([]);
  else if (button.dataset.act === "forget") forget(kept().filter((each) => each !== text));
  else {
    hide();
    search(text);
  }
}

/** @param {string[]} left */
function forget(left) {
  write("recent-searches", left);
  field().focus();
  show();
}

/** @param {KeyboardEvent} event */
function onKey(event) {
  const place = buttons().findIndex((button) => button === document.activeElement);
  if (event.key === "Escape") {
    event.preventDefault();
    field().focus();
    hide();
  } else if (event.key === "ArrowDown") step(event, place + 1);
  else if (event.key === "ArrowUp" && place > 0) step(event, place - 1);
  else if (event.key === "ArrowUp") {
    event.preventDefault();
    field().focus();
  }
}

const buttons = () => all(box(), ".recent-search, [data-act=forget-all]", HTMLButtonElement);

/**
 * @param {KeyboardEvent} event
 * @param {number} place
 */
function step(event, place) {
  event.preventDefault();
  buttons()[Math.min(place, buttons().length - 1)]?.focus();
}
