// Several sessions at once: checkboxes in the list, and a bar with the actions for those that are selected.

import { perform } from "./actions.js";
import { RequestError, request, statusText } from "./api.js";
import { Progress, takeSteps } from "./batch.js";
import { confirmDelete } from "./delete_dialog.js";
import { all, byId, closest, errorIn, parsed, required, textOf } from "./dom.js";
import { on } from "./events.js";
import { list, rows, shownFilters, step, withRowsBetween } from "./list.js";
import { onLongPress } from "./long_press.js";
import { hasTag } from "./places_state.js";
import { chooseProject } from "./project_dialog.js";
import { commonTags, flagActions, progressText, resultText, shortfallText, undoneText, withRange } from "./selection_state.js";
import { chooseTag } from "./tag_dialog.js";
import { deletedMessage, restoring } from "./text.js";
import { explain, toast } from "./toast.js";

/** @typedef {import("./api.js").BatchStep} BatchStep */
/** @typedef {import("./project_dialog.js").ProjectChoice} ProjectChoice */
/** @typedef {import("./selection_state.js").Outcome} Outcome */
/** @typedef {import("./selection_state.js").Selected} Selected */

/** What the server says of all that match. @typedef {{ sessions: Matching[], warnings: string[] }} AllMatching */
/** @typedef {Omit<Selected, "project"> & { session_id: string, project_id: string | null }} Matching */

/** Sessions whose rows are not loaded stay selected. @type {Map<string, Selected>} */
let selected = new Map();
/** Where a range begins: the session that was selected last without Shift. @type {string | null} */
let anchor = null;
/** What was selected when the range began. @type {ReadonlyMap<string, Selected>} */
let base = new Map();
/** The act that is under way. @type {Progress | null} */
let running = null;

const bar = () => byId("picked");
const active = () => list().classList.contains("picking");

export function start() {
  on("rows-changed", update);
  byId("pick").addEventListener("click", () => (active() ? stop() : begin()));
  onLongPress(list(), ".row", (row) => (active() ? rangeTo(row) : toggle(row))); // first, to stop the click that follows
  list().addEventListener("click", onClick, true);
  list().addEventListener("keydown", onKey);
  bar().addEventListener("click", (event) => { act(closest(event.target, "button")?.dataset.act ?? ""); });
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
  const focused = bar().contains(document.activeElement);
  list().classList.remove("picking");
  selected = new Map();
  anchor = null;
  update();
  if (focused) step(0);
  return true;
}

/** Select the focused row, or deselect it. */
export function toggleFocused() {
  const row = closest(document.activeElement, ".row");
  if (row) toggle(row);
}

/**
 * Return whether a session is selected.
 * @param {string} id
 */
export const isSelected = (id) => selected.has(id);

/** Return what is known of the selected sessions. */
export const selectedSessions = () => [...selected.values()];

/** @param {MouseEvent} event */
function onClick(event) {
  const row = closest(event.target, ".row");
  const box = event.target instanceof Element && event.target.matches(".row-pick");
  if (!row || closest(event.target, ".row-menu") || !(active() || box)) return;
  if (!box) event.preventDefault();
  event.stopPropagation();
  if (event.shiftKey) rangeTo(row);
  else toggle(row);
}

/** @param {KeyboardEvent} event */
function onKey(event) {
  const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  const row = closest(event.target, ".row");
  if (!event.shiftKey || by === undefined || !row) return;
  event.preventDefault();
  if (!active()) toggle(row);
  step(by);
  const next = closest(document.activeElement, ".row");
  if (next) rangeTo(next);
}

/** @param {HTMLElement} row */
function toggle(row) {
  const { id = "" } = row.dataset;
  if (!selected.delete(id)) selected.set(id, describedBy(row));
  anchor = id;
  base = new Map(selected);
  begin();
}

/**
 * Select the rows from the one that was selected last to another, in place of an earlier range from there.
 * @param {HTMLElement} row
 */
async function rangeTo(row) {
  const { id = "" } = row.dataset;
  const from = anchor ??= id;
  begin();
  try {
    await withRowsBetween(from, id, () => {
      if (anchor !== from || !active()) return; // something else was selected since
      selected = withRange(base, loaded(), from, id);
      update();
    });
  } catch (error) {
    explain(error, () => rangeTo(row));
  }
}

/** @returns {[string, Selected][]} */
function loaded() {
  return rows().map((row) => [row.dataset.id ?? "", describedBy(row)]);
}

/**
 * @param {HTMLElement} row
 * @returns {Selected}
 */
function describedBy(row) {
  const { project = "", ...marks } = row.dataset;
  const tags = all(row, ".tag bdi", HTMLElement).map(textOf);
  return { project, tags, held: "held" in marks, pinned: "pinned" in marks, archived: "archived" in marks };
}

function selectShown() {
  selected = new Map([...selected, ...loaded()]);
  base = selected;
  update();
}

async function selectMatching() {
  try {
    const { sessions, warnings } = await fetchMatching(shownFilters());
    selected = new Map(sessions.map(({ session_id: id, project_id: project, ...known }) => [id, { ...known, project: project ?? "" }]));
    base = selected;
    for (const warning of warnings) toast(warning, { bad: true });
  } catch (error) {
    explain(error, selectMatching);
  }
  update();
}

/**
 * @param {string} filters
 * @returns {Promise<AllMatching>}
 */
async function fetchMatching(filters) {
  const response = await request(`/selection?${filters}`, { cache: "no-store" });
  if (!response.ok) throw new RequestError(errorIn(parsed(await response.text())) ?? statusText(response), response.status);
  return response.json();
}

/** Show what is selected. */
function update() {
  for (const row of rows()) {
    const box = required(row, ".row-pick", HTMLInputElement);
    box.checked = selected.has(row.dataset.id ?? "");
    row.classList.toggle("is-picked", box.checked);
  }
  byId("pick").setAttribute("aria-pressed", String(active()));
  bar().hidden = !active() && !running;
  required(bar(), "output", HTMLElement).textContent = `${selected.size.toLocaleString("en")} selected`;
  required(bar(), ".picked-head", HTMLElement).hidden = running !== null;
  required(bar(), ".picked-acts", HTMLElement).hidden = running !== null;
  required(bar(), ".picked-progress", HTMLElement).hidden = running === null;
  const flags = flagActions(selectedSessions());
  button("pin").textContent = flags.pin === "pin" ? "Pin" : "Unpin";
  button("archive").textContent = flags.archive === "archive" ? "Archive" : "Unarchive";
  for (const each of all(bar(), ".picked-acts button", HTMLButtonElement)) each.disabled = !selected.size;
}

/** @param {string} name */
function button(name) {
  return required(bar(), `[data-act=${name}]`, HTMLButtonElement);
}

// ---- actions --------------------------------------------------------------------------------------------

/** What each button of the bar does, by its `data-act`. @type {Map<string, () => void>} */
const ACTIONS = new Map(Object.entries({
  stop,
  shown: selectShown,
  matching: selectMatching,
  halt: () => { if (running) running.stopped = true; },
  tag,
  move,
  pin: () => batch(flagActions(selectedSessions()).pin),
  archive: () => batch(flagActions(selectedSessions()).archive),
  export: exportZip,
  delete: remove,
}));

/**
 * Do what a button of the bar does.
 * @param {string} name its `data-act`
 */
export function act(name) {
  ACTIONS.get(name)?.();
}

/** Return whether keys act on a selection. */
export const hasSelection = () => active() && selected.size > 0;

/** What those are with which an act worked. */
const RESULTS = {
  unimport: "no longer imported",
  pin: "pinned", unpin: "unpinned", archive: "archived", unarchive: "unarchived", move: "moved", tag: "tagged",
  untag: "untagged", delete: "moved to the trash", restore: "restored",
};

async function move() {
  const project = await chooseProject(null);
  if (project) await moveSelected(project);
}

/**
 * Move the selected sessions to a project, or to none.
 * @param {ProjectChoice} project
 */
export async function moveSelected(project) {
  const result = project.id === null ? "removed from their projects" : `moved to ${project.name}`;
  await batch("move", { project_id: project.id }, (outcome) => resultText(outcome, result));
}

/** Ask for a tag, and add it to the selected sessions, or remove it if all of them have it. */
async function tag() {
  const common = commonTags(selectedSessions());
  const name = await chooseTag(common);
  if (name && hasTag(common, name)) await batch("untag", { tags: [name] }, (outcome) => resultText(outcome, `no longer tagged ${name}`));
  else if (name) await tagSelected(name);
}

/**
 * Add a tag to the selected sessions.
 * @param {string} name
 */
export async function tagSelected(name) {
  await batch("tag", { tags: [name] }, (outcome) => resultText(outcome, `tagged ${name}`));
}

async function remove() {
  const before = new Map(selected);
  const ofAgent = (/** @type {string[]} */ ids) => ids.filter((id) => before.get(id)?.held).length;
  if (!(await confirmDelete(before.size, ofAgent([...before.keys()])))) return;
  await batch(
    "delete", {},
    (outcome) => (outcome.interrupted === null ? deletedMessage(outcome.done.length, ofAgent(outcome.done)) : resultText(outcome, RESULTS.delete)),
    restoring(before.size, ofAgent([...before.keys()])),
  );
}

/** Download the selected conversations. The browser shows how far that is. */
function exportZip() {
  const form = document.createElement("form");
  Object.assign(form, { method: "post", action: "/export.zip", hidden: true });
  const field = document.createElement("input");
  Object.assign(field, { type: "hidden", name: "session_ids", value: [...selected.keys()].join(" ") });
  form.append(field);
  document.body.append(form);
  form.submit(); // without an event: the answer is a file, not a page
  form.remove();
}

/**
 * Do the same with all that are selected.
 * @param {import("./api.js").BatchAction} action
 * @param {Pick<BatchStep, "project_id" | "tags">} [values]
 * @param {(outcome: Outcome) => string} [message]
 * @param {{ undone?: string, label?: string }} [words] for taking it back, if not "Undone." and "Undo"
 */
async function batch(action, values = {}, message = (outcome) => resultText(outcome, RESULTS[action]), words = {}) {
  if (running) return;
  /** @type {Outcome | null} */
  let outcome = null;
  const work = async () => { outcome = await run([{ session_ids: [...selected.keys()], action, ...values }]); };
  const done = () => (outcome ? message(outcome) : "");
  /** @type {Outcome | null} */
  let undone = null;
  const undo = async () => { undone = await runWhole(outcome?.undo ?? []); };
  const said = () => (undone && undone.done.length < undone.total ? undoneText(undone) : words.undone ?? "Undone.");
  if (await perform(work, done, undo, { ...words, undone: said })) stop();
}

/**
 * Take some steps, show how far they are, and report what did not work; throw `RequestError` if nothing did.
 * @param {BatchStep[]} steps
 * @returns {Promise<Outcome>}
 */
async function run(steps) {
  running = new Progress(showProgress);
  update();
  try {
    const outcome = await takeSteps(steps, running);
    const shortfall = shortfallText(outcome);
    if (shortfall) toast(shortfall, { bad: true });
    return outcome;
  } finally {
    running = null;
    update();
  }
}

/**
 * Take some steps without the offer to stop: an act that is taken back is taken back whole.
 * @param {BatchStep[]} steps
 */
async function runWhole(steps) {
  const halt = button("halt");
  halt.hidden = true;
  try {
    return await run(steps);
  } finally {
    halt.hidden = false;
  }
}

/**
 * @param {number} done
 * @param {number} total
 */
function showProgress(done, total) {
  const progress = required(bar(), "progress", HTMLProgressElement);
  progress.max = total;
  progress.value = done;
  required(bar(), ".picked-progress span", HTMLElement).textContent = progressText(done, total);
}
