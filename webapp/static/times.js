// Times that stay true while a page is open, in the same words as the server's (`rendering.short_time`).

import { all } from "./dom.js";
import { counted } from "./text.js";

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const OFFSET = /([+-])(\d\d):(\d\d)$/;
const DAY = 86_400_000; // milliseconds
/** @type {[seconds: number, noun: string][]} */
const AGES = [[31_557_600, "year"], [2_629_800, "month"], [604_800, "week"], [86_400, "day"], [3_600, "hour"], [60, "minute"]];

/**
 * Return a time in the fewest words that tell it: "14:13" today, "Yesterday", "21 Sep" this year, "21 Sep 2025" else.
 * @param {string} stamp date and time with the offset of the zone to tell it in, which is the server's
 * @param {number} now milliseconds since the epoch
 * @returns {string} empty if the text is not a time
 */
export function shortTime(stamp, now) {
  const at = inZoneOf(stamp, Date.parse(stamp));
  if (Number.isNaN(at.getTime())) return "";
  const today = inZoneOf(stamp, now);
  const age = Math.floor(today.getTime() / DAY) - Math.floor(at.getTime() / DAY);
  if (age === 0) return at.toISOString().slice(11, 16);
  if (age === 1) return "Yesterday";
  const day = `${at.getUTCDate()} ${MONTHS[at.getUTCMonth()] ?? ""}`;
  return at.getUTCFullYear() === today.getUTCFullYear() ? day : `${day} ${at.getUTCFullYear()}`;
}

/**
 * Return the day and the minute, and how long ago that was: "14:13 · 2 hours ago", "21 Sep, 14:13 · 2 months ago".
 * @param {string} stamp as of `shortTime`
 * @param {number} now milliseconds since the epoch
 * @returns {string} empty if the text is not a time
 */
export function longTime(stamp, now) {
  const short = shortTime(stamp, now);
  if (!short) return "";
  const minute = inZoneOf(stamp, Date.parse(stamp)).toISOString().slice(11, 16);
  return `${short === minute ? minute : `${short}, ${minute}`} · ${ago((now - Date.parse(stamp)) / 1000)}`;
}

/** @param {number} seconds */
function ago(seconds) {
  for (const [size, noun] of AGES) if (seconds >= size) return `${counted(Math.floor(seconds / size), noun)} ago`;
  return "just now";
}

/**
 * Return a date whose UTC fields are those of the clocks in a stamp's zone.
 * @param {string} stamp
 * @param {number} at milliseconds since the epoch
 */
function inZoneOf(stamp, at) {
  const [, sign, hours, minutes] = OFFSET.exec(stamp) ?? [];
  const offset = (Number(hours ?? 0) * 60 + Number(minutes ?? 0)) * (sign === "-" ? -1 : 1);
  return new Date(at + offset * 60_000);
}

function update() {
  const now = Date.now();
  for (const time of all(document, "time:is([data-short], [data-long])", HTMLTimeElement)) {
    const text = ("long" in time.dataset ? longTime : shortTime)(time.dateTime, now);
    if (text && time.textContent !== text) time.textContent = text;
  }
}

/** Update the times of the document once a minute. */
export function keepTimes() {
  setInterval(update, 60_000);
}
