// @ts-check
// Chat. It goes directly to the others once all are connected; before that, through Bellhop.
import { $, bdi, busy, clean, make, on } from "./text.js";
/** @import { Room } from "../page.d.ts" */

/** @param {Room} room @param {(id: number, text: string) => void} bubble */
export function startChat({ lobby, people, over }, bubble) {
  const me = lobby.me.peerId;
  const log = $("log");
  log.replaceChildren();
  on("chat", "submit", (event) => {
    event.preventDefault();
    const text = clean($("say").value, 300);
    if (text) busy(event.submitter, () => speak(text));
  }, over);
  lobby.addEventListener("chat", ({ peerId, data }) => hear(peerId, data));

  /** @param {string} text */
  async function speak(text) {
    $("say").value = "";
    const others = people.ids().filter((id) => id !== me);
    if (others.length === 0) return note("Nobody else is here yet.");
    try {
      if (lobby.reach.length === others.length) lobby.send({ t: "chat", text });
      else await lobby.chat({ text });
      hear(me, { text });
    } catch (error) {
      $("say").value ||= text;
      note(`Not sent. ${error.message}`);
    }
  }

  /** @param {number} id @param {any} message which can be anything */
  function hear(id, message) {
    const text = clean(message?.text, 300);
    if (!text) return;
    put("", make("b", {}, bdi(people.name(id))), " ", bdi(text));
    bubble(id, text);
  }

  /** @param {...(Node | string)} words */
  const note = (...words) => put("note", ...words);

  /** @param {string} className @param {...(Node | string)} words */
  function put(className, ...words) {
    log.append(make("p", { className }, ...words));
    if (log.childElementCount > 100) log.firstElementChild.remove();
    requestAnimationFrame(() => (log.scrollTop = log.scrollHeight));
  }

  return { note, hear };
}
