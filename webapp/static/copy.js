// Text onto the clipboard, and the button that every block of code has for it.

/** Copy a text; return whether it worked. */
export async function copy(text) {
  try {
    if (navigator.clipboard) await navigator.clipboard.writeText(text);
    else return copySelected(text);
    return true;
  } catch {
    return false;
  }
}

/** The old way, which also works over plain HTTP from another machine. */
function copySelected(text) {
  const field = document.createElement("textarea");
  field.value = text;
  field.className = "unseen";
  document.body.append(field);
  field.select();
  const done = document.execCommand("copy");
  field.remove();
  return done;
}

/** Give every block of code its copy button. */
export function enhance(root) {
  for (const code of root.querySelectorAll(".code")) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "copy";
    button.textContent = "Copy";
    code.append(button);
  }
}

/** Copy the code that a button stands on, and say on the button whether it worked. */
export async function copyCode(button) {
  const done = await copy(button.parentElement.querySelector("pre").textContent);
  button.textContent = done ? "Copied" : "Not copied";
  setTimeout(() => { button.textContent = "Copy"; }, 2000);
}
