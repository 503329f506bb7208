// Several sessions at once: checkboxes in the list, and a bar with the actions for those that are selected.

import { perform } from "./actions.js";
import { RequestError, post } from "./api.js";
import { all, byId, closest, required } from "./dom.js";
import { on } from "./events.js";
import { list, rows } from "./list.js";
import { chooseProject } from "./project_dialog.js";
import { counted, deleteLabel, deletedMessage, sentence } from "./text.js";
import { toast } from "./toast.js";

/** @typedef {import("./api.js").BatchAction} BatchAction */

const BATCH = 100; // sessions in one request, so that each request is short

/**
 * What is known of each selected session: its project, empty for none, and whether deleting it erases something of the agent too.
 * Sessions whose rows are not loaded stay selected.
 * @typedef {{ project: string, held: boolean }} Selected
 * @type {Map<string, Selected>}
 */
const selected = new Map();
/** The session that was selected last: a click with Shift selects the range from there. @type {string | null} */
let last = null;

const bar = () => byId("picked");
const active = () => list().classList.contains("picking");

export function start() {
  on("rows-changed", update);
  byId("pick").addEventListener("click", () => (active() ? stop() : begin()));
  list().addEventListener("click", onClick, true);
  bar().addEventListener("click", (event) => ACTIONS.get(closest(event.target, "button")?.dataset.act ?? "")?.());
}

function begin() {
  list().classList.add("picking");
  update();
}

/**
 * Leave the selection.
 * @returns {boolean} whether there was one
 */
export function stop() {
  if (!active()) return false;
  list().classList.remove("picking");
  selected.clear();
  last = null;
  update();
  return true;
}

/** Select the focused row, or deselect it. */
export function toggleFocused() {
  const row = closest(document.activeElement, ".row");
  if (!row) return;
  begin();
  toggle(row);
}

/** @param {MouseEvent} event */
function onClick(event) {
  const row = closest(event.target, ".row");
  if (!active() || !row || closest(event.target, ".row-menu")) return;
  if (!(event.target instanceof Element && event.target.matches(".row-pick"))) event.preventDefault();
  event.stopPropagation();
  if (event.shiftKey && last !== null) selectRange(last, row);
  else toggle(row);
}

/** @param {HTMLElement} row */
function toggle(row) {
  const { id = "" } = row.dataset;
  if (!selected.delete(id)) select(row);
  last = id;
  update();
}

/** @param {HTMLElement} row */
function select({ dataset: { id = "", project = "", ...marks } }) {
  selected.set(id, { project, held: "held" in marks });
}

/**
 * Select the rows from one to another.
 * @param {string} from a session
 * @param {HTMLElement} to
 */
function selectRange(from, to) {
  const elements = rows();
  const places = [elements.findIndex((row) => row.dataset.id === from), elements.indexOf(to)];
  elements.slice(Math.max(0, Math.min(...places)), Math.max(...places) + 1).forEach(select);
  update();
}

/** Show what is selected. */
function update() {
  for (const row of rows()) {
    const box = required(row, ".row-pick", HTMLInputElement);
    box.checked = selected.has(row.dataset.id ?? "");
    row.classList.toggle("is-picked", box.checked);
  }
  byId("pick").setAttribute("aria-pressed", String(active()));
  bar().hidden = !active();
  required(bar(), "output", HTMLElement).textContent = `${selected.size} selected`;
  showDeleteLabel(deleteLabel(ofAgent([...selected.keys()])));
  for (const button of all(bar(), "[data-act]:not([data-act=stop])", HTMLButtonElement)) button.disabled = !selected.size;
}

/** @param {string} label */
function showDeleteLabel(label) {
  const button = required(bar(), "[data-act=delete]", HTMLButtonElement);
  button.title = label;
  required(button, ".visually-hidden", HTMLElement).textContent = label;
}

/**
 * Return of how many of these selected sessions the agent has something too.
 * @param {string[]} ids
 * @param {Map<string, Selected>} known
 */
function ofAgent(ids, known = selected) {
  return ids.filter((id) => known.get(id)?.held).length;
}

// ---- actions --------------------------------------------------------------------------------------------

/** What each button of the bar does, by its `data-act`. @type {Map<string, () => void>} */
const ACTIONS = new Map(Object.entries({
  stop,
  pin: () => batch("pin", "pinned", (ids) => send("unpin", ids)),
  archive: () => batch("archive", "archived", (ids) => send("unarchive", ids)),
  delete: remove,
  move,
}));

async function remove() {
  const before = new Map(selected);
  const message = (/** @type {string[]} */ ids) => deletedMessage(ids.length, ofAgent(ids, before));
  await batch("delete", message, (ids) => send("restore", ids));
}

async function move() {
  const project = await chooseProject(null);
  if (!project) return;
  const before = new Map(selected);
  const result = project.id === null ? "removed from their projects" : `moved to ${project.name}`;
  await batch("move", result, (ids) => moveBack(ids, before), project.id);
}

/**
 * Move each session to the project that it was in.
 * @param {string[]} ids
 * @param {Map<string, Selected>} before
 */
async function moveBack(ids, before) {
  for (const project of new Set([...before.values()].map((each) => each.project))) {
    await send("move", ids.filter((id) => before.get(id)?.project === project), project);
  }
}

/**
 * Do the same with all that are selected.
 * @param {BatchAction} action
 * @param {string | ((ids: string[]) => string)} result what those are with which it worked, such as "pinned", or the message
 * @param {(ids: string[]) => Promise<unknown>} undo takes it back for those with which it worked
 * @param {string | null} [project]
 */
async function batch(action, result, undo, project = null) {
  const ids = [...selected.keys()];
  /** @type {string[]} */
  let done = [];
  const work = async () => { done = await send(action, ids, project); };
  const message = () => (typeof result === "string" ? sentence(`${counted(done.length, "conversation")} ${result}`) : result(done));
  if (await perform(work, message, async () => { await undo(done); })) stop();
}

/**
 * Do the same with some sessions, and report those with which it did not work; throw `RequestError` if it worked with none.
 * @param {BatchAction} action
 * @param {string[]} ids
 * @param {string | null} [project]
 * @returns {Promise<string[]>} the sessions with which it worked
 */
async function send(action, ids, project = null) {
  const results = [];
  for (let place = 0; place < ids.length; place += BATCH) {
    const body = { session_ids: ids.slice(place, place + BATCH), action, project_id: project || null };
    results.push(...(await post("/api/sessions/batch", body)).results);
  }
  const [failure, ...failures] = results.flatMap((result) => (result.ok ? [] : [result]));
  const count = failure ? failures.length + 1 : 0;
  if (failure && count === results.length) throw new RequestError(failure.error, failure.status);
  if (failure) toast(sentence(`${count} of ${counted(ids.length, "conversation")} failed: ${failure.error}`), { bad: true });
  return results.flatMap((result) => (result.ok ? [result.session_id] : []));
}
