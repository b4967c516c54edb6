// @ts-check
/** When to try again. Import from bellhop.js. */

import { MINUTE, SECOND } from "./common.js";

/** The times between two renewals because something does not fit: from, to, and after how long without one it starts over. */
const [FIRST_REST_MS, LONGEST_REST_MS, FORGET_AFTER_MS] = [10 * SECOND, 5 * MINUTE, 10 * MINUTE];

/** Waits that can all be ended before their time. */
export class Pauses {
  #pending = new Set();

  /** @param {number} ms @returns {Promise<void>} */
  take(ms) {
    return new Promise((resolve) => {
      const end = () => {
        clearTimeout(timer);
        this.#pending.delete(end);
        resolve();
      };
      const timer = setTimeout(end, ms);
      this.#pending.add(end);
    });
  }

  end() {
    for (const end of this.#pending) end();
  }
}

/** Calls for something soon after it is asked for, and less often the more often it is asked for. */
export class RenewalPacer {
  #run;
  #timer = 0;
  #recentRuns = 0;
  #lastRunAt = -Infinity;

  /** @param {() => void} act */
  constructor(act) {
    this.#run = act;
  }

  request() {
    if (this.#timer) return;
    const now = performance.now();
    if (now - this.#lastRunAt > FORGET_AFTER_MS) this.#recentRuns = 0;
    const rest = this.#recentRuns ? Math.min(LONGEST_REST_MS, FIRST_REST_MS * 2 ** (this.#recentRuns - 1)) : 0;
    const wait = Math.max(SECOND * (0.5 + Math.random() / 2), this.#lastRunAt + rest - now); // what is late may come by then
    this.#timer = setTimeout(() => {
      this.#timer = 0;
      this.#recentRuns++;
      this.#lastRunAt = performance.now();
      this.#run();
    }, wait);
  }

  /** There is nothing to doubt any more. */
  cancel() {
    clearTimeout(this.#timer);
    this.#timer = 0;
  }
}
