// The places above the list: projects and tags as targets of dragged sessions, and their menus. Follows the list.

import { edit, moveTo, perform, sessionIn, tagWith } from "./actions.js";
import { parsed, byId, closest, optional, required, all } from "./dom.js";
import { get, post, request } from "./api.js";
import { on } from "./events.js";
import { filtersOf } from "./filters.js";
import { list, refresh, shownFilters } from "./list.js";
import { openMenu } from "./menu.js";
import { dropOn, nextColor, paletteOf } from "./places_state.js";
import { read, write } from "./preferences.js";
import { untilReleased } from "./press.js";
import { showMatching } from "./search.js";
import { isSelected, moveSelected, selectedSessions, tagSelected } from "./selection.js";
import { counted } from "./text.js";
import { explain } from "./toast.js";

/** @typedef {import("./places_state.js").Dragged} Dragged */

/**
 * A project or a tag, as its row describes it: `key` is the id of a project, empty for none, or the name of a tag.
 * @typedef {{ kind: string, key: string, name: string, color: string, masked: boolean }} Place
 */

const MAX_NAME = 128; // characters
const EDITED = ".place-field, .place-menu[aria-expanded=true], .place-new input:not(:placeholder-shown)";

/** What is dragged; several if they are selected. @type {{ sessions: Dragged[], drop: (place: Place) => void } | null} */
let dragging = null;

const places = () => byId("places");
const narrow = () => matchMedia("(max-width: 52rem)");
const groups = () => required(places(), "#places-groups", HTMLDetailsElement);

export function start() {
  const side = byId("side");
  groups().open = read("places-open", !narrow().matches);
  side.addEventListener("toggle", onToggle, true); // it does not bubble
  side.addEventListener("click", onClick);
  side.addEventListener("submit", onSubmit);
  on("list-loaded", renew);
  on("list-renewed", renew);
  list().addEventListener("dragstart", onDragStart);
  list().addEventListener("dragend", endDrag);
  side.addEventListener("dragover", onDragOver);
  side.addEventListener("drop", onDrop);
}

/** @param {Event} event */
function onToggle({ target }) {
  if (target === groups() && !dragging) write("places-open", groups().open);
}

/** @param {MouseEvent} event */
function onClick(event) {
  const button = closest(event.target, ".place-menu");
  const row = closest(button, ".place");
  if (button && row) showMenu(placeOf(row), button);
  if (closest(event.target, ".place-link") && narrow().matches) groups().open = false; // the list has the screen again
  const link = closest(event.target, ".places-all");
  if (!link || event.metaKey || event.ctrlKey) return;
  event.preventDefault();
  places().toggleAttribute("data-whole", link.dataset.places === "all");
  fetchPlaces().catch(explain);
}

// ---- following the list ---------------------------------------------------------------------------------

/**
 * Show the places that came with the list; fetch them if none did, or if all of them are shown.
 * @param {Document | null} page
 */
function renew(page) {
  const fresh = page && optional(page, "#places", HTMLElement);
  if (fresh && !("whole" in places().dataset)) put(fresh);
  else fetchPlaces().catch(() => {}); // the notice about the connection says so
}

async function fetchPlaces() {
  const whole = "whole" in places().dataset ? "&places=all" : "";
  const filters = shownFilters();
  const response = await request(`/places?${filters}${whole}`, { cache: "no-store" });
  const page = parsed(await response.text());
  await untilReleased();
  if (response.ok && filters === shownFilters()) put(required(page, "#places", HTMLElement));
}

/**
 * Put fresh places on the page, unless somebody is using the old ones; what is scrolled and focused stays so.
 * @param {HTMLElement} fresh
 */
function put(fresh) {
  const old = places();
  if (dragging || old.querySelector(EDITED)) return;
  required(fresh, "#places-groups", HTMLDetailsElement).open = groups().open;
  if (old.isEqualNode(fresh)) return;
  const scrolled = all(old, ".place-list", HTMLElement).map((each) => each.scrollTop);
  const focused = pathTo(old, document.activeElement);
  old.replaceWith(fresh);
  all(fresh, ".place-list", HTMLElement).forEach((each, index) => { each.scrollTop = scrolled[index] ?? 0; });
  if (focused) optional(fresh, focused, HTMLElement)?.focus({ preventScroll: true });
}

/**
 * Return a selector for the same element in fresh places, null if it is not in the old ones.
 * @param {HTMLElement} old
 * @param {Element | null} element
 */
function pathTo(old, element) {
  if (!(element instanceof HTMLElement) || !old.contains(element)) return null;
  const row = closest(element, ".place");
  const own = element.className ? `.${element.className.split(" ")[0]}` : element.localName;
  if (!row) return own;
  const { kind = "", key = "" } = row.dataset;
  return `.place[data-kind="${CSS.escape(kind)}"][data-key="${CSS.escape(key)}"] ${own}`;
}

// ---- a place --------------------------------------------------------------------------------------------

/**
 * @param {HTMLElement} row
 * @returns {Place}
 */
function placeOf(row) {
  const { kind = "", key = "", name = "", color = "" } = row.dataset;
  return { kind, key, name, color, masked: "masked" in row.dataset };
}

/** @param {Place} place */
function linkOf({ kind, key }) {
  return optional(places(), `.place[data-kind="${kind}"][data-key="${CSS.escape(key)}"] .place-link`, HTMLAnchorElement);
}

const palette = () => paletteOf(places().dataset.palette ?? "");

/**
 * Show what can be done with a place in a menu below a button.
 * @param {Place} place
 * @param {HTMLElement} button
 */
function showMenu(place, button) {
  const isProject = place.kind === "project";
  openMenu(button, [
    { icon: "pencil", label: "Rename", action: () => rename(place) },
    ...(isProject ? [{ icon: "palette", label: "Colour…", action: () => chooseColor(place, button) }] : []),
    { icon: "trash-2", label: "Delete", action: () => { (isProject ? removeProject : removeTag)(place); }, danger: true },
  ]);
}

/**
 * @param {Place} place
 * @param {HTMLElement} button
 */
function chooseColor(place, button) {
  openMenu(button, palette().map(({ name, color }) => (
    { color, label: name, current: color === place.color, action: () => { recolor(place, color); } }
  )));
}

/** @param {SubmitEvent} event */
async function onSubmit(event) {
  const form = event.target;
  if (!(form instanceof HTMLFormElement) || !form.matches(".place-new")) return;
  event.preventDefault();
  const field = required(form, "input", HTMLInputElement);
  const used = all(places(), ".place[data-color]", HTMLElement).map((row) => row.dataset.color ?? "");
  const body = { name: field.value, color: nextColor(palette(), used) };
  let id = "";
  const create = async () => {
    id = (await post("/api/projects/create", body)).project.project_id;
    field.value = "";
  };
  await perform(create, "Project created.", () => post("/api/projects/delete", { project_id: id }));
}

/**
 * Turn the name of a place into a field.
 * @param {Place} place
 */
function rename(place) {
  const link = linkOf(place);
  if (!link) return;
  const field = document.createElement("input");
  const value = place.masked ? "" : place.name;
  Object.assign(field, { className: "place-field", value, maxLength: MAX_NAME, dir: "auto", autocomplete: "off" });
  if (place.masked) field.placeholder = place.name;
  field.setAttribute("aria-label", `Name of ${place.kind} ${place.name}`);
  link.before(field);
  link.hidden = true;
  field.focus();
  field.select();
  edit(field, link, (text) => {
    const name = text.trim();
    if (!name || name === place.name) refresh(); // what came while the field was open
    else (place.kind === "project" ? renameProject : renameTag)(place, name);
  });
}

/**
 * @param {Place} place
 * @param {string} name
 */
async function renameProject({ key, name: before, masked }, name) {
  const set = (/** @type {string} */ text) => post("/api/projects/rename", { project_id: key, name: text });
  await perform(() => set(name), "Project renamed.", masked ? undefined : () => set(before));
}

/**
 * @param {Place} place
 * @param {string} color
 */
async function recolor({ key, name: shown, color: before }, color) {
  const set = async (/** @type {string | null} */ each) => {
    const { projects } = await get("/api/projects"); // it may have another name by now
    const name = projects.find(({ project_id: id }) => id === key)?.name ?? shown;
    await post("/api/projects/rename", { project_id: key, name, color: each });
  };
  await perform(() => set(color), "Colour changed.", () => set(before || null));
}

/**
 * Give a tag another name, or merge it with the tag of that name.
 * @param {Place} place
 * @param {string} name
 */
async function renameTag(place, name) {
  const others = all(places(), ".place[data-kind=tag]", HTMLElement).map((row) => row.dataset.key ?? "");
  const merges = others.some((each) => each !== place.key && each.toLowerCase() === name.toLowerCase());
  const change = async () => {
    const { failed } = await post("/api/tags/rename", { old: place.key, new: name });
    left = failed.length;
    follow(place, `tag=${encodeURIComponent(name)}`);
  };
  let left = 0;
  const message = () => `${merges ? `Merged with ${name}.` : "Tag renamed."}${inTitles(left)}`;
  await perform(change, message, () => post("/api/tags/restore", { name: place.key }));
}

/** @param {Place} place */
async function removeTag(place) {
  let left = 0;
  const change = async () => {
    left = (await post("/api/tags/remove", { name: place.key })).failed.length;
    follow(place, "");
  };
  await perform(change, () => `Tag deleted.${inTitles(left)}`, () => post("/api/tags/restore", { name: place.key }));
}

/**
 * Say of how many conversations a tag stands in the title, where only renaming them changes it.
 * @param {number} count
 */
function inTitles(count) {
  return count ? ` It stays in ${counted(count, "title")}.` : "";
}

/** @param {Place} place */
async function removeProject(place) {
  const change = async () => {
    await post("/api/projects/delete", { project_id: place.key });
    follow(place, "");
  };
  const restore = () => post("/api/projects/restore", { project_id: place.key });
  await perform(change, "Project deleted. Its conversations were kept.", restore);
}

/**
 * Let the list show other conversations, if it shows those of a place that has changed. News of the change may have
 * removed the place's own link already.
 * @param {Place} place
 * @param {string} filters
 */
function follow(place, filters) {
  const shown = new URLSearchParams(location.search).get(place.kind === "tag" ? "tag" : "project_id");
  if (shown === place.key) showMatching(filtersOf(`?${filters}`));
}

// ---- dragging -------------------------------------------------------------------------------------------

/** @param {DragEvent} event */
function onDragStart(event) {
  const row = closest(event.target, ".row");
  if (!row || !event.dataTransfer || closest(event.target, ".row-edit, .tag")) return;
  const session = sessionIn(row);
  const several = isSelected(session.id);
  const sessions = several ? selectedSessions() : [session];
  dragging = { sessions, drop: several ? dropSelected : (place) => dropSession(session, place) };
  event.dataTransfer.effectAllowed = "copyMove";
  showDragged(event.dataTransfer, several ? counted(sessions.length, "conversation") : session.title);
  places().classList.add("dragging");
  groups().open = true;
}

/**
 * Draw what is dragged beside the pointer.
 * @param {DataTransfer} transfer
 * @param {string} text
 */
function showDragged(transfer, text) {
  const image = document.createElement("div");
  image.className = "drag-image";
  image.textContent = text.length > 40 ? `${text.slice(0, 40)}…` : text;
  document.body.append(image);
  transfer.setDragImage(image, -12, -12);
  setTimeout(() => image.remove()); // it is drawn now
}

/** @param {DragEvent} event */
function onDragOver(event) {
  const row = targetOf(event);
  mark(row);
  if (!row || !event.dataTransfer) return;
  event.preventDefault();
  event.dataTransfer.dropEffect = row.dataset.kind === "tag" ? "copy" : "move";
}

/** @param {DragEvent} event */
function onDrop(event) {
  const row = targetOf(event);
  if (!row || !dragging) return;
  event.preventDefault();
  const { drop } = dragging;
  endDrag();
  drop(placeOf(row));
}

/**
 * Return the row of the place where what is dragged would be dropped, null where it cannot be.
 * @param {DragEvent} event
 */
function targetOf(event) {
  const row = closest(event.target, ".place");
  if (!row || !dragging || (row.dataset.kind === "tag" && "masked" in row.dataset)) return null;
  return dropOn(placeOf(row), dragging.sessions) ? row : null;
}

/** @param {HTMLElement | null} row */
function mark(row) {
  for (const each of all(places(), ".is-target", HTMLElement)) if (each !== row) each.classList.remove("is-target");
  row?.classList.add("is-target");
}

function endDrag() {
  mark(null);
  places().classList.remove("dragging");
  dragging = null;
  groups().open = read("places-open", groups().open);
}

/** @param {Place} place */
function dropSelected(place) {
  if (place.kind === "tag") tagSelected(place.key);
  else moveSelected(projectOf(place));
}

/**
 * @param {import("./actions.js").Session} session
 * @param {Place} place
 */
function dropSession(session, place) {
  if (place.kind === "tag") tagWith(session, place.key);
  else moveTo(session, projectOf(place));
}

/** @param {Place} place */
function projectOf({ key, name }) {
  return key ? { id: key, name } : { id: null, name: null };
}
