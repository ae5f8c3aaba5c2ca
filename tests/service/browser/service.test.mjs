import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';

import { testBehaviour } from './behaviour.mjs';
import { eventually, launch, openPage, startService, until } from './browser.mjs';

let browser;
before(async () => {
  browser = await launch();
});
after(() => browser?.close());

const populate = async (page) => {
  await page.getByRole('button', { name: 'Bring in six friends' }).click();
  await page.getByRole('button', { name: 'Six friends are here' }).waitFor();
};

/** Calls an endpoint with a token of the server's side. */
async function callAsServer(url, path, body) {
  const encode = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const token = `${encode({ alg: 'HS256', typ: 'JWT' })}.${encode({ server: true })}.devtoken`;
  const response = await fetch(`${url}${path}?api_key=test`, {
    method: 'POST',
    headers: { authorization: token, 'stream-auth-type': 'jwt', 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  assert.ok(response.ok, await response.text());
}

testBehaviour(() => browser, {
  shot: 'service',
  timelineTitle: /^last 5 minutes$/i,
  hasExtra: false,
  start: () => startService(),
  populate,
  async rename(url, page, users) {
    const named = Object.entries(users).map(([id, name]) => [id, { id, name }]);
    await callAsServer(url, 'users', { users: Object.fromEntries(named) });
  },
});

test('the list has an order, and follows who comes and goes', async () => {
  const server = await startService();
  try {
    const { page, left, right, close } = await openPage(browser, server.url);
    assert.deepEqual(await left.people(), ['Jack | Online']);
    assert.deepEqual(await right.people(), ['John | Online']);
    await populate(page);
    const friends = [
      'Lena Weiß | Online',
      'نور | Online',
      'Yuki Ōmori | Away |  | Eating a veggie burger…',
      'Omar | Online | in a match 3/4 | One more round',
      'Ann | Busy |  | In a review until noon',
      'Mary Kowalska | Online | in a match 2/4',
    ];
    await eventually(() => left.people(), [...friends, 'Jack | Online']);
    await eventually(() => right.people(), [...friends, 'John | Online']);
    assert.equal(await left.text('.friends .count'), '7 of 7 online');
    await close();
  } finally {
    await server.stop();
  }
});

test('all of many friends are listed', async () => {
  const server = await startService();
  try {
    const ids = Array.from({ length: 250 }, (_, i) => `friend-${i}`);
    await callAsServer(server.url, 'users', { users: Object.fromEntries(ids.map((id) => [id, { id }])) });
    await callAsServer(server.url, 'channels/team/friends/query', { data: { created_by_id: ids[0], members: ids } });
    const { left, right, close } = await openPage(browser, server.url);
    await eventually(() => right.text('.friends .count'), '1 of 251 online');
    await eventually(() => left.text('.friends .count'), '1 of 251 online');
    assert.equal((await right.people())[0], 'John | Online');
    await close();
  } finally {
    await server.stop();
  }
});

test('the page reconnects when the server is back, and no user was shown offline', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'presence-page-'));
  const checkpoint = path.join(folder, 'checkpoint');
  let server = await startService('--checkpoint', checkpoint);
  try {
    const expectedErrors = [/WebSocket connection to .* failed/, /Failed to load resource/];
    const { page, left, right, close } = await openPage(browser, server.url, { expectedErrors });
    await populate(page);
    await until(async () => (await right.people()).length === 7, 'seven friends are there');
    await left.button('Join the lobby').click();
    await eventually(() => left.watchers(), ['John']);
    await right.say('Before');
    await eventually(() => left.person('Jack'), 'Jack | Online |  | Before');
    // Each return is a connect, so the order by last_active is another one.
    const before = (await left.people()).sort();
    const received = (await left.events()).length;
    await server.stop();
    await until(async () => /Connecting again…$/.test(await left.text('.notice')), 'the page says that it is cut off');
    server = await startService('--checkpoint', checkpoint, '--port', String(server.port));
    await until(async () => !(await left.root.locator('.notice').isVisible()), 'the left viewer is back');
    await until(async () => !(await right.root.locator('.notice').isVisible()), 'the right viewer is back');
    await eventually(async () => (await left.people()).sort(), before);
    await eventually(() => left.watchers(), ['John']);
    await right.say('After');
    await eventually(() => left.person('Jack'), 'Jack | Online |  | After');
    const offline = (await left.events()).slice(received).filter((event) => event.user?.online === false);
    assert.deepEqual(offline, []);
    await close();
  } finally {
    await server.stop();
    rmSync(folder, { recursive: true });
  }
});

test('a service that wants signed tokens says so', async () => {
  const server = await startService('--secret', 'a secret of the test');
  try {
    const { left, close } = await openPage(browser, server.url, { expectedErrors: [/WebSocket/] });
    assert.match(await left.text('.notice'), /token|signature/i);
    assert.equal(await left.text('.own-state'), 'Not connected');
    await close();
  } finally {
    await server.stop();
  }
});

test('the pages have the right types, a strict policy, and no other files', async () => {
  const server = await startService();
  try {
    const files = { '': 'text/html', 'index.html': 'text/html', 'app.js': 'text/javascript', 'style.css': 'text/css',
      'icon.svg': 'image/svg+xml' };
    for (const [name, type] of Object.entries(files)) {
      const response = await fetch(server.url + name);
      assert.equal(response.status, 200, name);
      const found = response.headers.get('content-type');
      assert.ok(found.startsWith(type), `${name}: ${found}`);
      assert.match(response.headers.get('content-security-policy') ?? '', /default-src 'self'/);
      assert.ok(response.headers.get('etag') || /no-cache/.test(response.headers.get('cache-control')), `${name} can be updated`);
    }
    for (const name of ['nothing.html', '..%2fservice.cpp', 'page/app.js']) {
      const response = await fetch(server.url + name);
      assert.ok([401, 404].includes(response.status), `${name}: ${response.status}`);
    }
  } finally {
    await server.stop();
  }
});
