// Acts on many conversations: which are selected, what is said, and portions that end early.

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { RequestError } from "../../../webapp/static/api.js";
import { Progress, takeSteps } from "../../../webapp/static/batch.js";
import {
  PORTION, commonTags, deleteQuestion, flagActions, portionsOf, resultText, shortfallText, undoneText, withRange,
} from "../../../webapp/static/selection_state.js";

/** @typedef {import("../../../webapp/static/selection_state.js").Outcome} Outcome */
/** @typedef {import("../../../webapp/static/selection_state.js").Selected} Selected */

/**
 * @param {Partial<Selected>} [values]
 * @returns {Selected}
 */
const known = (values) => ({ project: "", tags: [], held: false, pinned: false, archived: false, ...values });

/** @param {string} ids */
const rowsOf = (ids) => [...ids].map((id) => /** @type {const} */ ([id, known()]));

/**
 * @param {Partial<Outcome>} values
 * @returns {Outcome}
 */
const outcome = (values) => ({ total: 0, done: [], failures: [], unknown: 0, undo: [], interrupted: null, status: 0, ...values });

/** @param {number} count */
const idsOf = (count) => Array.from({ length: count }, (_, index) => `s${index}`);

describe("a range", () => {
  /** @type {[base: string, from: string | null, to: string, expected: string][]} */
  const CASES = [
    ["b", "b", "d", "bcd"], ["d", "d", "b", "dbc"], ["a", "c", "d", "acd"], ["", null, "c", "c"], ["x", "x", "b", "xb"],
  ];
  for (const [base, from, to, expected] of CASES) {
    test(`from ${from} to ${to} is added to "${base}"`, () => {
      assert.equal([...withRange(new Map(rowsOf(base)), rowsOf("abcde"), from, to).keys()].join(""), expected);
    });
  }
});

test("a step is taken in portions", () => {
  const portions = portionsOf({ session_ids: idsOf(2 * PORTION + 1), action: "tag", tags: ["x"] });
  assert.deepEqual(portions.map(({ session_ids: ids, ...rest }) => [ids.length, rest]), [
    [PORTION, { action: "tag", tags: ["x"] }], [PORTION, { action: "tag", tags: ["x"] }], [1, { action: "tag", tags: ["x"] }],
  ]);
});

test("the buttons do the opposite if all are so already", () => {
  assert.deepEqual(flagActions([]), { pin: "pin", archive: "archive" });
  assert.deepEqual(flagActions([known({ pinned: true }), known()]), { pin: "pin", archive: "archive" });
  assert.deepEqual(flagActions([known({ pinned: true, archived: true })]), { pin: "unpin", archive: "unarchive" });
});

test("a tag that all have is removed, in any spelling", () => {
  assert.deepEqual(commonTags([]), []);
  assert.deepEqual(commonTags([known({ tags: ["Work", "home"] }), known({ tags: ["work"] })]), ["Work"]);
});

describe("the question before deleting", () => {
  /** @type {[count: number, ofAgent: number, title: string, text: string][]} */
  const CASES = [
    [1, 0, "Delete 1 conversation?", "The trash keeps it for 30 days."],
    [1, 1, "Delete 1 conversation?", 
      "It belongs to the agent and is deleted there too. The trash keeps it for 30 days. Restoring brings it back here, not to the agent."],
    [5200, 0, "Delete 5,200 conversations?", "The trash keeps them for 30 days."],
    [3, 1, "Delete 3 conversations?", 
      "1 of them belongs to the agent and is deleted there too. The trash keeps them for 30 days. Restoring brings it back here, not to the agent."],
    [3, 2, "Delete 3 conversations?", 
      "2 of them belong to the agent and are deleted there too. The trash keeps them for 30 days. Restoring brings them back here, not to the agent."],
    [3, 3, "Delete 3 conversations?", 
      "All of them belong to the agent and are deleted there too. The trash keeps them for 30 days. Restoring brings them back here, not to the agent."],
  ];
  for (const [count, ofAgent, title, text] of CASES) {
    test(`${ofAgent} of ${count}`, () => assert.deepEqual(deleteQuestion(count, ofAgent, "30"), { title, text }));
  }
});

describe("what is said after an act", () => {
  test("that worked", () => {
    const all = outcome({ total: 2, done: ["a", "b"] });
    assert.deepEqual([resultText(all, "archived"), shortfallText(all), undoneText(all)], ["2 conversations archived.", null, "Undone."]);
  });

  test("that failed for some", () => {
    const some = outcome({ total: 4, done: ["a", "b"], failures: ["no session c", "no session d"] });
    assert.equal(resultText(some, "archived"), "2 conversations archived.");
    assert.equal(shortfallText(some), "2 of 4 conversations failed: no session c (and 1 other).");
    assert.equal(undoneText(some), "Undone for 2 of 4 conversations.");
    assert.equal(shortfallText(outcome({ total: 2, failures: ["locked", "locked"] })), "2 of 2 conversations failed: locked.");
  });

  test("that was stopped, or cut off", () => {
    const stopped = outcome({ total: 300, done: idsOf(100), interrupted: "" });
    assert.equal(resultText(stopped, "archived"), "Stopped: 100 of 300 conversations archived.");
    assert.equal(shortfallText(stopped), null);
    const offline = outcome({ total: 300, done: idsOf(100), unknown: 50, interrupted: "the server cannot be reached" });
    assert.equal(resultText(offline, "archived"), "100 of 300 conversations archived.");
    assert.equal(
      shortfallText(offline),
      "150 conversations were left as they are: the server cannot be reached. No answer came for 50 conversations: look whether they changed.",
    );
    const refused = outcome({ total: 300, done: idsOf(100), interrupted: "the index is locked" });
    assert.equal(shortfallText(refused), "200 conversations were left as they are: the index is locked.");
  });
});

describe("the portions of an act", () => {
  /**
   * Answer requests as the server does; `fails` says which ids fail, and after how many requests none is answered.
   * @param {{ ids?: string[], after?: number }} fails
   */
  function serve({ ids = [], after = Infinity }) {
    let requests = 0;
    globalThis.fetch = async (_, options) => {
      requests += 1;
      if (requests > after) throw new TypeError("network");
      const step = JSON.parse(String(options?.body));
      const results = step.session_ids.map((/** @type {string} */ id) => (
        ids.includes(id) ? { session_id: id, ok: false, error: "locked", status: 503 } : { session_id: id, ok: true }
      ));
      return Response.json({ ok: true, results, undo: [{ ...step, action: "unarchive" }] });
    };
  }
  /** @type {import("../../../webapp/static/api.js").BatchStep[]} */
  const steps = [{ session_ids: idsOf(3 * PORTION), action: "archive" }];

  test("are all taken, and say how far they are", async () => {
    serve({ ids: ["s3"] });
    /** @type {string[]} */
    const shown = [];
    const done = await takeSteps(steps, new Progress((count, total) => shown.push(`${count} of ${total}`)));
    assert.deepEqual(shown, [0, 1, 2].map((count) => `${count * PORTION} of ${3 * PORTION}`));
    assert.deepEqual([done.done.length, done.failures, done.undo.length, done.interrupted], [3 * PORTION - 1, ["locked"], 3, null]);
  });

  test("end where the user stops them, and can be taken back so far", async () => {
    serve({});
    const progress = new Progress((count) => { progress.stopped = count >= PORTION; });
    const done = await takeSteps(steps, progress);
    assert.deepEqual([done.done.length, done.undo.length, done.interrupted], [PORTION, 1, ""]);
  });

  test("end where the connection is lost", async () => {
    serve({ after: 2 });
    const done = await takeSteps(steps, new Progress(() => {}));
    assert.deepEqual([done.done.length, done.unknown, done.interrupted], [2 * PORTION, PORTION, "the server cannot be reached"]);
  });

  test("that change nothing are an error", async () => {
    serve({ after: 0 });
    await assert.rejects(takeSteps(steps, new Progress(() => {})), RequestError);
    serve({ ids: ["a"] });
    await assert.rejects(takeSteps([{ session_ids: ["a"], action: "pin" }], new Progress(() => {})), /locked/);
  });
});
