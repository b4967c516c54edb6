// @ts-check
// The page shows only text, never markup: names, titles and chat come from strangers.

/** The element of the page with an id. @param {string} id @returns {any} */
export const $ = (id) => document.getElementById(id);

/**
 * Creates an element with properties and contents.
 * @param {string} tag @param {object} [properties] @param {(Node | string)[]} inside @returns {any}
 */
export function make(tag, properties = {}, ...inside) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...inside);
  return element;
}

/**
 * Makes a stranger's text fit for one line: it removes characters that change the direction of the text, and piles of
 * accents, and cuts the text.
 * @param {unknown} value @param {number} [limit] in characters
 */
export function clean(value, limit = 24) {
  if (typeof value !== "string") return "";
  const text = value.slice(0, 20_000).replace(/[\p{Cc}\p{Bidi_Control}]/gu, " ");
  return [...text.replace(/(\p{M}{3})\p{M}+/gu, "$1")].slice(0, limit).join("").trim();
}

/** The class of a player's colour, the same on its dot and in the list. @param {number} peerId */
export const colourOf = (peerId) => `c${peerId % 8}`;

/** A stranger's words in a sentence. Text from right to left does not disturb the sentence. @param {string} text */
export const bdi = (text) => make("bdi", { textContent: text });

/**
 * Calls act for an event of an element, until over.
 * @param {string} id @param {string} type @param {(event: any) => unknown} act @param {AbortSignal} [over]
 */
export const on = (id, type, act, over) => $(id).addEventListener(type, act, { signal: over });

/** Announces a text to screen readers. @param {string} text */
export function say(text) {
  $("live").textContent = text;
}
