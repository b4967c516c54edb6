// @ts-check
/**
 * Members: the peers of a lobby, by their numbers and addresses. Import from bellhop.js.
 *
 * @import { Bellhop } from "./bellhop.js"
 * @import { Lobby } from "./lobby.js"
 * @import { Requests } from "./requests.js"
 * @import { IceServers } from "./servers.js"
 * @import * as types from "./bellhop.d.ts"
 * @typedef {{options: types.Options, servers: IceServers, term: number, isOnline: boolean, reloaded: boolean, ended: AbortController,
 *   resumeError: BellhopError | null, after: (act: () => void, ms?: number) => void, end: (reason: string, details?: object) => void}} State
 */

import { Absences } from "./absences.js";
import { BellhopError, MINUTE, SECOND, fire } from "./common.js";
import { Peer } from "./peer.js";

/** Bytes of a relay: 28 KiB of content, less the fields that are added here. */
const MAX_RELAYED = (28 << 10) - 512;
/** How long a place is held, from the event on: resume_until is from the server's clock, which can differ. */
const GRACE_MS = MINUTE;
/** How long to wait for a late event that would explain a mismatch. */
export const LATE_NEWS_MS = 3 * SECOND;

/** The peers of a lobby. It fires the lobby's events about them. */
export class Members {
  #bellhop;
  #lobby;
  #requests;
  #state;
  #peers = /** @type {Set<Peer>} */ (new Set());
  #byConn = /** @type {Map<string, Peer>} */ (new Map()); // by connection id, previous ones too
  #leftIds = new Set(); // connection and peer ids of peers that have left: their late messages are ignored
  #absences;

  /** @param {Bellhop} bellhop @param {Lobby} lobby @param {Requests} requests @param {State} state of the lobby, which both share */
  constructor(bellhop, lobby, requests, state) {
    this.#bellhop = bellhop;
    this.#lobby = lobby;
    this.#requests = requests;
    this.#state = state;
    this.#absences = new Absences(bellhop, (peer, error) => this.#onPollAnswer(peer, error));
  }

  get all() {
    return [...this.#peers];
  }

  /** The member with a number. @param {number} peerId */
  get(peerId) {
    return this.all.find((peer) => peer.peerId === peerId);
  }

  /** The member at an address. @param {string} connectionId */
  at(connectionId) {
    return this.#byConn.get(connectionId);
  }

  /** Whether a peer has left. @param {string | number} id of its connection, or its own */
  hasLeft(id) {
    return this.#leftIds.has(id);
  }

  /** Ignores a peer from now on. @param {number} peerId */
  markLeft(peerId) {
    this.#leftIds.add(peerId);
  }

  /** No longer ignores an address. @param {string} connectionId */
  welcome(connectionId) {
    this.#leftIds.delete(connectionId);
  }

  /** Gives a member another address, beside those that it has. @param {string} before @param {string} connectionId */
  move(before, connectionId) {
    const known = this.#byConn.get(before);
    if (known) this.#byConn.set(connectionId, known);
  }

  /**
   * Returns the peer at an address, and creates an unknown one: Bellhop relays only between linked members, and a message
   * can overtake the event that announces its sender.
   * @param {string} connectionId @param {number} [peerId] @param {any} [player]
   */
  add(connectionId, peerId, player) {
    const known = (peerId !== undefined && this.get(peerId)) || this.#byConn.get(connectionId);
    const peer = known || this.#create(peerId);
    this.welcome(connectionId);
    this.#requests.settle(connectionId);
    this.#byConn.set(connectionId, peer);
    Object.assign(peer, { connectionId, peerId: peerId ?? peer.peerId, player: player ?? peer.player });
    if (!known) fire(this.#lobby, "join", { peer });
    return peer;
  }

  /** @param {number} [peerId] */
  #create(peerId = Infinity) {
    const [lobby, state] = [this.#lobby, this.#state];
    const higher = lobby.me.peerId > peerId;
    const byHost = state.options.offerer === "host" && state.term === 1 && lobby.info.topology === "star";
    const peer = new Peer({
      ...state.options,
      iceServers: state.servers.all,
      polite: higher,
      offers: state.reloaded || (byHost ? lobby.isHost : higher),
      maxRelayed: MAX_RELAYED,
      reachable: () => state.isOnline && !state.resumeError && !peer.away,
      relay: (action, content) => { // a new host learns its peers from these fields
        const { peerId: peer_id, player } = lobby.me;
        this.#bellhop.send(action, { connection_id: peer.connectionId, peer_id, player, ...content });
      },
    });
    this.#listen(peer);
    this.#peers.add(peer);
    return peer;
  }

  /** @param {Peer} peer */
  #listen(peer) {
    for (const name of ["open", "lost", "restored", "message", "drain", "failed", "error"]) {
      const pass = (/** @type {any} */ { data, reliable, error }) => fire(this.#lobby, name, { peer, data, reliable, error });
      peer.addEventListener(name, pass);
    }
    peer.addEventListener("lost", () => this.#state.resumeError && this.giveUp(peer, "disconnected"));
    peer.addEventListener("close", () => {
      const { resumeError, ended, isOnline } = this.#state;
      if (resumeError) this.drop(peer, "disconnected"); // otherwise Bellhop sends an event about it
      else if (!ended.signal.aborted && isOnline && this.#peers.has(peer) && !peer.away) this.#absences.watch(peer, [LATE_NEWS_MS]);
      this.endIfAlone();
    });
  }

  /** @param {Peer} peer */
  markAway(peer) {
    if (peer.away) return;
    peer.away = true;
    this.#absences.watch(peer);
    fire(this.#lobby, "away", { peer, resumeUntil: new Date(Date.now() + GRACE_MS) });
  }

  /** @param {Peer} peer @param {boolean} [moved] whether its address has changed, although it was not away */
  markBack(peer, moved = false) {
    this.#absences.forget(peer);
    const back = peer.away || moved;
    peer.away = false;
    if (back) fire(this.#lobby, "back", { peer });
    peer.restart();
  }

  /** Handles Bellhop's answer about a peer. Returns whether to ask again. @param {Peer} peer @param {BellhopError | null} error */
  #onPollAnswer(peer, error) {
    if (this.#state.ended.signal.aborted || !this.#peers.has(peer)) return false;
    if (error ? error.code === "peer_not_found" : peer.away) this.#bellhop.renew(); // the event was lost
    if (!error && peer.away) this.markBack(peer);
    return error !== null;
  }

  /** Handles that Bellhop has forgotten the lobby. */
  forgotten() {
    this.#absences.end(); // Bellhop does not know them any more
    for (const peer of this.#peers) this.giveUp(peer, "timed_out");
    this.endIfAlone();
  }

  /**
   * Gives up a peer without a path to this client, once Bellhop cannot help to find one. A path that is only disturbed
   * might come back by itself.
   * @param {Peer} peer @param {"timed_out" | "disconnected"} reason
   */
  giveUp(peer, reason) {
    if (peer.state === "open") return;
    if (peer.connection.connectionState !== "disconnected") return this.drop(peer, reason);
    this.#state.after(() => {
      this.giveUp(peer, reason);
      this.endIfAlone();
    }, 5 * SECOND);
  }

  /** @param {Peer} peer @param {string} reason */
  drop(peer, reason) {
    if (!this.#peers.delete(peer)) return;
    for (const [id, at] of this.#byConn) if (at === peer && this.#byConn.delete(id)) this.#leftIds.add(id);
    this.#absences.forget(peer);
    peer.close();
    fire(this.#lobby, "leave", { peer, reason });
    this.endIfAlone();
  }

  /** A lobby that Bellhop has forgotten ends with its last peer. */
  endIfAlone() {
    const { resumeError: error } = this.#state;
    if (error && this.#peers.size === 0) this.#state.end("resume_failed", { error });
  }

  end() {
    this.#absences.end();
    for (const peer of this.#peers) peer.close();
    this.#peers.clear();
    this.#byConn.clear();
  }
}
