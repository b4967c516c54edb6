// @ts-check
/**
 * Shared by bellhop.js, lobby.js and peer.js. Import from bellhop.js.
 *
 * @import * as types from "./bellhop.d.ts"
 */

export const SECOND = 1000;
export const MINUTE = 60 * SECOND;
export const HOUR = 60 * MINUTE;

/** The longest wait for a handshake or an answer. API Gateway gives up after 29 s, Bellhop after 10. */
export const TIMEOUT_MS = 15 * SECOND;
/** How long a place is held, from the event on: resume_until is from the server's clock, which can differ. */
export const GRACE_MS = MINUTE;
/** How long to wait for a late event that would explain a mismatch. */
export const LATE_NEWS_MS = 3 * SECOND;
/** How many early candidates are kept until their description comes. */
export const MAX_HELD = 256;

/**
 * An error: `code` is the protocol's (lobby_full, not_host, …), or one of this client's: `unreachable`,
 * `connection_lost`, `timeout`, `closed`, `connection_failed`, `not_json`, `token_refused`. `message` is an English sentence.
 * @implements {types.BellhopError}
 */
export class BellhopError extends Error {
  /** @type {number | undefined} */ retryAfter;
  /** Whether the action might have taken effect. @type {boolean | undefined} */ uncertain;
  /** Whether the call has waited for its host long enough to be repeated. @type {boolean | undefined} */ waited;

  /** @param {types.Code} code @param {string} message @param {object} [details] */
  constructor(code, message, details) {
    super(message);
    this.name = "BellhopError";
    this.code = code;
    Object.assign(this, details);
  }
}

/** @param {EventTarget} target @param {string} type @param {object} [fields] */
export function fire(target, type, fields) {
  target.dispatchEvent(Object.assign(new Event(type), fields));
}

/** @template T @param {Promise<T>} promise @param {Error} error rejects with it after TIMEOUT_MS @returns {Promise<T>} */
export function withTimeout(promise, error) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(error), TIMEOUT_MS);
    promise.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

/**
 * Throws for a game that Bellhop would refuse at the handshake, since browsers hide the reason for a refusal.
 * @param {string | null} game
 */
export function checkGame(game) {
  if (game === null || /^[A-Za-z0-9._-]{1,64}$/.test(game)) return;
  const message = `The game ${JSON.stringify(game)} is not a valid name: use 1 to 64 letters, digits, dots, - and _.`;
  throw new BellhopError("invalid_field", message, { field: "game" });
}

/** Milliseconds to wait before another try: longer each time, and random, or all clients would come together.
 * @param {number} tries @param {number} [most] */
export function backoff(tries, most = 10 * SECOND) {
  return Math.min(most, 250 * 2 ** tries) * Math.random();
}

/** @param {any} content of error or request_rejected */
export function asError({ code, message, reason, field, retry_after_ms, resume_until, reference }) {
  const resumeUntil = resume_until && new Date(resume_until);
  return new BellhopError(code, message ?? reason, { field, retryAfter: retry_after_ms, resumeUntil, reference });
}

/** Returns the options of a host that Bellhop needs. @param {types.HostOptions} options */
export function startContent({ signal, iceServers, rtc, relayOnly, fallback, offerer, batch, retryEvery, maxBuffered, roster = true, ...content }) {
  return snake({ ...content, roster });
}

/** Renames an object's keys for the protocol. Nested objects stay as they are. @param {object} object @returns {any} */
export function snake(object) {
  return renamed(object, (name) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`));
}

/** The inverse of snake. @param {object} object @returns {any} */
export function camel(object) {
  return renamed(object, (name) => name.replace(/_([a-z])/g, (_, letter) => letter.toUpperCase()));
}

/** @param {object} object @param {(name: string) => string} rename */
function renamed(object, rename) {
  return Object.fromEntries(Object.entries(object).map(([name, value]) => [rename(name), value]));
}
