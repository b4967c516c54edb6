// @ts-check
// The games that may be found. Each look costs a message, so it looks only while somebody sees the list, and seldom.
import { $, bdi, clean, make } from "./text.js";
/** @import { Bellhop, LobbyInfo } from "../bellhop.js" */

/** Milliseconds between two looks. */
const PAUSE = 10_000;

/** @param {Bellhop} bellhop @param {(game: LobbyInfo) => void} join */
export function showList(bellhop, join) {
  let timer = 0;
  let looks = 0; // the last one counts
  let next = /** @type {string | undefined} */ (undefined);
  const visible = () => $("find").open && !$("start").hidden && !document.hidden;

  function filter() {
    return {
      free_seats: { $gte: Number($("free").value) },
      ...($("no-password").checked && { has_password: false }),
      ...($("kind").value && { topology: $("kind").value }),
    };
  }

  /** Shows the first page, or with a cursor one more. @param {string} [cursor] */
  async function look(cursor) {
    clearTimeout(timer);
    if (!visible()) return;
    const mine = ++looks;
    try {
      const page = await bellhop.list({ filter: filter(), cursor });
      if (mine !== looks) return;
      const rows = page.lobbies.map(row);
      if (cursor) $("games").append(...rows);
      else update(rows);
      next = page.cursor;
      $("more").hidden = !next;
      const shown = $("games").childElementCount;
      $("found").textContent = shown ? `${shown}${next ? " and more" : ""} to join.` : "No game to join at the moment. Host one, and show it here.";
    } catch (error) {
      if (mine === looks) $("found").textContent = `The list cannot be had: ${error.message}`;
    }
    // Whoever has asked for more reads on; the list does not change under them.
    if (mine === looks && !cursor) timer = setTimeout(look, PAUSE);
  }

  /** @param {LobbyInfo} game */
  function row(game) {
    const title = clean(game.metadata.title) || clean(game.lobbyId, 64);
    const button = make("button", { type: "button", ariaLabel: `Join ${title}` }, "Join");
    button.addEventListener("click", () => join(game));
    const says = [`${game.players} of ${game.maxPlayers} players`, game.topology, game.autoAccept ? "open" : "ask to join"];
    const lock = game.hasPassword ? [make("span", { className: "locked", title: "has a password" }, make("span", { className: "unseen" }, "has a password"))] : [];
    const item = make("li", {}, make("p", {}, make("b", {}, bdi(title)), ...lock, make("small", {}, says.join(" · "))), button);
    item.dataset.id = game.lobbyId;
    return item;
  }

  /** Shows other games, and keeps the focus on the one that has it. @param {any[]} rows */
  function update(rows) {
    const focused = document.activeElement?.closest("#games li");
    const id = /** @type {any} */ (focused)?.dataset.id;
    $("games").replaceChildren(...rows);
    if (focused) (rows.find(({ dataset }) => dataset.id === id)?.querySelector("button") ?? $("find").querySelector("summary")).focus();
  }

  $("find").addEventListener("toggle", () => look());
  $("filters").addEventListener("change", () => look());
  $("filters").addEventListener("submit", (/** @type {Event} */ event) => event.preventDefault());
  $("more").addEventListener("click", () => look(next));
  document.addEventListener("visibilitychange", () => look());
  return { look: () => look() };
}
