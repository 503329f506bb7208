// The list's width and density, its unread marks, and where keys lead in it: tables of decisions.

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { boundsIn, otherDensity, widthAfter, within } from "../../../webapp/static/appearance_state.js";
import { MOST_MARKS, hasNews, withMark } from "../../../webapp/static/read_marks_state.js";
import { controlAfter, rowsBy, tabStop } from "../../../webapp/static/row_focus_state.js";

describe("the width of the list", () => {
  const bounds = { least: 240, most: 500 };

  test("leaves most of the window to the page", () => {
    assert.deepEqual(boundsIn(1000), { least: 240, most: 380 });
    assert.deepEqual(boundsIn(320), { least: 240, most: 240 });
    assert.deepEqual([100, 300.4, 900].map((width) => within(width, bounds)), [240, 300, 500]);
  });

  /** @type {[key: string, width: number, expected: number | null][]} */
  const KEYS = [
    ["ArrowRight", 300, 316], ["ArrowLeft", 300, 284], ["ArrowLeft", 245, 240], ["ArrowRight", 495, 500],
    ["Home", 300, 240], ["End", 300, 500], ["ArrowUp", 300, null], ["a", 300, null],
  ];
  for (const [key, width, expected] of KEYS) {
    test(`${width} after ${key}`, () => assert.equal(widthAfter(key, width, bounds), expected));
  }
});

test("there are two densities", () => {
  assert.equal(otherDensity("compact"), "comfortable");
  assert.equal(otherDensity("comfortable"), "compact");
});

describe("a conversation is unread", () => {
  /** @type {[name: string, mark: string | undefined, stamp: string, expected: boolean][]} */
  const CASES = [
    ["never, if it was not opened here", undefined, "4 100", false],
    ["not as it was opened", "4 100", "4 100", false],
    ["after later messages", "4 100", "6 160", true],
    ["after another message of the same second", "4 100", "5 100", true],
    ["not after messages were removed", "4 100", "2 80", false],
    ["after what was said since messages were removed", "4 100", "2 160", true],
    ["after a mark that cannot be read", "?", "2 160", true],
  ];
  for (const [name, mark, stamp, expected] of CASES) {
    test(name, () => assert.equal(hasNews(mark === undefined ? {} : { a: mark }, "a", stamp), expected));
  }

  test("as far as the latest that were opened are remembered", () => {
    let marks = withMark({}, "first", "1 1");
    for (let index = 1; index < MOST_MARKS; index += 1) marks = withMark(marks, `s${index}`, "1 1");
    marks = withMark(marks, "first", "2 2");
    marks = withMark(marks, "last", "1 1");
    assert.equal(Object.keys(marks).length, MOST_MARKS);
    assert.deepEqual(["first", "s1", "s2", "last"].map((id) => id in marks), [true, false, true, true]);
    assert.equal(withMark(marks, "last", "1 1"), marks);
  });
});

describe("the keyboard in the list", () => {
  /** @type {[last: string | null, current: string | null, expected: string | null][]} */
  const STOPS = [[null, null, "a"], [null, "b", "b"], ["c", "b", "c"], ["gone", "b", "b"], ["gone", "gone", "a"]];
  for (const [last, current, expected] of STOPS) {
    test(`has its stop at ${expected} after ${last} with ${current} open`, () => {
      assert.equal(tabStop({ ids: ["a", "b", "c"], last, current }), expected);
    });
  }

  test("has no stop in an empty list", () => assert.equal(tabStop({ ids: [], last: "a", current: null }), null));

  test("goes from row to row, and to the ends", () => {
    assert.deepEqual(["ArrowDown", "ArrowUp", "PageDown", "Home", "End", "x"].map(rowsBy), [1, -1, 10, -Infinity, Infinity, null]);
  });

  /** @type {[key: string, place: number, expected: number | null][]} */
  const CONTROLS = [["ArrowRight", 1, 2], ["ArrowRight", 3, 3], ["ArrowLeft", 1, 0], ["ArrowLeft", 0, 0], ["Tab", 1, null]];
  for (const [key, place, expected] of CONTROLS) {
    test(`goes with ${key} from control ${place} to ${expected}`, () => assert.equal(controlAfter(key, place, 4), expected));
  }
});
