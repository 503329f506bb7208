// Copying text to the clipboard, and the copy button on every block of code.

import { closest } from "./dom.js";

/**
 * Copy a text; return whether it worked.
 * @param {string} text
 * @returns {Promise<boolean>}
 */
export async function copy(text) {
  try {
    if (!hasClipboard()) return copySelected(text);
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}

/** Browsers offer the clipboard over HTTPS and on this machine only. */
function hasClipboard() {
  return "clipboard" in navigator && Boolean(navigator.clipboard);
}

/**
 * Copy by selecting, which is deprecated but also works over plain HTTP from another machine.
 * @param {string} text
 */
function copySelected(text) {
  const field = document.createElement("textarea");
  field.value = text;
  field.className = "visually-hidden";
  document.body.append(field);
  field.select();
  const copied = document.execCommand("copy");
  field.remove();
  return copied;
}

/**
 * Give every block of code its copy button.
 * @param {ParentNode} root
 */
export function addCopyButtons(root) {
  for (const code of root.querySelectorAll(".code")) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "copy";
    button.textContent = "Copy";
    code.append(button);
  }
}

/**
 * Copy the block of code that a button stands on, and show on the button whether it worked.
 * @param {HTMLElement} button
 */
export async function copyCode(button) {
  const code = closest(button, ".code")?.querySelector("pre");
  const copied = await copy(code?.textContent ?? "");
  button.textContent = copied ? "Copied" : "Copy failed";
  setTimeout(() => { button.textContent = "Copy"; }, 2000);
}
