// Relative times that stay true while a page is open, in the same words as the server's (`render.ago`).

import { all } from "./dom.js";
import { counted } from "./text.js";

/** @type {[seconds: number, noun: string][]} */
const AGES = [[31557600, "year"], [2629800, "month"], [604800, "week"], [86400, "day"], [3600, "hour"], [60, "minute"]];

/**
 * Return how long ago a time was, in words.
 * @param {number} at seconds since the epoch
 * @param {number} now seconds since the epoch
 */
export function ago(at, now) {
  const seconds = now - at;
  for (const [size, noun] of AGES) {
    if (seconds >= size) return `${counted(Math.floor(seconds / size), noun)} ago`;
  }
  return seconds > -60 ? "just now" : "in the future";
}

function update() {
  const now = Date.now() / 1000;
  for (const time of all(document, "time[data-ago]", HTMLTimeElement)) {
    const text = ago(Date.parse(time.dateTime) / 1000, now);
    if (time.textContent !== text) time.textContent = text;
  }
}

/** Update every relative time of the document once a minute. */
export function keepTimes() {
  setInterval(update, 60_000);
}
