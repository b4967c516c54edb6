// @ts-check
// The people in a lobby, as all parts of the page see them.
import { clean } from "./text.js";
/** @import { Lobby } from "../bellhop.js" */
/** @import { People } from "../page.d.ts" */

export const COLOURS = ["grey", "green", "red", "blue", "purple", "brown", "pink", "teal"];

/** @param {Lobby} lobby @returns {People} */
export function knowPeople(lobby) {
  const { me } = lobby;
  const names = /** @type {string[]} */ ([]); // by number, also of those who have left
  const known = /** @type {Set<number>} */ (new Set()); // reached under this host
  let named = /** @type {any} */ (null);
  lobby.addEventListener("host", () => known.clear());

  /** Names everybody. Two players with one name are told apart. */
  function nameAll() {
    const times = /** @type {Map<string, number>} */ (new Map());
    for (const [id, { player }] of (named = lobby.players)) {
      const name = clean(player?.name, 20) || `Player ${id}`;
      const n = (times.get(name) ?? 0) + 1;
      times.set(name, n);
      names[id] = n > 1 ? `${name} ${n}` : name;
    }
  }

  return {
    ids: () => [...lobby.players.keys()],
    name(id) {
      if (named !== lobby.players) nameAll();
      return names[id] ?? `Player ${id}`;
    },
    colour(id) {
      const colour = lobby.players.get(id)?.player?.colour;
      return `c${COLOURS[colour] ? colour : id % 8}`;
    },
    isReady: (id) => lobby.players.get(id)?.player?.ready === true,
    trouble(id) {
      const { peer, away } = lobby.players.get(id) ?? {};
      if (id === me.peerId || lobby.reach.includes(id)) {
        known.add(id);
        return away ? "away" : "";
      }
      return peer?.state === "failed" ? "no way found" : away || known.has(id) ? "lost" : "connecting…";
    },
    change: (changes) => lobby.updatePlayer({ ...me.player, ...changes }),
  };
}
