// @ts-check
/**
 * Peer: one WebRTC connection to one other player. Import it from bellhop.js.
 *
 * @import * as types from "./bellhop.d.ts"
 * @import { Road } from "./detour.js"
 * @import { Frame, Message, Way } from "./envelope.js"
 * @import { Change } from "./standing.js"
 */

import { Candidates, explainFailure, gathered, isOver, isStuck } from "./candidates.js";
import { Channels, LOBBY_CHANNEL } from "./channels.js";
import { BellhopError, fire } from "./common.js";
import { Direct, NEGOTIATION_CHANNEL } from "./direct.js";
import { encode } from "./envelope.js";
import { trackWay } from "./link.js";
import { InOrder, sessionOf } from "./order.js";
import { MAX_BUFFERED, sizeOf } from "./outbox.js";
import { Standing } from "./standing.js";
import { MAX_CHECKS, WATCHDOG_MS, Watchdog } from "./watchdog.js";

/** Bytes by which this side's candidates make a description longer. */
const CANDIDATES_RESERVE = 2 << 10;

/**
 * A WebRTC connection to one other player, with a reliable data channel and an unreliable one. It follows the
 * pattern "perfect negotiation": either side can offer at any time. It also works without a lobby: send the arguments of
 * `relay` to the other side, and pass the other side's to `receive`. Its events are `open`, `way`, `message`, `lost`,
 * `restored`, `failed`, `drain`, `error` and `close`.
 * @implements {types.Peer}
 */
export class Peer extends EventTarget {
  connectionId = "";
  /** @type {number | undefined} */ peerId;
  /** @type {any} */ player;
  away = false;
  /** @type {types.Way | null} */ way = null;
  #options;
  #pc = /** @type {RTCPeerConnection} */ (/** @type {unknown} */ (null));
  #channels;
  #standing;
  #suspended = false; // whether it waits for its page to come back
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
  #watchdog;
  #watchWay;
  #restartedAtCheck = -1; // the check at which a description could not be applied

  /** @param {types.PeerWiring & {routed?: (frame: Frame) => void, road?: Road}} options routed gets what is not from this peer for this client alone */
  constructor(options) {
    super();
    const defaults = { batch: 100, retryEvery: WATCHDOG_MS, maxBuffered: MAX_BUFFERED, maxRelayed: Infinity };
    this.#options = { ...defaults, reachable: () => true, routed: () => {}, ...options };
    this.#channels = new Channels(this.#options.maxBuffered, {
      opened: () => this.#standing.opened() && this.#watchWay(), closed: () => this.#onChannelClosed(), drained: () => fire(this, "drain"),
      heard: (data, reliable) => fire(this, "message", { data, reliable }), routed: this.#options.routed,
      silence: () => this.#standing.update(), detoured: (again) => this.#standing.detoured(again), usable: () => this.#standing.takesDetour,
    }, this.#options.road);
    this.#standing = new Standing(this.#channels, this.#options.reachable, (change) => this.#onStanding(change));
    this.#watchdog = new Watchdog(this.#options.retryEvery, () => {
      if (this.#options.reachable() || this.#hasDirect) this.#onWatchdog(); // otherwise no message can get through now
      this.#armWatchdog();
    });
    this.#candidates = new Candidates(this.#options.batch, (content) => this.#sendSignal("send_ice_candidate", content));
    this.#createConnection();
    this.#watchWay = trackWay(this, () => this.#whyNot());
    if (options.offers) this.#channels.make();
    this.#armWatchdog();
  }

  /** The RTCPeerConnection, for example to add sound or video. It is replaced when the other side's page reloads. */
  get connection() {
    return this.#pc;
  }

  /** @returns {types.PeerState} */
  get state() {
    if (this.#closed) return "closed";
    if (this.#standing.isOpen) return "open";
    return this.#failed ? "failed" : "connecting";
  }

  /** Bytes that wait to be sent. */
  get buffered() {
    return this.#channels.buffered;
  }

  get channels() { // for Lobby
    return this.#channels;
  }

  /**
   * Sends text, bytes or whatever JSON can hold, and returns whether it could: false unless `state` is open, and while
   * too much waits. With reliable: false it can be lost or out of order but is never late, which suits positions and
   * inputs. It throws a BellhopError for what is no JSON, or larger than the other side accepts: 256 KiB in browsers.
   * @param {types.Data} data @param {{reliable?: boolean}} [options]
   */
  send(data, { reliable } = {}) {
    return this.post(encode(data), { reliable });
  }

  /** Throws if a message is too large. For Lobby. @param {Message} message @param {Way} way */
  check(message, way) {
    if (this.state === "open") this.#channels.check(message, way);
  }

  /** Sends what `encode` returned. For Lobby. @param {Message} message @param {Way} way */
  post(message, way) {
    return this.state === "open" && this.#channels.send(message, way);
  }

  /** Closes the connection until restart: the page is hidden, perhaps for good. For Lobby. */
  suspend() {
    if (this.#closed || this.#suspended) return;
    this.#suspended = true;
    this.#channels.stop();
    this.#standing.update(false);
    this.#pc.close();
  }

  /** Handles the arguments of the other side's relay. @param {"description" | "candidates"} what @param {any} content */
  receive(what, content) {
    this.#onSignal(what === "description", content, false);
  }

  /** Tries again unless the connection is stable. With `anyway` it looks for a new path even then: the network has changed. */
  restart(anyway = false) {
    if (this.#closed) return;
    this.#failed = false;
    this.#watchdog.checks = 0;
    this.#channels.detour.resume();
    if (this.#suspended) this.#startOver();
    else if (anyway && this.#pc.remoteDescription) this.#restartIce();
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
    this.#watchdog.stop();
    this.#candidates.stop();
    this.#inOrder.stop();
    this.#channels.stop();
    this.#channels.detour.close();
    this.#pc.close();
    fire(this, "close");
  }

  get #isStable() {
    const { connectionState, signalingState } = this.#pc;
    const open = this.#standing.isDirect || this.#channels.isSilent; // another path would not wake a silent page
    return open && connectionState === "connected" && signalingState === "stable";
  }

  // The connection and its channels

  #createConnection() {
    const { iceServers, rtc } = this.#options;
    const pc = new RTCPeerConnection({ iceServers, ...rtc });
    this.#pc = pc;
    this.#channels.reset(pc);
    this.#standing.reset();
    this.#suspended = this.#answersDirectly = false;
    this.#iceErrors = [];
    this.#lastSeq = 0;
    pc.onnegotiationneeded = () => this.#enqueue(() => pc === this.#pc && this.#offer());
    pc.onicecandidate = ({ candidate }) => pc === this.#pc && this.#candidates.find(candidate, this.#describing);
    pc.onicecandidateerror = (error) => pc === this.#pc && this.#iceErrors.push(error);
    pc.onsignalingstatechange = () => pc === this.#pc && this.#armWatchdog();
    pc.onconnectionstatechange = () => pc === this.#pc && this.#onConnectionState();
  }

  /** @param {Change} change */
  #onStanding(change) {
    if (change !== "lost") this.#failed = false;
    fire(this, change);
    if (change === "restored") this.#retryOffer();
    if (change !== "open") this.#armWatchdog();
  }

  #onChannelClosed() {
    this.#standing.update(false);
    if (!this.#closed) fire(this, "close");
    this.#armWatchdog();
  }

  #onConnectionState() {
    const { connectionState } = this.#pc;
    if (connectionState === "disconnected" || connectionState === "failed") this.#standing.update(false);
    else if (connectionState === "connected" && this.#channels.isOpen) this.#standing.update(true);
    this.#armWatchdog();
  }

  /** Replaces the connection: the other side's is new, or has closed. */
  #replaceConnection() {
    this.#standing.update(false);
    this.#pc.close();
    this.#candidates.reset();
    this.#createConnection();
  }

  #startOver() {
    this.#queue = Promise.resolve(); // a step at a connection that closes never ends
    this.#replaceConnection();
    this.#channels.make();
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

  #retryOffer() { // that was too large before
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
      const size = made ? sizeOf(JSON.stringify(made)) + CANDIDATES_RESERVE : 0;
      if (made && !this.#hasDirect && size > this.#options.maxRelayed) return await this.#reportTooLarge(type);
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
    const channels = { negotiation_channel: NEGOTIATION_CHANNEL, lobby_channel: LOBBY_CHANNEL, detour: this.#channels.detour.id || undefined };
    const content = { session_type, sdp, seq: ++this.#lastSeq, ...channels };
    if (!this.#sendSignal("set_session_description", content)) return await this.#reportTooLarge();
    this.#reportedTooLarge = false;
  }

  get #hasDirect() {
    return this.#direct.isOpen && this.#standing.isDirect;
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
  async #applyDescription({ session_type: type, sdp, negotiation_channel: channel, lobby_channel: lobby, detour }, direct) {
    this.#standing.meet(lobby === LOBBY_CHANNEL ? detour : 0);
    const before = sessionOf(this.#pc.remoteDescription?.sdp);
    if (type === "rollback") return; // too late: the offer has been answered
    if (before && before !== sessionOf(sdp)) {
      this.#replaceConnection();
      if (type !== "offer") return this.#channels.make();
    }
    const pc = this.#pc;
    // Both have offered, and the other side gives way; or this answers an offer that no longer exists.
    if (type === "offer" ? pc.signalingState !== "stable" && !this.#options.polite : pc.signalingState === "stable") return;
    const prepare = () => {
      if (lobby === LOBBY_CHANNEL) this.#channels.makeLobby();
      if (channel === NEGOTIATION_CHANNEL) this.#direct.open(pc, () => this.#retryOffer());
    };
    if (type !== "offer") prepare(); // the other side has them, and can send as soon as it has a path
    await pc.setRemoteDescription({ type, sdp }).catch((error) => this.#onMismatch(pc, error));
    if (pc !== this.#pc) return;
    prepare();
    await this.#candidates.add(pc, [], (error) => fire(this, "error", { error }));
    if (type !== "offer") return;
    this.#answersDirectly = direct;
    await this.#describe("answer");
  }

  /** Starts over, at most once a check: the sides disagree, for example after lost answers. @param {RTCPeerConnection} pc @param {Error} error */
  #onMismatch(pc, error) {
    const again = pc === this.#pc && !this.#standing.isDirect && this.#restartedAtCheck !== this.#watchdog.checks;
    this.#restartedAtCheck = this.#watchdog.checks;
    if (again) this.#startOver();
    throw error;
  }

  // The watchdog of an unstable connection

  /** Watches a connection until it is stable. It repeats messages that might be lost, the two sides in turns. */
  #armWatchdog() {
    if (this.#closed || this.#suspended) this.#watchdog.stop();
    else this.#watchdog.arm(this.#isStable);
  }

  #onWatchdog() {
    const looks = this.#watchdog.checks++;
    if (this.#standing.look(looks)) this.#fail();
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
    if (isOver(this.#pc, this.#channels.isClosed, this.#reportedTooLarge)) this.#startOver();
    else if (offered && replaceOffer && !this.#standing.isDirect) this.#enqueue(() => this.#rollBackOffer());
    else if (offered) this.#enqueue(() => this.#describe());
    else if (!this.#pc.remoteDescription) this.#channels.make();
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
    if (this.#standing.isDirect) {
      const error = new BellhopError("timeout", "The other player has not answered a change of this connection.");
      return fire(this, "error", { error });
    }
    this.#failed = true;
    fire(this, "failed", { error: this.#whyNot() });
  }

  #whyNot() {
    return new BellhopError("connection_failed", explainFailure(this.#pc, this.#iceErrors, this.away));
  }
}
