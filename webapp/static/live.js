// News of the list: one event stream for all tabs of a browser; polling where the server has no room for a stream.
//
// The tab that holds the lock listens, and passes the news on to the others. Without locks (they need HTTPS or localhost)
// each tab listens for itself. A tab that is refused a stream polls instead, which costs a 304 while nothing changes, and
// asks for a stream again after each poll.

import { isOffline, showConnection } from "./connection.js";
import { byId } from "./dom.js";
import { emit } from "./events.js";

/** @typedef {import("./events.js").SessionNews} SessionNews */
/** What the listening tab sends to the others. @typedef {{ connected: boolean } | { news: SessionNews | null }} Message */

const STREAM = "/api/sessions/events";
const EVENT = "sessions_changed";
const LOCK = "hermes-sessions-stream";
const POLL = 30_000; // milliseconds
const RETRY = 3_000; // milliseconds, while the server cannot be reached

let onChanged = () => {};
/** @type {BroadcastChannel | null} */
let otherTabs = null;
/** The version of the list at the last poll. @type {string | null} */
let etag = null;
let missed = false; // whether the list may have changed while nothing listened

/**
 * Follow the list until the page is left.
 * @param {() => void} callback called when the list may have changed
 */
export function start(callback) {
  onChanged = callback;
  addEventListener("online", poll);
  document.addEventListener("visibilitychange", () => { if (!document.hidden) poll(); });
  if (!("locks" in navigator) || !("BroadcastChannel" in window)) listen();
  else listenForAllTabs();
}

function listenForAllTabs() {
  otherTabs = new BroadcastChannel(LOCK);
  otherTabs.addEventListener("message", (/** @type {MessageEvent<Message>} */ { data }) => {
    if ("connected" in data) showConnection(data.connected);
    else announceHere(data.news);
  });
  navigator.locks.request(LOCK, () => new Promise(listen)); // held until this tab is closed: the promise never settles
}

function listen() {
  const { version } = byId("side").dataset; // empty beside a search, which may have read what is newer
  const source = new EventSource(STREAM);
  let isFirst = true; // the first event holds the list as it is, which the page has unless it changed since
  source.addEventListener("open", () => {
    setConnected(true);
    if (missed) announce(null);
    missed = false;
  });
  source.addEventListener(EVENT, ({ data }) => {
    const news = JSON.parse(data);
    if (!isFirst || (version && news.version !== version)) announce(news);
    isFirst = false;
  });
  source.addEventListener("error", () => {
    missed = true;
    if (source.readyState === EventSource.CLOSED) pollAndListen(); // refused: the server has too many streams
    else poll();
  });
}

/**
 * Announce a change in every tab.
 * @param {SessionNews | null} news null if it is not known what changed
 */
function announce(news) {
  otherTabs?.postMessage({ news });
  announceHere(news);
}

/** @param {SessionNews | null} news */
function announceHere(news) {
  emit("sessions-changed", news);
  onChanged();
}

/** @param {boolean} connected */
function setConnected(connected) {
  otherTabs?.postMessage({ connected });
  showConnection(connected);
}

async function pollAndListen() {
  await poll();
  setTimeout(listen, isOffline() ? RETRY : POLL);
}

/** Ask the server whether the list changed, and by that whether it can be reached. */
export async function poll() {
  try {
    const headers = etag ? { "If-None-Match": etag } : undefined;
    const response = await fetch("/sidebar?limit=1", { cache: "no-store", ...(headers && { headers }) });
    setConnected(response.ok || response.status === 304);
    if (response.ok && etag) announce(null);
    etag = response.headers.get("ETag") ?? etag;
  } catch {
    setConnected(false);
  }
}
