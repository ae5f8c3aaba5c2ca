// SPDX-License-Identifier: MIT
// Sockets that close, drop, fall silent or come back, and what others see of it.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import {
  ClientProcess,
  PATIENCE_MS,
  RawClient,
  Service,
  atEnd,
  connect,
  connectObserver,
  disconnect,
  dropSocket,
  newServerClient,
  settled,
  until,
  within,
} from './helpers.mjs';

atEnd();

/** The user as a query of another user finds them. */
async function seen(client, id) {
  const { users } = await client.queryUsers({ id });
  return users[0];
}

/** Waits until others are notified, in any order, that a watcher of a channel is offline or online. */
const changes = (log, user, online, type, count) =>
  log.nextAll([
    [(event) => event.type === 'user.presence.changed' && event.user.id === user && event.user.online === online, user],
    [(event) => event.type === type && event.user.id === user && event.watcher_count === count, `${type} of ${user}`],
  ]);
const vanishes = (log, user, count) => changes(log, user, false, 'user.watching.stop', count);
const appears = (log, user, count) => changes(log, user, true, 'user.watching.start', count);

describe('with a short session timeout', () => {
  const TIMEOUT = 2400;
  let service;
  before(async () => {
    service = await Service.start('--session-timeout', TIMEOUT);
  });
  after(() => service?.stop());

  test('a stopped process is offline after the timeout, an idle one stays online', async () => {
    const idle = await connect(service, 'idle');
    const stopped = await ClientProcess.start(service, { id: 'stopped', follows: ['idle'] });
    const observer = await connectObserver(service, 'observer-1', ['idle', 'stopped']);
    const { last_active } = await seen(observer, 'stopped');
    const began = Date.now();
    stopped.signal('SIGSTOP');
    const event = await observer.log.offline('stopped', TIMEOUT + 15_000);
    const silent = Date.now() - began;
    assert(silent > TIMEOUT / 3, `offline after ${silent} ms, which is before the timeout`);
    assert.equal(event.user.last_active, last_active);
    await settled(observer);
    assert.equal(observer.log.presences('stopped').length, 1);

    // It notices that its connection is gone, and comes back with its watches.
    stopped.signal('SIGCONT');
    await observer.log.online('stopped');
    await stopped.line('recovered');
    await idle.partialUpdateUser({ id: 'idle', set: { status: 'still here' } });
    await stopped.line('idle: still here');
    await observer.log.presence('idle', (change) => change.user.status === 'still here');
    assert(
      observer.log.presences('idle').every((change) => change.user.online),
      'an idle client never goes offline',
    );
    assert.equal(idle.wsConnection.totalFailures, 0, 'an idle client is not disconnected');

    await stopped.kill();
    await observer.log.offline('stopped', TIMEOUT + 15_000);
    await disconnect(idle, observer);
  });

  test('a killed process is offline once, at the latest after the timeout', async () => {
    const killed = await ClientProcess.start(service, { id: 'killed' });
    const observer = await connectObserver(service, 'observer-2', ['killed']);
    const { last_active } = await seen(observer, 'killed');
    await killed.kill();
    const event = await observer.log.offline('killed', TIMEOUT + 15_000);
    assert.equal(event.user.last_active, last_active);
    await settled(observer);
    assert.equal(observer.log.presences('killed').length, 1);
    await disconnect(observer);
  });

  test('a health check of the client is answered at once', async () => {
    const client = await RawClient.connect(service, 'checker');
    const began = Date.now();
    client.socket.send(JSON.stringify([{ type: 'health.check', client_id: 'checker--1' }]));
    const answer = await client.log.next((frame) => frame.type === 'health.check', 'the answer to a health check');
    assert(Date.now() - began < TIMEOUT, 'not with the next of the regular health checks');
    assert.equal(answer.connection_id, client.hello.connection_id);
    await client.close();
  });

  test('messages of the client keep it online without pongs', async () => {
    const silent = await RawClient.connect(service, 'no-pongs', { ws: { autoPong: false } });
    const mute = await RawClient.connect(service, 'mute', { ws: { autoPong: false } });
    const observer = await connectObserver(service, 'observer-3', ['no-pongs', 'mute']);
    const timer = setInterval(() => silent.socket.send('[{"type":"health.check","client_id":"x"}]'), TIMEOUT / 4);
    try {
      await observer.log.offline('mute', TIMEOUT + 15_000);
      await settled(observer);
      assert.deepEqual(observer.log.presences('no-pongs'), []);
    } finally {
      clearInterval(timer);
    }
    const { code } = await within(PATIENCE_MS, 'the socket of a silent client to be closed', mute.closed);
    assert.notEqual(code, 1000, 'the SDK does not reconnect after 1000');
    await observer.log.offline('no-pongs', TIMEOUT + 15_000);
    silent.socket.terminate();
    await disconnect(observer);
  });

  test('the pongs of a deleted user do not bring them back', async () => {
    const deleted = await RawClient.connect(service, 'deleted');
    const control = await RawClient.connect(service, 'control', { ws: { autoPong: false } });
    const observer = await connectObserver(service, 'observer-4', ['deleted', 'control']);
    await newServerClient(service).deleteUser('deleted');
    await observer.log.event('user.deleted', 'deleted');
    await observer.log.offline('control', TIMEOUT + 15_000);
    await settled(observer);
    assert(observer.log.presences('deleted').every((event) => !event.user.online));
    const { users } = await observer.queryUsers({ id: { $in: ['deleted'] }, online: true });
    assert.deepEqual(users, []);
    deleted.socket.terminate();
    control.socket.terminate();
    await disconnect(observer);
  });
});

describe('with a longer session timeout', () => {
  const TIMEOUT = 8000;
  let service;
  before(async () => {
    service = await Service.start('--session-timeout', TIMEOUT);
  });
  after(() => service?.stop());

  test('clients whose sockets drop reconnect without a change', async () => {
    const users = Array.from({ length: 20 }, (_, i) => `flicker-${i}`);
    const clients = await Promise.all(users.map((id) => connect(service, id)));
    const killed = await ClientProcess.start(service, { id: 'never-back' });
    const observer = await connectObserver(service, 'watchful', [...users, 'never-back']);
    const first = clients.map((client) => client.wsConnection.connectionID);
    for (const client of clients) {
      client.log.clear();
      dropSocket(client);
    }
    await killed.kill();
    await Promise.all(
      clients.map((client) => client.log.event('connection.recovered', undefined, () => true, PATIENCE_MS)),
    );
    // When this one times out, so have the old sessions of the others.
    await observer.log.offline('never-back', TIMEOUT + 15_000);
    await settled(observer);
    for (const id of users) assert.deepEqual(observer.log.presences(id), [], `${id} never changed`);
    const { users: found } = await observer.queryUsers({ id: { $in: users } }, {}, { limit: 30 });
    assert(found.length === users.length && found.every((one) => one.online));
    clients.forEach((client, i) => {
      assert.notEqual(client.wsConnection.connectionID, first[i]);
      assert.equal(client.wsConnection.isHealthy, true);
    });
    await disconnect(observer, ...clients);
  });

  test('a client that reconnects watches its channels again', async () => {
    const john = await connect(service, 'john');
    const jack = await connect(service, 'jack');
    const johns = john.channel('messaging', 'recovery', { members: ['john', 'jack'] });
    await johns.watch();
    await jack.channel('messaging', 'recovery').watch();
    await until(() => johns.state.watcher_count === 2, 'two users watch the channel');
    dropSocket(john);
    await john.log.event('connection.recovered', undefined, () => true, PATIENCE_MS);
    assert.equal(johns.state.watcher_count, 2);
    john.log.clear();
    await jack.channel('messaging', 'recovery').stopWatching();
    const stop = await john.log.event('user.watching.stop', 'jack');
    assert.equal(stop.watcher_count, 1);
    assert.equal(johns.state.watcher_count, 1);
    await disconnect(john, jack);
  });

  test('a user with two tabs is offline when both are closed', async () => {
    const tabs = [await connect(service, 'tabs'), await connect(service, 'tabs')];
    assert.notEqual(tabs[0].wsConnection.connectionID, tabs[1].wsConnection.connectionID);
    const observer = await connectObserver(service, 'tab-watcher', ['tabs']);
    await disconnect(tabs[0]);
    await settled(observer);
    assert.deepEqual(observer.log.presences('tabs'), []);
    assert.equal((await seen(observer, 'tabs')).online, true);
    await disconnect(tabs[1]);
    await observer.log.offline('tabs', TIMEOUT / 2);
    await settled(observer);
    assert.equal(observer.log.presences('tabs').length, 1);
    await disconnect(observer);
  });

  test('both tabs of a user are notified', async () => {
    const tabs = [await connectObserver(service, 'two', ['friend']), await connect(service, 'two')];
    await tabs[1].queryUsers({ id: { $in: ['friend'] } }, {}, { presence: true });
    const friend = await connect(service, 'friend');
    for (const tab of tabs) await tab.log.online('friend');
    await disconnect(tabs[1]);
    await disconnect(friend);
    await tabs[0].log.offline('friend');
    await settled(tabs[0]);
    assert.equal(tabs[0].log.presences('friend').length, 2);
    await disconnect(tabs[0]);
  });

  test('closeConnection and openConnection are a leave and a return', async () => {
    const client = await connect(service, 'mobile');
    const observer = await connectObserver(service, 'mobile-watcher', ['mobile']);
    await client.closeConnection();
    const left = await observer.log.offline('mobile', TIMEOUT / 2);
    await client.openConnection();
    const back = await observer.log.online('mobile');
    assert(Date.parse(back.user.last_active) >= Date.parse(left.user.last_active));
    assert.equal(client.wsConnection.isHealthy, true);
    await disconnect(client, observer);
  });

  test('a user who comes and goes quickly ends as they are, and no change repeats the one before', async () => {
    const observer = await connectObserver(service, 'flap-watcher', ['flapper']);
    for (let i = 0; i < 20; ++i) await disconnect(await connect(service, 'flapper'));
    const last = await connect(service, 'flapper');
    await settled(observer);
    const changes = observer.log.presences('flapper').map((event) => event.user.online);
    assert.equal(changes.length, 41);
    changes.forEach((online, i) => assert.equal(online, i % 2 === 0));
    const times = observer.log.presences('flapper').map((event) => event.created_at);
    const padded = times.map((time) => time.replace(/\.?(\d*)Z$/, (_, digits) => `.${digits.padEnd(9, '0')}`));
    assert.deepEqual([...padded].sort(), padded, 'the changes are dated in order');
    assert.equal(new Set(times).size, times.length, 'no two changes have the same time');
    await disconnect(last, observer);
  });

  test('a reconnect does not bring back an older status, name or visibility', async () => {
    const details = { id: 'changing', name: 'Old', status: 'old', invisible: true };
    const client = await connect(service, details);
    const other = await connect(service, { id: 'changing' });
    const observer = await connectObserver(service, 'change-watcher', ['changing']);
    const reconnect = async () => {
      client.log.clear();
      dropSocket(client);
      await client.log.event('connection.recovered', undefined, () => true, PATIENCE_MS);
      await settled(observer);
    };
    await other.partialUpdateUser({ id: 'changing', set: { status: 'new', name: 'New', invisible: false } });
    await client.log.event('user.updated', 'changing', (event) => event.user.name === 'New');
    await observer.log.online('changing');
    observer.log.clear();
    await reconnect();
    assert.deepEqual(observer.log.presences('changing'), []);
    assert.deepEqual(observer.log.of('user.updated', 'changing'), []);
    const shown = await seen(observer, 'changing');
    assert.deepEqual([shown.online, shown.status, shown.name], [true, 'new', 'New']);
    await client.partialUpdateUser({ id: 'changing', set: { invisible: true } });
    await observer.log.offline('changing');
    const hidden = await seen(observer, 'changing');
    observer.log.clear();
    await reconnect();
    assert.deepEqual(observer.log.presences('changing'), []);
    assert.deepEqual(await seen(observer, 'changing'), hidden, 'an invisible reconnect is not seen');
    assert.equal(client.user.invisible, true);
    await disconnect(client, other, observer);
  });

  test('nothing that an invisible user does reaches others', async () => {
    const ghost = await connect(service, 'ghost');
    const witness = await connectObserver(service, 'witness', ['ghost']);
    await ghost.channel('messaging', 'haunted', { members: ['ghost', 'witness'] }).watch();
    const room = witness.channel('messaging', 'haunted');
    await room.watch({ presence: true });
    assert.equal(room.state.watcher_count, 2);
    await ghost.partialUpdateUser({ id: 'ghost', set: { invisible: true } });
    await vanishes(witness.log, 'ghost', 1);
    await settled(witness);
    witness.log.clear();
    const before = await seen(witness, 'ghost');

    const second = await connect(service, { id: 'ghost', invisible: true });
    await second.channel('messaging', 'haunted').watch();
    await second.channel('messaging', 'haunted').stopWatching();
    dropSocket(second);
    await second.log.event('connection.recovered', undefined, () => true, PATIENCE_MS);
    await disconnect(second);
    await ghost.queryUsers({ id: { $in: ['witness'] } }, {}, { presence: true });
    await ghost.partialUpdateUser({ id: 'ghost', set: { invisible: true } });
    await ghost.closeConnection();
    await ghost.openConnection();
    await settled(witness);
    const foreign = witness.log.entries.filter((event) => JSON.stringify(event).includes('ghost'));
    assert.deepEqual(foreign, []);
    assert.deepEqual(await seen(witness, 'ghost'), before);
    assert.deepEqual((await witness.queryUsers({ id: 'ghost', online: true })).users, []);
    assert.deepEqual((await witness.queryUsers({ id: 'ghost', last_active: { $gt: before.last_active } })).users, []);
    const state = await room.watch();
    assert.equal(state.watcher_count, 1);
    assert.deepEqual(
      state.watchers.map((one) => one.id),
      ['witness'],
    );

    // They see themselves.
    assert.equal((await seen(ghost, 'ghost')).online, true);
    assert.equal(ghost.user.invisible, true);
    const own = await ghost.channel('messaging', 'haunted').watch();
    assert(own.watchers.some((one) => one.id === 'ghost'));

    await ghost.partialUpdateUser({ id: 'ghost', set: { invisible: false } });
    await appears(witness.log, 'ghost', 2);
    await disconnect(ghost, witness);
  });
});
