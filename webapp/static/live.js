// News of the list: one event stream for all tabs of a browser, polling where there can be none.
//
// The tab that holds the lock listens and tells the others. Without locks (they need HTTPS or localhost) each tab
// listens for itself; where too many listen already, it asks now and then, when an unchanged list costs a 304, and
// tries each time whether there is room to listen again.

const STREAM = "/api/sessions/gateway/stream";
const LOCK = "hermes-sessions-stream";
const POLL = 30_000;
const RETRY = 3_000;

let told = () => {};
let channel = null;
let tag = null;
let missed = false; // whether something may have changed while nobody listened

/** Call `changed` whenever the list may have changed, until the page goes. */
export function start(changed) {
  told = changed;
  addEventListener("online", () => check());
  document.addEventListener("visibilitychange", () => { if (!document.hidden) check(); });
  if (!navigator.locks || !window.BroadcastChannel) return listen();
  channel = new BroadcastChannel(LOCK);
  channel.addEventListener("message", ({ data }) => ("up" in data ? showConnection(data.up) : spread(data.news)));
  navigator.locks.request(LOCK, () => new Promise(() => listen())); // held until this tab goes
  return undefined;
}

function listen() {
  const source = new EventSource(STREAM);
  source.addEventListener("open", () => {
    connection(true);
    if (missed) tell(null); // something may have changed meanwhile
    missed = false;
  });
  source.addEventListener("message", ({ data }) => tell(JSON.parse(data)));
  source.addEventListener("error", () => {
    missed = true;
    if (source.readyState === EventSource.CLOSED) poll(); // refused: too many streams
    else check();
  });
}

/** Tell every tab of news; null where it is not known what changed. */
function tell(news) {
  channel?.postMessage({ news });
  spread(news);
}

function spread(news) {
  document.dispatchEvent(new CustomEvent("sessions-changed", { detail: news }));
  told();
}

function connection(up) {
  channel?.postMessage({ up });
  showConnection(up);
}

async function poll() {
  await check();
  setTimeout(listen, document.getElementById("offline").hidden ? POLL : RETRY);
}

/** Ask whether the list changed, and with it whether the server is there. */
async function check() {
  try {
    const response = await fetch("/sidebar?limit=1", {
      cache: "no-store",
      headers: tag ? { "If-None-Match": tag } : {},
    });
    connection(response.ok || response.status === 304);
    if (response.ok && tag) tell(null);
    tag = response.headers.get("ETag") ?? tag;
  } catch {
    connection(false);
  }
}

function showConnection(up) {
  document.getElementById("offline").hidden = up;
}
