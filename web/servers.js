// @ts-check
/**
 * IceServers: the STUN and TURN servers of a lobby's peers. Import from bellhop.js.
 *
 * @import { Bellhop } from "./bellhop.js"
 */

import { MINUTE } from "./common.js";
import { freshFor, usable } from "./ice.js";

/** The player's own servers and Bellhop's, whose credentials are replaced before they expire. */
export class IceServers {
  #bellhop;
  #own;
  #fromBellhop = /** @type {RTCIceServer[]} */ ([]);
  #onChange;
  #timer = 0;
  #ended = false;

  /**
   * @param {Bellhop} bellhop @param {RTCIceServer[] | undefined} own
   * @param {(all: RTCIceServer[], error: Error | null) => void} changed
   */
  constructor(bellhop, own = [], changed) {
    this.#bellhop = bellhop;
    this.#own = own;
    this.#onChange = changed;
  }

  get all() {
    return [...this.#own, ...this.#fromBellhop];
  }

  /** Uses servers from Bellhop, and requests new ones before they expire. @param {RTCIceServer[]} given @param {string} [expiresAt] */
  take(given, expiresAt) {
    const { servers, error } = usable(given);
    this.#fromBellhop = servers;
    this.#onChange(this.all, error);
    clearTimeout(this.#timer);
    const ms = freshFor(servers, expiresAt);
    if (ms < Infinity) this.#timer = setTimeout(() => this.#refresh(), ms);
  }

  /** Requests servers again if there was no TURN server: a provider of its credentials might have been slow. */
  retry() {
    if (!this.all.some(({ urls }) => [urls].flat().some((url) => url.startsWith("turn")))) this.#refresh();
  }

  end() {
    this.#ended = true;
    clearTimeout(this.#timer);
  }

  /** If Bellhop cannot be reached, the servers in `resumed` will do. */
  async #refresh() {
    this.#timer = setTimeout(() => this.#refresh(), MINUTE);
    const answer = await this.#bellhop.request("get_ice_servers").catch(() => null);
    if (answer && !this.#ended) this.take(answer.content.ice_servers, answer.content.expires_at);
  }
}
