// An act on many sessions: one short request after another, until all are done or the user stops it.

import { RequestError, post } from "./api.js";
import { portionsOf } from "./selection_state.js";

/** @typedef {import("./api.js").BatchStep} BatchStep */
/** @typedef {import("./selection_state.js").Outcome} Outcome */

/** Where an act tells how far it is, and learns that it should stop. */
export class Progress {
  /** Whether the user stopped the act. */
  stopped = false;

  /** @param {(done: number, total: number) => void} show */
  constructor(show) {
    this.show = show;
  }
}

/**
 * Take some steps; throw `RequestError` if none of the sessions changed.
 * @param {BatchStep[]} steps
 * @param {Progress} progress
 * @returns {Promise<Outcome>}
 */
export async function takeSteps(steps, progress) {
  const total = steps.reduce((sum, step) => sum + step.session_ids.length, 0);
  /** @type {Outcome} */
  const outcome = { total, done: [], failures: [], unknown: 0, undo: [], interrupted: null, status: 0 };
  for (const portion of steps.flatMap(portionsOf)) {
    progress.show(outcome.done.length + outcome.failures.length, total);
    if (progress.stopped) outcome.interrupted = "";
    if (outcome.interrupted === null) await take(portion, outcome);
  }
  const [reason] = outcome.failures;
  if (!outcome.done.length && reason) throw new RequestError(reason, outcome.status);
  return outcome;
}

/**
 * Take the steps of an act on one session, and return what takes it back; throw `RequestError` if one failed.
 * @param {BatchStep[]} steps
 */
export async function takeForOne(steps) {
  const { failures, interrupted, status, undo } = await takeSteps(steps, new Progress(() => {}));
  const reason = failures[0] ?? interrupted;
  if (reason) throw new RequestError(reason, status);
  return undo;
}

/**
 * @param {BatchStep} portion
 * @param {Outcome} outcome
 */
async function take(portion, outcome) {
  try {
    const { results, undo } = await post("/api/sessions/batch", portion);
    for (const result of results) {
      if (result.ok) outcome.done.push(result.session_id);
      else {
        outcome.failures.push(result.error);
        outcome.status = result.status;
      }
    }
    outcome.undo.push(...undo);
  } catch (error) {
    if (!(error instanceof RequestError) || !outcome.done.length) throw error;
    outcome.interrupted = error.message;
    if (error.status === 0) outcome.unknown = portion.session_ids.length;
  }
}
