// @ts-check
/** The addresses of an RTCPeerConnection, and why it has no path to the other side. Import from bellhop.js. */

import { MAX_HELD } from "./common.js";

/** The most candidates in one send_ice_candidate. */
const MAX_BATCH = 64;

/** The candidates of a connection: the other side's that came too early, and this side's unsent ones. */
export class Candidates {
  #batchMs;
  #send;
  #held = /** @type {any[]} */ ([]);
  #unsent = /** @type {RTCIceCandidateInit[]} */ ([]);
  #timer = 0;

  /** @param {number} batch milliseconds @param {(content: any) => void} send */
  constructor(batch, send) {
    this.#batchMs = batch;
    this.#send = send;
  }

  /** Starts again with another connection. */
  reset() {
    this.#held = [];
  }

  /**
   * Adds the other side's candidates, after those that waited for its description.
   * @param {RTCPeerConnection} pc @param {any[]} candidates in a browser's format or Godot's @param {(error: any) => void} fail
   */
  async add(pc, candidates, fail) {
    for (const given of [...this.#held.splice(0), ...candidates]) {
      const { candidate = given.name, sdpMid = given.media, sdpMLineIndex = given.index, usernameFragment } = given;
      const remote = pc.remoteDescription?.sdp;
      if (!remote || (usernameFragment && !remote.includes(`a=ice-ufrag:${usernameFragment}`))) {
        if (this.#held.push(given) > MAX_HELD) this.#held.shift();
      } else await pc.addIceCandidate({ candidate, sdpMid, sdpMLineIndex, usernameFragment }).catch(fail);
    }
  }

  /**
   * Handles a candidate of this side.
   * @param {RTCIceCandidate | null} candidate null or an empty one is the last
   * @param {boolean} describing whether the description in progress will contain it
   */
  find(candidate, describing) {
    const last = !candidate?.candidate;
    if (!last) this.#unsent.push(candidate.toJSON());
    if (describing || this.#unsent.length === 0) return; // not worth a message of its own
    if (last) this.#unsent.push({ candidate: "" });
    if (last || !this.#batchMs || this.#unsent.length >= MAX_BATCH) this.#flush();
    else this.#timer ||= setTimeout(() => this.#flush(), this.#batchMs);
  }

  /** Called when a description contains all candidates so far. */
  markSent() {
    this.#unsent = [];
  }

  stop() {
    clearTimeout(this.#timer);
    this.#timer = 0;
  }

  #flush() {
    this.stop();
    while (this.#unsent.length) this.#send({ candidates: this.#unsent.splice(0, MAX_BATCH) });
  }
}

/** The error code of a STUN or TURN server that has not answered (https://www.w3.org/TR/webrtc/#rtcpeerconnectioniceerrorevent). */
const UNREACHABLE = 701;

/** @param {RTCSessionDescription | null} [description] */
function hasCandidates(description) {
  return /^a=candidate/m.test(description?.sdp ?? "");
}

/**
 * Whether a new path cannot save a connection: its channels are gone, or its description is too large to send.
 * @param {RTCPeerConnection} pc @param {boolean} closed whether its channels are @param {boolean} tooLarge
 */
export function isOver({ connectionState, sctp }, closed, tooLarge) {
  if (closed) return true;
  return connectionState === "failed" && (tooLarge || ["failed", "closed"].includes(sctp?.transport?.state ?? ""));
}

/**
 * Whether this browser gathers forever without a result. Chromium might, if it took an offer back as soon as it was
 * made. With relays only, gathering can take long.
 * @param {RTCPeerConnection} pc
 */
export function isStuck(pc) {
  return pc.iceGatheringState === "gathering" && !hasCandidates(pc.localDescription) &&
    pc.getConfiguration().iceTransportPolicy !== "relay";
}

/** Waits until all candidates are in the local description, or for ms. @param {RTCPeerConnection} pc @param {number} ms */
export function gathered(pc, ms) {
  return new Promise((/** @type {(nothing: void) => void} */ resolve) => {
    const look = () => {
      if (pc.iceGatheringState === "complete" && hasCandidates(pc.localDescription)) done();
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

/**
 * Returns the most probable reason why two peers cannot connect, and what helps.
 * @param {RTCPeerConnection} pc @param {RTCPeerConnectionIceErrorEvent[]} refusals of STUN and TURN servers
 * @param {boolean} away whether the other side's connection to Bellhop is gone
 */
export function explainFailure(pc, refusals, away) {
  if (away) return "The other player's connection to Bellhop is gone, and they have not come back.";
  const { iceServers = [], iceTransportPolicy } = pc.getConfiguration();
  const turns = iceServers.flatMap(({ urls }) => urls).filter((url) => url.startsWith("turn"));
  const turn = [...new Set(turns.map((url) => url.split("?")[0]))].join(", "); // short enough for a phone
  const refused = refusals.find(({ url, errorCode }) => url?.startsWith("turn") && errorCode < 700);
  if (!pc.remoteDescription) return "The other player has not answered: their page may be closed, or their game makes no connections.";
  if (refused && !/ typ relay/.test(pc.localDescription?.sdp ?? "")) {
    const why = `${refused.errorCode} ${refused.errorText}`.replace(/\.$/, ""); // Chromium's ends so
    return `The TURN server ${refused.url?.split("?")[0]} refused its credentials (${why}): they have expired, or its secret is another.`;
  }
  if (!hasCandidates(pc.localDescription)) {
    const why = `: only relays are allowed, and ${turn ? `${turn} gave none` : "this server names no TURN server"}`;
    return `This browser has no address to be reached at (no candidates)${iceTransportPolicy === "relay" ? why : ""}.`;
  }
  if (!hasCandidates(pc.remoteDescription)) return "The other player's browser has no address to be reached at (no candidates).";
  if (!iceServers.length) {
    const missing = "this server names no STUN server, which players behind routers need, and no TURN server";
    return `There is no direct way between the two networks: ${missing}.`;
  }
  const unanswered = pc.iceGatheringState === "gathering" || refusals.some(({ errorCode }) => errorCode === UNREACHABLE);
  if (unanswered && !/ typ (srflx|relay)/.test(pc.localDescription?.sdp ?? "")) {
    const all = iceServers.flatMap(({ urls }) => urls).join(", ");
    return `This browser has reached none of ${all}: its network may block UDP${/transport=tcp/.test(all) ? " and TCP to them" : ", and none is over TCP"}.`;
  }
  return turn
    ? `There is no direct way between the two networks, nor one through ${turn}; it may not be reachable for both.`
    : "There is no direct way between the two networks; a TURN server would be one, and this server names none.";
}
