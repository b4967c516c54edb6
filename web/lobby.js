// @ts-check
/**
 * Lobby: who is in a game, with a Peer for each of them. Import it from bellhop.js.
 *
 * @import { Bellhop } from "./bellhop.js"
 * @import * as types from "./bellhop.d.ts"
 */

import { BellhopError, HELD, HOUR, MINUTE, SECOND, camel, fire, snake } from "./common.js";
import { freshFor, usable } from "./ice.js";
import { Peer } from "./peer.js";

/** How often Bellhop is asked about somebody whose time to come back is over. */
const KNOCK = 30 * SECOND;
/** Bytes that a relay takes: 28 KiB of content, less what is put beside it here. */
const MAX_RELAYED = (28 << 10) - 512;

/**
 * Who is in a game. Its events:
 * `request` (somebody asks to be let in: request.accept(), request.reject()), `cancel` (they no longer do), `join`,
 * `leave`, `away` and `back` (a peer's connection to Bellhop dropped, and was resumed; the game goes on meanwhile), `open`
 * (a peer can be talked to), `lost` and `restored` (it cannot for now; it can again, by the same channels), `message`,
 * `drain` (there is room to send again), `failed` (a peer cannot be connected with; error says why), `update`, `host` (it has
 * changed), `signalling` (this client's own connection: state is `lost`, `resumed` or `gone`), `error`, and `close`.
 * @implements {types.Lobby}
 */
export class Lobby extends EventTarget {
  #bellhop;
  #options;
  #members = /** @type {Set<Peer>} */ (new Set());
  #addresses = /** @type {Map<string, Peer>} */ (new Map()); // by connection id, former ones too
  #left = new Set(); // connection and peer ids of those who are gone, whose late messages are no news
  #strays = /** @type {["description" | "candidates", any][]} */ ([]); // from addresses to be heard of
  #requests = /** @type {Map<string, types.JoinRequest>} */ (new Map());
  #term = 1;
  #online = true;
  #gone = /** @type {BellhopError | null} */ (null); // why Bellhop no longer knows of this lobby
  #closed = false;
  #iceServers = /** @type {RTCIceServer[]} */ ([]);
  #expiry = 0; // a timer
  #again = false; // whether those who are made now are peers that another page has left
  #knocks = /** @type {Map<Peer, number>} */ (new Map()); // timers

  /** @param {Bellhop} bellhop @param {any} content of the event that led here @param {types.Options} options */
  constructor(bellhop, content, options) {
    super();
    this.#bellhop = bellhop;
    this.#options = options;
    /** @type {string} */
    this.id = content.lobby_id;
    this.me = { peerId: content.peer_id, connectionId: content.connection_id, player: options.player };
    this.hostPeerId = 1;
    this.#again = !content.resume_token;
    this.#enter(content);
    this.#again = false;
    bellhop.addEventListener("closed", () => this.#end("left"), { once: true });
  }

  /** Those linked with this client: in a star the host has all, and they the host alone. */
  get members() {
    return [...this.#members];
  }

  /** Those who wait to be let in. */
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
   * Sends to every member that is connected, and returns to how many.
   * @param {types.Data} data @param {types.SendOptions} [options]
   */
  send(data, options) {
    let reached = 0;
    let failure;
    for (const peer of this.#members) {
      try {
        if (peer.send(data, options)) reached++;
      } catch (error) {
        failure ??= error; // once the others have it
      }
    }
    if (failure) throw failure;
    return reached;
  }

  /** Lets in somebody who waits. @param {types.JoinRequest} request @param {{peerId?: number}} [options] */
  async accept(request, { peerId } = {}) {
    const content = await this.#decide("accept_request", request, { peer_id: peerId });
    return this.#link(content.connection_id, content.peer_id, request.player);
  }

  /** Sends away somebody who waits. @param {types.JoinRequest} request @param {string} [reason] */
  async reject(request, reason) {
    await this.#decide("reject_join_request", request, { reason });
    this.#requests.delete(request.connectionId);
  }

  /** @param {string} action @param {types.JoinRequest} request @param {object} more */
  async #decide(action, { connectionId: connection_id }, more) {
    for (let again = false; ; again = true) {
      try {
        return (await this.#bellhop.request(action, { connection_id, ...more })).content;
      } catch (error) {
        const peer = this.#addresses.get(connection_id);
        if (error.code === "connection_lost" && !again) continue; // they wait on, unless it was done already
        if (error.code === "request_not_found" && again && peer) return { connection_id, peer_id: peer.peerId };
        if (error.code === "request_not_found") this.receive("request_cancelled", { connection_id });
        throw error;
      }
    }
  }

  /** Takes a member's place. @param {Peer} peer @param {{reason?: string, ban?: boolean}} [options] */
  async remove(peer, { reason, ban } = {}) {
    await this.#bellhop.request("remove_player", { connection_id: peer.connectionId, reason, ban });
  }

  /** Changes what it names and leaves the rest. @param {types.LobbyUpdate} changes */
  async update(changes) {
    const { content } = await this.#bellhop.request("update_lobby", snake(changes));
    return camel(content.lobby);
  }

  /** Gives up this client's place. */
  async leave() {
    this.#end("left");
    await this.#bellhop.request("leave_lobby").catch((error) => {
      if (error.code !== "not_in_lobby") throw error; // it has ended meanwhile
    });
  }

  /** Ends the lobby for all. */
  async close() {
    await this.#bellhop.request("close_lobby");
  }

  /** Takes in an event of Bellhop's. A Bellhop calls it. @param {string} event @param {any} content */
  receive(event, content) {
    if (!this.#closed && Object.hasOwn(Lobby.#heard, event)) Lobby.#heard[event](this, content);
  }

  /** What is done with each event. @type {Record<string, (lobby: Lobby, content: any) => void>} */
  static #heard = {
    request_to_join: (lobby, { connection_id, peer_id, player }) => {
      if (lobby.#requests.has(connection_id)) return; // it is said again after a resume
      const request = {
        connectionId: connection_id, peerId: peer_id, player,
        accept: (/** @type {{peerId?: number}} */ options) => lobby.accept(request, options),
        reject: (/** @type {string} */ reason) => lobby.reject(request, reason),
      };
      lobby.#left.delete(connection_id);
      lobby.#requests.set(connection_id, request);
      fire(lobby, "request", { request });
    },
    request_cancelled: (lobby, { connection_id }) => {
      const request = lobby.#requests.get(connection_id);
      if (lobby.#requests.delete(connection_id)) fire(lobby, "cancel", { request });
    },
    peer_joined: (lobby, { connection_id, peer_id, player }) => {
      if (!lobby.#left.has(peer_id)) lobby.#link(connection_id, peer_id, player);
    },
    peer_left: (lobby, { connection_id, peer_id, reason }) => {
      const peer = lobby.peer(peer_id) ?? lobby.#addresses.get(connection_id);
      lobby.#left.add(peer_id);
      if (peer && (peer.peerId ?? peer_id) === peer_id) lobby.#unlink(peer, reason); // and not one who came back since
    },
    peer_disconnected: (lobby, { connection_id, peer_id, resume_until }) => {
      if (lobby.#left.has(peer_id)) return;
      const peer = lobby.#link(connection_id, peer_id);
      const resumeUntil = new Date(resume_until);
      peer.away = true;
      lobby.#knock(peer, resumeUntil.getTime() - Date.now() + SECOND);
      fire(lobby, "away", { peer, resumeUntil });
    },
    peer_resumed: (lobby, { connection_id, new_connection_id, peer_id }) => {
      const known = lobby.#addresses.get(connection_id);
      if (known) lobby.#addresses.set(new_connection_id, known);
      const peer = lobby.#link(new_connection_id, peer_id);
      peer.away = false;
      fire(lobby, "back", { peer });
      peer.restart();
    },
    host_changed: (lobby, { host_connection_id, peer_id, term }) => {
      if (term <= lobby.#term) return;
      lobby.#term = term;
      lobby.hostPeerId = peer_id;
      if (!lobby.isHost) lobby.#link(host_connection_id, peer_id);
      fire(lobby, "host", { peer: lobby.host });
    },
    lobby_updated: (lobby, content) => {
      lobby.info = camel(content.lobby);
      fire(lobby, "update");
    },
    received_session_description: (lobby, content) => lobby.#hear("description", content),
    received_ice_candidate: (lobby, content) => lobby.#hear("candidates", content),
    resumed: (lobby, content) => {
      const here = new Set(content.peers.map((/** @type {any} */ peer) => peer.peer_id));
      for (const peer of lobby.members) if (!here.has(peer.peerId)) lobby.#unlink(peer, "left");
      lobby.#online = true;
      lobby.#enter(content);
      fire(lobby, "signalling", { state: "resumed" });
      for (const peer of lobby.members) peer.restart();
    },
    disconnected: (lobby) => {
      lobby.#online = false;
      fire(lobby, "signalling", { state: "lost" });
    },
    network_changed: (lobby) => {
      for (const peer of lobby.members) peer.restart(true);
    },
    resume_failed: (lobby, { error }) => {
      lobby.#gone = error;
      fire(lobby, "signalling", { state: "gone", error });
      for (const peer of lobby.members) lobby.#forsake(peer, "timed_out");
      lobby.#endIfAlone();
    },
    lobby_left: (lobby) => lobby.#end("left"),
    lobby_closed: (lobby, { reason }) => lobby.#end(reason),
    removed: (lobby, { reason }) => lobby.#end("removed", { message: reason }),
    replaced: (lobby) => lobby.#end("replaced"),
  };

  /** What lobby_started, request_accepted and resumed have in common. @param {any} content */
  #enter(content) {
    this.info = camel(content.lobby);
    this.me.connectionId = content.connection_id;
    if (content.ice_servers) this.#serve(content.ice_servers);
    const peers = content.peers ?? [];
    const host = peers.find((/** @type {any} */ peer) => peer.connection_id === content.host_connection_id);
    this.hostPeerId = host ? host.peer_id : this.me.peerId;
    for (const { connection_id, peer_id, player, away = false } of peers) {
      const peer = this.#link(connection_id, peer_id, player);
      const back = peer.away && !away;
      peer.away = away;
      if (back) fire(this, "back", { peer });
      if (away) this.#knock(peer, MINUTE);
    }
  }

  /**
   * Takes STUN and TURN servers of Bellhop's, also for the connections that there are, and asks for others in time.
   * @param {RTCIceServer[]} given @param {string} [expiresAt]
   */
  #serve(given, expiresAt) {
    const { servers, error } = usable(given);
    if (error) setTimeout(() => fire(this, "error", { error })); // once somebody listens
    this.#iceServers = servers;
    for (const peer of this.#members) peer.setIceServers(this.#allServers);
    clearTimeout(this.#expiry);
    const ms = freshFor(servers, expiresAt);
    if (ms < Infinity) this.#expiry = setTimeout(() => this.#refresh(), ms);
  }

  /** Gets new credentials. Where Bellhop cannot be reached, those that come with `resumed` do. */
  async #refresh() {
    if (this.#closed || this.#gone) return;
    this.#expiry = setTimeout(() => this.#refresh(), MINUTE);
    const answer = await this.#bellhop.request("get_ice_servers").catch(() => null);
    if (answer && !this.#closed) this.#serve(answer.content.ice_servers, answer.content.expires_at);
  }

  get #allServers() {
    return [...(this.#options.iceServers ?? []), ...this.#iceServers];
  }

  /** A peer has sent something. @param {"description" | "candidates"} what @param {any} content */
  #hear(what, content) {
    const { connection_id: id, peer_id, player } = content;
    if (!this.#addresses.has(id)) {
      if (this.#left.has(id) || this.#left.has(peer_id)) return;
      if (this.peer(peer_id)) { // only Bellhop can say that it is them
        if (this.#strays.push([what, content]) > HELD) this.#strays.shift();
        return;
      }
    }
    this.#link(id, peer_id, player).receive(what, content);
  }

  /**
   * Returns the peer at an address. It is made if it is not known: Bellhop lets only those speak who are linked, and a
   * message may outrun the news of its sender.
   * @param {string} connectionId @param {number} [peerId] @param {any} [player]
   */
  #link(connectionId, peerId, player) {
    const known = (peerId !== undefined && this.peer(peerId)) || this.#addresses.get(connectionId);
    const peer = known || this.#make(peerId);
    this.#left.delete(connectionId);
    this.#requests.delete(connectionId);
    this.#addresses.set(connectionId, peer);
    Object.assign(peer, { connectionId, peerId: peerId ?? peer.peerId, player: player ?? peer.player });
    if (!known) fire(this, "join", { peer });
    const strays = this.#strays;
    this.#strays = strays.filter(([, content]) => content.connection_id !== connectionId);
    for (const [what, content] of strays) if (content.connection_id === connectionId) peer.receive(what, content);
    return peer;
  }

  /** @param {number} [peerId] */
  #make(peerId = Infinity) {
    const higher = this.me.peerId > peerId;
    const byHost = this.#options.offerer === "host" && this.#term === 1 && this.info.topology === "star";
    const peer = new Peer({
      ...this.#options,
      iceServers: this.#allServers,
      polite: higher,
      offers: this.#again || (byHost ? this.isHost : higher),
      maxRelayed: MAX_RELAYED,
      reachable: () => this.#online && !this.#gone && !peer.away,
      relay: (action, content) => { // a host that took over learns by it whom it is linked with
        const { peerId: peer_id, player } = this.me;
        this.#bellhop.send(action, { connection_id: peer.connectionId, peer_id, player, ...content });
      },
    });
    for (const name of ["open", "lost", "restored", "message", "drain", "failed", "error"]) {
      const pass = (/** @type {any} */ { data, reliable, error }) => fire(this, name, { peer, data, reliable, error });
      peer.addEventListener(name, pass);
    }
    peer.addEventListener("lost", () => this.#gone && this.#forsake(peer, "disconnected"));
    peer.addEventListener("close", () => {
      if (this.#gone) this.#unlink(peer, "disconnected"); // else Bellhop says what has become of them
      this.#endIfAlone();
    });
    this.#members.add(peer);
    return peer;
  }

  /**
   * Has Bellhop look whether the place of one who is away is still held. On AWS nothing else does when its time is over.
   * @param {Peer} peer @param {number} ms from now, by clocks that may differ
   */
  #knock(peer, ms) {
    clearTimeout(this.#knocks.get(peer));
    this.#knocks.set(peer, setTimeout(() => {
      if (!peer.away || !this.#members.has(peer)) return;
      this.#bellhop.send("send_ice_candidate", { connection_id: peer.connectionId, candidate: "" });
      this.#knock(peer, KNOCK);
    }, Math.min(Math.max(ms, SECOND), HOUR)));
  }

  /**
   * Gives up a peer that has no way to this client, once Bellhop does not help to find one. A way that is only disturbed may
   * come back by itself.
   * @param {Peer} peer @param {"timed_out" | "disconnected"} reason
   */
  #forsake(peer, reason) {
    if (peer.state === "open") return;
    if (peer.connection.connectionState !== "disconnected") return this.#unlink(peer, reason);
    clearTimeout(this.#knocks.get(peer));
    this.#knocks.set(peer, setTimeout(() => {
      this.#forsake(peer, reason);
      this.#endIfAlone();
    }, 5 * SECOND));
  }

  /** @param {Peer} peer @param {string} reason */
  #unlink(peer, reason) {
    if (!this.#members.delete(peer)) return;
    for (const [id, at] of this.#addresses) if (at === peer && this.#addresses.delete(id)) this.#left.add(id);
    clearTimeout(this.#knocks.get(peer));
    peer.close();
    fire(this, "leave", { peer, reason });
  }

  /** Once Bellhop no longer knows of it, a lobby lasts as long as somebody can be talked to. */
  #endIfAlone() {
    if (this.#gone && this.#members.size === 0) this.#end("resume_failed", { error: this.#gone });
  }

  /** @param {string} reason @param {object} [details] */
  #end(reason, details) {
    if (this.#closed) return;
    this.#closed = true;
    for (const timer of [this.#expiry, ...this.#knocks.values()]) clearTimeout(timer);
    for (const peer of this.#members) peer.close();
    this.#members.clear();
    this.#requests.clear();
    fire(this, "close", { reason, ...details });
  }
}
