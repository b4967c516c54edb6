// @ts-check
/** When to try again. Import from bellhop.js. */

import { MINUTE, SECOND } from "./common.js";

/** The times between two renewals because something does not fit: from, to, and after how long without one it starts over. */
const [DOUBT, MOST_DOUBT, CALM] = [10 * SECOND, 5 * MINUTE, 10 * MINUTE];

/** Waits that can all be ended before their time. */
export class Pauses {
  #ends = new Set();

  /** @param {number} ms @returns {Promise<void>} */
  take(ms) {
    return new Promise((resolve) => {
      const end = () => {
        clearTimeout(timer);
        this.#ends.delete(end);
        resolve();
      };
      const timer = setTimeout(end, ms);
      this.#ends.add(end);
    });
  }

  end() {
    for (const end of this.#ends) end();
  }
}

/** Calls for something soon after it is asked for, and less often the more often it is asked for. */
export class Doubts {
  #act;
  #timer = 0;
  #count = 0; // of late
  #last = -Infinity;

  /** @param {() => void} act */
  constructor(act) {
    this.#act = act;
  }

  raise() {
    if (this.#timer) return;
    const now = performance.now();
    if (now - this.#last > CALM) this.#count = 0;
    const rest = this.#count ? Math.min(MOST_DOUBT, DOUBT * 2 ** (this.#count - 1)) : 0;
    const wait = Math.max(SECOND * (0.5 + Math.random() / 2), this.#last + rest - now); // what is late may come by then
    this.#timer = setTimeout(() => {
      this.#timer = 0;
      this.#count++;
      this.#last = performance.now();
      this.#act();
    }, wait);
  }

  /** There is nothing to doubt any more. */
  settle() {
    clearTimeout(this.#timer);
    this.#timer = 0;
  }
}
