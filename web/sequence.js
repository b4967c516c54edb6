// @ts-check
/** Sequence: messages in both directions, over paths that lose, repeat and reorder. Import from bellhop.js. */

/** Characters in a piece. */
const MAX_PIECE = 3000;
/** The most pieces that are unconfirmed on a path. */
export const WINDOW = 256;
/** The longest message, which no other side of ours exceeds. */
const MAX_TEXT = 512 << 10;

/**
 * Numbers the pieces of messages from 1 on. A piece is kept until the other side has confirmed it, so it can be sent again
 * on any path. What comes is delivered once and in order: each side confirms how many pieces it has without a gap.
 */
export class Sequence {
  /** How many pieces have come. */
  received = 0;
  #pieces = /** @type {string[]} */ ([]); // the unconfirmed ones
  #confirmed = 0; // how many came before them
  #sent = 0; // how many were sent since rewind, confirmed ones included
  #early = /** @type {Map<number, string>} */ (new Map()); // those after a gap
  #text = ""; // of a message whose rest has not come

  /** Characters that are unconfirmed. */
  get waiting() {
    return this.#pieces.reduce((sum, { length }) => sum + length, 0);
  }

  /** Adds a message, in pieces: each after "+" if more follows, and after "." if not. @param {string} text */
  add(text) {
    for (let at = 0; at < text.length; at += MAX_PIECE) {
      this.#pieces.push((at + MAX_PIECE < text.length ? "+" : ".") + text.slice(at, at + MAX_PIECE));
    }
  }

  /** Returns the pieces to send next. @param {number} room in characters @param {number} [window] */
  next(room, window = WINDOW) {
    const first = this.#sent + 1;
    const pieces = [];
    for (const piece of this.#pieces.slice(this.#sent - this.#confirmed, window)) {
      room -= piece.length + 3; // with quotes and a comma
      if (room < 0) break;
      pieces.push(piece);
    }
    this.#sent += pieces.length;
    return { first, pieces };
  }

  /** Sends all unconfirmed pieces again. */
  rewind() {
    this.#sent = this.#confirmed;
  }

  /** Forgets pieces that the other side has, and returns whether there were any. @param {number} received how many it has */
  confirm(received) {
    const count = received - this.#confirmed;
    if (!(count > 0 && count <= this.#pieces.length)) return false;
    this.#pieces.splice(0, count);
    this.#confirmed = received;
    this.#sent = Math.max(this.#sent, received);
    return true;
  }

  /** Takes pieces, and returns the messages that are complete now. @param {number} first @param {string[]} pieces */
  take(first, pieces) {
    pieces.forEach((piece, i) => {
      const ahead = first + i - this.received;
      if (ahead > 0 && ahead <= 2 * WINDOW) this.#early.set(first + i, piece);
    });
    const messages = [];
    for (let piece; (piece = this.#early.get(this.received + 1)); ) {
      this.#early.delete(++this.received);
      this.#text = (this.#text + piece.slice(1)).slice(0, MAX_TEXT);
      if (piece[0] === "+") continue;
      messages.push(this.#text);
      this.#text = "";
    }
    return messages;
  }
}
