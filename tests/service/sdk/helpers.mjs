// SPDX-License-Identifier: MIT
// What the tests share: the service as a process, clients of the SDK with a log of their events, and waits that have a
// deadline and name what they wait for.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { after } from 'node:test';
import { fileURLToPath } from 'node:url';
import { StreamChat } from 'stream-chat';
import WebSocket from 'ws';

export const API_KEY = 'key';
/** What a wait may take by default: long, because a slow machine is no fault. */
export const PATIENCE_MS = 20_000;
const BINARY = process.env.PRESENCE_SERVICE;
if (!BINARY) throw new Error('PRESENCE_SERVICE must be the path of the service binary');

// The SDK never cancels the timer of a connect, and each process would live until the last of them.
const CONNECT_MS = 15_000;
const plainSetTimeout = globalThis.setTimeout;
globalThis.setTimeout = (run, ms, ...values) => {
  const timer = plainSetTimeout(run, ms, ...values);
  return ms === CONNECT_MS ? timer.unref() : timer;
};

const children = new Set();
const clients = new Set();
const rawClients = new Set();
const killChildren = () => {
  for (const child of children) child.kill('SIGKILL');
};
process.on('exit', killChildren);

/** Runs `end` after the last test of the file, then ends what tests that failed have left behind. */
export function atEnd(end = () => {}) {
  after(async () => {
    try {
      await end();
    } finally {
      killChildren();
      for (const raw of rawClients) raw.socket.terminate();
      await Promise.allSettled([...clients].map((client) => client.disconnectUser(100)));
    }
  });
}

/** Rejects after `ms` with a message that names `what`. Else settles as the promise. */
export async function within(ms, what, promise) {
  let timer;
  const deadline = new Promise((_, reject) => {
    timer = setTimeout(
      () => reject(new Error(`waited ${ms} ms for ${typeof what === 'function' ? what() : what}`)),
      ms,
    );
  });
  try {
    return await Promise.race([promise, deadline]);
  } finally {
    clearTimeout(timer);
  }
}

export const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Polls until `condition` returns a value that is true, for what no event announces. Returns that value. */
export async function until(condition, what, ms = PATIENCE_MS) {
  const end = Date.now() + ms;
  for (;;) {
    const value = await condition();
    if (value) return value;
    if (Date.now() > end) throw new Error(`waited ${ms} ms until ${typeof what === 'function' ? what() : what}`);
    await pause(20);
  }
}

/** A list of things that arrive, with waits for those that match. A match is searched from behind the last match on. */
export class Log {
  entries = [];
  #from = 0;
  #waiting = [];

  push(entry) {
    this.entries.push(entry);
    for (const check of [...this.#waiting]) check();
  }

  /** Waits for the next entry that matches. Returns it. */
  async next(matches, what, ms = PATIENCE_MS) {
    let settle;
    const found = new Promise((resolve) => {
      settle = () => {
        for (let i = this.#from; i < this.entries.length; ++i) {
          if (!matches(this.entries[i])) continue;
          this.#from = i + 1;
          resolve(this.entries[i]);
          return;
        }
      };
    });
    this.#waiting.push(settle);
    settle();
    try {
      return await within(ms, () => `${what}; received: ${this.#recent()}`, found);
    } finally {
      this.#waiting.splice(this.#waiting.indexOf(settle), 1);
    }
  }

  /** Waits for entries that match, in any order. `wanted` is a list of pairs of `matches` and `what`. */
  async nextAll(wanted, ms = PATIENCE_MS) {
    const from = this.#from;
    const ends = [];
    for (const [matches, what] of wanted) {
      this.#from = from;
      await this.next(matches, what, ms);
      ends.push(this.#from);
    }
    this.#from = Math.max(...ends);
  }

  /** Forgets all entries so far. */
  clear() {
    this.entries.length = 0;
    this.#from = 0;
  }

  #recent() {
    const text = this.entries.slice(-12).map((one) => (typeof one === 'string' ? one : brief(one)));
    return `[${text.join(', ')}]`;
  }
}

/** An event in a few words. */
export function brief(event) {
  const user = event.user ? ` ${event.user.id}:${event.user.online ? 'online' : 'offline'}` : '';
  return `${event.type}${user}${event.cid && event.cid !== '*' ? ` ${event.cid}` : ''}`;
}

/** The events of one client of the SDK. */
export class Events extends Log {
  constructor(client) {
    super();
    client.on((event) => this.push(event));
  }

  /** Waits for the next event of a type about a user. `matches` may ask for more. */
  event(type, user, matches = () => true, ms = PATIENCE_MS) {
    const wanted = (event) => event.type === type && (!user || event.user?.id === user) && matches(event);
    return this.next(wanted, `${type}${user ? ` of ${user}` : ''} (${matches})`, ms);
  }
  presence(user, matches, ms) {
    return this.event('user.presence.changed', user, matches, ms);
  }
  online(user, ms) {
    return this.presence(user, (event) => event.user.online === true, ms);
  }
  offline(user, ms) {
    return this.presence(user, (event) => event.user.online === false, ms);
  }
  of(type, user) {
    return this.entries.filter((event) => event.type === type && (!user || event.user?.id === user));
  }
  /** The changes of a user so far. */
  presences(user) {
    return this.of('user.presence.changed', user);
  }
}

/** The service as a process. */
export class Service {
  errors = [];

  constructor(args) {
    this.args = args;
  }
  static async start(...args) {
    const service = new Service(args);
    await service.start();
    return service;
  }

  /** Starts it, or starts it again at the same port. */
  async start() {
    assert(!this.process, 'the service runs already');
    const child = spawn(BINARY, ['--port', String(this.port ?? 0), ...this.args.map(String)], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.process = child;
    children.add(child);
    this.ended = new Promise((resolve) => {
      child.on('exit', (code, signal) => {
        children.delete(child);
        resolve(signal ?? code);
      });
    });
    createInterface({ input: child.stderr }).on('line', (line) => this.errors.push(line));
    const first = new Promise((resolve, reject) => {
      createInterface({ input: child.stdout }).once('line', resolve);
      child.on('error', reject);
      this.ended.then((status) => reject(new Error(`the service ended with ${status}: ${this.errors.join('\n')}`)));
    });
    const line = await within(PATIENCE_MS, 'the first line of the service', first);
    assert.match(line, /^listening on \d+$/);
    this.port = Number(line.split(' ').at(-1));
  }

  /** Ends it by a signal. Returns the exit status or the name of the signal that ended it. */
  async stop(signal = 'SIGTERM') {
    if (!this.process) return undefined;
    this.process.kill(signal);
    const status = await within(PATIENCE_MS, `the service to end after ${signal}`, this.ended);
    this.process = undefined;
    return status;
  }

  get url() {
    return `http://127.0.0.1:${this.port}`;
  }
  get isRunning() {
    return this.process !== undefined && this.process.exitCode === null && this.process.signalCode === null;
  }
  /** The memory that the process has in RAM, in bytes. */
  get resident() {
    const status = readFileSync(`/proc/${this.process.pid}/status`, 'utf8');
    return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)[1]) * 1024;
  }
}

/** A client of the SDK that is not connected yet. */
export function newClient(service, options = {}) {
  const settings = { baseURL: service.url, allowServerSideConnect: true, timeout: PATIENCE_MS, ...options };
  const client = new StreamChat(API_KEY, settings);
  clients.add(client);
  return client;
}

/** A server-side client: its token names no user. */
export function newServerClient(service, secret = 'any secret') {
  return new StreamChat(API_KEY, secret, { baseURL: service.url, allowServerSideConnect: true, timeout: PATIENCE_MS });
}

/** Connects a user by the SDK. The client has its events as `log`. */
export async function connect(service, user, options) {
  const details = typeof user === 'string' ? { id: user } : user;
  const client = newClient(service, options);
  client.log = new Events(client);
  const { id } = details;
  await within(PATIENCE_MS, `${id} to connect`, client.connectUser(details, client.devToken(id)));
  return client;
}

/** Connects `id`, who follows `users` and a beacon. Users that are unknown are created. See `settled`. */
export async function connectObserver(service, id, users) {
  const client = await connect(service, id);
  const beacon = `beacon-of-${id}`;
  client.beacon = { server: newServerClient(service), user: beacon };
  const known = await client.queryUsers({ id: { $in: users } }, {}, { limit: users.length + 1 });
  const unknown = users.filter((user) => !known.users.some((one) => one.id === user));
  await client.beacon.server.upsertUsers([beacon, ...unknown].map((user) => ({ id: user })));
  await client.queryUsers({ id: { $in: [beacon, ...users] } }, {}, { presence: true, limit: users.length + 1 });
  return client;
}

let signals = 0;

/** Returns when the client has received all that the service sent it so far: a change that is made now has arrived. */
export async function settled(client, ms = PATIENCE_MS) {
  const { server, user } = client.beacon;
  const status = `signal ${++signals}`;
  await server.partialUpdateUser({ id: user, set: { status } });
  await client.log.next(
    (event) => event.user?.id === user && event.user.status === status,
    `the beacon's ${status}`,
    ms,
  );
}

/** Disconnects clients. Those that are disconnected already are skipped. */
export async function disconnect(...clients) {
  await within(
    PATIENCE_MS,
    'clients to disconnect',
    Promise.all(clients.map((client) => client?.disconnectUser(1000))),
  );
}

/** Closes the TCP connection of a client without a closing handshake. The SDK then reconnects. */
export function dropSocket(client) {
  client.wsConnection.ws.terminate();
}

/** The error that a promise rejects with. */
export async function failure(promise, what = 'a call') {
  let value;
  try {
    value = await promise;
  } catch (error) {
    return error;
  }
  throw new Error(`${what} was expected to fail, and returned ${JSON.stringify(value)}`);
}

/** The error of the API that a call of the SDK rejects with: its number, HTTP status and message. */
export async function apiError(promise, what) {
  const error = await failure(promise, what);
  assert(error.response, `${what} failed without an answer: ${error.stack}`);
  const body = error.response.data;
  assert.equal(typeof body.code, 'number', `the body of an error has a code: ${JSON.stringify(body)}`);
  assert.equal(typeof body.message, 'string', `the body of an error has a message: ${JSON.stringify(body)}`);
  assert.equal(body.StatusCode, error.response.status);
  return { code: body.code, status: error.response.status, message: body.message };
}

/** A process that is a client of the SDK. */
export class ClientProcess {
  lines = new Log();

  static async start(service, user) {
    const one = new ClientProcess();
    const script = fileURLToPath(new URL('client_process.mjs', import.meta.url));
    one.process = spawn(process.execPath, [script, service.url, JSON.stringify(user)], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    children.add(one.process);
    one.ended = new Promise((resolve) => {
      one.process.on('exit', () => {
        children.delete(one.process);
        resolve();
      });
    });
    createInterface({ input: one.process.stdout }).on('line', (line) => one.lines.push(line));
    await one.line('connected');
    return one;
  }
  line(text, ms) {
    return this.lines.next((line) => line === text, `the line "${text}" of a client process`, ms);
  }
  signal(name) {
    this.process.kill(name);
  }
  async kill() {
    this.process.kill('SIGKILL');
    await within(PATIENCE_MS, 'a client process to end', this.ended);
  }
}

/** A request that the SDK would not send. `token` is the text of the header. */
export async function request(service, method, path, { body, token, headers = {}, raw = false } = {}) {
  const response = await fetch(service.url + path, {
    method,
    body: body === undefined ? undefined : raw ? body : JSON.stringify(body),
    headers: {
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...(token ? { authorization: token, 'stream-auth-type': 'jwt' } : {}),
      ...headers,
    },
    signal: AbortSignal.timeout(PATIENCE_MS),
  });
  const text = await response.text();
  let json;
  try {
    json = JSON.parse(text);
  } catch {
    json = undefined;
  }
  return { status: response.status, headers: response.headers, text, json };
}

export const devToken = (user) =>
  `eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.${Buffer.from(JSON.stringify({ user_id: user })).toString('base64')}.devtoken`;

/** The path of a connect, as the SDK builds it. */
export function connectPath(user, { token = devToken(typeof user === 'string' ? user : user.id), json } = {}) {
  const details = typeof user === 'string' ? { id: user } : user;
  const query = new URLSearchParams({
    json: json ?? JSON.stringify({ user_id: details.id, user_details: details, client_request_id: 'test' }),
    api_key: API_KEY,
    authorization: token,
    'stream-auth-type': 'jwt',
  });
  return `/connect?${query}`;
}

/** A WebSocket without the SDK: it never reconnects. Its frames are in `log`, parsed. */
export class RawClient {
  log = new Log();

  static async connect(service, user, options = {}) {
    const one = RawClient.open(service, user, options);
    one.hello = await one.log.next((frame) => frame.type === 'health.check', 'the first health.check');
    return one;
  }
  /** Does not wait for an answer. */
  static open(service, user, options = {}) {
    const one = new RawClient();
    rawClients.add(one);
    one.service = service;
    one.user = typeof user === 'string' ? user : user.id;
    one.token = options.token ?? devToken(one.user);
    one.socket = new WebSocket(service.url.replace('http', 'ws') + connectPath(user, options), options.ws ?? {});
    one.closed = new Promise((resolve) => {
      one.socket.on('close', (code, reason) => resolve({ code, reason: String(reason) }));
    });
    one.socket.on('error', (error) => {
      one.error = error;
    });
    one.socket.on('message', (data) => one.log.push(JSON.parse(String(data))));
    return one;
  }
  /** Follows users as the SDK does it. */
  async follow(users) {
    const payload = { filter_conditions: { id: { $in: users } }, sort: [], presence: true, limit: users.length };
    const query = new URLSearchParams({
      payload: JSON.stringify(payload),
      user_id: this.user,
      connection_id: this.hello.connection_id,
      api_key: API_KEY,
    });
    const answer = await request(this.service, 'GET', `/users?${query}`, { token: this.token });
    assert.equal(answer.status, 200, answer.text);
    return answer.json.users;
  }
  presences(user) {
    return this.log.entries.filter((one) => one.type === 'user.presence.changed' && (!user || one.user.id === user));
  }
  async close() {
    if (this.socket.readyState === WebSocket.OPEN) this.socket.close(1000);
    return within(PATIENCE_MS, `the socket of ${this.user} to close`, this.closed);
  }
}

/** Runs a function for each element, at most `width` at a time. */
export async function forEachOf(elements, width, run) {
  const queue = [...elements.entries()];
  const lane = async () => {
    for (let entry = queue.shift(); entry; entry = queue.shift()) await run(entry[1], entry[0]);
  };
  await Promise.all(Array.from({ length: width }, lane));
}
