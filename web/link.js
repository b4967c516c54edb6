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
    if (outcome === "open") outcome = (await isRelayed(peer.connection).catch(() => false)) ? "relay" : "direct";
    done = send({ outcome, ms: Math.min(Math.round(now - start), MAX_MS) });
  };
  for (const outcome of ["open", "failed"]) peer.addEventListener(outcome, () => report(outcome, performance.now()));
}

/** Whether the chosen path goes through a TURN server (https://www.w3.org/TR/webrtc-stats/). @param {RTCPeerConnection} pc */
async function isRelayed(pc) {
  const stats = /** @type {Map<string, any>} */ (new Map(await pc.getStats()));
  const all = [...stats.values()];
  const chosen = all.find((x) => x.type === "transport" && x.selectedCandidatePairId)?.selectedCandidatePairId;
  const pair = stats.get(chosen) ?? all.find((x) => x.type === "candidate-pair" && x.nominated && x.state === "succeeded");
  return [pair?.localCandidateId, pair?.remoteCandidateId].some((id) => stats.get(id)?.candidateType === "relay");
}
