// @ts-check
// The list of public games. Each look costs a message, so it looks only while the list is visible, and seldom.
import { $, bdi, clean, make, on } from "./text.js";
/** @import { Bellhop, LobbyInfo } from "../bellhop.js" */

/** @param {Bellhop} bellhop @param {(game: LobbyInfo) => void} join */
export function showList(bellhop, join) {
  let timer = 0;
  let looks = 0; // only the last one counts
  const visible = () => $("find").open && !$("start").hidden && !document.hidden;

  const filter = () => ({ free_seats: { $gte: Number($("free").value) }, ...($("no-password").checked && { has_password: false }) });

  async function look() {
    clearTimeout(timer);
    if (!visible()) return;
    const mine = ++looks;
    try {
      const { lobbies, cursor } = await bellhop.list({ filter: filter(), limit: 50 });
      if (mine !== looks) return;
      update(lobbies.map(row));
      $("found").textContent = lobbies.length ? `${lobbies.length}${cursor ? " and more" : ""} to join.` : "No game to join at the moment. Host one, and show it here.";
    } catch (error) {
      $("found").textContent = `The list cannot be had: ${error.message}`;
    }
    if (mine === looks) timer = setTimeout(look, 10_000);
  }

  /** @param {LobbyInfo} game */
  function row(game) {
    const title = clean(game.metadata.title) || clean(game.lobbyId, 64);
    const button = make("button", { type: "button", ariaLabel: `Join ${title}`, onclick: () => join(game) }, "Join");
    const says = [`${game.players} of ${game.maxPlayers} players`, game.topology, game.autoAccept ? "open" : "ask to join"];
    if (game.hasPassword) says.push("password");
    const item = make("li", {}, make("p", {}, make("b", {}, bdi(title)), make("small", {}, says.join(" · "))), button);
    item.dataset.id = game.lobbyId;
    return item;
  }

  /** Shows other games, and keeps the focus on the one that has it. @param {any[]} rows */
  function update(rows) {
    const focused = /** @type {any} */ (document.activeElement?.closest("#games li"));
    $("games").replaceChildren(...rows);
    if (focused) (rows.find(({ dataset }) => dataset.id === focused.dataset.id)?.querySelector("button") ?? $("find").querySelector("summary")).focus();
  }

  on("find", "toggle", look);
  on("filters", "change", look);
  document.addEventListener("visibilitychange", look);
  return look;
}
