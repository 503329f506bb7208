// Moving between pages beside the same sidebar: links and forms fetch a page and put its content into this one.

import { Refused, reach } from "./api.js";
import { adopt as adoptToasts, explain } from "./toast.js";

const CONTENT_ALONE = { "Hermes-Part": "content" };

// What shows a session beside its messages: renewed alone, so that what was loaded or unfolded stays.
const RENEWED = ["#content .heading", "#content > .facts", "#content .acts"];

let loading = null; // what aborts the request that is under way
let unmount = null; // what the page's module wants called when the page goes

const main = () => document.getElementById("content");

/** Follow links and send forms without leaving the page; `changed` is called after a form changed something. */
export function start(changed) {
  history.scrollRestoration = "manual";
  document.addEventListener("click", onClick);
  document.addEventListener("submit", (event) => onSubmit(event, changed));
  addEventListener("popstate", () => show(location.href, { push: false, scroll: history.state?.scroll }));
  mount();
}

/** Show the page at an address of ours; `push` makes it an entry of the history. Tells of its own failures. */
export async function show(address, { push = true, scroll, focus = true } = {}) {
  try {
    place(await fetchPage(address), { push, scroll, focus });
  } catch (error) {
    if (error.name !== "AbortError") explain(error, () => show(address, { push, scroll, focus }));
  }
}

/** Fetch the open page again and renew what shows the session beside its messages. */
export async function renew() {
  const { found } = await fetchPage(location.href);
  renewParts(found);
}

async function fetchPage(address, options = {}) {
  loading?.abort();
  loading = new AbortController();
  main().setAttribute("aria-busy", "true");
  try {
    // Not kept: the browser would show this part alone when the history leads back to it.
    const request = { headers: CONTENT_ALONE, cache: "no-store", signal: loading.signal, ...options };
    const response = await reach(address, request);
    const found = new DOMParser().parseFromString(await response.text(), "text/html");
    const url = new URL(response.url);
    url.hash ||= new URL(address, location).hash; // which a response does not have
    if (url.pathname === "/login") {
      location.assign(url);
      await new Promise(() => {}); // this page goes
    }
    return { found, url, response };
  } finally {
    main().removeAttribute("aria-busy");
  }
}

function place({ found, url }, { push, scroll, focus }) {
  const hash = new URL(url).hash || (push ? "" : location.hash);
  if (push) {
    history.replaceState({ ...history.state, scroll: scrollY }, "");
    history.pushState({}, "", url);
  }
  const fresh = found.getElementById("content");
  unmount?.();
  unmount = null;
  main().dataset.module = fresh.dataset.module ?? "";
  main().replaceChildren(...fresh.childNodes);
  document.title = found.title;
  document.body.className = found.body.className;
  adoptToasts(found);
  if (focus) main().focus({ preventScroll: true });
  const target = hash && document.getElementById(decodeURIComponent(hash.slice(1)));
  if (target) target.scrollIntoView();
  else scrollTo(0, scroll ?? 0);
  document.dispatchEvent(new Event("shown"));
  mount();
}

async function mount() {
  const content = main();
  const { module } = content.dataset;
  if (!module) return;
  const address = location.href;
  try {
    const { mount: run } = await import(module);
    if (location.href === address) unmount = run(content) ?? null;
  } catch (error) {
    explain(new Refused(`this page's script cannot run (${error.message})`, 0), () => location.reload());
  }
}

function renewParts(found) {
  for (const place of RENEWED) {
    const fresh = found.querySelector(place);
    if (fresh) document.querySelector(place)?.replaceWith(fresh);
  }
  document.title = found.title;
  adoptToasts(found);
}

function onClick(event) {
  const link = event.target.closest("a[href]");
  const plain = event.button === 0 && !(event.metaKey || event.ctrlKey || event.shiftKey || event.altKey);
  if (!link || !plain || event.defaultPrevented || link.target || link.hasAttribute("download")) return;
  const url = new URL(link.href);
  if (url.origin !== location.origin || /^\/(api|static)\//.test(url.pathname)) return;
  if (url.hash && url.pathname === location.pathname && url.search === location.search) return;
  event.preventDefault();
  show(url.href, { focus: !link.closest("#side") || getComputedStyle(link).visibility === "hidden" });
}

async function onSubmit(event, changed) {
  const form = event.target;
  if (form.method !== "post" || event.defaultPrevented) return;
  event.preventDefault();
  const data = new FormData(form, event.submitter);
  const body = form.enctype === "multipart/form-data" ? data : new URLSearchParams(data);
  try {
    const page = await fetchPage(form.action, { method: "POST", body });
    if (!page.response.ok) throw refusal(page);
    if (form.hasAttribute("data-keeps")) renewParts(page.found);
    else place(page, { push: page.url.pathname !== location.pathname, scroll: scrollY });
    changed();
  } catch (error) {
    if (error.name !== "AbortError") explain(error, () => show(location.href, { push: false }));
  }
}

function refusal({ found, response }) {
  const words = found.querySelector("[role=alert] p")?.textContent;
  return new Refused(words ?? `the server answered ${response.status}`, response.status);
}
