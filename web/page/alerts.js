// @ts-check
// What needs attention: requests to join, and the host's absence.
import { sound } from "./sound.js";
import { $, action, bdi, clean, make, say, write } from "./text.js";
/** @import { JoinRequest } from "../bellhop.js" */
/** @import { Room } from "../page.d.ts" */

const TITLE = document.title;

/** @param {Room} room */
export function showRequests({ lobby, trouble, over }) {
  const list = $("requests");

  /** Says it in the tab's title and icon. */
  function mark() {
    const [first, ...more] = list.children;
    const text = more.length ? `${more.length + 1} players ask to join` : first?.firstChild.textContent;
    document.title = text ? `● ${text}` : TITLE;
    $("icon").href = `page/icon${text ? "-asks" : ""}.svg`;
  }

  /** @param {JoinRequest} request */
  function ask(request) {
    const name = clean(request.player?.name) || `Player ${request.peerId}`;
    const button = (/** @type {string} */ label, /** @type {() => Promise<unknown>} */ act) => action(label, async () => {
      const next = (row.nextElementSibling ?? row.previousElementSibling)?.querySelector("button") ?? $("field");
      await act().then(() => forget(request), (error) => trouble({ text: error.message }));
      next.focus();
    }, `${label}: ${name}`);
    const row = make("li", { className: "card" }, make("p", {}, bdi(name), " asks to join."),
      button("Let in", () => request.accept()), button("Refuse", () => request.reject("The host has refused.")));
    row.dataset.id = request.connectionId;
    list.append(row);
    say(`${name} asks to join.`);
    sound("knock");
    mark();
  }

  /** @param {JoinRequest} request */
  function forget({ connectionId }) {
    for (const row of list.children) if (row.dataset.id === connectionId) row.remove();
    mark();
  }

  lobby.addEventListener("request", ({ request }) => ask(request));
  lobby.addEventListener("cancel", ({ request }) => forget(request));
  over.addEventListener("abort", () => (list.replaceChildren(), mark()));
  lobby.requests.forEach(ask);
}

/** Returns a function that shows how the host is. @param {Room} room */
export function watchHost({ lobby, people, over }) {
  let until = 0; // when the host's place is given up
  lobby.addEventListener("away", ({ peer, resumeUntil }) => {
    if (peer === lobby.host) until = resumeUntil.getTime();
  });
  over.addEventListener("abort", () => ($("away").hidden = true));

  return function show() {
    const { host } = lobby;
    const wrong = people.trouble(lobby.hostPeerId);
    $("away").hidden = over.aborted || !host || !["away", "lost"].includes(wrong);
    const name = people.name(lobby.hostPeerId);
    const next = `If that lasts, ${lobby.info.onHostLeave === "migrate" ? "another player takes over" : "the game ends"}.`;
    write($("away-text"), wrong === "away" ? `${name}, the host, has no line to Bellhop. You play on. ${next}`
      : host?.away ? `${name}, the host, is away, and the game waits. ${next}`
        : `The connection with ${name}, the host, is lost. The game waits for a new one.`);
    write($("away-left"), host?.away && until > Date.now() ? `${Math.ceil((until - Date.now()) / 1000)} s` : "");
  };
}
