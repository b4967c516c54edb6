// @ts-check
/** What two peers negotiate over the connection that they have. Import from bellhop.js. */

/** The id of the data channel. Both sides make it by themselves, and only if both say that they can. */
export const NEGOTIATION_CHANNEL = 200;
/** Characters in one message, and in all pieces of one content. */
const MAX_PIECE = 16 << 10;
const MAX_TEXT = 4 << 20;

/**
 * The data channel for descriptions and candidates: they cost nothing there, and may be as long as they like. Each message is
 * a piece of JSON, behind "+" if there is more to come, and behind "." if not.
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

  /** Makes the channel of a connection, once. @param {RTCPeerConnection} pc @param {() => void} opened */
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
