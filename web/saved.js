// @ts-check
/**
 * The place of this page in a lobby, kept over a reload. Import from bellhop.js.
 *
 * @import * as types from "./bellhop.d.ts"
 * @typedef {{token?: string, lobbyId?: string, player?: any}} Slot
 */

import { HOUR } from "./common.js";

/** A place is renewed at least every 2 hours, and kept for a minute after that. Without a renewal for this long it is gone. */
const MAX_AGE_MS = 3 * HOUR;

/** Keeps a slot in a storage, if there is one: browsers can refuse any access. */
export class SavedSlot {
  #storage = /** @type {types.SlotStorage | null} */ (null);
  #key;

  /** @param {types.SlotStorage | null | undefined} storage null to keep nothing @param {string} url with the game */
  constructor(storage, url) {
    this.#key = `bellhop ${url}`;
    try {
      this.#storage = storage === undefined ? globalThis.sessionStorage ?? null : storage;
    } catch {} // a page without storage
  }

  /** @param {string} [lobbyId] of the only lobby that counts @returns {Slot} */
  read(lobbyId) {
    try {
      const slot = JSON.parse(this.#storage?.getItem(this.#key) ?? "{}");
      const counts = !lobbyId || slot.lobbyId?.toLowerCase() === lobbyId.toLowerCase();
      return counts && Date.now() - slot.at < MAX_AGE_MS ? slot : {};
    } catch {
      return {};
    }
  }

  /** @param {Slot} slot */
  write(slot) {
    try {
      this.#storage?.setItem(this.#key, JSON.stringify({ ...slot, at: Date.now() }));
    } catch {} // it is full
  }

  /** Removes a slot, and not one that was written since. @param {string | null} token */
  remove(token) {
    try {
      if (token && this.read().token === token) this.#storage?.removeItem(this.#key);
    } catch {} // it may not be written
  }
}
