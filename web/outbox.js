// @ts-check
/** The data that waits to be sent to one peer. Import from bellhop.js. */

import { BellhopError } from "./common.js";

/** The most waiting bytes in a peer's reliable channel, by default, and in the unreliable one. */
export const MAX_BUFFERED = 4 << 20;
const MAX_UNRELIABLE = 64 << 10;

/**
 * Limits the waiting data: a browser throws once 16 MB wait, and a peer that reads nothing would fill them in vain.
 */
export class Outbox {
  #maxBuffered;
  #onDrain;
  #refusedOne = false; // whether a message was refused

  /** @param {number} limit in bytes @param {() => void} drained is called when there is room again */
  constructor(limit, drained) {
    this.#maxBuffered = limit;
    this.#onDrain = drained;
  }

  /** Watches a channel. @param {RTCDataChannel} channel */
  watch(channel) {
    channel.onbufferedamountlow = () => {
      if (!this.#refusedOne) return;
      this.#refusedOne = false;
      this.#onDrain();
    };
  }

  /**
   * Sends, and returns whether there was room. A message that is larger than the limit goes if nothing waits.
   * @param {RTCDataChannel} channel @param {any} data @param {RTCSctpTransport | null} sctp
   */
  send(channel, data, sctp) {
    const size = sizeOf(data);
    const most = sctp?.maxMessageSize ?? Infinity;
    if (size > most) {
      throw new BellhopError("message_too_large", `A message holds at most ${most} bytes here; send this one in parts.`);
    }
    if (channel.bufferedAmount > 0 && channel.bufferedAmount + size > this.#limitFor(channel)) {
      this.#refusedOne = true;
      channel.bufferedAmountLowThreshold = Math.max(0, this.#limitFor(channel) - size); // when this message has room
      return false;
    }
    channel.send(data);
    return true;
  }

  /** @param {RTCDataChannel} channel */
  #limitFor(channel) {
    return channel.ordered ? this.#maxBuffered : Math.min(this.#maxBuffered, MAX_UNRELIABLE);
  }
}

/** Bytes of a message. @param {any} data @returns {number} */
export function sizeOf(data) {
  if (typeof data === "string") return new TextEncoder().encode(data).length;
  return data?.byteLength ?? data?.size ?? 0;
}
