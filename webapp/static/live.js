// News of the list: one event stream for all tabs of a browser, polling where there can be none.
//
// The tab that holds the lock listens and tells the others. Without locks (they need HTTPS or localhost) each tab
// listens for itself; where too many listen already, it asks now and then, and an unchanged list costs a 304.

import { filtersOf } from "./list.js";

const STREAM = "/api/sessions/gateway/stream";
const LOCK = "hermes-sessions-stream";
const POLL = 30_000;
const RETRY = 3_000;

let told = () => {};
let channel = null;
let tag = null;

/** Call `changed` whenever the list may have changed, until the page goes. */
export function start(changed) {
  told = changed;
  addEventListener("online", () => check());
  document.addEventListener("visibilitychange", () => { if (!document.hidden) check(); });
  if (!navigator.locks || !window.BroadcastChannel) return listen();
  channel = new BroadcastChannel(LOCK);
  channel.addEventListener("message", ({ data }) => (data === "changed" ? told() : showConnection(data === "up")));
  navigator.locks.request(LOCK, () => new Promise(() => listen())); // held until this tab goes
  return undefined;
}

function listen() {
  const source = new EventSource(STREAM);
  let missed = false;
  source.addEventListener("open", () => {
    connection(true);
    if (missed) tell(); // something may have changed meanwhile
    missed = false;
  });
  source.addEventListener("message", tell);
  source.addEventListener("error", () => {
    missed = true;
    if (source.readyState === EventSource.CLOSED) poll(); // refused: too many streams
    else check();
  });
}

function tell() {
  channel?.postMessage("changed");
  told();
}

function connection(up) {
  channel?.postMessage(up ? "up" : "down");
  showConnection(up);
}

async function poll() {
  await check();
  setTimeout(poll, document.getElementById("offline").hidden ? POLL : RETRY);
}

/** Ask whether the list changed, and with it whether the server is there. */
async function check() {
  try {
    const response = await fetch(`/sidebar?${filtersOf(location.search)}`, {
      cache: "no-store",
      headers: tag ? { "If-None-Match": tag } : {},
    });
    connection(response.ok || response.status === 304);
    if (response.ok && tag) tell();
    tag = response.headers.get("ETag") ?? tag;
  } catch {
    connection(false);
  }
}

function showConnection(up) {
  document.getElementById("offline").hidden = up;
}
