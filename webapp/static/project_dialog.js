// The dialog that asks for a project: an existing one, none, or a new one.

import { get, post } from "./api.js";
import { dialogById, required } from "./dom.js";
import { explain } from "./toast.js";

/** @typedef {import("./api.js").Project} Project */

/**
 * What was chosen; both are null for "no project".
 * @typedef {{ id: string, name: string } | { id: null, name: null }} ProjectChoice
 */

const NEW_COLORS = ["#0f766e", "#3b82f6", "#f59e0b", "#a855f7", "#ef4444", "#22c55e"];

/**
 * Ask for a project.
 * @param {string | null} current the id of the project to mark as the present one, empty for none
 * @returns {Promise<ProjectChoice | null>} null if nothing was chosen, or if the projects could not be read
 */
export async function chooseProject(current) {
  try {
    const { projects } = await get("/api/projects");
    const answer = await ask(projects, current);
    return answer === "new" ? await create(projects.length) : choiceOf(answer, projects);
  } catch (error) {
    explain(error);
    return null;
  }
}

/**
 * Open the dialog.
 * @param {Project[]} projects
 * @param {string | null} current
 * @returns {Promise<string>} the value of the button that closed it, empty if it was cancelled
 */
async function ask(projects, current) {
  const dialog = dialogById("choose");
  const focused = document.activeElement;
  const choices = required(dialog, ".choices", HTMLElement);
  choices.replaceChildren(
    choiceButton({ project_id: "", name: "No project" }, current),
    ...projects.map((project) => choiceButton(project, current)),
  );
  dialog.returnValue = "";
  dialog.showModal();
  required(choices, choices.querySelector("[aria-current]") ? "[aria-current]" : "button", HTMLElement).focus();
  await new Promise((resolve) => { dialog.addEventListener("close", resolve, { once: true }); });
  if (focused instanceof HTMLElement) focused.focus({ preventScroll: true });
  return dialog.returnValue;
}

/**
 * @param {string} answer
 * @param {Project[]} projects
 * @returns {ProjectChoice | null}
 */
function choiceOf(answer, projects) {
  const id = /^project:(.*)$/.exec(answer)?.[1];
  if (id === undefined) return null;
  const project = projects.find((each) => each.project_id === id);
  return project ? { id, name: project.name } : { id: null, name: null };
}

/**
 * Create a project with the name in the dialog.
 * @param {number} count how many projects there are, so that each gets another colour
 * @returns {Promise<ProjectChoice>}
 */
async function create(count) {
  const field = required(dialogById("choose"), "[name=name]", HTMLInputElement);
  const name = field.value;
  field.value = "";
  const color = NEW_COLORS[count % NEW_COLORS.length] ?? "";
  const { project } = await post("/api/projects/create", { name, color });
  return { id: project.project_id, name: project.name };
}

/**
 * @param {Project} project
 * @param {string | null} current
 */
function choiceButton({ project_id: id, name, color }, current) {
  const button = document.createElement("button");
  button.className = "menu-item";
  button.value = `project:${id}`;
  if (id === current) button.setAttribute("aria-current", "true");
  const swatch = document.createElement("span");
  swatch.className = "swatch";
  if (id) swatch.style.background = color && /^#[0-9a-f]{3,8}$/i.test(color) ? color : "var(--line-strong)";
  const label = document.createElement("bdi");
  label.textContent = name;
  button.append(swatch, label);
  return button;
}
