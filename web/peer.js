// @ts-check
/**
 * Peer: one WebRTC connection to one other player. Import it from bellhop.js.
 *
 * @import * as types from "./bellhop.d.ts"
 */

import { Candidates, explainFailure, gathered, isHopeless, isOver, isStuck } from "./candidates.js";
import { BellhopError, SECOND, fire } from "./common.js";
import { Direct, NEGOTIATION_CHANNEL } from "./direct.js";
import { InOrder, sessionOf } from "./order.js";
import { MAX_BUFFERED, Outbox, sizeOf } from "./outbox.js";

/** How often an unstable connection is checked, and after how many checks it has failed. */
const WATCHDOG_MS = 2 * SECOND;
const MAX_CHECKS = 15;
/** A failed connection is checked less and less often, down to once in this many times WATCHDOG_MS. */
const MAX_SLOWDOWN = 10;
/** Bytes by which this side's candidates make a description longer. */
const CANDIDATES_RESERVE = 2 << 10;

/**
 * A WebRTC connection to one other player, with a reliable data channel and an unreliable one. It follows the
 * pattern "perfect negotiation": either side can offer at any time. It also works without a lobby: send the arguments of
 * `relay` to the other side, and pass the other side's to `receive`. Its events are `open`, `message`, `lost`,
 * `restored`, `failed`, `drain`, `error` and `close`.
 * @implements {types.Peer}
 */
export class Peer extends EventTarget {
  connectionId = "";
  /** @type {number | undefined} */ peerId;
  /** @type {any} */ player;
  away = false;
  #options;
  #pc = /** @type {RTCPeerConnection} */ (/** @type {unknown} */ (null));
  #reliable = /** @type {RTCDataChannel | null} */ (null);
  #unreliable = /** @type {RTCDataChannel | null} */ (null);
  #outbox;
  #hasChannels = false; // whether this side has made channels
  #hasOpened = false;
  #lost = false; // whether it was open, and has no path at the moment
  #failed = false;
  #closed = false;
  #queue = Promise.resolve(); // steps of the negotiation run in turn
  #lastSeq = 0; // descriptions, of this RTCPeerConnection
  #inOrder = new InOrder((content, direct) => this.#enqueue(() => this.#applyDescription(content, direct)));
  #direct = new Direct((action, content) => this.#onSignal(action !== "send_ice_candidate", content, true));
  #answersDirectly = false; // whether this negotiation uses the data channel
  #avoidsDirect = false; // whether the next offer must not, since the path might be dead
  #reportedTooLarge = false; // whether a too large description was reported
  #candidates;
  #describing = false;
  #iceErrors = /** @type {RTCPeerConnectionIceErrorEvent[]} */ ([]); // of STUN and TURN servers
  #watchdog = 0; // a timer
  #checks = 0; // at this connection since it last stood
  #restartedAtCheck = -1; // the check at which a description could not be applied

  /** @param {types.PeerWiring} options */
  constructor(options) {
    super();
    const defaults = { batch: 100, retryEvery: WATCHDOG_MS, maxBuffered: MAX_BUFFERED, maxRelayed: Infinity, reachable: () => true };
    this.#options = { ...defaults, ...options };
    this.#outbox = new Outbox(this.#options.maxBuffered, () => fire(this, "drain"));
    this.#candidates = new Candidates(this.#options.batch, (content) => this.#sendSignal("send_ice_candidate", content));
    this.#createConnection();
    if (options.offers) this.#createChannels();
    this.#armWatchdog();
  }

  /** The RTCPeerConnection, for example to add sound or video. It is replaced when the other side's page reloads. */
  get connection() {
    return this.#pc;
  }

  /** @returns {types.PeerState} */
  get state() {
    if (this.#closed) return "closed";
    if (this.#reliable?.readyState === "open" && !this.#lost) return "open";
    return this.#failed ? "failed" : "connecting";
  }

  /** Bytes that wait to be sent. */
  get buffered() {
    return (this.#reliable?.bufferedAmount ?? 0) + (this.#unreliable?.bufferedAmount ?? 0);
  }

  /**
   * Sends text or bytes, and returns whether it could: false unless `state` is open, and while too much waits.
   * Data sent with reliable: false can be lost or out of order but is never late, which suits positions and inputs. It
   * throws a BellhopError if the message is larger than the other side accepts: 256 KiB in today's browsers.
   * @param {types.Data} data @param {types.SendOptions} [options]
   */
  send(data, { reliable = true } = {}) {
    const channel = !reliable && this.#unreliable?.readyState === "open" ? this.#unreliable : this.#reliable;
    if (!channel || this.state !== "open") return false;
    return this.#outbox.send(channel, data, this.#pc.sctp);
  }

  /** Handles the arguments of the other side's relay. @param {"description" | "candidates"} what @param {any} content */
  receive(what, content) {
    this.#onSignal(what === "description", content, false);
  }

  /** Tries again unless the connection is stable. With `anyway` it looks for a new path even then: the network has changed. */
  restart(anyway = false) {
    if (this.#closed) return;
    this.#failed = false;
    this.#checks = 0;
    if (anyway && this.#pc.remoteDescription) this.#restartIce();
    else if (!this.#isStable) {
      this.#inOrder.skip();
      if (this.#options.offers) this.#retry(true);
    }
    this.#armWatchdog();
  }

  /** Replaces the STUN and TURN servers, whose credentials expire. @param {RTCIceServer[]} iceServers */
  setIceServers(iceServers) {
    if (this.#closed || JSON.stringify(iceServers) === JSON.stringify(this.#options.iceServers)) return;
    this.#options.iceServers = iceServers;
    this.#pc.setConfiguration({ ...this.#pc.getConfiguration(), iceServers });
    this.#iceErrors = [];
    if (this.#pc.remoteDescription) this.#pc.restartIce();
  }

  close() {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#watchdog);
    this.#candidates.stop();
    this.#inOrder.stop();
    this.#pc.close();
    fire(this, "close");
  }

  get #isStable() {
    return this.state === "open" && this.#pc.connectionState === "connected" && this.#pc.signalingState === "stable";
  }

  // The connection and its channels

  #createConnection() {
    const { iceServers, rtc } = this.#options;
    const pc = new RTCPeerConnection({ iceServers, ...rtc });
    this.#pc = pc;
    this.#reliable = this.#unreliable = null;
    this.#hasChannels = this.#hasOpened = this.#lost = this.#answersDirectly = false;
    this.#iceErrors = [];
    this.#lastSeq = 0;
    pc.onnegotiationneeded = () => this.#enqueue(() => pc === this.#pc && this.#offer());
    pc.onicecandidate = ({ candidate }) => pc === this.#pc && this.#candidates.find(candidate, this.#describing);
    pc.onicecandidateerror = (error) => pc === this.#pc && this.#iceErrors.push(error);
    pc.onsignalingstatechange = () => pc === this.#pc && this.#armWatchdog();
    pc.onconnectionstatechange = () => pc === this.#pc && this.#onConnectionState();
    pc.ondatachannel = ({ channel }) => this.#adoptChannel(channel);
  }

  /** Creates the channels, which causes an offer. */
  #createChannels() {
    if (this.#hasChannels) return;
    this.#hasChannels = true;
    this.#adoptChannel(this.#pc.createDataChannel("reliable"));
    this.#adoptChannel(this.#pc.createDataChannel("unreliable", { ordered: false, maxRetransmits: 0 }));
  }

  /** Both sides might have made channels: each sends on the first that opens, and listens on all. @param {RTCDataChannel} channel */
  #adoptChannel(channel) {
    const pc = this.#pc;
    const reliable = channel.ordered && channel.maxRetransmits === null && channel.maxPacketLifeTime === null;
    channel.binaryType = "arraybuffer";
    channel.onmessage = ({ data }) => fire(this, "message", { data, reliable });
    this.#outbox.watch(channel);
    channel.onopen = () => {
      if (pc !== this.#pc) return;
      if (reliable) this.#reliable ??= channel;
      else this.#unreliable ??= channel;
      if (!reliable || this.#hasOpened) return;
      this.#hasOpened = true;
      this.#failed = false;
      fire(this, "open");
    };
    channel.onclose = () => {
      if (channel !== this.#reliable || this.#closed) return;
      this.#markLost();
      if (!this.#closed) fire(this, "close");
      this.#armWatchdog();
    };
  }

  #onConnectionState() {
    const { connectionState } = this.#pc;
    if (connectionState === "disconnected" || connectionState === "failed") this.#markLost();
    else if (connectionState === "connected" && this.#lost && this.#reliable?.readyState === "open") {
      this.#lost = this.#failed = false;
      fire(this, "restored");
      this.#retryOffer();
    }
    this.#armWatchdog();
  }

  #markLost() {
    if (!this.#hasOpened || this.#lost) return;
    this.#lost = true;
    fire(this, "lost");
  }

  /** Replaces the connection: the other side's is new, or has closed. */
  #replaceConnection() {
    this.#markLost();
    this.#pc.close();
    this.#candidates.reset();
    this.#createConnection();
  }

  #startOver() {
    this.#queue = Promise.resolve(); // a step at a connection that closes never ends
    this.#replaceConnection();
    this.#createChannels();
  }

  // Negotiation

  /** @param {() => any} work */
  #enqueue(work) {
    this.#queue = this.#queue.then(() => !this.#closed && work()).catch((error) => {
      if (!this.#closed) fire(this, "error", { error });
    });
  }

  /** @param {boolean} isDescription @param {any} content @param {boolean} direct whether it came over the connection */
  #onSignal(isDescription, content, direct) {
    if (isDescription) this.#inOrder.receive(content, direct);
    else this.#enqueue(() => this.#candidates.add(this.#pc, content.candidates ?? [content], (error) => fire(this, "error", { error })));
  }

  async #offer() {
    if (this.#pc.signalingState !== "stable") return;
    this.#answersDirectly = !this.#avoidsDirect;
    this.#avoidsDirect = false;
    await this.#describe("offer");
  }

  /** Repeats an offer that was too large before. */
  #retryOffer() {
    if (this.#reportedTooLarge) this.#enqueue(() => this.#offer());
  }

  /**
   * Makes a description, or keeps the current one, and sends it once it has its first candidates: each message costs.
   * @param {"offer" | "answer"} [type]
   */
  async #describe(type) {
    const pc = this.#pc;
    this.#describing = true;
    try {
      const made = type && await (type === "offer" ? pc.createOffer() : pc.createAnswer());
      if (made && !this.#canCarry(sizeOf(JSON.stringify(made)) + CANDIDATES_RESERVE)) return await this.#reportTooLarge(type);
      if (made) await pc.setLocalDescription(made);
      const { iceServers } = pc.getConfiguration(); // without servers, all candidates are found immediately
      await gathered(pc, iceServers?.length ? this.#options.batch : this.#options.batch / 4);
    } catch (error) {
      if (pc === this.#pc) throw error;
    } finally {
      this.#describing = false;
    }
    if (pc !== this.#pc || !pc.localDescription) return;
    this.#candidates.markSent();
    const { type: session_type, sdp } = pc.localDescription;
    const content = { session_type, sdp, seq: ++this.#lastSeq, negotiation_channel: NEGOTIATION_CHANNEL };
    if (!this.#sendSignal("set_session_description", content)) return await this.#reportTooLarge();
    this.#reportedTooLarge = false;
  }

  get #hasDirect() {
    return this.#direct.isOpen && this.state === "open";
  }

  /** Whether a message of this size can reach the other side. @param {number} size */
  #canCarry(size) {
    return this.#hasDirect || size <= this.#options.maxRelayed;
  }

  /** Sends to the other side, and returns whether it could. @param {types.RelayAction} action @param {any} content */
  #sendSignal(action, content) {
    const fits = this.#options.maxRelayed === Infinity || sizeOf(JSON.stringify(content)) <= this.#options.maxRelayed;
    if (this.#hasDirect && (this.#answersDirectly || !fits || !this.#options.reachable())) this.#direct.send(action, content);
    else if (fits) this.#options.relay(action, content);
    else return false;
    return true;
  }

  /** Reports a too large description, once until one is sent. @param {"offer" | "answer"} [type] */
  async #reportTooLarge(type) {
    if (type === "answer") await this.#pc.setRemoteDescription({ type: "rollback" });
    if (this.#reportedTooLarge) return;
    this.#reportedTooLarge = true;
    const why = `The description of this connection is over ${this.#options.maxRelayed} bytes: use fewer tracks`;
    throw new BellhopError("message_too_large", `${why}, or add them once it is open.`);
  }

  /** @param {any} content @param {boolean} direct */
  async #applyDescription({ session_type: type, sdp, negotiation_channel: channel }, direct) {
    const before = sessionOf(this.#pc.remoteDescription?.sdp);
    if (type === "rollback") return; // too late: the offer has been answered
    if (before && before !== sessionOf(sdp)) {
      this.#replaceConnection();
      if (type !== "offer") return this.#createChannels();
    }
    const pc = this.#pc;
    // Both have offered, and the other side gives way; or this answers an offer that no longer exists.
    if (type === "offer" ? pc.signalingState !== "stable" && !this.#options.polite : pc.signalingState === "stable") return;
    await pc.setRemoteDescription({ type, sdp }).catch((error) => this.#onMismatch(pc, error));
    if (pc !== this.#pc) return;
    if (channel === NEGOTIATION_CHANNEL) this.#direct.open(pc, () => this.#retryOffer());
    await this.#candidates.add(pc, [], (error) => fire(this, "error", { error }));
    if (type !== "offer") return;
    this.#answersDirectly = direct;
    await this.#describe("answer");
  }

  /** Starts over, at most once a check: the sides disagree, for example after lost answers. @param {RTCPeerConnection} pc @param {Error} error */
  #onMismatch(pc, error) {
    const again = pc === this.#pc && this.state !== "open" && this.#restartedAtCheck !== this.#checks;
    this.#restartedAtCheck = this.#checks;
    if (again) this.#startOver();
    throw error;
  }

  // The watchdog of an unstable connection

  /** Watches a connection until it is stable. It repeats messages that might be lost, the two sides in turns. */
  #armWatchdog() {
    if (this.#isStable) this.#checks = 0;
    else if (this.#watchdog && this.#checks > MAX_CHECKS) return; // events delay only the first checks
    clearTimeout(this.#watchdog);
    this.#watchdog = 0;
    if (this.#closed || this.#isStable) return;
    this.#watchdog = setTimeout(() => {
      this.#watchdog = 0;
      if (this.#options.reachable() || this.#hasDirect) this.#onWatchdog(); // otherwise no message can get through now
      this.#armWatchdog();
    }, this.#watchdogDelay);
  }

  /** Milliseconds until the next check. After a failure they grow, at random, so the two sides offer at different times. */
  get #watchdogDelay() {
    const { retryEvery } = this.#options;
    if (this.#checks <= MAX_CHECKS) return retryEvery;
    return retryEvery * Math.min(2 ** (this.#checks - MAX_CHECKS), MAX_SLOWDOWN) * (0.5 + Math.random() / 2);
  }

  #onWatchdog() {
    const looks = this.#checks++;
    if (looks === MAX_CHECKS || (looks >= 4 && looks < MAX_CHECKS && isHopeless(this.#pc))) return this.#fail();
    if (looks > 0 && isStuck(this.#pc)) this.#startOver();
    else if (looks > MAX_CHECKS) this.#retry(true, true);
    else if (looks % 2 === (this.#options.offers ? 0 : 1)) this.#retry(looks >= 6 && looks % 6 < 2);
  }

  /**
   * @param {boolean} restart whether to restart ICE even if it seems in progress
   * @param {boolean} [replaceOffer] whether to do so even if an offer has no answer
   */
  #retry(restart, replaceOffer = false) {
    const { connectionState, signalingState } = this.#pc;
    const offered = signalingState === "have-local-offer";
    this.#answersDirectly = false; // the data channel might be dead
    if (isOver(this.#pc, this.#reliable, this.#reportedTooLarge)) this.#startOver();
    else if (offered && replaceOffer && this.state !== "open") this.#enqueue(() => this.#rollBackOffer());
    else if (offered) this.#enqueue(() => this.#describe());
    else if (!this.#pc.remoteDescription) this.#createChannels();
    else if (connectionState === "failed" || connectionState === "disconnected" || restart) this.#restartIce();
  }

  /** Causes an offer that does not use the data channel, since its path might be dead. */
  #restartIce() {
    this.#avoidsDirect = true;
    this.#pc.restartIce();
  }

  /** Takes back an unanswered offer, and makes another with this side's current addresses. */
  async #rollBackOffer() {
    const pc = this.#pc;
    if (pc.signalingState === "have-local-offer") await pc.setLocalDescription({ type: "rollback" });
    if (pc === this.#pc) this.#restartIce();
  }

  /** Reports a failure. While the connection is open, only a change has failed. */
  #fail() {
    this.#checks = MAX_CHECKS + 1;
    if (this.state === "open") {
      const error = new BellhopError("timeout", "The other player has not answered a change of this connection.");
      return fire(this, "error", { error });
    }
    this.#failed = true;
    const gone = this.away && "The other player's connection to Bellhop is gone, and they have not come back.";
    const why = gone || explainFailure(this.#pc, this.#iceErrors);
    fire(this, "failed", { error: new BellhopError("connection_failed", why) });
  }
}
