// SPDX-License-Identifier: MIT
// Two services that share the users over Redis: who is connected to one is seen at the other.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import net from 'node:net';
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
  settled,
  until,
  within,
} from './helpers.mjs';

const TIMEOUT = 3000;
const folder = mkdtempSync(join(tmpdir(), 'presence-redis-'));
let redis;
let port;
const nodes = [];

const freePort = () =>
  new Promise((resolve) => {
    const server = net.createServer().listen(0, '127.0.0.1', () => {
      const { port: free } = server.address();
      server.close(() => resolve(free));
    });
  });

async function startRedis() {
  const command = ['--port', port, '--bind', '127.0.0.1', '--dir', folder, '--appendonly', 'yes', '--save', ''];
  redis = spawn('redis-server', command.map(String), { stdio: 'ignore' });
  redis.ended = new Promise((resolve) => redis.on('exit', resolve));
  const failed = new Promise((_, reject) => redis.on('error', reject));
  const answers = () =>
    new Promise((resolve) => {
      const socket = net.connect(port, '127.0.0.1', () => resolve(true));
      socket.on('error', () => resolve(false));
      socket.on('connect', () => socket.destroy());
    });
  await Promise.race([failed, until(answers, 'redis listens')]);
}
process.on('exit', () => redis?.kill('SIGKILL'));

before(async () => {
  port = await freePort();
  await startRedis();
  for (let i = 0; i < 2; ++i) {
    nodes.push(await Service.start('--redis', `127.0.0.1:${port}`, '--session-timeout', TIMEOUT));
  }
});
atEnd(async () => {
  for (const node of nodes) await node.stop();
  redis.kill('SIGTERM');
  await within(PATIENCE_MS, 'redis to end', redis.ended);
  rmSync(folder, { recursive: true, force: true });
});

test('a user who connects to one node is seen at the other, with status, name and visibility', async () => {
  const [here, there] = nodes;
  const john = await connect(here, { id: 'john', name: 'John' });
  const jack = await connectObserver(there, 'jack', ['john']);
  await until(
    async () => (await jack.queryUsers({ id: 'john', online: true })).users.length === 1,
    'john is online there',
  );
  const [user] = (await jack.queryUsers({ id: 'john' })).users;
  assert.equal(user.name, 'John');
  assert.equal(user.last_active, john.user.last_active);
  jack.log.clear();
  await john.partialUpdateUser({ id: 'john', set: { status: 'far away' } });
  await jack.log.presence('john', (event) => event.user.status === 'far away');
  await john.partialUpdateUser({ id: 'john', set: { invisible: true } });
  await jack.log.offline('john');
  await john.partialUpdateUser({ id: 'john', set: { invisible: false } });
  await jack.log.online('john');
  await disconnect(john);
  await jack.log.offline('john', 2000);
  assert.deepEqual(
    jack.log.presences('john').map((event) => event.user.online),
    [true, false, true, false],
  );
  await disconnect(jack);
});

test('a user with a tab at each node is offline when both are closed', async () => {
  const tabs = [await connect(nodes[0], 'tabs')];
  const jack = await connectObserver(nodes[1], 'jack', ['tabs']);
  await until(
    async () => (await jack.queryUsers({ id: 'tabs', online: true })).users.length === 1,
    'the tab is known there',
  );
  tabs.push(await connect(nodes[1], 'tabs'));
  await settled(jack);
  jack.log.clear();
  await disconnect(tabs[1]);
  await settled(jack);
  // Longer than a session may be silent: the node of the other tab sends its heartbeats.
  const gone = await RawClient.connect(nodes[0], 'silent', { ws: { autoPong: false } });
  await until(
    async () => (await jack.queryUsers({ id: 'silent' })).users.length === 1,
    'the silent user is known there',
  );
  await jack.queryUsers({ id: 'silent' }, {}, { presence: true });
  await jack.log.offline('silent', TIMEOUT + 15_000);
  assert.deepEqual(jack.log.presences('tabs'), []);
  await disconnect(tabs[0]);
  await jack.log.offline('tabs', 2000);
  gone.socket.terminate();
  await disconnect(jack);
});

test('the users of a node that was killed go offline after the timeout', async () => {
  const mary = await RawClient.connect(nodes[0], 'mary');
  const jack = await connectObserver(nodes[1], 'jack', ['mary']);
  await until(
    async () => (await jack.queryUsers({ id: 'mary', online: true })).users.length === 1,
    'mary is online there',
  );
  await nodes[0].stop('SIGKILL');
  await jack.log.offline('mary', TIMEOUT + 15_000);
  await nodes[0].start();
  const again = await RawClient.connect(nodes[0], 'mary');
  await jack.log.online('mary');
  mary.socket.terminate();
  await again.close();
  await disconnect(jack);
});

test('while Redis is away each node serves its own users, and then they share again', async () => {
  const jack = await connectObserver(nodes[1], 'jack', ['near', 'far']);
  redis.kill('SIGKILL');
  await within(PATIENCE_MS, 'redis to end', redis.ended);
  const near = await connect(nodes[1], 'near');
  await jack.log.online('near');
  const far = await connect(nodes[0], 'far');
  await settled(jack);
  await startRedis();
  await jack.log.online('far');
  await disconnect(near, far);
  await jack.log.nextAll([
    [
      (event) => event.type === 'user.presence.changed' && event.user.id === 'near' && !event.user.online,
      'near to leave',
    ],
    [
      (event) => event.type === 'user.presence.changed' && event.user.id === 'far' && !event.user.online,
      'far to leave',
    ],
  ]);
  await disconnect(jack);
});
