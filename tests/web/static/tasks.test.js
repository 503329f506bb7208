// Tasks in order: one after another, and one more run for all calls that came during a run.

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { Coalesced, Pending, Queue } from "../../../webapp/static/tasks.js";

/** Return a promise with what settles it. */
function deferred() {
  /** @type {() => void} */
  let resolve = () => {};
  /** @type {(error: Error) => void} */
  let reject = () => {};
  /** @type {Promise<void>} */
  const promise = new Promise((...settle) => { [resolve, reject] = settle; });
  return { promise, resolve: () => resolve(), reject: (/** @type {Error} */ error) => reject(error) };
}

/** Let everything go on that waits for nothing else. */
const settled = () => new Promise((resolve) => { setImmediate(resolve); });

describe("a queue", () => {
  test("runs one task after another, in the order in which they were added", async () => {
    const queue = new Queue();
    const [first, second] = [deferred(), deferred()];
    /** @type {string[]} */
    const log = [];
    const all = [
      queue.add(async () => { log.push("first begins"); await first.promise; log.push("first ends"); }),
      queue.add(async () => { log.push("second begins"); await second.promise; }),
    ];
    await settled();
    assert.deepEqual(log, ["first begins"]);
    first.resolve();
    await settled();
    assert.deepEqual(log, ["first begins", "first ends", "second begins"]);
    second.resolve();
    await Promise.all(all);
  });

  test("is busy from the first task that is added to the end of the last", async () => {
    const queue = new Queue();
    const [first, second] = [deferred(), deferred()];
    assert.equal(queue.busy, false);
    const all = [queue.add(() => first.promise), queue.add(() => second.promise)];
    assert.equal(queue.busy, true);
    first.resolve();
    await settled();
    assert.equal(queue.busy, true);
    second.resolve();
    await Promise.all(all);
    assert.equal(queue.busy, false);
  });

  test("goes on after a task that fails, and says so to whoever added it", async () => {
    const queue = new Queue();
    const failing = queue.add(() => Promise.reject(new Error("no")));
    let ran = false;
    const next = queue.add(async () => { ran = true; });
    await assert.rejects(failing, { message: "no" });
    await next;
    assert.ok(ran);
    assert.equal(queue.busy, false);
  });
});

describe("a coalesced task", () => {
  test("runs once more for all calls that come while it runs", async () => {
    const runs = [deferred(), deferred(), deferred()];
    let count = 0;
    const task = new Coalesced(() => {
      const run = runs[count];
      count += 1;
      assert.ok(run);
      return run.promise;
    });
    const first = task.run();
    let told = 0;
    for (let call = 0; call < 3; call += 1) task.run().then(() => { told += 1; });
    await settled();
    assert.equal(count, 1);
    runs[0]?.resolve();
    await first;
    await settled();
    assert.equal(count, 2);
    assert.equal(told, 0, "the run that began before the calls may not have seen what they are about");
    runs[1]?.resolve();
    await settled();
    assert.equal(count, 2);
    assert.equal(told, 3);
    task.run();
    assert.equal(count, 3);
  });

  test("runs once more after a run that fails, whose error its caller gets", async () => {
    const first = deferred();
    let count = 0;
    const task = new Coalesced(() => {
      count += 1;
      return count === 1 ? first.promise : Promise.resolve();
    });
    const run = task.run();
    const next = task.run();
    first.reject(new Error("no"));
    await assert.rejects(run, { message: "no" });
    await next;
    assert.equal(count, 2);
    await task.run();
    assert.equal(count, 3);
  });
});

describe("pending work", () => {
  const LONG = 60_000; // milliseconds that no test waits

  test("is waited for until all is finished, also what is added in the meantime", async () => {
    const pending = new Pending();
    const [first, second] = [deferred(), deferred()];
    assert.equal(await pending.settled(LONG), true);
    pending.add(first.promise);
    let isOver = false;
    const over = pending.settled(LONG).then((result) => { isOver = result; });
    pending.add(second.promise);
    first.reject(new Error("no"));
    await settled();
    assert.deepEqual([isOver, pending.busy], [false, true]);
    second.resolve();
    await over;
    assert.deepEqual([isOver, pending.busy], [true, false]);
  });

  test("that is not finished ends a wait, and the next one at once, until something is finished", async () => {
    const pending = new Pending();
    const [never, other] = [deferred(), deferred()];
    pending.add(never.promise);
    assert.equal(await pending.settled(1), false);
    assert.equal(await pending.settled(LONG), false);
    pending.add(other.promise);
    other.resolve();
    await settled();
    let isOver = false;
    const over = pending.settled(LONG).then(() => { isOver = true; });
    await settled();
    assert.equal(isOver, false, "the rest may be finished soon");
    never.resolve();
    await over;
  });
});
