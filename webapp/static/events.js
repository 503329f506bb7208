// Events between the modules of a page, with the type of what each carries.

/**
 * A change of the list as the server reports it.
 * @typedef {object} SessionNews
 * @property {SessionEntry[]} [sessions] the newest sessions of the list
 */

/**
 * What is used here of a session as the API describes it; times are seconds since the epoch.
 * @typedef {object} SessionEntry
 * @property {string} session_id
 * @property {number} message_count
 * @property {number | null} last_message_at
 * @property {number} updated_at
 */

/**
 * `connection-changed`: the server can be reached again, or not any more.
 * `filters-changed`: the list shows other filters, given as a query string.
 * `list-extended`: the next page of the list was fetched, with what came beside it, and for which query string.
 * `list-loaded`: the list was fetched, in a page with what came beside it.
 * `list-renewed`: parts of the list were fetched again, without what came beside them.
 * `page-changed`: another page is beside the list.
 * `rows-changed`: rows of the list were added, removed or replaced.
 * `sessions-changed`: sessions changed on the server; null if it is not known which.
 * @typedef {{
 *   "connection-changed": { connected: boolean },
 *   "filters-changed": string,
 *   "list-extended": { page: Document, query: string },
 *   "list-loaded": Document,
 *   "list-renewed": null,
 *   "page-changed": null,
 *   "rows-changed": null,
 *   "sessions-changed": SessionNews | null,
 * }} Events
 */

/**
 * Tell every listener of an event.
 * @template {keyof Events} Name
 * @param {Name} name
 * @param {Events[Name]} detail
 */
export function emit(name, detail) {
  document.dispatchEvent(new CustomEvent(name, { detail }));
}

/**
 * Call a function at every event of a name.
 * @template {keyof Events} Name
 * @param {Name} name
 * @param {(detail: Events[Name]) => void} listener
 * @param {{ signal?: AbortSignal }} [options] `signal` ends it
 */
export function on(name, listener, options) {
  document.addEventListener(name, (event) => {
    if (event instanceof CustomEvent) listener(event.detail);
  }, options);
}
