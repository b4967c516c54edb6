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

/** Events after which the host might reach others. */
const CHANGES = ["join", "open", "lost", "restored", "drain", "leave", "host"];

export class Forwarder {
  #lobby;
  #reach = ""; // as the last event said
  #others = /** @type {WeakMap<Peer, number[]>} */ (new WeakMap()); // the members that a host reaches, by its own account
  #told = /** @type {WeakMap<Peer, string>} */ (new WeakMap()); // what a guest knows of the others
  #full = /** @type {Set<Peer>} */ (new Set()); // guests with too much waiting

  /** @param {Lobby} lobby */
  constructor(lobby) {
    this.#lobby = lobby;
    for (const type of CHANGES) {
      lobby.addEventListener(type, (/** @type {any} */ { peer }) => {
        this.#full.delete(peer);
        this.#update();
      });
    }
  }

  /** The peer ids of the members that `send` gets to now. */
  get reach() {
    const linked = this.#lobby.members.flatMap(({ state, peerId }) => (state === "open" && peerId) || []);
    const ids = new Set([...linked, ...this.#byHost]);
    ids.delete(this.#lobby.me.peerId);
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
    if (route === CONTROL) return this.#hearReach(peer, data);
    if (route === DOWN) return this.deliver(peer, data, reliable, this.#isStar && !this.#lobby.isHost ? id : undefined);
    if (id === 0 || id === this.#lobby.me.peerId) this.deliver(peer, data, reliable);
    if (id !== this.#lobby.me.peerId && this.#isStar && this.#lobby.isHost) this.#forward(peer, frame);
  }

  get #isStar() {
    return this.#lobby.info.topology === "star";
  }

  /** The host, if it forwards what this client sends. */
  get #via() {
    const { isHost, host } = this.#lobby;
    return this.#isStar && !isHost && host?.forwards && host.state === "open" ? host : null;
  }

  /** The members that this client reaches by the host. */
  get #byHost() {
    return (this.#via && this.#others.get(this.#via)) ?? [];
  }

  /** @param {boolean} forwarded @returns {Post[]} */
  #postToAll(forwarded) {
    const via = forwarded ? this.#via : null;
    const others = this.#byHost.length;
    return this.#lobby.members.map((peer) => (peer === via ? { peer, way: { route: UP }, counts: 1 + others } : { peer, way: {}, counts: 1 }));
  }

  /** @param {number} id @returns {Post[]} */
  #postTo(id) {
    const peer = this.#lobby.peer(id);
    if (peer) return [{ peer, way: {}, counts: 1 }];
    return this.#via && this.#byHost.includes(id) ? [{ peer: this.#via, way: { route: UP, id }, counts: 1 }] : [];
  }

  /** Forwards a guest's message. @param {Peer} peer @param {Frame} frame id is the receiver's, or 0 for all */
  #forward(peer, { id, data, reliable, message }) {
    const from = peer.peerId;
    if (from === undefined) return;
    if (this.#lobby.onforward?.({ from, to: id || undefined, data, reliable }) === false) return;
    for (const member of this.#lobby.members) {
      if (member === peer || (id && member.peerId !== id) || !member.forwards || member.state !== "open") continue;
      if (!postIfFits(member, message, { route: DOWN, id: from, reliable }) && reliable) this.#full.add(member);
    }
    this.#update();
  }

  /** Tells the guests, and the game, about a change of those that they reach. */
  #update() {
    if (this.#isStar && this.#lobby.isHost) for (const peer of this.#lobby.members) this.#tell(peer);
    const { reach } = this;
    if (reach.join() === this.#reach) return;
    this.#reach = reach.join();
    fire(this.#lobby, "reach", { peerIds: reach });
  }

  /** Tells a guest about the others. @param {Peer} peer */
  #tell(peer) {
    if (peer.state !== "open" || !peer.forwards) return void this.#told.delete(peer);
    const others = this.#lobby.members.filter((other) => other !== peer && other.forwards && other.state === "open" && !this.#full.has(other));
    const reach = others.map(({ peerId }) => peerId);
    if (this.#told.get(peer) === reach.join()) return;
    if (peer.post(encode({ reach }), { route: CONTROL })) this.#told.set(peer, reach.join());
  }

  /** @param {Peer} peer @param {any} content */
  #hearReach(peer, content) {
    if (!Array.isArray(content?.reach)) return;
    this.#others.set(peer, content.reach.filter(Number.isInteger));
    this.#update();
  }
}

/** Sends, unless the message is larger than the peer accepts: its sender did not know. @param {Peer} peer @param {Message} message @param {Way} way */
function postIfFits(peer, message, way) {
  try {
    return peer.post(message, way);
  } catch {
    return true; // its next message might fit
  }
}
