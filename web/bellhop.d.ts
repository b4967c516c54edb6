/** The protocol's codes (docs/protocol.md, "Errors" and "request_rejected"), and after them this client's own. */
export type Code =
  | "invalid_json" | "invalid_message" | "unknown_action" | "missing_field" | "invalid_field" | "message_too_large"
  | "lobby_exists" | "already_in_lobby" | "not_in_lobby" | "not_host" | "request_not_found" | "peer_not_found"
  | "peer_unreachable" | "rate_limited" | "internal" | "lobby_full" | "lobby_locked" | "wrong_password"
  | "resume_failed" | "banned" | "lobby_not_found" | "host_unavailable" | "rejected_by_host" | "lobby_closed" | "no_match"
  | "not_available"
  | "unreachable" | "connection_lost" | "timeout" | "closed" | "connection_failed" | "not_json" | "token_refused";

export class BellhopError extends Error {
  constructor(code: Code, message: string, details?: object);
  code: Code;
  /** The field at fault. */
  field?: string;
  /** Milliseconds after which to try again. */
  retryAfter?: number;
  /** The time until which an absent peer can come back. */
  resumeUntil?: Date;
  /** Whether the action might have taken effect: no answer came. */
  uncertain?: boolean;
  /** A reference that is also in the server's log. */
  reference?: string;
}

/** Text and bytes arrive as string and ArrayBuffer, anything else as what JSON makes of it. */
export type Data = string | ArrayBuffer | ArrayBufferView | Blob | number | boolean | null | object;

export interface SendOptions {
  /** false: the message can be lost or out of order. Default true. */
  reliable?: boolean;
}

export interface LobbySendOptions extends SendOptions {
  /**
   * A peer id: that member alone, by the host if it is not linked with this client. "linked": those linked with this client,
   * and the host forwards nothing. Default: everybody.
   */
  to?: number | "linked";
}

/** A guest's message that the host of a star is about to forward. */
export interface ForwardedMessage {
  from: number;
  /** Missing if it is for everybody. */
  to?: number;
  data: any;
  reliable: boolean;
}

/** Options for the peer connections of a lobby. */
export interface PeerOptions {
  /** This player's description for the others: at most 256 bytes as JSON. */
  player?: object;
  /** STUN and TURN servers, in addition to Bellhop's. */
  iceServers?: RTCIceServer[];
  /** Hides this player's addresses from the others: everything goes through a TURN server, and without one nothing does. */
  relayOnly?: boolean;
  /** Other options for RTCPeerConnection, for example iceTransportPolicy. */
  rtc?: RTCConfiguration;
  /** The side that offers in a star until its host changes. Default "joiner". The other side offers after 4 seconds. */
  offerer?: "joiner" | "host";
  /** Milliseconds for which candidates are collected, since each message costs on AWS. 0 sends each immediately. Default 100. */
  batch?: number;
  /**
   * Milliseconds between two tries to connect. After 6 tries `failed` says why there is none yet; after 15 the time grows, up
   * to ten times this, for as long as the lobby exists. Default 2000.
   */
  retryEvery?: number;
  /**
   * "server": if no connection stands after some 10 seconds, messages go through Bellhop until one does, at a much lower pace.
   * Both players need this option. It costs the operator on AWS: docs/clients.md, "The last resort". By default nothing does.
   */
  fallback?: "server";
  /** Bytes that can wait for one peer before `send` returns false. Default 4 MiB; at most 64 KiB of unreliable data. */
  maxBuffered?: number;
}

export interface Options extends PeerOptions {
  /** The name of the game, which separates its lobbies from others: 1 to 64 of A-Z a-z 0-9 . _ - */
  game?: string;
  /**
   * A JWT that says who the player is, or a function that returns one. It is called for each new connection, so it can fetch
   * a fresh one.
   */
  token?: string | (() => string | Promise<string>);
  /** Keeps this page's place for `restore`. Default sessionStorage; null keeps nothing. */
  storage?: SlotStorage | null;
  /** Whether this client tells Bellhop what becomes of a link: one message for each that it joins. Default true. */
  reportLinks?: boolean;
  /** Milliseconds without a message after which a ping is sent. Default 8 minutes; AWS hangs up after 10. */
  keepAlive?: number;
  /** Milliseconds after which a connection is replaced. Default 115 minutes; AWS hangs up after 120. */
  renewAfter?: number;
}

/** Part of a Storage. Anyone who reads it can take the place. */
export type SlotStorage = Pick<Storage, "getItem" | "setItem" | "removeItem">;

export interface HostOptions extends PeerOptions {
  /** 1 to 64 of A-Z a-z 0-9 _ -; without it Bellhop generates one that is easy to read aloud. */
  lobbyId?: string;
  /** 2 to 64, including the host. Default 8. */
  maxPlayers?: number;
  /** Whether `list` and `quickJoin` find it. */
  public?: boolean;
  /** Whether players are admitted immediately. Otherwise there is a `request` for each. */
  autoAccept?: boolean;
  /** Whether members are linked only with the host (star) or with each other (mesh). Default "star". */
  topology?: "star" | "mesh";
  password?: string;
  /** The game's own data for lists: at most 1 KiB as JSON. */
  metadata?: object;
  /** What happens when the host leaves. Default "close". */
  onHostLeave?: "close" | "migrate";
  /** Whether every member knows every other, in a star too. Default true. */
  roster?: boolean;
  signal?: AbortSignal;
}

/** The lobby to join, or to open if there is none. The password is for both. */
export type JoinOrHostOptions = Omit<HostOptions, "lobbyId">;

export interface JoinOptions extends PeerOptions {
  password?: string;
  /** Ends the wait for the host. */
  signal?: AbortSignal;
}

export interface RestoreOptions extends PeerOptions {
  /** Only a place in this lobby is taken back. */
  lobbyId?: string;
}

/** Conditions by the protocol's names: {"metadata.mode": "duel", free_seats: {$gte: 2}}. docs/protocol.md, "Filters". */
export type Filter = Record<string, unknown>;

export interface QuickJoinOptions extends PeerOptions {
  filter?: Filter;
  /** The lobby to open if none matches. */
  orStart?: HostOptions;
  signal?: AbortSignal;
}

export interface ListOptions {
  filter?: Filter;
  /** 1 to 100. Default 20. */
  limit?: number;
  /** From the previous page. */
  cursor?: string;
}

export interface LobbyList {
  lobbies: LobbyInfo[];
  /** Of the next page, if there is one. */
  cursor?: string;
}

export interface LobbyInfo {
  lobbyId: string;
  /** In a star without a roster, a guest's number is that of the last `update`. */
  players: number;
  maxPlayers: number;
  public: boolean;
  locked: boolean;
  hasPassword: boolean;
  autoAccept: boolean;
  topology: "star" | "mesh";
  onHostLeave: "close" | "migrate";
  /** Whether every member knows every other. Lists do not show it. */
  roster?: boolean;
  /** Whether the host's connection to Bellhop is gone, so nobody can join. Only `look` shows it. */
  hostAway?: boolean;
  metadata: any;
  createdAt: string;
}

/** A player in a lobby. */
export interface Player {
  readonly peerId: number;
  /** Their own description, {} without one. */
  readonly player: any;
  /** Who they are, if they signed in: the `sub` of their token. */
  readonly playerId?: string;
  readonly isHost: boolean;
  readonly isMe: boolean;
  /** Whether their connection to Bellhop is gone, and their place held. */
  readonly away: boolean;
  /** While they are away: until when they can come back, at the latest. */
  readonly resumeUntil?: Date;
  /** The connection, if they are linked with this client: in a star, guests are linked only with the host. */
  readonly peer?: Peer;
}

export interface LobbyUpdate {
  maxPlayers?: number;
  public?: boolean;
  locked?: boolean;
  autoAccept?: boolean;
  /** null removes it. */
  password?: string | null;
  /** Replaced as a whole. */
  metadata?: object;
}

export interface JoinRequest {
  connectionId: string;
  /** The player's number, unless accept sets another. */
  peerId: number;
  player?: any;
  /** Who they are, if they signed in. */
  playerId?: string;
  accept(options?: { peerId?: number }): Promise<Peer>;
  reject(reason?: string): Promise<void>;
}

/** An EventTarget that knows the names and fields of its events. */
declare class Target<Events> extends EventTarget {
  addEventListener<K extends keyof Events & string>(
    type: K, listener: (event: Event & Events[K]) => void, options?: boolean | AddEventListenerOptions): void;
  addEventListener(type: string, listener: EventListenerOrEventListenerObject | null, options?: boolean | AddEventListenerOptions): void;
}

/** A message by docs/protocol.md: a sent action or a received event. */
export interface WireMessage {
  action?: string;
  event?: string;
  request_id?: string;
  content?: any;
}

export interface BellhopEvents {
  connected: {};
  disconnected: {};
  closed: {};
  /** Each message, to log or to draw. It contains resume tokens and passwords. */
  wire: { sent: boolean; message: WireMessage };
  error: { content: any; error: BellhopError };
  request_rejected: { content: any; error: BellhopError };
}

/** The connection to Bellhop: it connects on first use, and resumes by itself. */
export class Bellhop extends Target<BellhopEvents> {
  /** url is ws:, wss:, or the http: or https: URL of a page. */
  constructor(url: string | URL, options?: Options);
  readonly connected: boolean;
  readonly lobby: Lobby | null;
  /** The token for resume. Anyone who has it can take the place. */
  readonly resumeToken: string | null;
  connect(): Promise<void>;
  /** Sends an action of the protocol, and resolves with its answer. */
  request(action: string, content?: object, options?: { signal?: AbortSignal }): Promise<{ event: string; content: any }>;
  /** Sends an action that needs no answer, and returns whether there was a connection. */
  send(action: string, content?: object): boolean;
  /** Opens a lobby. */
  host(options?: HostOptions): Promise<Lobby>;
  /** Resolves when the host has admitted this client. */
  join(lobbyId: string, options?: JoinOptions): Promise<Lobby>;
  /** Joins a lobby, or opens it if there is none. Of any number of clients at once, exactly one opens it. */
  joinOrHost(lobbyId: string, options?: JoinOrHostOptions): Promise<Lobby>;
  /** Joins the fullest lobby that matches, or opens one. */
  quickJoin(options?: QuickJoinOptions): Promise<Lobby>;
  /** Takes a place back on another page, with its token. After any error but resume_failed, it can be tried again. */
  resume(token: string, options?: PeerOptions): Promise<Lobby>;
  /**
   * Takes back the place that this page had before a reload, or that another page of this tab had. Resolves with null if
   * there is none any more. After any error it can be tried again.
   */
  restore(options?: RestoreOptions): Promise<Lobby | null>;
  /** Looks at a lobby, public or not. Resolves with null if there is none. */
  look(lobbyId: string): Promise<LobbyInfo | null>;
  /** One page of the public lobbies. */
  list(options?: ListOptions): Promise<LobbyList>;
  /** Soon resumes the place on a new connection, which brings the whole state. Call it if something does not fit. */
  renew(): void;
  /** Leaves, and stops everything. */
  close(): void;
}

export interface LobbyEvents {
  request: { request: JoinRequest };
  cancel: { request: JoinRequest };
  join: { peer: Peer };
  leave: { peer: Peer; reason: "left" | "removed" | "timed_out" | "disconnected" };
  away: { peer: Peer; resumeUntil: Date };
  back: { peer: Peer };
  open: { peer: Peer };
  way: { peer: Peer; way: Way; error?: BellhopError };
  lost: { peer: Peer };
  restored: { peer: Peer };
  drain: { peer: Peer };
  /**
   * peerId and player are the sender's. peer is the one that it came from: in a star the host, if another guest has sent it.
   * data is a string, an ArrayBuffer, or what JSON holds.
   */
  message: { peer: Peer; peerId: number; player?: any; data: any; reliable: boolean };
  /** `send` gets to others than before. */
  reach: { peerIds: number[] };
  failed: { peer: Peer; error: BellhopError };
  update: {};
  /** lobby.players has changed: once for all changes of one turn. */
  players: {};
  playerjoin: { peerId: number; player: any };
  /** unlinked: the host has changed in a star without a roster. They are still in, and cannot be seen any more. */
  playerleave: { peerId: number; player: any; reason: "left" | "removed" | "timed_out" | "disconnected" | "unlinked" };
  /** A message through Bellhop: whatever JSON holds. */
  chat: { peerId: number; player: any; data: any };
  /** peer is null if this client is the host now. */
  host: { peer: Peer | null };
  /** lost: Bellhop cannot be reached, and the game goes on. gone: Bellhop has forgotten the lobby. */
  signalling: { state: "lost" | "resumed" | "gone"; error?: BellhopError };
  /** peer is missing if the error is about Bellhop's STUN and TURN servers. */
  error: { peer?: Peer; error: Error };
  close: {
    reason: "left" | "closed" | "host_left" | "timed_out" | "removed" | "replaced" | "resume_failed";
    /** The host's reason for removing this player. */
    message?: string;
    error?: BellhopError;
  };
}

/** The members of a game, with a Peer for each that is linked with this client. */
export class Lobby extends Target<LobbyEvents> {
  readonly id: string;
  readonly me: { peerId: number; connectionId: string; player?: any };
  readonly info: LobbyInfo;
  /**
   * Everybody by peer id, in this order, this player too. The map never changes; after a change there is a new one. Without
   * a roster it has this player and those linked with it.
   */
  readonly players: ReadonlyMap<number, Player>;
  readonly hostPeerId: number;
  /** null if this client is the host. */
  readonly host: Peer | null;
  readonly isHost: boolean;
  /** The members linked with this client: in a star the host has all, and each other member has only the host. */
  readonly members: Peer[];
  /** The requests of players who wait. */
  readonly requests: JoinRequest[];
  peer(peerId: number): Peer | undefined;
  /** The peer ids of the members that `send` gets to now, without one's own. */
  readonly reach: number[];
  /**
   * Sends to all members, and returns how many it is on its way to: those in `reach`, unless too much waits for them. In a
   * star the host forwards what a guest sends. It throws `not_json` or `message_too_large`, and sends nothing then.
   */
  send(data: Data, options?: LobbySendOptions): number;
  /** If it returns false, at the host of a star, a guest's message goes to no other guest. */
  onforward: ((message: ForwardedMessage) => unknown) | null;
  accept(request: JoinRequest, options?: { peerId?: number }): Promise<Peer>;
  reject(request: JoinRequest, reason?: string): Promise<void>;
  /** ban keeps out the player, if they signed in, and "address" also their address, which others might share. */
  remove(peer: Peer, options?: { reason?: string; ban?: boolean | "address" }): Promise<void>;
  update(changes: LobbyUpdate): Promise<LobbyInfo>;
  /**
   * Replaces this player's description: here immediately, for the others soon. While one is on its way, only the latest
   * waits. Resolves when Bellhop has the latest. Without a connection it rejects with `unreachable` after 15 s, and the
   * others get it as soon as there is one. If Bellhop refuses it, the previous one is back.
   */
  updatePlayer(player: object): Promise<void>;
  /** Makes another member the host. Resolves when it is. */
  setHost(to: Peer | Player | number): Promise<void>;
  /**
   * Sends whatever JSON can hold, at most 4 KiB, to all other members, or to a linked one. It goes through Bellhop, so it
   * needs no connection to them. 10 a second are allowed. Resolves when Bellhop has passed it on.
   */
  chat(data: any, options?: { to?: Peer | Player | number }): Promise<void>;
  /**
   * Gives up this client's place. The lobby ends immediately. Without a connection it rejects with `unreachable` after
   * 15 s, and the client leaves as soon as there is one.
   */
  leave(): Promise<void>;
  /** Ends the lobby for all. */
  close(): Promise<void>;
  /** Handles an event. A Bellhop calls it by itself. */
  receive(event: string, content: any): void;
}

/**
 * direct: between two networks. network: within one, as far as the browsers show addresses. relay: through a TURN server. server:
 * through Bellhop, which only `fallback` allows.
 */
export type Way = "direct" | "network" | "relay" | "server";

export type PeerState = "connecting" | "open" | "failed" | "closed";

export type RelayAction = "set_session_description" | "send_ice_candidate";

/** The options of a Peer that no lobby creates. */
export interface PeerWiring extends PeerOptions {
  /** Whether this side gives way when both have offered. Exactly one side must. */
  polite: boolean;
  /** Whether this side begins. */
  offers: boolean;
  /** Sends a message to the other side, whose Peer takes set_session_description as "description", the other as "candidates". */
  relay(action: RelayAction, content: any): void;
  /** The most bytes of content, as JSON, for relay. Default Infinity; 28 KiB through Bellhop. */
  maxRelayed?: number;
  /** Whether relay works at the moment. */
  reachable?(): boolean;
}

export interface PeerEvents {
  /** Data can be sent to it. */
  open: {};
  /** The way of its data is known, or has changed. With server, error says why no connection stands. */
  way: { way: Way; error?: BellhopError };
  /** Not at the moment; it looks for a new path. restored or open follow if it finds one. */
  lost: {};
  /** Data can be sent again, over the same channels: reliable data from before is not lost. */
  restored: {};
  /** There is room again after `send` returned false because too much waited. */
  drain: {};
  message: { data: any; reliable: boolean };
  failed: { error: BellhopError };
  error: { error: Error };
  close: {};
}

/** A WebRTC connection to one other player. */
export class Peer extends Target<PeerEvents> {
  constructor(wiring: PeerWiring);
  readonly connectionId: string;
  readonly peerId?: number;
  readonly player?: any;
  /** Whether its connection to Bellhop is gone, and its place held. */
  readonly away: boolean;
  /** open: data can be sent now. failed: no path was found for 12 seconds; it keeps looking. */
  readonly state: PeerState;
  /** The way of its data while it is open, known shortly after: the event `way` says so. */
  readonly way: Way | null;
  /** Bytes that wait to be sent. */
  readonly buffered: number;
  /** For example to add sound or video. It is replaced when the other side's page reloads. */
  readonly connection: RTCPeerConnection;
  /**
   * Returns whether it could be sent: false unless `state` is open, or if too much waits. It throws `message_too_large` over
   * the other side's limit, 256 KiB in browsers, and `not_json` for what JSON does not hold, for example a function.
   */
  send(data: Data, options?: SendOptions): boolean;
  /** Tries to connect again unless it is connected. With anyway it always looks for a new path. */
  restart(anyway?: boolean): void;
  /** Replaces the STUN and TURN servers, and looks for a path with the new ones. */
  setIceServers(iceServers: RTCIceServer[]): void;
  /** Handles the arguments of the other side's relay. */
  receive(what: "description" | "candidates", content: any): void;
  close(): void;
}

export {}; // no other name is exported
