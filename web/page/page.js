// @ts-check
// The page: a name, the ways into a game, and the room. It uses Bellhop only through ../bellhop.js.
import { Bellhop } from "../bellhop.js";
import { codeInAddress, onThisComputer } from "./invite.js";
import { showList } from "./list.js";
import { enterRoom } from "./room.js";
import { myName } from "./name.js";
import { $, busy, clean, on } from "./text.js";
import { drawWire } from "./wire.js";
/** @import { Page, Trouble } from "../page.d.ts" */

const game = new URLSearchParams(location.search).get("game") ?? undefined;
const here = new URL("./", location.href); // works below a proxy's path, too
const bellhop = new Bellhop(here, { game, fallback: "server" });
const playable = typeof RTCPeerConnection === "function";

const wire = drawWire(bellhop, (connectionId) => {
  const peer = bellhop.lobby?.members.find((peer) => peer.connectionId === connectionId);
  return clean(peer?.player?.name) || "the other";
});
const lookAtList = showList(bellhop, ({ lobbyId, hasPassword }) => (hasPassword ? askPassword(lobbyId, "This game has a password.") : join(lobbyId)));

/** @param {"start" | "waiting" | "room"} view */
function show(view) {
  for (const name of ["start", "waiting", "room"]) $(name).hidden = name !== view;
  document.body.dataset.view = view;
  $(`${view}-title`).focus({ preventScroll: true });
  scrollTo(0, 0);
  if (view === "start") lookAtList();
}

/** Shows what is wrong and what to do, or hides that. @param {Trouble | null} what */
function trouble(what) {
  const button = $("trouble-act");
  $("trouble").hidden = !what;
  $("trouble-text").textContent = clean(what?.text, 500);
  button.hidden = !what?.act;
  button.textContent = what?.act ?? "";
  button.onclick = () => {
    trouble(null);
    what?.then?.();
  };
}

const CUT = "The line to Bellhop is cut.";
let trying = false;

async function keepConnected() {
  if (trying) return;
  trying = true;
  let wait = 1;
  // The first attempt might be a resume of a place that is gone.
  const attempt = () => bellhop.connect().catch(() => bellhop.connect()).then(() => null, (error) => error);
  for (let error; (error = await attempt()); wait = Math.min(2 * wait, 30)) {
    if (error.code === "invalid_field") {
      down();
      return trouble({ text: `${error.message} It stands in this page's address.` });
    }
    const answers = await fetch(new URL("healthz", here)).then(({ ok }) => ok, () => false);
    await new Promise((/** @type {(nothing: void) => void} */ resolve) => {
      const timer = setTimeout(resolve, wait * 1000);
      trouble({
        text: `${answers ? REFUSED : NOBODY} Trying again in ${wait} s.`,
        act: "Try now",
        then: () => (clearTimeout(timer), resolve()),
      });
    });
  }
  trying = false;
  if (wait > 1) trouble(null);
  if (!playable) withoutWebRTC();
}

/** What to do without a server. The reader can start it only on the server's computer. */
const NOBODY = `Nobody answers at ${here.host}.${onThisComputer ? " Is Bellhop still running? Start it again." : ""}`;
const REFUSED = `The server answers, but takes no WebSocket from this page. If it runs with -origins, list ${here.origin} there; a proxy has to pass WebSockets on.`;

bellhop.addEventListener("connected", async () => {
  $("status").className = "up";
  if ($("trouble-text").textContent.startsWith(CUT)) trouble(null);
  const start = performance.now();
  await bellhop.request("ping").catch(() => {});
  if (bellhop.connected) $("status").textContent = `Connected, ${Math.ceil(performance.now() - start)} ms`;
});
bellhop.addEventListener("disconnected", () => {
  down();
  keepConnected();
});

function down() {
  $("status").textContent = "No connection";
  $("status").className = "down";
}

function withoutWebRTC() {
  trouble({ text: "This browser has no WebRTC, so it cannot play. Use a current Chrome, Firefox or Safari, or switch WebRTC on: an extension or a setting may keep it off." });
  for (const button of document.querySelectorAll("#host > button, #join button, #quick")) button.setAttribute("disabled", "");
}

let entering = false;
const fails = (/** @type {Error} */ error) => trouble({ text: error.message });

/** Enters a lobby, and shows it until it is over. @type {Page["enter"]} */
const enter = async (how, button, otherwise = fails) => {
  if (!playable || entering) return;
  entering = true;
  if (button !== null) trouble(null); // null: by itself
  try {
    const lobby = await busy(button, how);
    if (!lobby) return;
    trouble(null);
    const token = bellhop.resumeToken ?? "";
    history.replaceState(null, "", `#join=${lobby.id}`);
    lobby.addEventListener("close", ({ reason, message }) => leave(reason, () => takeBack(() => bellhop.resume(token, { player: lobby.me.player })), message));
    $("leave").onclick = () => lobby.leave().catch(() => {}); // if the line is down, it leaves once that is back
    enterRoom(lobby, wire, trouble);
    show("room");
  } catch (error) {
    if (!$("waiting").hidden) show("start");
    if (error.name !== "AbortError") otherwise(error);
  } finally {
    entering = false;
  }
};

/** @type {Record<string, string>} */
const ENDINGS = {
  closed: "The host has ended the game.",
  host_left: "The host has left, and with it the game is over.",
  timed_out: "The host's connection is gone and has not come back, so the game is over.",
  resume_failed: "Bellhop has forgotten this game, and nobody is connected any more. Host a new one.",
};

/** @param {string} reason @param {() => void} again takes the place back @param {string} [message] */
function leave(reason, again, message) {
  history.replaceState(null, "", location.pathname + location.search);
  $("way").textContent = "You are in no game.";
  $("way").classList.remove("stands");
  show("start");
  if (reason === "left" && !bellhop.connected) {
    trouble({ text: CUT + " You have left, and the others hear of it as soon as the line is back." });
  } else if (reason === "replaced") {
    trouble({ text: "Your game goes on in another tab or window: one player is in one place at a time.", act: "Play here instead", then: again });
  } else if (reason === "removed") trouble({ text: message || "" });
  else if (reason in ENDINGS) trouble({ text: ENDINGS[reason] });
}

/** Takes a place back, however often the line breaks on the way. Only Bellhop's answer can mean that it is gone. @type {Page["takeBack"]} */
const takeBack = (take) => {
  const how = async () => {
    for (let wanted = true; wanted; ) {
      try {
        return await take();
      } catch (error) {
        if (error.code === "resume_failed") throw error;
      }
      trouble({ text: "The way back into your game is cut. It is tried again by itself.", act: "Give the game up", then: () => (wanted = false) });
      await new Promise((resolve) => setTimeout(resolve, 4000 * Math.random()));
    }
    return null;
  };
  return enter(how, null, () => trouble({ text: "Your place in that game is gone: it is over, or too much time has passed. Host a new one, or join by a code." }));
};

/** Takes back the place that this tab had before a reload, unless the address names another game. */
const restore = () => takeBack(async () => {
  const lobby = await bellhop.restore();
  if (!lobby || !codeInAddress() || lobby.id === codeInAddress()) return lobby;
  await lobby.leave();
  return null;
});

/** @type {Page["join"]} */
const join = (code, { password, button, orHost } = {}) => {
  const waits = new AbortController();
  const how = () => {
    $("waiting-code").textContent = code;
    $("looked").textContent = "";
    $("cancel").onclick = () => waits.abort();
    show("waiting");
    const options = { password, player: { name: myName() }, signal: waits.signal };
    const joined = orHost ? bellhop.joinOrHost(code, { ...hosting(), ...options }) : bellhop.join(code, options);
    setTimeout(() => $("waiting").hidden || bellhop.look(code).then(describe, () => {}), 300);
    return joined;
  };
  return enter(how, button, (error) => {
    $("code").value = code;
    if (error.code === "wrong_password") {
      askPassword(code, password ? "That is not the password. Ask the host for it, and try again." : "This game has a password.");
    } else if (error.code === "lobby_not_found") {
      trouble({
        text: `There is no game with the code ${code}. Check the spelling: a code is good until the game ends. If you have agreed on it, open a game with it, and the others join by the same code.`,
        act: `Open ${code}`,
        then: () => join(code, { orHost: true }),
      });
      $("code").focus();
    } else fails(error);
  });
};

/** @type {Page["describe"]} */
const describe = (game) => {
  const says = game && [clean(game.metadata?.title, 40), `${game.players} of ${game.maxPlayers} players are in`, game.hostAway && "the host is away"];
  $("looked").textContent = says?.filter(Boolean).join(" · ") ?? "";
};

/** @param {string} code @param {string} text */
function askPassword(code, text) {
  trouble({ text });
  $("code").value = code;
  $("join-password-row").hidden = false;
  $("join-password").value = "";
  $("join-password").focus();
}

function hosting() {
  const name = myName();
  return {
    player: { name },
    metadata: { title: `${name}’s game` },
    onHostLeave: /** @type {"migrate"} */ ("migrate"),
    topology: /** @type {"star" | "mesh"} */ ($("mesh").checked ? "mesh" : "star"),
    public: $("public").checked,
    autoAccept: $("open").checked,
    maxPlayers: Number($("seats").value),
    password: $("password").value || undefined,
  };
}

on("host", "submit", (event) => {
  event.preventDefault();
  enter(() => bellhop.host(hosting()), event.submitter);
});
on("join", "submit", (event) => {
  event.preventDefault();
  join($("code").value, { password: $("join-password-row").hidden ? undefined : $("join-password").value, button: event.submitter });
});
on("code", "input", () => ($("join-password-row").hidden = true));
on("quick", "click", ({ currentTarget }) => enter(() => {
  const { player, ...orStart } = hosting();
  return bellhop.quickJoin({ player, orStart: { ...orStart, password: undefined, public: true, autoAccept: true } });
}, currentTarget));
addEventListener("hashchange", () => !bellhop.lobby && codeInAddress() && join(codeInAddress()));

const address = new URL(here);
address.protocol = address.protocol.replace("http", "ws");
if (game) address.searchParams.set("game", game);
$("snippet").append(`import { Bellhop } from "${new URL("bellhop.js", here)}";

const bellhop = new Bellhop("${address}");
const lobby = await bellhop.host({ autoAccept: true }); // or bellhop.join(code)
lobby.addEventListener("open", ({ peer }) => peer.send("hello"));
lobby.addEventListener("message", ({ data }) => console.log(data));`);

await keepConnected();
await restore();
if (!bellhop.lobby && codeInAddress()) await join(codeInAddress());
