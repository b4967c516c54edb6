// @ts-check
/** The order of descriptions that are numbered. Import from bellhop.js. */

import { SECOND } from "./common.js";

/** How long a description waits for one that was sent before it and has not come: API Gateway promises no order. */
const GAP = 3 * SECOND;

/** Hands descriptions on in the order of their numbers; those without one as they come. */
export class InOrder {
  #take;
  #next = 1; // the number of the description that is to come; 0: whichever does
  #session = ""; // of the other side's RTCPeerConnection
  #early = /** @type {Map<number, any[]>} */ (new Map()); // descriptions that have outrun others
  #gap = 0; // a timer

  /** @param {(content: any, direct: boolean) => void} take */
  constructor(take) {
    this.#take = take;
  }

  /** @param {any} content @param {boolean} direct */
  arrive(content, direct) {
    const { seq, sdp } = content;
    const session = sessionOf(sdp) || this.#session;
    if (!Number.isInteger(seq)) return this.#take(content, direct);
    if (this.#session && session !== this.#session) {
      this.#next = 1;
      this.#early.clear(); // they are of a connection that is no more
    }
    this.#session = session;
    this.#next ||= seq;
    if (seq < this.#next) return;
    this.#early.set(seq, [content, direct]);
    this.#settle();
  }

  /** What is missing was lost. */
  skip() {
    this.stop();
    this.#next = this.#early.size ? Math.min(...this.#early.keys()) : 0;
    this.#settle();
  }

  stop() {
    clearTimeout(this.#gap);
    this.#gap = 0;
  }

  #settle() {
    for (let early; (early = this.#early.get(this.#next)); this.#next++) {
      this.#early.delete(this.#next);
      this.#take(early[0], early[1]);
    }
    if (this.#early.size) this.#gap ||= setTimeout(() => this.skip(), GAP);
    else this.stop();
  }
}

/** Which RTCPeerConnection a description is of. @param {string} [sdp] @returns {string} */
export function sessionOf(sdp = "") {
  return /^o=\S+ (\S+)/m.exec(sdp)?.[1] ?? "";
}
