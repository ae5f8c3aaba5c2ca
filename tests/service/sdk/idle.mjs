// SPDX-License-Identifier: MIT
// Sockets that cost little: a handshake, and pongs.
import net from 'node:net';

const PER_ADDRESS = 2500;
const WIDTH = 64;

export function devTokenPath(user) {
  const token = `e30.${Buffer.from(JSON.stringify({ user_id: user })).toString('base64url')}.x`;
  const json = JSON.stringify({ user_id: user, user_details: { id: user } });
  return `/connect?json=${encodeURIComponent(json)}&api_key=key&authorization=${token}&stream-auth-type=jwt`;
}

function open(port, i, path, onClosed) {
  return new Promise((resolve, reject) => {
    const socket = net.connect({ host: '127.0.0.1', port, localAddress: `127.0.0.${2 + Math.floor(i / PER_ADDRESS)}` });
    let begun = '';
    socket.on('connect', () => {
      socket.write(
        `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
          'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n',
      );
    });
    socket.on('data', (data) => {
      if (begun !== undefined) {
        begun += data.toString('latin1');
        if (!begun.includes('connection_id')) return;
        begun = undefined;
        resolve(socket);
      } else if (data.length >= 2 && data[0] === 0x89) {
        const payload = data.subarray(2, 2 + (data[1] & 127));
        socket.write(Buffer.concat([Buffer.from([0x8a, 0x80 | payload.length, 0, 0, 0, 0]), payload]));
      }
    });
    socket.on('error', reject);
    socket.on('close', () => {
      reject(new Error(`closed before the first health.check: ${begun}`));
      onClosed();
    });
  });
}

/** Opens `count` sockets, some at a time, from several addresses of the loopback. */
export async function openIdle(port, count, pathOf, onClosed) {
  const sockets = [];
  let next = 0;
  const lane = async () => {
    while (next < count) {
      const i = next++;
      sockets.push(await open(port, i, pathOf(i), onClosed));
    }
  };
  await Promise.all(Array.from({ length: WIDTH }, lane));
  return sockets;
}
