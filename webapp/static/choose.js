// The dialog that asks for a project: one of those that there are, none, or a new one.

import { get, post } from "./api.js";
import { explain } from "./toast.js";

const NEW_COLORS = ["#0f766e", "#3b82f6", "#f59e0b", "#a855f7", "#ef4444", "#22c55e"];

/** Return the project that was chosen as `{id, name}`, with an empty id for none; null if nothing was. */
export async function choose(current) {
  let projects;
  try {
    ({ projects } = await get("/api/projects"));
  } catch (error) {
    explain(error);
    return null;
  }
  const dialog = document.getElementById("choose");
  const asked = document.activeElement;
  const choices = dialog.querySelector(".choices");
  choices.replaceChildren(choice({ project_id: "", name: "No project" }, current), ...projects.map((each) => choice(each, current)));
  dialog.returnValue = "";
  dialog.showModal();
  (choices.querySelector("[aria-current]") ?? choices.querySelector("button")).focus();
  await new Promise((resolve) => dialog.addEventListener("close", resolve, { once: true }));
  asked?.focus({ preventScroll: true });
  return result(dialog, projects);
}

async function result(dialog, projects) {
  if (dialog.returnValue === "new") return create(dialog.querySelector("[name=name]"), projects.length);
  const id = dialog.returnValue.match(/^project:(.*)$/)?.[1];
  if (id === undefined) return null;
  return { id, name: projects.find((each) => each.project_id === id)?.name ?? "no project" };
}

async function create(field, count) {
  const name = field.value;
  field.value = "";
  try {
    const { project } = await post("/api/projects/create", { name, color: NEW_COLORS[count % NEW_COLORS.length] });
    return { id: project.project_id, name: project.name };
  } catch (error) {
    explain(error);
    return null;
  }
}

function choice({ project_id: id, name, color }, current) {
  const made = document.createElement("button");
  made.className = "menu-item";
  made.value = `project:${id}`;
  if (id === current) made.setAttribute("aria-current", "true");
  const dot = document.createElement("span");
  dot.className = "swatch";
  if (id) dot.style.background = /^#[0-9a-f]{3,8}$/i.test(color ?? "") ? color : "var(--line-strong)";
  const words = document.createElement("bdi");
  words.textContent = name;
  made.append(dot, words);
  return made;
}
