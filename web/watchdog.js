// @ts-check
/** When an unstable connection is checked. Import from bellhop.js. */

import { SECOND } from "./common.js";

/** How often it is checked, and after how many checks a failure is reported: in 15 seconds, events included that delay checks. */
export const WATCHDOG_MS = 2 * SECOND;
export const REPORT_CHECKS = 5;
/** After how many it is checked less and less often, down to once in MAX_SLOWDOWN times WATCHDOG_MS. A slow network gets that long. */
export const MAX_CHECKS = 15;
const MAX_SLOWDOWN = 10;

export class Watchdog {
  /** The number of checks since the connection last stood. */
  checks = 0;
  #timer = 0;
  #every;
  #check;

  /** @param {number} every milliseconds @param {() => void} check also arms it again */
  constructor(every, check) {
    this.#every = every;
    this.#check = check;
  }

  /** Schedules a check, unless the connection is stable. @param {boolean} stable */
  arm(stable) {
    if (stable) this.checks = 0;
    else if (this.#timer && this.checks > MAX_CHECKS) return; // events delay only the first checks
    this.stop();
    if (stable) return;
    this.#timer = setTimeout(() => {
      this.#timer = 0;
      this.#check();
    }, this.#delay);
  }

  stop() {
    clearTimeout(this.#timer);
    this.#timer = 0;
  }

  /** Milliseconds until the next check. After MAX_CHECKS they grow, at random, so the two sides offer at different times. */
  get #delay() {
    if (this.checks <= MAX_CHECKS) return this.#every;
    return this.#every * Math.min(2 ** (this.checks - MAX_CHECKS), MAX_SLOWDOWN) * (0.5 + Math.random() / 2);
  }
}
