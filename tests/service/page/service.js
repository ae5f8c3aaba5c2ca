// The backend of the page that the service serves: the service's own REST and WebSocket interface. See backend.js.
import { friends } from './cast.js';
import { element } from './dom.js';

const friendsChannel = { type: 'team', id: 'friends' };
const lobby = { type: 'messaging', id: 'lobby' };
const pingEvery = 20_000;
const patience = 10_000;
const longestPause = 5_000;
const pageSize = 100;
const mostFriends = 1_000;
const longestIds = 8_000;

let clockOffset = 0;  // of the server's clock

export async function openBackend() {
  return {
    now: () => Date.now() + clockOffset,
    open: async (id, options) => {
      const connection = new Connection(id, options);
      await connection.start();
      return connection;
    },
    onTime: (fn) => setInterval(fn, 10_000),
    mountControls,
  };
}

class Connection {
  room = `${lobby.type}:${lobby.id}`;
  #id;
  #options;
  #token;
  #socket;
  #connectionId;
  #isEnded = false;
  #activity;  // belongs to the session, and a return is a new one
  #tries = 0;
  #timer;

  constructor(id, options) {
    this.#id = id;
    this.#options = options;
    this.#token = unsignedToken(id);
  }

  async start() {
    const details = { id: this.#id, name: this.#options.name, invisible: this.#options.invisible };
    if (this.#connectionId) delete details.invisible;  // on a return it stays as it was
    const request = {
      user_id: this.#id,
      user_details: details,
      user_token: this.#token,
      server_determines_connection_id: true,
    };
    const query = this.#query({ json: JSON.stringify(request), authorization: this.#token, 'stream-auth-type': 'jwt' });
    const socket = new WebSocket(`${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/connect?${query}`);
    const hello = await firstMessage(socket);
    if (hello.error) throw new Error(hello.error.message);
    if (this.#isEnded) return socket.close(1000);
    this.#socket = socket;
    this.#connectionId = hello.connection_id;
    this.#tries = 0;
    const offset = Date.parse(hello.created_at) - Date.now();
    if (!Number.isNaN(offset)) clockOffset = offset;
    socket.onmessage = ({ data }) => this.#receive(data);
    socket.onclose = ({ code, reason }) => this.#closed(code, reason);
    this.#timer = setInterval(() => this.#ping(), pingEvery);
  }

  async me() {
    const filter = { filter_conditions: { id: { $in: [this.#id] } } };
    const { users } = await this.#call('GET', '/users', undefined, { payload: JSON.stringify(filter) });
    return users[0];
  }

  async friends() {
    const path = `/channels/${friendsChannel.type}/${friendsChannel.id}`;
    const members = [this.#id];
    const users = [];
    let watch = true;
    for (let count = 1; users.length < Math.min(count, mostFriends);) {
      const page = { limit: pageSize, offset: users.length };
      const data = { members };
      const answer = await this.#call('POST', `${path}/query`, { state: true, watch, presence: watch, data, members: page });
      if (answer.members.length === 0) break;
      users.push(...answer.members.map((member) => member.user ?? { id: member.user_id }));
      count = answer.channel.member_count ?? 0;
      watch = false;  // the first page has done it
    }
    if (!users.some((user) => user.id === this.#id)) await this.#call('POST', path, { add_members: members });
    return users;
  }

  async send(event) {
    const { verdicts } = await this.#call('POST', '/presence', { user: this.#id, ...event });
    if (verdicts[0] === 'applied' && event.activity) this.#activity = event.activity;
    return verdicts[0];
  }

  async enterRoom() {
    const path = `/channels/${lobby.type}/${lobby.id}/query`;
    const channel = await this.#call('POST', path, { state: true, watch: true, presence: true });
    return { watchers: channel.watchers ?? [], watcher_count: channel.watcher_count ?? 0 };
  }

  async leaveRoom() {
    await this.#call('POST', `/channels/${lobby.type}/${lobby.id}/stop-watching`, {});
  }

  timeline(ids) {
    // As many as a URL may hold.
    let length = 0;
    const some = ids.filter((id) => (length += encodeURIComponent(JSON.stringify(id)).length) < longestIds);
    return this.#call('GET', '/presence/timeline', undefined, { ids: JSON.stringify(some) });
  }

  close() {
    this.#isEnded = true;
    clearInterval(this.#timer);
    this.#socket?.close(1000);
  }

  #query(parameters = {}) {
    const query = new URLSearchParams({ api_key: 'page', user_id: this.#id, ...parameters });
    if (this.#connectionId) query.set('connection_id', this.#connectionId);
    return query;
  }

  async #call(method, path, body, parameters) {
    const response = await fetch(`${path}?${this.#query(parameters)}`, {
      method,
      headers: { authorization: this.#token, 'stream-auth-type': 'jwt', 'content-type': 'application/json' },
      body: body && JSON.stringify(body),
      signal: AbortSignal.timeout(patience),
    });
    const answer = await response.json().catch(() => ({}));
    if (!response.ok) throw new Error(answer.message ?? `${method} ${path} failed with status ${response.status}.`);
    return answer;
  }

  #receive(text) {
    const event = JSON.parse(text);
    if (event.type !== 'health.check') this.#options.onEvent(event);
  }

  #ping() {
    if (this.#socket.readyState === WebSocket.OPEN) {
      this.#socket.send(JSON.stringify([{ type: 'health.check', client_id: this.#connectionId }]));
    }
  }

  #closed(code, reason) {
    clearInterval(this.#timer);
    if (this.#isEnded) return;
    this.#options.onState('lost', `The connection was closed (${reason || code}).`);
    this.#retry();
  }

  #retry() {
    const pause = Math.min(longestPause, 250 * 2 ** this.#tries++) * (0.75 + Math.random() / 2);
    setTimeout(async () => {
      if (this.#isEnded) return;
      try {
        await this.start();
        if (this.#activity) await this.send({ type: 'update', activity: this.#activity });
        if (!this.#isEnded) this.#options.onState('open');
      } catch {
        this.#retry();
      }
    }, pause);
  }
}

function firstMessage(socket) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      socket.close();
      reject(new Error('The server does not answer.'));
    }, patience);
    const end = (fn) => {
      clearTimeout(timer);
      socket.onmessage = socket.onclose = null;
      fn();
    };
    socket.onmessage = ({ data }) => end(() => resolve(JSON.parse(data)));
    socket.onclose = ({ code, reason }) =>
      end(() => reject(new Error(`The server refused the connection (${reason || code}).`)));
  });
}

/** A token without a signature, as development clients use it. A service with a secret refuses it. */
function unsignedToken(id) {
  const encode = (value) => {
    const bytes = new TextEncoder().encode(JSON.stringify(value));
    return btoa(String.fromCharCode(...bytes)).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
  };
  return `${encode({ alg: 'HS256', typ: 'JWT' })}.${encode({ user_id: id })}.devtoken`;
}

/** A button that connects the cast from this page, so that the viewers have friends. */
function mountControls(_, tools) {
  const nothing = () => {};
  const button = element('button', { type: 'button', class: 'invite' }, 'Bring in six friends');
  button.addEventListener('click', async () => {
    if (button.getAttribute('aria-disabled') === 'true') return;
    button.setAttribute('aria-disabled', 'true');
    try {
      for (const friend of friends) {
        const options = { name: friend.name, invisible: false, onEvent: nothing, onState: nothing };
        const connection = new Connection(friend.id, options);
        await connection.start();
        await connection.friends();
        const { availability, activity, status } = friend;
        if (availability) await connection.send({ type: 'availability', availability });
        if (activity) await connection.send({ type: 'update', activity });
        if (status) await connection.send({ type: 'status', status });
      }
      button.textContent = 'Six friends are here';
    } catch (error) {
      button.removeAttribute('aria-disabled');
      const banner = document.getElementById('banner');
      banner.textContent = error.message;
      banner.hidden = false;
    }
  });
  tools.append(button);
}
