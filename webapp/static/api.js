// Requests to this site's server: JSON in both directions, and errors that say what went wrong.

import { isOffline } from "./connection.js";

/** @typedef {import("./events.js").SessionEntry} SessionEntry */

/**
 * @typedef {object} Project
 * @property {string} project_id
 * @property {string} name
 * @property {string | null} [color] `#rrggbb`
 */

/**
 * What became of one session of a batch: `error` and `status` say why it was not changed.
 * @typedef {{ session_id: string, ok: true } | { session_id: string, ok: false, error: string, status: number }} BatchResult
 */

/** @typedef {{ session_id: string }} OneSession */
/** @typedef {{ session: SessionEntry }} ChangedSession */
/** @typedef {"pin" | "unpin" | "archive" | "unarchive" | "move" | "delete" | "restore" | "tag" | "untag" | "unimport"} BatchAction */
/** @typedef {{ failed: { session_id: string, error: string }[] }} ChangedTag */

/**
 * One action for several sessions: `project_id` is for `move`, null for none, `tags` are for `tag` and `untag`, and `order` for `tag`.
 * `undoing` says that the step takes another one back.
 * @typedef {{
 *   session_ids: string[], action: BatchAction, project_id?: string | null, tags?: string[] | null, order?: string[] | null,
 *   undoing?: boolean,
 * }} BatchStep
 */

/**
 * The body and the answer of each POST that the pages send.
 * @typedef {{
 *   "/api/session/rename": { body: OneSession & { title: string }, answer: ChangedSession & { title_before: string | null } },
 *   "/api/session/duplicate": { body: OneSession, answer: ChangedSession },
 *   "/api/session/delete": { body: OneSession, answer: { ok: boolean } },
 *   "/api/session/import_cli": { body: OneSession, answer: ChangedSession },
 *   "/api/projects/create": { body: { name: string, color: string }, answer: { project: Project } },
 *   "/api/projects/rename": { body: { project_id: string, name: string, color?: string | null }, answer: { project: Project } },
 *   "/api/projects/delete": { body: { project_id: string }, answer: { ok: boolean } },
 *   "/api/projects/restore": { body: { project_id: string }, answer: ChangedTag },
 *   "/api/tags/rename": { body: { old: string, new: string }, answer: ChangedTag },
 *   "/api/tags/remove": { body: { name: string }, answer: ChangedTag },
 *   "/api/tags/restore": { body: { name: string }, answer: ChangedTag },
 *   "/api/sessions/batch": {
 *     body: BatchStep,
 *     answer: { results: BatchResult[], undo: BatchStep[] },
 *   },
 * }} Posts
 */

/**
 * The answer of each GET that the pages send.
 * @typedef {{
 *   "/api/projects": { projects: Project[] },
 *   "/api/suggestions": import("./suggest_state.js").Answer,
 *   "/api/tags": { tags: { name: string, count: number }[] },
 * }} Gets
 */

/** The server refused a request, or could not be reached. */
export class RequestError extends Error {
  /**
   * @param {string} message says why, for the user
   * @param {number} status the HTTP status; 0 if there was no answer
   */
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

/**
 * Send a JSON object by POST and return the answer's; throw `RequestError`.
 * @template {keyof Posts} Path
 * @param {Path} path
 * @param {Posts[Path]["body"]} body
 * @returns {Promise<Posts[Path]["answer"]>}
 */
export async function post(path, body) {
  if (isOffline()) throw new RequestError("nothing was changed, because the connection is lost", 0);
  return requestJson(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
}

/**
 * Return the JSON object at a path; throw `RequestError`.
 * @template {keyof Gets} Path
 * @param {Path} path
 * @param {{ query?: URLSearchParams, signal?: AbortSignal }} [options] `signal` drops the request
 * @returns {Promise<Gets[Path]>}
 */
export function get(path, { query, signal } = {}) {
  return requestJson(query ? `${path}?${query}` : path, { signal: signal ?? null });
}

/**
 * @param {string} path
 * @param {RequestInit} options
 */
async function requestJson(path, options) {
  const response = await request(path, options);
  const body = await response.json().catch((error) => {
    if (isAbort(error)) throw error;
    return {};
  });
  if (!response.ok) throw new RequestError(body.error ?? statusText(response), response.status);
  return body;
}

/**
 * Fetch an address; throw `RequestError` if the server cannot be reached.
 * @param {string | URL} address
 * @param {RequestInit} [options]
 * @returns {Promise<Response>} of any status
 */
export async function request(address, options) {
  try {
    return await fetch(address, options);
  } catch (error) {
    if (isAbort(error)) throw error;
    throw new RequestError("the server cannot be reached", 0);
  }
}

/**
 * Return the status of an answer in words, for one that says nothing else.
 * @param {Response} response
 */
export function statusText(response) {
  return `the server answered with status ${response.status}`;
}

/**
 * Return whether an error only says that a request was no longer wanted.
 * @param {unknown} error
 */
export function isAbort(error) {
  return error instanceof DOMException && error.name === "AbortError";
}
