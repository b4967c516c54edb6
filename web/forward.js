// @ts-check
/**
 * Forwarder: gets messages of a lobby to members that are not linked with their sender. Import from bellhop.js.
 *
 * In a star the guests are linked with the host alone. The client of the host passes on what a guest sends, and writes the
 * sender's peer id into it. It also keeps each guest informed about the others that it reaches.
 *
 * @import { Frame, Message, Way } from "./envelope.js"
 * @import { Lobby } from "./lobby.js"
 * @import { Peer } from "./peer.js"
 * @import * as types from "./bellhop.d.ts"
 * @typedef {{peer: Peer, way: Way, counts: number}} Post counts: how many members it gets to
 */

import { BellhopError, fire } from "./common.js";
import { CONTROL, DOWN, UP, encode } from "./envelope.js";
import { Handover } from "./handover.js";

/** Events after which the host might reach others. */
const CHANGES = ["join", "open", "lost", "restored", "drain", "leave", "host"];

export class Forwarder {
  #lobby;
  #reach = ""; // as the last event said
  #others = /** @type {WeakMap<Peer, number[]>} */ (new WeakMap()); // the members that a host reaches, by its own account
  #told = /** @type {WeakMap<Peer, string>} */ (new WeakMap()); // what a guest knows of the others
  #handover = new Handover();
  #full = /** @type {Set<Peer>} */ (new Set()); // guests with too much waiting

  /** @param {Lobby} lobby */
  constructor(lobby) {
    this.#lobby = lobby;
    for (const type of CHANGES) {
      lobby.addEventListener(type, (/** @type {any} */ { peer }) => this.update(peer));
    }
  }

  /** Called after a change of a peer, linked or not. @param {Peer} peer */
  update(peer) {
    this.#full.delete(peer);
    this.#update();
  }

  /** Whether a former host forwards to this client no longer. @param {Peer} peer */
  hasForwarded(peer) {
    return !peer.channels.hasLobby || !this.#handover.hosts.includes(peer);
  }

  /** The peer ids of the members that `send` gets to now. */
  get reach() {
    const { members } = this.#lobby;
    const ids = new Set([...openIds(members), ...this.#reachOf(this.#route)]);
    return [...ids].sort((a, b) => a - b);
  }

  /** @param {types.Data} data @param {types.LobbySendOptions} options @returns {number} */
  send(data, { to, reliable }) {
    if (to !== undefined && to !== "linked" && !Number.isInteger(to)) {
      throw new BellhopError("invalid_field", `"to" is a peer id or "linked", not ${JSON.stringify(to)}.`, { field: "to" });
    }
    const message = encode(data);
    const posts = typeof to === "number" ? this.#postTo(to) : this.#postToAll(to === undefined);
    for (const { peer, way } of posts) peer.check(message, { ...way, reliable });
    return posts.reduce((sum, { peer, way, counts }) => sum + (peer.post(message, { ...way, reliable }) ? counts : 0), 0);
  }

  /** Handles a message of a peer for this client. @param {Peer} peer @param {any} data @param {boolean} reliable @param {number} [from] */
  deliver(peer, data, reliable, from = peer.peerId) {
    const player = from === undefined || from === peer.peerId ? peer.player : this.#lobby.players.get(from)?.player;
    fire(this.#lobby, "message", { peer, peerId: from, player, data, reliable });
  }

  /** Handles what is not from this peer for this client alone. @param {Peer} peer @param {Frame} frame */
  receive(peer, frame) {
    const { route, id, data, reliable } = frame;
    const { isHost, me } = this.#lobby;
    if (route === CONTROL) return this.#hear(peer, data);
    const believed = this.#isStar && (!isHost || this.#handover.hosts.includes(peer)); // it cannot be a guest of this client
    if (route === DOWN) return this.deliver(peer, data, reliable, believed ? id : undefined);
    if (id === 0 || id === me.peerId) this.deliver(peer, data, reliable);
    if (id !== me.peerId && this.#isStar && (isHost || this.#handover.guests.has(peer))) this.#forward(peer, frame);
  }

  get #isStar() {
    return this.#lobby.info.topology === "star";
  }

  /** Those to which this client forwards, as the host or a former one. */
  get #guests() {
    return this.#lobby.isHost ? this.#lobby.members : [...this.#handover.guests];
  }

  /**
   * The host, or a former one, that forwards what this client sends. It is the newest that reaches all that an older one
   * does. Null if this client itself sends to all.
   */
  get #route() {
    const { isHost, host } = this.#lobby;
    if (!this.#isStar) return null;
    const { hosts, sends } = this.#handover;
    const usable = [host, ...hosts.filter((peer) => this.#handover.isUsable(peer))];
    const able = usable.filter((peer) => peer?.channels.forwards && peer.state === "open");
    const routes = [...(isHost ? [null] : []), ...able, ...(sends ? [null] : [])];
    return routes.reduce((best, older) => (this.#reaches(best, this.#reachOf(older)) ? best : older), routes[0] ?? null);
  }

  /** @param {Peer | null} route @param {number[]} ids */
  #reaches(route, ids) {
    const reached = new Set(this.#reachOf(route));
    return ids.every((id) => reached.has(id));
  }

  /** The members that a route gets to. @param {Peer | null} route @returns {number[]} */
  #reachOf(route) {
    if (!route) return openIds(this.#isStar ? this.#guests : []);
    return [route.peerId ?? 0, ...(this.#others.get(route) ?? [])].filter((id) => id && id !== this.#lobby.me.peerId);
  }

  /** @param {boolean} forwarded @returns {Post[]} */
  #postToAll(forwarded) {
    const { members } = this.#lobby;
    const route = forwarded ? this.#route : null;
    const reached = route ? this.#reachOf(route) : [];
    const direct = new Set([...members, ...(forwarded && !route ? this.#handover.guests : [])]);
    const posts = [...direct].filter(({ peerId }) => !reached.includes(peerId ?? 0)).map((peer) => ({ peer, way: {}, counts: 1 }));
    return route ? [...posts, { peer: route, way: { route: UP }, counts: reached.length }] : posts;
  }

  /** @param {number} id @returns {Post[]} */
  #postTo(id) {
    const route = this.#route;
    const known = [this.#lobby.peer(id), route, ...this.#handover.guests].filter((peer) => peer?.peerId === id);
    const peer = known.find((peer) => peer?.state === "open");
    if (peer) return [{ peer, way: {}, counts: 1 }];
    return route && this.#reachOf(route).includes(id) ? [{ peer: route, way: { route: UP, id }, counts: 1 }] : [];
  }

  /** Forwards a guest's message. @param {Peer} peer @param {Frame} frame id is the receiver's, or 0 for all */
  #forward(peer, { id, data, reliable, message }) {
    const from = peer.peerId;
    if (from === undefined) return;
    if (this.#lobby.onforward?.({ from, to: id || undefined, data, reliable }) === false) return;
    for (const member of new Set([...this.#lobby.members, ...this.#handover.guests])) {
      if (member === peer || (id && member.peerId !== id) || !member.channels.forwards || member.state !== "open") continue;
      if (!postIfFits(member, message, { route: DOWN, id: from, reliable }) && reliable) this.#full.add(member);
    }
    this.#update();
  }

  /** Tells the guests, and the game, about a change of those that they reach. */
  #update() {
    if (this.#isStar) this.#forwardFor();
    const { reach } = this;
    if (reach.join() === this.#reach) return;
    this.#reach = reach.join();
    fire(this.#lobby, "reach", { peerIds: reach });
  }

  /** Does a host's part, and a former host's. */
  #forwardFor() {
    const { isHost, host } = this.#lobby;
    this.#handover.look(this.#lobby);
    if (this.#route === (isHost ? null : host)) this.#handover.changeOver();
    this.#handover.conclude();
    for (const peer of this.#guests) this.#tell(peer);
  }

  /** Tells a guest about the others. @param {Peer} peer */
  #tell(peer) {
    if (peer.state !== "open" || !peer.channels.forwards) return void this.#told.delete(peer);
    const others = this.#guests.filter((other) => other !== peer && other.channels.forwards && other.state === "open" && !this.#full.has(other));
    const reach = others.map(({ peerId }) => peerId);
    if (this.#told.get(peer) === reach.join()) return;
    if (peer.post(encode({ reach }), { route: CONTROL })) this.#told.set(peer, reach.join());
  }

  /** Handles what another client says. @param {Peer} peer @param {any} content */
  #hear(peer, content) {
    if (typeof content !== "object" || content === null) return;
    if (Array.isArray(content.reach)) this.#others.set(peer, content.reach.filter(Number.isInteger));
    this.#handover.hear(peer, content);
    this.#update();
  }
}

/** @param {Peer[]} peers @returns {number[]} */
function openIds(peers) {
  return peers.flatMap(({ state, peerId }) => (state === "open" && peerId) || []);
}

/** Sends, unless the message is larger than the peer accepts: its sender did not know. @param {Peer} peer @param {Message} message @param {Way} way */
function postIfFits(peer, message, way) {
  try {
    return peer.post(message, way);
  } catch {
    return true; // its next message might fit
  }
}
