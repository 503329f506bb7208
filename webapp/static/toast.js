// Short messages at the edge of the page: what an act did, or why not.

const SECONDS = 5;
const SECONDS_TO_UNDO = 10;

const box = () => document.getElementById("toasts");

/** Show words for some seconds; `action` is `{label, run}`, a button beside them. A `bad` one stays until closed. */
export function toast(words, { action, bad = false } = {}) {
  if (!bad) clear();
  const made = document.createElement("div");
  made.className = bad ? "toast bad" : "toast";
  const text = document.createElement("p");
  text.textContent = words;
  made.append(text);
  if (action) made.append(button(action.label, () => { made.remove(); action.run(); }));
  if (bad) made.append(button("Close", () => made.remove()));
  box().append(made);
  if (!bad) expire(made);
}

/** Say why something failed; `again` is what to do about it: load what somebody else changed, or try again. */
export function explain(error, again) {
  if (error.status === 409) {
    const words = `Somebody else changed it meanwhile: ${error.message}.`;
    toast(words, { bad: true, action: again && { label: "Reload", run: again } });
  } else {
    const words = error.message[0].toUpperCase() + error.message.slice(1);
    toast(`${words}.`, { bad: true, action: again && !error.status && { label: "Try again", run: again } });
  }
}

/** Take over what a fetched page has to say, or with this document what the server put into it. */
export function adopt(page) {
  const said = [...page.querySelectorAll("#toasts > .toast")];
  if (said.length && page !== document) clear();
  for (const each of said) {
    box().append(each);
    expire(each);
  }
  if (said.length) forgetNotice();
}

/** Remove what was said before: one at a time is read. */
function clear() {
  for (const old of box().querySelectorAll(".toast:not(.bad)")) old.remove();
}

/** Take the notice out of the address: a reload or a bookmark should not say it again. */
function forgetNotice() {
  const url = new URL(location.href);
  for (const name of ["done", "undo", "mended"]) url.searchParams.delete(name);
  history.replaceState(history.state, "", url);
}

function button(words, run) {
  const made = document.createElement("button");
  made.type = "button";
  made.textContent = words;
  made.addEventListener("click", run);
  return made;
}

/** Remove a toast after some seconds, more if it has a button, and not while it is pointed at or focused. */
function expire(made) {
  const wait = (made.querySelector("button") ? SECONDS_TO_UNDO : SECONDS) * 1000;
  let timer = setTimeout(() => made.remove(), wait);
  const hold = () => clearTimeout(timer);
  const release = () => { hold(); timer = setTimeout(() => made.remove(), wait); };
  for (const event of ["pointerenter", "focusin"]) made.addEventListener(event, hold);
  for (const event of ["pointerleave", "focusout"]) made.addEventListener(event, release);
  made.addEventListener("submit", () => made.remove());
}
