// The shell's script: everything on top of pages that can be read without it.

import * as acts from "./acts.js";
import * as finder from "./finder.js";
import * as keys from "./keys.js";
import * as list from "./list.js";
import * as live from "./live.js";
import * as navigate from "./navigate.js";
import * as picked from "./picked.js";
import { keepTimes } from "./times.js";
import { adopt } from "./toast.js";

if (document.getElementById("side")) {
  list.start();
  finder.start();
  acts.start();
  picked.start();
  keys.start();
  live.start(list.refresh);
  navigate.start(list.refresh);
}
adopt(document);
keepTimes();
