// Sentences for the user.

/**
 * Return a message as a sentence: with a capital letter and a full stop.
 * @param {string} message
 */
export function sentence(message) {
  const text = message.trim();
  const start = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?…]$/.test(text) ? start : `${start}.`;
}

/**
 * Return a count with its noun: "1 conversation", "20 conversations".
 * @param {number} count
 * @param {string} noun in the singular
 */
export function counted(count, noun) {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}
