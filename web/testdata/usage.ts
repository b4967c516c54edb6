// What a game written in TypeScript may and may not write; tsc reads it, and nobody runs it.
import { Bellhop, BellhopError, Peer, type Lobby, type LobbyInfo } from "../bellhop.js";

const bellhop = new Bellhop("wss://play.example.com", {
  game: "tanks",
  token: async () => "a JWT",
  iceServers: [{ urls: "stun:stun.example.com" }],
});

async function play(): Promise<Lobby> {
  const { lobbies, cursor } = await bellhop.list({ filter: { "metadata.mode": "duel", free_seats: { $gte: 1 } } });
  const first: LobbyInfo | undefined = lobbies[0];
  if (cursor) await bellhop.list({ cursor });
  try {
    return await bellhop.join(first?.lobbyId ?? "fox", { password: "p", player: { name: "Ann" }, signal: AbortSignal.timeout(9) });
  } catch (error) {
    if (error instanceof BellhopError && error.code === "lobby_full") console.log(error.message, error.retryAfter);
    // @ts-expect-error there is no such code
    if (error instanceof BellhopError && error.code === "lobby_empty") return;
    return bellhop.quickJoin({ orStart: { maxPlayers: 4, topology: "mesh", onHostLeave: "migrate", metadata: { mode: "duel" } } });
  }
}

const lobby = await play();
lobby.addEventListener("request", async ({ request }) => {
  const peer: Peer = await request.accept({ peerId: 7 });
  await lobby.remove(peer, { reason: "Be nice.", ban: true });
});
lobby.addEventListener("message", ({ peer, data }) => {
  const length: number = typeof data === "string" ? data.length : data.byteLength;
  peer.send(new Uint8Array(length), { reliable: false });
});
lobby.onforward = ({ from, to, data }) => from !== 2 || to === undefined || data.t !== "chat";
lobby.addEventListener("reach", ({ peerIds }) => console.log(peerIds.length === lobby.reach.length));
lobby.addEventListener("message", ({ peerId, player }) => lobby.send({ seen: peerId, by: [player?.name, null, 1] }, { to: peerId }));
lobby.send("only to the host", { to: "linked", reliable: false });
// @ts-expect-error JSON has no undefined
lobby.send(undefined);
// @ts-expect-error a number, or "linked"
lobby.send("x", { to: "host" });
lobby.addEventListener("lost", ({ peer }) => console.log(peer.state === "failed", peer.buffered));
lobby.addEventListener("error", ({ peer, error }) => console.log(peer?.peerId, error.message));
lobby.addEventListener("host", ({ peer }) => console.log(peer === null ? lobby.isHost : peer.peerId));
lobby.addEventListener("close", ({ reason }) => {
  if (reason === "removed") bellhop.close();
  // @ts-expect-error there is no such reason
  if (reason === "bored") bellhop.close();
});
lobby.addEventListener("players", () => {
  for (const [id, { player, isHost, isMe, away, peer }] of lobby.players) console.log(id, player.name, isHost, isMe, away, peer?.state);
});
lobby.addEventListener("playerleave", ({ peerId, player, reason }) => console.log(peerId, player, reason === "unlinked"));
lobby.addEventListener("chat", ({ peerId, player, data }) => console.log(peerId, player, data));
await lobby.updatePlayer({ name: "Ann", ready: true });
await lobby.chat({ text: "hello" }, { to: lobby.players.get(1) });
await lobby.setHost(lobby.members[0] ?? 2);
// @ts-expect-error the map is what Bellhop says
lobby.players.clear();
const again: Lobby | null = await bellhop.restore({ lobbyId: "fox" });
const seen: LobbyInfo | null = await bellhop.look("fox");
console.log(again?.info.roster, seen?.hostAway, await bellhop.joinOrHost("fox", { password: "p", maxPlayers: 4, roster: false }));
new Bellhop("wss://play.example.com", { storage: localStorage });
new Bellhop("wss://play.example.com", { storage: null });
// @ts-expect-error members are linked with the host alone, or with each other
await bellhop.host({ topology: "ring" });
// @ts-expect-error only Bellhop says who is in
lobby.members = [];
await lobby.update({ password: null, locked: true });

const { event, content } = await bellhop.request("get_ice_servers");
bellhop.addEventListener("error", ({ error }) => console.log(error.code));
bellhop.addEventListener("wire", ({ sent, message }) => console.log(sent ? message.action : message.event, message.content));
const alone = new Peer({ polite: true, offers: false, relay: (action, content) => console.log(action, content) });
alone.receive("description", content);
console.log(event, alone.connection.connectionState, alone.state === "open");
