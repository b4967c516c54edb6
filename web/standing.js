// @ts-check
/**
 * Standing: whether data can be sent to a peer now, over its connection or by a detour. Import from bellhop.js.
 *
 * @import { Channels } from "./channels.js"
 * @typedef {"open" | "lost" | "restored"} Change
 */

import { REPORT_CHECKS } from "./watchdog.js";

export class Standing {
  /** Whether the connection has stood. If it does not now, its channels hold what the other side may still get. */
  hasOpened = false;
  #channels;
  #reachable;
  #onChange;
  #hasPath = true; // as far as the browser knows
  #lost = false; // whether it was open, and is not at the moment

  /** @param {Channels} channels @param {() => boolean} reachable whether Bellhop gets messages to the peer @param {(change: Change) => void} changed */
  constructor(channels, reachable, changed) {
    this.#channels = channels;
    this.#reachable = reachable;
    this.#onChange = changed;
  }

  get isOpen() {
    return this.isDirect || this.#channels.isDetoured;
  }

  /** Whether data goes over the connection. */
  get isDirect() {
    return this.#channels.isOpen && !this.#lost;
  }

  /** Whether a detour could be opened. */
  get takesDetour() {
    return !this.hasOpened && this.#reachable();
  }

  /** Called when the connection is another. */
  reset() {
    this.#hasPath = true;
    this.hasOpened = false;
    this.#lost = this.#channels.detour.state === "lost";
  }

  /** Called when the connection stands. Returns whether data took a detour until then. */
  opened() {
    if (this.hasOpened) return false;
    this.hasOpened = this.#hasPath = true;
    const detoured = this.#channels.detour.changeOver();
    if (detoured) this.update();
    else this.#onChange("open");
    return detoured;
  }

  /** Called when a detour is open. @param {boolean} again whether nothing is lost since it was before */
  detoured(again) {
    if (again) this.update();
    else this.#onChange("open");
  }

  /** Decides whether the peer is lost. @param {boolean} [hasPath] */
  update(hasPath = this.#hasPath) {
    const { detour, isSilent } = this.#channels;
    this.#hasPath = hasPath;
    if (!this.#reachable()) detour.interrupt();
    const lost = this.hasOpened ? !hasPath || isSilent : detour.state === "lost";
    if (lost === this.#lost) return;
    this.#lost = lost;
    this.#onChange(lost ? "lost" : "restored");
  }

  /** Called at each check of an unstable connection. Returns whether to report a failure. @param {number} looks earlier checks */
  look(looks) {
    const { detour } = this.#channels;
    if (this.takesDetour && (looks >= REPORT_CHECKS - 1 || detour.state === "lost")) detour.start();
    return looks === REPORT_CHECKS && detour.state !== "open";
  }

  /** Called with the id of the other side's page, or 0 if that takes no detour. @param {number} [id] */
  meet(id) {
    const before = this.#channels.detour.meet(id);
    if (before) this.#lost = false; // the page is another: what it has not received is gone
    if (before === "open") this.#onChange("lost");
  }
}
