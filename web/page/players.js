// @ts-check
// The list of players, with a menu for each. In one's own menu are one's name and colour.
import { rename } from "./name.js";
import { COLOURS } from "./people.js";
import { waits } from "./rules.js";
import { $, action, bdi, make, on, write } from "./text.js";
/** @import { Room } from "../page.d.ts" */

/** pathTo says how data gets to a player. @param {Room} room @param {(id: number) => string} pathTo */
export function listPlayers({ lobby, people, round, trouble, over }, pathTo) {
  const me = lobby.me.peerId;
  const rows = /** @type {Map<number, ReturnType<typeof newRow>>} */ (new Map());
  const list = $("players");
  list.replaceChildren();

  const fails = (/** @type {Error} */ error) => trouble({ text: error.message });

  /** What the host can do with a player. @param {number} id */
  function acts(id) {
    const remove = (ban = false) => lobby.remove(/** @type {any} */ (lobby.peer(id)), { reason: "The host has taken you out of the game.", ban });
    const all = { "Make host": () => lobby.setHost(id), Remove: () => remove(), "Remove for good": () => remove(true) };
    return Object.entries(all).map(([label, act]) => action(label, () => act().then(() => close(true), fails)));
  }

  /** This player's name and colour. */
  function profile() {
    const change = (/** @type {{name?: string, colour?: number}} */ what) => people.change(what).catch(fails);
    const name = make("input", { id: "my-name", maxLength: 20, autocomplete: "off", onchange: () => change({ name: (name.value = rename(name.value)) }) });
    const swatches = COLOURS.map((colour, i) => make("label", { className: `swatch c${i}` },
      make("input", { type: "radio", name: "colour", ariaLabel: colour, onchange: () => change({ colour: i }) })));
    return [make("p", { className: "field" }, make("label", { htmlFor: "my-name" }, "Your name"), name),
      make("fieldset", {}, make("legend", {}, "Your colour"), ...swatches)];
  }

  /** @param {number} id */
  function newRow(id) {
    const [spot, name, says] = [make("i", { className: "spot" }), bdi(""), make("small")];
    const [crown, path] = [make("span", { className: "crown" }, make("span", { className: "unseen" }, "host")), make("p", { className: "hint" })];
    const inside = make("div", { className: "acts" }, ...(id === me ? profile() : acts(id)));
    const menu = make("details", { name: "player", ontoggle() {
      if (!menu.open || id !== me) return;
      $("my-name").value = people.name(id);
      menu.querySelector(`.${people.colour(id)} input`).checked = true;
    } }, make("summary", {}, spot, make("span", { className: "who" }, make("span", { className: "line" }, name, crown), says)), make("div", { className: "menu" }, path, inside));
    return { item: make("li", {}, menu), spot, name, crown, says, path, inside };
  }

  /** Closes the open menu. */
  function close(focus = false) {
    const open = list.querySelector("[open]");
    if (open) open.open = false;
    if (focus) open?.firstChild.focus();
  }

  on("players", "keydown", ({ key }) => key === "Escape" && close(true), over);
  document.addEventListener("pointerdown", ({ target }) => /** @type {any} */ (target).closest("#players [open]") || close(), { signal: over });

  return function show() {
    const ids = people.ids();
    for (const [id, { item }] of rows) if (!ids.includes(id)) item.remove(), rows.delete(id);
    ids.forEach((id, i) => {
      if (!rows.has(id)) rows.set(id, newRow(id));
      const { item, spot, name, crown, says, path, inside } = /** @type {any} */ (rows.get(id));
      if (list.children[i] !== item) list.insertBefore(item, list.children[i] ?? null);
      const [wrong, ready, wins] = [people.trouble(id), waits(round) && people.isReady(id), round.wins[id]];
      const state = wrong || (ready ? "✓ ready" : waits(round) ? "not ready" : `${Math.floor(round.scores[id] ?? 0)} s`);
      spot.className = `spot ${people.colour(id)}`;
      write(name, people.name(id));
      crown.hidden = id !== lobby.hostPeerId;
      write(says, [id === me && "you", state, wins && `${wins} won`].filter(Boolean).join(" · "));
      item.className = [wrong || (ready && "ready"), id === me && "mine"].filter(Boolean).join(" ");
      write(path, pathTo(id));
      inside.hidden = id !== me && !lobby.isHost;
    });
  };
}
