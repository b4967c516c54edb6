// @ts-check
/**
 * The form of messages on the lobby channels. Import from bellhop.js. docs/clients.md, "The lobby channels", has the format.
 *
 * @typedef {{type: number, body: any, bytes: Uint8Array<ArrayBuffer> | null, size: number}} Message bytes is null for a Blob
 * @typedef {{reliable?: boolean, route?: number, id?: number}} Way
 * @typedef {{type: number, route: number, id: number}} Header
 * @typedef {Header & {data: any, message: Message, reliable: boolean}} Frame
 */

import { BellhopError } from "./common.js";

/** What a message holds. */
export const [BYTES, TEXT, JSON_TEXT] = [0, 1, 2];
/** Its way: to this peer alone; to the host, which forwards it to `id` (0: to all); from the host, for `id`; for the client itself. */
export const [DIRECT, UP, DOWN, CONTROL] = [0, 1, 2, 3];

/** Set if the body is the next frame, since it does not fit beside its header. */
const SPLIT = 0x80;
/** The most bytes beside a body. */
export const MAX_HEADER = 5;

/** Returns what is sent for a game's data. Anything but text and bytes goes as JSON. @param {any} data @returns {Message} */
export function encode(data) {
  if (typeof data === "string") return textMessage(TEXT, data);
  if (ArrayBuffer.isView(data)) return bytesMessage(data, new Uint8Array(/** @type {ArrayBuffer} */ (data.buffer), data.byteOffset, data.byteLength));
  const kind = Object.prototype.toString.call(data); // also of a buffer from another frame of the page
  if (kind === "[object ArrayBuffer]") return bytesMessage(data, new Uint8Array(data));
  if (kind === "[object Blob]" || kind === "[object File]") return { type: BYTES, body: data, bytes: null, size: data.size };
  return textMessage(JSON_TEXT, jsonOf(data));
}

/** @param {number} type @param {string} body @returns {Message} */
function textMessage(type, body) {
  const bytes = new TextEncoder().encode(body);
  return { type, body, bytes, size: bytes.length };
}

/** @param {any} body @param {Uint8Array<ArrayBuffer>} bytes @returns {Message} */
function bytesMessage(body, bytes) {
  return { type: BYTES, body, bytes, size: bytes.length };
}

/** Returns data as JSON, and throws if that would lose something. @param {any} data @returns {string} */
function jsonOf(data) {
  let why = `${typeof data} is none of its types`;
  try {
    const text = JSON.stringify(data, (key, value) => {
      const odd = oddity(value);
      if (odd) throw Error(`${odd} is none of its types${key && `, at "${key}"`}`);
      return value;
    });
    if (text !== undefined) return text;
  } catch (error) {
    why = error.message.split("\n")[0];
  }
  throw new BellhopError("not_json", `This message is neither text, nor bytes, nor JSON: ${why}.`);
}

/** Returns the name of a value that JSON would replace by another, or "". @param {any} value */
function oddity(value) {
  if (typeof value === "function" || typeof value === "symbol") return `a ${typeof value}`;
  if (typeof value === "number" && !Number.isFinite(value)) return String(value);
  if (value instanceof Map || value instanceof Set) return `a ${value.constructor.name}`;
  return ArrayBuffer.isView(value) || value instanceof ArrayBuffer ? "a part that is bytes" : "";
}

/**
 * Returns the frames of a message: one, or two if one would be larger than most.
 * @param {Message} message @param {Way} way @param {number} most in bytes @returns {any[]}
 */
export function framesOf({ type, body, bytes, size }, { route = DIRECT, id = 0 }, most) {
  const length = route === UP || route === DOWN ? MAX_HEADER : 1;
  const split = !bytes || length + size > most;
  const frame = new Uint8Array(split ? length : length + size);
  frame[0] = type | (route << 2) | (split ? SPLIT : 0);
  if (length > 1) new DataView(frame.buffer).setUint32(1, id);
  if (!split) frame.set(/** @type {Uint8Array} */ (bytes), length);
  return split ? [frame, body] : [frame];
}

/** Reads the frames of one channel. */
export class Reader {
  #header = /** @type {Header | null} */ (null); // of the body that follows

  /** Returns a message, or null: the frame is half of one, or nonsense. @param {any} frame @returns {Omit<Frame, "reliable"> | null} */
  read(frame) {
    const before = this.#header;
    this.#header = null;
    if (before) return whole(before, frame);
    if (typeof frame === "string" || frame.byteLength < 1) return null;
    const view = new DataView(frame);
    const first = view.getUint8(0);
    const route = (first >> 2) & 3;
    const length = route === UP || route === DOWN ? MAX_HEADER : 1;
    if (frame.byteLength < length) return null;
    const header = { type: first & 3, route, id: length > 1 ? view.getUint32(1) : 0 };
    if (!(first & SPLIT)) return whole(header, frame.slice(length));
    this.#header = header;
    return null;
  }
}

/** @param {Header} header @param {string | ArrayBuffer} body @returns {Omit<Frame, "reliable"> | null} */
function whole(header, body) {
  const { type } = header;
  if (type > JSON_TEXT || (type === BYTES && typeof body === "string")) return null;
  const text = typeof body === "string" ? body : type === BYTES ? "" : new TextDecoder().decode(body);
  const message = typeof body === "string" ? textMessage(type, body) : bytesMessage(type === BYTES ? body : text, new Uint8Array(body));
  try {
    return { ...header, data: type === BYTES ? body : type === TEXT ? text : JSON.parse(text), message: { ...message, type } };
  } catch {
    return null;
  }
}

/** Returns a frame in base64. @param {Uint8Array<ArrayBuffer>} frame */
export function asText(frame) {
  let text = "";
  for (let at = 0; at < frame.length; at += 8192) text += String.fromCharCode(...frame.subarray(at, at + 8192));
  return btoa(text);
}

/** The inverse of asText. Nonsense becomes an empty frame. @param {string} text @returns {ArrayBuffer} */
export function asFrame(text) {
  try {
    return Uint8Array.from(atob(text), (c) => c.charCodeAt(0)).buffer;
  } catch {
    return new ArrayBuffer(0);
  }
}
