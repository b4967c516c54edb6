// A game in the model that uses bellhop.js as the guide says: it accepts everybody, and restores its place after a reload.

import { Bellhop } from "../bellhop.js";

const { client, life } = globalThis;
const bellhop = new Bellhop(client.url, { keepAlive: client.options.keepAlive, storage: client.storage });
const pending = new Map(); // promises that have not settled, by number
const heard = new Map(); // the last word of each peer, by its number
let lobby = null;
let entering = false;
let calls = 0;

/** Makes a call that must settle. */
async function call(name, how) {
  const id = ++calls;
  pending.set(id, `${name} since ${(client.world.now / 1000).toFixed(2)}`);
  client.note(`calls ${name}`);
  try {
    const result = await how();
    client.note(`${name} resolves`);
    return result;
  } catch (error) {
    client.note(`${name} rejects: ${error.code ?? error.name} ${error.message}`);
    throw error;
  } finally {
    pending.delete(id);
  }
}

async function enter(name, how) {
  if (entering || bellhop.lobby) return;
  entering = true;
  try {
    play(await call(name, how));
  } catch (error) {
    if (error.name !== "BellhopError" && error.name !== "AbortError" && error.name !== "TimeoutError") throw error;
  } finally {
    entering = false;
  }
}

function play(entered) {
  lobby = entered;
  heard.clear();
  entered.addEventListener("request", ({ request }) => admit(entered, request));
  entered.addEventListener("message", ({ peer, data }) => heard.set(peer.peerId, Number(data)));
  for (const name of ["join", "leave", "away", "back", "open", "lost", "restored", "failed", "host", "signalling", "playerjoin", "playerleave", "error"]) {
    entered.addEventListener(name, ({ peer, peerId, state, reason, error }) => {
      client.note(`lobby: ${name} ${[peer?.peerId ?? peerId, state, reason, error?.message].filter(Boolean)}`);
    });
  }
  entered.addEventListener("close", ({ reason }) => {
    client.note(`lobby: close ${reason}`);
    if (lobby === entered) lobby = null;
  });
}

/** Accepts a player who still waits. */
async function admit(entered, request) {
  while (entered === lobby && entered.requests.includes(request)) {
    await quietly(call("accept", () => request.accept()));
    await new Promise((resolve) => setTimeout(resolve, 1000));
  }
}

/** Takes back the previous page's place. */
async function restore() {
  entering = true;
  while (client.saved) {
    try {
      const entered = await call("restore", () => bellhop.restore());
      if (entered) play(entered);
      break;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 1000));
    }
  }
  entering = false;
}

const quietly = (promise) => promise?.catch(() => {});

/** What a player does, by name. */
const player = { name: `client ${client.name}` };
const acts = {
  host: (options) => enter("host", () => bellhop.host({ player, lobbyId: "fox", public: true, ...options })),
  join: (signal) => enter("join", () => bellhop.join("fox", { player, signal: signal && AbortSignal.timeout(signal) })),
  quickJoin: (orStart) => enter("quickJoin", () => bellhop.quickJoin({ player, orStart: { public: true, ...orStart } })),
  leave: () => lobby && quietly(call("leave", () => lobby.leave())),
  close: () => lobby && quietly(call("close", () => lobby.close())),
  update: (changes) => lobby?.isHost && quietly(call("update", () => lobby.update(changes))),
  setHost: (at) => lobby?.isHost && lobby.members.length && quietly(call("setHost", () => lobby.setHost(lobby.members.at(at)))),
  updatePlayer: (n) => lobby && quietly(call("updatePlayer", () => lobby.updatePlayer({ ...player, n }))),
  chat: (data) => lobby && quietly(call("chat", () => lobby.chat(data))),
  remove: () => lobby?.isHost && lobby.members.length && quietly(call("remove", () => lobby.remove(lobby.members[0]))),
};

life.game = {
  act: (name, given) => void acts[name](given),
  event: (name) => dispatchEvent(new Event(name)),
  wake: (name) => life.wake(window, name),
  speak(beat) {
    for (const peer of lobby?.members ?? []) if (peer.state === "open") peer.send(String(beat));
  },
  show() {
    const { lobby: is, resumeToken: token } = bellhop;
    return {
      pending: [...pending.values()], token, stale: Boolean(lobby && lobby !== is && !lobby.members.some(({ state }) => state === "open")),
      lobby: is && { id: is.id, me: is.me, hostPeerId: is.hostPeerId, info: is.info },
      players: is && [...is.players].map(([id, { player, isHost, isMe, away, peer }]) =>
        [id, JSON.stringify(player), isHost && "host", isMe && "me", away && "away", peer && "linked"].filter(Boolean).join(" ")),
      members: (is?.members ?? []).map(({ peerId, connectionId, away, state }) =>
        ({ peerId, connectionId, away, state, heard: heard.get(peerId) ?? 0 })),
    };
  },
};
restore();
life.loaded();
