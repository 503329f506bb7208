// Which conversations are selected, and what is said about an act on all of them. Knows no DOM.

import { hasTag } from "./places_state.js";
import { counted, sentence } from "./text.js";

/** @typedef {import("./api.js").BatchAction} BatchAction */
/** @typedef {import("./api.js").BatchStep} BatchStep */

/**
 * What is known of a selected session: its project, empty for none, its tags, and whether deleting it deletes something
 * of the agent too.
 * @typedef {{ project: string, tags: string[], held: boolean, pinned: boolean, archived: boolean }} Selected
 */

/**
 * How far an act has come: the sessions that changed, why others did not, and what brings back what there was.
 * `interrupted` says why it ended early, "" if the user stopped it, null if it did not; `status` is that of the last failure.
 * `unknown` counts the sessions of a request without an answer: the server may have changed some of them.
 * @typedef {{
 *   total: number, done: string[], failures: string[], unknown: number, undo: BatchStep[], interrupted: string | null, status: number,
 * }} Outcome
 */

/** Sessions in one request, so that each request is short. */
export const PORTION = 50;

/**
 * Return a selection with a range added to it.
 * @param {ReadonlyMap<string, Selected>} base what was selected before the range
 * @param {readonly (readonly [string, Selected])[]} rows all that are loaded, in order
 * @param {string | null} from where the range begins; at its end if that is not loaded
 * @param {string} to where it ends
 * @returns {Map<string, Selected>}
 */
export function withRange(base, rows, from, to) {
  const end = rows.findIndex(([id]) => id === to);
  const start = rows.findIndex(([id]) => id === from);
  const places = [start < 0 ? end : start, end];
  return new Map([...base, ...rows.slice(Math.max(0, Math.min(...places)), Math.max(...places) + 1)]);
}

/**
 * Return a step as several of at most `PORTION` sessions.
 * @param {BatchStep} step
 * @returns {BatchStep[]}
 */
export function portionsOf(step) {
  const count = Math.ceil(step.session_ids.length / PORTION);
  return Array.from({ length: count }, (_, index) => ({
    ...step, session_ids: step.session_ids.slice(index * PORTION, (index + 1) * PORTION),
  }));
}

/**
 * Return what the buttons for pins and archiving do: the opposite, if all that are selected are so already.
 * @param {readonly Selected[]} selected
 * @returns {{ pin: "pin" | "unpin", archive: "archive" | "unarchive" }}
 */
export function flagActions(selected) {
  const all = (/** @type {"pinned" | "archived"} */ name) => selected.length > 0 && selected.every((each) => each[name]);
  return { pin: all("pinned") ? "unpin" : "pin", archive: all("archived") ? "unarchive" : "archive" };
}

/**
 * Return the tags that all have.
 * @param {readonly Selected[]} selected
 * @returns {string[]}
 */
export function commonTags([first, ...others]) {
  return (first?.tags ?? []).filter((name) => others.every(({ tags }) => hasTag(tags, name)));
}

/**
 * Return what is asked before conversations are deleted.
 * @param {number} count
 * @param {number} ofAgent how many of them the agent has too
 * @param {string} days for which the trash keeps them
 */
export function deleteQuestion(count, ofAgent, days) {
  const title = `Delete ${counted(count, "conversation")}?`;
  const kept = `The trash keeps ${count === 1 ? "it" : "them"} for ${days} days.`;
  if (!ofAgent) return { title, text: kept };
  const who = whoOf(ofAgent, count);
  const lost = ofAgent === 1 ? "it" : "them";
  return { title, text: `${who} to the agent and ${ofAgent === 1 ? "is" : "are"} deleted there too. ${kept} Restoring brings ${lost} back here, not to the agent.` };
}

/**
 * @param {number} ofAgent
 * @param {number} count
 */
function whoOf(ofAgent, count) {
  if (count === 1) return "It belongs";
  if (ofAgent === count) return "All of them belong";
  return `${ofAgent.toLocaleString("en")} of them ${ofAgent === 1 ? "belongs" : "belong"}`;
}

/**
 * Return how far an act is, in words.
 * @param {number} done
 * @param {number} total
 */
export function progressText(done, total) {
  return `${done.toLocaleString("en")} of ${total.toLocaleString("en")}`;
}

/**
 * Return why an act did not do all that it was asked to, null if it did.
 * @param {Outcome} outcome
 */
export function shortfallText({ total, done, failures, unknown, interrupted }) {
  const [reason, ...others] = failures;
  const more = others.length && new Set(failures).size > 1 ? ` (and ${counted(others.length, "other")})` : "";
  const failed = reason && sentence(`${failures.length.toLocaleString("en")} of ${counted(total, "conversation")} failed: ${reason}${more}`);
  const left = total - done.length - failures.length - unknown;
  const ended = interrupted && left > 0 && sentence(`${counted(left, "conversation")} were left as they are: ${interrupted}`);
  const lost = unknown > 0 && `No answer came for ${counted(unknown, "conversation")}: look whether they changed.`;
  return [failed, ended, lost].filter(Boolean).join(" ") || null;
}

/**
 * Return what is said after an act.
 * @param {Outcome} outcome
 * @param {string} result what those are that changed, such as "archived"
 */
export function resultText({ total, done, interrupted }, result) {
  const count = interrupted === null ? counted(done.length, "conversation") : `${progressText(done.length, total)} conversations`;
  return sentence(`${interrupted === "" ? "Stopped: " : ""}${count} ${result}`);
}

/**
 * Return what is said after an act was taken back.
 * @param {Outcome} outcome
 */
export function undoneText({ total, done }) {
  return done.length < total ? `Undone for ${progressText(done.length, total)} conversations.` : "Undone.";
}
