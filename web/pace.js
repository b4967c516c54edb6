// @ts-check
/** Pauses between tries. Import from bellhop.js. */

import { MINUTE, SECOND } from "./common.js";

/** The shortest and the longest rest between two renewals, and the time without one after which the rest is short again. */
const [FIRST_REST_MS, LONGEST_REST_MS, FORGET_AFTER_MS] = [10 * SECOND, 5 * MINUTE, 10 * MINUTE];

/** Waits that can all be ended early. */
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

/** Calls a function soon after a request, and less often the more requests there are. */
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
    const wait = Math.max(SECOND * (0.5 + Math.random() / 2), this.#lastRunAt + rest - now); // a late event might come by then
    this.#timer = setTimeout(() => {
      this.#timer = 0;
      this.#recentRuns++;
      this.#lastRunAt = performance.now();
      this.#run();
    }, wait);
  }

  /** Cancels a pending call. */
  cancel() {
    clearTimeout(this.#timer);
    this.#timer = 0;
  }
}

/** Bellhop passes on 10 messages a second by send_message, which are for the game's own chat too. */
const TURN_MS = 125;

/** Lets all detours of a client together send no faster than Bellhop allows. */
export class Turns {
  #waiting = /** @type {Set<() => boolean>} */ (new Set());
  #timer = 0;
  #lastAt = -Infinity;

  /** @param {() => boolean} flush is called in turn, and returns whether it has sent a packet */
  request(flush) {
    this.#waiting.add(flush);
    this.#timer ||= setTimeout(() => this.#run(), Math.max(0, this.#lastAt + TURN_MS - performance.now()));
  }

  #run() {
    this.#timer = 0;
    for (const flush of this.#waiting) {
      this.#waiting.delete(flush);
      if (!flush()) continue;
      this.#lastAt = performance.now();
      break;
    }
    for (const flush of this.#waiting) this.request(flush);
  }

  /** @param {() => boolean} flush */
  cancel(flush) {
    this.#waiting.delete(flush);
  }
}
