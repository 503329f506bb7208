// Copying a message: its text as the page shows it, or its Markdown, which the server keeps.

import { RequestError, request, statusText } from "./api.js";
import { copy } from "./copy.js";
import { closest } from "./dom.js";
import { explain, toast } from "./toast.js";

/**
 * Copy the text of the message around a button. Of one without text, what it calls and gets back.
 * @param {HTMLElement} button
 */
export async function copyText(button) {
  const message = closest(button, ".message");
  const parts = [...message?.querySelectorAll(":scope > .text") ?? []];
  const shown = parts.length ? parts : [...message?.querySelectorAll(":scope > .fold pre") ?? []];
  tellCopied(await copy(shown.map(textWithoutButtons).join("\n\n")), "Text copied.");
}

/**
 * Return an element's text as it is laid out, without the words on the buttons in it.
 * @param {Element} element
 */
function textWithoutButtons(element) {
  const buttons = [...element.querySelectorAll("button")];
  for (const button of buttons) button.hidden = true;
  const text = element instanceof HTMLElement && element.checkVisibility() ? element.innerText : element.textContent;
  for (const button of buttons) button.hidden = false;
  return text.trim();
}

/**
 * Copy the Markdown at an address.
 * @param {string} address
 */
export async function copyMarkdown(address) {
  try {
    const response = await request(address);
    if (!response.ok) throw new RequestError(statusText(response), response.status);
    tellCopied(await copy(await response.text()), "Markdown copied.");
  } catch (error) {
    explain(error, () => copyMarkdown(address));
  }
}

/**
 * @param {boolean} copied
 * @param {string} message
 */
export function tellCopied(copied, message) {
  if (copied) toast(message);
  else toast("Your browser did not allow this page to copy.", { bad: true });
}
