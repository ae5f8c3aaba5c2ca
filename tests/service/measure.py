#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Measures the service beside the library alone: memory of an idle connection, and processor time per connect and per
notification. The processor time of the server is what counts, because the clients share the machine with it.

usage: measure.py SERVICE [BASELINE]   (the targets `service` and `service_baseline`)
"""
import base64
import json
import os
import resource
import selectors
import socket
import subprocess
import sys
import time
import urllib.parse

CONNECTIONS, WATCHERS, CHANGES = 10000, 1000, 100


def token(user):
    def part(value):
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip('=')
    return f'{part({"alg": "HS256", "typ": "JWT"})}.{part({"user_id": user})}.devtoken'


class Service:
    def __init__(self, path):
        self.process = subprocess.Popen([path, '--session-timeout', '600000', '--health-check', '600000', '--max-messages', '0'],
                                        stdout=subprocess.PIPE, text=True)
        self.port = int(self.process.stdout.readline().rsplit(' ', 1)[1])

    def cpu_s(self):
        with open(f'/proc/{self.process.pid}/stat') as file:
            fields = file.read().rsplit(')', 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')

    def rss_bytes(self):
        with open(f'/proc/{self.process.pid}/statm') as file:
            return int(file.read().split()[1]) * os.sysconf('SC_PAGE_SIZE')

    def stop(self):
        self.process.terminate()
        if self.process.wait(30) != 0:
            sys.exit('the service did not end well')


class Client:
    """A WebSocket that only counts the frames that it receives."""

    def __init__(self, port, number):
        self.user = f'user-{number}'
        # A loopback address has about 28,000 ports.
        self.socket = socket.create_connection(('127.0.0.1', port), source_address=(f'127.0.0.{1 + number // 20000}', 0))
        query = urllib.parse.urlencode({
            'json': json.dumps({'user_id': self.user, 'user_details': {'id': self.user, 'name': f'User {self.user}'}}),
            'authorization': token(self.user)})
        self.socket.sendall(f'GET /connect?{query} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n'
                            'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n'.encode())
        self.bytes = b''
        self.is_open = False
        self.texts = 0
        self.last = b''

    def receive(self):
        self.bytes += self.socket.recv(1 << 16)
        if not self.is_open:
            head, end, rest = self.bytes.partition(b'\r\n\r\n')
            if not end:
                return
            if not head.startswith(b'HTTP/1.1 101'):
                sys.exit(f'no WebSocket: {head[:100]}')
            self.is_open, self.bytes = True, rest
        while len(self.bytes) >= 2:
            size, begin = self.bytes[1], 2
            if size == 126:
                if len(self.bytes) < 4:
                    return
                size, begin = int.from_bytes(self.bytes[2:4], 'big'), 4
            if len(self.bytes) < begin + size:
                return
            if self.bytes[0] & 15 == 1:
                self.texts += 1
                self.last = self.bytes[begin:begin + size]
            self.bytes = self.bytes[begin + size:]


def receive_until(clients, count, seconds=120):
    """Reads until each client has so many texts."""
    selector = selectors.DefaultSelector()
    waiting = 0
    for client in clients:
        if client.texts < count:
            selector.register(client.socket, selectors.EVENT_READ, client)
            waiting += 1
    end = time.monotonic() + seconds
    while waiting:
        if time.monotonic() > end:
            sys.exit(f'{waiting} clients have not received {count} messages in {seconds} s')
        for key, _ in selector.select(1):
            key.data.receive()
            if key.data.texts >= count:
                selector.unregister(key.fileobj)
                waiting -= 1
    selector.close()


def post(port, client, path, body, method='POST'):
    with socket.create_connection(('127.0.0.1', port)) as connection:
        content = json.dumps(body).encode()
        connection_id = json.loads(client.hello)['connection_id']
        connection.sendall(f'{method} {path}?connection_id={connection_id} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n'
                           f'Authorization: {token(client.user)}\r\nContent-Length: {len(content)}\r\n\r\n'.encode()
                           + content)
        answer = b''
        while part := connection.recv(1 << 16):
            answer += part
    if b' 200 ' not in answer.split(b'\r\n', 1)[0]:
        sys.exit(f'{path}: {answer[:300]}')


def main(service_path, baseline_path=None):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if hard < CONNECTIONS + 100:
        sys.exit(f'only {hard} files may be open; {CONNECTIONS + 100} are needed')
    service = Service(service_path)
    try:
        empty = service.rss_bytes()
        cpu, clock = service.cpu_s(), time.monotonic()
        clients = []
        for begin in range(0, CONNECTIONS, 500):
            batch = [Client(service.port, number) for number in range(begin, begin + 500)]
            receive_until(batch, 1)
            clients += batch
        for client in clients:
            client.hello = client.last
        connect_us = (service.cpu_s() - cpu) / CONNECTIONS * 1e6
        wall = CONNECTIONS / (time.monotonic() - clock)
        per_connection = (service.rss_bytes() - empty) / CONNECTIONS
        watchers = clients[:WATCHERS]
        for client in watchers:
            post(service.port, client, '/channels/messaging/room/query',
                 {'watch': True, 'presence': True, 'state': False, 'data': {'members': ['user-0']}})
        time.sleep(1)
        # Each watcher was sent who came after it.
        for i, client in enumerate(watchers):
            receive_until([client], 1 + WATCHERS - 1 - i)
        before = [client.texts for client in watchers]
        cpu, clock = service.cpu_s(), time.monotonic()
        for i in range(CHANGES):
            post(service.port, watchers[0], '/presence', {'type': 'availability', 'availability': ('busy', 'away')[i % 2]})
        for client, texts in zip(watchers[1:], before[1:]):
            receive_until([client], texts + CHANGES)
        total = CHANGES * (WATCHERS - 1)
        notification_us = (service.cpu_s() - cpu) / total * 1e6
        print(f'idle connection: {per_connection / 1024:.1f} KiB of memory ({CONNECTIONS} connections)')
        print(f'connect: {connect_us:.0f} us of processor time, {1e6 / connect_us:.0f} per second '
              f'({wall:.0f} per second with the clients beside it)')
        print(f'notification: {notification_us:.1f} us, {1e6 / notification_us:.0f} per second '
              f'({total / (time.monotonic() - clock):.0f} with the clients beside it)')
    finally:
        service.stop()
    if baseline_path is None:
        return
    alone = json.loads(subprocess.run([baseline_path, str(CONNECTIONS), str(WATCHERS), str(CHANGES)], check=True,
                                      capture_output=True, text=True).stdout)
    print(f'the library alone: connect {alone["connect_us"]:.1f} us, notification {alone["notification_us"]:.3f} us; '
          f'so the service takes {connect_us / alone["connect_us"]:.0f} and '
          f'{notification_us / alone["notification_us"]:.0f} times as long')


if __name__ == '__main__':
    main(*sys.argv[1:])
