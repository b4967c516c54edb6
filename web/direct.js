// @ts-check
/** Negotiation over an open connection. Import from bellhop.js. */

/** The id of the data channel. Each side creates it, if both have said that they can. */
export const NEGOTIATION_CHANNEL = 200;
/** The most characters in one message, and in all pieces of one content. */
const MAX_PIECE = 16 << 10;
const MAX_TEXT = 4 << 20;

/**
 * The data channel for descriptions and candidates: they cost nothing there, and can be long. Each message is a piece of
 * JSON, after "+" if more follows, and after "." if not.
 */
export class Direct {
  #onMessage;
  #pc = /** @type {RTCPeerConnection | null} */ (null);
  #channel = /** @type {RTCDataChannel | null} */ (null);

  /** @param {(action: string, content: any) => void} hear */
  constructor(hear) {
    this.#onMessage = hear;
  }

  get isOpen() {
    return this.#channel?.readyState === "open";
  }

  /** Creates the channel of a connection, once. @param {RTCPeerConnection} pc @param {() => void} opened */
  open(pc, opened) {
    if (pc === this.#pc) return;
    this.#pc = pc;
    const channel = pc.createDataChannel("negotiation", { negotiated: true, id: NEGOTIATION_CHANNEL });
    this.#channel = channel;
    let text = "";
    channel.onopen = () => channel === this.#channel && opened();
    channel.onmessage = ({ data }) => {
      if (channel !== this.#channel || typeof data !== "string") return;
      text += data.slice(1);
      if (text.length > MAX_TEXT) return channel.close();
      if (data[0] !== ".") return;
      const { action, content } = parsed(text);
      text = "";
      if (content) this.#onMessage(action, content);
    };
  }

  /** @param {string} action @param {any} content */
  send(action, content) {
    const escaped = (/** @type {string} */ half) => "\\u" + half.charCodeAt(0).toString(16).padStart(4, "0"); // of a pair
    const text = JSON.stringify({ action, content }).replace(/[\ud800-\udfff]/g, escaped);
    for (let at = 0; at < text.length; at += MAX_PIECE) {
      this.#channel?.send((at + MAX_PIECE < text.length ? "+" : ".") + text.slice(at, at + MAX_PIECE));
    }
  }
}

/** @param {string} text @returns {any} */
function parsed(text) {
  try {
    return Object(JSON.parse(text));
  } catch {
    return {};
  }
}
