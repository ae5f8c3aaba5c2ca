// SPDX-License-Identifier: MIT
// Who may connect and call: signed tokens with --secret, and what a connect without a valid token ends with.
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { before, test } from 'node:test';
import {
  API_KEY,
  PATIENCE_MS,
  RawClient,
  Service,
  atEnd,
  connectPath,
  devToken,
  disconnect,
  failure,
  newClient,
  newServerClient,
  request,
  within,
} from './helpers.mjs';

const SECRET = 'a secret of the tests';
let service;
let server;

before(async () => {
  service = await Service.start('--secret', SECRET);
  server = newServerClient(service, SECRET);
  await server.upsertUsers([{ id: 'john' }, { id: 'jack', name: 'Jack' }]);
});
atEnd(() => service?.stop());

const encode = (value) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');
const seconds = () => Math.floor(Date.now() / 1000);
/** A token with any header and payload, signed by the secret. */
function sign(payload, { header = { alg: 'HS256', typ: 'JWT' }, secret = SECRET, hash = 'sha256' } = {}) {
  const text = `${encode(header)}.${encode(payload)}`;
  return `${text}.${createHmac(hash, secret).update(text).digest('base64url')}`;
}

/** The error that connecting ends with. */
async function connectError(user, token) {
  const client = newClient(service);
  const began = Date.now();
  const error = await within(
    PATIENCE_MS,
    'a connect to be rejected',
    failure(client.connectUser({ id: user }, token), 'a connect'),
  );
  assert(Date.now() - began < 12_000, 'it is rejected at once, not retried');
  await disconnect(client);
  return JSON.parse(error.message);
}

test('a token signed by the secret is accepted', async () => {
  const client = newClient(service);
  await client.connectUser({ id: 'john' }, server.createToken('john'));
  assert.equal((await client.queryUsers({ id: 'john' })).users[0].online, true);
  await disconnect(client);
  for (const payload of [
    { user_id: 'john', exp: seconds() + 60, iat: seconds(), nbf: seconds() - 5 },
    { user_id: 'john', extra: [1, { a: 2 }] },
  ]) {
    const other = newClient(service);
    await other.connectUser({ id: 'john' }, sign(payload));
    await disconnect(other);
  }
});

const bad = {
  'a token for development': [() => devToken('john'), 43],
  'a token signed by another secret': [() => sign({ user_id: 'john' }, { secret: 'wrong' }), 43],
  'a token without a signature': [() => sign({ user_id: 'john' }).replace(/[^.]*$/, ''), 43],
  'a token whose payload was changed': [
    () => {
      const [head, , signature] = sign({ user_id: 'jack' }).split('.');
      return `${head}.${encode({ user_id: 'john' })}.${signature}`;
    },
    43,
  ],
  'a token of the algorithm "none"': [() => `${encode({ alg: 'none' })}.${encode({ user_id: 'john' })}.`, undefined],
  'a token of another algorithm': [
    () => sign({ user_id: 'john' }, { header: { alg: 'HS512', typ: 'JWT' }, hash: 'sha512' }),
    undefined,
  ],
  'a token that has expired': [() => sign({ user_id: 'john', exp: seconds() - 10 }), 40],
  'a token that is not valid yet': [() => sign({ user_id: 'john', nbf: seconds() + 600 }), 41],
};
for (const [name, [token, code]] of Object.entries(bad)) {
  test(`rejects ${name}, at the socket and for a call`, async () => {
    const error = await connectError('john', token());
    assert.equal(error.isWSFailure, false);
    assert.equal(error.StatusCode, 401);
    assert(code === undefined ? error.code > 0 : error.code === code, `the code is ${error.code}`);
    assert.notEqual(error.message, '');
    const answer = await request(
      service,
      'GET',
      `/users?payload={"filter_conditions":{}}&api_key=${API_KEY}&user_id=john`,
      { token: token() },
    );
    assert.equal(answer.status, 401);
    assert.equal(answer.json.code, error.code);
    assert.equal(answer.json.StatusCode, 401);
    assert.equal((await server.queryUsers({ id: 'john', online: true })).users.length, 0);
  });
}

for (const [name, token] of Object.entries({
  'no token': undefined,
  'the text of an absent token': 'undefined',
  text: 'abc',
  'three dots': '...',
  'a payload that is no object': `${encode({ alg: 'HS256' })}.${encode('[1]')}.x`,
  'letters outside of the alphabet': 'ä.ö.ü'.normalize('NFD').replace(/[^\x20-\x7e]/g, '*'),
  'a huge token': `a.${'b'.repeat(6000)}.c`,
})) {
  test(`rejects ${name} instead of a token`, async () => {
    const path = `/users?payload={"filter_conditions":{}}&api_key=${API_KEY}`;
    const answer = await request(service, 'GET', path, { token });
    assert.equal(answer.status, 401, answer.text);
    assert.equal(typeof answer.json.code, 'number');
    const raw = RawClient.open(service, 'john', { token: token ?? '' });
    const frame = await raw.log.next(() => true, 'an error at the socket');
    assert.equal(frame.error.StatusCode, 401);
    await within(PATIENCE_MS, 'the socket to be closed', raw.closed);
  });
}

test('a user connects only as the user of the token', async () => {
  const raw = RawClient.open(service, 'jack', { token: server.createToken('john') });
  const frame = await raw.log.next(() => true, 'an error at the socket');
  assert.equal(typeof frame.error.code, 'number');
  await within(PATIENCE_MS, 'the socket to be closed', raw.closed);
  assert.deepEqual((await server.queryUsers({ online: true })).users, []);
});

test('a user cannot act by naming another user in the query', async () => {
  const path = `/users?user_id=jack&api_key=${API_KEY}`;
  const answer = await request(service, 'POST', path, {
    token: server.createToken('john'),
    body: { users: { jack: { id: 'jack', name: 'X' } } },
  });
  assert.equal(answer.status, 403, answer.text);
  assert.equal((await server.queryUsers({ id: 'jack' })).users[0].name, 'Jack');
});

test('a token of one user cannot watch for the connection of another', async () => {
  const jack = await RawClient.connect(service, 'jack', { token: server.createToken('jack') });
  const { connection_id } = jack.hello;
  const path = `/channels/messaging/private/query?connection_id=${connection_id}&api_key=${API_KEY}&user_id=john`;
  const answer = await request(service, 'POST', path, {
    token: server.createToken('john'),
    body: { watch: true, state: true },
  });
  assert(answer.status >= 400 && answer.status < 500, `${answer.status} ${answer.text}`);
  await jack.close();
});

test('an expired token is replaced by that of the provider', async () => {
  let calls = 0;
  const client = newClient(service);
  await within(
    PATIENCE_MS,
    'a connect with a provider',
    client.connectUser({ id: 'john' }, async () =>
      ++calls === 1 ? sign({ user_id: 'john', exp: seconds() - 5 }) : server.createToken('john'),
    ),
  );
  assert.equal(calls, 2);
  assert.equal((await server.queryUsers({ id: 'john' })).users[0].online, true);
  await disconnect(client);
});

test('the secret is not told', async () => {
  const told = [connectPath('john'), '/', '/users', '/none'];
  for (const path of told) assert(!(await request(service, 'GET', path)).text.includes(SECRET));
  assert(!service.errors.join('\n').includes(SECRET));
});
