// @ts-check
// This player's name. A browser remembers it, and each tab has another one.
import { $, clean, kept, on } from "./text.js";

function anyName() {
  const any = (/** @type {string} */ words) => words.split(" ")[Math.floor(Math.random() * 8)];
  return `${any("Amber Brave Calm Eager Happy Jolly Lucky Sunny")} ${any("Badger Crane Fox Hare Lynx Otter Owl Wren")}`;
}

/** The name in the field, or another one if that is empty. */
export function myName() {
  const name = clean($("name").value, 20) || anyName();
  $("name").value = name;
  kept("sessionStorage", "bellhop-name", name);
  return name;
}

/** Remembers a name that the player has chosen, and returns it. @param {string} name */
export function rename(name) {
  $("name").value = name;
  kept("localStorage", "bellhop-name", myName());
  return $("name").value;
}

$("name").value = kept("sessionStorage", "bellhop-name") ?? kept("localStorage", "bellhop-name") ?? anyName();
on("name", "change", () => rename($("name").value));

// An older tab with the same name answers a new one, which then takes another name.
const tabs = new BroadcastChannel("bellhop-names");
let isNew = true;
tabs.onmessage = ({ data: { name, taken } }) => {
  if (name !== $("name").value) return;
  if (!taken) tabs.postMessage({ name, taken: true });
  else if (isNew) [$("name").value, isNew] = [anyName(), false];
};
tabs.postMessage({ name: $("name").value });
setTimeout(() => (isNew = false), 1000);
