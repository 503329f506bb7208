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
  return `${count.toLocaleString("en")} ${noun}${count === 1 ? "" : "s"}`;
}

/**
 * Return what is said of keys that were pressed in vain: "the keys e and p did nothing".
 * @param {string[]} keys
 */
export function inVain(keys) {
  const last = keys.at(-1) ?? "";
  const others = keys.slice(0, -1);
  return `the ${others.length ? `keys ${others.join(", ")} and` : "key"} ${last} did nothing`;
}

/**
 * Return the words for taking a deletion back: what the agent had cannot be brought back to the agent.
 * @param {number} count
 * @param {number} ofAgent how many of the deleted conversations the agent had too
 */
export function restoring(count, ofAgent) {
  if (!ofAgent) return {};
  const which = count > ofAgent ? `${ofAgent.toLocaleString("en")} of them` : count === 1 ? "it" : "them";
  return { undone: `Restored here. The agent no longer has ${which}.`, label: "Restore here" };
}

/**
 * Return what is said after conversations were deleted.
 * @param {number} count
 * @param {number} ofAgent how many of them the agent had too
 */
export function deletedMessage(count, ofAgent) {
  const subject = count === 1 ? "" : `${counted(count, "conversation")} `;
  if (!ofAgent) return sentence(`${subject}moved to the trash`);
  const all = ofAgent === count;
  const done = all ? "deleted here and from the agent" : `moved to the trash, ${ofAgent} of them deleted from the agent too`;
  return `${sentence(subject + done)} The trash keeps ${count === 1 ? "a copy" : "copies"}.`;
}
