// SPDX-License-Identifier: MIT
// What a chat's users do with presence, from the first connect on, by the calls of the SDK.
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import {
  Events,
  Service,
  atEnd,
  connect,
  connectObserver,
  disconnect,
  newClient,
  newServerClient,
  settled,
} from './helpers.mjs';

// Far less than a session may be silent.
const AT_ONCE_MS = 5000;

let service;
const clients = {};

before(async () => {
  service = await Service.start();
});
atEnd(async () => {
  await disconnect(...Object.values(clients));
  await service?.stop();
});

test('connecting returns a connection id and the own user', async () => {
  const started = Date.now();
  clients.john = newClient(service);
  clients.john.log = new Events(clients.john);
  const user = { id: 'john', name: 'John', status: 'Eating a veggie burger...' };
  const hello = await clients.john.connectUser(user, clients.john.devToken('john'));
  const ended = Date.now();

  assert.equal(hello.type, 'health.check');
  assert.equal(typeof hello.connection_id, 'string');
  assert.notEqual(hello.connection_id, '');
  assert.equal(clients.john.wsConnection.connectionID, hello.connection_id);
  assert.equal(clients.john.wsConnection.isHealthy, true);
  assert.equal(hello.me.id, 'john');
  assert.equal(hello.me.online, true);
  assert.equal(hello.me.name, 'John');
  assert.equal(hello.me.status, 'Eating a veggie burger...');
  assert.equal(hello.me.role, 'user');
  const active = Date.parse(hello.me.last_active);
  assert(active >= started - 1 && active <= ended + 1, `last_active is now: ${hello.me.last_active}`);
  assert.equal(clients.john.user.online, true);
  assert.equal(clients.john.state.users.john.online, true);
});

test('a user reads id, online, status and last_active of others', async () => {
  clients.jack = await connect(service, { id: 'jack', name: 'Jack' });
  const { users } = await clients.jack.queryUsers({ id: { $in: ['john'] } });
  assert.equal(users.length, 1);
  const { id, online, status, last_active } = users[0];
  assert.deepEqual({ id, online, status }, { id: 'john', online: true, status: 'Eating a veggie burger...' });
  assert.equal(last_active, clients.john.user.last_active);
  assert.equal(
    new Date(last_active).toISOString().slice(0, 19),
    last_active.slice(0, 19),
    'last_active is RFC 3339 in UTC',
  );
  assert.equal(clients.jack.state.users.john.status, status);
});

test('a user who connects invisible with a status is offline to others, and online to themselves', async () => {
  clients.mary = await connect(service, { id: 'mary', name: 'Mary', invisible: true, status: 'Not here' });
  assert.equal(clients.mary.user.online, true);
  assert.equal(clients.mary.user.invisible, true);
  const { users } = await clients.jack.queryUsers({ id: 'mary' });
  assert.equal(users.length, 1, 'the status is published');
  assert.equal(users[0].online, false);
  assert.equal(users[0].status, 'Not here');
  assert(!users[0].last_active, 'the invisible connect is not activity');
  assert(!('invisible' in users[0]) || users[0].invisible === false, 'others do not see that a user is invisible');
  const own = await clients.mary.queryUsers({ id: 'mary' });
  assert.equal(own.users[0].online, true);
});

test('watching a channel returns its state with the presence of the members', async () => {
  const channel = clients.jack.channel('messaging', 'developers', {
    name: 'Developers',
    members: ['john', 'jack', 'mary'],
  });
  const state = await channel.watch({ presence: true });
  assert.equal(state.channel.cid, 'messaging:developers');
  assert.equal(state.channel.name, 'Developers');
  assert.equal(state.channel.created_by.id, 'jack');
  assert.deepEqual(state.members.map((one) => one.user_id ?? one.user.id).sort(), ['jack', 'john', 'mary']);
  assert.equal(channel.state.members.john.user.online, true);
  assert.equal(channel.state.members.john.user.status, 'Eating a veggie burger...');
  assert.equal(channel.state.members.mary.user.online, false);
  assert.equal(state.watcher_count, 1);
  assert.equal(channel.state.watcher_count, 1);
  assert(state.watchers.some((one) => one.id === 'jack'));
  assert.deepEqual(channel.state.messages, []);
});

test('querying channels takes a filter of and, eq and in, an offset and a limit', async () => {
  const server = newServerClient(service);
  for (const [id, members] of [
    ['games', ['john', 'mary']],
    ['music', ['john']],
    ['empty', []],
  ]) {
    await server.channel('messaging', id, { members, created_by_id: 'john' }).create();
  }
  const filter = { $and: [{ type: { $eq: 'messaging' } }, { members: { $in: ['john'] } }] };
  const sort = [{ cid: 1 }];
  const all = await clients.john.queryChannels(filter, sort, { limit: 10, offset: 0, presence: true });
  assert.deepEqual(
    all.map((one) => one.cid),
    ['messaging:developers', 'messaging:games', 'messaging:music'],
  );
  const page = await clients.john.queryChannels(filter, sort, { limit: 1, offset: 1 });
  assert.deepEqual(
    page.map((one) => one.cid),
    ['messaging:games'],
  );
  assert.equal(page[0].state.members.mary.user.online, false);
  assert.deepEqual(await clients.john.queryChannels(filter, sort, { limit: 5, offset: 3 }), []);
  const none = { $and: [{ type: { $eq: 'livestream' } }, { members: { $in: ['john'] } }] };
  assert.deepEqual(await clients.john.queryChannels(none), []);
});

test('user.presence.changed arrives for a member who leaves, returns, sets a status, hides and shows', async () => {
  const { log } = clients.jack;
  const channel = clients.jack.channel('messaging', 'developers');
  await disconnect(clients.john);
  const left = await log.offline('john');
  assert.equal(left.user.status, 'Eating a veggie burger...');
  assert.equal(channel.state.members.john.user.online, false);
  assert.equal(clients.jack.state.users.john.online, false);

  clients.john = await connect(service, { id: 'john', status: 'Back' });
  const back = await log.presence('john', (event) => event.user.online && event.user.status === 'Back');
  assert(Date.parse(back.user.last_active) > Date.parse(left.user.last_active));
  assert.equal(typeof back.created_at, 'string');

  await clients.john.partialUpdateUser({ id: 'john', set: { status: 'In a review' } });
  await log.presence('john', (event) => event.user.status === 'In a review' && event.user.online);
  assert.equal(clients.jack.state.users.john.status, 'In a review');

  await clients.john.partialUpdateUser({ id: 'john', set: { invisible: true } });
  await log.offline('john');
  assert.equal(channel.state.members.john.user.online, false);
  await clients.john.partialUpdateUser({ id: 'john', set: { invisible: false } });
  await log.online('john');
  assert.equal(channel.state.members.john.user.online, true);
});

test('an invisible user who becomes visible is shown online', async () => {
  const { log } = clients.jack;
  await disconnect(clients.mary);
  clients.mary = await connect(service, { id: 'mary', invisible: false });
  const shown = await log.online('mary');
  assert.equal(shown.user.status, 'Not here');
  assert.equal(log.presences('mary').length, 1, 'nothing was sent about the invisible time');
});

test('user.presence.changed arrives only for users who were queried with presence', async () => {
  clients.ann = await connectObserver(service, 'ann', ['paul']);
  await clients.ann.queryUsers({ id: { $in: ['john', 'mary'] } }, {}, { presence: false });
  await disconnect(clients.john);
  clients.john = await connect(service, 'john');
  clients.paul = await connect(service, 'paul');
  await clients.ann.log.online('paul');
  await settled(clients.ann);
  assert.deepEqual(clients.ann.log.presences('john'), []);
  assert.deepEqual(clients.ann.log.presences('mary'), []);
  assert.equal(clients.ann.log.presences('paul').length, 1);
});

test('a query of a channel with presence follows its members', async () => {
  await clients.ann.queryChannels({ cid: 'messaging:music' }, {}, { presence: true, watch: false });
  clients.ann.log.clear();
  await disconnect(clients.john);
  await clients.ann.log.offline('john');
  clients.john = await connect(service, 'john');
  await clients.ann.log.online('john');
  await settled(clients.ann);
  assert.equal(clients.ann.log.presences('john').length, 2);
});

test('a user is offline at once after disconnectUser', async () => {
  clients.jack.log.clear();
  const began = Date.now();
  await clients.mary.disconnectUser();
  const event = await clients.jack.log.offline('mary', AT_ONCE_MS);
  assert(Date.now() - began < AT_ONCE_MS);
  const { users } = await clients.jack.queryUsers({ id: 'mary' });
  assert.equal(users[0].online, false);
  assert.equal(users[0].last_active, event.user.last_active);
});
