// @ts-check
/**
 * Bellhop's client for browsers: it finds other players and connects them directly.
 *
 *     const bellhop = new Bellhop("wss://play.example.com", { game: "tanks" });
 *     const lobby = await bellhop.host({ autoAccept: true }); // or bellhop.join("BCDFGH")
 *     lobby.addEventListener("open", ({ peer }) => peer.send("hello"));
 *     lobby.addEventListener("message", ({ peer, data }) => console.log(peer.peerId, data));
 *
 * It has three levels, each useful without the one above it: a Bellhop speaks the protocol (docs/protocol.md), a Peer is
 * one WebRTC connection, and a Lobby is the members of a game, with a Peer for each. docs/clients.md is the guide, and
 * bellhop.d.ts has all types.
 *
 * @import * as types from "./bellhop.d.ts"
 */

import { BellhopError, MINUTE, SECOND, asError, backoff, fire, withTimeout } from "./common.js";
import { ENTER, Entrance } from "./entrance.js";
import { checkOptions, withRelays } from "./ice.js";
import { ENTERING, HOST_WAIT_MS, LONGEST_HOST_WAIT_MS, Line, REPEATABLE, unreachableError } from "./line.js";
import { Lobby } from "./lobby.js";
import { Pauses, RenewalPacer } from "./pace.js";
import { SavedSlot } from "./saved.js";
import { watch } from "./wake.js";

export { BellhopError } from "./common.js";
export { Lobby } from "./lobby.js";
export { Peer } from "./peer.js";

/** API Gateway closes every connection after 2 hours. */
const RENEW_AFTER_MS = 115 * MINUTE;
/** The time for a pong on a line that might have died in sleep. */
const WAKE_PROBE_MS = 4 * SECOND;
/** How long a resume that was given up can still take effect: API Gateway gives up after 29 s, and posts can wait. */
const LATE_RESUME_MS = MINUTE;

/**
 * The connection to Bellhop. It connects on first use. It resumes its place when it drops, and before API Gateway's
 * two hours are over. It is an EventTarget of the protocol's events: each has `content`. Its own events are `connected`,
 * `disconnected` and `closed`, and `wire` for each message in either direction. docs/clients.md has a table of its
 * states, and of what each event does in each.
 * @implements {types.Bellhop}
 */
export class Bellhop extends Entrance {
  #url;
  #options;
  #closed = false;
  /** The line in use, and the promise of one. */
  #line = /** @type {Line | null} */ (null);
  #connecting = /** @type {Promise<void> | null} */ (null);
  #lines = /** @type {Set<Line>} */ (new Set()); // all that are not lost, in use or not
  /** It resumes the place in the lobby on another line; null in no lobby. */
  #resumeToken = /** @type {string | null} */ (null);
  /** The leave in progress, of a place or a request, and a token that is used only for that. */
  #leaving = /** @type {Promise<any> | null} */ (null);
  #abandonedToken = /** @type {string | null} */ (null);
  #renewing = /** @type {Promise<void> | null} */ (null);
  #resumeGivenUpAt = -Infinity; // when we gave up a resume that might still take effect
  #lobby = /** @type {Lobby | null} */ (null);
  #entriesPending = 0; // actions in progress that lead into a lobby
  #earlyEvents = /** @type {[string, any][]} */ ([]); // events for the lobby that they lead to
  #renewTimer = 0;
  #renewals = new RenewalPacer(() => this.#renew());
  #pauses = new Pauses();
  #saved;
  #stopWatching;

  /** @param {string | URL} url @param {types.Options} [options] */
  constructor(url, options = {}) {
    super();
    this.#url = new URL(url, globalThis.location?.href);
    this.#url.protocol = this.#url.protocol.replace("http", "ws");
    if (options.game !== undefined) this.#url.searchParams.set("game", options.game);
    this.#options = options;
    this.#saved = new SavedSlot(options.storage, this.#url.href);
    this.#stopWatching = watch((changed) => this.#onWake(changed));
  }

  /** Whether actions go out immediately. */
  get connected() {
    return this.#line?.isOpen ?? false;
  }

  get lobby() {
    return this.#lobby;
  }

  /** The token for `resume`, for example after a reload of the page. Anyone who has it can take the place. */
  get resumeToken() {
    return this.#resumeToken === this.#abandonedToken ? null : this.#resumeToken;
  }

  /** Connects, unless that is done or in progress. Actions connect by themselves. */
  connect() {
    if (this.#closed) return Promise.reject(new BellhopError("closed", "This Bellhop was closed; make a new one."));
    this.#connecting ??= this.#openLine().then((line) => this.#adoptLine(line)).catch((error) => {
      this.#connecting = null;
      throw error;
    });
    return this.#connecting;
  }

  /**
   * Sends an action and resolves with its answer, {event, content}. It rejects with a BellhopError for an error and for
   * request_rejected. If the answer says to try again later, it does so up to three times.
   * @param {string} action @param {object} [content] @param {{signal?: AbortSignal}} [options]
   * @returns {Promise<{event: string, content: any}>}
   */
  async request(action, content, { signal } = {}) {
    if (action === "leave_lobby" && (this.#resumeToken || this.#leaving || this.#line?.pendingEntries)) return withTimeout(this.#leave(), unreachableError());
    for (let [tries, sent, wait] = [0, false, HOST_WAIT_MS]; ; tries++) { // sent: a copy may have arrived
      let line; // once the action is sent
      if (ENTERING.has(action) && !this.connected) this.#pauses.end(); // the player waits
      try {
        if (ENTERING.has(action) && this.#leaving) await withTimeout(this.#leaving, unreachableError());
        await withTimeout(this.connect(), unreachableError());
        signal?.throwIfAborted();
        line = this.#line;
        if (line) return await line.call(action, content, { signal, wait }); // or it was lost again
      } catch (error) {
        if (sent && REPEATABLE[action] === error?.code) return { event: "done", content: {} };
        sent ||= line && (error?.uncertain || signal?.aborted);
        if (error?.waited) [tries, wait] = [-1, Math.min(2 * wait, LONGEST_HOST_WAIT_MS)]; // no failure, only a long wait
        if (line && tries < 3 && !signal?.aborted && (await this.#recover(error, line, action))) continue;
        if (sent && error instanceof BellhopError) error.uncertain = true;
        if (sent && ENTERING.has(action) && action !== "resume" && !this.#resumeToken) this.#leave();
        else if (sent && !ENTERING.has(action)) this.renew(); // it might have taken effect
        throw error;
      }
    }
  }

  /**
   * Sends an action that needs no answer, which saves a message if success is silent. Errors are events.
   * @param {string} action @param {object} [content] @returns {boolean} whether there was a connection to send it by
   */
  send(action, content) {
    if (!this.#line || !this.connected) return false;
    this.#line.sendRaw({ action, content });
    return true;
  }

  /**
   * Takes a place back with its token. The peers find this client at its new address, and connect again. Only the error
   * resume_failed means that the place is gone.
   * @param {string} token @param {types.PeerOptions} [options] @returns {Promise<Lobby>}
   */
  resume(token, options = {}) {
    return this[ENTER]("resume", { resume_token: token }, options, token);
  }

  /**
   * Takes back the place that this page had before it was reloaded. Resolves with null if there is none any more.
   * @param {types.RestoreOptions} [options] @returns {Promise<Lobby | null>}
   */
  async restore({ lobbyId, ...options } = {}) {
    const { token, player } = this.#saved.read(lobbyId);
    return !token ? null : this.resume(token, { player, ...options }).catch((error) => {
      if (error.code !== "resume_failed") throw error;
      this.#saved.remove(token);
      return null;
    });
  }

  /**
   * Resumes the place on a new connection, which brings the whole state of the lobby. Call it if something does not fit.
   * It happens soon, and less often the more often it is called.
   */
  renew() {
    if (this.#resumeToken && !this.#leaving) this.#renewals.request();
  }

  /** Leaves the lobby, closes all connections, and stops everything. */
  close() {
    if (this.#closed) return;
    if (this.#resumeToken || this.#line?.pendingEntries) this.send("leave_lobby");
    this.#closed = true;
    this.#saved.remove(this.#resumeToken);
    this.#lobby = this.#resumeToken = null;
    this.#stopWatching();
    clearTimeout(this.#renewTimer);
    this.#renewals.cancel();
    for (const line of this.#lines) line.lose(new BellhopError("closed", "Bellhop was closed."));
    this.#pauses.end();
    fire(this, "closed");
  }

  #openLine() {
    return Line.open(this.#url, this.#options, {
      onOpen: (line) => !this.#closed && this.#lines.add(line),
      onEvent: (line, event, content, late) => this.#onMessage(line, event, content, late),
      onLost: (line) => this.#onLost(line),
      onWire: (sent, message) => fire(this, "wire", { sent, message }),
      onError: (error) => fire(this, "error", { content: {}, error }),
    });
  }

  /** Uses a line from now on. @param {Line} line */
  #adoptLine(line) {
    const before = this.#line;
    [this.#line, this.#connecting] = [line, Promise.resolve()];
    if (before !== line) before?.lose();
    clearTimeout(this.#renewTimer);
    this.#renewals.cancel();
    this.#renewTimer = setTimeout(() => this.#renew(), (this.#options.renewAfter ?? RENEW_AFTER_MS) * (0.95 + Math.random() / 20));
    fire(this, "connected");
  }

  /** Called when this computer or the page might have slept. @param {boolean} changed whether the network has changed */
  #onWake(changed) {
    this.#line?.probe(WAKE_PROBE_MS);
    this.#pauses.end();
    if (changed) this.#lobby?.receive("network_changed", {});
  }

  /** @param {Line} line */
  #onLost(line) {
    this.#lines.delete(line);
    if (line !== this.#line) return;
    this.#line = null;
    this.#connecting = this.#renewing;
    clearTimeout(this.#renewTimer);
    this.#renewals.cancel();
    if (!this.#renewing) this.#onDisconnected();
  }

  #onDisconnected() {
    this.#connecting = null;
    const lobby = this.#lobby;
    const resumes = this.#resumeToken && !this.#closed;
    if (resumes) {
      this.#connecting = this.#reconnect();
      this.#connecting.catch(() => {});
    }
    fire(this, "disconnected"); // a listener that connects now also waits for the place
    if (resumes) lobby?.receive("disconnected", {});
  }

  /** Connects and resumes until that succeeds or the place is gone. */
  async #reconnect() {
    for (let tries = 0; this.#resumeToken; tries++) {
      await this.#pauses.take(backoff(tries + 1));
      try {
        if (this.#resumeToken) return await this.#resumeOnNewLine();
      } catch (error) {
        if (error.code === "resume_failed") this.#loseSlot("resume_failed", { error });
      }
    }
    this.#connecting = null;
    return this.connect(); // without a place
  }

  /** Resumes the place on a new line. The old one stays in use until then. */
  async #resumeOnNewLine() {
    const line = await this.#openLine();
    try {
      if (!this.#resumeToken) throw new BellhopError("not_in_lobby", "The place was given up.");
      await line.call("resume", { resume_token: this.#resumeToken });
    } catch (error) {
      if (error.uncertain) this.#resumeGivenUpAt = performance.now();
      line.lose();
      throw error;
    }
  }

  /** Renews the line, and requests another renewal if that failed. */
  async #renew() {
    if (!this.#resumeToken || this.#leaving || this.#renewing || !this.#line) return; // outside a lobby there is nothing to keep
    let failed = false;
    this.#renewing = this.#resumeOnNewLine();
    await this.#renewing.catch((error) => {
      if (error.code === "resume_failed") this.#loseSlot("resume_failed", { error });
      else failed = true; // the old one stays in use
    });
    this.#renewing = null;
    if (!this.#line) this.#onDisconnected(); // the old one was lost, too
    if (failed) this.renew();
  }

  /** Repairs the cause of a failed action if it can, and returns whether to repeat the action. @param {any} error @param {Line} line @param {string} action */
  async #recover(error, line, action) {
    const { code, retryAfter } = error;
    const mistaken = code === "already_in_lobby" && ENTERING.has(action) && (!this.#resumeToken || this.#leaving) && !line.pendingEntries;
    if (retryAfter >= 0) await this.#pauses.take(retryAfter);
    else if (action === "resume" && (mistaken || code === "connection_lost")) {
      line.lose(); // it might hold the place, with its answer lost
      await this.#pauses.take(backoff(1));
    } else if (mistaken) await this.#leave();
    else return code === "connection_lost" && this.connected && action in REPEATABLE && !ENTERING.has(action); // by a renewal
    return !this.#closed;
  }

  /** @param {Line} line @param {string} event @param {any} content @param {{action: string}} [late] of a call that was given up */
  #onMessage(line, event, content, late) {
    if (this.#closed) return;
    if (event === "replaced") return this.#onReplaced(line, content);
    if (late) return this.#undoLateAnswer(line, event, content);
    if (event === "resumed") this.#adoptLine(line), this.#save();
    if (content.resume_token) this.#resumeToken = content.resume_token;
    const failed = event === "error" || event === "request_rejected";
    fire(this, event, failed ? { content, error: asError(content) } : { content });
    if (event === "lobby_left") this.#loseSlot(event, content);
    else if (this.#entriesPending) this.#earlyEvents.push([event, content]);
    else this.#passToLobby(event, content);
  }

  /** @param {string} event @param {any} content */
  #passToLobby(event, content) {
    const ends = ["lobby_closed", "removed"].includes(event);
    const ours = !content.lobby_id || !this.#lobby || this.#lobby.id === content.lobby_id;
    if (!ends) this.#lobby?.receive(event, content);
    else if (ours) this.#loseSlot(event, content);
  }

  /** Called when another line has the place, perhaps one of ours that we gave up too soon. @param {Line} line @param {any} content */
  #onReplaced(line, content) {
    if (this.#renewing || line !== this.#line) return;
    const own = performance.now() - this.#resumeGivenUpAt < LATE_RESUME_MS;
    this.#resumeGivenUpAt = -Infinity;
    if (own) return line.lose(); // and resume
    fire(this, "replaced", { content });
    this.#loseSlot("replaced", content);
  }

  /** Forgets the place, which is gone. @param {string} event @param {any} content */
  #loseSlot(event, content) {
    const lobby = this.#lobby;
    this.#saved.remove(this.#resumeToken);
    this.#lobby = this.#resumeToken = null;
    lobby?.receive(event, content);
  }

  /** Undoes the effect of an answer that came after its call had given up. @param {Line} line @param {string} event @param {any} content */
  #undoLateAnswer(line, event, content) {
    if (event === "resumed") return line.lose(); // the place can be resumed again
    if (!content.resume_token) return;
    this.#resumeToken = content.resume_token;
    this.#leave();
  }

  /** @param {string} action @param {object} content @param {types.PeerOptions & {signal?: AbortSignal}} options @param {string} [token] of a resume */
  async [ENTER](action, content, options, token) {
    const all = withRelays({ ...this.#options, ...options });
    checkOptions(all);
    this.#entriesPending++;
    try {
      const answer = await this.request(action, content, options);
      const lobby = (this.#lobby = new Lobby(this, answer.content, all));
      if (token) this.#resumeToken = token;
      this.#save();
      lobby.addEventListener("players", () => this.#save()); // it might describe this player in another way
      return lobby;
    } finally {
      this.#entriesPending--;
      setTimeout(() => this.#passEarlyEvents()); // once the caller has the lobby, and listens
    }
  }

  #save() {
    if (this.#lobby && this.resumeToken) this.#saved.write({ token: this.resumeToken, lobbyId: this.#lobby.id, player: this.#lobby.me.player });
  }

  /** Passes on events that came before their lobby's answer: API Gateway promises no order. */
  #passEarlyEvents() {
    if (!this.#entriesPending) for (const [event, content] of this.#earlyEvents.splice(0)) this.#passToLobby(event, content);
  }

  /** Leaves the lobby, or takes the request back, however long it takes until Bellhop confirms. */
  #leave() {
    this.#saved.remove(this.#resumeToken);
    this.#abandonedToken = this.#resumeToken;
    this.#leaving ??= this.#retryLeave().finally(() => {
      if (this.#resumeToken === this.#abandonedToken) this.#resumeToken = null;
      [this.#leaving, this.#abandonedToken, this.#earlyEvents] = [null, null, []]; // the events belonged to the place that was left
    });
    this.#lobby?.receive("lobby_left", {});
    this.#lobby = null;
    return this.#leaving;
  }

  async #retryLeave() {
    for (let tries = 0, token; ; tries++) { // token of the place that is left; a late answer can bring another one
      try {
        await this.#renewing?.catch(() => {}); // or the new line would keep the place
        if (this.#resumeToken) await this.connect(); // which resumes
        if (!this.#line) return { event: "done", content: {} }; // without a place, the client left with the line
        token = this.#resumeToken;
        const answer = await this.#line.call("leave_lobby");
        if (this.#resumeToken === token) return answer;
      } catch (error) {
        if (error.code === "not_in_lobby" && this.#resumeToken !== token) continue;
        if (error.code === "not_in_lobby" || this.#closed) return { event: "done", content: {} };
        if (error.code === "timeout") this.#line?.probe(WAKE_PROBE_MS);
        await this.#pauses.take(error.retryAfter ?? backoff(tries + 1));
      }
    }
  }
}
