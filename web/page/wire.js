// @ts-check
// The sequence diagram: each message between this player and Bellhop is an arrow. It uses the client's event "wire".
import { $, make } from "./text.js";
/** @import { WireMessage } from "../bellhop.js" */
/** @import { DrawWire } from "../page.d.ts" */

/** What a message is about, by its name. @param {string} name */
function kindOf(name) {
  if (/^(set|received)_session_description$/.test(name)) return "description";
  if (/_ice_candidate$/.test(name)) return "candidates";
  if (name === "error" || name === "request_rejected") return "error";
  if (name === "ping" || name === "pong") return "ping";
  return "lobby";
}

/** These must not leak, for example in a screenshot. */
const SECRET = /^(resume_token|password|credential|token)$/;

/** Returns a message without its secrets, and with characters that change the text's direction escaped. @param {any} message */
export function shown(message) {
  const text = JSON.stringify(message, (name, value) => (SECRET.test(name) && value ? "•••" : value), 2);
  return text.replace(/\p{Bidi_Control}/gu, (c) => "\\u" + c.charCodeAt(0).toString(16).padStart(4, "0"));
}

/** Draws all messages from now on. @type {DrawWire} */
export const drawWire = (bellhop, nameOf) => {
  const list = $("messages");
  const start = performance.now();
  bellhop.addEventListener("wire", ({ sent, message }) => add(sent, message));

  /** @param {boolean} sent @param {WireMessage} message */
  function add(sent, message) {
    const name = message.action ?? message.event ?? "error"; // API Gateway's own have neither
    const kind = kindOf(name);
    const relayed = kind === "description" || kind === "candidates";
    const { content = {} } = message;
    const other = relayed ? nameOf(content.connection_id) : "";
    const label = kind === "description" ? content.session_type
      : kind === "candidates" ? count(content.candidates?.length ?? 1)
      : name === "error" || name === "request_rejected" ? content.code ?? "error" : name;
    const from = sent ? "You" : relayed ? other : "Bellhop";
    const to = sent ? (relayed ? other : "Bellhop") : "You";
    const row = arrow(kind, `${label}`, `${from} to ${to}: ${name}, ${label}`);
    row.classList.add(sent ? "sent" : "heard", relayed ? "far" : "near");
    const details = make("details", {}, make("summary", {}, ...row.childNodes));
    details.addEventListener("toggle", () => {
      if (details.open && details.childElementCount === 1) details.append(make("pre", { textContent: shown(message), tabIndex: 0 }));
    });
    row.replaceChildren(details);
    put(row);
  }

  /** @param {string} kind @param {string} label @param {string} spoken */
  function arrow(kind, label, spoken) {
    const time = ((performance.now() - start) / 1000).toFixed(1);
    return make("li", { className: kind },
      make("time", { textContent: time }),
      make("span", { className: "unseen", textContent: spoken }),
      make("span", { className: "arrow", ariaHidden: "true" }, make("bdi", { textContent: label })));
  }

  /** @param {HTMLElement} row */
  function put(row) {
    const atEnd = list.scrollHeight - list.scrollTop - list.clientHeight < 60;
    list.append(row);
    if (list.childElementCount > 300) list.firstElementChild.remove();
    if (atEnd) list.scrollTop = list.scrollHeight;
  }

  return {
    stands(name, relayed) {
      const row = arrow("direct", `${relayed ? "TURN" : "direct"} with ${name}`, `The ${relayed ? "relayed" : "direct"} connection with ${name} stands.`);
      row.classList.add("far");
      put(row);
    },
  };
};

/** @param {number} n */
const count = (n) => `${n} candidate${n === 1 ? "" : "s"}`;
