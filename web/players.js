// @ts-check
/**
 * Players: everybody in a lobby, linked with this client or not. Import from bellhop.js.
 *
 * Events about one player can come in any order. Peer ids are never used twice, so an event about a player that has left
 * changes nothing. A description in player_updated is newer than one in player_joined or peer_joined that comes later.
 *
 * @import { Bellhop } from "./bellhop.js"
 * @import { Lobby } from "./lobby.js"
 * @import { Members, State } from "./members.js"
 * @import * as types from "./bellhop.d.ts"
 * @typedef {{player?: any, playerId?: string, away: boolean, backAt: number}} Known away counts while the player is not linked with this client;
 *   backAt is when they came back, although nothing had said that they were away
 */

import { BellhopError, GRACE_MS, LATE_NEWS_MS, MINUTE, fire } from "./common.js";

/** After this time an absent player is back or has left: the place expires after a minute. */
const LONGEST_ABSENCE_MS = 2 * MINUTE;

export class Players {
  #bellhop;
  #lobby;
  #state;
  #known = /** @type {Map<number, Known>} */ (new Map()); // by peer id, without oneself
  #reasons = /** @type {Map<number, string>} */ (new Map()); // why players left
  #heldUntil = /** @type {Map<number, Date | undefined>} */ (new Map()); // the places of those that are away
  #view = /** @type {Map<number, types.Player> | null} */ (null); // null: to be made
  #announced = /** @type {Map<number, types.Player>} */ (new Map()); // the last map that had events
  #greeted = new Set(); // the players that the game has events about, or found in the first map
  #scheduled = false;
  #ownId = /** @type {string | undefined} */ (undefined);
  #wanted; // this player's description
  #confirmed; // the last one that Bellhop has
  #updating = /** @type {Promise<void> | null} */ (null);

  /** @param {Bellhop} bellhop @param {Lobby} lobby @param {State} state of the lobby */
  constructor(bellhop, lobby, state) {
    this.#bellhop = bellhop;
    this.#lobby = lobby;
    this.#state = state;
    this.#wanted = this.#confirmed = lobby.me.player;
  }

  /** All players by their numbers, in this order. The map and its entries never change; after a change there are new ones. */
  get all() {
    return (this.#view ??= this.#look());
  }

  #look() {
    const { me, members, hostPeerId } = this.#lobby;
    const peers = new Map(members.map((peer) => [peer.peerId, peer]));
    const ids = /** @type {number[]} */ ([...new Set([me.peerId, ...peers.keys(), ...(this.#state.info.roster ? this.#known.keys() : [])])]);
    return new Map(ids.filter((id) => id !== undefined).sort((a, b) => a - b).map((peerId) => {
      const [peer, known, isMe] = [peers.get(peerId), this.#known.get(peerId), peerId === me.peerId];
      const player = (isMe ? me.player : known?.player) ?? {};
      const away = !isMe && (peer ? peer.away : !!known?.away);
      const resumeUntil = away ? this.#heldUntil.get(peerId) ?? new Date(Date.now() + GRACE_MS) : undefined;
      this.#heldUntil.set(peerId, resumeUntil);
      const is = { peerId, player, playerId: isMe ? this.#ownId : known?.playerId, isHost: peerId === hostPeerId, isMe, away, resumeUntil, peer };
      const before = this.#announced.get(peerId);
      return [peerId, before && same(before, is) ? before : is];
    }));
  }

  /** Called when anything of the map has changed. Its events come once for all changes of one turn. */
  changed() {
    this.#view = null;
    if (this.#scheduled) return;
    this.#scheduled = true;
    queueMicrotask(() => {
      this.#scheduled = false;
      if (!this.#state.ended.signal.aborted) this.#announce();
    });
  }

  #announce() {
    const [before, all] = [this.#announced, this.all];
    this.#announced = all;
    for (const [peerId, { player }] of before) {
      if (all.has(peerId) || !this.#greeted.delete(peerId)) continue;
      fire(this.#lobby, "playerleave", { peerId, player, reason: this.#reasons.get(peerId) ?? "unlinked" });
    }
    for (const [peerId, { player }] of all) if (this.#greet(peerId)) fire(this.#lobby, "playerjoin", { peerId, player });
    if (all.size !== before.size || [...all].some(([id, is]) => before.get(id) !== is)) fire(this.#lobby, "players");
  }

  /** Whether a player is new, and their description has come. @param {number} peerId */
  #greet(peerId) {
    if (this.#greeted.has(peerId) || this.#isMissing(peerId)) return false;
    this.#greeted.add(peerId);
    return true;
  }

  /** @param {number} peerId */
  #know(peerId) {
    let known = this.#known.get(peerId);
    if (!known) {
      this.#known.set(peerId, (known = { away: false, backAt: -Infinity }));
      this.#state.after(() => this.#known.has(peerId) && this.#isMissing(peerId) && this.#bellhop.renew(), LATE_NEWS_MS);
    }
    this.changed();
    return known;
  }

  /**
   * Takes what lobby_started, request_accepted and resumed hold.
   * @param {any[]} list of peers or of a roster, which has oneself @param {string} [reason] why others are gone
   */
  take(list, reason = "left") {
    const here = new Set(list.map(({ peer_id }) => peer_id));
    for (const id of this.#known.keys()) if (!here.has(id)) this.left(id, reason);
    for (const { peer_id, player, player_id, away = false } of list) {
      if (peer_id !== this.#lobby.me.peerId) {
        Object.assign(this.#know(peer_id), { player, playerId: player_id });
        this.setAway(peer_id, away);
        continue;
      }
      this.#ownId = player_id;
      if (this.#wanted === this.#confirmed) this.#lobby.me.player = this.#wanted = this.#confirmed = player;
    }
    this.changed();
  }

  /** Called with the first state, which causes no events. */
  begin() {
    this.#announced = this.all;
    for (const peerId of this.all.keys()) this.#greet(peerId);
  }

  /** A player came in, or is linked with this client now. Returns their newest description. @param {number} peerId @param {any} [player] @param {string} [playerId] */
  joined(peerId, player, playerId) {
    const known = this.#know(peerId);
    known.playerId ??= playerId;
    return (known.player ??= player);
  }

  /** @param {number} peerId */
  #isMissing(peerId) {
    return peerId !== this.#lobby.me.peerId && this.#known.get(peerId)?.player === undefined;
  }

  /** @param {number} peerId @param {any} player */
  updated(peerId, player) {
    this.#know(peerId).player = player;
    const peer = this.#lobby.peer(peerId);
    if (peer) peer.player = player;
  }

  /** @param {number} peerId @param {string} reason */
  left(peerId, reason) {
    if (this.#known.delete(peerId)) this.#reasons.set(peerId, reason);
    this.changed();
  }

  /** A player is linked with this client no longer. Without a roster, nothing will be heard of them. @param {number} peerId @param {boolean} away */
  unlinked(peerId, away) {
    if (this.#state.info.roster) this.setAway(peerId, away);
    else this.left(peerId, "unlinked");
  }

  /** A player that is not linked with this client dropped, or is there. @param {number} peerId @param {boolean} away */
  setAway(peerId, away) {
    const known = this.#know(peerId);
    known.away = away && performance.now() - known.backAt > LATE_NEWS_MS;
    if (!known.away) return;
    const lasts = () => known.away && this.#known.get(peerId) === known && !this.#lobby.peer(peerId);
    this.#state.after(() => lasts() && this.#bellhop.renew(), LONGEST_ABSENCE_MS);
  }

  /** They have resumed, and the event that they dropped might still come. @param {number} peerId */
  back(peerId) {
    const known = this.#know(peerId);
    if (!known.away) known.backAt = performance.now();
    known.away = false;
  }

  /** Compares the map with the number of players in an event. If an event was lost, they differ. @param {number} size */
  expect(size) {
    const is = this.all;
    if (is.size !== size) this.#state.after(() => this.all === is && this.#bellhop.renew(), LATE_NEWS_MS);
  }

  // This player's own description

  /**
   * Replaces this player's description: here immediately, and for the others one at a time. While one is on its way, only
   * the latest waits.
   * @param {any} player
   */
  update(player) {
    this.#wanted = JSON.parse(JSON.stringify(player ?? null)); // the caller might go on changing it
    this.#show();
    return (this.#updating ??= this.#send());
  }

  /** Sends an update again that might have been lost. Called after a resume. */
  repeat() {
    if (this.#wanted !== this.#confirmed) (this.#updating ??= this.#send()).catch(() => {});
  }

  async #send() {
    try {
      while (this.#wanted !== this.#confirmed) await this.#sendLatest();
    } finally {
      this.#updating = null;
    }
  }

  async #sendLatest() {
    const player = this.#wanted;
    try {
      if (this.#state.ended.signal.aborted) throw new BellhopError("not_in_lobby", "This lobby is over.");
      await this.#bellhop.request("update_player", { player });
      this.#confirmed = player;
    } catch (error) {
      const over = this.#state.ended.signal.aborted;
      if (!over && (error.code === "connection_lost" || this.#wanted !== player)) return; // the next request waits for the resume
      if (!over && !error.uncertain && error.code !== "unreachable") { // Bellhop has refused it
        this.#wanted = this.#confirmed;
        this.#show();
      }
      throw error;
    }
  }

  #show() {
    this.#lobby.me.player = this.#wanted;
    this.changed();
  }
}

/** @param {types.Player} a @param {types.Player} b */
function same(a, b) {
  return a.player === b.player && a.playerId === b.playerId && a.isHost === b.isHost && a.away === b.away && a.peer === b.peer;
}
