// The shell's script: shows each page's own module, and keeps relative times true.

import { keepTimes } from "./times.js";

/** Import the page's module, if it has one, and let it run over the content. */
async function mount(content) {
  if (!content.dataset.module) return;
  const module = await import(content.dataset.module);
  module.mount(content);
}

keepTimes();
mount(document.getElementById("content"));
