// @ts-check
// The page shows only text, never markup: names, titles and chat come from strangers.
/** @import { Text } from "../page.d.ts" */

/** The element of the page with an id. @type {Text["$"]} */
export const $ = (id) => document.getElementById(id);

/** Creates an element with properties and contents. @type {Text["make"]} */
export const make = (tag, properties = {}, ...inside) => {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...inside);
  return element;
};

/**
 * Makes a stranger's text fit for one line: it removes characters that change the direction of the text, and piles of
 * accents, and cuts the text. @type {Text["clean"]}
 */
export const clean = (value, limit = 24) => {
  if (typeof value !== "string") return "";
  const text = value.slice(0, 20_000).replace(/[\p{Cc}\p{Bidi_Control}]/gu, " ");
  return [...text.replace(/(\p{M}{3})\p{M}+/gu, "$1")].slice(0, limit).join("").trim();
};

/** A stranger's words in a sentence. Text from right to left does not disturb the sentence. @param {string} text */
export const bdi = (text) => make("bdi", { textContent: text });

/** Calls act for an event of an element, until over. @type {Text["on"]} */
export const on = (id, type, act, over) => $(id).addEventListener(type, act, { signal: over });

/** Announces a text to screen readers. @param {string} text */
export const say = (text) => ($("live").textContent = text);

/** Shows on a button that it waits until act is done. Another press changes nothing. @type {Text["busy"]} */
export const busy = async (button, act) => {
  if (button?.ariaBusy === "true") return;
  if (button) button.ariaBusy = "true";
  try {
    return await act();
  } finally {
    if (button) button.ariaBusy = "false";
  }
};

/** A button that waits until act is done. @type {Text["action"]} */
export const action = (label, act, spoken = label) => make("button", { type: "button", ariaLabel: spoken, onclick: (/** @type {any} */ { currentTarget }) => busy(currentTarget, act) }, label);

/** Changes a text only if it differs, since screen readers notice, and returns it. @type {Text["write"]} */
export const write = (element, text) => (element.textContent === text ? text : (element.textContent = text));

/** Returns a value that the browser keeps, after setting it if value is given; null if the browser keeps nothing. @type {Text["kept"]} */
export const kept = (where, name, value) => {
  try {
    if (value !== undefined) globalThis[where].setItem(name, JSON.stringify(value));
    return JSON.parse(globalThis[where].getItem(name) ?? "null");
  } catch {
    return null;
  }
};
