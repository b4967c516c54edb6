// @ts-check
// The lobby that this player is in: its players, the requests to join, the chat and the game.
import { wayOf } from "../link.js";
import { showRequests, watchHost } from "./alerts.js";
import { startChat } from "./chat.js";
import { startGame } from "./game.js";
import { showInvite } from "./invite.js";
import { knowPeople } from "./people.js";
import { listPlayers } from "./players.js";
import { newRound } from "./rules.js";
import { $, bdi, write } from "./text.js";
/** @import { Lobby, Peer } from "../bellhop.js" */
/** @import { Room, Wire } from "../page.d.ts" */

/** Shows a lobby until it is over. @param {Lobby} lobby @param {Wire} wire @param {Room["trouble"]} trouble */
export function enterRoom(lobby, wire, trouble) {
  const ended = new AbortController();
  const ways = /** @type {Map<Peer, string>} */ (new Map()); // in words
  const people = knowPeople(lobby);
  const room = { lobby, people, round: newRound(), trouble, over: ended.signal };
  const nameOf = (/** @type {Peer} */ peer) => people.name(peer.peerId ?? 0);

  const game = startGame(room);
  const chat = startChat(room, game.bubble);
  const showHost = watchHost(room);
  const showPlayers = listPlayers(room, (id) => {
    const peer = lobby.peer(id);
    return id === lobby.me.peerId ? "" : peer ? ways.get(peer) ?? people.trouble(id) : "connected by the host";
  });
  showRequests(room);

  function show() {
    write($("room-title").firstChild, lobby.isHost ? "Your game" : `${people.name(lobby.hostPeerId)}’s game`);
    showPlayers();
    showHost();
  }

  /** Shows the path of the data to each player. */
  async function showWays() {
    const open = lobby.members.filter((peer) => peer.state === "open");
    for (const peer of open) {
      const way = await wayOf(peer.connection).catch(() => null);
      if (peer.way === "server") ways.set(peer, "through Bellhop");
      else if (way) ways.set(peer, `${way.way === "relay" ? "through TURN" : "direct"}, ${way.protocol}${way.ms === null ? "" : `, ${way.ms} ms`}`);
    }
    if (room.over.aborted) return;
    for (const peer of ways.keys()) if (!open.includes(peer)) ways.delete(peer);
    const by = (/** @type {string} */ start) => [...ways.values()].some((way) => way.startsWith(start));
    const path = [by("direct") && "directly", by("through TURN") && "through a TURN server", by("through Bellhop") && "through Bellhop"].filter(Boolean).join(" or ");
    write($("way"), open.length === 0 ? "Messages go through Bellhop until a direct connection stands."
      : `Connected with ${open.map(nameOf).join(", ")}. Play and chat go ${path || "directly"}${by("through Bellhop") ? "" : ": Bellhop is out of the way"}.`);
    $("way").classList.toggle("stands", open.length > 0);
    show();
  }

  for (const type of ["players", "reach", "update"]) lobby.addEventListener(type, show);
  lobby.addEventListener("playerjoin", ({ peerId }) => chat.note(bdi(people.name(peerId)), " has joined."));
  lobby.addEventListener("playerleave", ({ peerId, reason }) => chat.note(bdi(people.name(peerId)), reason === "timed_out" ? " did not come back." : reason === "removed" ? " was removed." : " has left."));
  lobby.addEventListener("open", ({ peer }) => {
    trouble(null);
    $("invite").open = false;
    showWays();
  });
  lobby.addEventListener("way", ({ peer, way, error }) => {
    if (error) trouble({ text: `${nameOf(peer)} plays through Bellhop, slowly. ${error.message}`, act: "Try again", then: () => peer.restart() });
    else {
      trouble(null);
      wire.stands(nameOf(peer), way === "relay");
    }
    showWays();
  });
  for (const type of ["lost", "restored"]) {
    lobby.addEventListener(type, (/** @type {any} */ { peer }) => {
      if (type === "restored") trouble(null);
      chat.note(bdi(nameOf(peer)), type === "lost" ? " is lost. Looking for a way…" : " is connected again.");
      showWays();
    });
  }
  lobby.addEventListener("failed", ({ peer, error }) => {
    trouble({ text: `${nameOf(peer)} cannot be reached. ${error.message}`, act: "Try again", then: () => peer.restart() });
    show();
  });
  lobby.addEventListener("host", ({ peer }) => {
    chat.note(peer ? bdi(nameOf(peer)) : "You", peer ? " is the host now." : " are the host now.");
    showWays();
  });
  lobby.addEventListener("signalling", ({ state }) => {
    $("invite").hidden = $("share").hidden = state === "gone"; // its code leads nowhere
    trouble(state === "resumed" ? null : { text: state === "lost" ? "The line to Bellhop is cut. You play on, and it is tried again by itself."
      : "Bellhop has forgotten this game. You play on, but nobody else can join: host a new one for that." });
  });
  lobby.addEventListener("message", ({ peerId, data }) => {
    if (data?.t === "chat") chat.hear(peerId, data);
    else game.hear(peerId, data);
  });
  lobby.addEventListener("close", () => {
    ended.abort();
    clearInterval(timer);
  });

  const timer = setInterval(showWays, 1000);
  $("room-title").replaceChildren(bdi(""));
  showInvite(lobby.id);
  $("invite").open = lobby.isHost && lobby.members.length === 0;
  showWays();
}
