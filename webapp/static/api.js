// Requests to our own server: JSON in and out, errors in words.

/** What went wrong with a request; `status` is 0 if the server could not be reached. */
export class Refused extends Error {
  constructor(words, status) {
    super(words);
    this.status = status;
  }
}

/** Send a JSON object by POST and return the answer's; throw `Refused`. */
export function post(path, body) {
  return ask(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
}

/** Return the JSON object at a path; `signal` aborts. Throw `Refused`. */
export function get(path, signal) {
  return ask(path, { signal });
}

async function ask(path, options) {
  const response = await reach(path, options);
  const body = await response.json().catch(() => ({}));
  if (!response.ok) throw new Refused(body.error ?? `the server answered ${response.status}`, response.status);
  return body;
}

/** Fetch, with an unreachable server as `Refused`. */
export async function reach(path, options) {
  try {
    return await fetch(path, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refused("the server cannot be reached", 0);
  }
}
