// @ts-check
/** The data that waits to be sent to one peer. Import from bellhop.js. */

/** The most waiting bytes in a peer's reliable channel, by default, and in the unreliable one. */
export const MAX_BUFFERED = 4 << 20;
const MAX_UNRELIABLE = 64 << 10;
/** Browsers throw at 16 MiB. The rest is for the message that exceeds the limit. */
const MOST_BUFFERED = 15 << 20;

/**
 * Limits the waiting data: a browser throws once 16 MiB wait, and a peer that reads nothing would fill them in vain.
 */
export class Outbox {
  #maxBuffered;
  #onDrain;
  #refusedOne = false; // whether a message was refused

  /** @param {number} limit in bytes @param {() => void} drained is called when there is room again */
  constructor(limit, drained) {
    this.#maxBuffered = Math.min(limit, MOST_BUFFERED);
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
   * Sends the frames of one message, and returns whether there was room. A message that is larger than the limit goes if
   * nothing waits.
   * @param {RTCDataChannel} channel @param {any[]} frames @param {number} size in bytes
   */
  send(channel, frames, size) {
    if (channel.bufferedAmount > 0 && channel.bufferedAmount + size > this.#limitFor(channel)) {
      this.#refusedOne = true;
      channel.bufferedAmountLowThreshold = Math.max(0, this.#limitFor(channel) - size); // when this message has room
      return false;
    }
    for (const frame of frames) channel.send(frame);
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
