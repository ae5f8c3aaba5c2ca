import { nameFor } from './cast.js';
import { element, isolated, oncePerFrame, setText, soon } from './dom.js';
import {
  activityOf, ago, changeBetween, clock, hueOf, initialsOf, inOrder, labels, nameOf, stateOf,
} from './model.js';
import { drawTimeline } from './timeline.js';

const mostLines = 200;  // of events
const mostRows = 50;    // of the timeline
const mostMoves = 30;   // more rows do not slide at once

/** One user with a connection of their own, and what they see. */
export class Panel {
  #backend;
  #root;
  #connection;
  #isLost = false;  // and connecting again
  #turn;            // an object per connection: what earlier ones still send does not count
  #user;            // as they see themselves
  #friends = new Map();
  #rows = new Map();
  #changed = new Set();  // friends whose state is another one since the list was filled
  #room;            // { watchers: Map, count } while they watch it
  #drawSoon = soon(() => this.#drawHistory(), 200);
  #isDrawing = false;  // the timeline
  #drawAgain = false;
  #fillSoon = oncePerFrame(() => this.#fillFriends());

  constructor(backend, place, { id, side }) {
    this.#backend = backend;
    this.#user = { id, name: nameFor(id), online: false };
    this.#root = document.getElementById('panel').content.cloneNode(true).firstElementChild;
    this.#root.id = side;
    this.#root.setAttribute('aria-label', side === 'left' ? 'Left viewer' : 'Right viewer');
    this.#find('input[name=id]').value = id;
    place.append(this.#root);
    this.#listen();
    this.#showSelf();
    this.#fillSoon();
    this.#showRoom();
  }

  get id() { return this.#user.id; }
  get connection() { return this.#connection; }

  /** Call this when time has passed: views may have changed without an event. */
  async timePassed() {
    this.#fillSoon();
    if (!this.#connection || this.#isLost) return;
    await this.#readSelf().catch((error) => this.#failed(error));
    this.#drawSoon();
  }

  async connect() {
    const id = this.#find('input[name=id]').value.trim();
    if (id === '') return this.#say('Enter a user id.');
    const button = this.#find('.connect button');
    if (button.getAttribute('aria-disabled') === 'true') return;
    button.setAttribute('aria-disabled', 'true');  // a button that is disabled would lose the focus
    this.#say('');
    try {
      this.#user = { id, name: nameFor(id), online: false };
      const turn = (this.#turn = {});
      const connection = await this.#backend.open(id, {
        name: nameFor(id) ?? id,
        invisible: this.#isInvisible,
        onEvent: (event) => turn === this.#turn && this.#receive(event),
        onState: (state, reason) => turn === this.#turn && this.#stateChanged(state, reason),
      });
      this.#connection = connection;
      await this.#readAll();
    } catch (error) {
      this.#say(error.message);
    }
    button.removeAttribute('aria-disabled');
    this.#showSelf();
  }

  async disconnect() {
    const connection = this.#connection;
    this.#forgetConnection();
    await this.#try(() => connection?.close());
    this.#showSelf();
  }

  #find(selector) { return this.#root.querySelector(selector); }
  get #isInvisible() { return this.#find('.switch').getAttribute('aria-checked') === 'true'; }

  #listen() {
    const on = (selector, type, fn) => this.#find(selector).addEventListener(type, (event) => {
      event.preventDefault();
      this.#try(() => fn(event));
    });
    on('.connect', 'submit', () => (this.#connection ? this.disconnect() : this.connect()));
    on('.switch', 'click', async () => {
      const invisible = !this.#isInvisible;
      if (this.#connection) await this.#send({ type: 'visible', invisible });
      this.#find('.switch').setAttribute('aria-checked', String(invisible));
      this.#showSelf();
    });
    on('select', 'change', ({ target }) =>
      this.#send(target.value === '' ? { type: 'availability' } : { type: 'availability', availability: target.value }));
    on('.status', 'submit', () => this.#send({ type: 'status', status: this.#find('input[name=status]').value }));
    on('.match', 'submit', () => {
      const [players, places] = ['players', 'places'].map((name) => Number(this.#find(`input[name=${name}]`).value));
      if (players > places) throw new Error(`${players} players are more than ${places} places.`);
      return this.#send({ type: 'update', activity: { match: `${players}/${places}` } });
    });
    on('.match .end', 'click', () => this.#send({ type: 'update', activity: {} }));
    on('.enter', 'click', () => (this.#room ? this.#leaveRoom() : this.#enterRoom()));
  }

  async #try(fn) {
    try {
      this.#say('');
      return await fn();
    } catch (error) {
      this.#say(error.message);
    }
  }

  /** Something that the user has not asked for failed. A lost connection has been reported already. */
  #failed(error) {
    if (!this.#isLost) this.#say(error.message);
  }

  #say(text) {
    const notice = this.#find('.notice');
    setText(notice, text);
    notice.hidden = text === '';
  }

  async #send(event) {
    const verdict = await this.#connection.send(event);
    if (verdict !== 'applied' && verdict !== 'unchanged') throw new Error(`The event was rejected: ${verdict}.`);
    await this.#readSelf();
  }

  async #readSelf() {
    const connection = this.#connection;
    const user = await connection?.me();
    if (!user || connection !== this.#connection) return;
    this.#user = user;
    this.#showSelf();
    this.#drawSoon();
  }

  async #readAll() {
    const connection = this.#connection;
    const friends = await connection.friends();
    if (connection !== this.#connection) return;
    this.#friends = new Map(friends.filter((user) => user.id !== this.#user.id).map((user) => [user.id, user]));
    this.#fillSoon();
    if (this.#room) await this.#enterRoom();
    await this.#readSelf();
    this.#drawSoon();
  }

  #stateChanged(state, reason) {
    this.#isLost = state === 'lost';
    if (state === 'open') {
      this.#say('');
      this.#try(() => this.#readAll());
    } else if (state === 'lost') {
      this.#say(`${reason} Connecting again…`);
    } else {
      this.#forgetConnection();
      this.#say(reason);
    }
    this.#showSelf();
  }

  #forgetConnection() {
    this.#connection = this.#turn = undefined;
    this.#isLost = false;
    this.#room = undefined;
    this.#user = { ...this.#user, online: false };
    this.#showRoom();
  }

  #receive(event) {
    this.#log(event);
    const { type, user } = event;
    if (type === 'user.presence.changed' || type === 'user.updated') {
      this.#friendChanged(user.id, user, event.created_at);
    } else if (type === 'member.added') {
      const added = user ?? event.member?.user;
      if (added && !this.#friends.has(added.id)) this.#friendChanged(added.id, added, event.created_at);
    } else if (type === 'user.deleted') {
      this.#friendChanged(user.id, undefined, event.created_at);
    } else if (type === 'user.watching.start' || type === 'user.watching.stop') {
      this.#roomChanged(event);
    }
    this.#drawSoon();
  }

  #friendChanged(id, user, at) {
    if (id === this.#user.id) {
      this.#readSelf().catch((error) => this.#failed(error));
      return;
    }
    const before = this.#friends.get(id);
    if (user) this.#friends.set(id, { ...user });
    else this.#friends.delete(id);
    this.#fillSoon();
    if (this.#room?.watchers.has(id) && user) {
      this.#room.watchers.set(id, user);
      this.#showRoom();
    }
    const change = changeBetween(before, user);
    if (change !== '') {
      this.#find('.latest').replaceChildren(
        element('time', { datetime: at }, clock(Date.parse(at), true)), ' ',
        element('b', {}, isolated(nameOf(user ?? before ?? { id }))), ' ', change);
    }
    if (stateOf(before) !== stateOf(user)) this.#changed.add(id);
  }

  async #enterRoom() {
    const room = await this.#connection.enterRoom();
    this.#room = { watchers: new Map(room.watchers.map((user) => [user.id, user])), count: room.watcher_count };
    this.#showRoom();
  }

  async #leaveRoom() {
    await this.#connection.leaveRoom();
    this.#room = undefined;
    this.#showRoom();
  }

  #roomChanged(event) {
    if (!this.#room || event.cid !== this.#connection?.room) return;
    if (event.type === 'user.watching.start') this.#room.watchers.set(event.user.id, event.user);
    else this.#room.watchers.delete(event.user.id);
    // The count in the event is the public one. An invisible viewer counts themselves as well.
    this.#room.count = event.watcher_count + (this.#user.invisible ? 1 : 0);
    this.#showRoom();
  }

  #showSelf() {
    const user = this.#user;
    const state = stateOf(user);
    this.#root.classList.toggle('connected', Boolean(this.#connection));
    this.#root.classList.toggle('stale', (!this.#connection || this.#isLost) && this.#friends.size > 0);
    setText(this.#find('.own-name'), nameOf(user));
    const connected = this.#isLost ? 'Connecting again' : ownText(user);
    setText(this.#find('.own-state'), this.#connection ? connected : 'Not connected');
    showAvatar(this.#find('.avatar.own'), user, state);
    setText(this.#find('.connect button'), this.#connection ? 'Disconnect' : 'Connect');
    const field = this.#find('.connect .id');
    // A field that is hidden loses the focus, so the button beside it takes it.
    if (this.#connection && field.contains(document.activeElement)) this.#find('.connect button').focus();
    field.hidden = Boolean(this.#connection);
    this.#find('.own-controls').disabled = !this.#connection;
    this.#find('.enter').disabled = !this.#connection;
    if (this.#connection) this.#find('.switch').setAttribute('aria-checked', String(Boolean(user.invisible)));
  }

  #fillFriends() {
    const now = this.#backend.now();
    const users = [...this.#friends.values()].sort(inOrder);
    const online = users.filter((user) => user.online).length;
    setText(this.#find('.friends .count'), users.length > 0 ? `${online} of ${users.length} online` : '');
    const empty = this.#find('.empty');
    empty.hidden = users.length > 0;
    setText(empty, this.#connection ? 'No friends yet. They appear when they connect.' : 'Connect to see who is there.');

    const list = this.#find('.people');
    const places = placesOf(list);
    for (const [id, row] of this.#rows) {
      if (this.#friends.has(id)) continue;
      row.remove();
      this.#rows.delete(id);
    }
    users.forEach((user, index) => {
      let row = this.#rows.get(user.id);
      if (!row) this.#rows.set(user.id, (row = makeRow()));
      fillRow(row, user, now);
      if (list.children[index] !== row) list.insertBefore(row, list.children[index] ?? null);
    });
    slideFrom(places);
    for (const id of this.#changed) {
      if (this.#rows.has(id)) flash(this.#rows.get(id));
    }
    this.#changed.clear();
  }

  #showRoom() {
    const room = this.#room;
    setText(this.#find('.room .count'), room ? `${room.count} ${room.count === 1 ? 'watcher' : 'watchers'}` : '');
    setText(this.#find('.enter'), room ? 'Leave the lobby' : 'Join the lobby');
    const watchers = room ? [...room.watchers.values()].sort((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1)) : [];
    this.#find('.watchers').replaceChildren(...watchers.map((user) => {
      const avatar = makeAvatar('avatar small');
      showAvatar(avatar, user, stateOf(user));
      return element('li', {}, avatar, isolated(nameOf(user)));
    }));
  }

  #log(event) {
    const lines = this.#find('.lines');
    const who = event.user ?? event.member?.user;
    const head = element('span', { class: 'head' }, element('time', { datetime: event.created_at },
      clock(Date.parse(event.created_at), true)), ' ', element('code', {}, event.type));
    if (who) head.append(' ', isolated(who.id));
    lines.prepend(element('li', {}, head, element('code', { class: 'json', dir: 'ltr' }, JSON.stringify(event))));
    while (lines.children.length > mostLines) lines.lastElementChild.remove();
    const count = this.#find('.log .count');
    setText(count, String(Number(count.textContent) + 1));
  }

  async #drawHistory() {
    const connection = this.#connection;
    if (!connection || this.#isLost) return;
    if (this.#isDrawing) return void (this.#drawAgain = true);
    this.#isDrawing = true;
    try {
      const users = [this.#user, ...[...this.#friends.values()].sort(inOrder)].slice(0, mostRows);
      const data = await connection.timeline(users.map((user) => user.id));
      if (connection !== this.#connection) return;
      const minutes = drawTimeline(this.#find('.rows'), this.#find('.as-table .scroll'), data, users);
      setText(this.#find('.history h3'), minutes === 60 ? 'Last hour' : `Last ${minutes} minutes`);
    } catch (error) {
      this.#failed(error);
    } finally {
      this.#isDrawing = false;
      if (this.#drawAgain) this.#drawSoon();
      this.#drawAgain = false;
    }
  }
}

function ownText(user) {
  const state = stateOf(user);
  if (state === 'invisible') return 'Invisible: others see you offline';
  return [labels[state], activityOf(user)].filter((text) => text !== '').join(', ');
}

function makeAvatar(names) {
  return element('span', { class: names, 'aria-hidden': 'true' },
    element('span', { class: 'initials' }), element('span', { class: 'dot' }));
}

function showAvatar(avatar, user, state) {
  const [initials, dot] = avatar.children;
  setText(initials, initialsOf(user));
  initials.style.setProperty('--hue', hueOf(user.id));
  dot.className = `dot ${state}`;
}

function makeRow() {
  return element('li', { class: 'person' },
    makeAvatar('avatar'),
    element('span', { class: 'text' },
      element('span', { class: 'first' }, element('bdi', { class: 'name' }), element('span', { class: 'state' })),
      element('bdi', { class: 'activity' }),
      element('bdi', { class: 'words' }),
      element('span', { class: 'active' }, element('time'))));
}

function fillRow(row, user, now) {
  const state = stateOf(user);
  const find = (selector) => row.querySelector(selector);
  row.dataset.id = user.id;
  row.dataset.state = state;
  showAvatar(find('.avatar'), user, state);
  setText(find('.name'), nameOf(user));
  find('.name').title = nameOf(user);
  setText(find('.state'), labels[state]);
  setText(find('.activity'), activityOf(user));
  setText(find('.words'), user.status ?? '');
  find('.words').title = user.status ?? '';
  const time = find('time');
  const at = Date.parse(user.last_active ?? '');
  setText(time, Number.isNaN(at) ? 'never active' : `active ${ago(at, now)}`);
  if (Number.isNaN(at)) time.removeAttribute('datetime');
  else time.dateTime = user.last_active;
}

function placesOf(list) {
  return new Map([...list.children].map((row) => [row, row.offsetTop]));
}

/** Lets rows that have moved slide to their new places. */
function slideFrom(places) {
  if (wantsNoMotion()) return;
  const moved = [...places].map(([row, top]) => [row, top - row.offsetTop])
    .filter(([row, by]) => row.isConnected && by !== 0);
  if (moved.length > mostMoves) return;
  for (const [row, by] of moved) {
    row.animate([{ transform: `translateY(${by}px)` }, { transform: 'none' }], { duration: 250, easing: 'ease-out' });
  }
}

function flash(row) {
  if (wantsNoMotion()) return;
  const colors = ['color-mix(in srgb, var(--side) 22%, transparent)', 'transparent'];
  row.animate(colors.map((backgroundColor) => ({ backgroundColor })), { duration: 1600, easing: 'ease-out' });
}

function wantsNoMotion() {
  return matchMedia('(prefers-reduced-motion: reduce)').matches;
}
