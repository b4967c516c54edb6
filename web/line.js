// @ts-check
/**
 * Line: one WebSocket to Bellhop, and the actions that wait on it for an answer. Import from bellhop.js.
 *
 * Every call settles: by its answer, by a timeout, when the line is lost, or by a frame of API Gateway's own. Such a frame
 * ({"message": "Too Many Requests"}, say) names no request. Each call that may be the one it is about is a suspect, and a
 * suspect is sent again under a new request_id, after a random time that grows. An earlier copy may have arrived all the
 * same; its answer is good until another comes, and REPEATS has the error by which the repeated one says that it did.
 *
 * @import * as types from "./bellhop.d.ts"
 * @typedef {{socket?: WebSocket, action: string, content: any, patience: number, ids: Set<string>, sent: number, tries: number,
 *   done: boolean, timer: number, again: number, due: number, checks: Set<string>, resolve: (answer: any) => void, reject: (error: any) => void}} Call
 * @typedef {{opens: (line: Line) => unknown, heard: (line: Line, event: string, content: any, late?: Call) => void,
 *   lost: (line: Line) => void, wire: (sent: boolean, message: any) => void, frame: (error: BellhopError) => void}} Wiring
 */

import { BellhopError, MINUTE, PATIENCE, SECOND, asError, backoff, checkGame, within } from "./common.js";

/** The actions that lead into a lobby. */
export const ENTERING = new Set(["start_lobby", "join_lobby", "quick_join", "resume"]);

/** Those that a host answers, whenever it likes. */
const HOSTS = new Set(["join_lobby", "quick_join"]);

/**
 * How often a call that a host answers is checked, by asking again. Its answer, or the request at the host, may have got lost
 * on a line that is fine. Where nothing got lost, a check is answered by already_in_lobby, and no host hears of it.
 */
const CHECK = 30 * SECOND;
/** Answers to a check that say nothing against waiting on. */
const WAITS = new Set(["already_in_lobby", "rate_limited", "internal"]);
/** For how long a call waits that Bellhop confirms to wait: the host may have missed it. The time doubles with each. */
export const [WAIT, LONGEST_WAIT] = [MINUTE, 10 * MINUTE];
/** What only members hear, and how long the answer to who hears it can be late. */
const INSIDE = new Set(["received_session_description", "received_ice_candidate"]);
const LATE = 5 * SECOND;

/**
 * The actions that may be sent twice, each with the error by which Bellhop says that an earlier copy has done it. All but
 * these are rejected when they are suspects: a message to all, sent twice, would be heard twice.
 * @type {Record<string, string>}
 */
export const REPEATS = {
  start_lobby: "", join_lobby: "", quick_join: "", resume: "", list_lobbies: "", get_lobby: "", get_ice_servers: "", ping: "",
  update_lobby: "", accept_request: "", set_session_description: "", send_ice_candidate: "",
  leave_lobby: "not_in_lobby", reject_join_request: "request_not_found", remove_player: "peer_not_found", close_lobby: "not_in_lobby",
};

/** API Gateway closes a connection that is idle for 10 minutes; timers in background tabs are up to a minute late. */
const IDLE = 8 * MINUTE;
/** How old a call can be for a frame to be about it: API Gateway gives up after 29 s, and the frame is under way for some. */
const SUSPECT = 35 * SECOND;
/** How often a suspect is sent in all. With every third message throttled, one call in 700 is not through by then. */
const TRIES = 6;

/** One WebSocket, and what waits on it. */
export class Line {
  #socket;
  #wiring;
  #keepAlive;
  #calls = /** @type {Map<string, Call>} */ (new Map()); // by request_id
  #count = 0;
  #held = /** @type {any[]} */ ([]); // what has come before the answer to a resume, and is newer than what that shows
  #lost = false;
  #opened;
  #fail = /** @type {(() => void) | undefined} */ (undefined);
  #idle = 0; // timer
  #probing = Infinity; // the patience of the probe under way

  /** Opens a line. @param {URL} url @param {types.Options} options @param {Wiring} wiring */
  static async open(url, options, wiring) {
    const address = new URL(url);
    checkGame(address.searchParams.get("game"));
    const { token } = options;
    const given = typeof token === "function" ? await within(Promise.resolve(token()), away()) : token;
    if (given) address.searchParams.set("token", given);
    const line = new Line(address, options, wiring);
    if (!wiring.opens(line)) line.lose(new BellhopError("closed", "Bellhop was closed."));
    await line.#opened;
    return line;
  }

  /** @param {URL} url @param {types.Options} options @param {Wiring} wiring */
  constructor(url, { keepAlive = IDLE }, wiring) {
    this.#wiring = wiring;
    this.#keepAlive = keepAlive;
    const socket = (this.#socket = new WebSocket(url));
    const timer = setTimeout(() => this.lose(), PATIENCE);
    this.#opened = /** @type {Promise<void>} */ (new Promise((resolve, reject) => {
      socket.onopen = () => {
        clearTimeout(timer);
        this.#rest();
        resolve();
      };
      this.#fail = () => {
        clearTimeout(timer);
        const message = `There is no way to ${url.origin}: is Bellhop running there, and is "token" right?`;
        reject(new BellhopError("unreachable", message));
      };
    }));
    socket.onmessage = ({ data }) => this.#hear(data);
    socket.onclose = socket.onerror = () => this.lose(); // not every runtime has the first come after the second
  }

  get isOpen() {
    return !this.#lost && this.#socket.readyState === WebSocket.OPEN;
  }

  /** How many actions that lead into a lobby wait for their answer. */
  get enters() {
    return [...this.#calls.values()].filter(({ action, done }) => ENTERING.has(action) && !done).length;
  }

  /**
   * Sends an action, and resolves with {event, content} of its answer.
   * @param {string} action @param {object} [content] @param {{patience?: number, signal?: AbortSignal, wait?: number}} [options] in
   * milliseconds: patience, and wait for a host @returns {Promise<{event: string, content: any}>}
   */
  call(action, content, { patience = HOSTS.has(action) ? Infinity : PATIENCE, signal, wait = WAIT } = {}) {
    return new Promise((resolve, reject) => {
      const due = performance.now() + wait;
      const call = { action, content, patience, ids: new Set(), sent: 0, tries: 0, done: false, timer: 0, again: 0, due, checks: new Set(), resolve, reject };
      if (this.#lost) return reject(lostError());
      signal?.addEventListener("abort", () => this.#settle(call, signal.reason), { once: true });
      this.#send(call);
    });
  }

  /** Sends a message that nothing waits for. @param {types.WireMessage} message */
  say(message) {
    this.#socket.send(JSON.stringify(message));
    this.#wiring.wire(true, message);
  }

  /** Finds out whether the line is dead, as it can be without a word. @param {number} [patience] in milliseconds */
  probe(patience = PATIENCE) {
    if (this.#lost || patience >= this.#probing) return;
    for (const call of this.#waiting()) this.#check(call); // what was sent before may be lost
    this.#probing = patience;
    this.call("ping", undefined, { patience }).catch((error) => {
      if (error.code === "timeout") this.lose();
    }).finally(() => (this.#probing = Infinity));
  }

  /** Gives the line up: what waits on it is told so, and what still comes by it is not heard. @param {BellhopError} [error] */
  lose(error = lostError()) {
    if (this.#lost) return;
    this.#lost = true;
    clearTimeout(this.#idle);
    this.#socket.close(1000); // which may take long
    for (const call of new Set(this.#calls.values())) this.#settle(call, error);
    this.#calls.clear();
    this.#fail?.();
    this.#wiring.lost(this);
  }

  /** Has a ping sent when nothing is heard for long. */
  #rest() {
    clearTimeout(this.#idle);
    this.#idle = setTimeout(() => this.probe(), this.#keepAlive);
  }

  /** @param {Call} call */
  #send(call) {
    const id = String(++this.#count);
    call.ids.add(id);
    call.tries++;
    call.sent = performance.now();
    call.again = 0;
    clearTimeout(call.timer);
    if (call.patience < Infinity) call.timer = setTimeout(() => this.#settle(call, slowError(call.action)), call.patience);
    else this.#checkIn(call, CHECK);
    this.#calls.set(id, call);
    this.say({ action: call.action, request_id: id, content: call.content });
  }

  /** The calls that wait for a host. */
  #waiting() {
    return new Set([...this.#calls.values()].filter(({ patience, done }) => patience === Infinity && !done));
  }

  /** @param {Call} call @param {number} ms */
  #checkIn(call, ms) {
    clearTimeout(call.timer);
    call.timer = setTimeout(() => this.#check(call), ms);
  }

  /** Asks again what a host is to answer. It is no try: nothing has failed. @param {Call} call */
  #check(call) {
    if (call.again || !this.isOpen) return;
    this.#send(call);
    call.tries--;
    call.checks.add(String(this.#count));
  }

  /** The host has let a call's sender in, it seems, and the answer is late, or lost. @param {Call} call */
  #isIn(call) {
    if (call.due > 0) this.#checkIn(call, LATE);
    call.due = 0;
  }

  /** Whether a check has shown that a call waits, as it should. @param {Call} call @param {string} id @param {BellhopError} error */
  #waitsOn(call, id, error) {
    if (!call.checks.has(id) || !WAITS.has(error.code)) return false;
    error.waited = error.code === "already_in_lobby" && performance.now() >= call.due;
    return !error.waited;
  }

  /** @param {Call} call @param {any} error @param {any} [answer] */
  #settle(call, error, answer) {
    if (call.done) return;
    call.done = true;
    clearTimeout(call.timer);
    clearTimeout(call.again);
    if (!error) return call.resolve(answer);
    if (error instanceof BellhopError && call.ids.size) error.uncertain = true;
    call.reject(error);
  }

  /** @param {string} data */
  #hear(data) {
    if (this.#lost) return;
    const heard = JSON.parse(data);
    this.#wiring.wire(false, heard);
    this.#rest();
    if (!heard.event) return this.#frame(heard);
    if (!heard.request_id && heard.event !== "replaced" && this.#resumes) return void this.#held.push(heard);
    for (const next of [heard, ...this.#held.splice(0)]) this.#deal(next);
  }

  /** Whether a resume waits for its answer. */
  get #resumes() {
    return [...this.#calls.values()].some(({ action, done }) => action === "resume" && !done);
  }

  /** Deals with an event. @param {any} heard */
  #deal({ event, content = {}, request_id: id }) {
    if (this.#lost) return;
    const call = this.#calls.get(id);
    if (id && !call) return;
    this.#calls.delete(id);
    call?.ids.delete(id);
    const error = event === "error" || event === "request_rejected" ? asError(content) : null;
    if (call && error && !call.done && this.#waitsOn(call, id, error)) return;
    if (INSIDE.has(event)) for (const waiting of this.#waiting()) this.#isIn(waiting);
    this.#wiring.heard(this, event, content, call?.done ? call : undefined);
    if (!call || call.done) return;
    const done = error && call.tries > 1 && REPEATS[call.action] === error.code;
    if (done) this.#settle(call, null, { event: "done", content: {} });
    else this.#settle(call, error, { event, content });
  }

  /** API Gateway has said something of its own. @param {{message?: string}} heard */
  #frame({ message = "" }) {
    const now = performance.now();
    for (const call of new Set(this.#calls.values())) {
      if (call.done || call.again || now - call.sent > SUSPECT) continue;
      if (!(call.action in REPEATS) || call.tries >= TRIES) this.#settle(call, frameError(message));
      else call.again = setTimeout(() => this.#send(call), backoff(call.tries));
    }
    this.#wiring.frame(frameError(message));
  }
}

export const away = () => new BellhopError("unreachable", "Bellhop cannot be reached at the moment; try again later.");

const lostError = () => new BellhopError("connection_lost", "The connection to Bellhop was lost before the answer came; try again.");

/** @param {string} action */
const slowError = (action) => new BellhopError("timeout", `Bellhop has not answered ${action}; try again.`);

/** @param {string} message of API Gateway's */
function frameError(message) {
  if (/too many/i.test(message)) return new BellhopError("rate_limited", `Too much is going on: API Gateway says "${message}". Try again later.`);
  return new BellhopError("internal", `The server failed: API Gateway says "${message}". Try again later.`);
}
