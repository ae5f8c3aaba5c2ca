// SPDX-License-Identifier: MIT
// What the service has beyond the SDK: POST /presence for availability and activity, and the timeline.
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import {
  API_KEY,
  Service,
  atEnd,
  connect,
  connectObserver,
  devToken,
  disconnect,
  newServerClient,
  request,
  settled,
} from './helpers.mjs';

let service;
let john;
let jack;

before(async () => {
  service = await Service.start('--session-timeout', 3000);
  john = await connect(service, { id: 'john', name: 'John' });
  jack = await connectObserver(service, 'jack', ['john', 'mary']);
});
atEnd(async () => {
  await disconnect(john, jack);
  await service?.stop();
});

const post = (client, body, token = devToken(client.userID)) =>
  request(
    service,
    'POST',
    `/presence?connection_id=${client.wsConnection.connectionID}&user_id=${client.userID}&api_key=${API_KEY}`,
    { token, body },
  );
async function applied(client, body) {
  const answer = await post(client, body);
  assert(answer.status === 200 || answer.status === 201, answer.text);
  assert.deepEqual(
    answer.json.verdicts,
    (Array.isArray(body) ? body : [body]).map(() => 'applied'),
  );
}
const timeline = async (user) => {
  const answer = await request(service, 'GET', `/presence/timeline?user_id=${user}&api_key=${API_KEY}`, {
    token: devToken(user),
  });
  assert.equal(answer.status, 200, answer.text);
  return answer.json;
};

test('an update of availability and activity is a change for others', async () => {
  await applied(john, { type: 'update', availability: 'away', activity: { match: '2/4', map: 'dust' } });
  const away = await jack.log.presence('john', (event) => event.user.availability === 'away');
  assert.equal(away.user.online, true);
  assert.deepEqual(away.user.activity, { match: '2/4', map: 'dust' });
  const { users } = await jack.queryUsers({ id: 'john', 'activity.match': '2/4', availability: 'away' });
  assert.equal(users.length, 1);
  await applied(john, { type: 'update', availability: 'available', activity: {} });
  const back = await jack.log.presence(
    'john',
    (event) => !event.user.availability || event.user.availability === 'available',
  );
  assert(!back.user.activity || Object.keys(back.user.activity).length === 0);
});

test('the choice of the user decides over the session, until it is taken back', async () => {
  await applied(john, { type: 'availability', availability: 'busy' });
  await jack.log.presence('john', (event) => event.user.availability === 'busy');
  await applied(john, { type: 'availability', availability: null });
  await jack.log.presence('john', (event) => event.user.availability !== 'busy');
});

test('a choice with an end ends by itself', async () => {
  await applied(john, { type: 'availability', availability: 'busy', until: new Date(Date.now() + 700).toISOString() });
  await jack.log.presence('john', (event) => event.user.availability === 'busy');
  await jack.log.presence('john', (event) => event.user.availability !== 'busy', 3000);
});

test('a status, a visibility and a heartbeat', async () => {
  await applied(john, { type: 'status', status: 'Lunch' });
  await jack.log.presence('john', (event) => event.user.status === 'Lunch');
  await applied(john, { type: 'visible', invisible: true });
  await jack.log.offline('john');
  await applied(john, { type: 'visible', invisible: false });
  await jack.log.online('john');
  const heartbeat = await post(john, { type: 'heartbeat' });
  assert.equal(heartbeat.json.verdicts.length, 1);
});

test('availability and activity of an invisible user are not seen', async () => {
  await applied(john, { type: 'visible', invisible: true });
  await jack.log.offline('john');
  await settled(jack);
  jack.log.clear();
  await applied(john, { type: 'update', availability: 'busy', activity: { match: '4/4' } });
  await settled(jack);
  assert.deepEqual(jack.log.presences('john'), []);
  assert.deepEqual((await jack.queryUsers({ 'activity.match': '4/4' })).users, []);
  await applied(john, { type: 'update', availability: 'available', activity: {} });
  await applied(john, { type: 'visible', invisible: false });
  await jack.log.online('john');
});

test('the user, the session and the time of an event are those of the service', async () => {
  const answer = await post(john, {
    type: 'status',
    user: 'mary',
    session: 'x',
    at: '2001-01-01T00:00:00Z',
    status: 'Stolen',
  });
  const { users } = await jack.queryUsers({ id: 'mary' });
  assert(users.length === 0 || users[0].status !== 'Stolen', `mary has a status by john: ${answer.text}`);
  await settled(jack);
  assert.deepEqual(jack.log.presences('mary'), []);
});

test('the server side sends events of any user', async () => {
  const { token } = newServerClient(service).tokenManager;
  const answer = await request(service, 'POST', `/presence?api_key=${API_KEY}`, {
    token,
    body: { type: 'status', user: 'mary', status: 'By the server' },
  });
  assert.equal(answer.json.verdicts?.[0], 'applied', answer.text);
  await jack.log.presence('mary', (event) => event.user.status === 'By the server');
});

for (const [name, body] of Object.entries({
  'an unknown type': { type: 'dance' },
  'an event without a type': { status: 'x' },
  'an unknown availability': { type: 'availability', availability: 'asleep' },
  'an activity that is no object': { type: 'update', activity: 'chess' },
  'a number': 7,
  null: null,
  'a list of numbers': [1],
})) {
  test(`rejects ${name}`, async () => {
    const answer = await post(john, body);
    assert.equal(answer.status, 400, answer.text);
    assert.equal(answer.json.code, 4);
    assert.notEqual(answer.json.message, '');
  });
}
test('rejects an activity that is too large', async () => {
  const answer = await post(john, { type: 'update', activity: { a: 'x'.repeat(3000) } });
  assert(answer.status === 400 || answer.json.verdicts[0] !== 'applied', answer.text);
});

test('the timeline has spans of what others saw, and the own user as they are', async () => {
  await applied(john, { type: 'visible', invisible: true });
  await jack.log.offline('john');
  const others = await timeline('jack');
  assert(Math.abs(Date.parse(others.now) - Date.now()) < 5000);
  assert(Date.parse(others.now) - Date.parse(others.from) <= 3_600_000);
  const seen = others.users.find((one) => one.id === 'john').spans;
  assert(seen.some((span) => span.state === 'busy'));
  // Times offline may be left out.
  const last = seen.at(-1);
  assert(last.state === 'offline' || Date.parse(last.to) < Date.parse(others.now), 'john is offline now');
  for (const [i, span] of seen.entries()) {
    assert(Date.parse(span.from) <= Date.parse(span.to));
    if (i > 0) assert(Date.parse(seen[i - 1].to) <= Date.parse(span.from), 'spans do not overlap');
  }
  const own = await timeline('john');
  const now = own.users.find((one) => one.id === 'john').spans.at(-1);
  assert(now.state !== 'offline' && Date.parse(now.to) >= Date.parse(own.now), 'john sees himself online');
  await applied(john, { type: 'visible', invisible: false });
  await jack.log.online('john');
});

test('a page is served with its type, its own policy and a check for changes', async () => {
  const page = await request(service, 'GET', '/');
  assert.equal(page.status, 200);
  assert.match(page.headers.get('content-type'), /^text\/html/);
  assert.match(page.headers.get('content-security-policy'), /default-src 'self'/);
  assert(page.headers.get('etag') || /no-cache|no-store/.test(page.headers.get('cache-control') ?? ''));
  const references = [...page.text.matchAll(/(?:src|href)="([^":]+)"/g)].map((match) => match[1]);
  assert(references.length > 0);
  for (const path of references.filter((one) => !one.startsWith('#'))) {
    const file = await request(service, 'GET', path.startsWith('/') ? path : `/${path}`);
    assert.equal(file.status, 200, path);
    const type = { js: /javascript/, css: /^text\/css/, svg: /^image\/svg/ }[path.split('.').at(-1)];
    if (type) assert.match(file.headers.get('content-type'), type);
  }
});
