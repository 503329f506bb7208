// Asks for a tag: an existing one, or a new one.

import { get } from "./api.js";
import { choose } from "./choose_dialog.js";
import { hasTag } from "./places_state.js";
import { explain } from "./toast.js";

const MAX_NAME = 50; // characters

/**
 * Ask for a tag.
 * @param {string[]} current the tags to mark as present ones
 * @returns {Promise<string | null>} null if nothing was chosen, or if the tags could not be read
 */
export async function chooseTag(current) {
  try {
    const { tags } = await get("/api/tags");
    const choices = tags.map(({ name }) => ({ value: name, label: name, current: hasTag(current, name) }));
    const answer = await choose({ title: "Tag", choices, created: "New tag", most: MAX_NAME, verb: "Add" });
    if (!answer) return null;
    return "created" in answer ? answer.created.trim().replace(/^#/, "") : answer.value;
  } catch (error) {
    explain(error);
    return null;
  }
}
