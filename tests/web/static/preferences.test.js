// What a browser keeps: it comes back as it was, and a storage that is full, forbidden or damaged breaks no page.

import assert from "node:assert/strict";
import { afterEach, describe, test } from "node:test";

import { read, write } from "../../../webapp/static/preferences.js";

/**
 * Give the modules a storage that holds some entries.
 * @param {Record<string, string>} entries
 * @param {{ full?: boolean }} [state]
 */
function store(entries, { full = false } = {}) {
  const held = new Map(Object.entries(entries));
  const localStorage = {
    getItem: (/** @type {string} */ name) => held.get(name) ?? null,
    setItem: (/** @type {string} */ name, /** @type {string} */ value) => {
      if (full) throw new DOMException("full", "QuotaExceededError");
      held.set(name, value);
    },
    removeItem: (/** @type {string} */ name) => held.delete(name),
  };
  Object.defineProperty(globalThis, "localStorage", { configurable: true, value: localStorage });
  return held;
}

function forbidStorage() {
  Object.defineProperty(globalThis, "localStorage", {
    configurable: true, get() { throw new DOMException("forbidden", "SecurityError"); },
  });
}

describe("a preference", () => {
  afterEach(() => { store({}); write("density", null); });

  test("is kept until it is forgotten", () => {
    const held = store({});
    assert.equal(read("side-width", 360), 360);
    write("side-width", 420);
    assert.equal(read("side-width", 360), 420);
    write("side-width", null);
    assert.equal(read("side-width", 360), 360);
    assert.equal(held.size, 0);
  });

  /** @type {[stored: string, preset: unknown][]} */
  const UNUSABLE = [["{", 1], ["null", "x"], ['"wide"', 360], ["[]", {}], ["{}", []], ["1", false]];
  for (const [stored, preset] of UNUSABLE) {
    test(`${stored} is not used in place of ${JSON.stringify(preset)}`, () => {
      store({ "hermes.density": stored });
      assert.deepEqual(read("density", preset), preset);
    });
  }

  for (const [name, forbid] of /** @type {const} */ ([["forbidden", forbidStorage], ["full", () => store({}, { full: true })]])) {
    test(`lasts as long as the page if the storage is ${name}`, () => {
      forbid();
      assert.equal(read("density", "comfortable"), "comfortable");
      write("density", "compact");
      assert.equal(read("density", "comfortable"), "compact");
    });
  }
});
