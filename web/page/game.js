// @ts-check
// Catch the key: the first to hold the key for long enough wins. Each player sends its position some 20 times a second over
// the unreliable channel, and the host applies the rules. All messages are checked.
import { HEIGHT, RADIUS, WIDTH, anywhere, begin, inside, rule, take, waits } from "./rules.js";
import { newDot, showRound } from "./scene.js";
import { sound } from "./sound.js";
import { $, busy, on, say } from "./text.js";
/** @import { Dot, Point, Room } from "../page.d.ts" */

/** Units a second. The player with the key is slower, so the key changes hands. */
const [SPEED, BURDENED, DASH] = [330, 285, 900];
/** Units a second after a bump with a dashing player, with another one, while dashing, and when the key is lost. */
const [RAMMED, BUMPED, RAMMING, ROBBED] = [950, 420, 180, 1100];
/** Milliseconds: of a dash, between two, between two bumps, and between two messages. */
const [DASHES, REST, APART, BEAT] = [160, 1300, 300, 50];

/** @type {Record<string, number[]>} */
const STEPS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1], KeyA: [-1, 0], KeyD: [1, 0], KeyW: [0, -1], KeyS: [0, 1] };

/** @param {Room} room */
export function startGame(room) {
  const { lobby, people, round, trouble, over } = room;
  const me = lobby.me.peerId;
  const players = /** @type {Map<number, Dot>} */ (new Map());
  const pressed = /** @type {Set<string>} */ (new Set());
  let target = /** @type {Point | null} */ (null);
  let knock = { x: 0, y: 0 }; // units a second
  let dashed = -REST;
  let held = 0; // the last holder's number
  let [before, sent, ruled] = [performance.now(), 0, performance.now()];
  const field = $("field");
  $("dots").replaceChildren();
  const scene = showRound(room);

  /** @param {number} id */
  function player(id) {
    const place = anywhere();
    const known = players.get(id) ?? { ...place, goal: place, placed: id === me, dashing: false, bumped: 0, dot: newDot() };
    players.set(id, known);
    return known;
  }

  const present = () => people.ids().filter((id) => people.trouble(id) !== "lost");
  const here = () => new Map(present().filter((id) => player(id).placed).map((id) => [id, player(id)]));
  const start = () => waits(round) && begin(round, [...here().values()]);

  function move(/** @type {number} */ seconds, /** @type {number} */ now) {
    const mine = player(me);
    let [dx, dy] = [0, 0];
    for (const code of pressed) [dx, dy] = [dx + STEPS[code][0], dy + STEPS[code][1]];
    if (dx || dy) target = null;
    else if (target) [dx, dy] = [target.x - mine.x, target.y - mine.y];
    const far = Math.hypot(dx, dy);
    const speed = now - dashed < DASHES ? DASH : round.key.by === me ? BURDENED : SPEED;
    const step = far && Math.min(speed * seconds, target ? far : Infinity) / far;
    if (step === 1) target = null;
    const to = { x: mine.x + dx * step + knock.x * seconds, y: mine.y + dy * step + knock.y * seconds };
    for (const [id, other] of here()) if (id !== me) meet(to, other, now);
    Object.assign(mine, inside(to.x, to.y));
    const rest = Math.exp(-7 * seconds);
    knock = { x: knock.x * (mine.x === to.x ? rest : -0.6), y: knock.y * (mine.y === to.y ? rest : -0.6) }; // off the wall
  }

  /** If two players meet, neither stands on the other, and both are knocked back. @param {Point} to @param {Dot} other @param {number} now */
  function meet(to, other, now) {
    const [dx, dy] = [to.x - other.x || 0.1, to.y - other.y];
    const far = Math.hypot(dx, dy);
    const out = 2 * RADIUS - far;
    if (out <= 0) return;
    to.x += (dx / far) * (out / 2);
    to.y += (dy / far) * (out / 2);
    if (now - other.bumped < APART) return;
    other.bumped = now;
    push(other, other.dashing ? RAMMED : now - dashed < DASHES ? RAMMING : BUMPED);
    scene.flash(player(me).dot, other.dot);
    sound("bump");
  }

  /** Throws this player away from another one. @param {Point} other @param {number} speed */
  function push(other, speed) {
    const { x, y } = player(me);
    const far = Math.hypot(x - other.x, y - other.y) || 1;
    knock = { x: ((x - other.x) / far) * speed, y: ((y - other.y) / far) * speed };
  }

  /** Called when the key has changed hands. */
  function changeHands() {
    const [from, to] = [held, (held = round.key.by)];
    if (to === me) sound("take");
    if (from !== me || !to) return;
    push(player(to), ROBBED);
    sound("lose");
  }

  function dash() {
    const now = performance.now();
    if (now - dashed <= REST) return;
    dashed = now;
    sound("dash");
  }

  /** Tells screen readers where the key is. */
  function where() {
    const [{ x, y }, { key, phase }] = [player(me), round];
    if (phase !== "play" || key.by === me) return say($("goal").textContent);
    const way = (/** @type {number} */ d, /** @type {string} */ less, /** @type {string} */ more) => Math.abs(d) > RADIUS && (d < 0 ? less : more);
    const parts = [way(key.y - y, "up", "down"), way(key.x - x, "left", "right")];
    say(`The key is ${parts.filter(Boolean).join(" and ") || "here"}${key.by ? `, ${people.name(key.by)} has it` : ""}.`);
  }

  /** @param {number} now */
  function tell(now) {
    if (now - sent < BEAT) return;
    sent = now;
    player(me).dashing = now - dashed < DASHES + BEAT;
    const at = (/** @type {any} */ { x, y, dashing }) => [Math.round(x), Math.round(y), Number(dashing)];
    const all = lobby.isHost && Object.fromEntries([...here()].map(([id, one]) => [id, at(one)]));
    lobby.send(all ? { t: "world", ...round, at: all } : { t: "at", at: at(player(me)) }, { reliable: false, to: "linked" });
  }

  /** @param {number} seconds */
  function draw(seconds) {
    for (const [id, { dot }] of players) if (!lobby.players.has(id)) dot.remove(), players.delete(id);
    const part = Math.min(1, seconds * 14);
    for (const id of people.ids()) {
      const one = player(id);
      if (id !== me) [one.x, one.y] = [one.x + (one.goal.x - one.x) * part, one.y + (one.goal.y - one.y) * part]; // it glides between two messages
      scene.draw(id, one);
    }
    $("dash").classList.toggle("resting", performance.now() - dashed < REST);
    if (round.key.by !== held) changeHands();
    scene.show(players.get(round.key.by));
    if (round.phase === "count" && people.isReady(me)) people.change({ ready: false }).catch(() => {});
  }

  function beat() {
    const now = performance.now();
    const seconds = Math.min(1.5, (now - ruled) / 1000); // timers of a page in the background run once a second
    ruled = now;
    if (lobby.isHost) {
      if (present().every(people.isReady)) start();
      rule(round, seconds, here());
    }
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

  const timer = setInterval(beat, 1000); // a hidden page has no frames
  over.addEventListener("abort", () => clearInterval(timer));
  requestAnimationFrame(frame);

  on("ready", "click", ({ currentTarget }) => {
    field.focus({ preventScroll: true });
    busy(currentTarget, () => people.change({ ready: !people.isReady(me) }).catch(({ message }) => trouble({ text: message })));
  }, over);
  on("begin", "click", () => {
    start();
    field.focus({ preventScroll: true });
  }, over);
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
  const aim = (/** @type {PointerEvent} */ { clientX, clientY }) => {
    const { left, top, width, height } = field.getBoundingClientRect();
    target = inside(((clientX - left) / width) * WIDTH, ((clientY - top) / height) * HEIGHT);
  };
  on("field", "pointerdown", (event) => {
    if (!event.isPrimary) return dash();
    $("finger").hidden = true;
    field.setPointerCapture(event.pointerId);
    aim(event);
  }, over);
  on("field", "pointermove", (event) => event.buttons && event.isPrimary && aim(event), over);
  for (const type of ["pointerdown", "click"]) on("dash", type, dash, over); // a second finger clicks nothing

  return {
    /** Shows what a player has said. @param {number} id @param {string} text */
    bubble: (id, text) => scene.bubble(player(id).dot, text),
    /** @param {number} from @param {any} message which can be anything */
    hear(from, message) {
      if (message?.t === "at") put(from, message.at);
      if (message?.t === "world" && from === lobby.hostPeerId) {
        for (const [id, at] of Object.entries(message.at ?? {})) {
          if (Number(id) === from || !lobby.peer(Number(id))) put(Number(id), at); // others that are linked send their own
        }
        take(round, message);
      }
      if (lobby.isHost) beat();
    },
  };

  /** @param {number} id @param {any} at */
  function put(id, at) {
    if (id === me || !lobby.players.has(id)) return;
    const one = player(id);
    const goal = inside(at?.[0], at?.[1]);
    if (!one.placed || document.hidden) Object.assign(one, goal); // nobody sees it glide, and the rules need its position
    Object.assign(one, { goal, placed: true, dashing: at?.[2] === 1 });
  }
}
