// SPDX-License-Identifier: MIT
// Queries, updates and deletions of users.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import {
  Service,
  apiError,
  atEnd,
  connect,
  connectObserver,
  devToken,
  disconnect,
  forEachOf,
  newClient,
  newServerClient,
  settled,
} from './helpers.mjs';

let service;
let server;
let asker;

before(async () => {
  service = await Service.start();
  server = newServerClient(service);
  asker = await connect(service, 'asker');
});
atEnd(async () => {
  await disconnect(asker);
  await service?.stop();
});

const ids = (answer) => answer.users.map((one) => one.id);

describe('queries', () => {
  const crew = [
    {
      id: 'ada',
      name: 'Ada Lovelace',
      role: 'admin',
      level: 9,
      tags: ['math', 'poetry'],
      address: { city: 'London', street: { number: 12 } },
    },
    { id: 'bea', name: 'Beatrice Ada Shilling', role: 'user', level: 7, tags: ['motors'], address: { city: 'Hove' } },
    { id: 'cleo', name: 'Cleopatra', role: 'admin', level: 7.5, born: '1969-01-15T00:00:00Z' },
    { id: 'dora', name: 'Dora', level: 2, tags: [], born: '2001-05-01T10:00:00+02:00', premium: true },
    { id: 'emmy', name: 'Emmy Noether', role: 'moderator', level: -1, tags: ['math'], premium: false },
  ];
  const crewFilter = { id: { $in: crew.map((one) => one.id) } };
  const online = {};
  let middle;

  before(async () => {
    await server.upsertUsers(crew);
    for (const id of ['ada', 'bea', 'cleo']) {
      online[id] = await connect(service, id);
      if (id === 'bea') middle = online.bea.user.last_active;
    }
    await disconnect(online.ada);
  });
  after(() => disconnect(...Object.values(online)));

  const finds = (name, filter, expected, sort = { id: 1 }, options = {}) =>
    test(name, async () => {
      const value = typeof filter === 'function' ? filter() : filter;
      const answer = await asker.queryUsers({ $and: [crewFilter, value] }, sort, { limit: 30, ...options });
      assert.deepEqual(ids(answer), expected, JSON.stringify(value));
    });

  finds('by id', { id: 'dora' }, ['dora']);
  finds('by $eq', { id: { $eq: 'dora' } }, ['dora']);
  finds('by ids', { id: { $in: ['dora', 'ada', 'nobody'] } }, ['ada', 'dora']);
  finds('by an empty list of ids', { id: { $in: [] } }, []);
  finds('by ids not in a list', { id: { $nin: ['ada', 'bea'] } }, ['cleo', 'dora', 'emmy']);
  finds('by a range of ids', { id: { $gt: 'bea', $lte: 'dora' } }, ['cleo', 'dora']);
  finds('by name', { name: 'Cleopatra' }, ['cleo']);
  finds('by the beginning of a word of the name', { name: { $autocomplete: 'ada' } }, ['ada', 'bea']);
  finds('by the beginning of the id', { id: { $autocomplete: 'em' } }, ['emmy']);
  finds('by role', { role: 'admin' }, ['ada', 'cleo']);
  finds('by the role that users have by default', { role: 'user' }, ['bea', 'dora']);
  finds('by roles', { role: { $in: ['moderator', 'admin'] } }, ['ada', 'cleo', 'emmy']);
  finds('by presence', { online: true }, ['bea', 'cleo']);
  finds('by absence', { online: false }, ['ada', 'dora', 'emmy']);
  finds('by online and role', { online: true, role: 'admin' }, ['cleo']);
  finds('by last_active from a time on', () => ({ last_active: { $gte: middle } }), ['bea', 'cleo']);
  finds('by last_active at a time', () => ({ last_active: { $eq: middle } }), ['bea']);
  finds('by last_active after a time', () => ({ last_active: { $gt: middle } }), ['cleo']);
  finds('by last_active before a time', () => ({ last_active: { $lt: middle } }), ['ada']);
  finds('by having been active', { last_active: { $exists: true } }, ['ada', 'bea', 'cleo']);
  finds('by never having been active', { last_active: { $exists: false } }, ['dora', 'emmy']);
  finds('by a number', { level: { $gte: 7, $lt: 9 } }, ['bea', 'cleo']);
  finds('by a negative number', { level: { $lt: 0 } }, ['emmy']);
  finds('by a bool', { premium: true }, ['dora']);
  finds('by a value that is not', { premium: { $ne: true } }, ['ada', 'bea', 'cleo', 'emmy']);
  finds('by an element of an array', { tags: { $contains: 'math' } }, ['ada', 'emmy']);
  finds('by elements of an array', { tags: { $in: ['motors', 'poetry'] } }, ['ada', 'bea']);
  finds('by a dotted name', { 'address.city': 'Hove' }, ['bea']);
  finds('by a deeper dotted name', { 'address.street.number': { $gt: 10 } }, ['ada']);
  finds('by the presence of a dotted name', { 'address.city': { $exists: true } }, ['ada', 'bea']);
  finds(
    'by a date in data, in any time zone',
    { born: { $lt: '2001-05-01T08:00:01Z', $gte: '2001-05-01T08:00:00Z' } },
    ['dora'],
  );
  finds('by $or', { $or: [{ id: 'ada' }, { level: 2 }] }, ['ada', 'dora']);
  finds('by $or beside a field', { role: 'admin', $or: [{ id: 'ada' }, { id: 'bea' }] }, ['ada']);
  finds('by $nor', { $nor: [{ role: 'admin' }, { level: { $lt: 7 } }] }, ['bea']);
  finds(
    'by created_at',
    () => ({ created_at: { $lte: new Date(Date.now() + 60_000).toISOString(), $gt: '2020-01-01T00:00:00Z' } }),
    crew.map((one) => one.id),
  );
  finds('by created_at in the future', { created_at: { $gt: '2200-01-01T00:00:00Z' } }, []);

  finds('sorted by name downwards', {}, ['emmy', 'dora', 'cleo', 'bea', 'ada'], { name: -1 });
  finds('sorted by a number', {}, ['emmy', 'dora', 'bea', 'cleo', 'ada'], { level: 1 });
  finds('sorted by last_active', { last_active: { $exists: true } }, ['cleo', 'bea', 'ada'], { last_active: -1 });
  finds('sorted by last_active, absent last', {}, ['cleo', 'bea', 'ada', 'dora', 'emmy'], { last_active: -1 });
  finds('sorted by last_active upwards, absent last', {}, ['ada', 'bea', 'cleo', 'dora', 'emmy'], { last_active: 1 });
  finds(
    'sorted by two keys',
    { role: { $in: ['admin', 'moderator'] } },
    ['emmy', 'cleo', 'ada'],
    [{ role: -1 }, { name: -1 }],
  );
  finds('sorted by online, then by name', {}, ['bea', 'cleo', 'ada', 'dora', 'emmy'], [{ online: -1 }, { name: 1 }]);
  finds('a page', {}, ['cleo', 'dora'], { id: 1 }, { offset: 2, limit: 2 });

  test('a Date is a point in time', async () => {
    const answer = await asker.queryUsers(
      { $and: [crewFilter, { last_active: { $gte: new Date(middle) } }] },
      { id: 1 },
    );
    assert.deepEqual(ids(answer), ['bea', 'cleo']);
  });

  test('a user has the fields of the service', async () => {
    const [user] = (await asker.queryUsers({ id: 'ada' })).users;
    assert.equal(user.role, 'admin');
    assert.equal(user.level, 9);
    assert.deepEqual(user.tags, ['math', 'poetry']);
    assert.deepEqual(user.address, { city: 'London', street: { number: 12 } });
    assert(Date.parse(user.created_at) <= Date.now() + 1000);
    assert(Date.parse(user.updated_at) >= Date.parse(user.created_at));
    assert.equal(user.online, false);
  });

  test('pages follow each other without a gap or an overlap', async () => {
    const many = Array.from({ length: 95 }, (_, i) => ({
      id: `page-${String(i).padStart(3, '0')}`,
      group: 'paged',
      rank: i % 7,
    }));
    await server.upsertUsers(many);
    for (const sort of [{ id: 1 }, { rank: 1 }, [{ rank: -1 }, { id: -1 }], { last_active: -1 }]) {
      const found = [];
      for (let offset = 0; ; offset += 10) {
        const page = await asker.queryUsers({ group: 'paged' }, sort, { offset, limit: 10 });
        if (page.users.length === 0) break;
        found.push(...page.users);
      }
      assert.equal(found.length, many.length);
      assert.equal(new Set(found.map((one) => one.id)).size, many.length);
      if (!Array.isArray(sort) && sort.rank) assert(found.every((one, i) => i === 0 || found[i - 1].rank <= one.rank));
    }
  });

  test('a query without a limit returns a first page', async () => {
    const { users } = await asker.queryUsers({ group: 'paged' }, { id: 1 });
    assert(users.length >= 10 && users.length <= 95);
    assert.equal(users[0].id, 'page-000');
  });

  const rejects = (name, filter, pattern, sort, options) =>
    test(`rejects ${name}`, async () => {
      const error = await apiError(asker.queryUsers(filter, sort, options), name);
      assert.equal(error.status, 400);
      assert.equal(error.code, 4);
      assert.match(error.message, pattern);
    });
  rejects('an unknown operator', { id: { $above: 5 } }, /\$above/);
  rejects('an unknown operator of filters', { $xor: [{ id: 'a' }] }, /\$xor/);
  rejects('$in without a list', { id: { $in: 'ada' } }, /offset 34.*array/);
  rejects('$and without a list', { $and: { id: 'ada' } }, /offset 29.*array/);
  rejects('an empty $autocomplete', { name: { $autocomplete: '' } }, /offset 46.*empty/);
  rejects('a negative limit', { id: 'ada' }, /limit/, {}, { limit: -1 });
  rejects('a limit that is not a number', { id: 'ada' }, /limit/, {}, { limit: 'ten' });
  rejects('a negative offset', { id: 'ada' }, /offset/, {}, { offset: -1 });
  rejects('a direction that is not a direction', { id: 'ada' }, /direction/, { id: 7 });
});

describe('updates', () => {
  test('upsertUsers creates and returns users', async () => {
    const answer = await server.upsertUsers([
      { id: 'new-1', name: 'One' },
      { id: 'new-2', name: 'Two', image: 'https://example.org/2.png' },
    ]);
    assert.deepEqual(Object.keys(answer.users).sort(), ['new-1', 'new-2']);
    assert.equal(answer.users['new-2'].image, 'https://example.org/2.png');
    assert.equal(answer.users['new-1'].name, 'One');
    const [user] = (await asker.queryUsers({ id: 'new-2' })).users;
    assert.equal(user.name, 'Two');
    assert.equal(user.online, false);
    assert.equal(user.role, 'user');
  });

  test('upsertUser replaces what is published of the user', async () => {
    await server.upsertUser({ id: 'replaced', name: 'Old', color: 'red' });
    const { created_at } = (await asker.queryUsers({ id: 'replaced' })).users[0];
    await server.upsertUser({ id: 'replaced', name: 'New' });
    const [user] = (await asker.queryUsers({ id: 'replaced' })).users;
    assert.equal(user.name, 'New');
    assert(!('color' in user));
    assert.equal(user.created_at, created_at);
  });

  test('partialUpdateUser sets and removes single fields', async () => {
    await server.upsertUser({ id: 'partial', name: 'Old', color: 'red', size: 3 });
    const answer = await server.partialUpdateUser({
      id: 'partial',
      set: { name: 'New', role: 'admin' },
      unset: ['color'],
    });
    assert.equal(answer.users.partial.name, 'New');
    const [user] = (await asker.queryUsers({ id: 'partial' })).users;
    assert.equal(user.name, 'New');
    assert.equal(user.role, 'admin');
    assert.equal(user.size, 3);
    assert(!('color' in user));
  });

  test('partialUpdateUser sets and removes a dotted name', async () => {
    await server.upsertUser({ id: 'dotted', address: { city: 'Oslo', zip: '0150' } });
    await server.partialUpdateUser({ id: 'dotted', set: { 'address.city': 'Bergen' }, unset: ['address.zip'] });
    const [user] = (await asker.queryUsers({ 'address.city': 'Bergen' })).users;
    assert.deepEqual(user.address, { city: 'Bergen' });
  });

  test('an update moves updated_at and not created_at or last_active', async () => {
    const client = await connect(service, 'updated');
    const before = (await asker.queryUsers({ id: 'updated' })).users[0];
    await client.partialUpdateUser({ id: 'updated', set: { name: 'Updated' } });
    const [user] = (await asker.queryUsers({ id: 'updated' })).users;
    assert.equal(user.created_at, before.created_at);
    assert.equal(user.last_active, before.last_active);
    assert(Date.parse(user.updated_at) >= Date.parse(before.updated_at));
    await disconnect(client);
  });

  test('user.updated arrives where the user is followed, and changes the state of the SDK', async () => {
    const client = await connect(service, { id: 'renamed', name: 'Before' });
    const observer = await connectObserver(service, 'name-watcher', ['renamed']);
    const stranger = await connect(service, 'stranger');
    await client.upsertUser({ id: 'renamed', name: 'After', image: 'https://example.org/a.png' });
    const event = await observer.log.event('user.updated', 'renamed');
    assert.equal(event.user.name, 'After');
    assert.equal(event.user.image, 'https://example.org/a.png');
    assert.equal(event.user.online, true);
    assert.equal(observer.state.users.renamed.name, 'After');
    await settled(observer);
    assert(observer.log.presences('renamed').every((change) => change.user.online));
    assert.equal(observer.log.of('user.updated', 'renamed').length, 1);
    assert.deepEqual(stranger.log.of('user.updated'), []);
    await disconnect(client, observer, stranger);
  });

  test('user.updated of a member reaches those who watch the channel', async () => {
    const client = await connect(service, { id: 'member-1', name: 'Before' });
    const watcher = await connect(service, 'watcher-1');
    const channel = watcher.channel('messaging', 'names', { members: ['member-1', 'watcher-1'] });
    await channel.watch({ presence: true });
    await client.partialUpdateUser({ id: 'member-1', set: { name: 'After' } });
    await watcher.log.event('user.updated', 'member-1', (event) => event.user.name === 'After');
    assert.equal(channel.state.members['member-1'].user.name, 'After');
    await disconnect(client, watcher);
  });

  test('a user may not update another user', async () => {
    const error = await apiError(asker.upsertUser({ id: 'new-1', name: 'Stolen' }), 'an update of another user');
    assert.equal(error.status, 403);
    assert.equal(error.code, 17);
    await apiError(
      asker.partialUpdateUser({ id: 'new-1', set: { name: 'Stolen' } }),
      'a partial update of another user',
    );
    const [user] = (await asker.queryUsers({ id: 'new-1' })).users;
    assert.equal(user.name, 'One');
  });

  const rejects = (name, call, pattern) =>
    test(`rejects ${name}`, async () => {
      const error = await apiError(call(), name);
      assert.equal(error.status, 400);
      assert.match(error.message, pattern);
    });
  rejects('an id that is too long', () => server.upsertUser({ id: 'x'.repeat(10_000) }), /id|user/);
  rejects(
    'more data than a user may have',
    () => server.upsertUser({ id: 'big', text: 'x'.repeat(100_000) }),
    /text|data|bytes|large/,
  );
  rejects('a status that is not text', () => server.upsertUser({ id: 'odd', status: { a: 1 } }), /odd.*string|status/);
  rejects('a set that is no object', () => server.partialUpdateUser({ id: 'new-1', set: 'name' }), /set/);
  rejects('an unset that is no list', () => server.partialUpdateUser({ id: 'new-1', unset: 'name' }), /unset/);

  test('a list with one bad user changes none', async () => {
    await apiError(
      server.upsertUsers([
        { id: 'good', name: 'Good' },
        { id: 'bad', status: 7 },
      ]),
      'a list with a bad user',
    );
    assert.deepEqual((await asker.queryUsers({ id: { $in: ['good', 'bad'] } })).users, []);
  });

  test('names in any script come back as they were sent', async () => {
    const names = [
      'Zoë',
      '李雷',
      '🙂👍🏽',
      'a\u0000b',
      '"quoted\\"',
      '\u202Eright to left',
      '<img src=x onerror=alert(1)>',
      'x'.repeat(255),
      ' ',
    ];
    await forEachOf(names, 3, async (name, i) => {
      await server.upsertUser({ id: `script-${i}`, name });
      assert.equal((await asker.queryUsers({ id: `script-${i}` })).users[0].name, name);
      assert.deepEqual(ids(await asker.queryUsers({ name, id: `script-${i}` })), [`script-${i}`]);
    });
  });

  test('ids with special letters work in every place', async () => {
    for (const id of ['a b', 'ü/ö?x=1&y', '100%', 'dot.dot', '$dollar', "o'neil"]) {
      // The SDK makes and checks tokens as Latin-1, except those of a provider.
      const client = newClient(service);
      await client.connectUser({ id, name: id }, async () => devToken(id));
      assert.equal(client.user.id, id);
      assert.deepEqual(ids(await asker.queryUsers({ id: { $in: [id] }, online: true })), [id]);
      await disconnect(client);
      const { user } = await server.deleteUser(id);
      assert.equal(user.id, id);
      assert.deepEqual((await asker.queryUsers({ id })).users, []);
    }
  });
});

describe('deletions', () => {
  test('a deleted user is gone from queries and channels, and followers are notified', async () => {
    await server.upsertUser({ id: 'doomed', name: 'Doomed' });
    await server.channel('messaging', 'mourning', { members: ['doomed', 'asker'], created_by_id: 'asker' }).create();
    const observer = await connectObserver(service, 'mourner', ['doomed']);
    const answer = await server.deleteUser('doomed', { hard_delete: true });
    assert.equal(answer.user.id, 'doomed');
    assert(answer.user.deleted_at);
    await observer.log.event('user.deleted', 'doomed');
    assert.deepEqual((await asker.queryUsers({ id: 'doomed' })).users, []);
    const [channel] = await asker.queryChannels({ cid: 'messaging:mourning' });
    assert.deepEqual(Object.keys(channel.state.members), ['asker']);
    await disconnect(observer);
  });

  test('the watches of a deleted user end', async () => {
    const client = await connect(service, 'watching-doomed');
    const watcher = await connect(service, 'watching-asker');
    await client.channel('messaging', 'watched', { members: ['watching-doomed'] }).watch();
    const channel = watcher.channel('messaging', 'watched');
    await channel.watch();
    assert.equal(channel.state.watcher_count, 2);
    const ended = client.disconnectUser;
    await server.deleteUser('watching-doomed');
    await watcher.log.event('user.watching.stop', 'watching-doomed', (event) => event.watcher_count === 1);
    assert.equal(channel.state.watcher_count, 1);
    await ended();
    await disconnect(watcher);
  });

  test('a user that is unknown cannot be deleted', async () => {
    const error = await apiError(server.deleteUser('never-was'), 'the deletion of an unknown user');
    assert.equal(error.status, 404);
    assert.equal(error.code, 16);
  });

  test('a user may not delete another user', async () => {
    const error = await apiError(asker.deleteUser('new-1'), 'the deletion of another user');
    assert.equal(error.status, 403);
    assert.deepEqual(ids(await asker.queryUsers({ id: 'new-1' })), ['new-1']);
  });

  test('a deleted user may be created anew, without the old data', async () => {
    await server.upsertUser({ id: 'phoenix', name: 'Old', color: 'red' });
    await server.deleteUser('phoenix', { hard_delete: true });
    await server.upsertUser({ id: 'phoenix', name: 'New' });
    const [user] = (await asker.queryUsers({ id: 'phoenix' })).users;
    assert.equal(user.name, 'New');
    assert(!('color' in user) && !('deleted_at' in user));
    assert(!user.last_active);
  });
});

describe('guests and anonymous users', () => {
  test('a guest connects by a token of the service', async () => {
    const guest = newClient(service);
    await guest.setGuestUser({ id: 'visitor', name: 'Visitor' });
    assert.equal(guest.user.name, 'Visitor');
    assert.equal(guest.user.role, 'guest');
    const { users } = await asker.queryUsers({ id: guest.userID });
    assert.equal(users[0].online, true);
    await disconnect(guest);
  });

  test('an anonymous user reads, and is not seen', async () => {
    const client = newClient(service);
    await client.connectAnonymousUser();
    assert.equal(client.wsConnection.isHealthy, true);
    const { users } = await client.queryUsers({ id: 'asker' });
    assert.equal(users[0].online, true);
    assert.deepEqual((await asker.queryUsers({ id: client.userID, online: true })).users, []);
    await disconnect(client);
  });
});
