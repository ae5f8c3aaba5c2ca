// SPDX-License-Identifier: MIT
// Two services get the same calls. At one of them an invisible user does something between them. No other user may
// notice.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  API_KEY,
  PATIENCE_MS,
  Service,
  atEnd,
  connect,
  connectObserver,
  devToken,
  disconnect,
  dropSocket,
  newServerClient,
  request,
  settled,
} from './helpers.mjs';

atEnd();

/** Numbers from a seed: the same in each run. */
function randomFrom(seed) {
  let state = seed >>> 0;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

/**
 * Without what differs between two runs: ids of connections, and times. The times of the invisible user are numbered
 * for each field, so that one that changes is noticed.
 */
function comparable(values) {
  const numbers = {};
  const isTime = (value) => typeof value === 'string' && /^\d{4}-\d\d-\d\dT/.test(value);
  const numbered = (field, time) => {
    numbers[field] ??= [];
    if (!numbers[field].includes(time)) numbers[field].push(time);
    return `${field} ${numbers[field].indexOf(time)}`;
  };
  const plain = (value, field, owner) => {
    if (isTime(value)) return owner === 'ghost' ? numbered(field, value) : '<time>';
    if (Array.isArray(value)) return value.map((one) => plain(one));
    if (value === null || typeof value !== 'object') return value;
    const entries = Object.entries(value).filter(
      ([key]) => !['connection_id', 'received_at', 'duration'].includes(key),
    );
    return Object.fromEntries(entries.map(([key, inner]) => [key, plain(inner, key, value.id)]));
  };
  return JSON.parse(JSON.stringify(values)).map((one) => plain(one));
}

class World {
  tabs = [];

  async start() {
    this.service = await Service.start();
    this.server = newServerClient(this.service);
    this.ghost = await connect(this.service, { id: 'ghost', name: 'Ghost', status: 'Hello' });
    this.bob = await connect(this.service, { id: 'bob', name: 'Bob' });
    await this.server.channel('messaging', 'room', { members: ['ghost', 'bob', 'ann'], created_by_id: 'bob' }).create();
    this.ann = await connectObserver(this.service, 'ann', ['ghost', 'bob']);
    await this.ghost.channel('messaging', 'room').watch();
    this.room = this.ann.channel('messaging', 'room');
    await this.room.watch({ presence: true });
    await this.ghost.partialUpdateUser({ id: 'ghost', set: { invisible: true } });
    await this.ann.log.offline('ghost');
    await settled(this.ann);
    this.ann.log.clear();
    this.seen = [];
  }
  async end() {
    await disconnect(this.ghost, this.bob, this.ann, ...this.tabs);
    await this.service.stop();
  }

  post(client, body) {
    const { connectionID } = client.wsConnection;
    const path = `/presence?connection_id=${connectionID}&user_id=${client.userID}&api_key=${API_KEY}`;
    return request(this.service, 'POST', path, { token: devToken(client.userID), body });
  }

  /** What the invisible user does. */
  hidden(choice) {
    const { ghost, tabs } = this;
    return [
      async () => tabs.push(await connect(this.service, tabs.length % 2 ? 'ghost' : { id: 'ghost', invisible: true })),
      async () => tabs.push(await connect(this.service, { id: 'ghost', name: 'Ghost', status: 'Hello' })),
      async () => tabs.length > 0 && disconnect(tabs.shift()),
      async () => {
        if (tabs.length === 0) return;
        dropSocket(tabs[0]);
        await tabs[0].log.event('connection.recovered', undefined, () => true, PATIENCE_MS);
      },
      () => ghost.channel('messaging', 'room').stopWatching(),
      () => ghost.channel('messaging', 'room').watch(),
      () => ghost.queryUsers({ id: { $in: ['ann', 'bob'] } }, {}, { presence: true }),
      () => ghost.queryChannels({ members: { $in: ['ghost'] } }, {}, { presence: true }),
      () => this.post(ghost, { type: 'update', availability: 'busy', activity: { match: 'hidden' } }),
      () => this.post(ghost, { type: 'availability', availability: 'away' }),
      () => this.post(ghost, [{ type: 'heartbeat' }, { type: 'active' }]),
      () => ghost.partialUpdateUser({ id: 'ghost', set: { invisible: true } }),
      async () => {
        await ghost.closeConnection();
        await ghost.openConnection();
      },
      () => ghost.wsConnection.ws.send('[{"type":"health.check","client_id":"x"}]'),
    ][choice]();
  }
  static hiddenChoices = 14;

  /** What the others do. Their answers are part of what they see. */
  async open(choice, step) {
    const { ann, bob, room } = this;
    const answer = await [
      () => bob.partialUpdateUser({ id: 'bob', set: { status: `status ${step}` } }),
      () => bob.channel('messaging', 'room').watch(),
      () => bob.channel('messaging', 'room').stopWatching(),
      async () => {
        await bob.closeConnection();
        await bob.openConnection();
      },
      async () => (await ann.queryUsers({ $or: [{ id: 'ghost' }, { id: 'bob' }] }, { last_active: -1 })).users,
      async () =>
        (await ann.queryUsers({ online: true }, [{ online: -1 }, { updated_at: -1 }])).users.map((one) => one.id),
      async () =>
        (await ann.queryUsers({ $or: [{ availability: 'busy' }, { 'activity.match': 'hidden' }, { invisible: true }] }))
          .users,
      async () => {
        const state = await room.watch();
        return { members: state.members, watchers: state.watchers, count: state.watcher_count, channel: state.channel };
      },
      async () =>
        (await ann.queryChannels({ members: { $in: ['ghost'] } }, {}, { presence: true })).map((one) => one.data),
      async () => (await room.queryMembers({}, { user_id: 1 })).members,
      async () => {
        const path = `/presence/timeline?user_id=ann&api_key=${API_KEY}`;
        const { json } = await request(this.service, 'GET', path, { token: devToken('ann') });
        return json.users.find((one) => one.id === 'ghost')?.spans.map((span) => span.state);
      },
    ][choice]();
    this.seen.push([step, choice, answer ?? null]);
  }
  static openChoices = 11;
}

for (const seed of [1, 2, 3]) {
  test(`nobody notices what an invisible user does (seed ${seed})`, async () => {
    const worlds = [new World(), new World()];
    await Promise.all(worlds.map((world) => world.start()));
    const random = randomFrom(seed);
    let hidden = 0;
    for (let step = 0; step < 60; ++step) {
      if (random(2) === 0) {
        await worlds[0].hidden(random(World.hiddenChoices));
        ++hidden;
      } else {
        const choice = random(World.openChoices);
        for (const world of worlds) await world.open(choice, step);
      }
    }
    assert(hidden > 15);
    for (const world of worlds) {
      await world.open(4, 'end');
      await world.open(7, 'end');
      await settled(world.ann);
    }
    assert.deepEqual(comparable(worlds[0].seen), comparable(worlds[1].seen));
    const isLocal = (event) => ['health.check', 'channels.queried'].includes(event.type);
    const others = (event) => !isLocal(event) && !event.user?.id.startsWith('beacon-of-');
    const received = (world) => comparable(world.ann.log.entries.filter(others));
    assert.deepEqual(received(worlds[0]), received(worlds[1]));
    assert(received(worlds[0]).length > 5, 'others did something that is seen');
    await Promise.all(worlds.map((world) => world.end()));
  });
}
