// What can be done with a session from its row or with a key. Each action reports what it did, and how to undo it.

import { post } from "./api.js";
import { takeForOne } from "./batch.js";
import { confirmDelete } from "./delete_dialog.js";
import { all, closest, isComposing, optional, required, textOf } from "./dom.js";
import { isMoving, list, refresh, removeRow, rowOf, rows, titleOf } from "./list.js";
import { openMenu } from "./menu.js";
import { renewAroundMessages, visit } from "./navigation.js";
import { hasTag } from "./places_state.js";
import { chooseProject } from "./project_dialog.js";
import { chooseTag } from "./tag_dialog.js";
import { Pending } from "./tasks.js";
import { deletedMessage, restoring } from "./text.js";
import { explain, toast } from "./toast.js";

/** @typedef {import("./api.js").BatchStep} BatchStep */
/** @typedef {import("./menu.js").MenuItem} MenuItem */

/**
 * A session as its row or its page describes it.
 * @typedef {object} Session
 * @property {string} id
 * @property {string} title
 * @property {string} project the id of its project, empty for none
 * @property {boolean} pinned
 * @property {boolean} archived
 * @property {boolean} agent whether it belongs to the agent, and cannot be edited here
 * @property {boolean} held whether deleting it erases something of the agent too
 * @property {boolean} masked whether its title holds a credential: `title` is not what is stored then
 * @property {string[]} tags as its row shows them
 */

/** @type {[format: string, label: string][]} */
const FORMATS = [["markdown", "Markdown"], ["html", "HTML"], ["json", "JSON"]];
const MAX_TITLE = 80; // characters

/** Undoes the last action. @type {(() => Promise<unknown>) | null} */
let undoAction = null;

/** The actions that are not finished, and what they renew on the page. */
const unfinished = new Pending();
const PATIENCE_SECONDS = 10;
/** Says that something was not done because they took too long. @type {HTMLElement | null} */
let complaint = null;

export function start() {
  list().addEventListener("click", (event) => {
    const row = closest(closest(event.target, ".row-menu"), ".row");
    if (row) openRowMenu(row.dataset.id ?? "");
  });
}

// ---- the session ----------------------------------------------------------------------------------------

/**
 * Return the session that keys act on: that of the focused row, else the open one.
 * @returns {Session | null}
 */
export function subject() {
  const row = closest(document.activeElement, ".row");
  return row ? sessionIn(row) : openSession();
}

/** Return the open session, null if none is open. @returns {Session | null} */
function openSession() {
  const page = openPage();
  return page && { ...sessionIn(page), title: textOf(pageTitle()) };
}

/**
 * Return the session that an element describes by its data attributes.
 * @param {HTMLElement} element
 * @returns {Session}
 */
export function sessionIn(element) {
  const { id = "", project = "", ...marks } = element.dataset;
  const title = textOf(element.querySelector(".row-title"));
  const is = (/** @type {string} */ name) => name in marks;
  return { id, title, project, pinned: is("pinned"), archived: is("archived"), agent: is("agent"), held: is("held"), masked: is("masked"), tags: tagsIn(element) };
}

/** @param {HTMLElement} element */
export function tagsIn(element) {
  return all(element, ".tag bdi", HTMLElement).map(textOf);
}

/** Return the element that describes the open session, null if none is open. */
const openPage = () => optional(document, ".actions[data-id]", HTMLElement);
const pageTitle = () => optional(document, "#content h1", HTMLElement);

// ---- performing -----------------------------------------------------------------------------------------

/**
 * Perform an action and report it, or why it failed.
 * @param {() => Promise<unknown>} action
 * @param {string | (() => string)} message what it did
 * @param {() => Promise<unknown>} [undo]
 * @param {{ undone?: string | (() => string), label?: string }} [words] what is said after that, and on the button for it
 * @returns {Promise<boolean>} whether it worked
 */
export function perform(action, message, undo, words = {}) {
  const work = performed(action, message, undo, words);
  unfinished.add(work.then(async (done) => { if (done) await refresh(); }));
  return work;
}

/** @type {typeof perform} */
async function performed(action, message, undo, { undone = "Undone.", label = "Undo" } = {}) {
  try {
    await action();
  } catch (error) {
    explain(error, () => { refresh(); visit(location.href, { push: false }); });
    return false;
  }
  undoAction = undo ? () => perform(undo, undone) : null;
  toast(typeof message === "string" ? message : message(), { action: undo ? { label, run: undoLast } : null });
  return true;
}

/** Whether what the page shows of a session may be from before an action. */
export const isUnfinished = () => unfinished.busy;

/**
 * Wait until the page shows what the actions did so far. If that takes too long, tell the user.
 * @param {() => string} omission what is not done then
 * @returns {Promise<boolean>} whether the page shows it
 */
export async function untilFinished(omission) {
  if (await unfinished.settled(PATIENCE_SECONDS * 1000)) return true;
  complaint?.remove();
  complaint = toast(
    `An earlier change has no answer after ${PATIENCE_SECONDS} seconds, so ${omission()}. Reload to see whether it was made.`,
    { bad: true, action: { label: "Reload", run: () => location.reload() } },
  );
  return false;
}

/** Undo the last action. */
export async function undoLast() {
  const undo = undoAction;
  undoAction = null;
  await undo?.();
}

/**
 * Perform an action that changes one session, and renew its page if that is open.
 * @param {Session} session
 * @param {() => Promise<unknown>} action
 * @param {string} message
 * @param {() => Promise<unknown>} [undo]
 */
function change({ id }, action, message, undo) {
  const renewing = (/** @type {() => Promise<unknown>} */ work) => async () => {
    await work();
    if (openPage()?.dataset.id === id) unfinished.add(renewAroundMessages()); // the action worked: no failure is reported
  };
  return perform(renewing(action), message, undo && renewing(undo));
}

/**
 * Return an act on one session, and what takes it back: to what the server had, which this page need not know.
 * @param {Session} session
 * @param {Omit<BatchStep, "session_ids">} step
 */
function reversible({ id }, step) {
  /** @type {BatchStep[]} */
  let undoing = [];
  const act = async () => { undoing = await takeForOne([{ session_ids: [id], ...step }]); };
  return { act, undo: () => takeForOne(undoing) };
}

/**
 * Change how one session is arranged: its pin, its archive flag, its project or its tags.
 * @param {Session} session
 * @param {Omit<BatchStep, "session_ids">} step
 * @param {string} message
 */
function arrange(session, step, message) {
  const { act, undo } = reversible(session, step);
  return change(session, act, message, undo);
}

/**
 * Return whether a session can be edited here; tell the user what to do if not.
 * @param {Session} session
 */
function checkEditable({ agent }) {
  if (agent) toast("This conversation belongs to the agent. Import it to edit it.", { bad: true });
  return !agent;
}

// ---- actions --------------------------------------------------------------------------------------------

/** @param {Session} session */
export async function pin(session) {
  if (!checkEditable(session)) return;
  if (session.pinned) await arrange(session, { action: "unpin" }, "Unpinned.");
  else await arrange(session, { action: "pin" }, "Pinned.");
}

/** @param {Session} session */
export async function archive(session) {
  if (!checkEditable(session)) return;
  if (session.archived) await arrange(session, { action: "unarchive" }, "Unarchived.");
  else await arrange(session, { action: "archive" }, "Archived.");
}

/** @param {Session} session */
export async function move(session) {
  if (!checkEditable(session)) return;
  const project = await chooseProject(session.project);
  if (project) await moveTo(session, project);
}

/**
 * Move a session to a project, or to none.
 * @param {Session} session
 * @param {import("./project_dialog.js").ProjectChoice} project
 */
export async function moveTo(session, project) {
  if (!checkEditable(session) || (project.id ?? "") === session.project) return;
  const message = project.id === null ? "Removed from its project." : `Moved to ${project.name}.`;
  await arrange(session, { action: "move", project_id: project.id }, message);
}

/**
 * Ask for a tag, and add it to a session, or remove it if the session has it.
 * @param {Session} session
 */
export async function tag(session) {
  const name = await chooseTag(session.tags);
  if (name) await tagWith(session, name, hasTag(session.tags, name));
}

/**
 * Add a tag to a session, or remove it.
 * @param {Session} session
 * @param {string} name
 * @param {boolean} [removing]
 */
export async function tagWith(session, name, removing = false) {
  const message = removing ? `Tag ${name} removed.` : `Tagged ${name}.`;
  await arrange(session, { action: removing ? "untag" : "tag", tags: [name] }, message);
}

/** Delete a session: at once if it can be undone completely, else after a question. @param {Session} session */
export async function remove(session) {
  const ofAgent = Number(session.held);
  if (ofAgent && !(await confirmDelete(1, ofAgent))) return;
  const next = neighborOf(rowOf(session.id));
  const { act, undo } = reversible(session, { action: "delete" });
  const done = await perform(act, deletedMessage(1, ofAgent), undo, restoring(1, ofAgent));
  if (!done) return;
  removeRow(session.id);
  if (next) titleOf(next).focus();
  if (location.pathname === `/session/${session.id}`) visit(`/${location.search}`, { focus: !next });
}

/**
 * Return the row after another, or before it at the end of the list; null if there is none.
 * @param {HTMLElement | null} row
 */
function neighborOf(row) {
  const elements = rows();
  const place = row ? elements.indexOf(row) : -1;
  return place < 0 ? null : elements[place + 1] ?? elements[place - 1] ?? null;
}

/** @param {Session} session */
async function duplicate(session) {
  let copyId = "";
  const copy = async () => {
    copyId = (await post("/api/session/duplicate", { session_id: session.id })).session.session_id;
  };
  const undo = () => post("/api/session/delete", { session_id: copyId });
  if (await perform(copy, "Duplicated.", undo)) visit(`/session/${copyId}${location.search}`);
}

/** @param {Session} session */
async function importToEdit(session) {
  const action = () => post("/api/session/import_cli", { session_id: session.id });
  if (await perform(action, "Imported. You can edit it now.")) visit(`/session/${session.id}${location.search}`);
}

// ---- renaming in place ----------------------------------------------------------------------------------

/**
 * Turn the title of a session into a field, in its row or on its page.
 * @param {Session} session
 */
export function rename(session) {
  const row = closest(document.activeElement, ".row") ?? rowOf(session.id);
  renameAt(session, row ? titleOf(row) : pageTitle());
}

/** Turn the title of the open session into a field, on its page. */
export function renameOpen() {
  const session = openSession();
  if (session) renameAt(session, pageTitle());
}

/**
 * @param {Session} session
 * @param {HTMLElement | null} title where it is shown
 */
function renameAt(session, title) {
  if (!checkEditable(session) || !title || title.parentElement?.querySelector(".row-edit")) return;
  const field = titleField(session);
  title.before(field);
  title.hidden = true;
  field.select();
  field.focus();
  const shown = field.value;
  edit(field, title, (text) => { if (text.trim() !== shown) saveTitle(session, text, title); });
}

/**
 * Return a field with the title. It is empty where the title is masked: what was saved would be the mask.
 * @param {Session} session
 */
function titleField({ title, masked }) {
  const field = document.createElement("input");
  const value = masked ? "" : title;
  Object.assign(field, { className: "row-edit", value, maxLength: MAX_TITLE, dir: "auto", autocomplete: "off" });
  if (masked) field.placeholder = title;
  field.setAttribute("aria-label", "Title");
  return field;
}

/**
 * Wait until a field is left, which saves it, or Escape cancels it. Then show the title again.
 * @param {HTMLInputElement} field
 * @param {HTMLElement} title
 * @param {(text: string) => void} save
 */
export function edit(field, title, save) {
  let finished = false;
  const finish = (/** @type {boolean} */ saving) => {
    if (finished) return; // removing the field blurs it
    finished = true;
    const focused = document.activeElement === field;
    title.hidden = false;
    field.remove();
    if (focused) title.focus({ preventScroll: true });
    if (saving) save(field.value);
  };
  field.addEventListener("blur", () => { if (!isMoving()) finish(true); });
  field.addEventListener("keydown", (event) => {
    event.stopPropagation();
    if (isComposing(event) || (event.key !== "Enter" && event.key !== "Escape")) return;
    event.preventDefault();
    finish(event.key === "Enter");
  });
}

/**
 * @param {Session} session
 * @param {string} text
 * @param {HTMLElement} title where it is shown
 */
async function saveTitle(session, text, title) {
  const before = title.textContent;
  title.textContent = text.trim() || "Untitled";
  const set = (/** @type {string} */ value) => post("/api/session/rename", { session_id: session.id, title: value });
  /** As the server had it: another tab may have changed it since. @type {string | null} */
  let earlier = null;
  const save = async () => { earlier = (await set(text)).title_before; };
  const undo = session.masked ? undefined : () => set(earlier ?? session.title); // of a masked one, only the mask is known
  const done = await change(session, save, "Renamed.", undo);
  if (!done) title.textContent = before;
}

// ---- the menu of a row ----------------------------------------------------------------------------------

/**
 * Show the menu of a row as soon as the list shows what earlier actions did: its labels say what is so then.
 * @param {string} id
 */
async function openRowMenu(id) {
  if (isUnfinished() && !(await untilFinished(() => "the menu was not opened"))) return;
  const row = rowOf(id);
  if (row && !document.querySelector("dialog[open]")) showMenu(sessionIn(row), required(row, ".row-menu", HTMLElement));
}

/**
 * Show the actions for a session in a menu below a button.
 * @param {Session} session
 * @param {HTMLElement} button
 */
function showMenu(session, button) {
  openMenu(button, [
    ...(session.agent ? agentItems(session) : editItems(session)),
    { icon: "tag", label: "Tag…", action: () => { tag(session); }, key: "t" },
    ...FORMATS.map(([format, label]) => exportItem(session, format, label)),
    deleteItem(session),
  ]);
}

/**
 * @param {Session} session
 * @returns {MenuItem}
 */
function deleteItem(session) {
  return { icon: "trash-2", label: "Delete", action: () => { remove(session); }, key: "#", danger: true };
}

/**
 * @param {Session} session
 * @returns {MenuItem[]}
 */
function editItems(session) {
  const { pinned, archived } = session;
  return [
    { icon: "pencil", label: "Rename", action: () => rename(session), key: "r" },
    { icon: pinned ? "pin-off" : "pin", label: pinned ? "Unpin" : "Pin", action: () => { pin(session); }, key: "p" },
    {
      icon: archived ? "archive-restore" : "archive",
      label: archived ? "Unarchive" : "Archive",
      action: () => { archive(session); },
      key: "e",
    },
    { icon: "folder", label: "Move to…", action: () => { move(session); }, key: "m" },
    { icon: "copy", label: "Duplicate", action: () => { duplicate(session); } },
  ];
}

/**
 * @param {Session} session
 * @returns {MenuItem[]}
 */
function agentItems(session) {
  return [{ icon: "download", label: "Import to edit", action: () => { importToEdit(session); } }];
}

/**
 * @param {Session} session
 * @param {string} format
 * @param {string} label
 * @returns {MenuItem}
 */
function exportItem({ id }, format, label) {
  const query = new URLSearchParams({ session_id: id, format });
  return { icon: "download", label: `Export as ${label}`, action: `/api/session/export?${query}` };
}
