// @ts-check
/**
 * Peer: one WebRTC connection to one other player. Import it from bellhop.js.
 *
 * @import * as types from "./bellhop.d.ts"
 */

import { BellhopError, HELD, SECOND, fire } from "./common.js";

/** How often a peer connection that does not stand is looked at, and after how many looks it has failed. */
const LOOK = 2 * SECOND;
const LOOKS = 15;
/** How long a description waits for one that was sent before it and has not come: API Gateway promises no order. */
const GAP = 3 * SECOND;
/** What one send_ice_candidate may hold. */
const BATCH = 64;

/**
 * A WebRTC connection to one other player, with a reliable data channel and an unreliable one. It negotiates perfectly, as
 * the pattern of that name does: either side may offer at any time. Of use without a lobby too: hand what `relay` is
 * given to the other side, and give what comes from there to `receive`. Its events are `open`, `message`, `failed`, `error`
 * and `close`.
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
  #asked = false; // whether this side has made channels
  #opened = false;
  #failed = false;
  #closed = false;
  #steps = Promise.resolve(); // of the negotiation, one after the other
  #sent = 0; // descriptions, of this RTCPeerConnection
  #next = 1; // the number of the description that is to come; 0: whichever does
  #session = ""; // of the other side's RTCPeerConnection
  #early = /** @type {Map<number, any>} */ (new Map()); // descriptions that have outrun others
  #held = /** @type {any[]} */ ([]); // candidates that have outrun their description
  #found = /** @type {RTCIceCandidateInit[]} */ ([]); // candidates to be sent
  #describing = false;
  #refusals = /** @type {RTCPeerConnectionIceErrorEvent[]} */ ([]); // of STUN and TURN servers
  #batch = 0; // timers
  #gap = 0;
  #watch = 0;
  #looks = 0; // at this connection since it last stood

  /** @param {types.PeerWiring} options */
  constructor(options) {
    super();
    this.#options = { batch: 100, reachable: () => true, ...options };
    this.#make();
    if (options.offers) this.#open();
    this.#look();
  }

  /** The RTCPeerConnection, to add sound or video to, say. It is another one after the other side's page was loaded anew. */
  get connection() {
    return this.#pc;
  }

  /** @returns {types.PeerState} */
  get state() {
    if (this.#closed) return "closed";
    if (this.#reliable?.readyState === "open") return "open";
    return this.#failed ? "failed" : "connecting";
  }

  /**
   * Sends text or bytes, and returns whether it could: false before `open` and after `close`. What is sent with reliable:
   * false may be lost or overtaken and is never late, which suits positions and inputs. It throws a BellhopError if the
   * message is larger than the other side takes: 256 KiB in today's browsers.
   * @param {types.Data} data @param {types.SendOptions} [options]
   */
  send(data, { reliable = true } = {}) {
    const channel = !reliable && this.#unreliable?.readyState === "open" ? this.#unreliable : this.#reliable;
    if (channel?.readyState !== "open") return false;
    const most = this.#pc.sctp?.maxMessageSize ?? Infinity;
    if (isLarger(data, most)) {
      throw new BellhopError("message_too_large", `A message holds at most ${most} bytes here; send this one in parts.`);
    }
    channel.send(/** @type {any} */ (data));
    return true;
  }

  /** Takes in what the other side's relay was given. @param {"description" | "candidates"} what @param {any} content */
  receive(what, content) {
    if (what === "description") this.#arrive(content);
    else this.#step(() => this.#add(content.candidates ?? [content]));
  }

  /** Tries again unless it stands; with `anyway` it looks for a new way even then, since the network has changed. */
  restart(anyway = false) {
    if (this.#closed) return;
    this.#failed = false;
    if (anyway && this.#pc.remoteDescription) this.#pc.restartIce();
    else if (!this.#stands) {
      this.#skip();
      if (this.#options.offers) this.#again(true);
    }
    this.#looks = 0;
    this.#look();
  }

  close() {
    if (this.#closed) return;
    this.#closed = true;
    for (const timer of [this.#batch, this.#gap, this.#watch]) clearTimeout(timer);
    this.#pc.close();
    fire(this, "close");
  }

  get #stands() {
    return this.state === "open" && this.#pc.connectionState === "connected" && this.#pc.signalingState === "stable";
  }

  // Its parts

  #make() {
    const { iceServers, rtc } = this.#options;
    const pc = new RTCPeerConnection({ iceServers, ...rtc });
    this.#pc = pc;
    this.#reliable = this.#unreliable = null;
    this.#asked = this.#opened = false;
    this.#refusals = [];
    this.#sent = 0;
    pc.onnegotiationneeded = () => this.#step(() => pc === this.#pc && this.#offer());
    pc.onicecandidate = ({ candidate }) => pc === this.#pc && this.#candidate(candidate);
    pc.onicecandidateerror = (error) => this.#refusals.push(error);
    pc.onconnectionstatechange = pc.onsignalingstatechange = () => pc === this.#pc && this.#look();
    pc.ondatachannel = ({ channel }) => this.#adopt(channel);
  }

  /** Makes the channels, and by that an offer. */
  #open() {
    if (this.#asked) return;
    this.#asked = true;
    this.#adopt(this.#pc.createDataChannel("reliable"));
    this.#adopt(this.#pc.createDataChannel("unreliable", { ordered: false, maxRetransmits: 0 }));
  }

  /** Both may have made channels: each sends by the first that is open, and listens to all. @param {RTCDataChannel} channel */
  #adopt(channel) {
    const pc = this.#pc;
    const reliable = channel.ordered && channel.maxRetransmits === null && channel.maxPacketLifeTime === null;
    channel.binaryType = "arraybuffer";
    channel.onmessage = ({ data }) => fire(this, "message", { data, reliable });
    channel.onopen = () => {
      if (pc !== this.#pc) return;
      if (reliable) this.#reliable ??= channel;
      else this.#unreliable ??= channel;
      if (!reliable || this.#opened) return;
      this.#opened = true;
      this.#failed = false;
      fire(this, "open");
    };
    channel.onclose = () => {
      if (channel !== this.#reliable || this.#closed) return;
      fire(this, "close");
      this.#look();
    };
  }

  /** Both sides start anew: the other side's connection is another one, or has closed. */
  #renew() {
    this.#pc.close();
    this.#make();
    this.#held = [];
  }

  // Negotiation

  /** @param {() => any} work */
  #step(work) {
    this.#steps = this.#steps.then(() => !this.#closed && work()).catch((error) => {
      if (!this.#closed) fire(this, "error", { error });
    });
  }

  async #offer() {
    if (this.#pc.signalingState === "stable") await this.#describe(() => this.#pc.setLocalDescription());
  }

  /**
   * Sends the local description once the first candidates are in it: each message less is one not paid for.
   * @param {() => any} [make]
   */
  async #describe(make) {
    const pc = this.#pc;
    this.#describing = true;
    try {
      await make?.();
      const { iceServers } = pc.getConfiguration(); // without any, all candidates are there in no time
      await gathered(pc, iceServers?.length ? this.#options.batch : this.#options.batch / 4);
    } finally {
      this.#describing = false;
    }
    if (pc !== this.#pc || !pc.localDescription) return;
    this.#found = [];
    const { type, sdp } = pc.localDescription;
    this.#options.relay("set_session_description", { session_type: type, sdp, seq: ++this.#sent });
  }

  /** Takes descriptions in the order of their numbers; those without one as they come. @param {any} content */
  #arrive(content) {
    const { seq, sdp } = content;
    const session = sessionOf(sdp) || this.#session;
    if (!Number.isInteger(seq)) return this.#step(() => this.#take(content));
    if (this.#session && session !== this.#session) this.#next = 1;
    this.#session = session;
    this.#next ||= seq;
    if (seq < this.#next) return;
    this.#early.set(seq, content);
    this.#settle();
  }

  #settle() {
    for (let content; (content = this.#early.get(this.#next)); this.#next++) {
      this.#early.delete(this.#next);
      this.#step(() => this.#take(content));
    }
    if (this.#early.size) return void (this.#gap ||= setTimeout(() => this.#skip(), GAP));
    clearTimeout(this.#gap);
    this.#gap = 0;
  }

  /** What is missing was lost. */
  #skip() {
    clearTimeout(this.#gap);
    this.#gap = 0;
    this.#next = this.#early.size ? Math.min(...this.#early.keys()) : 0;
    this.#settle();
  }

  /** @param {any} content */
  async #take({ session_type: type, sdp }) {
    const before = sessionOf(this.#pc.remoteDescription?.sdp);
    if (type === "rollback") return; // of an offer that has been answered
    if (before && before !== sessionOf(sdp)) {
      this.#renew();
      if (type !== "offer") return this.#open();
    }
    const pc = this.#pc;
    // Both have offered, and the other gives way; or it answers an offer that is no more.
    if (type === "offer" ? pc.signalingState !== "stable" && !this.#options.polite : pc.signalingState === "stable") return;
    await pc.setRemoteDescription({ type, sdp });
    await this.#add(this.#held.splice(0));
    if (type === "offer") await this.#describe(() => pc.setLocalDescription());
  }

  /** @param {any[]} candidates of a browser's shape or of Godot's */
  async #add(candidates) {
    for (const given of candidates) {
      const { candidate = given.name, sdpMid = given.media, sdpMLineIndex = given.index, usernameFragment } = given;
      const remote = this.#pc.remoteDescription?.sdp;
      if (!remote || (usernameFragment && !remote.includes(`a=ice-ufrag:${usernameFragment}`))) {
        if (this.#held.push(given) > HELD) this.#held.shift();
      } else {
        const shape = { candidate, sdpMid, sdpMLineIndex, usernameFragment };
        await this.#pc.addIceCandidate(shape).catch((error) => fire(this, "error", { error }));
      }
    }
  }

  /** @param {RTCIceCandidate | null} candidate found here; null or an empty one is the last */
  #candidate(candidate) {
    const last = !candidate?.candidate;
    if (!last) this.#found.push(candidate.toJSON());
    if (this.#describing || this.#found.length === 0) return; // in the description, or not worth a message of its own
    if (last) this.#found.push({ candidate: "" });
    if (last || !this.#options.batch || this.#found.length >= BATCH) this.#flush();
    else this.#batch ||= setTimeout(() => this.#flush(), this.#options.batch);
  }

  #flush() {
    clearTimeout(this.#batch);
    this.#batch = 0;
    while (this.#found.length) this.#options.relay("send_ice_candidate", { candidates: this.#found.splice(0, BATCH) });
  }

  // When it does not stand

  /** Looks after a connection until it stands, and does again what may have got lost, the two sides in turns. */
  #look() {
    clearTimeout(this.#watch);
    if (this.#stands) this.#looks = 0;
    if (this.#closed || this.#stands || this.#failed) return;
    this.#watch = setTimeout(() => {
      if (this.#options.reachable()) { // else nothing gets through for now
        const looks = this.#looks++;
        if (looks === LOOKS || (looks >= 4 && this.#hopeless)) return this.#fail();
        if (looks > 0 && this.#stuck) {
          this.#renew();
          this.#open();
        } else if (looks % 2 === (this.#options.offers ? 0 : 1)) this.#again(looks >= 6 && looks % 6 < 2);
      }
      this.#look();
    }, LOOK);
  }

  /** Whether this browser has found no way out, and will not. */
  get #hopeless() {
    return this.#pc.iceGatheringState === "complete" && !/^a=candidate/m.test(this.#pc.localDescription?.sdp ?? "");
  }

  /**
   * Whether this browser goes on looking for a way out and finds none at all: Chromium may, where it took an offer back as
   * soon as it was made, and then for ever. Relays alone may take their time.
   */
  get #stuck() {
    const { iceGatheringState, localDescription } = this.#pc;
    return iceGatheringState === "gathering" && !/^a=candidate/m.test(localDescription?.sdp ?? "") &&
      this.#pc.getConfiguration().iceTransportPolicy !== "relay";
  }

  /** @param {boolean} anew whether to look for a way anew also where that seems to be under way */
  #again(anew) {
    const { connectionState } = this.#pc;
    if (this.#reliable?.readyState === "closed") {
      this.#renew();
      this.#open();
    } else if (this.#pc.signalingState === "have-local-offer") this.#step(() => this.#describe());
    else if (!this.#pc.remoteDescription) this.#open();
    else if (connectionState === "failed" || connectionState === "disconnected" || anew) this.#pc.restartIce();
  }

  #fail() {
    if (this.state === "open") return; // what cannot be agreed on is a change
    this.#failed = true;
    fire(this, "failed", { error: new BellhopError("connection_failed", this.#why()) });
  }

  /** Says what most probably keeps the two apart, and what helps. */
  #why() {
    const { iceServers = [], iceTransportPolicy } = this.#pc.getConfiguration();
    const turn = iceServers.flatMap(({ urls }) => urls).filter((url) => url.startsWith("turn")).join(", ");
    const [here, there] = [this.#pc.localDescription?.sdp ?? "", this.#pc.remoteDescription?.sdp ?? ""];
    const refused = this.#refusals.find(({ url, errorCode }) => url?.startsWith("turn") && errorCode < 700);
    if (this.away) return "The other player's connection to Bellhop is gone, and they have not come back.";
    if (!there) return "The other player has not answered: their page may be closed, or their game makes no connections.";
    if (refused && !/ typ relay/.test(here)) {
      return `The TURN server ${refused.url} refused its credentials (${refused.errorCode} ${refused.errorText}); ask for new ones.`;
    }
    if (!/^a=candidate/m.test(here)) {
      const why = `: only relays are allowed, and ${turn ? `${turn} gave none` : "no TURN server is configured"}`;
      return `This browser has no address to be reached at (no candidates)${iceTransportPolicy === "relay" ? why : ""}.`;
    }
    if (!/^a=candidate/m.test(there)) return "The other player's browser has no address to be reached at (no candidates).";
    return turn
      ? `There is no direct way between the two networks, nor one through ${turn}; it may not be reachable for both.`
      : "There is no direct way between the two networks; a TURN server would be one, and none is configured.";
  }
}
/** Waits until all candidates are in the local description, or for ms. @param {RTCPeerConnection} pc @param {number} ms */
function gathered(pc, ms) {
  return new Promise((/** @type {(nothing: void) => void} */ resolve) => {
    const look = () => {
      const complete = pc.iceGatheringState === "complete" && /^a=candidate/m.test(pc.localDescription?.sdp ?? "");
      if (complete) done();
    };
    const done = () => {
      clearTimeout(timer);
      pc.removeEventListener("icegatheringstatechange", look);
      resolve();
    };
    const timer = setTimeout(done, ms);
    pc.addEventListener("icegatheringstatechange", look);
    look();
  });
}

/** Whether data has more than so many bytes. @param {types.Data} data @param {number} most */
function isLarger(data, most) {
  if (typeof data !== "string") return (data instanceof Blob ? data.size : data.byteLength) > most;
  return data.length * 3 > most && new TextEncoder().encode(data).length > most; // UTF-8 takes at most 3 bytes a unit
}

/** Which RTCPeerConnection a description is of. @param {string} [sdp] @returns {string} */
function sessionOf(sdp = "") {
  return /^o=\S+ (\S+)/m.exec(sdp)?.[1] ?? "";
}
