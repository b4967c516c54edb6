// @ts-check
/**
 * Lobby: the members of a game, with a Peer for each. Import it from bellhop.js.
 *
 * @import { Bellhop } from "./bellhop.js"
 * @import { State } from "./members.js"
 * @import { Peer } from "./peer.js"
 * @import * as types from "./bellhop.d.ts"
 */

import { BellhopError, LATE_NEWS_MS, camel, fire, snake } from "./common.js";
import { DETOUR } from "./detour.js";
import { Forwarder } from "./forward.js";
import { Members } from "./members.js";
import { Players } from "./players.js";
import { Requests, decide, handOver } from "./requests.js";
import { IceServers } from "./servers.js";
import { onHide } from "./wake.js";

/**
 * The members of a game. Its events:
 * `request` (a player asks to join: request.accept(), request.reject()), `cancel` (the player no longer waits), `join`,
 * `leave`, `away` and `back` (a peer's connection to Bellhop dropped, and was resumed; the game goes on meanwhile), `open`
 * (data can be sent to a peer), `way` (by which way), `lost` and `restored` (not for now; again, over the same channels), `message`,
 * `drain` (there is room to send again), `failed` (no connection to a peer; error says why), `update`, `host` (it has
 * changed), `players` (lobby.players has changed; `playerjoin` and `playerleave` say who is new and who is gone), `chat`,
 * `reach` (`send` gets to others than before), `signalling` (this client's own connection: state is `lost`, `resumed` or
 * `gone`), `error`, and `close`.
 * @implements {types.Lobby}
 */
export class Lobby extends EventTarget {
  #bellhop;
  #members;
  #players;
  #requests = new Requests(this);
  #forwarder;
  #state = /** @type {State} */ ({ term: 1, isOnline: true, resumeError: null, ended: new AbortController(), reloaded: false });
  #checksHost = false;
  #timers = new Set();

  /** @param {Bellhop} bellhop @param {any} content of the event that led here @param {types.Options} options */
  constructor(bellhop, content, options) {
    super();
    this.#bellhop = bellhop;
    const servers = new IceServers(bellhop, options.iceServers, (all, error) => {
      if (error) this.#after(() => fire(this, "error", { error }), 0); // once the game listens
      for (const peer of this.members) peer.setIceServers(all);
    });
    const [after, end] = [this.#after.bind(this), this.#end.bind(this)];
    Object.assign(this.#state, { options, servers, after, end, reloaded: !content.resume_token });
    /** @type {string} */
    this.id = content.lobby_id;
    this.me = { peerId: content.peer_id, connectionId: content.connection_id, player: options.player };
    this.hostPeerId = 1;
    this.#players = new Players(bellhop, this, this.#state);
    this.#forwarder = new Forwarder(this);
    this.#members = new Members(bellhop, this, this.#requests, this.#players, this.#forwarder, this.#state);
    this.#applySnapshot(content);
    this.#players.begin();
    this.#state.reloaded = false;
    const { signal } = this.#state.ended;
    bellhop.addEventListener("closed", () => this.#end("left"), { signal });
    onHide(() => this.#members.suspend(), signal);
  }

  /** Everybody by peer id. Without a roster, only this player and those linked with it. */
  get players() {
    return this.#players.all;
  }

  /** The settings, and the number of players. */
  get info() {
    const { info } = this.#state;
    const known = info.roster || info.topology === "mesh" || this.isHost;
    return { ...info, players: known ? this.players.size : info.players };
  }

  /** The members linked with this client: in a star the host has all, and each other member has only the host. */
  get members() {
    return this.#members.all;
  }

  /** The requests of players who wait. */
  get requests() {
    return this.#requests.all;
  }

  /** The member with a number. @param {number} peerId */
  peer(peerId) {
    return this.#members.get(peerId);
  }

  get isHost() {
    return this.hostPeerId === this.me.peerId;
  }

  /** The peer that is the host, or null if this client is. */
  get host() {
    return this.peer(this.hostPeerId) ?? null;
  }

  /** Decides, at the host of a star, whether to forward a guest's message. @type {types.Lobby["onforward"]} */
  onforward = null;

  /** The peer ids of the members that `send` gets to now: those that are connected, and in a star all that the host reaches. */
  get reach() {
    return this.#forwarder.reach;
  }

  /**
   * Sends to every member, and returns how many it is on its way to. In a star the host forwards it.
   * @param {types.Data} data @param {types.LobbySendOptions} [options]
   */
  send(data, options = {}) {
    return this.#forwarder.send(data, options);
  }

  /** Admits a waiting player. @param {types.JoinRequest} request @param {{peerId?: number}} [options] */
  async accept(request, { peerId } = {}) {
    const { connectionId: connection_id } = request;
    const known = () => this.#members.at(connection_id);
    const content = await decide(this.#bellhop, this, "accept_request", { connection_id, peer_id: peerId }, known);
    return this.#members.add(content.connection_id, content.peer_id, request.player);
  }

  /** Rejects a waiting player. @param {types.JoinRequest} request @param {string} [reason] */
  async reject(request, reason) {
    await decide(this.#bellhop, this, "reject_join_request", { connection_id: request.connectionId, reason });
    this.#requests.settle(request.connectionId);
  }

  /** Removes a member. @param {Peer} peer @param {{reason?: string, ban?: boolean | "address"}} [options] */
  async remove(peer, { reason, ban } = {}) {
    await this.#bellhop.request("remove_player", { connection_id: peer.connectionId, reason, ban });
  }

  /** Changes the given settings and leaves the rest. @param {types.LobbyUpdate} changes */
  async update(changes) {
    const { content } = await this.#bellhop.request("update_lobby", snake(changes));
    return camel(content.lobby);
  }

  /** Replaces this player's description. @param {object} player */
  updatePlayer(player) {
    return this.#players.update(player);
  }

  /** Makes another member the host. @param {Peer | types.Player | number} to */
  async setHost(to) {
    return handOver(this.#bellhop, this, this.#linked(to));
  }

  /** Sends JSON through Bellhop, to all others or to a linked member. @param {any} data @param {{to?: Peer | types.Player | number}} [options] */
  async chat(data, { to } = {}) {
    await this.#bellhop.request("send_message", { data, connection_id: to && this.#linked(to).connectionId });
  }

  /** @param {Peer | types.Player | number} to */
  #linked(to) {
    const peer = this.peer(/** @type {number} */ (typeof to === "object" ? to.peerId : to));
    if (peer) return peer;
    throw new BellhopError("peer_not_found", "Choose a player that is linked with this one: lobby.members has them all.");
  }

  /** Gives up this client's place. The lobby ends immediately; the promise resolves when Bellhop has confirmed. */
  async leave() {
    if (this.#state.ended.signal.aborted) return;
    this.#end("left");
    await this.#bellhop.request("leave_lobby").catch((error) => {
      if (error.code !== "not_in_lobby") throw error; // it has ended in the meantime
    });
  }

  /** Ends the lobby for all. */
  async close() {
    await this.#bellhop.request("close_lobby");
    if (!this.#state.ended.signal.aborted) this.#bellhop.renew(); // it has closed, and the event was lost
  }

  /** Handles an event. A Bellhop calls it. @param {string} event @param {any} content */
  receive(event, content) {
    if (this.#state.ended.signal.aborted || !Object.hasOwn(Lobby.#handlers, event)) return;
    Lobby.#handlers[event](this, content);
    if (this.#isConsistent || this.#checksHost) return;
    this.#checksHost = true;
    this.#after(() => (this.#checksHost = false, this.#isConsistent || this.#bellhop.renew()));
  }

  /** The handler of each event. @type {Record<string, (lobby: Lobby, content: any) => void>} */
  static #handlers = {
    request_to_join: (lobby, content) => {
      lobby.#members.welcome(content.connection_id);
      lobby.#requests.add(content);
    },
    request_cancelled: (lobby, { connection_id }) => lobby.#requests.cancel(connection_id),
    peer_joined: (lobby, { connection_id, peer_id, player, player_id }) => {
      if (!lobby.#members.hasLeft(peer_id)) lobby.#members.add(connection_id, peer_id, player, player_id);
    },
    peer_left: (lobby, { connection_id, peer_id, reason }) => {
      const peer = lobby.peer(peer_id) ?? lobby.#members.at(connection_id) ?? lobby.#members.retired(peer_id);
      lobby.#members.markLeft(peer_id);
      lobby.#players.left(peer_id, reason);
      if (peer && (peer.peerId ?? peer_id) === peer_id) lobby.#members.drop(peer, reason); // and not a peer that came back since
    },
    peer_disconnected: (lobby, { connection_id, peer_id }) => {
      const known = lobby.peer(peer_id);
      const old = known && known.connectionId !== connection_id && lobby.#members.at(connection_id); // back already
      if (!old && !lobby.#members.hasLeft(peer_id)) lobby.#members.markAway(lobby.#members.add(connection_id, peer_id));
    },
    peer_resumed: (lobby, { connection_id, new_connection_id, peer_id }) => {
      if (lobby.#members.hasLeft(peer_id)) return;
      lobby.#members.move(connection_id, new_connection_id);
      const moved = lobby.peer(peer_id)?.connectionId !== new_connection_id;
      lobby.#members.markBack(lobby.#members.add(new_connection_id, peer_id), moved);
    },
    host_changed: (lobby, { host_connection_id, peer_id, term, peers = [] }) => {
      if (term <= lobby.#state.term) return;
      lobby.#state.term = term;
      const before = lobby.hostPeerId;
      lobby.hostPeerId = peer_id;
      lobby.#members.addAll(peers); // which only the new host in a star gets
      if (!lobby.isHost) {
        lobby.#members.addAll([{ connection_id: host_connection_id, peer_id }]);
        if (lobby.#state.info.topology === "star") lobby.#retire((peer) => peer.peerId !== peer_id, before);
      }
      lobby.#onHost(before);
    },
    lobby_updated: (lobby, content) => {
      const info = (lobby.#state.info = camel(content.lobby));
      if (info.roster) lobby.#players.expect(info.players);
      fire(lobby, "update");
    },
    player_joined: (lobby, { peer_id, player, player_id }) => {
      if (!lobby.#members.hasLeft(peer_id)) lobby.#players.joined(peer_id, player, player_id);
    },
    player_updated: (lobby, { peer_id, player }) => {
      if (!lobby.#members.hasLeft(peer_id)) lobby.#players.updated(peer_id, player);
    },
    player_away: (lobby, { peer_id }) => {
      if (!lobby.#members.hasLeft(peer_id)) lobby.#players.setAway(peer_id, true);
    },
    player_back: (lobby, { peer_id }) => {
      if (!lobby.#members.hasLeft(peer_id)) lobby.#players.back(peer_id);
    },
    player_left: (lobby, { peer_id, reason }) => {
      lobby.#members.markLeft(peer_id);
      lobby.#players.left(peer_id, reason);
    },
    received_message: (lobby, { peer_id, data }) => {
      if (data?.[DETOUR]) return lobby.peer(peer_id)?.channels.detour.hear(data[DETOUR]);
      fire(lobby, "chat", { peerId: peer_id, player: lobby.players.get(peer_id)?.player ?? {}, data });
    },
    received_session_description: (lobby, content) => lobby.#onSignal("description", content),
    received_ice_candidate: (lobby, content) => lobby.#onSignal("candidates", content),
    error: (lobby, { code, action, connection_id, resume_until }) => {
      if (code === "not_available" && action === "send_message") lobby.#members.closeRoad();
      const peer = lobby.members.find((peer) => peer.connectionId === connection_id);
      if (peer && code === "peer_unreachable" && resume_until) lobby.#members.markAway(peer);
      else if (peer ? code.startsWith("peer_") : code === "not_in_lobby" || (code === "not_host" && lobby.isHost)) {
        lobby.#bellhop.renew();
      }
    },
    resumed: (lobby, content) => {
      const before = lobby.hostPeerId;
      lobby.#state.isOnline = true;
      lobby.#applySnapshot(content);
      const [linked, here] = [idsOf(content.peers), idsOf(content.roster)];
      lobby.#retire(({ peerId }) => !linked.has(peerId) && here.has(peerId), before);
      for (const peer of lobby.members) if (!linked.has(peer.peerId)) lobby.#members.drop(peer, "left");
      lobby.#after(lobby.#requests.expect()); // Bellhop repeats them
      fire(lobby, "signalling", { state: "resumed" });
      if (lobby.hostPeerId !== before) lobby.#onHost(before);
      for (const peer of lobby.members) peer.restart();
      lobby.#players.repeat();
    },
    disconnected: (lobby) => {
      lobby.#state.isOnline = false;
      for (const peer of lobby.members) peer.channels.hurry();
      fire(lobby, "signalling", { state: "lost" });
    },
    network_changed: (lobby) => {
      for (const peer of lobby.members) peer.restart(true);
    },
    resume_failed: (lobby, { error }) => {
      lobby.#state.resumeError = error;
      fire(lobby, "signalling", { state: "gone", error });
      lobby.#members.forgotten();
    },
    lobby_left: (lobby) => lobby.#end("left"),
    lobby_closed: (lobby, { reason }) => lobby.#end(reason),
    removed: (lobby, { reason }) => lobby.#end("removed", { message: reason }),
    replaced: (lobby) => lobby.#end("replaced"),
  };

  /** Applies the fields that lobby_started, request_accepted and resumed share. @param {any} content */
  #applySnapshot(content) {
    this.#state.info = camel(content.lobby);
    this.me.connectionId = content.connection_id;
    if (content.ice_servers) this.#state.servers.take(content.ice_servers);
    const peers = content.peers ?? [];
    const host = peers.find((/** @type {any} */ peer) => peer.connection_id === content.host_connection_id);
    const { term = this.#state.term } = content; // a newer host_changed might have come before
    if (term >= this.#state.term) this.hostPeerId = host ? host.peer_id : this.me.peerId;
    this.#state.term = Math.max(term, this.#state.term);
    this.#players.take(content.roster ?? peers);
    this.#members.addAll(peers);
  }

  /** Called when the host has changed. @param {number} before */
  #onHost(before) {
    this.#players.changed();
    this.#requests.onHost(before === this.me.peerId);
    fire(this, "host", { peer: this.host });
  }

  /** Retires members that are in the game, and no longer linked with this client. @param {(peer: Peer) => boolean} which @param {number} before the host */
  #retire(which, before) {
    for (const peer of this.members.filter(which)) this.#members.retire(peer, before !== this.me.peerId);
  }

  /** Handles a description or candidates of a peer. @param {"description" | "candidates"} what @param {any} content */
  #onSignal(what, content) {
    const { connection_id: id, peer_id, knock } = content;
    if (!this.#members.at(id)) {
      if (this.#members.hasLeft(id) || this.#members.hasLeft(peer_id)) return;
      // From a new address: Bellhop names the peer.
      if (this.peer(peer_id)) this.#members.markBack(this.#members.add(id, peer_id), true);
    }
    const peer = this.#members.add(id, peer_id);
    if (!knock) peer.receive(what, content);
  }

  // When something does not fit

  /** Whether this lobby's host and members can be right. */
  get #isConsistent() {
    if (this.isHost || this.#state.resumeError || this.#state.ended.signal.aborted || !this.#state.isOnline) return true;
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

  /** @param {string} reason @param {object} [details] */
  #end(reason, details) {
    if (this.#state.ended.signal.aborted) return;
    this.#state.ended.abort();
    this.#state.servers.end();
    for (const timer of this.#timers) clearTimeout(timer);
    this.#members.end();
    this.#requests.clear();
    fire(this, "close", { reason, ...details });
  }
}

/** @param {any[]} [list] of peers, or of a roster */
function idsOf(list = []) {
  return new Set(list.map(({ peer_id }) => peer_id));
}
