// @ts-check
// The rules, which the host applies. All keep a copy of the round, so each can be the next host.
/** @import { Point, Rules } from "../page.d.ts" */

/** The size of the field, and the radius of a player, in units. */
export const [WIDTH, HEIGHT, RADIUS] = [1000, 700, 44];
/** Units at which a player takes the key: a little more than those at which two players bump. */
const TOUCH = 2 * RADIUS + 12;
/** Seconds: of the countdown, and between two takings. */
const [COUNTDOWN, SAFE] = [3, 1.2];
export const SECONDS_TO_WIN = 20;

/** Returns a stranger's number, within bounds. @type {Rules["within"]} */
export const within = (n, max, min = 0) => (typeof n === "number" && n > min ? Math.min(n, max) : min);

/** Returns the nearest place where a player fits into the field. @type {Rules["inside"]} */
export const inside = (x, y) => ({ x: within(x, WIDTH - RADIUS, RADIUS), y: within(y, HEIGHT - RADIUS, RADIUS) });

export const anywhere = () => inside(WIDTH * Math.random(), HEIGHT * (0.2 + 0.5 * Math.random()));

/** @type {Rules["newRound"]} */
export const newRound = () => ({ phase: "lobby", left: 0, key: { ...anywhere(), by: 0 }, safe: 0, scores: {}, wins: {}, winner: 0 });

/** Whether players wait for a round. @type {Rules["waits"]} */
export const waits = ({ phase }) => phase === "lobby" || phase === "won";

/** Begins a round. The key lies where nobody is near. @type {Rules["begin"]} */
export const begin = (round, players) => {
  const room = (/** @type {Point} */ at) => Math.min(...players.map(({ x, y }) => Math.hypot(x - at.x, y - at.y)));
  const [place] = Array.from({ length: 12 }, anywhere).sort((a, b) => room(b) - room(a));
  Object.assign(round, { phase: "count", left: COUNTDOWN, key: { ...place, by: 0 }, safe: 0, scores: {}, winner: 0 });
};

/** Applies the rules to some seconds. @type {Rules["rule"]} */
export const rule = (round, seconds, players) => {
  const { key, scores, wins } = round;
  if (round.phase === "count" && (round.left = Math.max(0, round.left - seconds)) === 0) round.phase = "play";
  if (round.phase !== "play") return;
  round.safe -= seconds;
  const holder = players.get(key.by);
  Object.assign(key, holder ? { x: holder.x, y: holder.y } : { by: 0 });
  for (const [id, { x, y }] of players) {
    if (id === key.by || Math.hypot(x - key.x, y - key.y) > TOUCH || (holder && round.safe > 0)) continue;
    [key.by, round.safe] = [id, SAFE];
    break;
  }
  if (!key.by) return;
  scores[key.by] = (scores[key.by] ?? 0) + seconds;
  if (scores[key.by] < SECONDS_TO_WIN) return;
  [round.phase, round.winner] = ["won", key.by];
  wins[key.by] = (wins[key.by] ?? 0) + 1;
};

/** Takes what the host has told, which can be anything. @type {Rules["take"]} */
export const take = (round, { phase, left, key, scores, wins, winner }) => {
  if (!["lobby", "count", "play", "won"].includes(phase)) return;
  const numbers = (/** @type {any} */ of) => Object.fromEntries(Object.entries(of ?? {}).map(([id, n]) => [id, within(n, 999)]));
  Object.assign(round, { phase, left: within(left, COUNTDOWN), key: { ...inside(key?.x, key?.y), by: within(key?.by, Infinity) }, winner: within(winner, Infinity), scores: numbers(scores), wins: numbers(wins) });
};
