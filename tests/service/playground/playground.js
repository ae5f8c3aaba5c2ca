// The backend without a server: the library in WebAssembly, and a clock that the page moves. See backend.js of the page.
import { friends, viewers } from './cast.js';
import { loadLibrary } from './library.js';
import { mountControls } from './play.js';

const beatEvery = 15_000;
const lobby = { type: 'messaging', id: 'lobby' };
const rules = { session_timeout: 40, idle_after: 600, last_active_refresh: 60 };
const minute = 60_000;

export async function openBackend() {
  const backend = new Playground(await loadLibrary('presence.wasm'));
  backend.playLastHour();
  return backend;
}

class Playground {
  beating = new Map();  // for each user the sessions that send heartbeats
  users = new Set();    // ids of all users of events so far
  #library;
  #now;
  #nextBeat;
  #connections = new Map();
  #timeListeners = [];
  #sessions = 0;

  constructor(library) {
    this.#library = library;
    // Whole minutes: what is shown does not depend on the second in which the page was opened.
    this.#now = Math.floor(Date.now() / minute) * minute - 60 * minute;
    this.#nextBeat = this.#now + beatEvery;
    library.call('start', this.#text(this.#now), JSON.stringify(rules));
  }

  now() { return this.#now; }
  onTime(fn) { this.#timeListeners.push(fn); }
  mountControls(controls) { mountControls(this, controls); }

  async open(id, { name, invisible, onEvent, onState }) {
    const session = `page-${++this.#sessions}`;
    const connection = new Connection(this, this.#library, id, session, onEvent, onState);
    const connect = { type: 'connect', user: id, session, invisible };
    this.#connections.set(key(id, session), connection);
    try {
      const verdict = this.play(connect);
      if (verdict !== 'applied') throw new Error(`The connect was rejected: ${verdict}.`);
      this.play({ type: 'data', user: id, name: 'name', value: name });
    } catch (error) {
      this.#connections.delete(key(id, session));
      throw error;
    }
    return connection;
  }

  /** Applies an event, given as an object or as JSON. One without a timestamp is dated now. Returns the verdict. */
  play(event) {
    let read = event;
    if (typeof event === 'string') {
      try {
        read = JSON.parse(event);
      } catch {
        read = undefined;  // the library says what is wrong with it
      }
    }
    const isObject = typeof read === 'object' && read !== null && !Array.isArray(read);
    if (isObject && read.at === undefined) event = read = { ...read, at: this.#text(this.#now) };
    if (isObject) this.#introduce(read.user);
    const { verdict } = this.#library.call('dispatch', typeof event === 'string' ? event : JSON.stringify(event));
    if (isObject && ['applied', 'unchanged'].includes(verdict)) this.#note(read);
    this.deliver();
    return verdict;
  }

  /** Lets all connections follow a user before anything is known of them. */
  #introduce(user) {
    if (typeof user !== 'string' || user === '' || this.users.has(user)) return;
    this.users.add(user);
    for (const connection of this.#connections.values()) connection.follow(user);
  }

  #note({ type, user, session }) {
    // When a session ends, the library says so; see `deliver`.
    if (type === 'connect') this.beating.set(user, (this.beating.get(user) ?? new Set()).add(session));
  }

  /** The sessions of a user, or one of them, send no more heartbeats. */
  silence(user, session) {
    const sessions = this.beating.get(user);
    if (session === undefined) sessions?.clear();
    else sessions?.delete(session);
    if (sessions?.size === 0) this.beating.delete(user);
  }

  /** Lets time pass. Sessions that are not silent send their heartbeats meanwhile. */
  advance(ms) {
    const end = this.#now + ms;
    while (this.#now < end) {
      this.#now = Math.min(end, this.#nextBeat);
      this.#library.call('advance', this.#text(this.#now));
      if (this.#now === this.#nextBeat) {
        this.#nextBeat += beatEvery;
        for (const [user, sessions] of this.beating) {
          for (const session of sessions) {
            const beat = { type: 'heartbeat', user, session, at: this.#text(this.#now) };
            this.#library.call('dispatch', JSON.stringify(beat));
          }
        }
      }
    }
    this.deliver();
    for (const listener of this.#timeListeners) listener();
  }

  /** Returns when time alone changes something, in ms since 1970, or undefined. */
  nextWakeup() {
    const { at } = this.#library.call('next_wakeup');
    return at === null ? undefined : Date.parse(at);
  }

  /** Gives each connection what it was sent. */
  deliver() {
    for (const { user, session, event } of this.#library.call('take_notices').notices) {
      const connection = this.#connections.get(key(user, session));
      if (event.type !== 'session.ended') {
        connection?.receive(event);
        continue;
      }
      this.silence(user, session);
      this.#connections.delete(key(user, session));
      connection?.end(event.reason);
    }
  }

  /** An hour of the cast, for the timelines. Each line: the minute, then events without user and timestamp. */
  playLastHour() {
    const connect = (session, more) => ({ type: 'connect', session, ...more });
    const disconnect = (session) => ({ type: 'disconnect', session });
    const match = (session, text) => ({ type: 'update', session, activity: text ? { match: text } : {} });
    const choose = (availability) => ({ type: 'availability', availability });
    const say = (status) => ({ type: 'status', status });
    const active = (session) => ({ type: 'active', session });
    const silent = { type: 'silent' };
    const everyFew = (from, to, session) =>
      Array.from({ length: Math.ceil((to - from) / 4) }, (_, i) => [from + 4 * i, active(session)]);
    const histories = {
      john: [[1, connect('phone')], ...everyFew(4, 26, 'phone'), [27, disconnect('phone')]],
      jack: [[9, connect('tablet')], ...everyFew(12, 30, 'tablet'), [33, silent]],
      mary: [[2, connect('console')], ...everyFew(5, 60, 'console'), [14, match('console', '1/4')],
        [17, match('console', '2/4')]],
      ann: [[5, connect('laptop')], ...everyFew(8, 60, 'laptop'), [22, choose('busy')], [34, choose()], [43, choose('busy')],
        [43, say(friends[1].status)]],
      omar: [[11, connect('phone')], ...everyFew(14, 30, 'phone'), [31, disconnect('phone')], [40, connect('console')],
        ...everyFew(43, 60, 'console'), [46, match('console', '3/4')], [47, say(friends[2].status)]],
      yuki: [[18, connect('laptop')], ...everyFew(21, 60, 'laptop'),
        [36, { type: 'update', session: 'laptop', availability: 'away' }],
        [36, say(friends[3].status)]],
      noor: [[7, connect('phone')], ...everyFew(10, 36, 'phone'), [38, silent]],
      lena: [[24, connect('laptop')], ...everyFew(27, 42, 'laptop')],
    };
    const script = [];
    for (const { id, name } of [...viewers, ...friends]) {
      script.push([0, { type: 'data', user: id, name: 'name', value: name }]);
      for (const [at, event] of histories[id]) script.push([at, { user: id, ...event }]);
    }
    script.sort((a, b) => a[0] - b[0]);
    const start = this.#now;
    for (const [at, event] of script) {
      this.advance(start + at * minute - this.#now);
      if (event.type === 'silent') this.silence(event.user);
      else this.play(event);
    }
    this.advance(start + 60 * minute - this.#now);
  }

  #text(ms) { return new Date(ms).toISOString(); }
}

class Connection {
  room = `${lobby.type}:${lobby.id}`;
  #playground;
  #library;
  #id;
  #session;
  #onEvent;
  #onState;

  constructor(playground, library, id, session, onEvent, onState) {
    this.#playground = playground;
    this.#library = library;
    this.#id = id;
    this.#session = session;
    this.#onEvent = onEvent;
    this.#onState = onState;
  }

  get session() { return this.#session; }
  receive(event) { this.#onEvent(event); }
  end(reason) {
    if (reason !== 'disconnected') this.#onState('closed', `The session has ended: ${reason.replace('_', ' ')}.`);
    else this.#onState('closed', '');
  }
  follow(user) { this.#library.call('watch_user', this.#id, this.#session, user); }

  async me() { return this.#query({ id: { $in: [this.#id] } })[0]; }
  async friends() {
    for (const user of this.#playground.users) this.follow(user);
    return this.#query({});
  }
  async send(event) {
    const { user = this.#id, session = this.#session } = event;
    return this.#playground.play({ ...event, user, ...(event.type === 'update' ? { session } : {}) });
  }
  async enterRoom() {
    const room = this.#library.call('watch', this.#id, this.#session, lobby.type, lobby.id);
    this.#playground.deliver();
    return room;
  }
  async leaveRoom() {
    this.#library.call('unwatch', this.#id, this.#session, this.room);
    this.#playground.deliver();
  }
  async timeline() { return this.#library.call('timeline', this.#id); }
  async close() {
    this.#playground.play({ type: 'disconnect', user: this.#id, session: this.#session });
  }

  #query(conditions) {
    const query = { filter_conditions: conditions, presence: true };
    return this.#library.call('query_users', this.#id, this.#session, JSON.stringify(query)).users;
  }
}

function key(user, session) {
  return JSON.stringify([user, session]);
}
