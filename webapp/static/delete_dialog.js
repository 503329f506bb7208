// The question before conversations are deleted.

import { byId, dialogById, required } from "./dom.js";
import { deleteQuestion } from "./selection_state.js";

/**
 * Ask before conversations are deleted, and return whether that is wanted.
 * @param {number} count
 * @param {number} ofAgent how many of them the agent has too
 */
export async function confirmDelete(count, ofAgent) {
  const dialog = dialogById("confirm-delete");
  const { title, text } = deleteQuestion(count, ofAgent, dialog.dataset.days ?? "");
  byId("confirm-delete-title").textContent = title;
  byId("confirm-delete-text").textContent = text;
  dialog.returnValue = "";
  dialog.showModal();
  required(dialog, "[value=delete]", HTMLButtonElement).focus();
  await new Promise((resolve) => { dialog.addEventListener("close", resolve, { once: true }); });
  return dialog.returnValue === "delete";
}
