// Short messages at the edge of the page: what an act did, or why not.

const SECONDS = 6;

/**
 * Show words for some seconds, longer while they are pointed at or focused.
 *
 * `action` is `{label, run}`: a button beside the words. `bad` marks a failure, which stays until it is closed.
 */
export function toast(words, { action, bad = false, seconds = SECONDS } = {}) {
  const box = document.createElement("div");
  box.className = bad ? "toast bad" : "toast";
  const text = document.createElement("p");
  text.textContent = words;
  box.append(text);
  if (action) box.append(button(action.label, () => { box.remove(); action.run(); }));
  if (bad) box.append(button("Close", () => box.remove()));
  document.getElementById("toasts").append(box);
  if (!bad) expire(box, seconds);
  return box;
}

function button(words, run) {
  const made = document.createElement("button");
  made.type = "button";
  made.textContent = words;
  made.addEventListener("click", run);
  return made;
}

function expire(box, seconds) {
  let timer = setTimeout(() => box.remove(), seconds * 1000);
  const hold = () => clearTimeout(timer);
  const release = () => { timer = setTimeout(() => box.remove(), seconds * 1000); };
  for (const event of ["pointerenter", "focusin"]) box.addEventListener(event, hold);
  for (const event of ["pointerleave", "focusout"]) box.addEventListener(event, release);
}
