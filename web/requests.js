// @ts-check
/**
 * The requests of players who wait, and actions that take more than one step. Import from bellhop.js.
 *
 * @import { Bellhop } from "./bellhop.js"
 * @import { Lobby } from "./lobby.js"
 * @import { Peer } from "./peer.js"
 * @import * as types from "./bellhop.d.ts"
 */

import { fire } from "./common.js";

/** The requests of players who wait. It fires the lobby's events about them. */
export class Requests {
  #lobby;
  #all = /** @type {Map<string, types.JoinRequest>} */ (new Map()); // by connection id
  #unconfirmed = new Set(); // requests from before a resume that Bellhop has not repeated

  /** @param {Lobby} lobby */
  constructor(lobby) {
    this.#lobby = lobby;
  }

  get all() {
    return this.#lobby.isHost ? [...this.#all.values()] : []; // a request can come before the event that makes this client the host
  }

  /** @param {any} content of request_to_join */
  add({ connection_id, peer_id, player, player_id }) {
    this.#unconfirmed.delete(connection_id);
    if (this.#all.has(connection_id)) return; // a resume repeats it
    const request = {
      connectionId: connection_id, peerId: peer_id, player, playerId: player_id,
      accept: (/** @type {{peerId?: number}} */ options) => this.#lobby.accept(request, options),
      reject: (/** @type {string} */ reason) => this.#lobby.reject(request, reason),
    };
    this.#all.set(connection_id, request);
    if (this.#lobby.isHost) fire(this.#lobby, "request", { request });
  }

  /** The player no longer waits. @param {string} connectionId */
  cancel(connectionId) {
    const request = this.settle(connectionId);
    if (request && this.#lobby.isHost) fire(this.#lobby, "cancel", { request });
  }

  /** The player has been admitted or rejected. Returns the request. @param {string} connectionId */
  settle(connectionId) {
    const request = this.#all.get(connectionId);
    this.#all.delete(connectionId);
    return request;
  }

  /** Called when the host has changed: the requests are the new one's. @param {boolean} wasHost */
  onHost(wasHost) {
    const { isHost } = this.#lobby;
    if (wasHost === isHost) return;
    for (const request of this.#all.values()) fire(this.#lobby, isHost ? "request" : "cancel", { request });
    if (!isHost) this.#all.clear();
  }

  /** Expects Bellhop to repeat all requests, and returns a function that cancels those that it has not. */
  expect() {
    this.#unconfirmed = new Set(this.#all.keys());
    return () => {
      for (const connectionId of this.#unconfirmed) this.cancel(connectionId);
    };
  }

  clear() {
    this.#all.clear();
  }
}

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
 * Makes a member the host, and resolves once it is, also if an answer or the event was lost.
 * @param {Bellhop} bellhop @param {Lobby} lobby @param {Peer} peer
 */
export async function handOver(bellhop, lobby, peer) {
  for (let again = false; ; again = true) {
    const error = await bellhop.request("set_host", { connection_id: peer.connectionId }).then(() => null, (error) => error);
    if (lobby.hostPeerId === peer.peerId && (!error || again)) return;
    if (!error) break;
    if (again || error.code !== "connection_lost") throw error; // a resume shows the result
  }
  bellhop.renew();
  await new Promise((resolve) => ["host", "close"].forEach((type) => lobby.addEventListener(type, resolve, { once: true })));
}
