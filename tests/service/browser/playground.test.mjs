import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { testBehaviour } from './behaviour.mjs';
import { eventually, launch, openPage, startFiles, until } from './browser.mjs';

let browser;
let files;
before(async () => {
  browser = await launch();
  files = await startFiles(process.env.PRESENCE_PLAYGROUND);
});
after(async () => {
  await browser?.close();
  await files?.stop();
});

testBehaviour(() => browser, {
  shot: 'playground',
  timelineTitle: /^last hour$/i,
  hasExtra: true,
  start: async () => ({ url: files.url, async stop() {} }),
  async populate() {},
  async rename(url, page, users) {
    for (const [user, value] of Object.entries(users)) {
      await play(page, JSON.stringify({ type: 'data', user, name: 'name', value }), 'applied');
    }
  },
});

/** Plays an event that is given as JSON, and checks the answer. */
async function play(page, json, expected) {
  await page.getByLabel('What happens').selectOption('status');
  await page.getByLabel('Event as JSON').fill(json);
  await page.getByRole('button', { name: 'Play' }).click();
  await eventually(() => page.locator('.answer').innerText(), expected);
}

/** Plays an event by the fields of the form. */
async function fill(page, user, kind, fields = {}) {
  await page.getByLabel('User', { exact: true }).fill(user);
  await page.getByLabel('What happens').selectOption({ label: kind });
  const form = page.locator('form.play');
  for (const [name, value] of Object.entries(fields)) {
    const input = form.locator(`[name=${name}]`);
    if (name === 'availability') await input.selectOption(value);
    else await input.fill(value);
  }
  await form.getByRole('button', { name: 'Play' }).click();
}

const advance = (page, label) => page.getByRole('button', { name: `Advance the clock by ${label}` }).click();

function testPage(name, fn) {
  test(name, async () => {
    const opened = await openPage(browser, files.url);
    await fn(opened);
    await opened.close();
  });
}

testPage('the page begins with an hour of the cast', async ({ left, right }) => {
  const friends = [
    'Omar | Online | in a match 3/4 | One more round',
    'Mary Kowalska | Online | in a match 2/4',
    'Yuki Ōmori | Away |  | Eating a veggie burger…',
    'Ann | Busy |  | In a review until noon',
    'Lena Weiß | Idle',
    'نور | Offline',
  ];
  assert.deepEqual(await left.people(), ['Jack | Online', ...friends]);
  assert.deepEqual(await right.people(), ['John | Online', ...friends]);
  assert.equal(await left.text('.friends .count'), '6 of 7 online');
  await until(async () => (await left.timeline()).length === 8, 'the timeline is drawn');
  assert.deepEqual(await left.timeline(), [
    'John: online for 26 minutes',
    'Jack: online for 25 minutes',
    'Omar: online for 40 minutes',
    'Mary Kowalska: online for 58 minutes',
    'Yuki Ōmori: online for 18 minutes, away for 24 minutes',
    'Ann: online for 26 minutes, busy for 29 minutes',
    'Lena Weiß: online for 25 minutes, idle for 11 minutes',
    'نور: online for 32 minutes',
  ]);
});

testPage('a silent session times out 40 s after its last heartbeat', async ({ page, left, right }) => {
  await fill(page, 'mary', 'Fall silent');
  await advance(page, '30 s');
  assert.equal(await right.person('Mary Kowalska'), 'Mary Kowalska | Online | in a match 2/4');
  await advance(page, '10 s');
  await eventually(() => right.person('Mary Kowalska'), 'Mary Kowalska | Offline');
  for (const viewer of [left, right]) {
    const [changed] = (await viewer.events()).slice(-1);
    assert.deepEqual([changed.type, changed.user.id, changed.user.online], ['user.presence.changed', 'mary', false]);
  }
  await fill(page, 'mary', 'Heartbeat', { session: 'console' });
  await eventually(() => right.person('Mary Kowalska'), 'Mary Kowalska | Online | in a match 2/4');
});

testPage('a viewer who falls silent loses the connection', async ({ page, left, right }) => {
  await fill(page, 'john', 'Fall silent');
  await advance(page, '1 min');
  await eventually(() => left.text('.notice'), 'The session has ended: timed out.');
  assert.equal(await left.text('.own-state'), 'Not connected');
  await eventually(() => right.person('John'), 'John | Offline');
  await left.button('Connect').click();
  await eventually(() => right.person('John'), 'John | Online');
});

testPage('time passes: friends become idle, and what is next can be reached', async ({ page, left }) => {
  await advance(page, '10 min');
  await eventually(() => left.person('Mary Kowalska'), 'Mary Kowalska | Idle | in a match 2/4');
  await eventually(() => left.text('.own-state'), 'Idle');
  await fill(page, 'mary', 'Be active', { session: 'console' });
  await eventually(() => left.person('Mary Kowalska'), 'Mary Kowalska | Online | in a match 2/4');
  assert.match(await left.root.locator('[data-id=mary] .active').innerText(), /^active just now$/);
  await advance(page, '1 min');
  await eventually(() => left.root.locator('[data-id=mary] .active').innerText(), 'active 1 minute ago');
  const before = (await left.events()).length;
  const clock = page.locator('.clock');
  const shown = await clock.innerText();
  await fill(page, 'omar', 'Fall silent');
  await page.getByRole('button', { name: 'Next change' }).click();
  await eventually(() => left.person('Omar'), 'Omar | Offline |  | One more round');
  assert.equal((await left.events()).length, before + 1);
  assert.notEqual(await clock.innerText(), shown);
});

testPage('the clock runs, and stops', async ({ page }) => {
  const clock = page.locator('.clock');
  const shown = await clock.innerText();
  await page.getByRole('button', { name: 'Run' }).click();
  await until(async () => (await clock.innerText()) !== shown, 'the clock has moved');
  await page.getByRole('button', { name: 'Stop' }).click();
});

testPage('each kind of event, by hand', async ({ page, left, right }) => {
  await advance(page, '10 s');
  await fill(page, 'noor', 'Connect', { session: 'phone' });
  await eventually(() => left.people().then((all) => all[0]), 'نور | Online');
  await fill(page, 'noor', 'Choose an availability', { availability: 'busy' });
  await eventually(() => left.person('نور'), 'نور | Busy');
  await fill(page, 'noor', 'Choose an availability', { availability: '' });
  await eventually(() => left.person('نور'), 'نور | Online');
  await fill(page, 'noor', 'Set the activity', { session: 'phone', match: '1/2' });
  await eventually(() => left.person('نور'), 'نور | Online | in a match 1/2');
  await fill(page, 'noor', 'Set the status', { text: 'Hello' });
  await eventually(() => left.person('نور'), 'نور | Online | in a match 1/2 | Hello');
  await fill(page, 'noor', 'Become invisible');
  await eventually(() => left.person('نور'), 'نور | Offline |  | Hello');
  await fill(page, 'noor', 'Become visible');
  await eventually(() => left.person('نور'), 'نور | Online | in a match 1/2 | Hello');
  await fill(page, 'noor', 'Set the name', { text: 'Noor' });
  await eventually(() => left.person('Noor'), 'Noor | Online | in a match 1/2 | Hello');
  await eventually(() => left.latest(), 'Noor was نور');
  await fill(page, 'noor', 'Disconnect', { session: 'phone' });
  await eventually(() => left.person('Noor'), 'Noor | Offline |  | Hello');
  const before = (await right.events()).length;
  await fill(page, 'noor', 'Connect invisible', { session: 'phone' });
  await eventually(() => page.locator('.answer').innerText(), 'applied');
  assert.equal((await right.events()).length, before);
  await advance(page, '10 s');
  await fill(page, 'noor', 'Remove the user');
  await eventually(() => left.person('Noor'), undefined);
  assert.equal((await left.people()).length, 6);
  await advance(page, '10 s');
  await fill(page, 'zoe', 'Connect', { session: 'tv' });
  await eventually(() => right.people().then((all) => all[0]), 'zoe | Online');
});

testPage('bad input gets a clear answer and changes nothing', async ({ page, left }) => {
  const before = await left.people();
  const now = await page.locator('.clock').innerText();
  await play(page, '{"type":"connect","user":7}', 'expected a string (wrong_type at byte 25).');
  await play(page, '{"type":"dance","user":"mary"}', 'unknown type of event (unknown_type at byte 8).');
  await play(page, '{"type":"connect"', / \(truncated at byte 17\)\.$/);
  await play(page, '[1]', / \(wrong_type at byte 0\)\.$/);
  await play(page, '', / \(truncated at byte 0\)\.$/);
  await play(page, '{"type":"status","user":"mary","status":"x","at":"2100-01-01T00:00:00Z"}', 'too_early');
  await play(page, '{"type":"status","user":"mary","status":"x","at":"2000-01-01T00:00:00Z"}', 'too_late');
  await play(page, '{"type":"connect","user":"","session":"s"}', 'invalid');
  await play(page, JSON.stringify({ type: 'status', user: 'mary', status: 'x'.repeat(2000) }), 'over_limit');
  await play(page, JSON.stringify({ type: 'data', user: 'mary', name: 'online', value: true }), 'invalid');
  assert.deepEqual(await left.people(), before);
  assert.equal(await page.locator('.clock').innerText(), now);
});
