// @ts-check
/**
 * Handover: what is left of the former hosts of a star, until the new one reaches everybody. Import from bellhop.js.
 *
 * To connect with a new host takes a while. Until it reaches all that the former host does, members go on sending by that
 * one. Each message goes by one host alone, so it arrives once. A member that has changed over says "sent" to the former
 * host, on the channel of its messages. When all have, that host says "forwarded" to them, behind the last of these, and
 * their connections with it can close.
 *
 * @import { Lobby } from "./lobby.js"
 * @import { Peer } from "./peer.js"
 */

import { CONTROL, encode } from "./envelope.js";

export class Handover {
  /** Former hosts that might still forward to this client, the latest first. */
  hosts = /** @type {Peer[]} */ ([]);
  /** Those for which this client still forwards, as a former host. */
  guests = /** @type {Set<Peer>} */ (new Set());
  /** Whether this client sends to its former guests itself. */
  sends = false;
  #before = /** @type {{id: number, isHost: boolean, host: Peer | null, members: Peer[]}} */ ({ id: 0, isHost: false, host: null, members: [] });
  #left = /** @type {WeakSet<Peer>} */ (new WeakSet()); // former hosts by which this client sends no more
  #sent = /** @type {WeakSet<Peer>} */ (new WeakSet()); // former guests that send no more

  /** Whether this client can still send by a former host. @param {Peer} peer */
  isUsable(peer) {
    return !this.#left.has(peer);
  }

  /** Notices a change of the host, and closed connections. @param {Lobby} lobby */
  look({ hostPeerId: id, isHost, host, members }) {
    const before = this.#before;
    this.#before = { id, isHost, host, members };
    if (id !== before.id) {
      if (before.host) this.hosts.unshift(before.host);
      this.guests = new Set(before.isHost ? before.members : isHost ? [] : this.guests);
      this.sends = this.guests.size > 0;
      if (host) this.#left.delete(host);
      for (const guest of members) if (isHost) this.#sent.delete(guest);
    }
    this.hosts = this.hosts.filter((peer) => peer !== host && peer.state !== "closed");
    for (const guest of this.guests) if (guest.state === "closed") this.guests.delete(guest);
  }

  /** Called while the new host is the one to send by, and after each change. */
  changeOver() {
    this.sends = false;
    for (const peer of this.hosts) if (this.isUsable(peer) && say(peer, { sent: true })) this.#left.add(peer);
  }

  /** Ends this client's part as a former host, if nobody needs it any more. */
  conclude() {
    const waits = [...this.guests].some((guest) => guest.channels.hasLobby && !this.#sent.has(guest));
    if (this.sends || waits) return;
    for (const guest of this.guests) if (!guest.channels.hasLobby || say(guest, { forwarded: true })) this.guests.delete(guest);
  }

  /** @param {Peer} peer @param {{sent?: boolean, forwarded?: boolean}} content */
  hear(peer, { sent, forwarded }) {
    if (sent) this.#sent.add(peer);
    if (forwarded) this.hosts = this.hosts.filter((host) => host !== peer);
  }
}

/** @param {Peer} peer @param {object} content */
function say(peer, content) {
  return peer.post(encode(content), { route: CONTROL });
}
