// @ts-check
/** The order of numbered descriptions. Import from bellhop.js. */

import { SECOND } from "./common.js";

/** How long a description waits for a missing earlier one: API Gateway promises no order. */
const SEQ_GAP_MS = 3 * SECOND;

/** Delivers descriptions in the order of their numbers, and those without a number immediately. */
export class InOrder {
  #deliver;
  #nextSeq = 1; // number of the next description; 0: any
  #session = ""; // of the other side's RTCPeerConnection
  #formerSessions = new Set(); // whose late descriptions count no more
  #early = /** @type {Map<number, any[]>} */ (new Map()); // descriptions that overtook others
  #gapTimer = 0;

  /** @param {(content: any, direct: boolean) => void} take */
  constructor(take) {
    this.#deliver = take;
  }

  /** @param {any} content @param {boolean} direct */
  receive(content, direct) {
    const { seq, sdp } = content;
    const session = sessionOf(sdp) || this.#session;
    if (!Number.isInteger(seq)) return this.#deliver(content, direct);
    if (this.#formerSessions.has(session)) return;
    if (this.#session && session !== this.#session) {
      this.#formerSessions.add(this.#session);
      this.stop();
      this.#nextSeq = 1;
      this.#early.clear(); // they belong to a connection that is gone
    }
    this.#session = session;
    this.#nextSeq ||= seq;
    if (seq < this.#nextSeq) return;
    this.#early.set(seq, [content, direct]);
    this.#deliverInOrder();
  }

  /** Gives up on missing descriptions. */
  skip() {
    this.stop();
    this.#nextSeq = this.#early.size ? Math.min(...this.#early.keys()) : 0;
    this.#deliverInOrder();
  }

  stop() {
    clearTimeout(this.#gapTimer);
    this.#gapTimer = 0;
  }

  #deliverInOrder() {
    for (let early; (early = this.#early.get(this.#nextSeq)); this.#nextSeq++) {
      this.#early.delete(this.#nextSeq);
      this.#deliver(early[0], early[1]);
    }
    if (this.#early.size) this.#gapTimer ||= setTimeout(() => this.skip(), SEQ_GAP_MS);
    else this.stop();
  }
}

/** Returns the id of the RTCPeerConnection that made a description. @param {string} [sdp] @returns {string} */
export function sessionOf(sdp = "") {
  return /^o=\S+ (\S+)/m.exec(sdp)?.[1] ?? "";
}
