// @ts-check
/**
 * Line: one WebSocket to Bellhop, with the calls that wait for an answer. Import from bellhop.js.
 *
 * Every call settles: with its answer, at its timeout, when the line is lost, or after a frame of API Gateway's own. Such a
 * frame, for example {"message": "Too Many Requests"}, names no request. Each call that it could be about is a suspect. A
 * suspect is sent again under a new request_id, after a random time that grows. An earlier copy might have arrived; its
 * answer counts until another comes. REPEATABLE has the error of a repeated call whose earlier copy took effect.
 *
 * @import * as types from "./bellhop.d.ts"
 * @typedef {{socket?: WebSocket, action: string, content: any, timeout: number, ids: Set<string>, sentAt: number, tries: number,
 *   done: boolean, timer: number, resendTimer: number, waitEnds: number, checkIds: Set<string>, resolve: (answer: any) => void, reject: (error: any) => void}} Call
 * @typedef {{onOpen: (line: Line) => unknown, onEvent: (line: Line, event: string, content: any, late?: Call) => void,
 *   onLost: (line: Line) => void, onWire: (sent: boolean, message: any) => void, onError: (error: BellhopError) => void}} Wiring
 */

import { BellhopError, MINUTE, SECOND, TIMEOUT_MS, asError, backoff, checkGame, withTimeout } from "./common.js";
import { onHide } from "./wake.js";

/** The actions that lead into a lobby. */
export const ENTERING = new Set(["start_lobby", "join_lobby", "quick_join", "resume"]);

/** The actions that a host answers, at any time. */
const HOST_ANSWERED = new Set(["join_lobby", "quick_join"]);

/**
 * How often a call that a host answers is checked, by sending it again. Its answer, or the host's event, might be lost
 * although the line is up. If nothing was lost, the answer to a check is already_in_lobby, and the host gets no event.
 */
const CHECK_MS = 30 * SECOND;
/** Answers to a check after which the call waits on. */
const STILL_WAITING = new Set(["already_in_lobby", "rate_limited", "internal"]);
/** How long a call waits although checks confirm that it waits: the host might have missed it. The time doubles. */
export const [HOST_WAIT_MS, LONGEST_HOST_WAIT_MS] = [MINUTE, 10 * MINUTE];
/** Events that only members get, and how late the answer to a call can be after one. */
const MEMBER_EVENTS = new Set(["received_session_description", "received_ice_candidate"]);
const LATE_ANSWER_MS = 5 * SECOND;

/**
 * The actions that can be sent twice, each with the error that means that an earlier copy took effect. All others are
 * rejected when they are suspects: sent twice, they might take effect twice. So send_message: the others would hear it twice.
 * @type {Record<string, string>}
 */
export const REPEATABLE = {
  start_lobby: "", join_lobby: "", quick_join: "", resume: "", list_lobbies: "", get_lobby: "", get_ice_servers: "", ping: "", report_link: "",
  update_lobby: "", update_player: "", set_host: "not_host", accept_request: "", set_session_description: "", send_ice_candidate: "",
  leave_lobby: "not_in_lobby", reject_join_request: "request_not_found", remove_player: "peer_not_found", close_lobby: "not_in_lobby",
};

/** API Gateway closes a connection that is idle for 10 minutes; timers in background tabs are up to a minute late. */
const KEEP_ALIVE_MS = 8 * MINUTE;
/** The time for a server to say whether it takes connections. */
const HEALTH_MS = 5 * SECOND;
/** The oldest call that a frame can be about: API Gateway gives up after 29 s, and the frame takes some time. */
const SUSPECT_MS = 35 * SECOND;
/** How often a suspect is sent in all. If every third message is throttled, one call in 700 fails after that. */
const MAX_TRIES = 6;

/** One WebSocket, and the calls that wait on it. */
export class Line {
  #socket;
  #wiring;
  #keepAlive;
  #calls = /** @type {Map<string, Call>} */ (new Map()); // by request_id
  #lastId = 0;
  #heldEvents = /** @type {any[]} */ ([]); // events before the answer to a resume, which are newer than its content
  #isLost = false;
  #wasRefused = false; // or there is no server, or it has ended the connection
  #lost = new AbortController();
  #opened;
  #failOpening = /** @type {(() => void) | undefined} */ (undefined);
  #keepAliveTimer = 0;
  #probeTimeout = Infinity; // of the probe under way

  /** Opens a line. @param {URL} url @param {types.Options} options @param {Wiring} wiring */
  static async open(url, options, wiring) {
    const address = new URL(url);
    checkGame(address.searchParams.get("game"));
    const { token } = options;
    const given = typeof token === "function" ? await withTimeout(Promise.resolve(token()), unreachableError()) : token;
    if (given) address.searchParams.set("token", given);
    const line = new Line(address, options, wiring);
    if (!wiring.onOpen(line)) line.lose(new BellhopError("closed", "Bellhop was closed."));
    await line.#opened.catch(async (error) => {
      if (!given || !line.#wasRefused || !(await isHealthy(url))) throw error;
      const refused = refusedError(url);
      wiring.onError(refused); // no call might wait for this line
      throw refused;
    });
    return line;
  }

  /** @param {URL} url @param {types.Options} options @param {Wiring} wiring */
  constructor(url, { keepAlive = KEEP_ALIVE_MS }, wiring) {
    this.#wiring = wiring;
    this.#keepAlive = keepAlive;
    const socket = (this.#socket = new WebSocket(url));
    const timer = setTimeout(() => this.lose(), TIMEOUT_MS);
    this.#opened = /** @type {Promise<void>} */ (new Promise((resolve, reject) => {
      socket.onopen = () => {
        clearTimeout(timer);
        this.#resetKeepAlive();
        resolve();
      };
      this.#failOpening = () => {
        clearTimeout(timer);
        const message = `There is no way to ${url.origin}: is Bellhop running there, and does it accept this page and "token"?`;
        reject(new BellhopError("unreachable", message));
      };
    }));
    socket.onmessage = ({ data }) => this.#onMessage(data);
    socket.onclose = socket.onerror = () => { // not every runtime sends close after error
      this.#wasRefused = true;
      this.lose();
    };
    onHide(() => this.lose(), this.#lost.signal); // Bellhop holds the place
  }

  get isOpen() {
    return !this.#isLost && this.#socket.readyState === WebSocket.OPEN;
  }

  /** The number of waiting actions that lead into a lobby. */
  get pendingEntries() {
    return [...this.#calls.values()].filter(({ action, done }) => ENTERING.has(action) && !done).length;
  }

  /**
   * Sends an action, and resolves with {event, content} of its answer.
   * @param {string} action @param {object} [content] @param {{timeout?: number, signal?: AbortSignal, wait?: number}} [options] in
   * milliseconds: timeout, and wait for a host @returns {Promise<{event: string, content: any}>}
   */
  call(action, content, { timeout = HOST_ANSWERED.has(action) ? Infinity : TIMEOUT_MS, signal, wait = HOST_WAIT_MS } = {}) {
    return new Promise((resolve, reject) => {
      const waitEnds = performance.now() + wait;
      const call = { action, content, timeout, ids: new Set(), sentAt: 0, tries: 0, done: false, timer: 0, resendTimer: 0, waitEnds, checkIds: new Set(), resolve, reject };
      if (this.#isLost) return reject(lostError());
      signal?.addEventListener("abort", () => this.#settle(call, signal.reason), { once: true });
      this.#sendCall(call);
    });
  }

  /** Sends a message without waiting for an answer. @param {types.WireMessage} message */
  sendRaw(message) {
    this.#socket.send(JSON.stringify(message));
    this.#wiring.onWire(true, message);
  }

  /** Finds out whether the line has died silently. @param {number} [timeout] in milliseconds */
  probe(timeout = TIMEOUT_MS) {
    if (this.#isLost || timeout >= this.#probeTimeout) return;
    for (const call of this.#callsToHost()) this.#check(call); // earlier messages might be lost
    this.#probeTimeout = timeout;
    this.call("ping", undefined, { timeout }).catch((error) => {
      if (error.code === "timeout") this.lose();
    }).finally(() => (this.#probeTimeout = Infinity));
  }

  /** Gives the line up: its calls are rejected, and later messages are ignored. @param {BellhopError} [error] */
  lose(error = lostError()) {
    if (this.#isLost) return;
    this.#isLost = true;
    this.#lost.abort();
    clearTimeout(this.#keepAliveTimer);
    this.#socket.close(1000); // which can take long
    for (const call of new Set(this.#calls.values())) this.#settle(call, error);
    this.#calls.clear();
    this.#failOpening?.();
    this.#wiring.onLost(this);
  }

  /** Schedules a ping for the case that no message comes for long. */
  #resetKeepAlive() {
    clearTimeout(this.#keepAliveTimer);
    this.#keepAliveTimer = setTimeout(() => this.probe(), this.#keepAlive);
  }

  /** @param {Call} call */
  #sendCall(call) {
    const id = String(++this.#lastId);
    call.ids.add(id);
    call.tries++;
    call.sentAt = performance.now();
    call.resendTimer = 0;
    clearTimeout(call.timer);
    if (call.timeout < Infinity) call.timer = setTimeout(() => this.#settle(call, slowError(call.action)), call.timeout);
    else this.#scheduleCheck(call, CHECK_MS);
    this.#calls.set(id, call);
    this.sendRaw({ action: call.action, request_id: id, content: call.content });
  }

  /** The calls that wait for a host. */
  #callsToHost() {
    return new Set([...this.#calls.values()].filter(({ timeout, done }) => timeout === Infinity && !done));
  }

  /** @param {Call} call @param {number} ms */
  #scheduleCheck(call, ms) {
    clearTimeout(call.timer);
    call.timer = setTimeout(() => this.#check(call), ms);
  }

  /** Sends a call that a host answers again. That is no try, since nothing has failed. @param {Call} call */
  #check(call) {
    if (call.resendTimer || !this.isOpen) return;
    this.#sendCall(call);
    call.tries--;
    call.checkIds.add(String(this.#lastId));
  }

  /** Expects the answer soon: the host seems to have admitted the client. @param {Call} call */
  #expectAnswer(call) {
    if (call.waitEnds > 0) this.#scheduleCheck(call, LATE_ANSWER_MS);
    call.waitEnds = 0;
  }

  /** Whether the answer to a check shows that a call still waits. @param {Call} call @param {string} id @param {BellhopError} error */
  #stillWaits(call, id, error) {
    if (!call.checkIds.has(id) || !STILL_WAITING.has(error.code)) return false;
    error.waited = error.code === "already_in_lobby" && performance.now() >= call.waitEnds;
    return !error.waited;
  }

  /** @param {Call} call @param {any} error @param {any} [answer] */
  #settle(call, error, answer) {
    if (call.done) return;
    call.done = true;
    clearTimeout(call.timer);
    clearTimeout(call.resendTimer);
    if (!error) return call.resolve(answer);
    if (error instanceof BellhopError && call.ids.size) error.uncertain = true;
    call.reject(error);
  }

  /** @param {string} data */
  #onMessage(data) {
    if (this.#isLost) return;
    const heard = JSON.parse(data);
    this.#wiring.onWire(false, heard);
    this.#resetKeepAlive();
    if (!heard.event) return this.#onGatewayFrame(heard);
    if (!heard.request_id && heard.event !== "replaced" && this.#isResuming) return void this.#heldEvents.push(heard);
    for (const next of [heard, ...this.#heldEvents.splice(0)]) this.#dispatch(next);
  }

  /** Whether a resume waits for its answer. */
  get #isResuming() {
    return [...this.#calls.values()].some(({ action, done }) => action === "resume" && !done);
  }

  /** Handles an event. @param {any} heard */
  #dispatch({ event, content = {}, request_id: id }) {
    if (this.#isLost) return;
    const call = this.#calls.get(id);
    if (id && !call) return;
    this.#calls.delete(id);
    call?.ids.delete(id);
    const error = event === "error" || event === "request_rejected" ? asError(content) : null;
    if (call && error && !call.done && this.#stillWaits(call, id, error)) return;
    if (MEMBER_EVENTS.has(event)) for (const waiting of this.#callsToHost()) this.#expectAnswer(waiting);
    this.#wiring.onEvent(this, event, content, call?.done ? call : undefined);
    if (!call || call.done) return;
    const done = error && call.tries > 1 && REPEATABLE[call.action] === error.code;
    if (done) this.#settle(call, null, { event: "done", content: {} });
    else this.#settle(call, error, { event, content });
  }

  /** Handles a frame of API Gateway's own. @param {{message?: string}} heard */
  #onGatewayFrame({ message = "" }) {
    const now = performance.now();
    for (const call of new Set(this.#calls.values())) {
      if (call.done || call.resendTimer || now - call.sentAt > SUSPECT_MS) continue;
      if (!(call.action in REPEATABLE) || call.tries >= MAX_TRIES) this.#settle(call, frameError(message));
      else call.resendTimer = setTimeout(() => this.#sendCall(call), backoff(call.tries));
    }
    this.#wiring.onError(frameError(message));
  }
}

export const unreachableError = () => new BellhopError("unreachable", "Bellhop cannot be reached at the moment; try again later.");

/** @param {URL} url */
function refusedError({ origin }) {
  const message = `Bellhop at ${origin} takes no connection with this "token": it is not valid, or not any more, or there are too many.`;
  return new BellhopError("token_refused", message);
}

/**
 * Whether a server takes connections: browsers hide why a handshake was refused. AWS does not say.
 * @param {URL} url
 */
async function isHealthy(url) {
  const health = new URL("healthz", url);
  health.protocol = url.protocol.replace("ws", "http");
  return fetch(health, { signal: AbortSignal.timeout(HEALTH_MS) }).then(({ ok }) => ok, () => false);
}

const lostError = () => new BellhopError("connection_lost", "The connection to Bellhop was lost before the answer came; try again.");

/** @param {string} action */
const slowError = (action) => new BellhopError("timeout", `Bellhop has not answered ${action}; try again.`);

/** @param {string} message of API Gateway's */
function frameError(message) {
  if (/too many/i.test(message)) return new BellhopError("rate_limited", `Too much is going on: API Gateway says "${message}". Try again later.`);
  return new BellhopError("internal", `The server failed: API Gateway says "${message}". Try again later.`);
}
