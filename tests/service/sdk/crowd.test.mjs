// SPDX-License-Identifier: MIT
// Many clients in one channel, each of which is notified exactly once.
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import {
  RawClient,
  Service,
  atEnd,
  connect,
  disconnect,
  forEachOf,
  newServerClient,
  pause,
  within,
} from './helpers.mjs';

const COUNT = 1000;
let service;
let server;

before(async () => {
  service = await Service.start();
  server = newServerClient(service);
});
atEnd(() => service?.stop());

test('1,000 clients in one channel are each notified exactly once of each change', async (context) => {
  const users = Array.from({ length: COUNT }, (_, i) => `member-${i}`);
  const clients = [];
  await forEachOf(users, 20, async (id) => clients.push(await connect(service, id)));
  const channel = server.channel('messaging', 'crowd', { created_by_id: 'member-0' });
  await channel.create();
  for (let i = 0; i < COUNT; i += 100) await channel.addMembers(users.slice(i, i + 100));
  await channel.addMembers(['star']);
  await forEachOf(clients, 10, (client) =>
    client.queryChannels({ cid: 'messaging:crowd' }, {}, { presence: true, watch: false, member_limit: 1 }),
  );
  for (const client of clients) client.log.clear();

  const began = Date.now();
  const star = await connect(service, { id: 'star', status: 'one' });
  await Promise.all(clients.map((client) => client.log.online('star', 60_000)));
  context.diagnostic(`${COUNT} clients of the SDK notified in ${Date.now() - began} ms`);
  await star.partialUpdateUser({ id: 'star', set: { status: 'two' } });
  await Promise.all(
    clients.map((client) => client.log.presence('star', (event) => event.user.status === 'two', 60_000)),
  );
  await disconnect(star);
  await Promise.all(clients.map((client) => client.log.offline('star', 60_000)));
  await server.partialUpdateUser({ id: 'star', set: { status: 'end' } });
  await Promise.all(
    clients.map((client) => client.log.presence('star', (event) => event.user.status === 'end', 60_000)),
  );
  for (const client of clients) {
    const changes = client.log.presences().map((event) => `${event.user.id} ${event.user.online} ${event.user.status}`);
    assert.deepEqual(changes, ['star true one', 'star true two', 'star false two', 'star false end']);
  }
  // Nobody follows anybody any more, so that leaving is cheap.
  await server.channel('messaging', 'crowd').delete();
  await forEachOf(clients, 50, (client) => disconnect(client));
});

test('250 watchers of one channel are announced once to each who watched before', async () => {
  const watchers = [];
  await forEachOf([...Array(250).keys()], 20, async (i) =>
    watchers.push(await RawClient.connect(service, `watcher-${i}`)),
  );
  const path = '/channels/livestream/stage/query';
  const watch = (one) =>
    server.axiosInstance.post(
      `${service.url}${path}?connection_id=${one.hello.connection_id}&user_id=${one.user}&api_key=key`,
      { watch: true, state: false, presence: false },
      { headers: { authorization: one.token, 'stream-auth-type': 'jwt' } },
    );
  for (const one of watchers) await watch(one);
  const last = watchers.at(-1);
  const started = (one) =>
    one.log.entries.filter((event) => event.type === 'user.watching.start' && event.user.id !== one.user);
  await Promise.all(
    watchers
      .slice(0, -1)
      .map((one) =>
        one.log.next(
          (event) => event.type === 'user.watching.start' && event.user.id === last.user,
          `${one.user} to be notified about the last`,
          60_000,
        ),
      ),
  );
  watchers.forEach((one, i) => {
    const expected = watchers.slice(i + 1).map((other, j) => `${other.user} ${i + j + 2}`);
    assert.deepEqual(
      started(one).map((event) => `${event.user.id} ${event.watcher_count}`),
      expected,
    );
  });
  await forEachOf(watchers, 50, (one) => one.close());
});

test('changes of many users at once reach a follower in order, each once', async () => {
  const users = Array.from({ length: 300 }, (_, i) => `burst-${i}`);
  const follower = await RawClient.connect(service, 'burst-follower');
  for (let i = 0; i < users.length; i += 100) {
    await server.upsertUsers(users.slice(i, i + 100).map((id) => ({ id })));
    await follower.follow(users.slice(i, i + 100));
  }
  const clients = [];
  await forEachOf(users, 20, async (id) => clients.push(await RawClient.connect(service, id)));
  await Promise.all(clients.map((one) => one.close()));
  const left = new Set(users);
  const done = (async () => {
    while (left.size > 0) {
      for (const event of follower.presences()) if (!event.user.online) left.delete(event.user.id);
      if (left.size > 0) await pause(20);
    }
  })();
  await within(10_000, () => `${left.size} users to be shown offline`, done);
  for (const id of users)
    assert.deepEqual(
      follower.presences(id).map((event) => event.user.online),
      [true, false],
      id,
    );
  await follower.close();
});
