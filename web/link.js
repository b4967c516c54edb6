// @ts-check
/**
 * The way of a link's data, and what becomes of a link, for the operator's figures. Import from bellhop.js.
 *
 * @import { Peer } from "./peer.js"
 * @import * as types from "./bellhop.d.ts"
 */

import { SECOND, fire } from "./common.js";

/** The longest time that can be reported. */
const MAX_MS = 600_000;

/**
 * Reports a peer's link once: when it is open, or has failed. The side that came later does, so each link counts once.
 * @param {Peer} peer @param {() => boolean} isLater @param {(content: {outcome: string, ms: number}) => boolean} send returns whether it could
 */
export function watchLink(peer, isLater, send) {
  const start = performance.now();
  let done = false;
  const report = async (/** @type {string} */ outcome, /** @type {number} */ now) => {
    if (done || !isLater()) return;
    done = true;
    if (peer.channels.isDetoured) outcome = "failed";
    if (outcome === "open") outcome = (await wayOf(peer.connection).catch(() => null))?.way === "relay" ? "relay" : "direct";
    done = send({ outcome, ms: Math.min(Math.round(now - start), MAX_MS) });
  };
  for (const outcome of ["open", "failed"]) peer.addEventListener(outcome, () => report(outcome, performance.now()));
}

/** How long ICE might still move an open connection to a better path without an event: not all browsers have one. */
const SETTLES_MS = 5 * SECOND;

/** Keeps peer.way up to date while the peer is open, and returns how to look again. @param {Peer} peer @param {() => Error} whyNot no connection stands */
export function trackWay(peer, whyNot) {
  const set = (/** @type {types.Way | null} */ way) => {
    if (way === peer.way) return;
    peer.way = way;
    if (way) fire(peer, "way", { way, error: way === "server" ? whyNot() : undefined });
  };
  const look = async () => {
    const { channels: { isDetoured }, connection } = peer;
    const path = await (isDetoured ? { way: /** @type {types.Way} */ ("server") } : wayOf(connection).catch(() => null));
    if (path && connection === peer.connection && peer.state === "open" && isDetoured === peer.channels.isDetoured) set(path.way);
  };
  let timer = 0;
  const watch = () => {
    look();
    clearTimeout(timer);
    timer = setTimeout(look, SETTLES_MS);
    const ice = peer.connection.sctp?.transport?.iceTransport;
    if (ice) ice.onselectedcandidatepairchange = look;
  };
  for (const name of ["open", "restored"]) peer.addEventListener(name, watch);
  for (const name of ["lost", "close"]) peer.addEventListener(name, () => (clearTimeout(timer), set(null)));
  return watch;
}

/** Addresses of private networks, and those that a browser hides. */
const PRIVATE = /^(10|127|169\.254|192\.168|172\.(1[6-9]|2\d|3[01])|100\.(6[4-9]|[7-9]\d|1[01]\d|12[0-7]))\.|^\[?(f[cde]|::1)|\.local$/i;

/** Whether two candidates are in one network: both private or hidden, or with one beginning. @param {any[]} candidates */
function inOneNetwork(candidates) {
  if (!candidates.every(({ candidateType: type, address }) => type === "host" || (type === "prflx" && address))) return false;
  const [here, there] = candidates.map(({ address }) => (!address || PRIVATE.test(address) ? "" : address.split(/[.:]/, address.includes(":") ? 4 : 3).join()));
  return here === there;
}

/**
 * Returns the path of a connection's data: the candidate pair that ICE has chosen, from the browser's statistics
 * (https://www.w3.org/TR/webrtc-stats/). ms is of a round trip. null while there is none.
 * @param {RTCPeerConnection} connection @returns {Promise<{way: types.Way, protocol: string, ms: number | null} | null>}
 */
export async function wayOf(connection) {
  const all = [...(await connection.getStats()).values()];
  const find = (/** @type {(x: any) => boolean} */ fits) => all.find(fits);
  const chosen = find((x) => x.type === "transport" && x.selectedCandidatePairId)?.selectedCandidatePairId;
  const pair = find((x) => x.type === "candidate-pair" && (x.id === chosen || (!chosen && x.nominated && x.state === "succeeded")));
  const here = find((x) => x.id === pair?.localCandidateId);
  const there = find((x) => x.id === pair?.remoteCandidateId);
  if (!here || !there) return null;
  const relayed = here.candidateType === "relay" || there.candidateType === "relay";
  return {
    way: relayed ? "relay" : inOneNetwork([here, there]) ? "network" : "direct",
    protocol: (here.relayProtocol ?? here.protocol).toUpperCase(),
    ms: pair.currentRoundTripTime === undefined ? null : Math.round(pair.currentRoundTripTime * 1000),
  };
}
