// Relative times that stay true while a page is open; in the words of `render.ago`.

const AGES = [[31557600, "year"], [2629800, "month"], [604800, "week"], [86400, "day"], [3600, "hour"], [60, "minute"]];

/** Say how long ago a time was; both in seconds since the epoch. */
export function ago(at, now) {
  const seconds = now - at;
  for (const [size, name] of AGES) {
    const count = Math.floor(seconds / size);
    if (count >= 1) return `${count} ${name}${count === 1 ? "" : "s"} ago`;
  }
  return seconds > -60 ? "just now" : "in the future";
}

function renew() {
  const now = Date.now() / 1000;
  for (const time of document.querySelectorAll("time[data-ago]")) {
    const words = ago(Date.parse(time.dateTime) / 1000, now);
    if (time.textContent !== words) time.textContent = words;
  }
}

/** Renew every relative time of the document once a minute. */
export function keepTimes() {
  setInterval(renew, 60_000);
}
