// @ts-check
/**
 * Detour: a peer's data through Bellhop, by send_message, while no connection stands. Import from bellhop.js.
 * docs/clients.md, "The last resort", has the format.
 *
 * Each page has an id, which its descriptions tell the other side, so no other client ever gets a packet. Messages are
 * numbered and confirmed. When a connection stands, all that is not confirmed goes over that first, and once more; the
 * other side takes each number once, whichever way it comes. So neither side waits for the other to change over.
 *
 * @import { Message, Way } from "./envelope.js"
 * @import { Turns } from "./pace.js"
 * @typedef {{id: number, to: number, hello?: boolean, first?: number, pieces?: string[], loose?: string[], received?: number}} Packet
 * @typedef {{turns: Turns, post: (packet: Packet) => boolean}} Road how packets get through Bellhop, and whether one could go
 * @typedef {{usable: () => boolean, stands: () => boolean, control: (packet: Packet) => void, opened: (again: boolean) => void,
 *   drained: () => void, heard: (frame: ArrayBuffer, reliable: boolean) => void}} Wiring usable: whether it could be opened; stands: whether a connection does, which control sends over
 */

import { SECOND } from "./common.js";
import { asFrame, asText, framesOf } from "./envelope.js";
import { Sequence } from "./sequence.js";

/** The key of a packet in a message's data. */
export const DETOUR = "bellhop:detour";

/** Characters of the pieces in a packet: send_message takes 4 KiB. */
const MAX_PACKET = 3600;
/** How long a confirmation waits for data that goes the same way. */
const CONFIRM_MS = 0.5 * SECOND;
/** After which time unconfirmed pieces are sent again. It doubles each time: the other page might be hidden, and slow. */
const RESEND_MS = 3 * SECOND;
const LONGEST_RESEND_MS = 24 * SECOND;
/** Characters that wait before a message has no room. A larger message goes if nothing waits. */
const MAX_WAITING = 96 << 10;
/** The most unreliable messages that wait for the next packet. */
const MAX_LOOSE = 64;

export class Detour {
  /** Names this page; 0 if it takes no detour. */
  id = 0;
  /** open: data goes this way. lost: it did, and Bellhop or the other player is out of reach. @type {"" | "open" | "lost"} */
  state = "";
  #road;
  #wiring;
  #to = 0; // the other page's id; 0 if it takes no detour
  #sequence = new Sequence();
  #loose = /** @type {string[]} */ ([]); // unreliable messages, the newest last
  #confirmAt = Infinity; // when this side confirms at the latest what has come
  #refused = false; // whether a message had no room
  #timer = 0;
  #wakesAt = 0;
  #resendAt = Infinity;
  #patience = RESEND_MS;

  /** @param {Road | undefined} road @param {Wiring} wiring */
  constructor(road, wiring) {
    this.#road = road;
    this.#wiring = wiring;
    if (road) this.id = 1 + Math.floor(Math.random() * Number.MAX_SAFE_INTEGER);
  }

  get buffered() {
    return this.#sequence.waiting;
  }

  /** Takes the id that the other side's description has. Returns the former state if its page is another. @param {number} [id] */
  meet(id = 0) {
    if (id === this.#to || !this.#road) return "";
    const { state } = this;
    this.close();
    this.#to = id;
    return state;
  }

  /** Asks the other side for a packet: that one gets through opens this way. */
  start() {
    if (this.#to && this.state !== "open") this.#road?.post({ id: this.id, to: this.#to, hello: true });
  }

  /** Asks again, once packets can get through. */
  resume() {
    if (this.state === "lost") this.start();
  }

  /** Called while no packet can get through. */
  interrupt() {
    if (this.state === "open") this.state = "lost";
  }

  /** Sends what this side has not heard of again over a connection, which stands. Returns whether data took this way. */
  changeOver() {
    const used = this.state !== "";
    this.state = "";
    this.#loose = [];
    this.#rewind(RESEND_MS);
    for (let next; (next = this.#sequence.next(MAX_PACKET, Infinity)).pieces.length; ) this.#wiring.control(this.#packet(next));
    this.#drain();
    return used;
  }

  /** @param {Message} message @param {Way} way @returns {boolean} whether there was room */
  send(message, way) {
    const text = asText(framesOf(message, way, Infinity)[0]);
    if (way.reliable === false) {
      if (text.length > MAX_PACKET / 2) return false;
      if (this.#loose.push(text) > MAX_LOOSE) this.#loose.shift();
    } else {
      this.#refused = this.buffered > 0 && this.buffered + text.length > MAX_WAITING;
      if (this.#refused) return false;
      this.#sequence.add(text);
    }
    this.#wake();
    return true;
  }

  /** Handles a packet, whichever way it came. @param {Packet} packet */
  hear({ id, to, hello, first, pieces, loose, received = 0 }) {
    if (id !== this.#to || to !== this.id) return;
    if (this.state !== "open" && this.#wiring.usable()) this.#open();
    if (this.#sequence.confirm(received)) this.#onProgress();
    const some = texts(pieces);
    if (some.length || hello) this.#confirmIn(hello ? 0 : CONFIRM_MS);
    const messages = Number.isInteger(first) ? this.#sequence.take(/** @type {number} */ (first), some) : [];
    for (const [list, reliable] of /** @type {[string[], boolean][]} */ ([[messages, true], [texts(loose), false]])) {
      for (const text of list) if (this.#to === id) this.#wiring.heard(asFrame(text), reliable); // the game might have left
    }
  }

  close() {
    clearTimeout(this.#timer);
    this.#road?.turns.cancel(this.#flush);
    this.#to = this.#timer = 0;
    this.state = "";
    this.#sequence = new Sequence();
    this.#loose = [];
    this.#confirmAt = this.#resendAt = Infinity;
    this.#refused = false;
  }

  #open() {
    const again = this.state === "lost";
    this.state = "open";
    this.#rewind(RESEND_MS);
    this.#wake();
    this.#wiring.opened(again);
  }

  #onProgress() {
    this.#patience = RESEND_MS;
    this.#resendAt = this.buffered > 0 ? performance.now() + RESEND_MS : Infinity;
    this.#wake(); // the window has room
    this.#drain();
  }

  /** Sends again what is not confirmed. @param {number} patience milliseconds until the next time */
  #rewind(patience) {
    this.#sequence.rewind();
    this.#resendAt = Infinity;
    this.#patience = patience;
  }

  #drain() {
    if (!this.#refused || (this.state === "open" && this.buffered > MAX_WAITING / 2)) return;
    this.#refused = false;
    this.#wiring.drained();
  }

  /** @param {number} ms */
  #confirmIn(ms) {
    this.#confirmAt = Math.min(this.#confirmAt, performance.now() + ms);
    this.#wake(ms);
  }

  /** Sends what there is to send, soon. @param {number} [ms] */
  #wake(ms = 0) {
    const at = performance.now() + ms;
    if (at === Infinity || (this.#timer && this.#wakesAt <= at)) return;
    clearTimeout(this.#timer);
    this.#wakesAt = at;
    this.#timer = setTimeout(() => {
      this.#timer = 0;
      this.#road?.turns.request(this.#flush);
    }, ms);
  }

  /** Sends the next packet, and returns whether one went through Bellhop. */
  #flush = () => {
    const now = performance.now();
    if (now >= this.#resendAt) this.#rewind(Math.min(2 * this.#patience, LONGEST_RESEND_MS));
    const next = this.#sequence.next(this.state === "open" ? MAX_PACKET : 0);
    let room = MAX_PACKET - next.pieces.join("...").length;
    const loose = this.#loose.splice(0).reverse().filter((text) => (room -= text.length + 3) > 0).reverse();
    const over = this.#wiring.stands();
    if (!next.pieces.length && !loose.length && now < this.#confirmAt) {
      this.#wake(Math.min(this.#resendAt, this.#confirmAt) - now);
      return false;
    }
    const packet = { ...this.#packet(next), loose };
    if (over) this.#wiring.control(packet);
    else if (!this.#road?.post(packet)) {
      this.#rewind(this.#patience);
      this.#wake(RESEND_MS);
      return false;
    }
    this.#confirmAt = Infinity;
    if (next.pieces.length) this.#resendAt = Math.min(this.#resendAt, now + this.#patience);
    this.#wake(); // for the rest
    return !over;
  };

  /** @param {{first: number, pieces: string[]}} next @returns {Packet} */
  #packet(next) {
    return { id: this.id, to: this.#to, ...next, received: this.#sequence.received };
  }
}

/** @param {any} list @returns {string[]} */
function texts(list) {
  return Array.isArray(list) ? list.filter((text) => typeof text === "string") : [];
}
