/** The protocol's codes (docs/protocol.md, "Errors" and "request_rejected"), and after them this client's own. */
export type Code =
  | "invalid_json" | "invalid_message" | "unknown_action" | "missing_field" | "invalid_field" | "message_too_large"
  | "lobby_exists" | "already_in_lobby" | "not_in_lobby" | "not_host" | "request_not_found" | "peer_not_found"
  | "peer_unreachable" | "rate_limited" | "internal" | "lobby_full" | "lobby_locked" | "wrong_password"
  | "resume_failed" | "banned" | "lobby_not_found" | "host_unavailable" | "rejected_by_host" | "lobby_closed" | "no_match"
  | "unreachable" | "connection_lost" | "timeout" | "closed" | "connection_failed";

export class BellhopError extends Error {
  constructor(code: Code, message: string, details?: object);
  code: Code;
  /** The field at fault. */
  field?: string;
  /** Milliseconds after which to try again. */
  retryAfter?: number;
  /** Until when a peer that is away may come back. */
  resumeUntil?: Date;
  /** Whether Bellhop may have done it all the same: no answer came. */
  uncertain?: boolean;
  /** What stands in the server's log too. */
  reference?: string;
}

export type Data = string | ArrayBuffer | ArrayBufferView | Blob;

export interface SendOptions {
  /** false: it may be lost or overtaken. Default true. */
  reliable?: boolean;
}

/** What is said of the peer connections of a lobby. */
export interface PeerOptions {
  /** What the others see of this player: at most 256 bytes as JSON. */
  player?: object;
  /** STUN and TURN servers beside those that Bellhop names. */
  iceServers?: RTCIceServer[];
  /** What else an RTCPeerConnection is made with: iceTransportPolicy, say. */
  rtc?: RTCConfiguration;
  /** Who offers in a star until its host changes. Default "joiner". Whoever should and does not is waited for 4 seconds. */
  offerer?: "joiner" | "host";
  /** Milliseconds for which candidates are collected, since each message costs on AWS. 0 sends each at once. Default 100. */
  batch?: number;
  /**
   * Milliseconds after which a connection that does not stand is tried again. After 15 times it has failed; then the time
   * grows, up to ten times this, for as long as the lobby stands. Default 2000.
   */
  retryEvery?: number;
  /** Bytes that may wait to be sent to one peer before `send` returns false. Default 4 MiB; at most 64 KiB if not reliable. */
  maxBuffered?: number;
}

export interface Options extends PeerOptions {
  /** Keeps games apart: 1 to 64 of A-Z a-z 0-9 . _ - */
  game?: string;
  /** A JWT, or what returns one, where the server asks for it. */
  token?: string | (() => string | Promise<string>);
  /** Milliseconds without a message after which a ping is sent. Default 8 minutes; AWS hangs up after 10. */
  keepAlive?: number;
  /** Milliseconds after which a connection is exchanged for a new one. Default 115 minutes; AWS hangs up after 120. */
  renewAfter?: number;
}

export interface HostOptions extends PeerOptions {
  /** 1 to 64 of A-Z a-z 0-9 _ -; without it Bellhop makes one that is good for reading aloud. */
  lobbyId?: string;
  /** 2 to 64, the host counts. Default 8. */
  maxPlayers?: number;
  /** Whether `list` and `quickJoin` find it. */
  public?: boolean;
  /** Whether who asks is let in at once. Otherwise there is a `request` for each. */
  autoAccept?: boolean;
  /** Whether members are linked with the host alone, or with each other. Default "star". */
  topology?: "star" | "mesh";
  password?: string;
  /** Whatever the game wants to show in a list: at most 1 KiB as JSON. */
  metadata?: object;
  /** What becomes of it without its host. Default "close". */
  onHostLeave?: "close" | "migrate";
  signal?: AbortSignal;
}

export interface JoinOptions extends PeerOptions {
  password?: string;
  /** Ends the wait for the host. */
  signal?: AbortSignal;
}

/** Conditions by the wire's names: {"metadata.mode": "duel", free_seats: {$gte: 2}}. docs/protocol.md, "Filters". */
export type Filter = Record<string, unknown>;

export interface QuickJoinOptions extends PeerOptions {
  filter?: Filter;
  /** The lobby to open where none fits. */
  orStart?: HostOptions;
  signal?: AbortSignal;
}

export interface ListOptions {
  filter?: Filter;
  /** 1 to 100. Default 20. */
  limit?: number;
  /** Of the page before. */
  cursor?: string;
}

export interface LobbyList {
  lobbies: LobbyInfo[];
  /** Of the next page, if there is one. */
  cursor?: string;
}

export interface LobbyInfo {
  lobbyId: string;
  players: number;
  maxPlayers: number;
  public: boolean;
  locked: boolean;
  hasPassword: boolean;
  autoAccept: boolean;
  topology: "star" | "mesh";
  onHostLeave: "close" | "migrate";
  metadata: any;
  createdAt: string;
}

export interface LobbyUpdate {
  maxPlayers?: number;
  public?: boolean;
  locked?: boolean;
  autoAccept?: boolean;
  /** null takes it off. */
  password?: string | null;
  /** Replaced as a whole. */
  metadata?: object;
}

export interface JoinRequest {
  connectionId: string;
  /** The number that they will have unless accept is given another. */
  peerId: number;
  player?: any;
  accept(options?: { peerId?: number }): Promise<Peer>;
  reject(reason?: string): Promise<void>;
}

/** An EventTarget that knows the names and fields of its events. */
declare class Target<Events> extends EventTarget {
  addEventListener<K extends keyof Events & string>(
    type: K, listener: (event: Event & Events[K]) => void, options?: boolean | AddEventListenerOptions): void;
  addEventListener(type: string, listener: EventListenerOrEventListenerObject | null, options?: boolean | AddEventListenerOptions): void;
}

/** A message as docs/protocol.md has it: an action that was sent, or an event that was heard. */
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
  /** Each message, to log or to draw; resume tokens and passwords are in it. */
  wire: { sent: boolean; message: WireMessage };
  error: { content: any; error: BellhopError };
  request_rejected: { content: any; error: BellhopError };
}

/** The connection to Bellhop: it connects when it is first needed, and resumes by itself. */
export class Bellhop extends Target<BellhopEvents> {
  /** url is ws:, wss:, or what a page was loaded by. */
  constructor(url: string | URL, options?: Options);
  readonly connected: boolean;
  readonly lobby: Lobby | null;
  /** What resume takes. Whoever has it has the place. */
  readonly resumeToken: string | null;
  connect(): Promise<void>;
  /** Sends an action of the protocol, and resolves with the event that answers it. */
  request(action: string, content?: object, options?: { signal?: AbortSignal }): Promise<{ event: string; content: any }>;
  /** Sends an action without asking for an answer, and returns whether there was a connection. */
  send(action: string, content?: object): boolean;
  /** Opens a lobby. */
  host(options?: HostOptions): Promise<Lobby>;
  /** Resolves when the host has let this client in. */
  join(lobbyId: string, options?: JoinOptions): Promise<Lobby>;
  /** Joins the fullest lobby that fits, or opens one. */
  quickJoin(options?: QuickJoinOptions): Promise<Lobby>;
  /** Takes a place back on another page, by its token. After any error but resume_failed, it may be tried again. */
  resume(token: string, options?: PeerOptions): Promise<Lobby>;
  /** One page of the public lobbies. */
  list(options?: ListOptions): Promise<LobbyList>;
  /** Has the place on a new connection soon, which brings all that Bellhop knows: for when something does not fit. */
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
  lost: { peer: Peer };
  restored: { peer: Peer };
  drain: { peer: Peer };
  message: { peer: Peer; data: string | ArrayBuffer; reliable: boolean };
  failed: { peer: Peer; error: BellhopError };
  update: {};
  /** peer is null if this client is the host now. */
  host: { peer: Peer | null };
  /** lost: Bellhop cannot be reached, and the game goes on; gone: it can, and does not know the lobby any more. */
  signalling: { state: "lost" | "resumed" | "gone"; error?: BellhopError };
  /** peer is missing if it is about the servers that Bellhop names. */
  error: { peer?: Peer; error: Error };
  close: {
    reason: "left" | "closed" | "host_left" | "timed_out" | "removed" | "replaced" | "resume_failed";
    /** What the host said when it removed this player. */
    message?: string;
    error?: BellhopError;
  };
}

/** Who is in a game, with a Peer for each who is linked with this client. */
export class Lobby extends Target<LobbyEvents> {
  readonly id: string;
  readonly me: { peerId: number; connectionId: string; player?: any };
  readonly info: LobbyInfo;
  readonly hostPeerId: number;
  /** null if this client is the host. */
  readonly host: Peer | null;
  readonly isHost: boolean;
  /** Those linked with this client: in a star the host has all, and they the host alone. */
  readonly members: Peer[];
  /** Those who wait to be let in. */
  readonly requests: JoinRequest[];
  peer(peerId: number): Peer | undefined;
  /** Sends to all that are connected and have room, and returns to how many. */
  send(data: Data, options?: SendOptions): number;
  accept(request: JoinRequest, options?: { peerId?: number }): Promise<Peer>;
  reject(request: JoinRequest, reason?: string): Promise<void>;
  remove(peer: Peer, options?: { reason?: string; ban?: boolean }): Promise<void>;
  update(changes: LobbyUpdate): Promise<LobbyInfo>;
  /**
   * Gives up this client's place. The lobby is over at once. Without a connection it rejects with `unreachable` after 15 s, and
   * Bellhop hears of it as soon as there is one.
   */
  leave(): Promise<void>;
  /** Ends the lobby for all. */
  close(): Promise<void>;
  /** Takes in an event of Bellhop's, which a Bellhop does by itself. */
  receive(event: string, content: any): void;
}

export type PeerState = "connecting" | "open" | "failed" | "closed";

export type RelayAction = "set_session_description" | "send_ice_candidate";

/** What a Peer needs where no lobby makes it. */
export interface PeerWiring extends PeerOptions {
  /** Whether this side gives way when both have offered. Exactly one side must. */
  polite: boolean;
  /** Whether this side begins. */
  offers: boolean;
  /** Hands a message to the other side, whose Peer takes set_session_description as "description", the other as "candidates". */
  relay(action: RelayAction, content: any): void;
  /** Bytes of content, as JSON, that relay gets through. Default Infinity; 28 KiB through Bellhop. */
  maxRelayed?: number;
  /** Whether relay gets anything through at the moment. */
  reachable?(): boolean;
}

export interface PeerEvents {
  /** It can be talked to. */
  open: {};
  /** It cannot for now; a way is looked for. restored or open follow if there is one. */
  lost: {};
  /** It can again, by the same channels: what was sent before is not lost. */
  restored: {};
  /** After `send` returned false since too much waited, half of that is gone. */
  drain: {};
  message: { data: string | ArrayBuffer; reliable: boolean };
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
  /** open: it can be talked to now. failed: no way was found for half a minute; it goes on being looked for. */
  readonly state: PeerState;
  /** Bytes that wait to be sent. */
  readonly buffered: number;
  /** To add sound or video to, say. Another one after the other side's page was loaded anew. */
  readonly connection: RTCPeerConnection;
  /** Returns whether it could be sent: false unless `state` is open, or if too much waits. Throws message_too_large beyond what the other side takes, 256 KiB in browsers. */
  send(data: Data, options?: SendOptions): boolean;
  /** Tries to connect again unless it is connected, or anyway: for want of a way, or for a better one. */
  restart(anyway?: boolean): void;
  /** Exchanges the STUN and TURN servers, and looks for a way by the new ones. */
  setIceServers(iceServers: RTCIceServer[]): void;
  /** Takes in what the other side's relay was given. */
  receive(what: "description" | "candidates", content: any): void;
  close(): void;
}

export {}; // nothing else is
