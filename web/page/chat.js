// @ts-check
// Chat, over the reliable channel. In a star the host forwards its guests' messages, since they are linked only with it.
import { $, bdi, clean, make, on } from "./text.js";
/** @import { Lobby, Peer } from "../bellhop.js" */

/** @param {Lobby} lobby @param {(peerId: number) => string} nameOf @param {AbortSignal} over */
export function startChat(lobby, nameOf, over) {
  const log = $("log");
  log.replaceChildren();
  on("chat", "submit", (event) => {
    event.preventDefault();
    const text = clean($("say").value, 300);
    $("say").value = "";
    if (!text) return;
    if (lobby.send(JSON.stringify({ t: "chat", text }), { to: "linked" }) === 0) note("Nobody is connected yet.");
    else show(lobby.me.peerId, text);
  }, over);

  /** @param {number} from @param {string} text */
  function show(from, text) {
    put(make("p", {}, make("b", {}, bdi(nameOf(from))), " ", bdi(text)));
  }

  /** @param {...(Node | string)} words */
  function note(...words) {
    put(make("p", { className: "note" }, ...words));
  }

  /** @param {HTMLElement} line */
  function put(line) {
    log.append(line);
    if (log.childElementCount > 100) log.firstElementChild.remove();
    requestAnimationFrame(() => (log.scrollTop = log.scrollHeight));
  }

  return {
    note,
    /** @param {Peer} peer @param {any} message */
    hear(peer, message) {
      const text = clean(message.text, 300);
      if (!text || peer.peerId === undefined) return;
      const star = lobby.info.topology === "star";
      const passedOn = star && peer === lobby.host && Number.isInteger(message.from);
      const from = passedOn ? message.from : peer.peerId;
      show(from, text);
      if (!star || !lobby.isHost) return;
      for (const member of lobby.members) if (member !== peer) member.send(JSON.stringify({ t: "chat", text, from }));
    },
  };
}
