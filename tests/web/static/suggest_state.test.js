// The suggestions of the search box, and the searches that a browser remembers.

import assert from "node:assert/strict";
import { test } from "node:test";

import { MOST, remembered, valid } from "../../../webapp/static/recent_state.js";
import { SuggestState, charactersBefore, pauseBefore, withExample } from "../../../webapp/static/suggest_state.js";

/** @param {string} text */
const named = (text) => ({ text, label: text, meaning: "" });

/**
 * Return a state that shows suggestions for a text with the cursor at its end.
 * @param {string} text
 * @param {{ start?: number, dates?: boolean, texts?: string[] }} [answer]
 */
function showing(text, { start = 0, dates = false, texts = ["tag:work ", "tag:web "] } = {}) {
  const state = new SuggestState();
  const typed = { text, at: text.length };
  state.show(typed, { start, end: Array.from(text).length, takes_date: dates, suggestions: texts.map(named) }, typed);
  return state;
}

test("arrow keys go round the suggestions, Enter takes the active one, Tab the first without one", () => {
  const state = showing("tag:w");
  assert.equal(state.step("Enter"), null); // it searches
  assert.deepEqual(state.step("Tab"), { act: "take", place: 0 });
  assert.deepEqual(state.step("ArrowUp"), { act: "choose", place: 1 });
  state.active = 1;
  assert.deepEqual(state.step("ArrowDown"), { act: "choose", place: 0 });
  assert.deepEqual(state.step("Enter"), { act: "take", place: 1 });
  assert.deepEqual(state.step("Escape"), { act: "close" });
  assert.equal(state.step("w"), null);
  state.close();
  for (const key of ["ArrowDown", "Tab", "Enter", "Escape"]) assert.equal(state.step(key), null);
});

test("the calendar is the last entry where a date can stand", () => {
  const state = showing("before:", { dates: true, texts: ["before:7d "] });
  assert.equal(state.count, 2);
  state.active = 1;
  assert.deepEqual(state.step("Enter"), { act: "date" });
  assert.deepEqual(state.dated("2026-09-01"), { text: "before:2026-09-01 ", at: 18 });
  assert.equal(showing("before:2026-", { dates: true, texts: [] }).isOpen, true);
});

test("what is taken stands in place of what was being typed, also behind characters of two code units", () => {
  const state = showing("😀 tag:w", { start: 2 });
  assert.deepEqual(state.taken(0, { text: "😀 tag:w", at: 8 }), { text: "😀 tag:work ", at: 12 });
  assert.equal(state.taken(0, { text: "😀 tag:wo", at: 9 }), null); // something else was typed since
  assert.equal(charactersBefore({ text: "😀 tag:w", at: 8 }), 7);
});

test("a chosen suggestion stays chosen when a later answer has it too", () => {
  const state = showing("tag:w");
  state.active = 1;
  const typed = { text: "tag:we", at: 6 };
  const answer = (/** @type {string[]} */ ...texts) => ({ start: 0, end: 6, takes_date: false, suggestions: texts.map(named) });
  state.show(typed, answer("tag:web "), typed);
  assert.equal(state.active, 0);
  state.show(typed, answer("tag:weekly "), typed);
  assert.equal(state.active, -1);
});

test("an answer to what was typed before is not shown", () => {
  const state = new SuggestState();
  const answer = { start: 0, end: 4, takes_date: false, suggestions: [named("tag:work ")] };
  state.show({ text: "tag:", at: 4 }, answer, { text: "tag:x", at: 5 });
  assert.equal(state.isOpen, false);
});

test("an example of the help is added to what is typed", () => {
  assert.equal(withExample("", "tag:work"), "tag:work");
  assert.equal(withExample("rent ", "tag:work"), "rent tag:work");
});

test("a search waits for the next key where the one before took longer than that, as long as it took, within limits", () => {
  assert.deepEqual([0, 130, 400, 5_000].map((took) => pauseBefore("de", took)), [20, 20, 50, 250]);
  assert.deepEqual(["d", " D ", "", "京", "#"].map((text) => pauseBefore(text, 0)), [250, 250, 20, 20, 20]);
});

test("recent searches are the latest ten, each once", () => {
  assert.deepEqual(remembered(["a", "b"], " b "), ["b", "a"]);
  assert.deepEqual(remembered(["a"], "  "), ["a"]);
  assert.deepEqual(remembered(["a"], "x".repeat(201)), ["a"]);
  const many = Array.from({ length: 12 }, (_, at) => String(at));
  assert.equal(many.reduce(remembered, /** @type {string[]} */ ([])).length, MOST);
  assert.deepEqual(valid(["a", 1, null, "b"]), ["a", "b"]);
});
