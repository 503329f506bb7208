// Where a reader of a conversation jumps to, and when its head collapses on a phone.

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { entryAt, failureAfter, jumpOf, landmarkAfter, nothingThere, numbersIn, placeOf } from "../../../webapp/static/jumps_state.js";

test("the numbers of a list", () => {
  assert.deepEqual(numbersIn("0,4,17"), [0, 4, 17]);
  assert.deepEqual(numbersIn(""), []);
  assert.deepEqual(numbersIn(undefined), []);
});

describe("the next landmark", () => {
  /** @type {[from: number, by: number, expected: number | null][]} */
  const CASES = [[0, 1, 4], [3, 1, 4], [4, 1, 9], [9, 1, null], [9, -1, 4], [5, -1, 4], [4, -1, 0], [0, -1, null]];
  for (const [from, by, expected] of CASES) {
    test(`from ${from} by ${by}`, () => assert.equal(landmarkAfter([0, 4, 9], from, by), expected));
  }
  test("of none is none", () => assert.equal(landmarkAfter([], 3, 1), null));
});

test("from the last failed call the next is the first, and the other way round", () => {
  const CASES = [[0, 1, 4], [4, 1, 9], [9, 1, 4], [9, -1, 4], [4, -1, 9]];
  for (const [from = 0, by = 0, expected] of CASES) assert.equal(failureAfter([4, 9], from, by), expected);
  assert.equal(failureAfter([], 3, 1), null);
});

test("a reader is at the message that was jumped to, until it moves or leaves the page", () => {
  assert.equal(placeOf({ index: 40, top: 90 }, 91, 36), 40);
  assert.equal(placeOf({ index: 40, top: 90 }, 30, 36), 36);
  assert.equal(placeOf({ index: 40, top: 90 }, null, 36), 36);
  assert.equal(placeOf(null, null, 3), 3);
});

test("a key jumps by whether Shift is held, also with Caps Lock", () => {
  assert.equal(jumpOf({ key: "u", shiftKey: false })?.by, 1);
  assert.equal(jumpOf({ key: "U", shiftKey: false })?.by, 1);
  assert.equal(jumpOf({ key: "U", shiftKey: true })?.by, -1);
  assert.equal(jumpOf({ key: "u", shiftKey: true })?.by, -1);
  assert.equal(jumpOf({ key: "y", shiftKey: false }), undefined);
});

test("the outline marks the last message that is not after the reader's", () => {
  assert.deepEqual([0, 3, 4, 100].map((at) => entryAt([0, 4, 9], at)), [0, 0, 4, 9]);
  assert.equal(entryAt([4], 2), null);
});

test("where nothing is left, it is said what there is none of", () => {
  assert.equal(nothingThere("user", 1), "You wrote no later message.");
  assert.equal(nothingThere("failure", -1), "No tool call failed.");
});
