// The conversation's page: its transcript, finding in it, and what can be done with any of its messages.

import { Refused, reach } from "./api.js";
import { keepFilters, withFilters } from "./beside.js";
import { copy, copyCode, enhance } from "./copy.js";
import { Find } from "./find.js";
import { show } from "./navigate.js";
import { explain, toast } from "./toast.js";
import { Transcript, parsed } from "./window.js";

/** Make the content's transcript alive; return what stops it. */
export function mount(content) {
  const stop = new AbortController();
  enhance(content);
  content.addEventListener("click", (event) => clicked(event, content), { signal: stop.signal });
  content.addEventListener("error", hideBroken, { capture: true, signal: stop.signal });
  content.addEventListener("submit", (event) => tellSeen(event.target, content), { capture: true, signal: stop.signal });
  document.addEventListener("filtered", (event) => keepFilters(content, event.detail), { signal: stop.signal });
  document.addEventListener("keydown", (event) => pressed(event, content), { signal: stop.signal });
  const section = content.querySelector(".transcript");
  if (section) {
    const transcript = new Transcript(section, stop.signal);
    new Find(content.querySelector(".find"), transcript, stop.signal);
    transcript.open();
  }
  return () => stop.abort();
}

// ---- what any message has ---------------------------------------------------------------------------------

async function clicked(event, content) {
  const menu = event.target.closest(".more");
  for (const open of content.querySelectorAll(".more[open]")) if (open !== menu) open.open = false;
  const button = event.target.closest(".copy");
  if (button) return copyCode(button);
  const link = event.target.closest("[data-copy-link]");
  if (link) return copyLink(event, link);
  const truncate = event.target.closest("[data-truncate]");
  if (truncate && !event.metaKey && !event.ctrlKey) return ask(event, truncate, content);
}

async function copyLink(event, link) {
  event.preventDefault();
  link.closest(".more").open = false;
  // without the filters, which are nobody else's
  if (await copy(new URL(withFilters(link.href, ""), location).href)) toast("The link is copied.");
  else toast("The browser does not allow copying.", { bad: true });
}

/** Let a form say what of the conversation is shown, which is more than when the form came. */
function tellSeen(form, content) {
  const shown = content.querySelector(".window");
  if (form.elements.seen && shown) form.elements.seen.value = shown.dataset.seen;
}

/** Show the form of another page in a dialog. */
async function ask(event, link, content) {
  event.preventDefault();
  link.closest(".more").open = false;
  try {
    const address = new URL(link.href);
    address.searchParams.set("seen", content.querySelector(".window").dataset.seen);
    const response = await reach(address);
    const page = parsed(await response.text());
    const form = page.querySelector("form.ask");
    if (!form) throw new Refused(page.querySelector("[role=alert] p")?.textContent ?? "log in again", response.status);
    const dialog = document.createElement("dialog");
    dialog.className = "dialog";
    dialog.setAttribute("aria-label", form.querySelector("h1").textContent);
    dialog.append(form);
    dialog.addEventListener("close", () => dialog.remove());
    form.addEventListener("submit", () => dialog.close());
    form.querySelector("[data-close]").addEventListener("click", (click) => { click.preventDefault(); dialog.close(); });
    document.body.append(dialog);
    dialog.showModal();
  } catch (error) {
    explain(error, () => show(location.href, { push: false }));
  }
}

function pressed(event, content) {
  const plain = !(event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented);
  const field = content.querySelector(".find input");
  if (event.key === "f" && plain && field && !event.target.closest("input, textarea, select, dialog")) {
    event.preventDefault();
    field.select();
  }
  if (event.key === "Escape") closeMenus();
}

function closeMenus() {
  const open = document.querySelector(".more[open]");
  if (!open) return;
  open.open = false;
  open.querySelector("summary").focus();
}

function hideBroken(event) {
  if (!event.target.matches?.("img.picture")) return;
  const words = document.createElement("p");
  words.className = "label";
  words.textContent = `${event.target.alt || "Picture"}: cannot be shown`;
  event.target.replaceWith(words);
}
