// Asks for a project: an existing one, none, or a new one.

import { get, post } from "./api.js";
import { choose } from "./choose_dialog.js";
import { byId } from "./dom.js";
import { nextColor, paletteOf } from "./places_state.js";
import { explain } from "./toast.js";

/** @typedef {import("./api.js").Project} Project */

/**
 * What was chosen; both are null for "no project".
 * @typedef {{ id: string, name: string } | { id: null, name: null }} ProjectChoice
 */

const MAX_NAME = 128; // characters

/**
 * Ask for a project.
 * @param {string | null} current the id of the project to mark as the present one, empty for none
 * @returns {Promise<ProjectChoice | null>} null if nothing was chosen, or if the projects could not be read
 */
export async function chooseProject(current) {
  try {
    const { projects } = await get("/api/projects");
    const known = [{ project_id: "", name: "No project", color: null }, ...projects];
    const choices = known.map(({ project_id: value, name: label, color = null }) => (
      { value, label, color: value ? color ?? "#8a8f98" : null, current: value === current }
    ));
    const answer = await choose({ title: "Move to", choices, created: "New project", most: MAX_NAME, verb: "Create" });
    if (!answer) return null;
    return "created" in answer ? await create(answer.created, projects) : choiceOf(answer.value, projects);
  } catch (error) {
    explain(error);
    return null;
  }
}

/**
 * @param {string} id
 * @param {Project[]} projects
 * @returns {ProjectChoice}
 */
function choiceOf(id, projects) {
  const project = projects.find((each) => each.project_id === id);
  return project ? { id, name: project.name } : { id: null, name: null };
}

/**
 * @param {string} name
 * @param {Project[]} others
 * @returns {Promise<ProjectChoice>}
 */
async function create(name, others) {
  const color = nextColor(paletteOf(byId("places").dataset.palette ?? ""), others.map((each) => each.color ?? ""));
  const { project } = await post("/api/projects/create", { name, color });
  return { id: project.project_id, name: project.name };
}
