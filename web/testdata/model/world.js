// A world of the model: clients that share a clock. Each has a frame of its own, which can sleep and reload as a page can. WebRTC and sockets are the browser's own, and run on real time.

const real = { setTimeout: setTimeout.bind(window), now: () => performance.now() };
const TICK = 4; // ms of real time
const LATE = 12; // the most that a tick counts for on a busy machine, so clients do not time out early

class World {
  now = 0; // ms since it began
  beat = 0; // of the messages that peers send each other
  clients = [];
  errors = [];
  #timers = new Map();
  #id = 0;

  constructor({ speed, epoch, seed }) {
    Object.assign(this, { speed, epoch, seed });
    const channel = new MessageChannel();
    const turns = [];
    channel.port1.onmessage = () => turns.shift()();
    this.turn = () => new Promise((resolve) => {
      turns.push(resolve);
      channel.port2.postMessage(0);
    });
    this.#run();
  }

  /** Calls f after ms, then every `again` ms if that is not 0, until the caller's life ends. */
  set(life, f, ms, again = 0) {
    this.#timers.set(++this.#id, { life, f, again, at: this.now + Math.max(0, Number(ms) || 0) });
    return this.#id;
  }

  clear(id) {
    this.#timers.delete(id);
  }

  pass(ms) {
    return new Promise((resolve) => this.set(null, resolve, ms));
  }

  async #run() {
    for (let last = real.now(); !this.over;) {
      await new Promise((resolve) => real.setTimeout(resolve, TICK));
      const is = real.now();
      const until = this.now + Math.min(is - last, LATE) * this.speed;
      last = is;
      for (let due; (due = this.#due(until)); await this.turn()) {
        const [id, timer] = due;
        const { life, f, at, again } = timer;
        this.now = Math.max(this.now, at);
        if (again) timer.at = this.now + again;
        else this.#timers.delete(id);
        if (life?.dead) {
          this.#timers.delete(id);
          continue;
        }
        try {
          f();
        } catch (error) {
          this.fail(life, error);
        }
      }
      this.now = until;
    }
  }

  #due(until) {
    let first = null;
    for (const entry of this.#timers) {
      const { life, at } = entry[1];
      if (at <= until && !life?.asleep && (!first || at < first[1].at)) first = entry;
    }
    return first;
  }

  fail(life, error) {
    if (!this.over) this.errors.push(`client ${life?.client.name}: ${error?.stack ?? error}`);
  }

  /** Adds a client that connects to url. */
  add(url, options) {
    const client = new Client(this, this.clients.length + 1, url, options);
    this.clients.push(client);
    return client.load();
  }

  end() {
    this.over = true;
    for (const { frame, life } of this.clients) {
      life.dead = true;
      frame.remove();
    }
  }

  /** Returns the state of all clients, after each has sent each of its peers a message. */
  async look() {
    this.beat++;
    for (const { life } of this.clients) life.game?.speak(this.beat);
    await this.pass(250);
    return { now: this.now, beat: this.beat, errors: this.errors, clients: this.clients.map((client) => client.show()) };
  }
}

/** A player, over all lives of its page. */
class Client {
  storage = new PageStorage();
  trace = [];

  constructor(world, name, url, options) {
    Object.assign(this, { world, name, url, options });
  }

  /** Opens or reloads the page. */
  load() {
    if (this.life) this.life.dead = true;
    this.note("page loads");
    this.life = new Life(this);
    const frame = document.createElement("iframe");
    frame.src = `client.html?${this.name}`;
    this.frame?.remove();
    this.frame = frame;
    const loaded = new Promise((resolve) => (this.life.loaded = resolve));
    document.body.append(frame);
    return loaded;
  }

  /** The token that the page keeps. */
  get saved() {
    return JSON.parse(this.storage.item ?? "{}").token ?? null;
  }

  note(text) {
    this.trace.push(`${(this.world.now / 1000).toFixed(2)} ${text}`);
    if (this.trace.length > 400) this.trace.shift();
  }

  show() {
    const { life, saved } = this;
    const game = life.game?.show() ?? { pending: ["the page to load"], members: [] };
    return { ...game, saved, tokens: [...life.tokens], asleep: life.asleep };
  }
}

/** What a page's sessionStorage is for the client. */
class PageStorage {
  item = null;
  getItem = () => this.item;
  setItem = (_, item) => (this.item = item);
  removeItem = () => (this.item = null);
}

/** One life of a client's page: all that a reload ends. */
class Life {
  asleep = false;
  dead = false;
  lose = []; // names of events whose next one gets lost
  frames = []; // of API Gateway's own, as answers to the next actions
  tokens = new Set(); // that the page has heard of
  held = []; // what came while it slept

  constructor(client) {
    this.client = client;
    if (client.saved) this.tokens.add(client.saved);
  }

  /** Gives a frame the world's clock, and sockets that lose the chosen events. */
  install(window) {
    const { world } = this.client;
    const began = world.now;
    const date = () => world.epoch + world.now + (this.client.options.skew ?? 0);
    const AnyDate = window.Date;
    window.Date = class extends AnyDate {
      constructor(...given) {
        if (given.length) super(...given);
        else super(date());
      }
      static now = date;
    };
    window.performance.now = () => world.now - began;
    window.setTimeout = (f, ms, ...given) => world.set(this, () => f(...given), ms);
    window.clearTimeout = window.clearInterval = (id) => world.clear(id);
    window.setInterval = (f, ms, ...given) => world.set(this, () => f(...given), ms, ms);
    window.AbortSignal.timeout = (ms) => {
      const controller = new window.AbortController();
      world.set(this, () => controller.abort(new window.DOMException("It took too long.", "TimeoutError")), ms);
      return controller.signal;
    };
    window.Math.random = random(world.seed * 64 + this.client.name);
    Object.defineProperty(window.document, "visibilityState", { get: () => (this.asleep ? "hidden" : "visible") });
    Object.defineProperty(window.document, "hidden", { get: () => this.asleep });
    window.onerror = (_message, _file, _line, _column, error) => world.fail(this, error);
    window.onunhandledrejection = ({ reason }) => world.fail(this, reason);
    window.WebSocket = this.#socket(window);
  }

  #socket(window) {
    const life = this;
    return class extends window.WebSocket {
      constructor(url) {
        super(url);
        life.client.note("connects");
        for (const type of ["open", "message", "error", "close"]) {
          this.addEventListener(type, (event) => {
            if (event.isTrusted) {
              event.stopImmediatePropagation();
              life.arrive(window, this, event);
            }
          });
        }
      }
      send(text) {
        if (life.dead) return;
        if (life.frames.length && this.readyState === 1) {
          const message = life.frames.shift();
          life.client.note(`> ${text} (which API Gateway does not pass on)`);
          const data = JSON.stringify({ message, connectionId: "ab=", requestId: "cd=" });
          life.client.world.set(life, () => life.arrive(window, this, { type: "message", data }), 100);
          return;
        }
        if (this.readyState === 1) life.client.note(`> ${text.length < 500 ? text : text.replace(/"sdp":"[^"]*"/, '"sdp":…')}`);
        super.send(text);
      }
    };
  }

  arrive(window, socket, event) {
    if (this.dead) return;
    if (this.asleep) return void this.held.push([window, socket, event]);
    const { type, data, code, reason, wasClean } = event;
    if (type === "close") this.client.note(`is disconnected: ${code}`);
    if (type !== "message") {
      return void socket.dispatchEvent(type === "close" ? new window.CloseEvent(type, { code, reason, wasClean }) : new window.Event(type));
    }
    const name = /^\{"event":"(\w+)"/.exec(data)?.[1];
    const at = this.lose.indexOf(name);
    if (at >= 0) this.lose.splice(at, 1);
    this.client.note(`< ${data.length < 700 ? data : data.replace(/"sdp":"[^"]*"/, '"sdp":…')}${at >= 0 ? " (which gets lost)" : ""}`);
    if (at >= 0) return;
    const token = /"resume_token":"([^"]*)"/.exec(data)?.[1];
    if (token) this.tokens.add(token);
    socket.dispatchEvent(new window.MessageEvent(type, { data }));
  }

  sleep() {
    this.asleep = true;
  }

  /** Wakes up. Browsers report this by various events, or by none. */
  async wake(window, name) {
    if (!this.asleep) return;
    this.asleep = false;
    if (name === "visibilitychange" || name === "resume") window.document.dispatchEvent(new window.Event(name));
    else if (name) window.dispatchEvent(name === "pageshow" ? new window.PageTransitionEvent(name, { persisted: true }) : new window.Event(name));
    for (const [window, socket, event] of this.held.splice(0)) {
      this.arrive(window, socket, event);
      await this.client.world.turn();
    }
  }
}

function random(seed) {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

window.start = (options) => (window.world = new World(options));
