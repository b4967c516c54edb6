// @ts-check
// Sounds, off until the player turns them on.
import { $, kept, on } from "./text.js";

/** The notes of each: hertz, seconds after its beginning, and seconds. @type {Record<string, [number, number, number][]>} */
const SOUNDS = {
  knock: [[190, 0, 0.1], [150, 0.16, 0.1], [190, 0.5, 0.1]],
  take: [[660, 0, 0.1], [990, 0.08, 0.14]],
  lose: [[400, 0, 0.1], [250, 0.1, 0.16]],
  bump: [[110, 0, 0.12]],
  dash: [[520, 0, 0.07]],
  tick: [[440, 0, 0.07]],
  go: [[880, 0, 0.3]],
  win: [[523, 0, 0.16], [659, 0.16, 0.16], [784, 0.32, 0.16], [1047, 0.48, 0.5]],
};

let wanted = kept("localStorage", "bellhop-sound") === true;
let context = /** @type {AudioContext | null} */ (null);

/** Plays a sound, if the player wants sound. @param {string} name */
export function sound(name) {
  if (!wanted) return;
  const audio = (context ??= new AudioContext());
  audio.resume().catch(() => {}); // browsers hold it until the player has pressed something
  for (const [frequency, after, seconds] of SOUNDS[name]) {
    const [tone, volume, start] = [new OscillatorNode(audio, { type: "triangle", frequency }), new GainNode(audio), audio.currentTime + after];
    volume.gain.setValueAtTime(0.2, start);
    volume.gain.exponentialRampToValueAtTime(0.001, start + seconds);
    tone.connect(volume).connect(audio.destination);
    tone.start(start);
    tone.stop(start + seconds);
  }
}

function show() {
  $("sound").ariaPressed = String(wanted);
  $("sound").textContent = `♪ ${wanted ? "on" : "off"}`;
}

on("sound", "click", () => {
  wanted = !wanted;
  kept("localStorage", "bellhop-sound", wanted);
  show();
  sound("take");
});
show();
