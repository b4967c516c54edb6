// @ts-check
// The page: a name, the ways into a game, and the room. It uses Bellhop only through ../bellhop.js.
import { Bellhop } from "../bellhop.js";
import { codeInAddress, onThisComputer } from "./invite.js";
import { showList } from "./list.js";
import { enterRoom } from "./room.js";
import { $, clean, on } from "./text.js";
import { drawWire } from "./wire.js";
/** @import { BellhopError, Lobby } from "../bellhop.js" */
/** @typedef {{text: string, act?: string, then?: () => void}} Trouble what is wrong, and a button that helps */

const game = new URLSearchParams(location.search).get("game") ?? undefined;
const here = new URL("./", location.href); // works below a proxy's path, too
const bellhop = new Bellhop(here, { game });
const playable = typeof RTCPeerConnection === "function";

const wire = drawWire(bellhop, (connectionId) => {
  const peer = bellhop.lobby?.members.find((peer) => peer.connectionId === connectionId);
  return clean(peer?.player?.name) || "the other";
});
const lookAtList = showList(bellhop, ({ lobbyId, hasPassword }) => (hasPassword ? askPassword(lobbyId, "This game has a password.") : join(lobbyId)));

// What is seen

/** @param {"start" | "waiting" | "room"} view */
function show(view) {
  for (const name of ["start", "waiting", "room"]) $(name).hidden = name !== view;
  $(`${view}-title`).focus({ preventScroll: true });
  scrollTo(0, 0);
  if (view === "start") lookAtList();
}

/** Shows what is wrong and what to do, or hides that. @param {Trouble | null} what */
function trouble(what) {
  $("trouble").hidden = !what;
  $("trouble-text").textContent = clean(what?.text, 500);
  $("trouble-act").hidden = !what?.act;
  $("trouble-act").textContent = what?.act ?? "";
  $("trouble-act").onclick = () => {
    trouble(null);
    what?.then?.();
  };
}

// The connection to Bellhop, kept with or without a lobby

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
        text: `${answers ? refused() : nobody()} Trying again in ${wait} s.`,
        act: "Try now",
        then: () => (clearTimeout(timer), resolve()),
      });
    });
  }
  trying = false;
  if (wait > 1) trouble(null);
  if (!playable) withoutWebRTC();
}

/** Returns what to do without a server. The reader can start it only on the server's computer. */
function nobody() {
  const start = onThisComputer ? " Is the gateway still running? Start it with: go run ./gateway." : "";
  return `Nobody answers at ${here.host}.${start}`;
}

/** Returns why a running server might refuse a WebSocket. */
function refused() {
  return `The server answers, but takes no WebSocket from this page. If it runs with -origins, list ${here.origin} there; a proxy has to pass WebSockets on.`;
}

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
  for (const button of document.querySelectorAll("#host > button, #join button, #quick")) /** @type {any} */ (button).disabled = true;
}

// Into a game, and out of it

/**
 * Returns a value that the browser keeps, after setting it if value is given; null if the browser keeps nothing. This tab's
 * place is kept, so a reload can resume it.
 * @param {"localStorage" | "sessionStorage"} where @param {string} name @param {unknown} [value] @returns {any}
 */
function kept(where, name, value) {
  try {
    if (value !== undefined) globalThis[where].setItem(name, JSON.stringify(value));
    return JSON.parse(globalThis[where].getItem(name) ?? "null");
  } catch {
    return null;
  }
}
const place = (/** @type {object | null | void} */ value) => kept("sessionStorage", "bellhop-place", value);
/** The token of a place that was left while Bellhop was unreachable. */
const left = (/** @type {string | null | void} */ value) => kept("sessionStorage", "bellhop-left", value);

const player = () => {
  const name = clean($("name").value, 20) || anyName();
  $("name").value = name;
  kept("localStorage", "bellhop-name", name);
  return { name };
};

let entering = false;

/**
 * Enters a lobby, and shows it until it is over.
 * @param {() => Promise<Lobby>} how @param {(error: BellhopError) => void} [otherwise]
 */
async function enter(how, otherwise = (error) => trouble({ text: error.message })) {
  if (!playable || entering) return;
  entering = true;
  trouble(null);
  try {
    const lobby = await how();
    const token = bellhop.resumeToken ?? "";
    const name = lobby.me.player?.name;
    place({ token, name, code: lobby.id, game });
    history.replaceState(null, "", `#join=${lobby.id}`);
    lobby.addEventListener("close", ({ reason, message }) => leave(reason, () => resume(token, name), message));
    $("leave").onclick = () => {
      left(token);
      lobby.leave().then(() => left(null), () => {}); // if the line is down, it leaves once that is back
    };
    enterRoom(lobby, wire, trouble);
    show("room");
  } catch (error) {
    if (!$("waiting").hidden) show("start");
    if (error.name !== "AbortError") otherwise(error);
  } finally {
    entering = false;
  }
}

/** @type {Record<string, string>} */
const ENDINGS = {
  closed: "The host has ended the game.",
  host_left: "The host has left, and with it the game is over.",
  timed_out: "The host's connection is gone and has not come back, so the game is over.",
  resume_failed: "Bellhop has forgotten this game, and nobody is connected any more. Host a new one.",
};

/** @param {string} reason @param {() => void} again takes the place back @param {string} [message] */
function leave(reason, again, message) {
  place(null);
  history.replaceState(null, "", location.pathname + location.search);
  $("way").textContent = "You are in no game.";
  $("way").classList.remove("stands");
  show("start");
  if (reason === "left" && !bellhop.connected) {
    trouble({ text: CUT + " You have left, and the others hear of it as soon as the line is back." });
  } else if (reason === "replaced") {
    trouble({
      text: "Your game goes on in another tab or window: one player is in one place at a time.",
      act: "Play here instead",
      then: again,
    });
  } else if (reason === "removed") trouble({ text: message || "The host has taken you out of the game." });
  else if (reason in ENDINGS) trouble({ text: ENDINGS[reason] });
}

/**
 * Takes a place back, however often the line breaks on the way. Only Bellhop's answer can mean that the place is gone.
 * @param {string} token @param {string} name
 */
function resume(token, name) {
  let wanted = true;
  const how = async () => {
    for (let wait = 1; ; wait = Math.min(2 * wait, 10)) {
      try {
        return await bellhop.resume(token, { player: { name } });
      } catch (error) {
        if (error.code === "resume_failed" || !wanted) throw error;
      }
      await new Promise((/** @type {(nothing: void) => void} */ resolve) => {
        const timer = setTimeout(resolve, wait * 1000 * Math.random());
        const giveUp = () => (clearTimeout(timer), (wanted = false), resolve());
        trouble({ text: "The way back into your game is cut. It is tried again by itself.", act: "Give the game up", then: giveUp });
      });
    }
  };
  return enter(how, () => {
    place(null);
    if (wanted) trouble({ text: "Your place in that game is gone: it is over, or too much time has passed. Host a new one, or join by a code." });
  });
}

/** @param {string} code @param {string} [password] */
function join(code, password) {
  const waits = new AbortController();
  const how = () => {
    $("waiting-code").textContent = code;
    $("cancel").onclick = () => waits.abort();
    show("waiting");
    return bellhop.join(code, { password, player: player(), signal: waits.signal });
  };
  return enter(how, (error) => {
    $("code").value = code;
    if (error.code === "wrong_password") {
      askPassword(code, password ? "That is not the password. Ask the host for it, and try again." : "This game has a password.");
    } else if (error.code === "lobby_not_found") {
      trouble({ text: `There is no game with the code ${code}. Check the spelling with who gave it to you; a code is good until the game ends.` });
      $("code").focus();
    } else trouble({ text: error.message });
  });
}

/** @param {string} code @param {string} text */
function askPassword(code, text) {
  trouble({ text });
  $("code").value = code;
  $("join-password-row").hidden = false;
  $("join-password").value = "";
  $("join-password").focus();
}

/** Returns the settings of a new lobby. */
function hosting() {
  const who = player();
  return {
    player: who,
    metadata: { title: `${who.name}’s game` },
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
  enter(() => bellhop.host(hosting()));
});
on("join", "submit", (event) => {
  event.preventDefault();
  join($("code").value, $("join-password-row").hidden ? undefined : $("join-password").value);
});
on("code", "input", () => ($("join-password-row").hidden = true));
on("quick", "click", () => enter(() => {
  const { player, ...orStart } = hosting();
  return bellhop.quickJoin({ player, orStart: { ...orStart, password: undefined, public: true, autoAccept: true } });
}));
addEventListener("hashchange", () => !bellhop.lobby && codeInAddress() && join(codeInAddress()));

// At the start

function anyName() {
  const any = (/** @type {string} */ words) => words.split(" ")[Math.floor(Math.random() * 8)];
  return `${any("Amber Brave Calm Eager Happy Jolly Lucky Sunny")} ${any("Badger Crane Fox Hare Lynx Otter Owl Wren")}`;
}

$("name").value = kept("localStorage", "bellhop-name") ?? anyName();
const address = new URL(here);
address.protocol = address.protocol.replace("http", "ws");
if (game) address.searchParams.set("game", game);
$("snippet").append(`import { Bellhop } from "${new URL("bellhop.js", here)}";

const bellhop = new Bellhop("${address}");
const lobby = await bellhop.host({ autoAccept: true }); // or bellhop.join(code)
lobby.addEventListener("open", ({ peer }) => peer.send("hello"));
lobby.addEventListener("message", ({ data }) => console.log(data));`);

await keepConnected();
if (left()) await bellhop.resume(left()).then((lobby) => lobby.leave()).then(() => left(null), ({ code }) => code === "resume_failed" && left(null));
const before = place();
if (before && before.game === game && (!codeInAddress() || before.code === codeInAddress())) await resume(before.token, before.name);
else if (codeInAddress()) await join(codeInAddress());
