// @ts-check
// What a round looks like.
import { HEIGHT, SECONDS_TO_WIN, WIDTH, waits, within } from "./rules.js";
import { sound } from "./sound.js";
import { $, bdi, make, say, write } from "./text.js";
/** @import { Point, Room, Scene } from "../page.d.ts" */

export function newDot() {
  const dot = make("div", {}, make("i"), make("bdi"));
  $("dots").append(dot);
  return dot;
}

/** @param {any} element @param {Point} at */
function place(element, { x, y }) {
  element.style.setProperty("--x", (x / WIDTH).toFixed(4));
  element.style.setProperty("--y", (y / HEIGHT).toFixed(4));
}

/** @param {Room} room @returns {Scene} */
export function showRound({ lobby, people, round }) {
  const me = lobby.me.peerId;
  let announced = "";
  let [counted, cheered] = [0, -1];
  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;

  /** What to do now. */
  function goal() {
    const { phase, key, left } = round;
    if (phase === "count") return String(Math.max(1, Math.ceil(left)));
    if (phase === "play") return !key.by ? `Catch the key, and keep it for ${SECONDS_TO_WIN} seconds.` : key.by === me ? "You have the key." : `${people.name(key.by)} has the key.`;
    const waiting = people.ids().filter((id) => !people.isReady(id));
    if (waiting.includes(me)) return lobby.players.size > 1 ? "Press Ready to play." : "Invite somebody, or practise.";
    return `Waiting for ${waiting.length > 1 ? `${waiting.length} players` : people.name(waiting[0])}.`;
  }

  /** The winner's moment. */
  function cheer() {
    const { winner, wins } = round;
    cheered = winner;
    $("result").hidden = !winner;
    if (!winner) return;
    $("won").replaceChildren(...(winner === me ? ["You win!"] : [bdi(people.name(winner)), " wins!"]));
    write($("why"), `${SECONDS_TO_WIN} seconds with the key${wins[winner] > 1 ? `, and ${wins[winner]} rounds won` : ""}.`);
    say(`${$("won").textContent} ${$("why").textContent}`);
    sound("win");
  }

  return {
    draw(id, player) {
      const { dot } = player;
      place(dot, player);
      const name = people.name(id);
      write(dot.firstChild, [...name][0].toUpperCase());
      write(dot.lastChild, (dot.title = name));
      dot.className = ["dot", people.colour(id), id === me && "me", people.trouble(id) === "lost" && "lost", waits(round) && people.isReady(id) && "ready", player.y > HEIGHT * 0.8 && "low"].filter(Boolean).join(" ");
      dot.style.setProperty("--part", String((round.scores[id] ?? 0) / SECONDS_TO_WIN));
    },
    show(holder) {
      const [{ phase, key, winner }, free, ready] = [round, waits(round), people.isReady(me)];
      place($("key"), holder ? { x: within(holder.x + 38, WIDTH - 24, 24), y: within(holder.y - 38, HEIGHT - 24, 24) } : key);
      $("field").dataset.phase = phase;
      $("ready").style.visibility = free ? "visible" : "hidden";
      $("ready").ariaPressed = String(ready);
      write($("ready"), ready ? "✓ Ready" : winner ? "Play again" : "Ready");
      $("begin").hidden = !lobby.isHost || !free || !ready;
      if (write($("goal"), goal()) !== announced && phase !== "won") say((announced = $("goal").textContent));
      if (winner !== cheered) cheer();
      const left = phase === "count" ? Math.ceil(round.left) : 0;
      if (left !== counted) sound(left ? "tick" : "go");
      counted = left;
    },
    flash: (...dots) => calm || dots.forEach((dot) => dot.firstChild.animate([{ scale: 1.3 }, { scale: 1 }], 220)),
    bubble(dot, text) {
      dot.querySelector("q")?.remove();
      const words = make("q", {}, text);
      dot.firstChild.after(words);
      setTimeout(() => words.remove(), 4000);
    },
  };
}
