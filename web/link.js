// @ts-check
/**
 * What becomes of a link, for the operator's figures. Import from bellhop.js.
 *
 * @import { Peer } from "./peer.js"
 */

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
    if (outcome === "open") outcome = (await wayOf(peer.connection).catch(() => null))?.relayed ? "relay" : "direct";
    done = send({ outcome, ms: Math.min(Math.round(now - start), MAX_MS) });
  };
  for (const outcome of ["open", "failed"]) peer.addEventListener(outcome, () => report(outcome, performance.now()));
}

/**
 * Returns the path of a connection's data: the candidate pair that ICE has chosen, from the browser's statistics
 * (https://www.w3.org/TR/webrtc-stats/). ms is of a round trip. null while there is none.
 * @param {RTCPeerConnection} connection @returns {Promise<{relayed: boolean, protocol: string, ms: number | null} | null>}
 */
export async function wayOf(connection) {
  const all = [...(await connection.getStats()).values()];
  const find = (/** @type {(x: any) => boolean} */ fits) => all.find(fits);
  const chosen = find((x) => x.type === "transport" && x.selectedCandidatePairId)?.selectedCandidatePairId;
  const pair = find((x) => x.type === "candidate-pair" && (x.id === chosen || (!chosen && x.nominated && x.state === "succeeded")));
  const here = find((x) => x.id === pair?.localCandidateId);
  const there = find((x) => x.id === pair?.remoteCandidateId);
  if (!here || !there) return null;
  return {
    relayed: here.candidateType === "relay" || there.candidateType === "relay",
    protocol: (here.relayProtocol ?? here.protocol).toUpperCase(),
    ms: pair.currentRoundTripTime === undefined ? null : Math.round(pair.currentRoundTripTime * 1000),
  };
}
