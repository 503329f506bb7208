// The page that asks for the password: shows what was typed, and goes back to the place that was asked for.

import { required } from "./dom.js";

const form = required(document, ".login", HTMLFormElement);
const password = required(form, "#password", HTMLInputElement);
const reveal = required(form, "#reveal", HTMLButtonElement);
const next = required(form, "[name=next]", HTMLInputElement);

reveal.addEventListener("click", () => {
  const shown = password.type === "password";
  password.type = shown ? "text" : "password";
  reveal.setAttribute("aria-pressed", String(shown));
  password.focus();
});

form.addEventListener("submit", () => {
  password.type = "password"; // or browsers offer to store it as an ordinary text
  // The server never sees which message of a conversation was asked for.
  if (location.hash && !next.value.includes("#")) next.value += location.hash;
});
