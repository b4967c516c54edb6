// @ts-check
// The lobby that this player is in: its players, requests to join, the chat and the game.
import { startChat } from "./chat.js";
import { startGame } from "./game.js";
import { showInvite } from "./invite.js";
import { $, bdi, clean, colourOf, make, say } from "./text.js";
import { wayTo } from "./way.js";
/** @import { JoinRequest, Lobby, Peer } from "../bellhop.js" */

/**
 * Shows a lobby until it is over.
 * @param {Lobby} lobby @param {{stands(name: string, relayed?: boolean): void}} wire @param {(what: any) => void} trouble says what is wrong, or null
 */
export function enterRoom(lobby, wire, trouble) {
  const ended = new AbortController();
  const over = ended.signal;
  const ways = /** @type {Map<Peer, string>} */ (new Map()); // in words
  /** The names of all players, from the host: in a star, guests are not linked with each other. */
  let roster = /** @type {Map<number, string>} */ (new Map());
  let told = ""; // last roster sent as the host

  /** @param {number} id */
  const nameOf = (id) => clean(id === lobby.me.peerId ? lobby.me.player?.name : lobby.peer(id)?.player?.name ?? roster.get(id)) || `Player ${id}`;
  const everybody = () => {
    const linked = lobby.members.flatMap(({ peerId }) => peerId ?? []); // a member's number can take a moment to arrive
    return [...new Set([lobby.me.peerId, ...linked, ...roster.keys()])].sort((a, b) => a - b);
  };
  const nameOfPeer = (/** @type {Peer} */ peer) => (peer.peerId === undefined ? "Somebody" : nameOf(peer.peerId));

  const chat = startChat(lobby, nameOf, over);
  const game = startGame(lobby, nameOf, everybody, over);

  // The players

  function showPlayers() {
    const host = lobby.host ? nameOfPeer(lobby.host) : nameOf(lobby.me.peerId);
    $("room-title").replaceChildren(bdi(lobby.isHost ? "Your game" : `${host}’s game`));
    $("invite-code").textContent = lobby.id;
    $("players").replaceChildren(...everybody().map((id) => {
      const peer = lobby.peer(id);
      const marks = [id === lobby.me.peerId && "you", id === lobby.hostPeerId && "host", peer?.away && "no line to Bellhop at the moment"];
      const way = peer ? ways.get(peer) ?? { connecting: "connecting…", failed: "no way found", open: "", closed: "" }[peer.state] : "";
      const says = [...marks, way, `${game.score(id)} s`].filter(Boolean).join(" · ");
      return make("li", {}, make("i", { className: `spot ${colourOf(id)}` }), make("p", {}, bdi(nameOf(id)), make("small", {}, says)));
    }));
    if (!lobby.isHost || lobby.info.topology !== "star") return; // in a mesh they are linked
    const who = JSON.stringify({ t: "who", names: Object.fromEntries(everybody().map((id) => [id, nameOf(id)])) });
    if (who !== told) lobby.send((told = who), { to: "linked" });
  }

  /** Shows the path of the data to each player. */
  async function showWays() {
    const open = lobby.members.filter((peer) => peer.state === "open");
    for (const peer of open) {
      const way = await wayTo(peer).catch(() => null);
      if (way) ways.set(peer, `${way.relayed ? "through TURN" : "direct"}, ${way.protocol}${way.ms === null ? "" : `, ${way.ms} ms`}`);
    }
    if (over.aborted) return;
    for (const peer of ways.keys()) if (!open.includes(peer)) ways.delete(peer);
    const relayed = [...ways.values()].filter((way) => way.startsWith("through")).length;
    const path = [relayed < open.length && "directly", relayed > 0 && "through a TURN server"].filter(Boolean).join(" or ");
    const text = open.length === 0 ? "Messages go through Bellhop until a direct connection stands."
      : `Connected with ${open.map(nameOfPeer).join(", ")}. Play and chat go ${path}: Bellhop is out of the way.`;
    if ($("way").textContent !== text) $("way").textContent = text;
    $("way").classList.toggle("stands", open.length > 0);
    showPlayers();
  }

  // Requests to join

  /** @param {JoinRequest} request */
  function ask(request) {
    const name = clean(request.player?.name) || `Player ${request.peerId}`;
    const button = (/** @type {string} */ label, /** @type {() => Promise<unknown>} */ act) => make("button", {
      type: "button", className: label === "Let in" ? "primary" : "", ariaLabel: `${label}: ${name}`,
      onclick: async () => {
        row.inert = true;
        const next = (row.nextElementSibling ?? row.previousElementSibling)?.querySelector("button") ?? $("field");
        await act().then(() => forget(request), (error) => trouble({ text: error.message }));
        row.inert = false;
        next.focus();
      },
    }, label);
    const row = make("li", { className: "card" }, make("p", {}, bdi(name), " asks to join."),
      button("Let in", () => request.accept()), button("Refuse", () => request.reject("The host has refused.")));
    row.dataset.id = request.connectionId;
    $("requests").append(row);
    say(`${name} asks to join.`);
  }

  /** @param {JoinRequest} request */
  function forget({ connectionId }) {
    for (const row of $("requests").children) if (row.dataset.id === connectionId) row.remove();
  }

  // Events

  lobby.addEventListener("request", ({ request }) => ask(request));
  lobby.addEventListener("cancel", ({ request }) => forget(request));
  lobby.addEventListener("join", showPlayers);
  lobby.addEventListener("update", showPlayers);
  lobby.addEventListener("away", showPlayers);
  lobby.addEventListener("back", showPlayers);
  lobby.addEventListener("open", ({ peer }) => {
    trouble(null);
    chat.note(bdi(nameOfPeer(peer)), " is connected.");
    wayTo(peer).catch(() => null).then((way) => wire.stands(nameOfPeer(peer), way?.relayed));
    $("invite").open = false;
    told = "";
    showWays();
  });
  lobby.addEventListener("lost", ({ peer }) => {
    chat.note("The connection with ", bdi(nameOfPeer(peer)), " is lost. Looking for a way…");
    showWays();
  });
  lobby.addEventListener("restored", ({ peer }) => {
    trouble(null);
    chat.note(bdi(nameOfPeer(peer)), " is connected again.");
    told = "";
    showWays();
  });
  lobby.addEventListener("leave", ({ peer, reason }) => {
    chat.note(bdi(nameOfPeer(peer)), reason === "timed_out" ? " did not come back." : reason === "removed" ? " was removed." : " has left.");
    ways.delete(peer);
    if (peer.peerId !== undefined) roster.delete(peer.peerId);
    showWays();
  });
  lobby.addEventListener("failed", ({ peer, error }) => {
    trouble({ text: `${nameOfPeer(peer)} cannot be reached. ${error.message}`, act: "Try again", then: () => peer.restart() });
    showPlayers();
  });
  lobby.addEventListener("host", ({ peer }) => {
    roster = new Map();
    told = "";
    chat.note(peer ? bdi(nameOfPeer(peer)) : "You", peer ? " is the host now." : " are the host now.");
    showPlayers();
  });
  lobby.addEventListener("signalling", ({ state }) => {
    if (state === "resumed") trouble(null);
    else if (state === "lost") trouble({ text: "The line to Bellhop is cut. You play on, and it is tried again by itself." });
    else {
      $("invite").hidden = true; // its code leads nowhere
      trouble({ text: "Bellhop has forgotten this game. You play on, but nobody else can join: host a new one for that." });
    }
  });
  lobby.addEventListener("message", ({ peer, data }) => {
    const message = read(data);
    if (message?.t === "chat") chat.hear(peer, message);
    else if (message?.t === "who" && peer === lobby.host) {
      const names = Object.entries(message.names ?? {}).map(([id, name]) => [Number(id), clean(name)]);
      roster = new Map(/** @type {[number, string][]} */ (names.filter(([id]) => Number(id) > 0).slice(0, 64)));
      showPlayers();
    } else if (message) game.hear(peer, message);
  });
  lobby.addEventListener("close", () => {
    ended.abort();
    clearInterval(timer);
    $("requests").replaceChildren();
  });

  const timer = setInterval(showWays, 1000);
  showInvite(lobby.id);
  $("invite").open = lobby.isHost && lobby.members.length === 0;
  for (const request of lobby.requests) ask(request);
  showWays();
}

/** Parses a peer's message, which can be anything. @param {string | ArrayBuffer} data @returns {any} an object, or null */
function read(data) {
  try {
    const message = typeof data === "string" && data.length < 64_000 ? JSON.parse(data) : null;
    return typeof message === "object" ? message : null;
  } catch {
    return null;
  }
}
