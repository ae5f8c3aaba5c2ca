// SPDX-License-Identifier: MIT
// What hostile clients send, or do not send. After each, the service runs, and a follower is notified as promptly as
// before.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { after, afterEach, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import {
  API_KEY,
  PATIENCE_MS,
  Log,
  RawClient,
  Service,
  apiError,
  atEnd,
  connectObserver,
  connectPath,
  devToken,
  disconnect,
  forEachOf,
  newServerClient,
  pause,
  request,
  settled,
  until,
  within,
} from './helpers.mjs';
import { Tcp, frame, handshake } from './raw.mjs';

const PROMPT_MS = 2500; // on a slow machine; a tenth of it is usual
const MB = 1024 * 1024;
const IDLE_SOCKETS = 10_000;

let service;
let server;
let observer;
let pid;

/** Others are notified as usual, by the same process. */
async function othersAreServed() {
  assert(service.isRunning, `the service has ended: ${service.errors.slice(-5).join('\n')}`);
  assert.equal(service.process.pid, pid);
  await settled(observer, PROMPT_MS);
  assert.equal(observer.wsConnection.totalFailures, 0, 'the follower was never disconnected');
}

before(async () => {
  service = await Service.start('--request-timeout', 1500, '--close-timeout', 300, '--session-timeout', 8000);
  pid = service.process.pid;
  server = newServerClient(service);
  observer = await connectObserver(service, 'observer', []);
});
afterEach(othersAreServed);
atEnd(async () => {
  await disconnect(observer);
  assert.equal(await service.stop(), 0, service.errors.slice(-5).join('\n'));
  const reports = service.errors.filter((line) => /Sanitizer|runtime error|terminate called|Assert/i.test(line));
  assert.deepEqual(reports, []);
});

let users = 0;
const raw = () => Tcp.upgrade(service, connectPath(`hostile-${++users}`));

describe('frames', () => {
  const violations = {
    'a frame without a mask': [frame(1, '[]', { masked: false }), [1002]],
    'reserved bits': [frame(1, '[]', { reserved: 4 }), [1002]],
    'a reserved opcode': [frame(3, 'x'), [1002]],
    'a reserved opcode of a control frame': [frame(11, 'x'), [1002]],
    'a control frame in fragments': [frame(9, 'x', { fin: false }), [1002]],
    'a ping that is too long': [frame(9, 'x'.repeat(126)), [1002]],
    'a continuation of nothing': [frame(0, 'x'), [1002]],
    'a message inside another message': [Buffer.concat([frame(1, '[', { fin: false }), frame(1, ']')]), [1002]],
    'a text that is not UTF-8': [frame(1, Buffer.from([0x5b, 0xff, 0x5d])), [1007]],
    'a length of 2^62': [frame(1, '[]', { length: 2 ** 62 }), [1002, 1009]],
    'a length of 2^63': [Buffer.from([0x81, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4]), [1002, 1009]],
    'a length in more bytes than it needs': [
      Buffer.concat([Buffer.from([0x81, 0xfe, 0, 2, 0, 0, 0, 0]), Buffer.from('[]')]),
      [1002],
    ],
    'a close frame of one byte': [frame(8, 'x'), [1002]],
    'a close frame with a reserved code': [frame(8, Buffer.from([0x03, 0xed])), [1002]],
    'a close frame whose reason is not UTF-8': [frame(8, Buffer.from([0x03, 0xe8, 0xff])), [1002, 1007]],
    'a message of 1 MB': [frame(1, `["${'x'.repeat(MB)}"]`), [1009]],
    'a message of 1 MB in small fragments': [
      Buffer.concat([
        frame(1, '["', { fin: false }),
        ...Array.from({ length: 1024 }, () => frame(0, 'x'.repeat(1024), { fin: false })),
      ]),
      [1009],
    ],
  };
  for (const [name, [bytes, codes]] of Object.entries(violations)) {
    test(`${name} ends the connection`, async () => {
      const socket = await raw();
      socket.write(bytes);
      await socket.closed(name);
      if (socket.closeCode !== undefined) assert(codes.includes(socket.closeCode), `closed with ${socket.closeCode}`);
    });
  }

  test('binary frames are not taken for messages', async () => {
    const socket = await raw();
    socket.write(frame(2, '[{"type":"health.check","client_id":"x"}]'));
    socket.write(frame(2, Buffer.alloc(4096, 0xff)));
    socket.write(frame(9, 'still there'));
    await until(() => socket.isClosed || socket.frames.some((one) => one.opcode === 10), 'closed, or a pong');
    assert(!socket.frames.some((one) => one.opcode === 1), 'a binary frame was answered as a health check');
    if (socket.closeCode !== undefined)
      assert([1003, 1007, 1008].includes(socket.closeCode), `closed with ${socket.closeCode}`);
    socket.destroy();
  });

  test('texts that are no messages of the SDK do no harm', async () => {
    const texts = [
      '',
      ' ',
      'hello',
      '[',
      '{}',
      '[]',
      '[[]]',
      'null',
      '7',
      '"x"',
      '[{"type":7}]',
      '[{"type":null}]',
      '{"type":"health.check"}',
      '[{}]',
      '[{"type":"health.check","client_id":{"a":[1]}}]',
      `[{"type":"health.check","client_id":"${'x'.repeat(5000)}"}]`,
      '['.repeat(30_000),
      '{"a":'.repeat(10_000),
      '[1e999]',
      '["\\ud800"]',
      '[{"type":"user.presence.changed","user":{"id":"observer","online":false}}]',
    ];
    await forEachOf(texts, 4, async (text) => {
      const socket = await raw();
      socket.write(frame(1, text));
      socket.write(frame(9, 'ping'));
      await until(
        () => socket.isClosed || socket.frames.some((one) => one.opcode === 10),
        `closed or a pong after ${text.slice(0, 40)}`,
      );
      socket.destroy();
    });
    assert.equal((await server.queryUsers({ id: 'observer' })).users[0].online, true);
  });

  test('a message in fragments with pings between them is one message', async () => {
    const socket = await raw();
    const text = '[{"type":"health.check","client_id":"x"}]';
    socket.write(
      Buffer.concat([
        frame(1, text.slice(0, 9), { fin: false }),
        frame(9, 'between'),
        frame(0, ''.padEnd(0), { fin: false }),
        frame(0, text.slice(9)),
      ]),
    );
    await socket.until(
      (received) => received.includes('between') && received.includes('health.check'),
      'a pong and a health check',
    );
    socket.destroy();
  });

  test('bytes that arrive one at a time are a message', async () => {
    const socket = await raw();
    socket.socket.setNoDelay(true);
    for (const byte of frame(1, '[{"type":"health.check","client_id":"x"}]')) {
      socket.write(Buffer.from([byte]));
      await pause(1);
    }
    await socket.until((received) => received.includes('health.check'), 'a health check');
    socket.destroy();
  });

  test('frames behind a close frame are not read', async () => {
    const socket = await raw();
    socket.write(
      Buffer.concat([
        frame(8, Buffer.from([0x03, 0xe8])),
        frame(1, '[{"type":"health.check","client_id":"x"}]'),
        Buffer.alloc(100_000, 0x81),
      ]),
    );
    await socket.closed('after a close frame');
    assert(!socket.frames.some((one) => one.opcode === 1));
  });
});

describe('floods', () => {
  const floods = {
    'of pings': () => frame(9, 'x'),
    'of health checks': () => frame(1, '[{"type":"health.check","client_id":"x"}]'),
    'of empty messages': () => frame(1, ''),
    'of empty fragments': (i) => frame(i === 0 ? 1 : 0, '', { fin: false }),
    'of pongs': () => frame(10, 'x'),
  };
  for (const [name, make] of Object.entries(floods)) {
    test(`a flood ${name} does not delay others or use memory`, async () => {
      const socket = await raw();
      const { resident } = service;
      const first = make(0);
      const more = make(1);
      const block = Buffer.concat(Array.from({ length: 5000 }, () => more));
      socket.write(first);
      socket.socket.pause(); // what is sent back is not read
      for (let i = 0; i < 40 && !socket.isClosed && !socket.error; ++i) {
        socket.write(block);
        if (i % 10 === 0) await settled(observer, PROMPT_MS);
      }
      await settled(observer, PROMPT_MS);
      assert(service.resident - resident < 32 * MB, `the memory grew by ${(service.resident - resident) / MB} MB`);
      socket.destroy();
    });
  }

  test('a slow reader is disconnected, and what waits for it is bounded', async () => {
    const COUNT = 100;
    const ids = Array.from({ length: COUNT }, (_, i) => `loud-${i}`);
    const update = (round) => server.upsertUsers(ids.map((id) => ({ id, text: `${round}${'x'.repeat(3000)}` })));
    await update(0);
    const slow = await RawClient.connect(service, 'slow');
    await slow.follow(ids);
    slow.socket._socket.pause();
    const { resident } = service;
    const reason = () => service.errors.find((line) => /slow/.test(line));
    let most = 0;
    for (let round = 1; round < 150 && !reason(); ++round) {
      await update(round);
      most = Math.max(most, service.resident - resident);
      if (round % 20 === 0) await settled(observer, PROMPT_MS);
    }
    assert(reason(), 'a line of the log says that a reader was too slow');
    assert(most < 48 * MB, `the memory grew by ${most / MB} MB`);
    assert.equal(service.errors.filter((line) => /slow/.test(line)).length, 1);
    slow.socket._socket.resume();
    const { code } = await within(PATIENCE_MS, 'the slow reader to be disconnected', slow.closed);
    assert([1006, 1008, 1013].includes(code), `closed with ${code}`);
    const offline = async () => (await server.queryUsers({ id: 'slow', online: false })).users.length === 1;
    await until(offline, 'the slow reader is offline', 60_000);
  });

  test('who asks without reading the answers is disconnected or waits', async () => {
    const { resident } = service;
    const sockets = await Promise.all(Array.from({ length: 20 }, () => Tcp.open(service)));
    const payload = encodeURIComponent('{"filter_conditions":{},"limit":100}');
    const headers = `Host: a\r\nAuthorization: ${devToken('observer')}\r\n`;
    const asking = `GET /users?payload=${payload}&api_key=key HTTP/1.1\r\n${headers}\r\n`;
    for (const socket of sockets) {
      socket.socket.pause();
      for (let i = 0; i < 20; ++i) socket.write(asking.repeat(50));
    }
    await settled(observer, PROMPT_MS);
    await settled(observer, PROMPT_MS);
    assert(service.resident - resident < 48 * MB, `the memory grew by ${(service.resident - resident) / MB} MB`);
    for (const socket of sockets) socket.destroy();
  });

  test('connections that begin and break off', async () => {
    await forEachOf([...Array(600).keys()], 50, async (i) => {
      const socket = await Tcp.open(service);
      const text = handshake(connectPath(`broken-${i}`));
      socket.write(text.slice(0, Math.floor((text.length * (i % 60)) / 50)));
      if (i % 3 === 0) await pause(2);
      if (i % 2 === 0) socket.socket.resetAndDestroy();
      else socket.destroy();
    });
    await until(
      async () => {
        const { users } = await server.queryUsers({ id: { $autocomplete: 'broken' }, online: true });
        return users.length === 0;
      },
      'nobody is online of those who broke off',
      60_000,
    );
  });
});

describe('HTTP', () => {
  /** Sends bytes. Returns the status of the answer, or 0 if the connection is closed without one. */
  async function answerTo(name, bytes, ms = PATIENCE_MS) {
    const socket = await Tcp.open(service);
    socket.write(bytes);
    await until(() => socket.isClosed || socket.received.includes('\r\n'), `an answer to ${name}, or the end`, ms);
    const status = socket.received.length === 0 ? 0 : await socket.status(name);
    const text = socket.received.toString('latin1');
    socket.destroy();
    return { status, text };
  }
  const get = (path, headers = '') => `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\n${headers}\r\n`;
  const post = (headers, body = '') =>
    `POST /users HTTP/1.1\r\nHost: a\r\nAuthorization: ${devToken('observer')}\r\n` +
    `Content-Type: application/json\r\n${headers}\r\n${body}`;

  const malformed = {
    'bytes that are no request': Buffer.from(Array.from({ length: 300 }, (_, i) => (i * 37) & 255)),
    'an old request': 'GET /\r\n\r\n',
    'another protocol': 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
    'a TLS hello': Buffer.from('16030100c8010000c40303', 'hex'),
    'a line without a colon': 'GET / HTTP/1.1\r\nHost: a\r\nnocolon\r\n\r\n',
    'a space before the colon': 'GET / HTTP/1.1\r\nHost: a\r\nA b : c\r\n\r\n',
    'a NUL in the path': 'GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n',
    'a negative length': post('Content-Length: -1\r\n', '{}'),
    'a length that is no number': post('Content-Length: 0x10\r\n', '{}'),
    'a length beyond 64 bits': post('Content-Length: 99999999999999999999999\r\n', '{}'),
    'two lengths': post('Content-Length: 2\r\nContent-Length: 5\r\n', '{}   '),
    'a length and chunks': post('Content-Length: 2\r\nTransfer-Encoding: chunked\r\n', '0\r\n\r\n'),
    'a chunk of no size': post('Transfer-Encoding: chunked\r\n', 'zz\r\n{}\r\n0\r\n\r\n'),
    'a chunk that is too long': post('Transfer-Encoding: chunked\r\n', 'ffffffffffffffff\r\n{}\r\n0\r\n\r\n'),
    'a transfer coding that is unknown': post('Transfer-Encoding: gzip\r\n', '{}'),
    'a header of 1 MB': get('/', `A: ${'x'.repeat(MB)}\r\n`),
    '100,000 headers': get('/', 'A: b\r\n'.repeat(100_000)),
    'a path of 1 MB': get(`/${'x'.repeat(MB)}`),
    'a body of 1 GB': post(`Content-Length: ${1024 * MB}\r\n`, '{"users":'),
    'a body of 16 MB in chunks': post(
      'Transfer-Encoding: chunked\r\n',
      `${`10000\r\n${'x'.repeat(65_536)}\r\n`.repeat(256)}0\r\n\r\n`,
    ),
  };
  for (const [name, bytes] of Object.entries(malformed)) {
    test(`${name}: an error of HTTP, or the end`, async () => {
      const { resident } = service;
      const { status } = await answerTo(name, bytes);
      assert(
        status === 0 || (status >= 400 && status < 500) || status === 501 || status === 505,
        `the status is ${status}`,
      );
      assert(service.resident - resident < 8 * MB);
    });
  }

  const sizes = { 'a header of 1 MB': [431, 413, 400, 414], 'a body of 1 GB': [413] };
  for (const [name, statuses] of Object.entries(sizes)) {
    test(`${name} is named by the status`, async () => {
      const { status } = await answerTo(name, malformed[name]);
      assert(status === 0 || statuses.includes(status), `the status is ${status}`);
    });
  }

  for (const method of ['TRACE', 'CONNECT', 'OPTIONS', 'HEAD', 'PUT', 'PROPFIND', 'FOO', 'get', 'X'.repeat(500)]) {
    test(`the method ${method.slice(0, 20)} gets an answer`, async () => {
      const { status } = await answerTo(
        method,
        `${method} /users HTTP/1.1\r\nHost: a\r\nAuthorization: ${devToken('observer')}\r\nConnection: close\r\n\r\n`,
      );
      assert(status === 0 || (status >= 200 && status < 500) || status === 501, `the status is ${status}`);
      if (method === 'TRACE') assert(status >= 400 || status === 0);
    });
  }

  const paths = [
    '/../../../../etc/passwd',
    '/..%2f..%2f..%2f..%2fetc%2fpasswd',
    '/%2e%2e/%2e%2e/etc/passwd',
    '//etc/passwd',
    '/etc/passwd',
    '/./index.html',
    '/page/../service.cpp',
    '/..',
    '/%00',
    '/index.html%00.css',
    '/index.html/',
    '/index.html/..',
    '/.git/config',
    '/app.js%20',
    '/\\..\\..\\etc\\passwd',
    '/%c0%ae%c0%ae/etc/passwd',
    '/%',
    '/%2',
    '/%zz',
    '/%ff%fe',
    '/?',
    '/?%',
    '/?a=%zz&&==&',
    '/users?payload=%zz',
    '*',
    'http://127.0.0.1/',
    'http://[::1',
    '/ü',
    `/${'a/'.repeat(3000)}`,
    '/users/',
    '/users//',
    '/channels/a',
    '/channels/a/b/c/d',
    '/channels//query',
    '/channels/%2f/%2f/query',
    '/connect',
    '/connect?json={',
    '/presence/timeline',
    '/favicon.ico',
    '/robots.txt',
  ];
  test('paths lead nowhere else', async () => {
    for (const path of paths) {
      const { status, text } = await answerTo(path, get(path, 'Connection: close\r\n'));
      assert(!/root:|\[core\]|#include/.test(text), `${path} shows a file`);
      assert(
        status === 0 || status === 200 || status === 304 || (status >= 400 && status < 500),
        `${path}: the status is ${status}`,
      );
    }
  });

  test('what is in a path is not in the page of the error as HTML', async () => {
    const { text } = await answerTo(
      'a path with HTML',
      get('/%3Cscript%3Ealert(1)%3C/script%3E', 'Connection: close\r\n'),
    );
    assert(!/content-type: text\/html/i.test(text) || !text.includes('<script>alert'));
  });

  test('200 requests at once on one connection are answered in order', async () => {
    const socket = await Tcp.open(service);
    const all = Array.from(
      { length: 200 },
      (_, i) => `GET /none-${i} HTTP/1.1\r\nHost: a\r\nAuthorization: ${devToken('observer')}\r\n\r\n`,
    );
    socket.write(all.join(''));
    const text = await socket.until((received) => received.split('HTTP/1.1 404').length === 201, '200 answers');
    assert.equal(text.split('HTTP/1.1 ').length, 201);
    socket.destroy();
  });

  test('a client that closes its side after the request gets the answer', async () => {
    const socket = await Tcp.open(service);
    socket.socket.end(get('/none', `Authorization: ${devToken('observer')}\r\n`));
    assert.equal(await socket.status('a request with a half-closed connection'), 404);
    socket.destroy();
  });

  test('Expect: 100-continue is followed by the answer', async () => {
    const socket = await Tcp.open(service);
    const body = '{"users":{}}';
    socket.write(post(`Content-Length: ${body.length}\r\nExpect: 100-continue\r\nConnection: close\r\n`));
    await Promise.race([pause(200), socket.until((text) => text.includes('100'), 'a go-ahead', 400).catch(() => {})]);
    socket.write(body);
    await socket.until(
      (text) => /HTTP\/1\.1 [2345]\d\d/.test(text.replace(/^HTTP\/1\.1 100[^]*?\r\n\r\n/, '')),
      'the answer',
    );
    socket.destroy();
  });

  test('requests that never end are cut off', async () => {
    const beginnings = [
      '',
      'G',
      'GET / HTTP/1.1\r\n',
      'GET / HTTP/1.1\r\nHost: a\r\nA: b',
      handshake(connectPath('half')).slice(0, -2),
      post('Content-Length: 100\r\n', '{"users":'),
      post('Transfer-Encoding: chunked\r\n', '5\r\n{"use'),
    ];
    const sockets = await Promise.all(Array.from({ length: 210 }, () => Tcp.open(service)));
    sockets.forEach((socket, i) => socket.write(beginnings[i % beginnings.length]));
    const slow = await Tcp.open(service);
    const timer = setInterval(() => slow.write('A: b\r\n'), 100);
    slow.write('GET / HTTP/1.1\r\n');
    try {
      await Promise.all(sockets.map((socket) => socket.closed('a request that never ends', 30_000)));
      await slow.closed('a request that never ends, a header at a time', 30_000);
    } finally {
      clearInterval(timer);
    }
  });
});

describe('bodies and queries', () => {
  const token = devToken('observer');
  const valid = {
    'POST /users': {
      users: {
        'body-1': {
          id: 'body-1',
          name: 'N',
          role: 'user',
          status: 's',
          invisible: false,
          image: 'i',
          custom: { a: 1 },
        },
      },
    },
    'PATCH /users': { users: [{ id: 'body-1', set: { name: 'M' }, unset: ['image'] }] },
    'POST /channels': {
      filter_conditions: { members: { $in: ['a'] } },
      sort: [{ field: 'cid', direction: 1 }],
      limit: 5,
      offset: 0,
      watch: false,
      state: true,
      presence: false,
      member_limit: 3,
    },
    'POST /channels/messaging/bodies/query': {
      data: { members: ['observer'], name: 'B', created_by_id: 'observer' },
      watch: false,
      state: true,
      presence: false,
      members: { limit: 3, offset: 0 },
      watchers: { limit: 3, offset: 0 },
      messages: { limit: 3 },
    },
    'POST /channels/messaging/query': { data: { members: ['observer', 'a'] }, state: true },
    'POST /channels/messaging/bodies': { add_members: ['a'], remove_members: ['b'], data: { x: 1 } },
    'PATCH /channels/messaging/bodies': { set: { color: 'red' }, unset: ['size'] },
    'POST /channels/messaging/bodies/stop-watching': {},
    'POST /guest': { user: { id: 'body-guest', name: 'G' } },
    'POST /presence': [
      { type: 'status', user: 'body-1', status: 's' },
      { type: 'update', user: 'body-1', activity: { a: 'b' }, availability: 'away' },
    ],
  };
  const odd = [
    null,
    true,
    -1,
    1.5,
    1e308,
    2 ** 53,
    '',
    'x',
    '\u0000',
    'x'.repeat(5000),
    [],
    {},
    [[[]]],
    [null],
    [{}],
    { $in: [] },
    { a: { b: { c: 1 } } },
  ];

  const send = (route, body, raw) => {
    const [method, path] = route.split(' ');
    return request(service, method, `${path}?api_key=${API_KEY}`, { token: server.tokenManager.token, body, raw });
  };
  function check(answer, what) {
    assert(answer.status < 500, `${what}: ${answer.status} ${answer.text.slice(0, 200)}`);
    assert(answer.json, `${what}: the answer is no JSON: ${answer.text.slice(0, 200)}`);
    if (answer.status >= 400) {
      assert.equal(typeof answer.json.code, 'number', what);
      assert.equal(answer.json.StatusCode, answer.status, what);
      assert(answer.json.message.length > 0 && answer.json.message.length < 2000, what);
    }
  }

  for (const [route, body] of Object.entries(valid)) {
    test(`${route}: a body that is no JSON is an error that says so`, async () => {
      check(await send(route, body), route);
      const bad = [
        '{',
        '[',
        '{"a":}',
        "{'a':1}",
        '{"a":1,}',
        '{"a":1}x',
        'undefined',
        '{"a":01}',
        '{"a":"\n"}',
        Buffer.from([0x7b, 0xff, 0x7d]),
        '\ufeff{',
        '['.repeat(100_000),
        '{"users":'.repeat(20_000),
        `{"a":"${'\\ud800'}`,
        '{"a":NaN}',
        JSON.stringify(body).slice(0, -1),
      ];
      for (const text of bad) {
        const answer = await send(route, text, true);
        check(answer, `${route} ${String(text).slice(0, 40)}`);
        assert.equal(answer.status, 400, `${route} ${String(text).slice(0, 40)}: ${answer.text.slice(0, 200)}`);
        assert.equal(answer.json.code, 4);
      }
    });

    test(`${route}: values of every other type do no harm`, async () => {
      /** The body with the value at each place replaced. */
      function* variants(value) {
        for (const other of odd) yield other;
        if (value === null || typeof value !== 'object') return;
        for (const key of Object.keys(value)) {
          for (const inner of variants(value[key])) {
            const copy = Array.isArray(value) ? [...value] : { ...value };
            copy[key] = inner;
            yield copy;
          }
        }
      }
      await forEachOf([...variants(body)], 4, async (variant) =>
        check(await send(route, variant), `${route} ${JSON.stringify(variant).slice(0, 300)}`),
      );
      // By a user as well, with the same key twice, and with keys of the language.
      const [method, path] = route.split(' ');
      for (const text of [`{"users":1,"users":{}}`, '{"__proto__":{"a":1},"constructor":1}', JSON.stringify(body)]) {
        check(
          await request(service, method, `${path}?api_key=${API_KEY}`, { token, body: text, raw: true }),
          `${route} ${text.slice(0, 100)}`,
        );
      }
    });
  }

  test('queries in the path: values of every other type do no harm', async () => {
    const base = {
      filter_conditions: { id: 'observer' },
      sort: [{ field: 'id', direction: 1 }],
      limit: 3,
      offset: 0,
      presence: false,
      type: 'messaging',
      id: 'bodies',
    };
    for (const path of ['/users', '/members']) {
      for (const key of Object.keys(base)) {
        for (const value of [...odd, { $or: [] }, { id: { $in: [null, {}] } }, { $and: [{ $and: [{ $nor: [] }] }] }]) {
          const payload = encodeURIComponent(JSON.stringify({ ...base, [key]: value }));
          check(
            await request(service, 'GET', `${path}?payload=${payload}&api_key=key`, { token }),
            `${path} ${key} ${JSON.stringify(value)}`,
          );
        }
      }
      for (const payload of ['', '{', '[]', 'null', '%00', '%ff', '['.repeat(3000)]) {
        const answer = await request(service, 'GET', `${path}?payload=${payload}&api_key=key`, { token });
        check(answer, `${path} ${payload}`);
        if (payload !== '') assert.equal(answer.status, 400, `${path} ${payload}`);
      }
    }
  });

  test('filters made to be expensive are answered or rejected promptly', async () => {
    const many = Array.from({ length: 20_000 }, (_, i) => `member-${i}`);
    const filters = {
      'a deep filter': JSON.parse(`${'{"$and":['.repeat(500)}{"id":"a"}${']}'.repeat(500)}`),
      'a wide filter': { $or: Array.from({ length: 20_000 }, (_, i) => ({ name: `x${i}` })) },
      'a long list': { members: { $in: many } },
      'a long word': { name: { $autocomplete: 'a'.repeat(200_000) } },
      'a deep dotted name': { [`a${'.a'.repeat(5000)}`]: 1 },
      'all of these': { $nor: Array.from({ length: 200 }, () => ({ members: { $in: many.slice(0, 50) } })) },
    };
    for (const [name, filter] of Object.entries(filters)) {
      const began = Date.now();
      const answer = await send('POST /channels', { filter_conditions: filter, limit: 10 });
      check(answer, name);
      assert(Date.now() - began < PROMPT_MS, `${name} took ${Date.now() - began} ms`);
    }
    const began = Date.now();
    check(
      await send('POST /channels', {
        filter_conditions: {},
        sort: Array.from({ length: 5000 }, (_, i) => ({ field: `f${i}`, direction: 1 })),
      }),
      'many sort keys',
    );
    assert(Date.now() - began < PROMPT_MS);
  });

  test('a channel of 20,000 members does not delay others', async () => {
    const many = Array.from({ length: 20_000 }, (_, i) => `many-${i}`);
    const adding = send('POST /channels/messaging/huge/query', {
      data: { members: many, created_by_id: 'observer' },
      state: true,
    });
    await settled(observer, PROMPT_MS);
    check(await adding, 'a channel of many members');
    const began = Date.now();
    const answer = await send('POST /channels', { filter_conditions: { cid: 'messaging:huge' }, state: true });
    check(answer, 'a query of it');
    assert(Date.now() - began < PROMPT_MS);
    assert(answer.text.length < 4 * MB, `the answer has ${answer.text.length} bytes`);
    await send('DELETE /channels/messaging/huge');
  });
});

describe('connects', () => {
  /** Connects by a raw handshake. Returns what was received, after the end of the connection. */
  async function refused(name, path, headers) {
    const socket = await Tcp.open(service);
    socket.write(handshake(path, headers));
    await socket.closed(name);
    return socket.received.toString('latin1');
  }
  const json = (value) => connectPath('odd', { json: typeof value === 'string' ? value : JSON.stringify(value) });

  const bad = {
    'no JSON': json('{'),
    'a list': json('[]'),
    null: json('null'),
    'a user id that is a number': json({ user_id: 7, user_details: { id: 7 } }),
    'an empty user id': json({ user_id: '', user_details: { id: '' } }),
    'a user id that is too long': connectPath('x'.repeat(3000)),
    'details of another user': json({ user_id: 'odd', user_details: { id: 'even' } }),
    'details that are text': json({ user_id: 'odd', user_details: 'odd' }),
    'a status that is a number': json({ user_id: 'odd', user_details: { id: 'odd', status: 7 } }),
    'an invisible that is text': json({ user_id: 'odd', user_details: { id: 'odd', invisible: 'yes' } }),
    'no query at all': '/connect',
    'a token of another user': connectPath('odd', { token: devToken('even') }),
    'a token that is none': connectPath('odd', { token: 'abc' }),
    'a token of broken JSON': connectPath('odd', { token: `e30.${Buffer.from('{').toString('base64')}.x` }),
  };
  for (const [name, path] of Object.entries(bad)) {
    test(`${name}: an error at the socket, then the end`, async () => {
      const text = await refused(name, path);
      assert.match(text, /^HTTP\/1\.1 (101|4\d\d) /);
      assert.match(text, /"code":/);
      assert.match(text, /"StatusCode":4\d\d/);
      assert(!text.includes('connection_id'));
    });
  }

  const handshakes = {
    'an old version': { 'Sec-WebSocket-Version': '8' },
    'no version': { 'Sec-WebSocket-Version': undefined },
    'no key': { 'Sec-WebSocket-Key': undefined },
    'a key that is too long': { 'Sec-WebSocket-Key': 'x'.repeat(5000) },
    'an upgrade to something else': { Upgrade: 'h2c' },
  };
  for (const [name, headers] of Object.entries(handshakes)) {
    test(`a handshake with ${name} is an error of HTTP`, async () => {
      const socket = await Tcp.open(service);
      socket.write(handshake(connectPath('odd'), { ...headers, Connection: 'Upgrade' }));
      await until(() => socket.isClosed || socket.received.includes('\r\n'), 'an answer, or the end');
      if (socket.received.length > 0) {
        const status = await socket.status(name);
        assert(status >= 400 && status < 500, `the status is ${status}`);
      }
      socket.destroy();
    });
  }

  test('a WebSocket elsewhere than at /connect is an error', async () => {
    for (const path of ['/', '/users', '/connect/x', '/none']) {
      const socket = await Tcp.open(service);
      socket.write(handshake(path));
      await until(() => socket.isClosed || socket.received.includes('\r\n'), `an answer at ${path}`);
      assert(
        !socket.received.includes('connection_id') && !/^HTTP\/1\.1 101 .*health/s.test(socket.received.toString()),
      );
      socket.destroy();
    }
  });

  test('lines of the log cannot be forged', async () => {
    const forged = await Tcp.open(service);
    forged.write(handshake(connectPath('forged\nFORGED line\r\nFORGED too', { token: 'bad' })));
    await forged.closed('a connect with a forged id');
    await request(service, 'GET', '/x%0aFORGED%0d%0aFORGED', { token: 'a\tb' });
    assert.deepEqual(
      service.errors.filter((line) => line.startsWith('FORGED')),
      [],
    );
  });

  test(`${IDLE_SOCKETS} idle sockets cost little, and others are notified promptly`, async (context) => {
    const { resident } = service;
    const began = Date.now();
    const script = fileURLToPath(new URL('idle_process.mjs', import.meta.url));
    const child = spawn(process.execPath, [script, String(service.port), String(IDLE_SOCKETS), 'idle-'], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    process.on('exit', () => child.kill('SIGKILL'));
    const lines = new Log();
    createInterface({ input: child.stdout }).on('line', (line) => lines.push(line));
    try {
      await lines.next((line) => line === 'connected', `${IDLE_SOCKETS} sockets`, 120_000);
      const seconds = (Date.now() - began) / 1000;
      await othersAreServed();
      const each = (service.resident - resident) / IDLE_SOCKETS;
      context.diagnostic(
        `${Math.round(IDLE_SOCKETS / seconds)} connects per second, ${Math.round(each)} bytes of memory for each`,
      );
      assert(each < 16 * 1024, `${each} bytes for each idle socket`);
      const { users: some } = await server.queryUsers({
        id: { $in: ['idle-0', `idle-${IDLE_SOCKETS - 1}`] },
        online: true,
      });
      assert.equal(some.length, 2);
      await othersAreServed();
      assert(!lines.entries.includes('closed'));
    } finally {
      child.kill('SIGKILL');
    }
    // All sockets end at once.
    await othersAreServed();
  });
});

describe('limits by option', () => {
  const LIMITS = {
    '--max-connections': 12,
    '--max-per-address': 8,
    '--max-users': 40,
    '--max-channels': 5,
    '--max-members': 6,
  };
  let small;
  let operator;
  before(async () => {
    small = await Service.start(...Object.entries(LIMITS).flat(), '--request-timeout', 1500, '--session-timeout', 3000);
    operator = newServerClient(small);
  });
  after(() => small?.stop());

  test('connections beyond the number for an address are refused, those of other addresses are served', async () => {
    const held = [];
    for (let i = 0; i < 5; ++i) {
      held.push(await Tcp.upgrade(small, connectPath(`held-${i}`), { localAddress: '127.0.0.2' }));
    }
    const lines = small.errors.length;
    const more = await Promise.all(Array.from({ length: 8 }, () => Tcp.open(small, { localAddress: '127.0.0.2' })));
    for (const one of more) one.write('GET /none HTTP/1.1\r\nHost: a\r\n\r\n');
    await until(
      () => more.filter((one) => one.isClosed || one.received.length > 0).length === 8,
      'all are answered or closed',
    );
    const served = more.filter((one) => /^HTTP\/1\.1 40[14]/.test(one.received.toString('latin1')));
    assert.equal(served.length, 3, 'as many as the limit allows');
    const logged = small.errors.length - lines;
    assert(logged >= 1 && logged <= 5, `${logged} lines for five that are refused`);
    const other = await Tcp.open(small, { localAddress: '127.0.0.3' });
    other.write('GET /none HTTP/1.1\r\nHost: a\r\n\r\n');
    assert([401, 404].includes(await other.status('a request from another address')));
    for (const one of [...more, ...held, other]) one.destroy();
    await until(async () => {
      const again = await Tcp.open(small, { localAddress: '127.0.0.2' });
      again.write('GET /none HTTP/1.1\r\nHost: a\r\n\r\n');
      const status = await again.status('a request').catch(() => 0);
      again.destroy();
      return status === 401 || status === 404;
    }, 'connections are accepted again');
  });

  test('connections beyond the number for the process are refused', async () => {
    const open = [];
    for (let i = 0; i < 30; ++i)
      open.push(await Tcp.open(small, { localAddress: `127.0.0.${10 + (i % 10)}` }).catch(() => undefined));
    for (const one of open) one?.write('GET /none HTTP/1.1\r\nHost: a\r\n\r\n');
    await until(() => open.filter((one) => one && !one.isClosed && one.received.length === 0).length === 0, 'answers');
    const served = open.filter((one) => /^HTTP\/1\.1 40[14]/.test(one?.received.toString('latin1') ?? ''));
    assert(served.length > 0 && served.length <= LIMITS['--max-connections'], `${served.length} were served`);
    for (const one of open) one?.destroy();
    await until(
      async () => (await operator.queryUsers({}).catch(() => undefined)) !== undefined,
      'requests are served again',
    );
  });

  test('users, channels and members beyond their number are errors, and what is there still works', async () => {
    const full = await apiError(
      operator.upsertUsers(Array.from({ length: 60 }, (_, i) => ({ id: `full-${i}` }))),
      'many users',
    );
    assert(full.status >= 400 && full.status < 500);
    const members = Array.from({ length: 10 }, (_, i) => `m-${i}`);
    await apiError(operator.channel('messaging', 'wide', { members, created_by_id: 'm-0' }).create(), 'many members');
    await operator.channel('messaging', 'fits', { members: members.slice(0, 3), created_by_id: 'm-0' }).create();
    await apiError(operator.channel('messaging', 'fits').addMembers(members), 'more members');
    const [fits] = await operator.queryChannels({ cid: 'messaging:fits' });
    assert.equal(fits.data.member_count, 3);
    for (let i = 0; i < 4; ++i) await operator.channel('messaging', `c-${i}`, { created_by_id: 'm-0' }).create();
    await apiError(operator.channel('messaging', 'one-more', { created_by_id: 'm-0' }).create(), 'one more channel');
    await operator.channel('messaging', 'c-0').delete();
    await operator.channel('messaging', 'one-more', { created_by_id: 'm-0' }).create();
  });

  test('a user beyond the number cannot connect, those who are known can', async () => {
    const all = [];
    for (let i = 0; i < 40; ++i)
      await operator.upsertUser({ id: `u-${i}` }).then(
        () => all.push(`u-${i}`),
        () => {},
      );
    assert(all.length > 0 && all.length < 40);
    const refused = RawClient.open(small, 'too-many');
    const frame = await refused.log.next(() => true, 'an error at the socket');
    assert.equal(typeof frame.error?.code, 'number', JSON.stringify(frame));
    await within(PATIENCE_MS, 'the socket to be closed', refused.closed);
    const known = await RawClient.connect(small, all[0]);
    await known.close();
  });

  test('options that are wrong are an error that names them', async () => {
    for (const args of [
      ['--no-such', '1'],
      ['--session-timeout', 'soon'],
      ['--session-timeout', '-1'],
      ['--port', '70000'],
      ['--max-users'],
      ['--redis', 'nowhere'],
      ['extra'],
    ]) {
      const wrong = new Service(args);
      const error = await wrong.start().then(
        () => undefined,
        (reason) => reason,
      );
      if (!error) await wrong.stop('SIGKILL');
      assert(error, `it starts with ${args.join(' ')}`);
      assert(wrong.errors.join('\n').includes(args[0]), `${args.join(' ')}: ${wrong.errors.join('\n')}`);
      assert.notEqual(await wrong.ended, 0);
    }
    const taken = new Service(['--port', String(small.port)]);
    taken.port = small.port;
    const error = await taken.start().then(
      () => undefined,
      (reason) => reason,
    );
    assert(error, 'it starts at a port that is taken');
    assert.match(taken.errors.join('\n'), new RegExp(`${small.port}|in use`));
  });
});

test('limits are logged in one line each', () => {
  assert(service.errors.length > 0);
  for (const line of service.errors) {
    assert(line.length < 1000, line.slice(0, 200));
    assert(!/[\x00-\x08\x0b-\x1f]/.test(line), JSON.stringify(line));
  }
});
