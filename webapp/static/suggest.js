// What is suggested while somebody types a search: a combobox whose list the server fills.
//
// `suggest_state.js` decides what a key does; this module asks, draws and puts what was chosen into the field.

import { get, isAbort, RequestError } from "./api.js";
import { all, byId, closest, isComposing, required } from "./dom.js";
import { SuggestState, charactersBefore } from "./suggest_state.js";
import { counted } from "./text.js";

/** @typedef {import("./suggest_state.js").Typed} Typed */
/** @typedef {import("./suggest_state.js").Step} Step */

const state = new SuggestState();
/** Aborts the request for suggestions. @type {AbortController | null} */
let asking = null;
/** Called when a suggestion was put into the field. */
let onTaken = () => {};

const field = () => required(document, "#q", HTMLInputElement);
const list = () => byId("suggestions");
const dateBox = () => required(document, ".suggest-date", HTMLElement);
const dateField = () => required(document, "#suggest-date", HTMLInputElement);

/**
 * Make the search box a combobox.
 * @param {() => void} taken called when a suggestion was put into it
 */
export function start(taken) {
  onTaken = taken;
  for (const [name, value] of [
    ["role", "combobox"], ["aria-autocomplete", "list"], ["aria-expanded", "false"], ["aria-controls", "suggestions"],
  ]) field().setAttribute(name ?? "", value ?? "");
  field().addEventListener("input", (event) => { if (!isComposing(event)) ask(); });
  field().addEventListener("compositionend", ask);
  field().addEventListener("keydown", onKey);
  list().addEventListener("pointerdown", (event) => event.preventDefault()); // or the field would lose the focus
  list().addEventListener("click", onClick);
  dateField().addEventListener("keydown", onDateKey);
  required(dateBox(), "button", HTMLButtonElement).addEventListener("click", takeDate);
  byId("finder").addEventListener("focusout", ({ relatedTarget }) => {
    if (relatedTarget !== field() && !(relatedTarget instanceof Node && byId("suggest").contains(relatedTarget))) close();
  });
}

/** Close the suggestions, and want no answer that is under way. */
export function close() {
  asking?.abort();
  list().ariaBusy = null;
  state.close();
  draw();
}

/** @returns {Typed} */
function typed() {
  const { value, selectionStart } = field();
  return { text: value, at: selectionStart ?? value.length };
}

/** Ask for suggestions for what is typed; an earlier question is dropped. */
export async function ask() {
  asking?.abort();
  const asked = typed();
  if (!asked.text) {
    close();
    return;
  }
  asking = new AbortController();
  const { signal } = asking;
  list().ariaBusy = "true";
  try {
    const query = new URLSearchParams({ text: asked.text, at: String(charactersBefore(asked)) });
    const answer = await get("/api/suggestions", { query, signal });
    if (document.activeElement !== field()) return;
    state.show(asked, answer, typed());
    draw();
  } catch (error) {
    if (isAbort(error)) return;
    if (!(error instanceof RequestError)) throw error;
    close(); // a search works without suggestions
  } finally {
    if (!signal.aborted) list().ariaBusy = null;
  }
}

// ---- keys and clicks --------------------------------------------------------------------------------------

/** @param {KeyboardEvent} event */
function onKey(event) {
  if (isComposing(event) || event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
  const step = state.step(event.key);
  if (!step) return;
  event.preventDefault();
  act(step);
}

/** @param {NonNullable<Step>} step */
function act(step) {
  switch (step.act) {
    case "choose":
      state.active = step.place;
      draw();
      break;
    case "take": take(step.place); break;
    case "date": chooseDate(); break;
    case "close": close(); break;
  }
}

/** @param {MouseEvent} event */
function onClick(event) {
  const option = closest(event.target, "[role=option]");
  if (!option) return;
  const place = all(list(), "[role=option]", HTMLElement).indexOf(option);
  if (option.dataset.date === undefined) take(place);
  else chooseDate();
}

/** @param {number} place */
function take(place) {
  const now = state.taken(place, typed());
  if (now) put(now);
}

/** @param {Typed} now */
function put({ text, at }) {
  state.close();
  field().value = text;
  field().focus();
  field().setSelectionRange(at, at);
  draw();
  ask();
  onTaken();
}

function chooseDate() {
  dateBox().hidden = false;
  dateField().focus();
}

/** @param {KeyboardEvent} event */
function onDateKey(event) {
  if (event.key !== "Enter" && event.key !== "Escape") return;
  event.preventDefault();
  event.stopPropagation();
  if (event.key === "Enter") {
    takeDate();
  } else {
    field().focus();
    close();
  }
}

function takeDate() {
  if (dateField().value) put(state.dated(dateField().value));
  else dateField().focus();
}

// ---- drawing ----------------------------------------------------------------------------------------------

function draw() {
  const { answer, active, isOpen } = state;
  byId("suggest").hidden = !isOpen;
  field().setAttribute("aria-expanded", String(isOpen));
  list().replaceChildren(...(isOpen ? options() : []));
  if (isOpen && active >= 0) field().setAttribute("aria-activedescendant", `suggestion-${active}`);
  else field().removeAttribute("aria-activedescendant");
  if (!isOpen || !answer.takes_date) dateBox().hidden = true;
  byId("suggest-status").textContent = isOpen && active < 0 ? counted(state.count, "suggestion") : "";
}

function options() {
  const { answer } = state;
  const made = answer.suggestions.map((each) => optionFor(each.label, each.meaning));
  if (answer.takes_date) {
    const calendar = optionFor("Pick a date…", "");
    calendar.dataset.date = "";
    made.push(calendar);
  }
  made.forEach((option, place) => {
    option.id = `suggestion-${place}`;
    option.setAttribute("aria-selected", String(place === state.active));
  });
  return made;
}

/**
 * @param {string} label
 * @param {string} meaning
 */
function optionFor(label, meaning) {
  const option = document.createElement("li");
  option.setAttribute("role", "option");
  const name = document.createElement("bdi");
  name.textContent = label;
  const words = document.createElement("span");
  words.textContent = meaning;
  option.append(name, " ", words);
  return option;
}
