// @ts-check
/**
 * Actions of a lobby that take more than one step. Import from bellhop.js.
 *
 * @import { Bellhop } from "./bellhop.js"
 * @import { Lobby } from "./lobby.js"
 * @import { Peer } from "./peer.js"
 * @import * as types from "./bellhop.d.ts"
 */

/**
 * Admits or rejects a waiting player, and finds out the result if the first answer was lost.
 * @param {Bellhop} bellhop @param {Lobby} lobby @param {string} action @param {any} content
 * @param {() => Peer | undefined} [known] the peer, if they are in
 */
export async function decide(bellhop, lobby, action, content, known) {
  const { connection_id } = content;
  for (let again = false; ; again = true) {
    try {
      return (await bellhop.request(action, content)).content;
    } catch (error) {
      const peer = known?.();
      if (error.code === "connection_lost" && !again) continue; // the player still waits, unless it took effect
      const done = error.code === "request_not_found" && (again || error.uncertain);
      if (done && peer) return { connection_id, peer_id: peer.peerId };
      if (done) bellhop.renew(); // shows the result
      if (error.code === "request_not_found") lobby.receive("request_cancelled", { connection_id });
      throw error;
    }
  }
}

/**
 * Sends to each peer even if some fail, and returns how many it reached.
 * @param {Iterable<Peer>} peers @param {types.Data} data @param {types.SendOptions} [options]
 */
export function sendToAll(peers, data, options) {
  let reached = 0;
  let failure;
  for (const peer of peers) {
    try {
      if (peer.send(data, options)) reached++;
    } catch (error) {
      failure ??= error; // thrown after all others have it
    }
  }
  if (failure) throw failure;
  return reached;
}
