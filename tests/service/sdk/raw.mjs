// SPDX-License-Identifier: MIT
// Bytes on a TCP connection, for what no correct client sends.
import { randomBytes } from 'node:crypto';
import net from 'node:net';
import { PATIENCE_MS, within } from './helpers.mjs';

/** A TCP connection that keeps what it receives. */
export class Tcp {
  received = Buffer.alloc(0);
  error = undefined;
  #waiting = new Set();

  static async open(service, { localAddress } = {}) {
    const one = new Tcp();
    one.socket = net.connect({ host: '127.0.0.1', port: service.port, localAddress });
    one.ended = new Promise((resolve) => {
      one.socket.on('close', () => {
        one.isClosed = true;
        resolve();
        for (const check of one.#waiting) check();
      });
    });
    one.socket.on('error', (error) => {
      one.error = error;
    });
    one.socket.on('end', () => one.socket.end());
    one.socket.on('data', (data) => {
      one.received = Buffer.concat([one.received, data]);
      for (const check of one.#waiting) check();
    });
    await within(
      PATIENCE_MS,
      'a TCP connection',
      new Promise((resolve, reject) => {
        one.socket.once('connect', resolve);
        one.socket.once('error', reject);
      }),
    );
    return one;
  }

  /** Connects a user as a WebSocket, up to the first health check. */
  static async upgrade(service, path, options) {
    const one = await Tcp.open(service, options);
    one.write(handshake(path));
    await one.until((text) => text.includes('connection_id'), 'the first health.check of a raw socket');
    one.received = Buffer.alloc(0);
    return one;
  }

  /** Bytes that the service does not take any more are lost: it has closed the connection. */
  write(data) {
    if (!this.isClosed && this.socket.writable) return this.socket.write(data);
    return false;
  }
  async until(matches, what, ms = PATIENCE_MS) {
    let check;
    const found = new Promise((resolve, reject) => {
      check = () => {
        const text = this.received.toString('latin1');
        if (matches(text)) resolve(text);
        else if (this.isClosed)
          reject(new Error(`closed before ${what}; received ${JSON.stringify(text.slice(0, 300))}`));
      };
    });
    this.#waiting.add(check);
    check();
    try {
      return await within(
        ms,
        () => `${what}; received ${JSON.stringify(this.received.toString('latin1').slice(0, 300))}`,
        found,
      );
    } finally {
      this.#waiting.delete(check);
    }
  }
  /** Waits until the service has closed the connection. */
  closed(what, ms = PATIENCE_MS) {
    return within(ms, `the service to close ${what}`, this.ended);
  }
  destroy() {
    this.socket.destroy();
  }

  /** The first line of an answer by HTTP. */
  async status(what, ms) {
    const text = await this.until((received) => received.includes('\r\n'), `an answer to ${what}`, ms);
    const match = /^HTTP\/1\.1 (\d{3}) /.exec(text);
    if (!match) throw new Error(`the answer to ${what} is no HTTP: ${JSON.stringify(text.slice(0, 200))}`);
    return Number(match[1]);
  }

  /** The frames received after a handshake, as far as they are complete. */
  get frames() {
    const frames = [];
    for (let at = 0; at + 2 <= this.received.length;) {
      const opcode = this.received[at] & 15;
      let length = this.received[at + 1] & 127;
      let head = 2;
      if (length === 126) {
        length = this.received.readUInt16BE(at + 2);
        head = 4;
      } else if (length === 127) {
        length = Number(this.received.readBigUInt64BE(at + 2));
        head = 10;
      }
      if (at + head + length > this.received.length) break;
      frames.push({ opcode, payload: this.received.subarray(at + head, at + head + length) });
      at += head + length;
    }
    return frames;
  }
  /** The code of the close frame, or undefined. */
  get closeCode() {
    const close = this.frames.find((frame) => frame.opcode === 8);
    return close && close.payload.length >= 2 ? close.payload.readUInt16BE(0) : undefined;
  }
}

export function handshake(path, headers = {}) {
  const all = {
    Host: '127.0.0.1',
    Upgrade: 'websocket',
    Connection: 'Upgrade',
    'Sec-WebSocket-Key': randomBytes(16).toString('base64'),
    'Sec-WebSocket-Version': '13',
    ...headers,
  };
  const lines = Object.entries(all).filter(([, value]) => value !== undefined);
  return `GET ${path} HTTP/1.1\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`;
}

/** A frame of a client. `length` may claim another length than the payload has. */
export function frame(opcode, payload = '', { fin = true, masked = true, reserved = 0, length } = {}) {
  const body = Buffer.from(payload);
  const claimed = length ?? body.length;
  const head = [(fin ? 0x80 : 0) | (reserved << 4) | opcode];
  const flag = masked ? 0x80 : 0;
  if (claimed < 126) {
    head.push(flag | claimed);
  } else if (claimed < 65_536) {
    head.push(flag | 126, claimed >> 8, claimed & 255);
  } else {
    const long = Buffer.alloc(8);
    long.writeBigUInt64BE(BigInt(claimed));
    head.push(flag | 127, ...long);
  }
  if (!masked) return Buffer.concat([Buffer.from(head), body]);
  const mask = randomBytes(4);
  const mixed = Buffer.from(body);
  for (let i = 0; i < mixed.length; ++i) mixed[i] ^= mask[i & 3];
  return Buffer.concat([Buffer.from(head), mask, mixed]);
}
