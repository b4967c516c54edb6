// @ts-check
/**
 * Detects that this computer or this page has slept, or that the network has changed: each can silently cut a connection.
 * Import from bellhop.js.
 */

import { SECOND } from "./common.js";

/** How often the clock is read: it goes on while a phone sleeps, and timers do not. */
const TICK_MS = SECOND;
/** How late a reading can be before it counts as sleep. Browsers slow timers of hidden pages down to one a minute. */
const SLEPT_MS = { visible: 4 * SECOND, hidden: 70 * SECOND };

/**
 * Calls woke when that might have happened, perhaps several times for one waking. Its argument is true if the network
 * has changed. It returns a function that stops it.
 * @param {(changed: boolean) => void} woke
 */
export function watch(woke) {
  const page = globalThis.document;
  const [online, again] = [() => woke(true), () => woke(false)];
  const seen = () => page.visibilityState === "visible" && woke(false);
  let last = Date.now();
  const timer = setInterval(() => {
    const now = Date.now();
    const late = Math.abs(now - last - TICK_MS); // a clock that was set back counts too
    last = now;
    if (late > SLEPT_MS[page?.visibilityState ?? "visible"]) woke(false);
  }, TICK_MS);
  const listeners = /** @type {[EventTarget | undefined, string, () => void][]} */ ([
    [globalThis, "online", online], [globalThis, "pageshow", again], [globalThis, "focus", again],
    [page, "visibilitychange", seen], [page, "resume", again],
  ]);
  for (const [target, type, listener] of listeners) target?.addEventListener?.(type, listener);
  return () => {
    clearInterval(timer);
    for (const [target, type, listener] of listeners) target?.removeEventListener?.(type, listener);
  };
}

/**
 * Calls hide when the page is left, reloaded or closed. It might be shown again, from the back/forward cache.
 * @param {() => void} hide @param {AbortSignal} signal ends this
 */
export function onHide(hide, signal) {
  globalThis.addEventListener?.("pagehide", hide, { signal });
}
