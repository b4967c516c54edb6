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

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

/** A handshake or an answer that takes longer will not come: API Gateway gives up after 29 s, Bellhop after 10. */
const PATIENCE = 15 * SECOND;
/** API Gateway closes a connection that is idle for 10 minutes; timers in background tabs are up to a minute late. */
const IDLE = 8 * MINUTE;
/** API Gateway closes every connection after 2 hours. */
const RENEW = 115 * MINUTE;
/** How often a peer connection that does not stand is looked at, and after how many looks it has failed. */
const LOOK = 2 * SECOND;
const LOOKS = 15;
/** How often Bellhop is asked about somebody whose time to come back is over. */
const KNOCK = 30 * SECOND;
/** How long a description waits for one that was sent before it and has not come: API Gateway promises no order. */
const GAP = 3 * SECOND;
/** What one send_ice_candidate may hold, and how many candidates are kept until their description comes. */
const BATCH = 64;
const HELD = 256;

/**
 * What goes wrong: `code` is the protocol's (lobby_full, not_host, …), or one of this client's: `unreachable`,
 * `connection_lost`, `timeout`, `closed`, `connection_failed`. `message` is an English sentence.
 * @implements {types.BellhopError}
 */
export class BellhopError extends Error {
  /** @type {number | undefined} */ retryAfter;

  /** @param {types.Code} code @param {string} message @param {object} [details] */
  constructor(code, message, details) {
    super(message);
    this.name = "BellhopError";
    this.code = code;
    Object.assign(this, details);
  }
}

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
        const question = `is Bellhop running there, and are "game" and "token" right?`;
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
    this.#entering++;
    try {
      const answer = await this.request(action, content, options);
      return (this.#lobby = new Lobby(this, answer.content, { ...this.#options, ...options }));
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

/**
 * Who is in a game. Its events:
 * `request` (somebody asks to be let in: request.accept(), request.reject()), `cancel` (they no longer do), `join`,
 * `leave`, `away` and `back` (a peer's connection to Bellhop dropped, and was resumed; the game goes on meanwhile), `open`
 * (a peer can be talked to), `message`, `failed` (a peer cannot be connected with; error says why), `update`, `host` (it has
 * changed), `signalling` (this client's own connection: state is `lost`, `resumed` or `gone`), `error`, and `close`.
 * @implements {types.Lobby}
 */
export class Lobby extends EventTarget {
  #bellhop;
  #options;
  #members = /** @type {Set<Peer>} */ (new Set());
  #addresses = /** @type {Map<string, Peer>} */ (new Map()); // by connection id, former ones too
  #left = new Set(); // connection and peer ids of those who are gone, whose late messages are no news
  #strays = /** @type {["description" | "candidates", any][]} */ ([]); // from addresses to be heard of
  #requests = /** @type {Map<string, types.JoinRequest>} */ (new Map());
  #term = 1;
  #online = true;
  #gone = /** @type {BellhopError | null} */ (null); // why Bellhop no longer knows of this lobby
  #closed = false;
  #iceServers = /** @type {RTCIceServer[]} */ ([]);
  #again = false; // whether those who are made now are peers that another page has left
  #knocks = /** @type {Map<Peer, number>} */ (new Map()); // timers

  /** @param {Bellhop} bellhop @param {any} content of the event that led here @param {types.Options} options */
  constructor(bellhop, content, options) {
    super();
    this.#bellhop = bellhop;
    this.#options = options;
    /** @type {string} */
    this.id = content.lobby_id;
    this.me = { peerId: content.peer_id, connectionId: content.connection_id, player: options.player };
    this.hostPeerId = 1;
    this.#again = !content.resume_token;
    this.#enter(content);
    this.#again = false;
    bellhop.addEventListener("closed", () => this.#end("left"), { once: true });
  }

  /** Those linked with this client: in a star the host has all, and they the host alone. */
  get members() {
    return [...this.#members];
  }

  /** Those who wait to be let in. */
  get requests() {
    return [...this.#requests.values()];
  }

  /** The member with a number. @param {number} peerId */
  peer(peerId) {
    return this.members.find((peer) => peer.peerId === peerId);
  }

  get isHost() {
    return this.hostPeerId === this.me.peerId;
  }

  /** The peer that is the host, or null if this client is. */
  get host() {
    return this.peer(this.hostPeerId) ?? null;
  }

  /**
   * Sends to every member that is connected, and returns to how many.
   * @param {types.Data} data @param {types.SendOptions} [options]
   */
  send(data, options) {
    return this.members.filter((peer) => peer.send(data, options)).length;
  }

  /** Lets in somebody who waits. @param {types.JoinRequest} request @param {{peerId?: number}} [options] */
  async accept(request, { peerId } = {}) {
    const content = await this.#decide("accept_request", request, { peer_id: peerId });
    return this.#link(content.connection_id, content.peer_id, request.player);
  }

  /** Sends away somebody who waits. @param {types.JoinRequest} request @param {string} [reason] */
  async reject(request, reason) {
    await this.#decide("reject_join_request", request, { reason });
    this.#requests.delete(request.connectionId);
  }

  /** @param {string} action @param {types.JoinRequest} request @param {object} more */
  async #decide(action, { connectionId: connection_id }, more) {
    for (let again = false; ; again = true) {
      try {
        return (await this.#bellhop.request(action, { connection_id, ...more })).content;
      } catch (error) {
        const peer = this.#addresses.get(connection_id);
        if (error.code === "connection_lost" && !again) continue; // they wait on, unless it was done already
        if (error.code === "request_not_found" && again && peer) return { connection_id, peer_id: peer.peerId };
        if (error.code === "request_not_found") this.receive("request_cancelled", { connection_id });
        throw error;
      }
    }
  }

  /** Takes a member's place. @param {Peer} peer @param {{reason?: string, ban?: boolean}} [options] */
  async remove(peer, { reason, ban } = {}) {
    await this.#bellhop.request("remove_player", { connection_id: peer.connectionId, reason, ban });
  }

  /** Changes what it names and leaves the rest. @param {types.LobbyUpdate} changes */
  async update(changes) {
    const { content } = await this.#bellhop.request("update_lobby", snake(changes));
    return camel(content.lobby);
  }

  /** Gives up this client's place. */
  async leave() {
    this.#end("left");
    await this.#bellhop.request("leave_lobby").catch((error) => {
      if (error.code !== "not_in_lobby") throw error; // it has ended meanwhile
    });
  }

  /** Ends the lobby for all. */
  async close() {
    await this.#bellhop.request("close_lobby");
  }

  /** Takes in an event of Bellhop's. A Bellhop calls it. @param {string} event @param {any} content */
  receive(event, content) {
    if (!this.#closed && Object.hasOwn(Lobby.#heard, event)) Lobby.#heard[event](this, content);
  }

  /** What is done with each event. @type {Record<string, (lobby: Lobby, content: any) => void>} */
  static #heard = {
    request_to_join: (lobby, { connection_id, peer_id, player }) => {
      if (lobby.#requests.has(connection_id)) return; // it is said again after a resume
      const request = {
        connectionId: connection_id, peerId: peer_id, player,
        accept: (/** @type {{peerId?: number}} */ options) => lobby.accept(request, options),
        reject: (/** @type {string} */ reason) => lobby.reject(request, reason),
      };
      lobby.#left.delete(connection_id);
      lobby.#requests.set(connection_id, request);
      fire(lobby, "request", { request });
    },
    request_cancelled: (lobby, { connection_id }) => {
      const request = lobby.#requests.get(connection_id);
      if (lobby.#requests.delete(connection_id)) fire(lobby, "cancel", { request });
    },
    peer_joined: (lobby, { connection_id, peer_id, player }) => {
      if (!lobby.#left.has(peer_id)) lobby.#link(connection_id, peer_id, player);
    },
    peer_left: (lobby, { connection_id, peer_id, reason }) => {
      const peer = lobby.peer(peer_id) ?? lobby.#addresses.get(connection_id);
      lobby.#left.add(peer_id);
      if (peer && (peer.peerId ?? peer_id) === peer_id) lobby.#unlink(peer, reason); // and not one who came back since
    },
    peer_disconnected: (lobby, { connection_id, peer_id, resume_until }) => {
      if (lobby.#left.has(peer_id)) return;
      const peer = lobby.#link(connection_id, peer_id);
      const resumeUntil = new Date(resume_until);
      peer.away = true;
      lobby.#knock(peer, resumeUntil.getTime() - Date.now() + SECOND);
      fire(lobby, "away", { peer, resumeUntil });
    },
    peer_resumed: (lobby, { connection_id, new_connection_id, peer_id }) => {
      const known = lobby.#addresses.get(connection_id);
      if (known) lobby.#addresses.set(new_connection_id, known);
      const peer = lobby.#link(new_connection_id, peer_id);
      peer.away = false;
      fire(lobby, "back", { peer });
      peer.restart();
    },
    host_changed: (lobby, { host_connection_id, peer_id, term }) => {
      if (term <= lobby.#term) return;
      lobby.#term = term;
      lobby.hostPeerId = peer_id;
      if (!lobby.isHost) lobby.#link(host_connection_id, peer_id);
      fire(lobby, "host", { peer: lobby.host });
    },
    lobby_updated: (lobby, content) => {
      lobby.info = camel(content.lobby);
      fire(lobby, "update");
    },
    received_session_description: (lobby, content) => lobby.#hear("description", content),
    received_ice_candidate: (lobby, content) => lobby.#hear("candidates", content),
    resumed: (lobby, content) => {
      const here = new Set(content.peers.map((/** @type {any} */ peer) => peer.peer_id));
      for (const peer of lobby.members) if (!here.has(peer.peerId)) lobby.#unlink(peer, "left");
      lobby.#online = true;
      lobby.#enter(content);
      fire(lobby, "signalling", { state: "resumed" });
      for (const peer of lobby.members) peer.restart();
    },
    disconnected: (lobby) => {
      lobby.#online = false;
      fire(lobby, "signalling", { state: "lost" });
    },
    network_changed: (lobby) => {
      for (const peer of lobby.members) peer.restart(true);
    },
    resume_failed: (lobby, { error }) => {
      lobby.#gone = error;
      fire(lobby, "signalling", { state: "gone", error });
      for (const peer of lobby.members) if (peer.state !== "open") lobby.#unlink(peer, "timed_out");
      lobby.#endIfAlone();
    },
    lobby_left: (lobby) => lobby.#end("left"),
    lobby_closed: (lobby, { reason }) => lobby.#end(reason),
    removed: (lobby, { reason }) => lobby.#end("removed", { message: reason }),
    replaced: (lobby) => lobby.#end("replaced"),
  };

  /** What lobby_started, request_accepted and resumed have in common. @param {any} content */
  #enter(content) {
    this.info = camel(content.lobby);
    this.me.connectionId = content.connection_id;
    this.#iceServers = content.ice_servers ?? this.#iceServers;
    const peers = content.peers ?? [];
    const host = peers.find((/** @type {any} */ peer) => peer.connection_id === content.host_connection_id);
    this.hostPeerId = host ? host.peer_id : this.me.peerId;
    for (const { connection_id, peer_id, player, away = false } of peers) {
      const peer = this.#link(connection_id, peer_id, player);
      const back = peer.away && !away;
      peer.away = away;
      if (back) fire(this, "back", { peer });
      if (away) this.#knock(peer, MINUTE);
    }
  }

  /** A peer has sent something. @param {"description" | "candidates"} what @param {any} content */
  #hear(what, content) {
    const { connection_id: id, peer_id, player } = content;
    if (!this.#addresses.has(id)) {
      if (this.#left.has(id) || this.#left.has(peer_id)) return;
      if (this.peer(peer_id)) { // only Bellhop can say that it is them
        if (this.#strays.push([what, content]) > HELD) this.#strays.shift();
        return;
      }
    }
    this.#link(id, peer_id, player).receive(what, content);
  }

  /**
   * Returns the peer at an address. It is made if it is not known: Bellhop lets only those speak who are linked, and a
   * message may outrun the news of its sender.
   * @param {string} connectionId @param {number} [peerId] @param {any} [player]
   */
  #link(connectionId, peerId, player) {
    const known = (peerId !== undefined && this.peer(peerId)) || this.#addresses.get(connectionId);
    const peer = known || this.#make(peerId);
    this.#left.delete(connectionId);
    this.#requests.delete(connectionId);
    this.#addresses.set(connectionId, peer);
    Object.assign(peer, { connectionId, peerId: peerId ?? peer.peerId, player: player ?? peer.player });
    if (!known) fire(this, "join", { peer });
    const strays = this.#strays;
    this.#strays = strays.filter(([, content]) => content.connection_id !== connectionId);
    for (const [what, content] of strays) if (content.connection_id === connectionId) peer.receive(what, content);
    return peer;
  }

  /** @param {number} [peerId] */
  #make(peerId = Infinity) {
    const higher = this.me.peerId > peerId;
    const byHost = this.#options.offerer === "host" && this.#term === 1 && this.info.topology === "star";
    const peer = new Peer({
      ...this.#options,
      iceServers: [...(this.#options.iceServers ?? []), ...this.#iceServers],
      polite: higher,
      offers: this.#again || (byHost ? this.isHost : higher),
      reachable: () => this.#online && !peer.away,
      relay: (action, content) => { // a host that took over learns by it whom it is linked with
        const { peerId: peer_id, player } = this.me;
        this.#bellhop.send(action, { connection_id: peer.connectionId, peer_id, player, ...content });
      },
    });
    for (const name of ["open", "message", "failed", "error"]) {
      const pass = (/** @type {any} */ { data, reliable, error }) => fire(this, name, { peer, data, reliable, error });
      peer.addEventListener(name, pass);
    }
    peer.addEventListener("close", () => {
      if (this.#gone) this.#unlink(peer, "disconnected"); // else Bellhop says what has become of them
      this.#endIfAlone();
    });
    this.#members.add(peer);
    return peer;
  }

  /**
   * Has Bellhop look whether the place of one who is away is still held. On AWS nothing else does when its time is over.
   * @param {Peer} peer @param {number} ms from now, by clocks that may differ
   */
  #knock(peer, ms) {
    clearTimeout(this.#knocks.get(peer));
    this.#knocks.set(peer, setTimeout(() => {
      if (!peer.away || !this.#members.has(peer)) return;
      this.#bellhop.send("send_ice_candidate", { connection_id: peer.connectionId, candidate: "" });
      this.#knock(peer, KNOCK);
    }, Math.min(Math.max(ms, SECOND), HOUR)));
  }

  /** @param {Peer} peer @param {string} reason */
  #unlink(peer, reason) {
    if (!this.#members.delete(peer)) return;
    for (const [id, at] of this.#addresses) if (at === peer && this.#addresses.delete(id)) this.#left.add(id);
    clearTimeout(this.#knocks.get(peer));
    peer.close();
    fire(this, "leave", { peer, reason });
  }

  /** Once Bellhop no longer knows of it, a lobby lasts as long as somebody can be talked to. */
  #endIfAlone() {
    if (this.#gone && this.#members.size === 0) this.#end("resume_failed", { error: this.#gone });
  }

  /** @param {string} reason @param {object} [details] */
  #end(reason, details) {
    if (this.#closed) return;
    this.#closed = true;
    for (const timer of this.#knocks.values()) clearTimeout(timer);
    for (const peer of this.#members) peer.close();
    this.#members.clear();
    this.#requests.clear();
    fire(this, "close", { reason, ...details });
  }
}

/**
 * A WebRTC connection to one other player, with a reliable data channel and an unreliable one. It negotiates perfectly, as
 * the pattern of that name does: either side may offer at any time. Of use without a lobby too: hand what `relay` is
 * given to the other side, and give what comes from there to `receive`. Its events are `open`, `message`, `failed`, `error`
 * and `close`.
 * @implements {types.Peer}
 */
export class Peer extends EventTarget {
  connectionId = "";
  /** @type {number | undefined} */ peerId;
  /** @type {any} */ player;
  away = false;
  #options;
  #pc = /** @type {RTCPeerConnection} */ (/** @type {unknown} */ (null));
  #reliable = /** @type {RTCDataChannel | null} */ (null);
  #unreliable = /** @type {RTCDataChannel | null} */ (null);
  #asked = false; // whether this side has made channels
  #opened = false;
  #failed = false;
  #closed = false;
  #steps = Promise.resolve(); // of the negotiation, one after the other
  #sent = 0; // descriptions, of this RTCPeerConnection
  #next = 1; // the number of the description that is to come; 0: whichever does
  #session = ""; // of the other side's RTCPeerConnection
  #early = /** @type {Map<number, any>} */ (new Map()); // descriptions that have outrun others
  #held = /** @type {any[]} */ ([]); // candidates that have outrun their description
  #found = /** @type {RTCIceCandidateInit[]} */ ([]); // candidates to be sent
  #describing = false;
  #refusals = /** @type {RTCPeerConnectionIceErrorEvent[]} */ ([]); // of STUN and TURN servers
  #batch = 0; // timers
  #gap = 0;
  #watch = 0;
  #looks = 0; // at this connection since it last stood

  /** @param {types.PeerWiring} options */
  constructor(options) {
    super();
    this.#options = { batch: 100, reachable: () => true, ...options };
    this.#make();
    if (options.offers) this.#open();
    this.#look();
  }

  /** The RTCPeerConnection, to add sound or video to, say. It is another one after the other side's page was loaded anew. */
  get connection() {
    return this.#pc;
  }

  /** @returns {types.PeerState} */
  get state() {
    if (this.#closed) return "closed";
    if (this.#reliable?.readyState === "open") return "open";
    return this.#failed ? "failed" : "connecting";
  }

  /**
   * Sends text or bytes, and returns whether it could: false before `open` and after `close`. What is sent with reliable:
   * false may be lost or overtaken and is never late, which suits positions and inputs.
   * @param {types.Data} data @param {types.SendOptions} [options]
   */
  send(data, { reliable = true } = {}) {
    const channel = !reliable && this.#unreliable?.readyState === "open" ? this.#unreliable : this.#reliable;
    if (channel?.readyState !== "open") return false;
    channel.send(/** @type {any} */ (data));
    return true;
  }

  /** Takes in what the other side's relay was given. @param {"description" | "candidates"} what @param {any} content */
  receive(what, content) {
    if (what === "description") this.#arrive(content);
    else this.#step(() => this.#add(content.candidates ?? [content]));
  }

  /** Tries again unless it stands; with `anyway` it looks for a new way even then, since the network has changed. */
  restart(anyway = false) {
    if (this.#closed) return;
    this.#failed = false;
    if (anyway && this.#pc.remoteDescription) this.#pc.restartIce();
    else if (!this.#stands) {
      this.#skip();
      if (this.#options.offers) this.#again(true);
    }
    this.#looks = 0;
    this.#look();
  }

  close() {
    if (this.#closed) return;
    this.#closed = true;
    for (const timer of [this.#batch, this.#gap, this.#watch]) clearTimeout(timer);
    this.#pc.close();
    fire(this, "close");
  }

  get #stands() {
    return this.state === "open" && this.#pc.connectionState === "connected" && this.#pc.signalingState === "stable";
  }

  // Its parts

  #make() {
    const { iceServers, rtc } = this.#options;
    const pc = new RTCPeerConnection({ iceServers, ...rtc });
    this.#pc = pc;
    this.#reliable = this.#unreliable = null;
    this.#asked = this.#opened = false;
    this.#refusals = [];
    this.#sent = 0;
    pc.onnegotiationneeded = () => this.#step(() => pc === this.#pc && this.#offer());
    pc.onicecandidate = ({ candidate }) => pc === this.#pc && this.#candidate(candidate);
    pc.onicecandidateerror = (error) => this.#refusals.push(error);
    pc.onconnectionstatechange = pc.onsignalingstatechange = () => pc === this.#pc && this.#look();
    pc.ondatachannel = ({ channel }) => this.#adopt(channel);
  }

  /** Makes the channels, and by that an offer. */
  #open() {
    if (this.#asked) return;
    this.#asked = true;
    this.#adopt(this.#pc.createDataChannel("reliable"));
    this.#adopt(this.#pc.createDataChannel("unreliable", { ordered: false, maxRetransmits: 0 }));
  }

  /** Both may have made channels: each sends by the first that is open, and listens to all. @param {RTCDataChannel} channel */
  #adopt(channel) {
    const pc = this.#pc;
    const reliable = channel.ordered && channel.maxRetransmits === null && channel.maxPacketLifeTime === null;
    channel.binaryType = "arraybuffer";
    channel.onmessage = ({ data }) => fire(this, "message", { data, reliable });
    channel.onopen = () => {
      if (pc !== this.#pc) return;
      if (reliable) this.#reliable ??= channel;
      else this.#unreliable ??= channel;
      if (!reliable || this.#opened) return;
      this.#opened = true;
      this.#failed = false;
      fire(this, "open");
    };
    channel.onclose = () => {
      if (channel !== this.#reliable || this.#closed) return;
      fire(this, "close");
      this.#look();
    };
  }

  /** Both sides start anew: the other side's connection is another one, or has closed. */
  #renew() {
    this.#pc.close();
    this.#make();
    this.#held = [];
  }

  // Negotiation

  /** @param {() => any} work */
  #step(work) {
    this.#steps = this.#steps.then(() => !this.#closed && work()).catch((error) => {
      if (!this.#closed) fire(this, "error", { error });
    });
  }

  async #offer() {
    if (this.#pc.signalingState === "stable") await this.#describe(() => this.#pc.setLocalDescription());
  }

  /**
   * Sends the local description once the first candidates are in it: each message less is one not paid for.
   * @param {() => any} [make]
   */
  async #describe(make) {
    const pc = this.#pc;
    this.#describing = true;
    try {
      await make?.();
      const { iceServers } = pc.getConfiguration(); // without any, all candidates are there in no time
      await gathered(pc, iceServers?.length ? this.#options.batch : this.#options.batch / 4);
    } finally {
      this.#describing = false;
    }
    if (pc !== this.#pc || !pc.localDescription) return;
    this.#found = [];
    const { type, sdp } = pc.localDescription;
    this.#options.relay("set_session_description", { session_type: type, sdp, seq: ++this.#sent });
  }

  /** Takes descriptions in the order of their numbers; those without one as they come. @param {any} content */
  #arrive(content) {
    const { seq, sdp } = content;
    const session = sessionOf(sdp) || this.#session;
    if (!Number.isInteger(seq)) return this.#step(() => this.#take(content));
    if (this.#session && session !== this.#session) this.#next = 1;
    this.#session = session;
    this.#next ||= seq;
    if (seq < this.#next) return;
    this.#early.set(seq, content);
    this.#settle();
  }

  #settle() {
    for (let content; (content = this.#early.get(this.#next)); this.#next++) {
      this.#early.delete(this.#next);
      this.#step(() => this.#take(content));
    }
    if (this.#early.size) return void (this.#gap ||= setTimeout(() => this.#skip(), GAP));
    clearTimeout(this.#gap);
    this.#gap = 0;
  }

  /** What is missing was lost. */
  #skip() {
    clearTimeout(this.#gap);
    this.#gap = 0;
    this.#next = this.#early.size ? Math.min(...this.#early.keys()) : 0;
    this.#settle();
  }

  /** @param {any} content */
  async #take({ session_type: type, sdp }) {
    const before = sessionOf(this.#pc.remoteDescription?.sdp);
    if (type === "rollback") return; // of an offer that has been answered
    if (before && before !== sessionOf(sdp)) {
      this.#renew();
      if (type !== "offer") return this.#open();
    }
    const pc = this.#pc;
    // Both have offered, and the other gives way; or it answers an offer that is no more.
    if (type === "offer" ? pc.signalingState !== "stable" && !this.#options.polite : pc.signalingState === "stable") return;
    await pc.setRemoteDescription({ type, sdp });
    await this.#add(this.#held.splice(0));
    if (type === "offer") await this.#describe(() => pc.setLocalDescription());
  }

  /** @param {any[]} candidates of a browser's shape or of Godot's */
  async #add(candidates) {
    for (const given of candidates) {
      const { candidate = given.name, sdpMid = given.media, sdpMLineIndex = given.index, usernameFragment } = given;
      const remote = this.#pc.remoteDescription?.sdp;
      if (!remote || (usernameFragment && !remote.includes(`a=ice-ufrag:${usernameFragment}`))) {
        if (this.#held.push(given) > HELD) this.#held.shift();
      } else {
        const shape = { candidate, sdpMid, sdpMLineIndex, usernameFragment };
        await this.#pc.addIceCandidate(shape).catch((error) => fire(this, "error", { error }));
      }
    }
  }

  /** @param {RTCIceCandidate | null} candidate found here; null or an empty one is the last */
  #candidate(candidate) {
    const last = !candidate?.candidate;
    if (!last) this.#found.push(candidate.toJSON());
    if (this.#describing || this.#found.length === 0) return; // in the description, or not worth a message of its own
    if (last) this.#found.push({ candidate: "" });
    if (last || !this.#options.batch || this.#found.length >= BATCH) this.#flush();
    else this.#batch ||= setTimeout(() => this.#flush(), this.#options.batch);
  }

  #flush() {
    clearTimeout(this.#batch);
    this.#batch = 0;
    while (this.#found.length) this.#options.relay("send_ice_candidate", { candidates: this.#found.splice(0, BATCH) });
  }

  // When it does not stand

  /** Looks after a connection until it stands, and does again what may have got lost, the two sides in turns. */
  #look() {
    clearTimeout(this.#watch);
    if (this.#stands) this.#looks = 0;
    if (this.#closed || this.#stands || this.#failed) return;
    this.#watch = setTimeout(() => {
      if (this.#options.reachable()) { // else nothing gets through for now
        const looks = this.#looks++;
        if (looks === LOOKS || (looks >= 4 && this.#hopeless)) return this.#fail();
        if (looks > 0 && this.#stuck) {
          this.#renew();
          this.#open();
        } else if (looks % 2 === (this.#options.offers ? 0 : 1)) this.#again(looks >= 6 && looks % 6 < 2);
      }
      this.#look();
    }, LOOK);
  }

  /** Whether this browser has found no way out, and will not. */
  get #hopeless() {
    return this.#pc.iceGatheringState === "complete" && !/^a=candidate/m.test(this.#pc.localDescription?.sdp ?? "");
  }

  /**
   * Whether this browser goes on looking for a way out and finds none at all: Chromium may, where it took an offer back as
   * soon as it was made, and then for ever. Relays alone may take their time.
   */
  get #stuck() {
    const { iceGatheringState, localDescription } = this.#pc;
    return iceGatheringState === "gathering" && !/^a=candidate/m.test(localDescription?.sdp ?? "") &&
      this.#pc.getConfiguration().iceTransportPolicy !== "relay";
  }

  /** @param {boolean} anew whether to look for a way anew also where that seems to be under way */
  #again(anew) {
    const { connectionState } = this.#pc;
    if (this.#reliable?.readyState === "closed") {
      this.#renew();
      this.#open();
    } else if (this.#pc.signalingState === "have-local-offer") this.#step(() => this.#describe());
    else if (!this.#pc.remoteDescription) this.#open();
    else if (connectionState === "failed" || connectionState === "disconnected" || anew) this.#pc.restartIce();
  }

  #fail() {
    if (this.state === "open") return; // what cannot be agreed on is a change
    this.#failed = true;
    fire(this, "failed", { error: new BellhopError("connection_failed", this.#why()) });
  }

  /** Says what most probably keeps the two apart, and what helps. */
  #why() {
    const { iceServers = [], iceTransportPolicy } = this.#pc.getConfiguration();
    const turn = iceServers.flatMap(({ urls }) => urls).filter((url) => url.startsWith("turn")).join(", ");
    const [here, there] = [this.#pc.localDescription?.sdp ?? "", this.#pc.remoteDescription?.sdp ?? ""];
    const refused = this.#refusals.find(({ url, errorCode }) => url?.startsWith("turn") && errorCode < 700);
    if (this.away) return "The other player's connection to Bellhop is gone, and they have not come back.";
    if (!there) return "The other player has not answered: their page may be closed, or their game makes no connections.";
    if (refused && !/ typ relay/.test(here)) {
      return `The TURN server ${refused.url} refused its credentials (${refused.errorCode} ${refused.errorText}); ask for new ones.`;
    }
    if (!/^a=candidate/m.test(here)) {
      const why = `: only relays are allowed, and ${turn ? `${turn} gave none` : "no TURN server is configured"}`;
      return `This browser has no address to be reached at (no candidates)${iceTransportPolicy === "relay" ? why : ""}.`;
    }
    if (!/^a=candidate/m.test(there)) return "The other player's browser has no address to be reached at (no candidates).";
    return turn
      ? `There is no direct way between the two networks, nor one through ${turn}; it may not be reachable for both.`
      : "There is no direct way between the two networks; a TURN server would be one, and none is configured.";
  }
}

/** @param {EventTarget} target @param {string} type @param {object} [fields] */
function fire(target, type, fields) {
  target.dispatchEvent(Object.assign(new Event(type), fields));
}

/** @template T @param {Promise<T>} promise @param {Error} error rejects with it after PATIENCE @returns {Promise<T>} */
function within(promise, error) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(error), PATIENCE);
    promise.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

/** Waits until all candidates are in the local description, or for ms. @param {RTCPeerConnection} pc @param {number} ms */
function gathered(pc, ms) {
  return new Promise((/** @type {(nothing: void) => void} */ resolve) => {
    const look = () => {
      const complete = pc.iceGatheringState === "complete" && /^a=candidate/m.test(pc.localDescription?.sdp ?? "");
      if (complete) done();
    };
    const done = () => {
      clearTimeout(timer);
      pc.removeEventListener("icegatheringstatechange", look);
      resolve();
    };
    const timer = setTimeout(done, ms);
    pc.addEventListener("icegatheringstatechange", look);
    look();
  });
}

/** Which RTCPeerConnection a description is of. @param {string} [sdp] @returns {string} */
function sessionOf(sdp = "") {
  return /^o=\S+ (\S+)/m.exec(sdp)?.[1] ?? "";
}

/** @param {any} content of error or request_rejected */
function asError({ code, message, reason, field, retry_after_ms, resume_until, reference }) {
  const resumeUntil = resume_until && new Date(resume_until);
  return new BellhopError(code, message ?? reason, { field, retryAfter: retry_after_ms, resumeUntil, reference });
}

/** The wire's names for an object's own. What is inside is left alone. @param {object} object @returns {any} */
function snake(object) {
  return renamed(object, (name) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`));
}

/** The other way round. @param {object} object @returns {any} */
function camel(object) {
  return renamed(object, (name) => name.replace(/_([a-z])/g, (_, letter) => letter.toUpperCase()));
}

/** @param {object} object @param {(name: string) => string} rename */
function renamed(object, rename) {
  return Object.fromEntries(Object.entries(object).map(([name, value]) => [rename(name), value]));
}

/** What of a host's options is for Bellhop. @param {types.HostOptions} options */
function startContent({ signal, iceServers, rtc, offerer, batch, ...content }) {
  return snake(content);
}
