// @ts-check
/**
 * Lobby: the members of a game, with a Peer for each. Import it from bellhop.js.
 *
 * @import { Bellhop } from "./bellhop.js"
 * @import * as types from "./bellhop.d.ts"
 */

import { Absences } from "./absences.js";
import { BellhopError, MINUTE, SECOND, camel, fire, snake } from "./common.js";
import { Peer } from "./peer.js";
import { decide, sendToAll } from "./requests.js";
import { IceServers } from "./servers.js";

/** Bytes of a relay: 28 KiB of content, less the fields that are added here. */
const MAX_RELAYED = (28 << 10) - 512;
/** How long a place is held, from the event on: resume_until is from the server's clock, which can differ. */
const GRACE_MS = MINUTE;
/** How long to wait for a late event that would explain a mismatch. */
const LATE_NEWS_MS = 3 * SECOND;

/**
 * The members of a game. Its events:
 * `request` (a player asks to join: request.accept(), request.reject()), `cancel` (the player no longer waits), `join`,
 * `leave`, `away` and `back` (a peer's connection to Bellhop dropped, and was resumed; the game goes on meanwhile), `open`
 * (data can be sent to a peer), `lost` and `restored` (not for now; again, over the same channels), `message`,
 * `drain` (there is room to send again), `failed` (no connection to a peer; error says why), `update`, `host` (it has
 * changed), `signalling` (this client's own connection: state is `lost`, `resumed` or `gone`), `error`, and `close`.
 * @implements {types.Lobby}
 */
export class Lobby extends EventTarget {
  #bellhop;
  #options;
  #members = /** @type {Set<Peer>} */ (new Set());
  #peersByConn = /** @type {Map<string, Peer>} */ (new Map()); // by connection id, previous ones too
  #leftIds = new Set(); // connection and peer ids of peers that have left: their late messages are ignored
  #requests = /** @type {Map<string, types.JoinRequest>} */ (new Map());
  #term = 1;
  #isOnline = true;
  #resumeError = /** @type {BellhopError | null} */ (null); // why Bellhop no longer knows of this lobby
  #ended = new AbortController(); // aborted when the lobby has ended
  #reloaded = false; // whether new peers were known to a previous page
  #absences;
  #servers;
  #checksHost = false;
  #timers = new Set();
  #unconfirmed = new Set(); // requests from before a resume that Bellhop has not repeated

  /** @param {Bellhop} bellhop @param {any} content of the event that led here @param {types.Options} options */
  constructor(bellhop, content, options) {
    super();
    this.#bellhop = bellhop;
    this.#options = options;
    this.#absences = new Absences(bellhop, (peer, error) => this.#onPollAnswer(peer, error));
    this.#servers = new IceServers(bellhop, options.iceServers, (all, error) => {
      if (error) this.#after(() => fire(this, "error", { error }), 0); // once the game listens
      for (const peer of this.#members) peer.setIceServers(all);
    });
    /** @type {string} */
    this.id = content.lobby_id;
    this.me = { peerId: content.peer_id, connectionId: content.connection_id, player: options.player };
    this.hostPeerId = 1;
    this.#reloaded = !content.resume_token;
    this.#applySnapshot(content);
    this.#reloaded = false;
    bellhop.addEventListener("closed", () => this.#end("left"), { signal: this.#ended.signal });
  }

  /** The members linked with this client: in a star the host has all, and each other member has only the host. */
  get members() {
    return [...this.#members];
  }

  /** The requests of players who wait. */
  get requests() {
    return [...this.#requests.values()];
  }

  /** The member with a number. @param {number} peerId */
  peer(peerId) {
    return this.members.find((peer) => peer.peerId === peerId);
  }

  get isHost() {
    return this.hostPeerId === this.me.peerId;
  }

  /** The peer that is the host, or null if this client is. */
  get host() {
    return this.peer(this.hostPeerId) ?? null;
  }

  /**
   * Sends to every connected member, and returns their number.
   * @param {types.Data} data @param {types.SendOptions} [options]
   */
  send(data, options) {
    return sendToAll(this.#members, data, options);
  }

  /** Admits a waiting player. @param {types.JoinRequest} request @param {{peerId?: number}} [options] */
  async accept(request, { peerId } = {}) {
    const { connectionId: connection_id } = request;
    const known = () => this.#peersByConn.get(connection_id);
    const content = await decide(this.#bellhop, this, "accept_request", { connection_id, peer_id: peerId }, known);
    return this.#addPeer(content.connection_id, content.peer_id, request.player);
  }

  /** Rejects a waiting player. @param {types.JoinRequest} request @param {string} [reason] */
  async reject(request, reason) {
    await decide(this.#bellhop, this, "reject_join_request", { connection_id: request.connectionId, reason });
    this.#requests.delete(request.connectionId);
  }

  /** Removes a member. @param {Peer} peer @param {{reason?: string, ban?: boolean}} [options] */
  async remove(peer, { reason, ban } = {}) {
    await this.#bellhop.request("remove_player", { connection_id: peer.connectionId, reason, ban });
  }

  /** Changes the given settings and leaves the rest. @param {types.LobbyUpdate} changes */
  async update(changes) {
    const { content } = await this.#bellhop.request("update_lobby", snake(changes));
    return camel(content.lobby);
  }

  /** Gives up this client's place. The lobby ends immediately; the promise resolves when Bellhop has confirmed. */
  async leave() {
    if (this.#ended.signal.aborted) return;
    this.#end("left");
    await this.#bellhop.request("leave_lobby").catch((error) => {
      if (error.code !== "not_in_lobby") throw error; // it has ended in the meantime
    });
  }

  /** Ends the lobby for all. */
  async close() {
    await this.#bellhop.request("close_lobby");
    if (!this.#ended.signal.aborted) this.#bellhop.renew(); // it has closed, and the event was lost
  }

  /** Handles an event. A Bellhop calls it. @param {string} event @param {any} content */
  receive(event, content) {
    if (this.#ended.signal.aborted || !Object.hasOwn(Lobby.#handlers, event)) return;
    Lobby.#handlers[event](this, content);
    if (this.#isConsistent || this.#checksHost) return;
    this.#checksHost = true;
    this.#after(() => (this.#checksHost = false, this.#isConsistent || this.#bellhop.renew()));
  }

  /** The handler of each event. @type {Record<string, (lobby: Lobby, content: any) => void>} */
  static #handlers = {
    request_to_join: (lobby, { connection_id, peer_id, player }) => {
      lobby.#unconfirmed.delete(connection_id);
      if (lobby.#requests.has(connection_id)) return; // a resume repeats it
      const request = {
        connectionId: connection_id, peerId: peer_id, player,
        accept: (/** @type {{peerId?: number}} */ options) => lobby.accept(request, options),
        reject: (/** @type {string} */ reason) => lobby.reject(request, reason),
      };
      lobby.#leftIds.delete(connection_id);
      lobby.#requests.set(connection_id, request);
      fire(lobby, "request", { request });
    },
    request_cancelled: (lobby, { connection_id }) => {
      const request = lobby.#requests.get(connection_id);
      if (lobby.#requests.delete(connection_id)) fire(lobby, "cancel", { request });
    },
    peer_joined: (lobby, { connection_id, peer_id, player }) => {
      if (!lobby.#leftIds.has(peer_id)) lobby.#addPeer(connection_id, peer_id, player);
    },
    peer_left: (lobby, { connection_id, peer_id, reason }) => {
      const peer = lobby.peer(peer_id) ?? lobby.#peersByConn.get(connection_id);
      lobby.#leftIds.add(peer_id);
      if (peer && (peer.peerId ?? peer_id) === peer_id) lobby.#dropPeer(peer, reason); // and not a peer that came back since
    },
    peer_disconnected: (lobby, { connection_id, peer_id }) => {
      const known = lobby.peer(peer_id);
      const old = known && known.connectionId !== connection_id && lobby.#peersByConn.has(connection_id); // back already
      if (!old && !lobby.#leftIds.has(peer_id)) lobby.#markAway(lobby.#addPeer(connection_id, peer_id));
    },
    peer_resumed: (lobby, { connection_id, new_connection_id, peer_id }) => {
      if (lobby.#leftIds.has(peer_id)) return;
      const known = lobby.#peersByConn.get(connection_id);
      if (known) lobby.#peersByConn.set(new_connection_id, known);
      const moved = lobby.peer(peer_id)?.connectionId !== new_connection_id;
      lobby.#markBack(lobby.#addPeer(new_connection_id, peer_id), moved);
    },
    host_changed: (lobby, { host_connection_id, peer_id, term }) => {
      if (term <= lobby.#term) return;
      lobby.#term = term;
      lobby.hostPeerId = peer_id;
      if (!lobby.isHost) lobby.#addPeer(host_connection_id, peer_id);
      fire(lobby, "host", { peer: lobby.host });
    },
    lobby_updated: (lobby, content) => {
      lobby.info = camel(content.lobby);
      fire(lobby, "update");
    },
    received_session_description: (lobby, content) => lobby.#onSignal("description", content),
    received_ice_candidate: (lobby, content) => lobby.#onSignal("candidates", content),
    error: (lobby, { code, connection_id, resume_until }) => {
      const peer = lobby.members.find((peer) => peer.connectionId === connection_id);
      if (peer && code === "peer_unreachable" && resume_until) lobby.#markAway(peer);
      else if (peer ? code.startsWith("peer_") : code === "not_in_lobby" || (code === "not_host" && lobby.isHost)) {
        lobby.#bellhop.renew();
      }
    },
    resumed: (lobby, content) => {
      const here = new Set(content.peers.map((/** @type {any} */ peer) => peer.peer_id));
      for (const peer of lobby.members) if (!here.has(peer.peerId)) lobby.#dropPeer(peer, "left");
      lobby.#isOnline = true;
      const before = lobby.hostPeerId;
      lobby.#applySnapshot(content);
      lobby.#unconfirmed = new Set(lobby.#requests.keys()); // Bellhop repeats the requests
      lobby.#after(() => {
        for (const connection_id of lobby.#unconfirmed) lobby.receive("request_cancelled", { connection_id });
      });
      fire(lobby, "signalling", { state: "resumed" });
      if (lobby.hostPeerId !== before) fire(lobby, "host", { peer: lobby.host });
      for (const peer of lobby.members) peer.restart();
    },
    disconnected: (lobby) => {
      lobby.#isOnline = false;
      fire(lobby, "signalling", { state: "lost" });
    },
    network_changed: (lobby) => {
      for (const peer of lobby.members) peer.restart(true);
    },
    resume_failed: (lobby, { error }) => {
      lobby.#resumeError = error;
      lobby.#absences.end(); // Bellhop does not know them any more
      fire(lobby, "signalling", { state: "gone", error });
      for (const peer of lobby.members) lobby.#giveUp(peer, "timed_out");
      lobby.#endIfAlone();
    },
    lobby_left: (lobby) => lobby.#end("left"),
    lobby_closed: (lobby, { reason }) => lobby.#end(reason),
    removed: (lobby, { reason }) => lobby.#end("removed", { message: reason }),
    replaced: (lobby) => lobby.#end("replaced"),
  };

  /** Applies the fields that lobby_started, request_accepted and resumed share. @param {any} content */
  #applySnapshot(content) {
    this.info = camel(content.lobby);
    this.me.connectionId = content.connection_id;
    if (content.ice_servers) this.#servers.take(content.ice_servers);
    const peers = content.peers ?? [];
    const host = peers.find((/** @type {any} */ peer) => peer.connection_id === content.host_connection_id);
    const { term = this.#term } = content; // a newer host_changed might have come before
    if (term >= this.#term) this.hostPeerId = host ? host.peer_id : this.me.peerId;
    this.#term = Math.max(term, this.#term);
    for (const { connection_id, peer_id, player, away = false } of peers) {
      const peer = this.#addPeer(connection_id, peer_id, player);
      if (away) this.#markAway(peer);
      else if (peer.away) this.#markBack(peer);
    }
  }

  /** Handles a description or candidates of a peer. @param {"description" | "candidates"} what @param {any} content */
  #onSignal(what, content) {
    const { connection_id: id, peer_id, player, knock } = content;
    if (!this.#peersByConn.has(id)) {
      if (this.#leftIds.has(id) || this.#leftIds.has(peer_id)) return;
      // From a new address: Bellhop names the peer.
      if (this.peer(peer_id)) this.#markBack(this.#addPeer(id, peer_id, player), true);
    }
    const peer = this.#addPeer(id, peer_id, player);
    if (!knock) peer.receive(what, content);
  }

  /**
   * Returns the peer at an address, and creates an unknown one: Bellhop relays only between linked members, and a message
   * can overtake the event that announces its sender.
   * @param {string} connectionId @param {number} [peerId] @param {any} [player]
   */
  #addPeer(connectionId, peerId, player) {
    const known = (peerId !== undefined && this.peer(peerId)) || this.#peersByConn.get(connectionId);
    const peer = known || this.#createPeer(peerId);
    this.#leftIds.delete(connectionId);
    this.#requests.delete(connectionId);
    this.#peersByConn.set(connectionId, peer);
    Object.assign(peer, { connectionId, peerId: peerId ?? peer.peerId, player: player ?? peer.player });
    if (!known) fire(this, "join", { peer });
    return peer;
  }

  /** @param {number} [peerId] */
  #createPeer(peerId = Infinity) {
    const higher = this.me.peerId > peerId;
    const byHost = this.#options.offerer === "host" && this.#term === 1 && this.info.topology === "star";
    const peer = new Peer({
      ...this.#options,
      iceServers: this.#servers.all,
      polite: higher,
      offers: this.#reloaded || (byHost ? this.isHost : higher),
      maxRelayed: MAX_RELAYED,
      reachable: () => this.#isOnline && !this.#resumeError && !peer.away,
      relay: (action, content) => { // a new host learns its peers from these fields
        const { peerId: peer_id, player } = this.me;
        this.#bellhop.send(action, { connection_id: peer.connectionId, peer_id, player, ...content });
      },
    });
    for (const name of ["open", "lost", "restored", "message", "drain", "failed", "error"]) {
      const pass = (/** @type {any} */ { data, reliable, error }) => fire(this, name, { peer, data, reliable, error });
      peer.addEventListener(name, pass);
    }
    peer.addEventListener("lost", () => this.#resumeError && this.#giveUp(peer, "disconnected"));
    peer.addEventListener("close", () => {
      if (this.#resumeError) this.#dropPeer(peer, "disconnected"); // otherwise Bellhop sends an event about it
      else if (!this.#ended.signal.aborted && this.#isOnline && this.#members.has(peer) && !peer.away) this.#absences.watch(peer, [LATE_NEWS_MS]);
      this.#endIfAlone();
    });
    this.#members.add(peer);
    return peer;
  }

  // When something does not fit

  /** Whether this lobby's host and members can be right. */
  get #isConsistent() {
    if (this.isHost || this.#resumeError || this.#ended.signal.aborted || !this.#isOnline) return true;
    const others = this.members.some(({ peerId }) => peerId !== undefined && peerId !== this.hostPeerId);
    return !!this.host && (!others || this.info.topology === "mesh");
  }

  /** @param {() => void} act not called if the lobby has ended by then @param {number} [ms] */
  #after(act, ms = LATE_NEWS_MS) {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      act();
    }, ms);
    this.#timers.add(timer);
  }

  /** @param {Peer} peer */
  #markAway(peer) {
    if (peer.away) return;
    peer.away = true;
    this.#absences.watch(peer);
    fire(this, "away", { peer, resumeUntil: new Date(Date.now() + GRACE_MS) });
  }

  /** @param {Peer} peer @param {boolean} [moved] whether its address has changed, although it was not away */
  #markBack(peer, moved = false) {
    this.#absences.forget(peer);
    const back = peer.away || moved;
    peer.away = false;
    if (back) fire(this, "back", { peer });
    peer.restart();
  }

  /** Handles Bellhop's answer about a peer. Returns whether to ask again. @param {Peer} peer @param {BellhopError | null} error */
  #onPollAnswer(peer, error) {
    if (this.#ended.signal.aborted || !this.#members.has(peer)) return false;
    if (error ? error.code === "peer_not_found" : peer.away) this.#bellhop.renew(); // the event was lost
    if (!error && peer.away) this.#markBack(peer);
    return error !== null;
  }

  /**
   * Gives up a peer without a path to this client, once Bellhop cannot help to find one. A path that is only disturbed
   * might come back by itself.
   * @param {Peer} peer @param {"timed_out" | "disconnected"} reason
   */
  #giveUp(peer, reason) {
    if (peer.state === "open") return;
    if (peer.connection.connectionState !== "disconnected") return this.#dropPeer(peer, reason);
    this.#after(() => {
      this.#giveUp(peer, reason);
      this.#endIfAlone();
    }, 5 * SECOND);
  }

  /** @param {Peer} peer @param {string} reason */
  #dropPeer(peer, reason) {
    if (!this.#members.delete(peer)) return;
    for (const [id, at] of this.#peersByConn) if (at === peer && this.#peersByConn.delete(id)) this.#leftIds.add(id);
    this.#absences.forget(peer);
    peer.close();
    fire(this, "leave", { peer, reason });
    this.#endIfAlone();
  }

  /** A lobby that Bellhop has forgotten ends with its last peer. */
  #endIfAlone() {
    if (this.#resumeError && this.#members.size === 0) this.#end("resume_failed", { error: this.#resumeError });
  }

  /** @param {string} reason @param {object} [details] */
  #end(reason, details) {
    if (this.#ended.signal.aborted) return;
    this.#ended.abort();
    this.#absences.end();
    this.#servers.end();
    for (const timer of this.#timers) clearTimeout(timer);
    for (const peer of this.#members) peer.close();
    for (const all of [this.#members, this.#peersByConn, this.#requests]) all.clear();
    fire(this, "close", { reason, ...details });
  }
}
