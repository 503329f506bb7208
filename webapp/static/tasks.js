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
  #running = false;
  #again = false;

  /** @param {() => Promise<void>} task */
  constructor(task) {
    this.#task = task;
  }

  /**
   * Run the task now, or once more after the current run.
   * @returns {Promise<void>} settles as the run does; at once if it was put off
   */
  async run() {
    if (this.#running) {
      this.#again = true;
      return;
    }
    this.#running = true;
    try {
      await this.#task();
    } finally {
      const again = this.#again;
      this.#running = false;
      this.#again = false;
      if (again) this.run();
    }
  }
}
