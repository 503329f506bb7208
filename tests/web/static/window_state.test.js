// Which messages are on the page, fetched and removed: tables of decisions, and a reader who scrolls through everything.

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import {
  ChangeFilter, FAR, MAX_MESSAGES, PREFETCH, edges, holdsEnd, indexInHash, isAtEnd, isNear, mergeActions, nearestEnd,
  newerQuery, olderQuery, openingPlace, queryToReachEnd, queryToShow, rangeAfterRemoval, rangeOf, removable, wasShortened,
} from "../../../webapp/static/window_state.js";
import { randomFrom } from "./random.js";

/** @typedef {import("../../../webapp/static/window_state.js").Range} Range */

/**
 * @param {number} offset
 * @param {number} end
 * @param {number} total
 */
const range = (offset, end, total) => rangeOf({ offset: `${offset}`, end: `${end}`, total: `${total}` });

/**
 * @param {number} index
 * @param {number} [last]
 */
const message = (index, last = index) => ({ index, last });

test("a range is read from the data that the server wrote, and does not change", () => {
  const read = rangeOf({ offset: "10", end: "60", total: "100", seen: "x" });
  assert.deepEqual({ ...read }, { offset: 10, end: 60, total: 100 });
  assert.ok(Object.isFrozen(read));
});

describe("what is fetched", () => {
  /** @type {[range: Range, older: object, newer: object][]} */
  const EDGES = [
    [range(50, 100, 200), { before: 50 }, { after: 99 }],
    [range(0, 1, 1), { before: 0 }, { after: 0 }],
    [range(0, 0, 0), { before: 0 }, {}],
  ];
  for (const [held, older, newer] of EDGES) {
    test(`beyond ${held.offset}–${held.end} of ${held.total}`, () => {
      assert.deepEqual(olderQuery(held), older);
      assert.deepEqual(newerQuery(held), newer);
    });
  }

  /** @type {[index: number, expected: object | null][]} */
  const SHOWN = [[49, { at: 49 }], [50, null], [99, null], [100, { at: 100 }], [0, { at: 0 }], [199, { at: 199 }]];
  for (const [index, expected] of SHOWN) {
    test(`to show message ${index} with 50–100 on the page`, () => {
      assert.deepEqual(queryToShow(range(50, 100, 200), index), expected);
    });
  }

  test("to reach the end: the last messages, or nothing if they are on the page", () => {
    assert.deepEqual(queryToReachEnd(range(0, 100, 101)), {});
    assert.equal(queryToReachEnd(range(50, 100, 100)), null);
  });
});

describe("the end of the conversation", () => {
  /** @type {[range: Range, held: boolean][]} */
  const CASES = [[range(0, 0, 0), true], [range(0, 5, 5), true], [range(0, 5, 6), false], [range(0, 6, 5), true]];
  for (const [each, held] of CASES) {
    test(`${each.end} of ${each.total} is ${held ? "" : "not "}on the page`, () => assert.equal(holdsEnd(each), held));
  }

  /** @type {[total: number, expected: boolean][]} */
  const FRESH = [[9, true], [10, false], [11, false], [0, true]];
  for (const [total, expected] of FRESH) {
    test(`a conversation of ${total} was ${expected ? "" : "not "}shortened if 10 were on the page`, () => {
      assert.equal(wasShortened(range(0, 10, 10), range(0, total, total)), expected);
    });
  }

  /** @type {[scrolled: number, expected: boolean][]} */
  const SCROLLED = [[1200, true], [1080, true], [1079, false], [0, false]];
  for (const [scrolled, expected] of SCROLLED) {
    test(`a user at ${scrolled} of 1200 pixels ${expected ? "follows" : "does not follow"} new messages`, () => {
      assert.equal(isAtEnd({ height: 800, scrolled, pageHeight: 2000 }), expected);
    });
  }
});

describe("an address", () => {
  /** @type {[hash: string, expected: number | null][]} */
  const HASHES = [
    ["#m0", 0], ["#m9", 9], ["#m10", null], ["#m", null], ["#m1x", null], ["m1", null], ["", null], ["#content", null],
    ["#m-1", null], ["#m1.5", null], ["#m007", 7], ["#m1234567890123456", null],
  ];
  for (const [hash, expected] of HASHES) {
    test(`${hash || "without a hash"} points to ${expected === null ? "no message" : `message ${expected}`} of 10`, () => {
      assert.equal(indexInHash(hash, range(0, 10, 10)), expected);
    });
  }

  /** @type {[hash: string, search: string, scrolled: number, expected: string][]} */
  const PLACES = [
    ["", "", 0, "end"],
    ["", "?q=words", 0, "end"],
    ["", "", 300, "unmoved"],
    ["", "?before=100", 0, "unmoved"],
    ["", "?after=100", 0, "unmoved"],
    ["", "?q=x&at=0", 0, "unmoved"],
    ["#m4", "", 0, "message"],
    ["#m4", "?at=4", 300, "message"],
    ["#elsewhere", "", 0, "message"],
  ];
  for (const [hash, search, scrolled, expected] of PLACES) {
    test(`${search}${hash} scrolled by ${scrolled} opens at: ${expected}`, () => {
      assert.equal(openingPlace({ hash, search, scrolled }), expected);
    });
  }
});

describe("what is removed", () => {
  const full = MAX_MESSAGES;
  /** @type {[name: string, held: number, incoming: number, stays: number, expected: number][]} */
  const CASES = [
    ["is nothing while there is room", 100, 50, 0, 0],
    ["is nothing at the limit", full - 50, 50, 0, 0],
    ["is one past the limit", full - 49, 50, 100, 1],
    ["is as much as comes to a full page", full, 50, 100, 50],
    ["ends at the first message that stays", full, 50, 20, 20],
    ["is nothing if the far end stays", full, 50, 0, 0],
    ["is nothing if no message stays: the user is elsewhere", full, 50, -1, 0],
    ["is nothing of nothing", 0, 300, -1, 0],
    ["brings an overfull page back to the limit", full + 100, 0, 150, 100],
  ];
  for (const [name, held, incoming, stays, expected] of CASES) {
    test(name, () => {
      const items = Array.from({ length: held }, (_, index) => index);
      const removed = removable(items, incoming, (item) => item === stays);
      assert.deepEqual(removed, items.slice(0, expected));
    });
  }

  test("is asked for in order, no further than needed", () => {
    /** @type {number[]} */
    const asked = [];
    removable([5, 4, 3, 2], MAX_MESSAGES, (item) => asked.push(item) === 2);
    assert.deepEqual(asked, [5, 4]);
  });

  const height = 800;
  /** @type {[top: number, bottom: number, expected: boolean][]} */
  const PLACES = [
    [0, 100, true],
    [-FAR - 100, -FAR, false],
    [-FAR - 100, -FAR + 1, true],
    [height + FAR, height + FAR + 100, false],
    [height + FAR - 1, height + FAR + 100, true],
    [-2 * FAR, 2 * FAR, true],
  ];
  for (const [top, bottom, expected] of PLACES) {
    test(`a message from ${top} to ${bottom} is ${expected ? "near" : "far"}`, () => {
      assert.equal(isNear({ top, bottom }, height), expected);
    });
  }

  test("is further away than where messages are fetched, or they would come back at once", () => {
    assert.ok(FAR > PREFETCH);
  });

  test("leaves a range from the first message to the last that the last one stands for", () => {
    assert.deepEqual({ ...rangeAfterRemoval(range(0, 100, 300), message(20), message(95, 99)) }, {
      offset: 20, end: 100, total: 300,
    });
  });

  test("passes the focus to the nearest end", () => {
    assert.equal(nearestEnd(message(3), message(50)), "first");
    assert.equal(nearestEnd(message(99), message(50)), "last");
  });
});

describe("what is added", () => {
  const HELD = [message(0), message(1, 3), message(4)];
  /** @type {[name: string, incoming: { index: number, last: number }[], expected: string[]][]} */
  const CASES = [
    ["new messages go behind the others", [message(5), message(6)], ["append", "append"]],
    ["the last one that did not change stays", [message(4), message(5)], ["keep", "append"]],
    ["the last one that got answers is replaced", [message(4, 6), message(7)], ["replace", "append"]],
    ["nothing new changes nothing", [message(4)], ["keep"]],
    ["one with answers already may get more", [message(1, 4)], ["replace"]],
    ["nothing comes of nothing", [], []],
  ];
  for (const [name, incoming, expected] of CASES) {
    test(name, () => assert.deepEqual(mergeActions(HELD, incoming), expected));
  }

  test("to an empty page is everything", () => {
    assert.deepEqual(mergeActions([], [message(0), message(1)]), ["append", "append"]);
  });
});

describe("the edges say how many messages are beyond, and link to them", () => {
  /** @type {[range: Range, older: number[], newer: number[]][]} */
  const CASES = [
    [range(50, 100, 300), [50, 50], [99, 200]],
    [range(0, 10, 10), [0, 0], [9, 0]],
    [range(0, 0, 0), [0, 0], [-1, 0]],
    [range(0, 12, 10), [0, 0], [11, 0]],
  ];
  for (const [each, older, newer] of CASES) {
    test(`${each.offset}–${each.end} of ${each.total}`, () => {
      const { older: above, newer: below } = edges(each);
      assert.deepEqual([above.before, above.count], older);
      assert.deepEqual([below.after, below.count], newer);
    });
  }
});

test("news change a conversation unless they say the same as before", () => {
  const entry = (count = 4, at = 1.5, updated = 2.5) => ({ message_count: count, last_message_at: at, updated_at: updated });
  const filter = new ChangeFilter();
  /** @type {[entry: ReturnType<typeof entry> | null | undefined, expected: boolean][]} */
  const NEWS = [
    [entry(), true],
    [entry(), false],
    [entry(5), true],
    [entry(5), false],
    [entry(5, 1.6), true],
    [entry(5, 1.6, 2.6), true],
    [undefined, true],
    [undefined, true],
    [entry(5, 1.6, 2.6), true],
    [entry(5, 1.6, 2.6), false],
    [null, true],
  ];
  NEWS.forEach(([each, expected], index) => assert.equal(filter.mayHaveChanged(each), expected, `news ${index}`));
});

// ---- a reader who scrolls ---------------------------------------------------------------------------------

const TOTAL = 5000, PAGE = 50, HEIGHT = 100, SCREEN = 800; // messages, messages, pixels, pixels

/** A page of messages that are all equally high, with the screen at one of them. */
class Reader {
  range = range(TOTAL - PAGE, TOTAL, TOTAL);
  /** The message at the top of the screen. */
  place = TOTAL - PAGE;

  get held() {
    return Array.from({ length: this.range.end - this.range.offset }, (_, index) => this.range.offset + index);
  }

  /** Whether a message may not be removed. @param {number} index */
  stays = (index) => {
    const top = (index - this.place) * HEIGHT;
    return isNear({ top, bottom: top + HEIGHT }, SCREEN);
  };

  /** @param {number[]} removed */
  remove(removed) {
    const left = this.held.filter((index) => !removed.includes(index));
    const [first = 0, last = 0] = [left[0], left.at(-1)];
    assert.equal(left.length, last - first + 1, "there is no gap");
    if (removed.length) this.range = rangeAfterRemoval(this.range, message(first), message(last));
  }

  addOlder() {
    const { before } = /** @type {{ before: number }} */ (olderQuery(this.range));
    const offset = Math.max(0, before - PAGE);
    this.remove(removable(this.held.reverse(), before - offset, this.stays));
    this.range = range(offset, this.range.end, TOTAL);
  }

  addNewer() {
    const { after } = /** @type {{ after: number }} */ (newerQuery(this.range));
    const end = Math.min(TOTAL, after + 1 + PAGE);
    this.remove(removable(this.held, end - after - 1, this.stays));
    this.range = range(this.range.offset, end, TOTAL);
  }

  /** Fetch what is missing around the screen, as the observer of the edges does. */
  settle() {
    const pages = PREFETCH / HEIGHT;
    while (this.range.offset > Math.max(0, this.place - pages)) this.addOlder();
    while (this.range.end < Math.min(TOTAL, this.place + SCREEN / HEIGHT + pages)) this.addNewer();
  }

  check() {
    const last = Math.min(TOTAL, this.place + SCREEN / HEIGHT);
    assert.ok(this.range.offset <= this.place && this.range.end >= last, "the screen is full");
    assert.ok(this.held.length <= MAX_MESSAGES, `${this.held.length} messages are on the page`);
    const { older, newer } = edges(this.range);
    assert.equal(older.count + this.held.length + newer.count, TOTAL);
    assert.equal(holdsEnd(this.range), newer.count === 0);
  }
}

test("a reader reaches the beginning and comes back to the end with at most 200 messages on the page", () => {
  const reader = new Reader();
  const places = Array.from({ length: (TOTAL - PAGE) / 10 }, (_, index) => TOTAL - PAGE - 10 * (index + 1));
  for (const place of [...places, ...places.reverse(), TOTAL - PAGE]) {
    reader.place = place;
    reader.settle();
    reader.check();
  }
  assert.ok(holdsEnd(reader.range));
});

for (let seed = 1; seed <= 20; seed += 1) {
  test(`a reader who scrolls back and forth (${seed}) always has a full screen`, () => {
    const random = randomFrom(seed);
    const reader = new Reader();
    for (let moment = 0; moment < 300; moment += 1) {
      const step = random(60) - 35; // rather upwards
      reader.place = Math.max(reader.range.offset, Math.min(TOTAL - PAGE, reader.range.end - 1, reader.place + step));
      reader.settle();
      reader.check();
    }
  });
}
