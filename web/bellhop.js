// @ts-check
/**
 * Bellhop's client for browsers: find the others, then talk to them directly.
 *
 *     const bellhop = new Bellhop("wss://play.example.com", { game: "tanks" });
 *     const lobby = await bellhop.host({ autoAccept: true }); // or bellhop.join("BCDFGH")
 *     lobby.addEventListener("open", ({ peer }) => peer.send("hello"));
 *     lobby.addEventListener("message", ({ peer, data }) => console.log(peer.peerId, data));
 *
 * Three levels, each of use without the one above it: a Bellhop speaks the wire protocol (docs/protocol.md), a Peer is
 * one WebRTC connection, and a Lobby is who is in a game, with a Peer for each of them. docs/clients.md is the guide,
 * and bellhop.d.ts has all types.
 *
 * @import * as types from "./bellhop.d.ts"
 */

import { BellhopError, MINUTE, PATIENCE, SECOND, asError, camel, checkGame, fire, snake, within } from "./common.js";
import { checkOptions } from "./ice.js";
import { Lobby } from "./lobby.js";

export { BellhopError } from "./common.js";
export { Lobby } from "./lobby.js";
export { Peer } from "./peer.js";

/** API Gateway closes a connection that is idle for 10 minutes; timers in background tabs are up to a minute late. */
const IDLE = 8 * MINUTE;
/** API Gateway closes every connection after 2 hours. */
const RENEW = 115 * MINUTE;

/**
 * The connection to Bellhop. It connects when it is first needed, resumes its place by itself when it drops and before
 * the two hours of API Gateway are over, and is an EventTarget of the protocol's events by their names: each has
 * `content`. Its own events are `connected`, `disconnected` and `closed`, and `wire` for each message as it is sent or heard.
 * @implements {types.Bellhop}
 */
export class Bellhop extends EventTarget {
  #url;
  #options;
  #closed = false;
  /** The connection in use, and the promise of one. */
  #socket = /** @type {WebSocket | null} */ (null);
  #ready = /** @type {Promise<void> | null} */ (null);
  #sockets = new Set(); // every one that is not closed, in use or not
  #pending = new Map(); // what waits for an answer, by request_id
  #requests = 0;
  /** What has the place in the lobby back on another connection; null in no lobby. */
  #token = /** @type {string | null} */ (null);
  #renewing = /** @type {Promise<void> | null} */ (null);
  #lobby = /** @type {Lobby | null} */ (null);
  #entering = 0; // actions under way that lead into a lobby
  #early = /** @type {[string, any][]} */ ([]); // events for the lobby that they lead to
  #idle = 0; // timers
  #renewal = 0;
  #pauses = new Set(); // what ends each

  /** @param {string | URL} url @param {types.Options} [options] */
  constructor(url, options = {}) {
    super();
    this.#url = new URL(url, globalThis.location?.href);
    this.#url.protocol = this.#url.protocol.replace("http", "ws");
    if (options.game !== undefined) this.#url.searchParams.set("game", options.game);
    this.#options = options;
    globalThis.addEventListener?.("online", this.#online);
  }

  /** Whether actions go out at once. */
  get connected() {
    return this.#socket?.readyState === WebSocket.OPEN;
  }

  /** The lobby that this connection is in, or null. */
  get lobby() {
    return this.#lobby;
  }

  /** What `resume` takes to have this place back, on a page that was loaded anew, say. Whoever has it has the place. */
  get resumeToken() {
    return this.#token;
  }

  /** Connects, unless that is done or under way. Actions do it by themselves. */
  connect() {
    if (this.#closed) return Promise.reject(new BellhopError("closed", "This Bellhop was closed; make a new one."));
    this.#ready ??= this.#dial().then((socket) => this.#use(socket)).catch((error) => {
      this.#ready = null;
      throw error;
    });
    return this.#ready;
  }

  /**
   * Sends an action and resolves with the event that answers it, {event, content}, or rejects with a BellhopError: for
   * an error, and for request_rejected. Where Bellhop asks to try again later, it does so up to three times.
   * @param {string} action @param {object} [content] @param {{signal?: AbortSignal}} [options]
   * @returns {Promise<{event: string, content: any}>}
   */
  async request(action, content, { signal } = {}) {
    for (let tries = 0; ; tries++) {
      await within(this.connect(), new BellhopError("unreachable", "Bellhop cannot be reached at the moment; try again later."));
      signal?.throwIfAborted();
      try {
        const answer = this.#ask(/** @type {WebSocket} */ (this.#socket), action, content, signal);
        if (action === "join_lobby" || action === "quick_join") return await answer; // whenever the host likes
        return await within(answer, new BellhopError("timeout", `Bellhop has not answered ${action}; try again.`));
      } catch (error) {
        if (!(error.retryAfter >= 0) || tries === 3) throw error;
        await this.#pause(error.retryAfter);
      }
    }
  }

  /**
   * Sends an action without asking for an answer, which saves a message where success is silent. Errors are events.
   * @param {string} action @param {object} [content] @returns {boolean} whether there was a connection to send it by
   */
  send(action, content) {
    if (!this.#socket || !this.connected) return false;
    this.#say(this.#socket, { action, content });
    return true;
  }

  /** Opens a lobby with this client as its host. @param {types.HostOptions} [options] @returns {Promise<Lobby>} */
  host(options = {}) {
    return this.#enter("start_lobby", startContent(options), options);
  }

  /**
   * Asks to be let into a lobby, and resolves when the host has let this client in. A host may never answer: abort with
   * options.signal, an AbortSignal.timeout(…), say.
   * @param {string} lobbyId @param {types.JoinOptions} [options] @returns {Promise<Lobby>}
   */
  join(lobbyId, options = {}) {
    return this.#enter("join_lobby", { lobby_id: lobbyId, password: options.password, player: options.player }, options);
  }

  /**
   * Joins the fullest lobby that fits the filter; with `orStart` it opens one where there is none.
   * @param {types.QuickJoinOptions} [options] @returns {Promise<Lobby>}
   */
  quickJoin(options = {}) {
    const { filter, player, orStart } = options;
    return this.#enter("quick_join", { filter, player, or_start: orStart && startContent({ player, ...orStart }) }, options);
  }

  /**
   * Takes a place back by its token. Peers find this client again at its new address, and connect anew.
   * @param {string} token @param {types.PeerOptions} [options] @returns {Promise<Lobby>}
   */
  async resume(token, options = {}) {
    const lobby = await this.#enter("resume", { resume_token: token }, options);
    this.#token = token;
    return lobby;
  }

  /** One page of the public lobbies of this game. @param {types.ListOptions} [options] @returns {Promise<types.LobbyList>} */
  async list({ filter, limit, cursor } = {}) {
    const { content } = await this.request("list_lobbies", { filter, limit, cursor });
    return { lobbies: content.lobbies.map(camel), cursor: content.cursor };
  }

  /** Leaves the lobby, closes all connections, and stops everything. */
  close() {
    if (this.#closed) return;
    if (this.#token) this.send("leave_lobby");
    this.#closed = true;
    this.#token = null;
    globalThis.removeEventListener?.("online", this.#online);
    this.#lobby = null;
    this.#stop();
    for (const socket of this.#sockets) socket.close(1000);
    for (const { reject } of this.#pending.values()) reject(new BellhopError("closed", "Bellhop was closed."));
    this.#pending.clear();
    for (const end of this.#pauses) end();
    fire(this, "closed");
  }

  // The connection

  /** Opens a WebSocket. @returns {Promise<WebSocket>} */
  async #dial() {
    const url = new URL(this.#url);
    checkGame(url.searchParams.get("game"));
    const { token } = this.#options;
    if (token) url.searchParams.set("token", typeof token === "function" ? await token() : token);
    if (this.#closed) throw new BellhopError("closed", "Bellhop was closed.");
    const socket = new WebSocket(url);
    this.#sockets.add(socket);
    socket.onmessage = ({ data }) => this.#hear(socket, data);
    const timer = setTimeout(() => socket.close(), PATIENCE);
    return new Promise((resolve, reject) => {
      socket.onopen = () => resolve(socket);
      socket.onclose = () => {
        this.#lost(socket);
        const question = `is Bellhop running there, and is "token" right?`;
        reject(new BellhopError("unreachable", `There is no way to ${this.#url.origin}: ${question}`));
      };
    }).finally(() => clearTimeout(timer));
  }

  /** Makes a connection the one in use. @param {WebSocket} socket */
  #use(socket) {
    const before = this.#socket;
    this.#socket = socket;
    this.#ready = Promise.resolve();
    if (before && before !== socket) before.close(1000);
    clearTimeout(this.#renewal);
    this.#renewal = setTimeout(() => this.#renew(), (this.#options.renewAfter ?? RENEW) * (0.95 + Math.random() / 20));
    this.#rest();
    fire(this, "connected");
  }

  /** Has a ping sent when nothing is heard for long. */
  #rest() {
    clearTimeout(this.#idle);
    this.#idle = setTimeout(() => this.#probe(), this.#options.keepAlive ?? IDLE);
  }

  /** Finds out whether the connection in use is dead, as it can be without a word. */
  #probe() {
    const socket = this.#socket;
    if (!socket) return;
    const dead = new BellhopError("timeout", "Bellhop has not answered a ping.");
    within(this.#ask(socket, "ping"), dead).catch((error) => {
      if (error !== dead) return;
      socket.close(); // which may take long
      this.#lost(socket);
    });
  }

  /** The network is back, or another one. */
  #online = () => {
    for (const end of this.#pauses) end();
    this.#probe();
    this.#lobby?.receive("network_changed", {});
  };

  #stop() {
    clearTimeout(this.#idle);
    clearTimeout(this.#renewal);
  }

  /** @param {number} ms @returns {Promise<void>} */
  #pause(ms) {
    return new Promise((resolve) => {
      const end = () => {
        clearTimeout(timer);
        this.#pauses.delete(end);
        resolve();
      };
      const timer = setTimeout(end, ms);
      this.#pauses.add(end);
    });
  }

  /** @param {WebSocket} socket */
  #lost(socket) {
    this.#sockets.delete(socket);
    const lost = new BellhopError("connection_lost", "The connection to Bellhop was lost before the answer came; try again.");
    for (const [id, waiting] of this.#pending) {
      if (waiting.socket !== socket) continue;
      this.#pending.delete(id);
      waiting.reject(lost);
    }
    if (socket !== this.#socket) return;
    this.#socket = null;
    this.#ready = this.#renewing;
    this.#stop();
    if (!this.#renewing) this.#dropped();
  }

  #dropped() {
    this.#ready = null;
    const lobby = this.#lobby;
    const resumes = this.#token && !this.#closed;
    if (resumes) {
      this.#ready = this.#reconnect();
      this.#ready.catch(() => {});
    }
    fire(this, "disconnected"); // whoever connects by that waits for the place, too
    if (resumes) lobby?.receive("disconnected", {});
  }

  /** Connects and resumes until that succeeds or the place is gone, at growing intervals: all come at once otherwise. */
  async #reconnect() {
    for (let attempt = 0; this.#token; attempt++) {
      await this.#pause(Math.min(30 * SECOND, 500 * 2 ** attempt) * Math.random());
      try {
        if (this.#token) return await this.#takeOver();
      } catch (error) {
        if (error.code === "resume_failed") this.#forget("resume_failed", { error });
      }
    }
    this.#ready = null;
    throw new BellhopError("not_in_lobby", "The place in the lobby is gone; host or join one.");
  }

  /** Has the place on a new connection. The old one, if there is one, goes on until then. */
  async #takeOver() {
    const socket = await this.#dial();
    try {
      const answer = this.#ask(socket, "resume", { resume_token: this.#token });
      await within(answer, new BellhopError("timeout", "Bellhop has not answered resume."));
    } catch (error) {
      socket.close();
      throw error;
    }
  }

  async #renew() {
    if (!this.#token) return; // in no lobby there is nothing to lose
    this.#renewing = this.#takeOver();
    await this.#renewing.catch(() => {}); // the old one goes on
    this.#renewing = null;
    if (!this.#socket) this.#dropped(); // or does not
  }

  // Messages

  /** @param {WebSocket} socket @param {string} action @param {object} [content] @param {AbortSignal} [signal] */
  #ask(socket, action, content, signal) {
    const id = String(++this.#requests);
    const answer = new Promise((resolve, reject) => {
      this.#pending.set(id, { socket, resolve, reject });
      signal?.addEventListener("abort", () => this.#pending.get(id) && this.#abandon(id, signal), { once: true });
    });
    this.#say(socket, { action, request_id: id, content });
    return answer;
  }

  /** @param {WebSocket} socket @param {types.WireMessage} message */
  #say(socket, message) {
    socket.send(JSON.stringify(message));
    fire(this, "wire", { sent: true, message });
  }

  /** Takes back a request to be let in. @param {string} id @param {AbortSignal} signal */
  #abandon(id, signal) {
    this.#pending.get(id).reject(signal.reason);
    this.#pending.delete(id);
    this.send("leave_lobby");
  }

  /** @param {WebSocket} socket @param {string} data */
  #hear(socket, data) {
    const heard = JSON.parse(data);
    fire(this, "wire", { sent: false, message: heard });
    const { event, content = {}, request_id: id, message } = heard;
    if (!event) return fire(this, "error", { content, error: new BellhopError("internal", message) }); // it is API Gateway's own
    if (this.#closed || (event === "replaced" && (this.#renewing || socket !== this.#socket))) return;
    if (socket === this.#socket) this.#rest();
    const waiting = this.#pending.get(id);
    if (id && !waiting) return; // nobody waits for this answer any more
    this.#pending.delete(id);
    if (event === "resumed") this.#use(socket);
    if (content.resume_token) this.#token = content.resume_token;
    const failed = event === "error" || event === "request_rejected";
    if (failed) waiting?.reject(asError(content));
    else waiting?.resolve({ event, content });
    fire(this, event, failed ? { content, error: asError(content) } : { content });
    if (["lobby_left", "lobby_closed", "removed", "replaced"].includes(event)) this.#forget(event, content);
    else if (this.#entering) this.#early.push([event, content]);
    else this.#lobby?.receive(event, content);
  }

  /** The place is gone. @param {string} event @param {any} content */
  #forget(event, content) {
    const lobby = this.#lobby;
    this.#lobby = this.#token = null;
    lobby?.receive(event, content);
  }

  /** @param {string} action @param {object} content @param {types.PeerOptions & {signal?: AbortSignal}} options */
  async #enter(action, content, options) {
    const all = { ...this.#options, ...options };
    checkOptions(all);
    this.#entering++;
    try {
      const answer = await this.request(action, content, options);
      return (this.#lobby = new Lobby(this, answer.content, all));
    } finally {
      this.#entering--;
      setTimeout(() => this.#drain()); // once who called has the lobby, and listens
    }
  }

  /** What came before the answer that made it understood: API Gateway promises no order. */
  #drain() {
    if (this.#entering) return;
    for (const [event, content] of this.#early.splice(0)) this.#lobby?.receive(event, content);
  }
}
/** What of a host's options is for Bellhop. @param {types.HostOptions} options */
function startContent({ signal, iceServers, rtc, offerer, batch, retryEvery, maxBuffered, ...content }) {
  return snake(content);
}
