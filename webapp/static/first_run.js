// The welcome to a home without conversations: it makes room for the list as soon as there is one.

import { on } from "./events.js";
import { visit } from "./navigation.js";

/** @returns {() => void} what stops it */
export function mount() {
  const stopping = new AbortController();
  on("rows-changed", () => {
    if (document.querySelector("#list .row")) visit(location.href, { push: false, focus: false });
  }, { signal: stopping.signal });
  return () => stopping.abort();
}
