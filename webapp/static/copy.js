// Text onto the clipboard.

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
