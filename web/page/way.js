// @ts-check
/** @import { WayTo } from "../page.d.ts" */

/**
 * Returns the path of the data to a peer: the candidate pair that ICE has chosen, from the browser's statistics
 * (https://www.w3.org/TR/webrtc-stats/). null while there is none. @type {WayTo}
 */
export const wayTo = async (peer) => {
  const all = [...(await peer.connection.getStats()).values()];
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
};
