// @ts-check
/**
 * STUN and TURN servers: whether this browser accepts them, and how long their credentials are valid. Import from bellhop.js.
 *
 * @import * as types from "./bellhop.d.ts"
 */

import { BellhopError, HOUR, MINUTE, SECOND } from "./common.js";

/** Returns options that let no other player see this one's addresses, if they ask for that. @template {types.PeerOptions} T @param {T} options @returns {T} */
export function withRelays(options) {
  return options.relayOnly ? { ...options, rtc: { ...options.rtc, iceTransportPolicy: "relay" } } : options;
}

/**
 * Throws a BellhopError unless a game's options allow connections. The check comes before the first request: a player
 * without connections would be a ghost to the others.
 * @param {types.PeerOptions} options
 */
export function checkOptions({ iceServers, rtc }) {
  const why = iceServers || rtc ? refusal({ iceServers, ...rtc }) : null;
  if (why === null) return;
  const field = refusal({ iceServers }) === null ? "rtc" : "iceServers";
  throw new BellhopError("invalid_field", `This browser makes no connection with these ${field}: ${why}`, { field });
}

/**
 * Returns the servers that this browser accepts, and an error if there are others.
 * @param {RTCIceServer[]} servers @returns {{servers: RTCIceServer[], error: BellhopError | null}}
 */
export function usable(servers) {
  const why = servers.length ? refusal({ iceServers: servers }) : null;
  if (why === null) return { servers, error: null };
  const error = new BellhopError("invalid_field", `This browser does not take all servers that Bellhop names: ${why}`);
  return { servers: servers.filter((server) => refusal({ iceServers: [server] }) === null), error };
}

/** Returns why this browser refuses a configuration, or null. @param {RTCConfiguration} configuration */
function refusal(configuration) {
  try {
    new RTCPeerConnection(configuration).close();
    return null;
  } catch (error) {
    return /** @type {Error} */ (error).message;
  }
}

/**
 * Returns the milliseconds until new credentials are needed, or Infinity. It uses three quarters of the time, in case the
 * clock is wrong. Without expires_at, the user name has the expiry by the TURN REST scheme, in seconds since 1970.
 * @param {RTCIceServer[]} servers @param {string} [expiresAt]
 */
export function freshFor(servers, expiresAt) {
  const ends = servers.map(({ username }) => Number(/^(\d+):/.exec(username ?? "")?.[1] ?? Infinity) * SECOND);
  const left = (expiresAt ? Date.parse(expiresAt) : Math.min(...ends)) - Date.now();
  if (left === Infinity) return left;
  return left > 0 ? Math.min(Math.max(left * 0.75, SECOND), 24 * HOUR) : MINUTE;
}
