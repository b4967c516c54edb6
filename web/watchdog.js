// @ts-check
/** When an unstable connection is checked. Import from bellhop.js. */

import { SECOND } from "./common.js";

/** How often it is checked, and after how many checks the next one reports a failure. */
export const WATCHDOG_MS = 2 * SECOND;
export const REPORT_CHECKS = 5;
/** How long events can delay those checks in all: a failure is reported within 15 seconds. */
const MAX_DELAY_MS = 2 * SECOND;
/** After how many it is checked less and less often, down to once in MAX_SLOWDOWN times WATCHDOG_MS. A slow network gets that long. */
export const MAX_CHECKS = 15;
const MAX_SLOWDOWN = 10;

export class Watchdog {
  /** The number of checks since the connection last stood. */
  checks = 0;
  #timer = 0;
  #due = 0; // when it fires
  #mayDelay = MAX_DELAY_MS;
  #every;
  #check;

  /** @param {number} every milliseconds @param {() => void} check also arms it again */
  constructor(every, check) {
    this.#every = every;
    this.#check = check;
  }

  /** Schedules a check, unless the connection is stable. @param {boolean} stable */
  arm(stable) {
    if (stable) [this.checks, this.#mayDelay] = [0, MAX_DELAY_MS];
    else if (this.#timer && this.checks > MAX_CHECKS) return; // events delay only the first checks
    const ms = this.#timer ? this.#delayed() : this.#delay;
    this.stop();
    if (stable) return;
    this.#due = performance.now() + ms;
    this.#timer = setTimeout(() => {
      this.#timer = 0;
      this.#check();
    }, ms);
  }

  stop() {
    clearTimeout(this.#timer);
    this.#timer = 0;
  }

  /** Milliseconds until the next check after an event, which starts the wait again. */
  #delayed() {
    const left = Math.max(0, this.#due - performance.now());
    if (this.checks > REPORT_CHECKS) return this.#every;
    const more = Math.min(this.#every - left, this.#mayDelay);
    this.#mayDelay -= more;
    return left + more;
  }

  /** Milliseconds until the next check. After MAX_CHECKS they grow, at random, so the two sides offer at different times. */
  get #delay() {
    if (this.checks <= MAX_CHECKS) return this.#every;
    return this.#every * Math.min(2 ** (this.checks - MAX_CHECKS), MAX_SLOWDOWN) * (0.5 + Math.random() / 2);
  }
}
