// @ts-check
/**
 * Absences: polls Bellhop about members that are away, or seem to be. Import from bellhop.js.
 *
 * Any event can be lost, and on AWS nothing happens when a grace ends: Bellhop checks it when a message is sent to the
 * peer. A marked empty candidate does no harm there.
 *
 * @import { Bellhop } from "./bellhop.js"
 * @import { Peer } from "./peer.js"
 */

import { BellhopError, SECOND } from "./common.js";

/** The first polls for an absent peer: most are back within seconds, and the place expires after a minute. */
const FIRST_AWAY_POLLS_MS = [10 * SECOND, 20 * SECOND, 31 * SECOND];
/** The time between later polls. */
const AWAY_POLL_MS = 30 * SECOND;

export class Absences {
  #poll;
  #timers = /** @type {Map<Peer, number>} */ (new Map());

  /**
   * @param {Bellhop} bellhop
   * @param {(peer: Peer, error: BellhopError | null) => boolean} heard gets the answer, and returns whether to ask again
   */
  constructor(bellhop, heard) {
    this.#poll = async (/** @type {Peer} */ peer) => {
      const { connectionId: connection_id } = peer;
      const ask = bellhop.request("send_ice_candidate", { connection_id, candidate: "", knock: true });
      return heard(peer, await ask.then(() => null, (error) => error));
    };
  }

  /** Polls about a peer until the answer is clear. @param {Peer} peer @param {number[]} [waits] in milliseconds */
  watch(peer, waits = FIRST_AWAY_POLLS_MS) {
    const [wait = AWAY_POLL_MS, ...rest] = waits;
    this.forget(peer);
    const timer = setTimeout(async () => {
      if ((await this.#poll(peer)) && this.#timers.get(peer) === timer) this.watch(peer, rest);
    }, wait);
    this.#timers.set(peer, timer);
  }

  /** @param {Peer} peer */
  forget(peer) {
    clearTimeout(this.#timers.get(peer));
    this.#timers.delete(peer);
  }

  end() {
    for (const timer of this.#timers.values()) clearTimeout(timer);
    this.#timers.clear();
  }
}
