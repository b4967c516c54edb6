// The types of the page's modules. They stand here, where no browser loads them.
import type { Bellhop, BellhopError, Lobby, LobbyInfo } from "./bellhop.js";

/** What is wrong, and a button that helps. */
export interface Trouble {
  text: string;
  act?: string;
  then?(): unknown;
}

export interface Text {
  $(id: string): any;
  make(tag: string, properties?: object, ...inside: (Node | string)[]): any;
  /** limit is in characters. */
  clean(value: unknown, limit?: number): string;
  on(id: string, type: string, act: (event: any) => unknown, over?: AbortSignal): void;
  busy<T>(button: any, act: () => Promise<T>): Promise<T | undefined>;
  action(label: string, act: () => Promise<unknown>, spoken?: string): any;
  write(element: any, text: string): string;
  kept(where: "localStorage" | "sessionStorage", name: string, value?: unknown): any;
}

/** The lobby that this player is in, for all parts of the page. */
export interface Room {
  lobby: Lobby;
  people: People;
  round: Round;
  /** Shows what is wrong, or hides that. */
  trouble(what: Trouble | null): void;
  over: AbortSignal;
}

/** Players go by their peer ids. */
export interface People {
  ids(): number[];
  name(id: number): string;
  /** The class of a player's colour. */
  colour(id: number): string;
  isReady(id: number): boolean;
  /** How a player is connected, in a word; "" if all is well. */
  trouble(id: number): string;
  /** Changes what the others see of this player. */
  change(changes: { name?: string; colour?: number; ready?: boolean }): Promise<void>;
}

export interface Point {
  x: number;
  y: number;
}

export interface Round {
  phase: "lobby" | "count" | "play" | "won";
  /** Seconds until the start. */
  left: number;
  /** by: the player that has it, or 0. */
  key: Point & { by: number };
  /** Seconds for which nobody can take the key. */
  safe: number;
  /** Seconds with the key. */
  scores: Record<number, number>;
  /** Rounds. */
  wins: Record<number, number>;
  winner: number;
}

export interface Rules {
  within(n: unknown, max: number, min?: number): number;
  inside(x: unknown, y: unknown): Point;
  newRound(): Round;
  waits(round: Round): boolean;
  begin(round: Round, players: Point[]): void;
  /** players: those who are here. */
  rule(round: Round, seconds: number, players: Map<number, Point>): void;
  take(round: Round, message: any): void;
}

/** A player on the field. */
export interface Dot extends Point {
  goal: Point;
  /** Whether its position is known. */
  placed: boolean;
  dashing: boolean;
  /** When it last met this player. */
  bumped: number;
  dot: any;
}

export interface Scene {
  draw(id: number, player: Dot): void;
  show(holder?: Point): void;
  flash(...dots: any[]): void;
  bubble(dot: any, text: string): void;
}

export interface Page {
  /** how resolves with null if there is no lobby. button was pressed. */
  enter(how: () => Promise<Lobby | null>, button?: any, otherwise?: (error: BellhopError) => void): Promise<void>;
  takeBack(take: () => Promise<Lobby | null>): Promise<void>;
  join(code: string, options?: { password?: string; button?: any; orHost?: boolean }): Promise<void>;
  describe(game: LobbyInfo | null): void;
}

export interface Wire {
  /** Draws a direct connection to a player. */
  stands(name: string, relayed?: boolean): void;
}

/** nameOf returns the name of the player at an address. */
export type DrawWire = (bellhop: Bellhop, nameOf: (connectionId: string) => string) => Wire;
