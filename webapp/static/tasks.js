// Asynchronous work in order: one task after another, one more run after the current one, or a wait that ends.

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

/** Work that others wait for, but not for ever. */
export class Pending {
  /** @type {Set<Promise<unknown>>} */
  #works = new Set();
  /** Whether somebody waited in vain, and nothing was finished since. */
  #late = false;

  /** Whether something is not finished. */
  get busy() {
    return this.#works.size > 0;
  }

  /** @param {Promise<unknown>} work */
  add(work) {
    const finished = work.catch(() => {}).finally(() => {
      this.#works.delete(finished);
      this.#late = false;
    });
    this.#works.add(finished);
  }

  /**
   * Wait until everything is finished, also what is added in the meantime.
   * @param {number} milliseconds the longest wait; there is none if somebody has just waited so long for the same work
   * @returns {Promise<boolean>} whether it is finished
   */
  async settled(milliseconds) {
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    let timer;
    /** @type {Promise<boolean>} */
    const late = new Promise((resolve) => { timer = setTimeout(resolve, milliseconds, true); });
    while (this.busy && !this.#late) this.#late = await Promise.race([Promise.all(this.#works).then(() => false), late]);
    clearTimeout(timer);
    return !this.busy;
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
