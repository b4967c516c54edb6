// @ts-check
/**
 * The data channels of a Peer. Import from bellhop.js.
 *
 * Any client has a reliable channel, and perhaps an unreliable one: the side that offers makes them, and their messages are
 * text and bytes as they are. If both sides have said that they can, two lobby channels take their place, so that all
 * messages keep one order. They also carry JSON, messages that the host forwards, and probes.
 *
 * @import { Road } from "./detour.js"
 * @import { Frame, Message, Way } from "./envelope.js"
 * @typedef {{opened: () => void, closed: () => void, drained: () => void, heard: (data: any, reliable: boolean) => void,
 *   routed: (frame: Frame) => void, silence: () => void, detoured: (again: boolean) => void, usable: () => boolean}} Wiring
 *   routed gets what another client sends on; usable says whether a detour could be used now, and detoured that one is open
 */

import { BellhopError } from "./common.js";
import { Detour } from "./detour.js";
import { CONTROL, DIRECT, DOWN, MAX_HEADER, Reader, UP, encode, framesOf } from "./envelope.js";
import { Heartbeat, bytesReceived } from "./heartbeat.js";
import { Outbox } from "./outbox.js";

/** The id of the reliable lobby channel. That of the unreliable one is the next. */
export const LOBBY_CHANNEL = 201;
/** The most bytes of a forwarded message: each browser accepts them. */
const MAX_FORWARDED = 256 << 10;

/** @typedef {{reliable: RTCDataChannel | null, unreliable: RTCDataChannel | null}} Pair */

export class Channels {
  #wiring;
  #outbox;
  #pc = /** @type {RTCPeerConnection} */ (/** @type {unknown} */ (null));
  #plain = /** @type {Pair} */ ({ reliable: null, unreliable: null }); // the first of each kind that opened
  #lobby = /** @type {Pair} */ ({ reliable: null, unreliable: null });
  #made = false; // whether this side has made plain channels
  #heartbeat = new Heartbeat({
    probe: () => this.#control({ ping: true }), arrived: () => bytesReceived(this.#pc), changed: () => this.#wiring.silence(),
  });

  /** @param {number} maxBuffered in bytes @param {Wiring} wiring @param {Road} [road] if there may be a detour */
  constructor(maxBuffered, wiring, road) {
    this.#wiring = wiring;
    this.#outbox = new Outbox(maxBuffered, () => wiring.drained());
    this.detour = new Detour(road, {
      usable: wiring.usable, opened: wiring.detoured, drained: wiring.drained,
      stands: () => this.isOpen && this.hasLobby,
      control: (packet) => this.#control({ detour: packet }, this.#lobby.reliable),
      heard: (frame, reliable) => this.#onFrame(new Reader().read(frame), reliable),
    });
  }

  /** Uses a connection from now on. @param {RTCPeerConnection} pc */
  reset(pc) {
    this.stop();
    this.#pc = pc;
    pc.ondatachannel = ({ channel }) => this.#adopt(channel);
  }

  /** Uses no connection any more. */
  stop() {
    this.#heartbeat.stop();
    [this.#plain, this.#lobby] = [{ reliable: null, unreliable: null }, { reliable: null, unreliable: null }];
    this.#made = false;
  }

  /** Makes the plain channels, which causes an offer. */
  make() {
    if (this.#made) return;
    this.#made = true;
    this.#adopt(this.#pc.createDataChannel("reliable"));
    this.#adopt(this.#pc.createDataChannel("unreliable", { ordered: false, maxRetransmits: 0 }));
  }

  /** Makes the lobby channels of this connection, once: both sides can. */
  makeLobby() {
    if (this.#lobby.reliable) return;
    this.#lobby = {
      reliable: this.#makeLobby(LOBBY_CHANNEL, { ordered: true }),
      unreliable: this.#makeLobby(LOBBY_CHANNEL + 1, { ordered: false, maxRetransmits: 0 }),
    };
  }

  get isOpen() {
    return this.#plain.reliable?.readyState === "open" && !this.#all.some(({ readyState }) => readyState === "connecting");
  }

  /** Whether it closed after it had opened. */
  get isClosed() {
    return this.#plain.reliable?.readyState === "closed";
  }

  /** Whether messages go through Bellhop. */
  get isDetoured() {
    return this.detour.state === "open";
  }

  /** Whether messages can be forwarded this way. */
  get forwards() {
    return this.hasLobby || this.isDetoured;
  }

  /** Whether the lobby channels are open. */
  get hasLobby() {
    return this.#lobby.reliable?.readyState === "open" && this.#lobby.unreliable?.readyState === "open";
  }

  /** Whether the peer has answered no probe for some seconds, and nothing else came. */
  get isSilent() {
    return this.#heartbeat.isSilent;
  }

  /** Bytes that wait to be sent. */
  get buffered() {
    return this.#all.reduce((sum, { bufferedAmount }) => sum + bufferedAmount, this.detour.buffered);
  }

  get #all() {
    const { reliable, unreliable } = this.#plain;
    return [reliable, unreliable, this.#lobby.reliable, this.#lobby.unreliable].filter((channel) => channel !== null);
  }

  /** Finds out soon whether the peer still answers: it, or this client, has lost its connection to Bellhop. */
  hurry() {
    this.#heartbeat.hurry();
    this.#wiring.silence();
  }

  /** Throws if a message is too large. @param {Message} message @param {Way} way */
  check({ bytes, size }, { reliable = true, route }) {
    const most = this.isDetoured ? (bytes ? MAX_FORWARDED : -1) : this.#pc.sctp?.maxMessageSize ?? Infinity;
    const limit = Math.min(reliable || !this.hasLobby ? most : most - MAX_HEADER, route === UP || route === DOWN ? MAX_FORWARDED : Infinity);
    if (size <= limit) return;
    if (limit < 0) throw new BellhopError("message_too_large", "A Blob cannot go through Bellhop; send its bytes.");
    throw new BellhopError("message_too_large", `A message holds at most ${limit} bytes here; send this one in parts.`);
  }

  /** Sends, and returns whether there was room. @param {Message} message @param {Way} way */
  send(message, way) {
    this.check(message, way);
    if (this.isDetoured) return this.detour.send(message, way);
    const { reliable = true } = way;
    const pair = this.hasLobby ? this.#lobby : this.#plain;
    const channel = !reliable && pair.unreliable?.readyState === "open" ? pair.unreliable : pair.reliable;
    if (!channel) return false;
    const frames = this.hasLobby ? framesOf(message, way, reliable ? this.#pc.sctp?.maxMessageSize ?? Infinity : Infinity) : [message.body];
    return this.#outbox.send(channel, frames, message.size);
  }

  /** Sends something to the client itself. @param {any} content */
  #control(content, channel = this.#lobby.unreliable) {
    if (channel?.readyState === "open") channel.send(framesOf(encode(content), { route: CONTROL }, Infinity)[0]);
  }

  /** Both sides might have made channels: each sends on the first that opens, and listens on all. @param {RTCDataChannel} channel */
  #adopt(channel) {
    const pc = this.#pc;
    const reliable = channel.ordered && channel.maxRetransmits === null && channel.maxPacketLifeTime === null;
    channel.onmessage = ({ data }) => {
      this.#heartbeat.heard();
      this.#wiring.heard(data, reliable);
    };
    this.#prepare(channel, () => {
      if (pc !== this.#pc) return;
      if (reliable) this.#plain.reliable ??= channel;
      else this.#plain.unreliable ??= channel;
    });
    channel.onclose = () => channel === this.#plain.reliable && this.#wiring.closed();
  }

  /** @param {number} id @param {RTCDataChannelInit} options */
  #makeLobby(id, options) {
    const channel = this.#pc.createDataChannel("lobby", { ...options, negotiated: true, id });
    const reader = new Reader();
    channel.onmessage = ({ data }) => {
      this.#heartbeat.heard();
      this.#onFrame(reader.read(data), channel.ordered);
    };
    this.#prepare(channel, () => channel === this.#lobby.unreliable && this.#heartbeat.start());
    return channel;
  }

  /** @param {Omit<Frame, "reliable"> | null} frame @param {boolean} reliable */
  #onFrame(frame, reliable) {
    const control = frame?.route === CONTROL && frame.data;
    if (control?.ping) this.#control({ pong: true });
    else if (control?.pong) return; // a sign of life, and no more
    else if (control?.detour) this.detour.hear(control.detour);
    else if (frame?.route === DIRECT) this.#wiring.heard(frame.data, reliable);
    else if (frame) this.#wiring.routed({ ...frame, reliable });
  }

  /** @param {RTCDataChannel} channel @param {() => void} opened */
  #prepare(channel, opened) {
    channel.binaryType = "arraybuffer";
    this.#outbox.watch(channel);
    channel.onopen = () => {
      opened();
      if (this.isOpen) this.#wiring.opened();
    };
  }
}
