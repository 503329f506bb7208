// The places above the list: what can be dropped where, and the colours of new projects.

import assert from "node:assert/strict";
import { test } from "node:test";

import { dropOn, hasTag, nextColor, paletteOf } from "../../../webapp/static/places_state.js";

const loose = { project: "", tags: [] };
const filed = { project: "a", tags: ["Work"] };

test("sessions are moved to another project, and tagged where one of them lacks the tag", () => {
  /** @type {[import("../../../webapp/static/places_state.js").Target, import("../../../webapp/static/places_state.js").Dragged[], string | null][]} */
  const cases = [
    [{ kind: "project", key: "a" }, [loose], "move"],
    [{ kind: "project", key: "a" }, [filed], null],
    [{ kind: "project", key: "a" }, [filed, loose], "move"],
    [{ kind: "project", key: "" }, [loose], null],
    [{ kind: "project", key: "" }, [filed], "move"],
    [{ kind: "tag", key: "work" }, [filed], null],
    [{ kind: "tag", key: "work" }, [filed, loose], "tag"],
    [{ kind: "view", key: "All" }, [filed], null],
    [{ kind: "project", key: "a" }, [], null],
  ];
  for (const [target, dragged, expected] of cases) assert.equal(dropOn(target, dragged), expected);
});

test("a tag is the same in small letters and capitals", () => {
  assert.ok(hasTag(["Work", "home"], "work"));
  assert.ok(!hasTag(["Workshop"], "work"));
});

test("a new project gets the colour that the fewest have", () => {
  const palette = paletteOf("Teal #0d9488, Blue #2563eb,Red #dc2626");
  assert.deepEqual(palette[1], { name: "Blue", color: "#2563eb" });
  assert.equal(nextColor(palette, []), "#0d9488");
  assert.equal(nextColor(palette, ["#0D9488", "#123456"]), "#2563eb");
  assert.equal(nextColor(palette, ["#0d9488", "#2563eb", "#dc2626", "#dc2626"]), "#0d9488");
});
