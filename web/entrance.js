// @ts-check
/**
 * Entrance: the ways into a lobby, and what can be seen from outside. Import from bellhop.js.
 *
 * @import { Lobby } from "./lobby.js"
 * @import * as types from "./bellhop.d.ts"
 */

import { camel, startContent } from "./common.js";

/** How many pages of the server make one of `list`. Each costs the client 20 messages of its rate. */
const MAX_PAGES = 10;

/** The name of the method that enters a lobby. */
export const ENTER = Symbol("enter");

/** The part of a Bellhop for actions that take one request. */
export class Entrance extends EventTarget {
  /**
   * Sends an action, and resolves with the lobby that it leads into.
   * @param {string} _action @param {object} _content @param {types.PeerOptions & {signal?: AbortSignal}} _options
   * @returns {Promise<Lobby>}
   */
  async [ENTER](_action, _content, _options) {
    throw Error("A Bellhop implements this.");
  }

  /** @param {string} _action @param {object} [_content] @returns {Promise<{event: string, content: any}>} */
  async request(_action, _content) {
    throw Error("A Bellhop implements this.");
  }

  /** Opens a lobby with this client as its host. @param {types.HostOptions} [options] @returns {Promise<Lobby>} */
  host(options = {}) {
    return this[ENTER]("start_lobby", startContent(options), options);
  }

  /**
   * Asks to join a lobby, and resolves when the host has admitted this client. The AbortSignal options.signal gives up.
   * @param {string} lobbyId @param {types.JoinOptions} [options] @returns {Promise<Lobby>}
   */
  join(lobbyId, options = {}) {
    return this[ENTER]("join_lobby", { lobby_id: lobbyId, password: options.password, player: options.player }, options);
  }

  /**
   * Joins a lobby, or opens it if there is none. Of any number of clients at once, exactly one opens it.
   * @param {string} lobbyId @param {types.JoinOrHostOptions} [options] @returns {Promise<Lobby>}
   */
  joinOrHost(lobbyId, options = {}) {
    const { lobby_id, player, ...start } = startContent(options);
    return this[ENTER]("join_lobby", { lobby_id: lobbyId, password: options.password, player, or_start: start }, options);
  }

  /**
   * Joins the fullest lobby that matches the filter. If there is none, `orStart` opens one.
   * @param {types.QuickJoinOptions} [options] @returns {Promise<Lobby>}
   */
  quickJoin(options = {}) {
    const { filter, player, orStart } = options;
    return this[ENTER]("quick_join", { filter, player, or_start: orStart && startContent({ player, ...orStart }) }, options);
  }

  /**
   * Lists public lobbies. The server cuts a page short if a filter selects few lobbies, so this goes on for a while.
   * @param {types.ListOptions} [options] @returns {Promise<types.LobbyList>}
   */
  async list({ filter, limit = 20, cursor } = {}) {
    const lobbies = [];
    for (let page = 1; ; page++) {
      const { content } = await this.request("list_lobbies", { filter, limit: limit - lobbies.length, cursor });
      lobbies.push(...content.lobbies.map(camel));
      cursor = content.cursor;
      if (!cursor || lobbies.length >= limit || page === MAX_PAGES) return { lobbies, cursor };
    }
  }

  /** Looks at a lobby. Resolves with null if there is none. @param {string} lobbyId @returns {Promise<types.LobbyInfo | null>} */
  async look(lobbyId) {
    try {
      const { content } = await this.request("get_lobby", { lobby_id: lobbyId });
      return { hostAway: false, ...camel(content.lobby) };
    } catch (error) {
      if (error.code === "lobby_not_found") return null;
      throw error;
    }
  }
}
