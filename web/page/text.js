// @ts-check
// What is put into the page is text, never markup: names, titles and chat come from strangers.

/** The element of the page with an id. @param {string} id @returns {any} */
export const $ = (id) => document.getElementById(id);

/**
 * An element with properties and with what is in it.
 * @param {string} tag @param {object} [properties] @param {(Node | string)[]} inside @returns {any}
 */
export function make(tag, properties = {}, ...inside) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...inside);
  return element;
}

/**
 * What a stranger wrote, fit to be shown in a line: without what turns the direction of the text around it, without piles
 * of accents, and cut.
 * @param {unknown} value @param {number} [limit] in characters
 */
export function clean(value, limit = 24) {
  if (typeof value !== "string") return "";
  const text = value.slice(0, 20_000).replace(/[\p{Cc}\p{Bidi_Control}]/gu, " ");
  return [...text.replace(/(\p{M}{3})\p{M}+/gu, "$1")].slice(0, limit).join("").trim();
}

/** The class of a player's colour, the same on its dot and in the list. @param {number} peerId */
export const colourOf = (peerId) => `c${peerId % 8}`;

/** A stranger's words in a sentence, kept apart from it whatever their direction. @param {string} text */
export const bdi = (text) => make("bdi", { textContent: text });

/**
 * Does something at an event of an element of the page, until over.
 * @param {string} id @param {string} type @param {(event: any) => unknown} act @param {AbortSignal} [over]
 */
export const on = (id, type, act, over) => $(id).addEventListener(type, act, { signal: over });

/** Has screen readers say something. @param {string} text */
export function say(text) {
  $("live").textContent = text;
}
