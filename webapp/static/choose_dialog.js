// The dialog that asks for one of several names, or for a new one.

import { all, dialogById, required } from "./dom.js";

/**
 * What can be chosen. `color` is drawn beside it, and `current` marks what is so now.
 * @typedef {{ value: string, label: string, color?: string | null, current?: boolean }} Choice
 */

/**
 * What the dialog asks: `created` labels the field for a new name, which has at most `most` characters.
 * @typedef {{ title: string, choices: Choice[], created: string, most: number, verb: string }} Question
 */

const dialog = () => dialogById("choose");

/**
 * Ask, and return the value that was chosen, or the name that was typed; null if neither was.
 * @param {Question} question
 * @returns {Promise<{ value: string } | { created: string } | null>}
 */
export async function choose(question) {
  const focused = document.activeElement;
  show(question);
  await new Promise((resolve) => { dialog().addEventListener("close", resolve, { once: true }); });
  if (focused instanceof HTMLElement) focused.focus({ preventScroll: true });
  const answer = dialog().returnValue;
  if (answer === "new") return { created: field().value };
  return answer.startsWith("=") ? { value: answer.slice(1) } : null;
}

const field = () => required(dialog(), "[name=name]", HTMLInputElement);

/** @param {Question} question */
function show({ title, choices, created, most, verb }) {
  required(dialog(), "h2", HTMLElement).textContent = title;
  required(dialog(), "label", HTMLElement).textContent = `Name of a ${created.toLowerCase()}`;
  required(dialog(), ".verb", HTMLElement).textContent = verb;
  Object.assign(field(), { value: "", placeholder: created, maxLength: most });
  const box = required(dialog(), ".choices", HTMLElement);
  box.replaceChildren(...choices.map(choiceButton));
  field().oninput = () => {
    const typed = field().value.trim().toLowerCase();
    for (const each of all(box, "button", HTMLElement)) each.hidden = !each.textContent.toLowerCase().includes(typed);
  };
  dialog().returnValue = "";
  dialog().showModal();
  const first = box.querySelector("[aria-current]") ?? box.querySelector("button") ?? field();
  if (first instanceof HTMLElement) first.focus();
}

/** @param {Choice} choice */
function choiceButton({ value, label, color, current }) {
  const button = document.createElement("button");
  button.className = "menu-item";
  button.value = `=${value}`;
  if (current) button.setAttribute("aria-current", "true");
  const swatch = document.createElement("span");
  swatch.className = "swatch";
  if (color && /^#[0-9a-f]{3,8}$/i.test(color)) swatch.style.background = color;
  const text = document.createElement("bdi");
  text.textContent = label;
  button.append(swatch, text);
  return button;
}
