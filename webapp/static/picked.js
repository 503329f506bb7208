// Several sessions at once: checkboxes in the list, and a bar with what can be done with those that are checked.

import { Refused, post } from "./api.js";
import { perform } from "./acts.js";
import { choose } from "./choose.js";
import { list, rows } from "./list.js";
import { toast } from "./toast.js";

const AT_ONCE = 100; // in one request, so that each is answered soon

const picked = new Map(); // the project of each id; also of rows that are not held now
let last = null; // the row that was checked last, from which Shift goes on

const bar = () => document.getElementById("picked");
const active = () => list().classList.contains("picking");

export function start() {
  document.addEventListener("rows", paint);
  document.getElementById("pick").addEventListener("click", () => (active() ? stop() : begin()));
  list().addEventListener("click", onClick, true);
  bar().addEventListener("click", (event) => {
    const { act } = event.target.closest("button")?.dataset ?? {};
    if (act) ACTS[act]();
  });
}

function begin() {
  list().classList.add("picking");
  paint();
}

/** Leave the selection; return whether there was one. */
export function stop() {
  if (!active()) return false;
  list().classList.remove("picking");
  picked.clear();
  last = null;
  paint();
  return true;
}

/** Check or uncheck the focused row. */
export function toggleFocused() {
  const row = document.activeElement.closest?.(".row");
  if (!row) return;
  begin();
  toggle(row);
}

function onClick(event) {
  const row = event.target.closest(".row");
  if (!active() || !row || event.target.closest(".row-menu")) return;
  if (!event.target.matches(".row-pick")) event.preventDefault();
  event.stopPropagation();
  if (event.shiftKey && last) range(row);
  else toggle(row);
}

function toggle(row) {
  const { id, project } = row.dataset;
  if (!picked.delete(id)) picked.set(id, project);
  last = id;
  paint();
}

function range(row) {
  const all = rows();
  const ends = [all.findIndex((each) => each.dataset.id === last), all.indexOf(row)].sort((a, b) => a - b);
  for (const each of all.slice(Math.max(0, ends[0]), ends[1] + 1)) picked.set(each.dataset.id, each.dataset.project);
  paint();
}

function paint() {
  const shown = active();
  for (const row of rows()) {
    const box = row.querySelector(".row-pick");
    box.checked = picked.has(row.dataset.id);
    row.classList.toggle("is-picked", box.checked);
  }
  document.getElementById("pick").setAttribute("aria-pressed", String(shown));
  bar().hidden = !shown;
  bar().querySelector("output").textContent = `${picked.size} selected`;
  for (const button of bar().querySelectorAll("[data-act]:not([data-act=stop])")) button.disabled = !picked.size;
}

// ---- acts -----------------------------------------------------------------------------------------------

const ACTS = {
  stop,
  pin: () => batch("pin", "pinned", "unpin"),
  archive: () => batch("archive", "archived", "unarchive"),
  delete: () => batch("delete", "in the trash", "restore"),
  move,
};

async function move() {
  const project = await choose(null);
  if (!project) return;
  const before = Map.groupBy([...picked], ([, id]) => id);
  const undo = async (done) => {
    for (const [id, them] of before) await send("move", them.map(([each]) => each).filter((each) => done.includes(each)), id);
  };
  await batch("move", `moved to ${project.name}`, undo, project.id);
}

/** Do the same with all that are checked; `back` is the act that takes it back, or what does. */
async function batch(action, words, back, project = null) {
  const ids = [...picked.keys()];
  let done = [];
  const work = async () => { done = await send(action, ids, project); };
  const undo = () => (typeof back === "string" ? send(back, done) : back(done));
  const said = () => `${done.length === 1 ? "1 conversation" : `${done.length} conversations`} ${words}.`;
  if (await perform(work, said, undo)) stop();
}

/** Return the ids of what was done; say why the others were not, and throw if it was none. */
async function send(action, ids, project = null) {
  const results = [];
  for (let at = 0; at < ids.length; at += AT_ONCE) {
    const body = { session_ids: ids.slice(at, at + AT_ONCE), action, project_id: project || null };
    results.push(...(await post("/api/sessions/batch", body)).results);
  }
  const failed = results.filter((each) => !each.ok);
  if (failed.length && failed.length === results.length) throw new Refused(failed[0].error, failed[0].status ?? 400);
  if (failed.length) toast(`${failed.length} of ${ids.length} were left as they are: ${failed[0].error}.`, { bad: true });
  return results.filter((each) => each.ok).map((each) => each.session_id);
}
