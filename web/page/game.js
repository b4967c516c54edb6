// @ts-check
// Catch the key: every player is a dot, and the first to hold the key for long enough wins. Each player sends its position
// some 20 times a second over the unreliable channel, and the host decides who has the key. All messages are checked.
import { $, colourOf, make, on, say } from "./text.js";
/** @import { Lobby, Peer } from "../bellhop.js" */
/** @typedef {{x: number, y: number, goal: {x: number, y: number}, placed: boolean, dot: any}} Player placed: its position is known */

/** The size of the field, and the distance at which two players touch, in units. */
const [WIDTH, HEIGHT, TOUCH] = [1000, 600, 56];
/** Units a second. The player with the key is slower, so the key changes hands. */
const [SPEED, BURDENED, DASH] = [330, 285, 900];
/** Milliseconds: of a dash, between two, between two takings, between two messages, and between two rounds. */
const [DASHES, REST, SAFE, BEAT, CHEER] = [160, 1300, 1200, 50, 4000];
const SECONDS_TO_WIN = 20;

/** @type {Record<string, [number, number]>} */
const STEPS = {
  ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1],
};

/** Returns a stranger's number, within bounds. @param {unknown} n @param {number} max */
const within = (n, max) => (typeof n === "number" && n > 0 ? Math.min(n, max) : 0);

const anywhere = () => ({ x: WIDTH * (0.15 + 0.7 * Math.random()), y: HEIGHT * (0.2 + 0.6 * Math.random()) });

/**
 * @param {Lobby} lobby @param {(peerId: number) => string} nameOf
 * @param {() => number[]} everybody who plays, by their numbers @param {AbortSignal} over
 */
export function startGame(lobby, nameOf, everybody, over) {
  const me = lobby.me.peerId;
  const players = /** @type {Map<number, Player>} */ (new Map());
  const key = { ...anywhere(), by: 0, since: 0 };
  let scores = /** @type {Record<number, number>} */ ({}); // seconds
  let winner = 0;
  let cheered = 0; // since when
  const pressed = /** @type {Set<string>} */ (new Set());
  let target = /** @type {{x: number, y: number} | null} */ (null);
  let dashed = -REST;
  let [before, sent, ruled] = [performance.now(), 0, performance.now()];
  const field = $("field");
  $("dots").replaceChildren();

  /** @param {number} id */
  function player(id) {
    let known = players.get(id);
    if (!known) {
      const place = anywhere();
      known = { ...place, goal: place, placed: id === me, dot: make("div", { className: `dot ${colourOf(id)}${id === me ? " me" : ""}` }, make("i"), make("bdi")) };
      $("dots").append(known.dot);
      players.set(id, known);
    }
    return known;
  }

  // What this player does

  function move(/** @type {number} */ seconds, /** @type {number} */ now) {
    const mine = player(me);
    let [dx, dy] = [0, 0];
    for (const code of pressed) [dx, dy] = [dx + STEPS[code][0], dy + STEPS[code][1]];
    if (dx || dy) target = null;
    else if (target) [dx, dy] = [target.x - mine.x, target.y - mine.y];
    const far = Math.hypot(dx, dy);
    if (!far) return;
    const speed = now - dashed < DASHES ? DASH : key.by === me ? BURDENED : SPEED;
    const step = Math.min(speed * seconds, target ? far : Infinity);
    mine.x = within(mine.x + (dx / far) * step, WIDTH);
    mine.y = within(mine.y + (dy / far) * step, HEIGHT);
    if (target && far <= step) target = null;
  }

  function dash() {
    const now = performance.now();
    if (now - dashed > REST) dashed = now;
  }

  /** Tells screen readers where the key is. */
  function where() {
    const [mine, has] = [player(me), key.by];
    if (has === me) return say("You have the key.");
    const [dx, dy] = [key.x - mine.x, key.y - mine.y];
    const parts = [Math.abs(dy) > TOUCH / 2 && (dy < 0 ? "up" : "down"), Math.abs(dx) > TOUCH / 2 && (dx < 0 ? "left" : "right")];
    say(`The key is ${parts.filter(Boolean).join(" and ") || "here"}${has ? `, ${nameOf(has)} has it` : ""}.`);
  }

  // What the host decides

  /** @param {number} now */
  function rule(now) {
    const seconds = Math.min(1.5, (now - ruled) / 1000); // timers of a page in the background run once a second
    ruled = now;
    const here = everybody().filter((id) => player(id).placed);
    if (winner) {
      if (now - cheered > CHEER) [winner, scores, key.by] = [0, {}, 0], Object.assign(key, anywhere());
      return;
    }
    if (!here.includes(key.by)) key.by = 0;
    const holder = key.by ? player(key.by) : null;
    if (holder) [key.x, key.y] = [holder.x, holder.y];
    for (const id of here) {
      const { x, y } = player(id);
      if (id === key.by || Math.hypot(x - key.x, y - key.y) > TOUCH || now - key.since < (holder ? SAFE : 0)) continue;
      [key.by, key.since] = [id, now];
      break;
    }
    if (!key.by) return;
    scores[key.by] = (scores[key.by] ?? 0) + seconds;
    if (scores[key.by] >= SECONDS_TO_WIN) [winner, cheered] = [key.by, now];
  }

  /** @param {number} now */
  function tell(now) {
    if (now - sent < BEAT) return;
    sent = now;
    const round = (/** @type {{x: number, y: number}} */ { x, y }) => [Math.round(x), Math.round(y)];
    lobby.send(JSON.stringify({ t: "at", at: round(player(me)) }), { to: "linked", reliable: false });
    if (!lobby.isHost) return;
    const at = Object.fromEntries(everybody().map((id) => [id, round(player(id))]));
    lobby.send(JSON.stringify({ t: "world", key: [...round(key), key.by], scores, winner, at }), { to: "linked", reliable: false });
  }

  // What is seen

  let [shownHolder, shownWinner] = [-1, -1]; // so that the goal is announced first, even after another game

  /** @param {number} seconds */
  function draw(seconds) {
    const here = everybody();
    for (const [id, { dot }] of players) {
      if (here.includes(id)) continue;
      dot.remove();
      players.delete(id);
    }
    for (const id of here) {
      const one = player(id);
      if (id !== me) { // it glides between two messages
        const part = Math.min(1, seconds * 14);
        one.x += (one.goal.x - one.x) * part;
        one.y += (one.goal.y - one.y) * part;
      }
      place(one.dot, one);
      const name = nameOf(id);
      if (one.dot.title !== name) {
        one.dot.title = one.dot.lastChild.textContent = name;
        one.dot.firstChild.textContent = [...name][0]?.toUpperCase() ?? "";
      }
      one.dot.style.setProperty("--part", String(Math.min(1, (scores[id] ?? 0) / SECONDS_TO_WIN)));
    }
    const holder = players.get(key.by);
    place($("key"), holder ?? key);
    $("key").classList.toggle("held", !!holder);
    $("dash").classList.toggle("resting", performance.now() - dashed < REST);
    if (key.by !== shownHolder || winner !== shownWinner) announce();
  }

  function announce() {
    const who = (/** @type {number} */ id) => (id === me ? "You" : nameOf(id));
    const [holder, won] = [who(key.by), who(winner)];
    $("goal").textContent = winner ? `${won} ${winner === me ? "win" : "wins"}! The next round begins.`
      : key.by ? `${holder} ${key.by === me ? "have" : "has"} the key.` : `Catch the key, and keep it for ${SECONDS_TO_WIN} seconds.`;
    field.classList.toggle("won", winner !== 0);
    say($("goal").textContent);
    [shownHolder, shownWinner] = [key.by, winner];
  }

  /** @param {any} element @param {{x: number, y: number}} at */
  function place(element, { x, y }) {
    element.style.transform = `translate(${((x / WIDTH) * 100).toFixed(2)}cqw, ${((y / HEIGHT) * 100).toFixed(2)}cqh)`;
  }

  // The clock: frames while the page is visible; otherwise timers and messages keep the host's rules going.

  function beat() {
    const now = performance.now();
    if (lobby.isHost) rule(now);
    tell(now);
  }

  function frame() {
    if (over.aborted) return;
    const now = performance.now();
    const seconds = Math.min(0.1, (now - before) / 1000);
    before = now;
    move(seconds, now);
    beat();
    draw(seconds);
    requestAnimationFrame(frame);
  }

  const timer = setInterval(beat, 1000);
  over.addEventListener("abort", () => clearInterval(timer));
  requestAnimationFrame(frame);

  // Keys and fingers

  on("field", "keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    if (event.code in STEPS) pressed.add(event.code);
    else if (event.code === "Space") dash();
    else if (event.code === "KeyL") where();
    else return;
    event.preventDefault(); // the page would scroll
  }, over);
  on("field", "keyup", ({ code }) => pressed.delete(code), over);
  on("field", "blur", () => pressed.clear(), over);
  const aim = (/** @type {PointerEvent} */ event) => {
    const box = field.getBoundingClientRect();
    target = { x: within(((event.clientX - box.left) / box.width) * WIDTH, WIDTH), y: within(((event.clientY - box.top) / box.height) * HEIGHT, HEIGHT) };
  };
  on("field", "pointerdown", (event) => {
    field.setPointerCapture(event.pointerId);
    aim(event);
  }, over);
  on("field", "pointermove", (event) => event.buttons && aim(event), over);
  for (const type of ["pointerdown", "click"]) on("dash", type, dash, over); // a second finger clicks nothing

  return {
    /** How long somebody has had the key. @param {number} id */
    score: (id) => Math.floor(scores[id] ?? 0),
    /** @param {Peer} peer @param {any} message */
    hear(peer, message) {
      if (peer.peerId === undefined) return;
      if (message.t === "at") put(peer.peerId, message.at);
      if (message.t === "world" && peer === lobby.host) {
        for (const [id, at] of Object.entries(message.at ?? {})) {
          if (Number(id) !== me && !lobby.peer(Number(id))) put(Number(id), at); // a linked player sends its own position
        }
        const [x, y, by] = Array.isArray(message.key) ? message.key : [];
        Object.assign(key, { x: within(x, WIDTH), y: within(y, HEIGHT), by: within(by, Infinity) });
        scores = Object.fromEntries(Object.entries(message.scores ?? {}).map(([id, n]) => [id, within(n, SECONDS_TO_WIN)]));
        winner = within(message.winner, Infinity);
      }
      if (lobby.isHost) beat();
    },
  };

  /** @param {number} id @param {any} at */
  function put(id, at) {
    if (!everybody().includes(id)) return;
    const one = player(id);
    one.placed = true;
    one.goal = { x: within(at?.[0], WIDTH), y: within(at?.[1], HEIGHT) };
    if (document.hidden) [one.x, one.y] = [one.goal.x, one.goal.y]; // nobody sees it glide, and the rules need its position
  }
}
