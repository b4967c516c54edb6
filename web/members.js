// @ts-check
/**
 * Members: the peers of a lobby, by their numbers and addresses. Import from bellhop.js.
 *
 * @import { Bellhop } from "./bellhop.js"
 * @import { Forwarder } from "./forward.js"
 * @import { Lobby } from "./lobby.js"
 * @import { Players } from "./players.js"
 * @import { Requests } from "./requests.js"
 * @import { IceServers } from "./servers.js"
 * @import * as types from "./bellhop.d.ts"
 * @typedef {{info: types.LobbyInfo, options: types.Options, servers: IceServers, term: number, isOnline: boolean, reloaded: boolean, ended: AbortController,
 *   resumeError: BellhopError | null, after: (act: () => void, ms?: number) => void, end: (reason: string, details?: object) => void}} State
 */

import { Absences } from "./absences.js";
import { BellhopError, GRACE_MS, LATE_NEWS_MS, SECOND, fire } from "./common.js";
import { DETOUR } from "./detour.js";
import { watchLink } from "./link.js";
import { Turns } from "./pace.js";
import { Peer } from "./peer.js";

/** Bytes of a relay: 28 KiB of content, less the fields that are added here. */
const MAX_RELAYED = (28 << 10) - 512;
/** The longest that two members stay connected which are no longer linked. */
const LONGEST_RETIREMENT_MS = 30 * SECOND;

/** The peers of a lobby. It fires the lobby's events about them. */
export class Members {
  #bellhop;
  #lobby;
  #requests;
  #players;
  #forwarder;
  #state;
  #peers = /** @type {Set<Peer>} */ (new Set());
  #retired = /** @type {Map<Peer, {at: number, heardAt: number, isGuest: boolean}>} */ (new Map()); // in the game, and no longer linked
  #byConn = /** @type {Map<string, Peer>} */ (new Map()); // by connection id, previous ones too
  #leftIds = new Set(); // connection and peer ids of peers that have left: their late messages are ignored
  #absences;
  #turns = new Turns();
  #hasRoad = true; // whether Bellhop passes messages on

  /**
   * @param {Bellhop} bellhop @param {Lobby} lobby @param {Requests} requests @param {Players} players
   * @param {Forwarder} forwarder @param {State} state of the lobby, which all share
   */
  constructor(bellhop, lobby, requests, players, forwarder, state) {
    this.#bellhop = bellhop;
    this.#lobby = lobby;
    this.#requests = requests;
    this.#players = players;
    this.#forwarder = forwarder;
    this.#state = state;
    this.#absences = new Absences(bellhop, (peer, error) => this.#onPollAnswer(peer, error));
  }

  get all() {
    return [...this.#peers];
  }

  /** The member with a peer id, or undefined. @param {number} peerId */
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
   * @param {string} connectionId @param {number} [peerId] @param {any} [player] @param {string} [playerId]
   */
  add(connectionId, peerId, player, playerId) {
    const known = (peerId !== undefined && (this.get(peerId) ?? this.#restore(peerId))) || this.#byConn.get(connectionId);
    const peer = known || this.#create(peerId);
    this.welcome(connectionId);
    const waited = this.#requests.settle(connectionId);
    this.#byConn.set(connectionId, peer);
    const id = peerId ?? peer.peerId;
    Object.assign(peer, { connectionId, peerId: id, player: id && this.#players.joined(id, player ?? waited?.player, playerId ?? waited?.playerId) });
    if (!known) fire(this.#lobby, "join", { peer });
    return peer;
  }

  /** Adds the peers of a list. @param {any[]} peers */
  addAll(peers) {
    for (const { connection_id, peer_id, player, player_id, away = false } of peers) {
      const peer = this.add(connection_id, peer_id, player, player_id);
      if (away) this.markAway(peer);
      else if (peer.away) this.markBack(peer);
    }
  }

  /** @param {number} [peerId] */
  #create(peerId = Infinity) {
    const [lobby, state] = [this.#lobby, this.#state];
    const higher = lobby.me.peerId > peerId;
    const byHost = state.options.offerer === "host" && state.term === 1 && state.info.topology === "star";
    const reachable = () => state.isOnline && !state.resumeError && !peer.away && this.#peers.has(peer);
    /** @type {Peer} */ const peer = new Peer({
      ...state.options,
      iceServers: state.servers.all,
      polite: higher,
      offers: state.reloaded || (byHost ? lobby.isHost : higher),
      maxRelayed: MAX_RELAYED,
      routed: (frame) => {
        this.#stillTalks(peer);
        this.#forwarder.receive(peer, frame);
      },
      reachable,
      road: state.options.fallback === "server" ? {
        turns: this.#turns,
        post: (packet) => this.#hasRoad && reachable() && this.#bellhop.send("send_message", { connection_id: peer.connectionId, data: { [DETOUR]: packet } }),
      } : undefined,
      relay: (action, content) => this.#peers.has(peer) && this.#bellhop.send(action, { connection_id: peer.connectionId, ...content }),
    });
    this.#listen(peer);
    this.#peers.add(peer);
    if (state.options.reportLinks !== false && !state.reloaded) {
      watchLink(peer, () => lobby.me.peerId > (peer.peerId ?? Infinity), (content) => this.#peers.has(peer) && state.isOnline &&
        this.#bellhop.send("report_link", { connection_id: peer.connectionId, ...content }));
    }
    return peer;
  }

  /** @param {Peer} peer */
  #listen(peer) {
    for (const name of ["open", "way", "lost", "restored", "drain", "failed", "error"]) {
      peer.addEventListener(name, (/** @type {any} */ { error, way }) => {
        if (!this.#stillTalks(peer)) fire(this.#lobby, name, { peer, error, way });
        else this.#forwarder.update(peer);
      });
    }
    peer.addEventListener("message", (/** @type {any} */ { data, reliable }) => {
      this.#stillTalks(peer);
      this.#forwarder.deliver(peer, data, reliable);
    });
    peer.addEventListener("failed", () => this.#state.servers.retry());
    peer.addEventListener("open", () => peer.channels.isDetoured && this.#state.servers.retry());
    peer.addEventListener("lost", () => this.#state.resumeError && this.giveUp(peer, "disconnected"));
    peer.addEventListener("close", () => {
      const { resumeError, ended, isOnline } = this.#state;
      if (resumeError && this.#peers.has(peer)) this.drop(peer, "disconnected"); // otherwise Bellhop sends an event about it
      else if (!ended.signal.aborted && isOnline && this.#peers.has(peer) && !peer.away) this.#absences.watch(peer, [LATE_NEWS_MS]);
      this.#forwarder.update(peer);
      this.endIfAlone();
    });
  }

  /** Keeps a former member's connection for a while, and returns whether the peer is one. @param {Peer} peer */
  #stillTalks(peer) {
    const retired = this.#retired.get(peer);
    if (retired) retired.heardAt = performance.now();
    return retired !== undefined;
  }

  /** @param {Peer} peer */
  markAway(peer) {
    if (peer.away) return;
    peer.away = true;
    peer.channels.hurry();
    this.#players.changed();
    this.#absences.watch(peer);
    fire(this.#lobby, "away", { peer, resumeUntil: new Date(Date.now() + GRACE_MS) });
  }

  /** @param {Peer} peer @param {boolean} [moved] whether its address has changed, although it was not away */
  markBack(peer, moved = false) {
    this.#absences.forget(peer);
    const back = peer.away || moved;
    peer.away = false;
    this.#players.changed();
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

  /** Handles that Bellhop has not passed on a message: if it passes on none, it need not be asked again. */
  closeRoad() {
    this.#hasRoad = this.all.some(({ channels }) => channels.isDetoured);
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
    if (peer.state === "open" || !this.#peers.has(peer)) return;
    if (peer.channels.isClosed || !["connected", "disconnected"].includes(peer.connection.connectionState)) return this.drop(peer, reason);
    this.#state.after(() => {
      this.giveUp(peer, reason);
      this.endIfAlone();
    }, 5 * SECOND);
  }

  /** @param {Peer} peer @param {string} reason */
  drop(peer, reason) {
    if (!this.#remove(peer) && !this.#retired.delete(peer)) return;
    if (peer.peerId) this.#players.left(peer.peerId, reason);
    peer.close();
    fire(this.#lobby, "leave", { peer, reason });
    this.endIfAlone();
  }

  /** @param {Peer} peer */
  #remove(peer) {
    if (!this.#peers.delete(peer)) return false;
    for (const [id, at] of this.#byConn) if (at === peer && this.#byConn.delete(id)) this.#leftIds.add(id);
    this.#absences.forget(peer);
    return true;
  }

  // Members of a star that are no longer linked, since the host has changed

  /**
   * Removes a member that is still in the game. Its channels stay open for messages that are on their way: a guest closes
   * them once it has the new host's, and the previous host waits for that.
   * @param {Peer} peer @param {boolean} isGuest whether this client was the other's guest
   */
  retire(peer, isGuest) {
    if (!this.#remove(peer)) return;
    this.#retired.set(peer, { at: performance.now(), heardAt: performance.now(), isGuest });
    peer.channels.hurry(); // through Bellhop it is out of reach
    if (peer.peerId) this.#players.unlinked(peer.peerId, peer.away);
    this.#state.after(() => this.#checkRetired(peer), SECOND);
  }

  /** Returns a former member that is still connected, and linked again. @param {number} peerId */
  #restore(peerId) {
    const peer = [...this.#retired.keys()].find((peer) => peer.peerId === peerId);
    if (!peer) return undefined;
    this.#retired.delete(peer);
    this.#peers.add(peer);
    peer.restart();
    return peer;
  }

  /** The former member with a number. @param {number} peerId */
  retired(peerId) {
    return [...this.#retired.keys()].find((peer) => peer.peerId === peerId);
  }

  /** Closes a former member's connection when it is of no use any more. @param {Peer} peer */
  #checkRetired(peer) {
    const retired = this.#retired.get(peer);
    if (!retired) return;
    const { at, heardAt, isGuest } = retired;
    const now = performance.now();
    const quiet = isGuest && this.#lobby.host?.state === "open" && this.#forwarder.hasForwarded(peer) && peer.buffered === 0 && now - heardAt >= SECOND;
    if (peer.state === "open" && !quiet && now - at < LONGEST_RETIREMENT_MS) return this.#state.after(() => this.#checkRetired(peer), SECOND);
    if (isGuest && peer.state !== "open" && this.#state.info.onHostLeave === "migrate") this.#bellhop.renew(); // it might have left, and the event was lost
    this.#retired.delete(peer);
    peer.close();
  }

  /** The page is hidden, perhaps for good: the others notice that immediately. If it is shown again, resuming connects it. */
  suspend() {
    for (const peer of [...this.#peers, ...this.#retired.keys()]) peer.suspend();
  }

  /** A lobby that Bellhop has forgotten ends with its last peer. */
  endIfAlone() {
    const { resumeError: error } = this.#state;
    if (error && this.#peers.size === 0) this.#state.end("resume_failed", { error });
  }

  end() {
    this.#absences.end();
    for (const peer of [...this.#peers, ...this.#retired.keys()]) peer.close();
    this.#peers.clear();
    this.#retired.clear();
    this.#byConn.clear();
  }
}
