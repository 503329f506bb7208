// What can be done with a session from its row or with a key; each says what it did, and how to take it back.

import { post } from "./api.js";
import { choose } from "./choose.js";
import { open as openMenu } from "./menu.js";
import { list, refresh, rowOf, rows } from "./list.js";
import { renew, show } from "./navigate.js";
import { explain, toast } from "./toast.js";

const FORMATS = [["markdown", "Markdown"], ["html", "HTML"], ["json", "JSON"]];

let takeBack = null; // what undoes the latest act

export function start() {
  list().addEventListener("click", (event) => {
    const button = event.target.closest(".row-menu");
    if (button) showMenu(subjectOf(button.closest(".row")), button);
  });
}

// ---- what is acted on -----------------------------------------------------------------------------------

/** Return the session of the focused row, else the open one: what keys act on. */
export function subject() {
  const row = document.activeElement.closest?.(".row");
  const open = document.querySelector(".acts[data-id]");
  if (row) return subjectOf(row);
  return open && { ...subjectOf(open), title: document.querySelector("#content h1").textContent.trim() };
}

function subjectOf(element) {
  const { id, project = "", pinned, archived, agent } = element.dataset;
  const title = element.querySelector(".row-title")?.textContent.trim();
  return { id, title, project, pinned: pinned !== undefined, archived: archived !== undefined, agent: agent !== undefined };
}

const openId = () => document.querySelector(".acts[data-id]")?.dataset.id;

// ---- doing ----------------------------------------------------------------------------------------------

/** Do something; say it (`words`, or what returns them) or why not; offer to `undo` it. Return whether it was done. */
export async function perform(work, words, undo) {
  try {
    await work();
  } catch (error) {
    explain(error, () => { refresh(); show(location.href, { push: false }); });
    return false;
  }
  takeBack = undo ? () => perform(undo, "Taken back.") : null;
  toast(typeof words === "string" ? words : words(), { action: undo && { label: "Undo", run: undoLast } });
  refresh();
  return true;
}

/** Take back the latest act. */
export async function undoLast() {
  const undo = takeBack;
  takeBack = null;
  await undo?.();
}

/** Do something with one session, and show it on its page if that is open. */
async function change({ id }, work, words, undo) {
  const renewing = (doing) => async () => {
    await doing();
    if (openId() === id) renew().catch(() => {});
  };
  return perform(renewing(work), words, undo && renewing(undo));
}

/** Whether a session can be changed here; if not, say what to do. */
function own({ agent }) {
  if (agent) toast("Only the agent has this conversation: import it to change it.", { bad: true });
  return !agent;
}

export function pin(session) {
  if (!own(session)) return undefined;
  const set = (pinned) => post("/api/session/pin", { session_id: session.id, pinned });
  const words = session.pinned ? "No longer pinned." : "Pinned.";
  return change(session, () => set(!session.pinned), words, () => set(session.pinned));
}

export function archive(session) {
  if (!own(session)) return undefined;
  const set = (archived) => post("/api/session/archive", { session_id: session.id, archived });
  const words = session.archived ? "No longer archived." : "Archived.";
  return change(session, () => set(!session.archived), words, () => set(session.archived));
}

export async function move(session) {
  if (!own(session)) return;
  const project = await choose(session.project);
  if (!project || project.id === session.project) return;
  const set = (id) => post("/api/session/move", { session_id: session.id, project_id: id || null });
  await change(session, () => set(project.id), `Moved to ${project.name}.`, () => set(session.project));
}

export async function remove(session) {
  const next = neighbour(rowOf(session.id));
  const done = await perform(
    () => post("/api/session/delete", { session_id: session.id }),
    "Moved to the trash.",
    () => post("/api/session/restore", { session_id: session.id }),
  );
  if (!done) return;
  rowOf(session.id)?.remove();
  next?.querySelector(".row-title").focus();
  if (location.pathname === `/session/${session.id}`) show(`/${location.search}`, { focus: !next });
}

function neighbour(row) {
  const all = rows();
  const at = all.indexOf(row);
  return at < 0 ? null : all[at + 1] ?? all[at - 1];
}

export async function duplicate(session) {
  const made = {};
  const work = async () => Object.assign(made, (await post("/api/session/duplicate", { session_id: session.id })).session);
  const undo = () => post("/api/session/delete", { session_id: made.session_id });
  if (await perform(work, "Duplicated.", undo)) show(`/session/${made.session_id}${location.search}`);
}

async function importIt(session) {
  const work = () => post("/api/session/import_cli", { session_id: session.id });
  if (await perform(work, "Imported: it can be changed here now.")) show(`/session/${session.id}${location.search}`);
}

// ---- renaming in place ----------------------------------------------------------------------------------

/** Make the title of a session a field, in its row or on its page. */
export function rename(session) {
  const row = document.activeElement.closest?.(".row") ?? rowOf(session.id);
  const title = row?.querySelector(".row-title") ?? document.querySelector("#content h1");
  if (!own(session) || !title || title.parentElement.querySelector(".row-edit")) return;
  const field = document.createElement("input");
  Object.assign(field, { className: "row-edit", value: session.title, maxLength: 80, dir: "auto", autocomplete: "off" });
  field.setAttribute("aria-label", "Title");
  title.before(field);
  title.hidden = true;
  field.select();
  field.focus();
  let finished = false;
  const finish = (save) => {
    if (finished) return; // the field loses the focus when it is removed
    finished = true;
    const { value } = field;
    const held = document.activeElement === field;
    title.hidden = false;
    field.remove();
    if (held) title.focus({ preventScroll: true });
    if (save && value.trim() !== session.title) saveTitle(session, value, title);
  };
  field.addEventListener("blur", () => finish(true));
  field.addEventListener("keydown", (event) => {
    event.stopPropagation();
    if (event.key === "Enter" || event.key === "Escape") {
      event.preventDefault();
      finish(event.key === "Enter");
    }
  });
}

async function saveTitle(session, value, title) {
  const before = title.textContent;
  title.textContent = value.trim() || "Untitled";
  const set = (text) => post("/api/session/rename", { session_id: session.id, title: text });
  if (!(await change(session, () => set(value), "Renamed.", () => set(session.title)))) title.textContent = before;
}

// ---- the menu of a row ----------------------------------------------------------------------------------

/** Show what can be done with a session, below a button. */
export function showMenu(session, button) {
  const own = [
    ["pencil", "Rename", () => rename(session), "r"],
    [session.pinned ? "pin-off" : "pin", session.pinned ? "Unpin" : "Pin", () => pin(session), "p"],
    [session.archived ? "archive-restore" : "archive", session.archived ? "Unarchive" : "Archive", () => archive(session), "e"],
    ["folder", "Move to…", () => move(session), "m"],
    ["copy", "Duplicate", () => duplicate(session)],
  ];
  const exports = FORMATS.map(([format, words]) => ["download", `Export as ${words}`, exportAddress(session, format)]);
  const agents = [["download", "Import to change it", () => importIt(session)]];
  openMenu(button, [...(session.agent ? agents : own), ...exports, ["trash-2", "Delete", () => remove(session), "#", "danger"]]);
}

function exportAddress({ id }, format) {
  return `/api/session/export?session_id=${encodeURIComponent(id)}&format=${format}`;
}
