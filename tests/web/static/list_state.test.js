// What the list holds, fetches and keeps in place: tables of decisions, and random walks against a server that changes.

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import {
  FIRST_ROWS, ListState, MAX_ROWS, NEXT_ROWS, anchorOf, changeFor, chunkOf, focusCandidates, rowsToReload, stepTarget,
} from "../../../webapp/static/list_state.js";
import { randomFrom } from "./random.js";

/** @typedef {import("../../../webapp/static/list_state.js").Chunk} Chunk */

/**
 * @param {string} query
 * @param {string | null} next
 * @param {string} ids separated by spaces
 * @param {string} [days] separated by spaces
 */
function chunk(query, next, ids, days = "") {
  const split = (/** @type {string} */ text) => text.split(" ").filter(Boolean);
  return chunkOf({ query, next, ids: split(ids), days: split(days) });
}

/**
 * A chunk of so many rows.
 * @param {string} query
 * @param {string | null} next
 * @param {number} count
 */
function chunkOfSize(query, next, count) {
  return chunk(query, next, Array.from({ length: count }, (_, index) => `${query}-${index}`).join(" "));
}

/**
 * @param {Chunk[]} chunks
 * @param {string} [filters]
 */
function stateWith(chunks, filters = "") {
  const state = new ListState();
  state.filters = filters;
  state.chunks = chunks;
  return state;
}

/** @param {ListState} state */
const idsIn = (state) => state.chunks.map(({ ids }) => ids.join(" "));

describe("a new list", () => {
  test("holds the first page, under its filters, and is fresh", () => {
    const state = stateWith([chunk("old", null, "a b")], "source=cli");
    state.stale = true;
    const first = chunk("q=x", "next", "c");
    state.reset("q=x", first);
    assert.deepEqual([state.filters, state.chunks, state.stale, state.next], ["q=x", [first], false, "next"]);
  });

  test("makes the answers to an earlier one unwanted", () => {
    const first = chunk("", "next", "a");
    const state = stateWith([first]);
    const before = state.generation;
    assert.ok(state.canAppend(before, "next"));
    assert.ok(state.canReload(before, first));
    assert.equal(state.supersede(), state.generation);
    assert.ok(!state.canAppend(before, "next"));
    assert.ok(!state.canReload(before, first));
  });

  test("that is empty has nothing after it", () => {
    assert.equal(new ListState().next, null);
    assert.deepEqual(new ListState().continuedDays(), []);
  });
});

describe("at the end of the list", () => {
  test("the page after the last chunk is fetched", () => {
    const state = stateWith([chunk("", "two", "a"), chunk("two", "three", "b")]);
    assert.equal(state.next, "three");
    state.append(chunk("three", null, "c"));
    assert.equal(state.next, null);
    assert.deepEqual(idsIn(state), ["a", "b", "c"]);
  });

  test("a page is dropped if another was put there first", () => {
    const state = stateWith([chunk("", "two", "a")]);
    state.append(chunk("two", "three", "b"));
    assert.ok(!state.canAppend(state.generation, "two"));
  });

  test("sessions that moved down leave the chunks above", () => {
    const [one, two] = [chunk("", "two", "a b c"), chunk("two", "three", "d e")];
    const state = stateWith([one, two]);
    const removals = state.append(chunk("three", null, "f b e"));
    assert.deepEqual(removals, [{ chunk: one, ids: ["b"] }, { chunk: two, ids: ["e"] }]);
    assert.deepEqual(idsIn(state), ["a c", "d", "f b e"]);
    assert.deepEqual(state.chunks.map(({ count }) => count), [2, 1, 3]);
  });
});

describe("a refresh", () => {
  /** @type {[name: string, sizes: number[], visible: number[], filters: string, expected: object][]} */
  const CASES = [
    ["near the beginning fetches at least a first page", [10], [0], "", { limit: FIRST_ROWS, replaced: 1 }],
    ["fetches as much as is held up to the screen", [50, 100], [1], "", { limit: 150, replaced: 2 }],
    ["leaves what is below the screen", [50, 100, 100], [0], "", { limit: 50, replaced: 1 }],
    ["counts to the last of several visible chunks", [50, 50, 50, 50], [1, 2], "", { limit: 150, replaced: 3 }],
    ["fetches as much as one request can give", [100, 100], [1], "", { limit: MAX_ROWS, replaced: 2 }],
    ["fetches a large first chunk whole", [300], [0], "", { limit: 300, replaced: 1 }],
    ["with nothing on the screen begins anew", [50, 100], [], "", { limit: FIRST_ROWS, replaced: 0 }],
    ["of an empty list begins anew", [], [], "", { limit: FIRST_ROWS, replaced: 0 }],
    ["far down reloads what is on the screen", [50, 100, 100, 100], [2, 3], "", { chunks: [2, 3] }],
    ["one row past the limit reloads what is on the screen", [100, 101], [1], "", { chunks: [1] }],
    ["of a search reloads what is on the screen", [50, 100], [0], "q=x&source=cli", { chunks: [0] }],
    ["of other filters is as without", [50, 100], [0], "source=cli", { limit: 50, replaced: 1 }],
  ];
  for (const [name, sizes, visible, filters, expected] of CASES) {
    test(name, () => {
      const chunks = sizes.map((size, index) => chunkOfSize(`${index}`, `${index + 1}`, size));
      const state = stateWith(chunks, filters);
      const plan = state.planRefresh(chunks.filter((_, index) => visible.includes(index)));
      const actual = plan.scope === "beginning"
        ? { limit: plan.limit, replaced: plan.replaced }
        : { chunks: plan.chunks.map((each) => chunks.indexOf(each)) };
      assert.deepEqual(actual, expected);
      const renewed = plan.scope === "beginning" || visible.includes(0);
      assert.equal(state.stale, !renewed, "the beginning is stale if it was left out");
    });
  }

  test("counts unloaded chunks by what they held", () => {
    const chunks = [chunkOfSize("0", "1", 150), chunkOfSize("1", "2", 100)];
    const state = stateWith(chunks);
    state.unload(/** @type {Chunk} */ (chunks[0]));
    assert.equal(state.planRefresh(chunks.slice(1)).scope, "chunks");
  });

  test("does not reload chunks on the screen that are unloaded: they are being reloaded already", () => {
    const chunks = [chunkOfSize("0", "1", 201), chunkOfSize("1", "2", 10), chunkOfSize("2", null, 10)];
    const state = stateWith(chunks);
    state.unload(/** @type {Chunk} */ (chunks[1]));
    assert.deepEqual(state.planRefresh(chunks.slice(1)), { scope: "chunks", chunks: chunks.slice(2) });
  });
});

describe("a fresh beginning", () => {
  test("takes the place of the chunks up to the screen, and keeps those that follow it", () => {
    const state = stateWith([chunk("", "two", "a b"), chunk("two", "three", "c d"), chunk("three", null, "e f")]);
    state.stale = true;
    const [, , rest] = state.chunks;
    const removals = state.replaceBeginning(2, chunk("", "three", "new a b c"));
    assert.deepEqual(removals, []);
    assert.deepEqual(idsIn(state), ["new a b c", "e f"]);
    assert.equal(state.chunks[1], rest, "the same object, whose rows stay on the page");
    assert.equal(state.stale, false);
  });

  test("drops the chunks after it if the pages no longer meet", () => {
    const state = stateWith([chunk("", "two", "a b"), chunk("two", null, "c d")]);
    state.replaceBeginning(1, chunk("", "other", "new a"));
    assert.deepEqual(idsIn(state), ["new a"]);
    assert.equal(state.next, "other", "what was dropped is fetched while scrolling");
  });

  test("takes sessions that moved up out of the chunks after it", () => {
    const [one, two] = [chunk("", "two", "a b"), chunk("two", null, "c d e")];
    const state = stateWith([one, two]);
    assert.deepEqual(state.replaceBeginning(1, chunk("", "two", "d a b")), [{ chunk: two, ids: ["d"] }]);
    assert.deepEqual([two.ids, two.count], [["c", "e"], 2]);
  });

  test("that holds everything leaves nothing after it", () => {
    const state = stateWith([chunk("", "two", "a"), chunk("two", null, "b")]);
    state.replaceBeginning(2, chunk("", null, "a b"));
    assert.deepEqual(idsIn(state), ["a b"]);
  });

  test("that replaces nothing replaces everything", () => {
    const state = stateWith([chunk("", "two", "a"), chunk("two", null, "b")]);
    state.replaceBeginning(0, chunk("", "two", "x"));
    assert.deepEqual(idsIn(state), ["x"]);
  });
});

describe("a chunk near the screen or far from it", () => {
  /** @type {[near: boolean, loaded: boolean, focused: boolean, expected: "reload" | "unload" | null][]} */
  const CASES = [
    [true, true, false, null],
    [true, true, true, null],
    [true, false, false, "reload"],
    [true, false, true, "reload"],
    [false, true, false, "unload"],
    [false, true, true, null],
    [false, false, false, null],
    [false, false, true, null],
  ];
  for (const [near, loaded, focused, expected] of CASES) {
    test(`${near ? "near" : "far"}, ${loaded ? "loaded" : "unloaded"}${focused ? ", focused" : ""}: ${expected}`, () => {
      const subject = chunk("", null, "a");
      subject.loaded = loaded;
      assert.equal(changeFor(subject, { near, focused }), expected);
    });
  }

  test("unloaded chunks between two sessions are named, in either order, also around them", () => {
    const chunks = ["a b", "c d", "e f", "g h"].map((ids, index) => chunk(`${index}`, null, ids));
    const state = stateWith(chunks);
    for (const index of [0, 2]) state.unload(/** @type {Chunk} */ (chunks[index]));
    const between = (/** @type {string} */ one, /** @type {string} */ other) => (
      state.unloadedBetween(one, other).map(({ query }) => query)
    );
    assert.deepEqual(between("b", "g"), ["0", "2"]);
    assert.deepEqual(between("h", "c"), ["2"]);
    assert.deepEqual(between("c", "d"), []);
    assert.deepEqual(between("gone", "a"), []);
  });

  test("unloaded, it keeps its place, its count and its days, and holds no rows", () => {
    const subject = chunk("", "two", "a b c", "monday sunday");
    const state = stateWith([subject, chunk("two", null, "d", "sunday")]);
    state.unload(subject);
    assert.deepEqual([subject.ids, subject.count, subject.loaded], [[], 3, false]);
    assert.equal(rowsToReload(subject), 3);
    assert.deepEqual(state.continuedDays(), [false, true]);
    assert.deepEqual(state.append(chunk("x", null, "a")), [], "it has no rows to remove");
    assert.equal(subject.count, 3);
  });

  test("reloaded, it holds what the server has now, and the others lose what moved there", () => {
    const [one, two] = [chunk("", "two", "a b", "monday"), chunk("two", "three", "c d", "sunday")];
    const state = stateWith([one, two]);
    state.unload(one);
    assert.deepEqual(state.reload(one, chunk("", "other", "c a", "tuesday monday")), [{ chunk: two, ids: ["c"] }]);
    assert.deepEqual(idsIn(state), ["c a", "d"]);
    assert.deepEqual([one.count, one.loaded, one.days, one.next], [2, true, ["tuesday", "monday"], "two"]);
  });

  test("reloaded empty, it keeps its days", () => {
    const subject = chunk("", null, "a", "monday");
    stateWith([subject]).reload(subject, chunk("", null, ""));
    assert.deepEqual([subject.ids, subject.count, subject.days], [[], 0, ["monday"]]);
    assert.equal(rowsToReload(subject), 1, "a request asks for one row at least");
  });

  test("is not reloaded after it left the list", () => {
    const [one, two] = [chunk("", "two", "a"), chunk("two", null, "b")];
    const state = stateWith([one, two]);
    state.replaceBeginning(1, chunk("", "other", "a"));
    assert.ok(!state.canReload(state.generation, two));
  });
});

test("a page that renews the beginning is dropped if another list is shown by then", () => {
  const state = stateWith([chunk("", null, "a")]);
  const before = state.generation;
  assert.ok(state.canRenew(before, state.filters));
  const asked = state.supersede();
  assert.ok(!state.canRenew(before, state.filters));
  const filters = state.filters;
  state.reset("archived=1", chunk("archived=1", null, "b"));
  assert.ok(!state.canRenew(asked, filters));
  assert.ok(state.canRenew(asked, "archived=1"));
});

test("a deleted session leaves its chunk, and others stay", () => {
  const state = stateWith([chunk("", "two", "a b"), chunk("two", null, "c")]);
  state.removeSession("b");
  state.removeSession("none");
  assert.deepEqual(idsIn(state), ["a", "c"]);
  assert.deepEqual(state.chunks.map(({ count }) => count), [1, 1]);
});

describe("a day's heading is hidden where a chunk continues the day before it", () => {
  /** @type {[days: string[], expected: boolean[]][]} */
  const CASES = [
    [["today"], [false]],
    [["today yesterday", "yesterday sunday"], [false, true]],
    [["today", "yesterday"], [false, false]],
    [["today", "today", "today"], [false, true, true]],
    [["", ""], [false, false]],
    [["today", "", "today"], [false, false, false]],
  ];
  for (const [days, expected] of CASES) {
    test(days.map((each) => each || "none").join(" | "), () => {
      const chunks = days.map((each, index) => chunk(`${index}`, `${index + 1}`, "", each));
      assert.deepEqual(stateWith(chunks).continuedDays(), expected);
    });
  }
});

describe("the row that is kept in place", () => {
  const ROWS = [{ id: "a", bottom: 20 }, { id: "b", bottom: 60 }, { id: "c", bottom: 100 }];
  /** @type {[name: string, top: number, scrolled: number, expected: string | undefined][]} */
  const CASES = [
    ["is none at the beginning: new rows should be seen", 0, 0, undefined],
    ["is none almost at the beginning", 0, 8, undefined],
    ["is the first on the screen", 0, 9, "a"],
    ["may be cut by the edge", 50, 500, "b"],
    ["does not only touch the edge", 60, 500, "c"],
    ["is none below the last row", 100, 500, undefined],
  ];
  for (const [name, top, scrolled, expected] of CASES) {
    test(name, () => assert.equal(anchorOf(ROWS, { top, scrolled })?.id, expected));
  }

  test("is searched for no further than needed", () => {
    let measured = 0;
    const rows = function* () { for (const row of ROWS) { measured += 1; yield row; } };
    anchorOf(rows(), { top: 30, scrolled: 500 });
    assert.equal(measured, 2);
    anchorOf(rows(), { top: 30, scrolled: 0 });
    assert.equal(measured, 2);
  });
});

describe("the focus, after its row left the list, goes to the nearest row after it, else before it", () => {
  /** @type {[focused: string, expected: string][]} */
  const CASES = [["a", "a b c d"], ["b", "b c d a"], ["c", "c d b a"], ["d", "d c b a"], ["gone", "a b c d"]];
  for (const [focused, expected] of CASES) {
    test(focused, () => assert.equal(focusCandidates(["a", "b", "c", "d"], focused).join(" "), expected));
  }
});

describe("a step with the keyboard", () => {
  /** @type {[name: string, count: number, focused: number, current: number, by: number, expected: number][]} */
  const CASES = [
    ["begins at the first row", 5, -1, -1, 1, 0],
    ["begins at the first row backwards too", 5, -1, -1, -1, 0],
    ["goes on from the open session", 5, -1, 2, 1, 3],
    ["goes back from the open session", 5, -1, 2, -1, 1],
    ["goes to the open session", 5, -1, 2, 0, 2],
    ["prefers the focused row", 5, 3, 1, 1, 4],
    ["stops at the last row", 5, 4, -1, 1, 4],
    ["stops at the first row", 5, 0, -1, -1, 0],
    ["has nowhere to go in an empty list", 0, -1, -1, 1, -1],
  ];
  for (const [name, count, focused, current, by, expected] of CASES) {
    test(name, () => assert.equal(stepTarget({ count, focused, current, by }), expected));
  }
});

// ---- against a server that changes ----------------------------------------------------------------------

/** A list on a server: pages begin after a session that the query names, as its cursors do. */
class Server {
  #number = 0;
  /** @type {string[]} */
  ids = [];

  /** @param {number} count */
  constructor(count) {
    for (let index = 0; index < count; index += 1) this.ids.push(this.newId());
  }

  newId() {
    this.#number += 1;
    return `s${this.#number}`;
  }

  /**
   * @param {string} query empty for the beginning, else the session before the page
   * @param {number} limit
   */
  page(query, limit) {
    const from = query ? this.ids.indexOf(query) + 1 : 0;
    const ids = this.ids.slice(from, from + limit);
    const more = from + limit < this.ids.length;
    return chunkOf({ query, next: more ? ids.at(-1) ?? null : null, ids, days: [] });
  }

  /**
   * A session changes and moves to the beginning, or a new one comes, or one is deleted.
   * @param {(limit: number) => number} random
   */
  change(random) {
    const place = random(this.ids.length);
    const kind = random(3);
    if (kind === 0) this.ids.unshift(this.newId());
    else if (kind === 1) this.ids.unshift(...this.ids.splice(place, 1));
    // A deleted cursor would begin a page elsewhere: real cursors hold a time. The walk leaves those sessions alone.
    else if (place % 50 !== 49) this.ids.splice(place, 1);
  }
}

/** @param {ListState} state */
function checkConsistent(state) {
  const ids = state.chunks.flatMap((each) => each.ids);
  assert.equal(new Set(ids).size, ids.length, "no session stands in the list twice");
  for (const each of state.chunks) {
    if (each.loaded) assert.equal(each.count, each.ids.length);
    else assert.deepEqual(each.ids, []);
  }
  state.chunks.slice(1).forEach((each, index) => {
    assert.equal(each.query, state.chunks[index]?.next, "each chunk follows the one before");
  });
}

/**
 * Refresh as the list does, with the chunks from one place to another on the screen.
 * @param {ListState} state
 * @param {Server} server
 * @param {Chunk[]} visible
 */
function refresh(state, server, visible) {
  const plan = state.planRefresh(visible);
  if (plan.scope === "beginning") state.replaceBeginning(plan.replaced, server.page("", plan.limit));
  else for (const each of plan.chunks) state.reload(each, server.page(each.query, rowsToReload(each)));
  return plan.scope;
}

/** @typedef {{ state: ListState, server: Server, random: (limit: number) => number, chunk: Chunk }} Walk */

/** What may happen at any time. @type {((walk: Walk) => void)[]} */
const EVENTS = [
  ({ server, random }) => server.change(random),
  ({ state, server }) => { if (state.next !== null) state.append(server.page(state.next, NEXT_ROWS)); },
  ({ state, chunk: each }) => { if (changeFor(each, { near: false, focused: false })) state.unload(each); },
  ({ state, server, chunk: each }) => {
    if (changeFor(each, { near: true, focused: false })) state.reload(each, server.page(each.query, rowsToReload(each)));
  },
  ({ state, server, chunk: each }) => { refresh(state, server, [each]); },
  ({ state, server, random }) => {
    const id = server.ids[random(server.ids.length)] ?? "";
    if (state.chunks.some((each) => each.next === id)) return; // as in `Server.change`
    server.ids = server.ids.filter((each) => each !== id);
    state.removeSession(id);
  },
];

for (let seed = 1; seed <= 40; seed += 1) {
  test(`a random walk (${seed}) never shows a session twice, and a refresh at the top shows the truth`, () => {
    const random = randomFrom(seed);
    const server = new Server(400);
    const state = new ListState();
    state.reset("", server.page("", FIRST_ROWS));
    for (let moment = 0; moment < 150; moment += 1) {
      const subject = state.chunks[random(state.chunks.length)];
      const event = EVENTS[random(EVENTS.length)];
      assert.ok(subject && event);
      event({ state, server, random, chunk: subject });
      checkConsistent(state);
    }
    const first = state.chunks.slice(0, 1);
    if (refresh(state, server, first) !== "beginning") return;
    const ids = state.chunks[0]?.ids ?? [];
    assert.deepEqual(ids, server.ids.slice(0, ids.length));
    checkConsistent(state);
  });
}
