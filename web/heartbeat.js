// @ts-check
/**
 * Notices within 5 seconds that a peer has crashed. The browser does so only after up to half a minute. Import from bellhop.js.
 *
 * Browsers run the timers of a hidden page once a second, and Chromium once a minute after five minutes, though not while
 * a data channel is open. Messages are not slowed down: a hidden page answers a probe immediately. Only the page that
 * judges needs its timers, so it judges nothing but its own probes, and only while its timers are on time.
 *
 * A page whose script is busy cannot answer, but its browser acknowledges the probe. So each byte is a sign of life.
 *
 * @typedef {{probe: () => void, arrived: () => Promise<number>, changed: () => void}} Wiring arrived: bytes of this connection so far
 */

import { SECOND } from "./common.js";

/** The time between two probes, and that of a peer whose connection to Bellhop has just dropped. */
const PROBE_MS = 0.9 * SECOND;
const URGENT_PROBE_MS = 0.5 * SECOND;
/** How many probes without a sign of life mean silence. */
const MAX_UNANSWERED = 3;
/** How late a timer can be. Hidden pages run theirs at full seconds. */
const LATE_MS = 1.2 * SECOND;

export class Heartbeat {
  isSilent = false;
  #wiring;
  #timer = 0;
  #tickedAt = 0;
  #unanswered = 0; // probes since the last message
  #before = Promise.resolve(0); // bytes that had arrived when the first of them was due an answer
  #every = PROBE_MS;

  /** @param {Wiring} wiring */
  constructor(wiring) {
    this.#wiring = wiring;
  }

  start() {
    this.stop();
    this.#tickedAt = performance.now();
    this.#schedule();
  }

  stop() {
    clearTimeout(this.#timer);
    this.#timer = this.#unanswered = 0;
    this.#every = PROBE_MS;
    this.isSilent = false;
  }

  /** Called for each message of the peer. */
  heard() {
    this.#unanswered = 0;
    this.#every = PROBE_MS;
    if (!this.isSilent) return;
    this.isSilent = false;
    this.#wiring.changed();
  }

  /** Finds out sooner: Bellhop says that the peer's connection to it is gone. */
  hurry() {
    if (!this.#timer || this.isSilent) return;
    this.#every = URGENT_PROBE_MS;
    this.#schedule();
  }

  #schedule() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#tick(), this.#every);
  }

  #tick() {
    const now = performance.now();
    const late = now - this.#tickedAt > this.#every + LATE_MS;
    this.#tickedAt = now;
    if (late) this.#unanswered = 0; // this page was held up, and the answers might wait behind this timer
    if (this.#unanswered === 1) this.#before = this.#wiring.arrived();
    if (this.#unanswered >= MAX_UNANSWERED && !this.isSilent) this.#judge();
    this.#wiring.probe();
    this.#unanswered++;
    this.#schedule();
  }

  async #judge() {
    const timer = this.#timer;
    const [before, now] = await Promise.all([this.#before, this.#wiring.arrived()]);
    if (this.#unanswered < MAX_UNANSWERED || this.isSilent || !timer || !this.#timer) return;
    if (now > before) return void (this.#unanswered = 0);
    this.isSilent = true;
    this.#wiring.changed();
  }
}

/** Returns the bytes that a connection has received, acknowledgements included. @param {RTCPeerConnection} pc */
export async function bytesReceived(pc) {
  let sum = 0;
  const reports = await pc.getStats().catch(() => new Map()); // it might have closed
  for (const report of reports.values()) if (report.type === "candidate-pair") sum += report.bytesReceived ?? 0;
  return sum;
}
