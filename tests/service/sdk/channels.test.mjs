// SPDX-License-Identifier: MIT
// Channels: members who join and leave, watchers and their count, queries, updates and deletions.
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import {
  ClientProcess,
  Service,
  apiError,
  atEnd,
  connect,
  disconnect,
  newClient,
  newServerClient,
  until,
} from './helpers.mjs';

const TIMEOUT = 3000;
const watching = (client, change, user, channel, ms) =>
  client.log.event(`user.watching.${change}`, user, (event) => event.cid === channel.cid, ms);
let service;
let server;
let john;
let jack;

before(async () => {
  service = await Service.start('--session-timeout', TIMEOUT);
  server = newServerClient(service);
  john = await connect(service, { id: 'john', name: 'John' });
  jack = await connect(service, { id: 'jack', name: 'Jack' });
});
atEnd(async () => {
  await disconnect(john, jack);
  await service?.stop();
});

describe('members', () => {
  test('a channel created with members has them, with a creator and times', async () => {
    const state = await john
      .channel('messaging', 'created', { members: ['john', 'jack'], name: 'Created', level: 3 })
      .create();
    assert.equal(state.channel.id, 'created');
    assert.equal(state.channel.type, 'messaging');
    assert.equal(state.channel.name, 'Created');
    assert.equal(state.channel.level, 3);
    assert.equal(state.channel.member_count, 2);
    assert.equal(state.channel.created_by.id, 'john');
    assert(Math.abs(Date.parse(state.channel.created_at) - Date.now()) < 60_000);
    const jacks = (await jack.channel('messaging', 'created').watch()).members.find((one) => one.user.id === 'jack');
    assert.equal(jacks.user.online, true);
    assert.equal(jacks.user.name, 'Jack');
  });

  test('who follows a channel hears of a member who joins, and no longer of one who left', async () => {
    const channel = john.channel('messaging', 'joining', { members: ['john'] });
    await channel.watch({ presence: true });
    const ann = await connect(service, 'ann');
    await channel.addMembers(['ann']);
    const added = await john.log.event('member.added', undefined, (event) => event.member.user.id === 'ann');
    assert.equal(added.cid, 'messaging:joining');
    assert.equal(added.member.user.online, true);
    assert.equal(channel.state.members.ann.user.online, true);
    await ann.partialUpdateUser({ id: 'ann', set: { status: 'joined' } });
    await john.log.presence('ann', (event) => event.user.status === 'joined');

    await channel.removeMembers(['ann']);
    const removed = await john.log.event('member.removed', 'ann');
    assert.equal(removed.cid, 'messaging:joining');
    assert(!('ann' in channel.state.members));
    john.log.clear();
    await disconnect(ann);
    await channel.addMembers(['jack']);
    await jack.partialUpdateUser({ id: 'jack', set: { status: 'joined too' } });
    await john.log.presence('jack', (event) => event.user.status === 'joined too');
    assert.deepEqual(john.log.presences('ann'), []);
    await channel.removeMembers(['jack']);
  });

  test('adding a member twice and removing a stranger change nothing', async () => {
    const channel = john.channel('messaging', 'twice', { members: ['john'] });
    await channel.watch();
    await channel.addMembers(['jack']);
    await channel.addMembers(['jack']);
    await channel.removeMembers(['nobody-there']);
    const { members } = await channel.queryMembers({}, { user_id: 1 });
    assert.deepEqual(
      members.map((one) => one.user_id ?? one.user.id),
      ['jack', 'john'],
    );
  });

  test('add and remove return the channel and its members', async () => {
    const channel = john.channel('messaging', 'returned', { members: ['john'] });
    await channel.create();
    const added = await channel.addMembers(['jack']);
    assert.equal(added.channel.cid, 'messaging:returned');
    assert.deepEqual(added.members.map((one) => one.user_id ?? one.user.id).sort(), ['jack', 'john']);
    assert.equal(added.channel.member_count, 2);
    const removed = await channel.removeMembers(['jack']);
    assert.deepEqual(
      removed.members.map((one) => one.user_id ?? one.user.id),
      ['john'],
    );
  });

  test('queryMembers filters, sorts and pages', async () => {
    const users = ['m-1', 'm-2', 'm-3', 'm-4'].map((id, i) => ({ id, name: i % 2 ? `Odd ${i}` : `Even ${i}` }));
    await server.upsertUsers(users);
    const channel = john.channel('messaging', 'queried', { members: ['john', ...users.map((one) => one.id)] });
    await channel.create();
    const found = async (...query) =>
      (await channel.queryMembers(...query)).members.map((one) => one.user_id ?? one.user.id);
    assert.deepEqual(await found({}, { user_id: 1 }), ['john', 'm-1', 'm-2', 'm-3', 'm-4']);
    assert.deepEqual(await found({ name: { $autocomplete: 'odd' } }, { user_id: 1 }), ['m-2', 'm-4']);
    assert.deepEqual(await found({ id: { $in: ['m-3', 'jack'] } }), ['m-3']);
    assert.deepEqual(await found({}, { user_id: 1 }, { limit: 2, offset: 1 }), ['m-1', 'm-2']);
    const { members } = await channel.queryMembers({ id: 'john' });
    assert.equal(members[0].user.online, true);
  });

  test('a channel of members has the same id for each of them', async () => {
    const one = john.channel('messaging', { members: ['john', 'jack'] });
    const two = jack.channel('messaging', { members: ['jack', 'john'] });
    await one.watch();
    await two.watch();
    assert.match(one.id, /^!members-/);
    assert.equal(one.id, two.id);
    assert.deepEqual(Object.keys(two.state.members).sort(), ['jack', 'john']);
  });
});

describe('watchers', () => {
  test('those who watch are notified about watchers, with the count', async () => {
    const johns = john.channel('messaging', 'lobby', { members: ['john', 'jack'] });
    assert.equal((await johns.watch()).watcher_count, 1);
    const jacks = jack.channel('messaging', 'lobby');
    const state = await jacks.watch();
    assert.equal(state.watcher_count, 2);
    assert.deepEqual(Object.keys(jacks.state.watchers).sort(), ['jack', 'john']);
    const start = await watching(john, 'start', 'jack', johns);
    assert.equal(start.cid, 'messaging:lobby');
    assert.equal(start.watcher_count, 2);
    assert.equal(start.user.name, 'Jack');
    assert.equal(johns.state.watcher_count, 2);
    assert.equal(johns.state.watchers.jack.name, 'Jack');
    await jacks.stopWatching();
    const stop = await watching(john, 'stop', 'jack', johns);
    assert.equal(stop.watcher_count, 1);
    assert.equal(johns.state.watcher_count, 1);
    assert(!('jack' in johns.state.watchers));
  });

  test('a watcher with two tabs counts once', async () => {
    const johns = john.channel('messaging', 'tabs', { members: ['john'] });
    await johns.watch();
    const tabs = [await connect(service, 'ann'), await connect(service, 'ann')];
    for (const tab of tabs) await tab.channel('messaging', 'tabs').watch();
    assert.equal((await johns.watch()).watcher_count, 2);
    await disconnect(tabs[0]);
    assert.equal((await johns.watch()).watcher_count, 2);
    await disconnect(tabs[1]);
    const stop = await watching(john, 'stop', 'ann', johns);
    assert.equal(stop.watcher_count, 1);
    assert.equal(john.log.of('user.watching.start', 'ann').filter((event) => event.cid === 'messaging:tabs').length, 1);
    assert.equal(john.log.of('user.watching.stop', 'ann').filter((event) => event.cid === 'messaging:tabs').length, 1);
  });

  test('invisible watchers are not counted, listed or announced', async () => {
    const johns = john.channel('messaging', 'veiled', { members: ['john'] });
    await johns.watch();
    john.log.clear();
    const ghost = await connect(service, { id: 'ghost', invisible: true });
    const own = await ghost.channel('messaging', 'veiled').watch();
    assert(
      own.watchers.some((one) => one.id === 'ghost'),
      'they see themselves',
    );
    await jack.channel('messaging', 'veiled').watch();
    const start = await watching(john, 'start', 'jack', johns);
    assert.equal(start.watcher_count, 2);
    const state = await johns.watch();
    assert.equal(state.watcher_count, 2);
    assert.deepEqual(state.watchers.map((one) => one.id).sort(), ['jack', 'john']);
    await disconnect(ghost);
    await jack.channel('messaging', 'veiled').stopWatching();
    const stop = await watching(john, 'stop', 'jack', johns);
    assert.equal(stop.watcher_count, 1);
    assert.deepEqual(
      john.log.entries.filter((event) => event.user?.id === 'ghost'),
      [],
    );
  });

  test('a killed watcher stops watching after the timeout', async () => {
    const killed = await ClientProcess.start(service, { id: 'killed' });
    const johns = john.channel('messaging', 'killing', { members: ['john'] });
    await johns.watch();
    // Another tab of the same user watches, so that the killed one is seen to end with it only.
    const tab = await connect(service, 'killed');
    await tab.channel('messaging', 'killing').watch();
    await watching(john, 'start', 'killed', johns);
    await killed.kill();
    tab.wsConnection.isDisconnected = true;
    tab.wsConnection._reconnect = async () => {};
    tab.wsConnection.ws.terminate();
    const stop = await watching(john, 'stop', 'killed', johns, TIMEOUT + 15_000);
    assert.equal(stop.watcher_count, 1);
    await disconnect(tab);
  });

  test('watchers are paged', async () => {
    const crowd = await Promise.all(Array.from({ length: 6 }, (_, i) => connect(service, `crowd-${i}`)));
    for (const one of crowd) await one.channel('livestream', 'paged').watch();
    const channel = john.channel('livestream', 'paged');
    const ids = async (watchers) =>
      (await channel.query({ watchers, watch: false, state: true })).watchers.map((one) => one.id);
    const all = [...(await ids({ limit: 4, offset: 0 })), ...(await ids({ limit: 4, offset: 4 }))];
    assert.deepEqual(all.sort(), crowd.map((one) => one.userID).sort());
    assert.equal((await channel.query({ watchers: { limit: 1, offset: 0 }, watch: false })).watcher_count, 6);
    await disconnect(...crowd);
  });

  test('who stopped watching is not notified any more', async () => {
    const johns = john.channel('messaging', 'stopped', { members: ['john', 'jack'] });
    await johns.watch({ presence: true });
    const beacon = john.channel('messaging', 'stopped-beacon', { members: ['john'] });
    await beacon.watch();
    await johns.stopWatching();
    john.log.clear();
    await jack.channel('messaging', 'stopped').watch();
    await jack.channel('messaging', 'stopped').stopWatching();
    await jack.channel('messaging', 'stopped-beacon').watch();
    await john.log.event('user.watching.start', 'jack', (event) => event.cid === beacon.cid);
    assert.deepEqual(
      john.log.entries.filter((event) => event.cid === johns.cid),
      [],
    );
    await jack.channel('messaging', 'stopped-beacon').stopWatching();
  });

  test('watching needs a connection', async () => {
    const offline = newClient(service);
    offline._setToken({ id: 'john' }, offline.devToken('john'));
    offline._setUser({ id: 'john' });
    const error = await apiError(
      offline.channel('messaging', 'lobby').query({ watch: true }),
      'a watch without a connection',
    );
    assert.equal(error.status, 400);
    assert.match(error.message, /connection/i);
    const wrong = await apiError(
      john.post(`${service.url}/channels/messaging/lobby/query?connection_id=none`, { watch: true }),
      'a watch',
    );
    assert.match(wrong.message, /connection/i);
  });
});

describe('queries', () => {
  const rooms = [
    { id: 'a', level: 3, topic: 'Chess club', members: ['john', 'jack'], info: { region: 'eu' } },
    { id: 'b', level: 1, topic: 'Go players', members: ['jack'], info: { region: 'us' } },
    { id: 'c', level: 2, topic: 'Chess and Go', members: ['john', 'mary'], open: true },
    { id: 'd', level: 2, members: ['john', 'jack', 'mary'], topic: 'Cards' },
  ];
  before(async () => {
    await server.upsertUser({ id: 'mary', name: 'Mary' });
    for (const { id, ...data } of rooms) {
      await server
        .channel('gaming', id, { ...data, name: `Room ${id}`, created_by_id: id === 'b' ? 'jack' : 'john' })
        .create();
    }
  });

  const finds = (name, filter, expected, sort = { cid: 1 }, options = {}) =>
    test(name, async () => {
      const value = typeof filter === 'function' ? filter() : filter;
      const found = await john.queryChannels({ $and: [{ type: 'gaming' }, value] }, sort, { watch: false, ...options });
      assert.deepEqual(
        found.map((one) => one.id),
        expected,
        JSON.stringify(value),
      );
    });
  finds('by member', { members: { $in: ['mary'] } }, ['c', 'd']);
  finds('by one of two members', { members: { $in: ['mary', 'jack'] } }, ['a', 'b', 'c', 'd']);
  finds('by exactly these members', { members: { $eq: ['jack', 'john'] } }, ['a']);
  finds('by cid', { cid: 'gaming:b' }, ['b']);
  finds('by cids', { cid: { $in: ['gaming:b', 'gaming:d', 'gaming:x'] } }, ['b', 'd']);
  finds('by id', { id: { $in: ['a', 'c'] } }, ['a', 'c']);
  finds('by name', { name: 'Room c' }, ['c']);
  finds('by the beginning of a word', { topic: { $autocomplete: 'che' } }, ['a', 'c']);
  finds('by a number', { level: { $lte: 2 } }, ['b', 'c', 'd']);
  finds('by the presence of a field', { open: { $exists: true } }, ['c']);
  finds('by a dotted name', { 'info.region': 'eu' }, ['a']);
  finds('by the creator', { created_by_id: 'jack' }, ['b']);
  finds('by the number of members', { member_count: { $gt: 2 } }, ['d']);
  finds(
    'by created_at',
    () => ({ created_at: { $gt: '2020-01-01T00:00:00Z', $lte: new Date(Date.now() + 60_000).toISOString() } }),
    ['a', 'b', 'c', 'd'],
  );
  finds('by created_at in the past', { created_at: { $lt: '2020-01-01T00:00:00Z' } }, []);
  finds('by $or', { $or: [{ level: 1 }, { open: true }] }, ['b', 'c']);
  finds('sorted by a number, then a name', {}, ['a', 'd', 'c', 'b'], [{ level: -1 }, { topic: 1 }]);
  finds('sorted by created_at', {}, ['d', 'c', 'b', 'a'], { created_at: -1 });
  finds('sorted by last_message_at, which none has', {}, ['a', 'b', 'c', 'd'], { last_message_at: -1 });
  finds('a page', {}, ['b', 'c'], { cid: 1 }, { offset: 1, limit: 2 });

  test('channels that were found are watched, unless watch is false', async () => {
    const [found] = await john.queryChannels({ cid: 'gaming:a' });
    assert.equal(found.state.watcher_count, 1);
    john.log.clear();
    await jack.queryChannels({ cid: 'gaming:a' });
    await watching(john, 'start', 'jack', found);
    assert.equal(found.state.watcher_count, 2);
    await found.stopWatching();
    await jack.channel('gaming', 'a').stopWatching();
    const [unwatched] = await john.queryChannels({ cid: 'gaming:b' }, {}, { watch: false });
    assert.equal(unwatched.state.watcher_count, 0);
  });

  test('the channels found are active channels of the SDK', async () => {
    await john.queryChannels({ type: 'gaming' }, { cid: 1 }, { watch: false });
    for (const { id } of rooms) assert.equal(john.activeChannels[`gaming:${id}`].id, id);
  });

  test('rejects an unknown operator', async () => {
    const error = await apiError(john.queryChannels({ members: { $has: 'john' } }), 'a query');
    assert.equal(error.status, 400);
    assert.equal(error.code, 4);
    assert.match(error.message, /\$has/);
  });
});

describe('updates and deletions', () => {
  test('updatePartial sets and removes custom data', async () => {
    const channel = john.channel('messaging', 'painted', { members: ['john'], color: 'red', size: 1 });
    await channel.watch();
    const { channel: updated } = await channel.updatePartial({ set: { color: 'blue' }, unset: ['size'] });
    assert.equal(updated.color, 'blue');
    assert.equal(channel.data.color, 'blue');
    assert(!('size' in channel.data));
    const [found] = await john.queryChannels({ cid: channel.cid, color: 'blue' });
    assert.equal(found.data.color, 'blue');
    assert(!('size' in found.data));
    assert.deepEqual(Object.keys(found.state.members), ['john']);
  });

  test('update replaces the custom data', async () => {
    const channel = john.channel('messaging', 'replaced', { members: ['john'], color: 'red' });
    await channel.watch();
    await channel.update({ name: 'Renamed' });
    assert.equal(channel.data.name, 'Renamed');
    const [found] = await john.queryChannels({ cid: channel.cid });
    assert.equal(found.data.name, 'Renamed');
    assert(!('color' in found.data));
  });

  test('a deleted channel is not found, and its watchers are notified', async () => {
    const channel = john.channel('messaging', 'closed', { members: ['john', 'jack'] });
    await channel.watch();
    await jack.channel('messaging', 'closed').watch();
    const answer = await channel.delete();
    assert.equal(answer.channel.cid, channel.cid);
    await jack.log.event('channel.deleted', undefined, (event) => event.cid === channel.cid);
    assert.deepEqual(await john.queryChannels({ cid: channel.cid }), []);
    assert(!(channel.cid in jack.activeChannels));
  });

  test('what the service does not do is an error of the API', async () => {
    const channel = john.channel('messaging', 'silent', { members: ['john'] });
    await channel.watch();
    for (const call of [
      () => channel.truncate(),
      () => channel.sendMessage({ text: 'hello' }),
      () => channel.getReplies('x', {}),
    ]) {
      const error = await apiError(call(), String(call));
      assert.equal(error.status, 404);
    }
    assert.equal(john.wsConnection.isHealthy, true);
  });

  test('a channel that is unknown cannot be changed', async () => {
    for (const call of [
      (channel) => channel.addMembers(['john']),
      (channel) => channel.updatePartial({ set: { a: 1 } }),
      (channel) => channel.delete(),
      (channel) => channel.stopWatching(),
    ]) {
      const error = await apiError(call(john.channel('messaging', 'never-was')), String(call));
      assert.equal(error.status, 404);
      assert.equal(error.code, 16);
    }
  });
});

test('the state of a channel follows many changes', async () => {
  const viewer = await connect(service, 'viewer');
  const channel = viewer.channel('messaging', 'busy', { members: ['viewer'] });
  await channel.watch({ presence: true });
  const others = await Promise.all(Array.from({ length: 8 }, (_, i) => connect(service, `busy-${i}`)));
  await channel.addMembers(others.map((one) => one.userID));
  // The SDK keeps the presence of members up to date that were in an answer, not of those in `member.added`.
  await channel.watch({ presence: true });
  await Promise.all(others.map((one) => one.channel('messaging', 'busy').watch()));
  await Promise.all([0, 2, 4].map((i) => disconnect(others[i])));
  await Promise.all([1, 3].map((i) => others[i].channel('messaging', 'busy').stopWatching()));
  await channel.removeMembers(['busy-5', 'busy-6']);
  const expected = (await server.queryChannels({ cid: channel.cid }, {}, { state: true, watch: false }))[0];
  await until(
    () => channel.state.watcher_count === 4,
    () => `4 users watch, not ${channel.state.watcher_count}`,
  );
  assert.deepEqual(Object.keys(channel.state.watchers).sort(), ['busy-5', 'busy-6', 'busy-7', 'viewer']);
  await until(() => Object.keys(channel.state.members).length === 7, 'the members are those of the service');
  const presence = (state) =>
    Object.values(state.members)
      .map((one) => [one.user.id, one.user.online])
      .sort();
  await until(
    () => JSON.stringify(presence(channel.state)) === JSON.stringify(presence(expected.state)),
    'the members are as the service has them',
  );
  await disconnect(viewer, ...others);
});
