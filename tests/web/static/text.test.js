// Texts for the user: sentences, counts, short times, the count of matches, and the filters in an address.

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { filtersOf, isSearch, withFilters } from "../../../webapp/static/filters.js";
import { countText, nearestMatch, patternOf, placeAfter } from "../../../webapp/static/find.js";
import { counted, deletedMessage, inVain, restoring, sentence } from "../../../webapp/static/text.js";
import { longTime, shortTime } from "../../../webapp/static/times.js";

test("keys that were pressed in vain are named", () => {
  assert.equal(inVain(["e"]), "the key e did nothing");
  assert.equal(inVain(["e", "p"]), "the keys e and p did nothing");
  assert.equal(inVain(["e", "p", "z"]), "the keys e, p and z did nothing");
});

describe("a sentence", () => {
  /** @type {[message: string, expected: string][]} */
  const CASES = [
    ["the server cannot be reached", "The server cannot be reached."],
    ["Pinned.", "Pinned."],
    ["reload?", "Reload?"],
    ["stop!", "Stop!"],
    ["and so on…", "And so on…"],
    [" spaces ", "Spaces."],
    ["ärger", "Ärger."],
    ["3 conversations archived", "3 conversations archived."],
  ];
  for (const [message, expected] of CASES) test(message, () => assert.equal(sentence(message), expected));
});

test("a count has its noun in the right number", () => {
  assert.deepEqual([0, 1, 2].map((count) => counted(count, "hour")), ["0 hours", "1 hour", "2 hours"]);
  assert.equal(counted(5200, "hour"), "5,200 hours");
});

// The same table as in `tests/web/test_pages.py`.
describe("a time is in the server's words, in the zone of its stamp", () => {
  /** @type {[stamp: string, now: string, expected: string][]} */
  const CASES = [
    ["2026-11-28T14:13:05+01:00", "2026-11-28T22:59:00Z", "14:13"],
    ["2026-11-28T00:00:00+01:00", "2026-11-28T22:59:00Z", "00:00"],
    ["2026-11-28T23:30:00+01:00", "2026-11-28T12:00:00Z", "23:30"],
    ["2026-11-28T14:13:05+01:00", "2026-11-28T23:00:00Z", "Yesterday"],
    ["2025-12-31T23:59:59-05:30", "2026-01-01T06:00:00Z", "Yesterday"],
    ["2026-09-21T14:13:05+02:00", "2026-11-28T12:00:00Z", "21 Sep"],
    ["2026-11-26T23:59:59+00:00", "2026-11-28T12:00:00Z", "26 Nov"],
    ["2026-11-29T00:00:00+00:00", "2026-11-28T12:00:00Z", "29 Nov"],
    ["2025-09-21T14:13:05+00:00", "2026-11-28T12:00:00Z", "21 Sep 2025"],
    ["2027-01-03T14:13:05+00:00", "2026-11-28T12:00:00Z", "3 Jan 2027"],
  ];
  for (const [stamp, now, expected] of CASES) {
    test(`${stamp} at ${now}`, () => assert.equal(shortTime(stamp, Date.parse(now)), expected));
  }
  test("and nothing is said of a text that is not a time", () => assert.equal(shortTime("soon", 0), ""));
});

// The same table as in `tests/web/test_pages.py`.
describe("a time to the minute has its age beside it", () => {
  /** @type {[stamp: string, now: string, expected: string][]} */
  const CASES = [
    ["2026-11-28T14:13:05+01:00", "2026-11-28T13:13:30Z", "14:13 · just now"],
    ["2026-11-28T14:13:05+01:00", "2026-11-28T15:14:00Z", "14:13 · 2 hours ago"],
    ["2026-11-28T09:05:00+00:00", "2026-11-29T10:00:00Z", "Yesterday, 09:05 · 1 day ago"],
    ["2026-09-21T14:13:05+02:00", "2026-11-28T12:00:00Z", "21 Sep, 14:13 · 2 months ago"],
  ];
  for (const [stamp, now, expected] of CASES) {
    test(`${stamp} at ${now}`, () => assert.equal(longTime(stamp, Date.parse(now)), expected));
  }
});

describe("the filters of an address", () => {
  /** @type {[query: string, expected: string][]} */
  const CASES = [
    ["", ""],
    ["?", ""],
    ["?cursor=x&limit=5", ""],
    ["?archived=all&q=a+b", "q=a+b&archived=all"],
    ["source=cli&profile=&project_id=p1", "project_id=p1&source=cli"],
    ["q=%26%3D", "q=%26%3D"],
    ["since=7d&model=opus&pinned=1", "model=opus&pinned=1&since=7d"],
  ];
  for (const [query, expected] of CASES) {
    test(query || "none", () => assert.equal(filtersOf(query), expected));
  }

  test("may be given as parameters", () => {
    assert.equal(filtersOf(new URLSearchParams({ source: "cli", other: "x" })), "source=cli");
  });

  /** @type {[filters: string, expected: boolean][]} */
  const SEARCHES = [["q=x", true], ["profile=q%3D", false], ["source=cli&q=x", true], ["", false]];
  for (const [filters, expected] of SEARCHES) {
    test(`${filters || "none"} search for text: ${expected}`, () => assert.equal(isSearch(filters), expected));
  }
});

describe("an address with other filters", () => {
  /** @type {[address: string, filters: string, expected: string][]} */
  const CASES = [
    ["/session/a", "q=x", "/session/a?q=x"],
    ["/session/a?q=old&at=4#m4", "source=cli", "/session/a?at=4&source=cli#m4"],
    ["/session/a?q=old&archived=all", "", "/session/a"],
    ["https://here.example/session/a?before=5", "q=x", "/session/a?before=5&q=x"],
  ];
  for (const [address, filters, expected] of CASES) {
    test(`${address} with ${filters || "none"}`, (t) => {
      Object.assign(globalThis, { location: new URL("https://here.example/?q=here") });
      t.after(() => { Reflect.deleteProperty(globalThis, "location"); });
      assert.equal(withFilters(address, filters), expected);
    });
  }
});

describe("matches in a conversation", () => {
  /** @type {[indexes: number[], more: boolean, place: number, expected: string][]} */
  const COUNTS = [
    [[], false, -1, "0 found"], [[3, 9], false, -1, "2 found"], [[3, 9], true, -1, "2+ found"],
    [[3, 9], false, 0, "1 of 2"], [[3, 9], true, 1, "2 of 2+"],
  ];
  for (const [indexes, more, place, expected] of COUNTS) {
    test(expected, () => assert.equal(countText({ indexes, more }, place), expected));
  }

  /** @type {[indexes: number[], from: number, expected: number][]} */
  const NEAREST = [[[3, 9, 20], 0, 0], [[3, 9, 20], 9, 1], [[3, 9, 20], 10, 2], [[3, 9, 20], 21, 2], [[], 5, -1]];
  for (const [indexes, from, expected] of NEAREST) {
    test(`the nearest of ${indexes} to ${from}`, () => assert.equal(nearestMatch(indexes, from), expected));
  }

  test("are gone through in a circle", () => {
    assert.deepEqual([placeAfter(0, 1, 3), placeAfter(2, 1, 3), placeAfter(0, -1, 3), placeAfter(0, 1, 1)], [1, 0, 2, 0]);
  });

  /** @type {[text: string, within: string, expected: string[]][]} */
  const MARKED = [
    ["needle", "A Needle, a NEEDLE", ["Needle", "NEEDLE"]],
    ["two words", "two\n  words, two words", ["two\n  words", "two words"]],
    ["a.b*c", "a.b*c axbbc", ["a.b*c"]],
    ["(x[y]{z}^$|\\?+)", "(x[y]{z}^$|\\?+)", ["(x[y]{z}^$|\\?+)"]],
    ["well-known /path", "well-known /path", ["well-known /path"]],
    ["ÄRGER", "ärger", ["ärger"]],
  ];
  for (const [text, within, expected] of MARKED) {
    test(`${text} is marked where it stands`, () => {
      assert.deepEqual([...within.matchAll(patternOf(text))].map(([match]) => match), expected);
    });
  }
});

test("what the agent had is not undone", () => {
  const label = "Restore here";
  assert.deepEqual(restoring(3, 0), {});
  assert.deepEqual(restoring(1, 1), { undone: "Restored here. The agent no longer has it.", label });
  assert.deepEqual(restoring(2, 2), { undone: "Restored here. The agent no longer has them.", label });
  assert.deepEqual(restoring(3, 1), { undone: "Restored here. The agent no longer has 1 of them.", label });
});

describe("what is said of a delete", () => {
  /** @type {[count: number, ofAgent: number, message: string][]} */
  const CASES = [
    [1, 0, "Moved to the trash."],
    [1, 1, "Deleted here and from the agent. The trash keeps a copy."],
    [3, 0, "3 conversations moved to the trash."],
    [3, 1, 
      "3 conversations moved to the trash, 1 of them deleted from the agent too. The trash keeps copies."],
    [3, 3, 
      "3 conversations deleted here and from the agent. The trash keeps copies."],
  ];
  for (const [count, ofAgent, message] of CASES) {
    test(message, () => {
      assert.equal(deletedMessage(count, ofAgent), message);
    });
  }
});
