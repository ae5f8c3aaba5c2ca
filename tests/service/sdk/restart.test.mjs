// SPDX-License-Identifier: MIT
// The service ends and starts again: who was online stays online, and nobody is notified of a change that was none.
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { before, test } from 'node:test';
import {
  PATIENCE_MS,
  RawClient,
  Service,
  atEnd,
  connect,
  connectObserver,
  disconnect,
  forEachOf,
  newServerClient,
  settled,
  until,
  within,
} from './helpers.mjs';

let folder;
before(() => {
  folder = mkdtempSync(join(tmpdir(), 'presence-sdk-'));
});
atEnd(() => rmSync(folder, { recursive: true, force: true }));

test('a restart with 1,000 clients connected sends no false change', async () => {
  const COUNT = 1000;
  const checkpoint = join(folder, 'crowd');
  const service = await Service.start('--checkpoint', checkpoint);
  const clients = [];
  let sampling = true;
  let samples = 0;
  try {
    const users = Array.from({ length: COUNT }, (_, i) => `user-${String(i).padStart(4, '0')}`);
    await forEachOf(users, 20, async (id) => {
      clients.push(await connect(service, id, { timeout: 30_000, recoverStateOnReconnect: false }));
    });
    const pages = (client, options) =>
      forEachOf([...Array(COUNT / 100).keys()], 2, async (page) => {
        const wanted = users.slice(page * 100, page * 100 + 100);
        const answer = await client.queryUsers({ id: { $in: wanted } }, {}, { limit: 100, ...options });
        assert.equal(answer.users.length, wanted.length);
        const offline = answer.users.filter((one) => !one.online).map((one) => one.id);
        assert.deepEqual(offline, [], 'users are shown offline');
      });
    const observer = await connectObserver(service, 'observer', []);
    await pages(observer, { presence: true });
    const before = (await observer.queryUsers({ id: users[0] })).users[0];
    observer.log.clear();

    assert.equal(await service.stop(), 0);
    assert(readFileSync(checkpoint).length > COUNT * 10);
    await service.start();

    // From the first moment on, everybody is online. A follower who returns at once is not notified about the others.
    const early = await RawClient.connect(service, 'early');
    const server = newServerClient(service);
    const sample = (async () => {
      while (sampling) {
        await pages(server, {});
        ++samples;
      }
    })();
    for (let page = 0; page < COUNT; page += 100) {
      const found = await early.follow(users.slice(page, page + 100));
      assert(found.every((one) => one.online));
    }
    const recovered = () => clients.filter((one) => one.wsConnection.isHealthy).length;
    await until(
      () => recovered() === COUNT,
      () => `all clients are back, not ${recovered()}`,
      40_000,
    );
    await until(() => observer.wsConnection.isHealthy, 'the observer is back', 90_000);
    await pages(observer, { presence: true });
    sampling = false;
    await sample;
    assert(samples > 0);
    await observer.queryUsers({ id: observer.beacon.user }, {}, { presence: true });
    await settled(observer);
    assert.deepEqual(
      early.presences().map((event) => event.user.id),
      [],
    );
    assert.deepEqual(
      observer.log.presences().filter((event) => users.includes(event.user.id)),
      [],
    );
    const [again] = (await observer.queryUsers({ id: users[0] })).users;
    assert.equal(again.created_at, before.created_at);
    await early.close();
    await disconnect(observer);
  } finally {
    sampling = false;
    await service.stop('SIGKILL');
    await forEachOf(clients, 50, (client) => disconnect(client));
  }
});

test('who does not return within the timeout goes offline once', async () => {
  const TIMEOUT = 3000;
  const service = await Service.start('--checkpoint', join(folder, 'few'), '--session-timeout', TIMEOUT);
  const gone = await RawClient.connect(service, 'gone');
  const before = await RawClient.connect(service, 'stays');
  const first = await RawClient.connect(service, 'first');
  const [{ last_active }] = await first.follow(['gone']);
  assert.equal(await service.stop(), 0);
  const { code } = await within(PATIENCE_MS, 'the sockets to be closed', gone.closed);
  assert.equal(code, 1001);
  const stopped = Date.now();
  await service.start();
  const stays = await RawClient.connect(service, 'stays');
  const observer = await connectObserver(service, 'observer', ['gone', 'stays']);
  assert.equal(observer.state.users.gone.online, true);
  const event = await observer.log.offline('gone', TIMEOUT + 15_000);
  assert(Date.now() - stopped > TIMEOUT / 3);
  assert.equal(event.user.last_active, last_active);
  await settled(observer);
  assert.equal(observer.log.presences('gone').length, 1);
  assert.deepEqual(observer.log.presences('stays'), []);
  assert.equal(before.socket.readyState, 3);
  await stays.close();
  await disconnect(observer);
  await service.stop();
});

test('a service that was killed continues from its last checkpoint', async () => {
  const checkpoint = join(folder, 'killed');
  const service = await Service.start('--checkpoint', checkpoint, '--checkpoint-every', 100);
  const users = ['k-1', 'k-2', 'k-3', 'k-4', 'k-5'];
  const clients = await Promise.all(users.map((id) => connect(service, { id, name: id })));
  const connected = Date.now();
  await until(() => existsSync(checkpoint) && statSync(checkpoint).mtimeMs > connected + 100, 'a checkpoint');
  await service.stop('SIGKILL');
  await service.start();
  const early = await RawClient.connect(service, 'early');
  const found = await early.follow(users);
  assert.deepEqual(
    found.map((one) => [one.id, one.online, one.name]).sort(),
    users.map((id) => [id, true, id]),
  );
  await until(() => clients.every((one) => one.wsConnection.isHealthy), 'all clients are back', 60_000);
  // All that was sent before this answer has arrived.
  early.socket.send('[{"type":"health.check","client_id":"early"}]');
  await early.log.next((frame) => frame.type === 'health.check', 'an answer');
  assert.deepEqual(early.presences(), []);
  await early.close();
  await disconnect(...clients);
  await service.stop();
});

test('users, data, invisibility and channels come back', async () => {
  const service = await Service.start('--checkpoint', join(folder, 'all'));
  const server = newServerClient(service);
  await server.upsertUsers([
    { id: 'ada', name: 'Ada', role: 'admin', tags: ['a'] },
    { id: 'gone', name: 'Gone' },
  ]);
  await server.deleteUser('gone');
  await server
    .channel('messaging', 'kept', { members: ['ada', 'ghost'], name: 'Kept', level: 2, created_by_id: 'ada' })
    .create();
  await server.channel('messaging', 'dropped', { members: ['ada'], created_by_id: 'ada' }).create();
  await server.channel('messaging', 'dropped').delete();
  const ghost = await RawClient.connect(service, { id: 'ghost', invisible: true, status: 'boo' });
  const before = await server.queryUsers({}, { id: 1 });
  const [channelBefore] = await server.queryChannels({ cid: 'messaging:kept' }, {}, { watch: false });
  assert.equal(await service.stop(), 0);
  await service.start();
  assert.deepEqual((await server.queryUsers({}, { id: 1 })).users, before.users);
  const channels = await server.queryChannels({}, {}, { watch: false });
  assert.deepEqual(
    channels.map((one) => one.cid),
    ['messaging:kept'],
  );
  for (const name of ['name', 'level', 'created_at', 'member_count'])
    assert.deepEqual(channels[0].data[name], channelBefore.data[name], name);
  assert.deepEqual(Object.keys(channels[0].state.members).sort(), ['ada', 'ghost']);
  const asker = await connect(service, 'asker');
  const [hidden] = (await asker.queryUsers({ id: 'ghost' })).users;
  assert.equal(hidden.online, false);
  assert.equal(hidden.status, 'boo');
  const again = await RawClient.connect(service, 'ghost');
  assert.equal(again.hello.me.invisible, true, 'who connects without a choice stays invisible');
  await again.close();
  ghost.socket.terminate();
  await disconnect(asker);
  await service.stop();
});

test('a checkpoint that was damaged is an error that names the file, and is left as it is', async () => {
  const path = join(folder, 'damaged');
  const service = await Service.start('--checkpoint', path);
  const server = newServerClient(service);
  await server.upsertUsers([{ id: 'ada', name: 'Ada' }, { id: 'bea' }]);
  await server.channel('messaging', 'kept', { members: ['ada'], created_by_id: 'ada', level: 3 }).create();
  assert.equal(await service.stop(), 0);
  const bytes = readFileSync(path);
  const cases = {
    cut: bytes.subarray(0, bytes.length - 7),
    longer: Buffer.concat([bytes, Buffer.from('x')]),
    text: Buffer.from('hello\n'),
  };
  const FLIPS = 24;
  for (let i = 0; i < FLIPS; ++i) {
    const at = Math.floor(((bytes.length - 1) * i) / (FLIPS - 1));
    cases[`flipped at ${at}`] = Buffer.from(bytes);
    cases[`flipped at ${at}`][at] ^= 1;
  }
  for (const [name, content] of Object.entries(cases)) {
    writeFileSync(path, content);
    const again = new Service(['--checkpoint', path]);
    const error = await again.start().then(
      () => undefined,
      (reason) => reason,
    );
    if (!error) await again.stop('SIGKILL');
    assert(error, `it starts with a checkpoint that is ${name}`);
    assert.match(again.errors.join('\n'), /damaged/, `the file is named (${name})`);
    assert.deepEqual(readFileSync(path), content, 'the file is left as it is');
  }
  assert.deepEqual(
    readdirSync(folder).filter((one) => one.startsWith('damaged')),
    ['damaged'],
    'no other file is left',
  );
});

test('a file that cannot be written is an error at the start, or at the latest in the exit status', async () => {
  const service = new Service(['--checkpoint', join(folder, 'no', 'such', 'folder', 'file')]);
  const error = await service.start().then(
    () => undefined,
    (reason) => reason,
  );
  if (!error) assert.notEqual(await service.stop(), 0);
  assert.match(service.errors.join('\n'), /folder/);
});
