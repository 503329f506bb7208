// Times that stay true while a page is open, in the same words as the server's (`rendering.short_time`).

import { all } from "./dom.js";

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const OFFSET = /([+-])(\d\d):(\d\d)$/;
const DAY = 86_400_000; // milliseconds

/**
 * Return a time in the fewest words that tell it: "14:13" today, "Yesterday", "21 Sep" this year, "21 Sep 2025" else.
 * @param {string} stamp date and time with the offset of the zone to tell it in, which is the server's
 * @param {number} now milliseconds since the epoch
 * @returns {string} empty for a stamp that is none
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
  for (const time of all(document, "time[data-short]", HTMLTimeElement)) {
    const text = shortTime(time.dateTime, now);
    if (text && time.textContent !== text) time.textContent = text;
  }
}

/** Update the times of the document once a minute. */
export function keepTimes() {
  setInterval(update, 60_000);
}
