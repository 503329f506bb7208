// Asynchronous work in order: one task after another, or one more run after the current one.

/** Runs tasks one after another. */
export class Queue {
  #pending = 0;
  /** @type {Promise<void>} */
  #last = Promise.resolve();

  /** Whether a task is running or waiting. */
  get busy() {
    return this.#pending > 0;
  }

  /**
   * Run a task after all that were added before, whether they failed or not.
   * @param {() => Promise<void>} task
   * @returns {Promise<void>} settles as the task does
   */
  add(task) {
    this.#pending += 1;
    const result = this.#last.then(task).finally(() => { this.#pending -= 1; });
    this.#last = result.catch(() => {});
    return result;
  }
}

/** Runs one task; of the calls that come while it runs, all together cause one more run. */
export class Coalesced {
  #task;
  /** @type {Promise<void> | null} */
  #current = null;
  /** @type {Promise<void> | null} */
  #next = null;

  /** @param {() => Promise<void>} task */
  constructor(task) {
    this.#task = task;
  }

  /**
   * Run the task now, or once more after the current run.
   * @returns {Promise<void>} settles as that run does, which begins after the call
   */
  run() {
    if (!this.#current) return this.#begin();
    this.#next ??= this.#current.catch(() => {}).then(() => this.#begin());
    return this.#next;
  }

  #begin() {
    this.#next = null;
    const run = this.#task().finally(() => { if (this.#current === run && !this.#next) this.#current = null; });
    this.#current = run;
    return run;
  }
}
