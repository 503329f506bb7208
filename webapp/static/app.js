// The script of every page. Each page can be read without it.

import * as actions from "./actions.js";
import * as appearance from "./appearance.js";
import * as banner from "./banner.js";
import * as connection from "./connection.js";
import * as list from "./list.js";
import * as live from "./live.js";
import * as navigation from "./navigation.js";
import * as places from "./places.js";
import * as press from "./press.js";
import * as readMarks from "./read_marks.js";
import * as rowFocus from "./row_focus.js";
import * as results from "./results.js";
import * as search from "./search.js";
import * as selection from "./selection.js";
import * as shortcuts from "./shortcuts.js";
import { keepTimes } from "./times.js";
import { adopt } from "./toast.js";
import * as tooltip from "./tooltip.js";

// The page that asks for a password has no list.
if (document.getElementById("side")) {
  connection.start();
  banner.start();
  press.start();
  list.start();
  search.start();
  results.start({ reload: search.apply, extend: list.extend });
  actions.start();
  appearance.start();
  readMarks.start();
  rowFocus.start();
  tooltip.start();
  selection.start();
  places.start();
  shortcuts.start();
  live.start(list.refresh);
  navigation.start(list.refresh);
}
adopt(document);
keepTimes();
