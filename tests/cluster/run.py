#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs a cluster that shares presence over Redis Streams, with faults, and compares all nodes with a single process.

Starts Redis, three nodes with clocks that differ, and a reader; kills a node, kills Redis and cuts off the end of its
file, and separates two nodes from Redis for a while. In the end all must show what a process shows that received every
event, at several times while sessions time out, and keep the same. Of a node that was killed, the events count that it
had sent.

Everything listens on 127.0.0.1, on ports that were free, and all files are in a temporary folder. Without redis-server
or hiredis it is skipped (exit status 77); with CI set in the environment that fails too. (Debian: g++ libhiredis-dev
redis-server)
"""
import argparse
import asyncio
import json
import math
import os
import pathlib
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
CXX = shlex.split(os.environ.get("CXX", "c++"))
FLAGS = ["-std=c++17", "-O2", "-Wall", "-Wextra", "-Wshadow", "-Werror", f"-I{ROOT / 'include'}"]

SHARDS = 2
NODES = 3
OFFSETS_MS = [0, 750, 1500]  # of the nodes' clocks
REORDER_WINDOW_S = 16        # as in node.cpp
SHORT_CUT_S = 10
LONG_CUT_BEGIN_S = 3
LONG_CUT_S = REORDER_WINDOW_S + 2
BYTES_CUT_OFF = 200_000      # of the file of Redis; with more than 10,000 users in proportion to them
PIECE = 1 << 20              # bytes that a link passes on at once
FAULTS = ["kill", "redis", "cut", "long"]
FILLER = 10_000              # commands that are in the file of Redis beside the log
LEAST_SECONDS = 30           # for all faults
USERS_AT_FULL_PACE = 40_000  # with more, all durations are longer, so that there are no more events per second


class Failure(Exception):
    pass


class Skipped(Exception):
    pass


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def build(work):
    program = work / "node"
    test = work / "hiredis.c"
    test.write_text("#include <hiredis/hiredis.h>\nint main(void) { return 0; }\n")
    if shutil.which("redis-server") is None:
        raise Skipped("there is no redis-server")
    if subprocess.run([*CXX, "-xc", test, "-o", program, "-lhiredis"], stderr=subprocess.DEVNULL).returncode:
        raise Skipped("there is no hiredis")
    done = subprocess.run([*CXX, *FLAGS, HERE / "node.cpp", "-o", program, "-lhiredis", "-pthread"],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        raise Failure(f"node.cpp does not compile:\n{done.stdout}")
    return program


class Process:
    """A process that this run has started. Nothing else is ever ended."""
    all = []

    def __init__(self, name, command, errors):
        self.name = name
        self.began = time.monotonic()
        self.cpu = self.wall = self.status = None
        self.process = subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL,
                                        stdout=errors, stderr=errors)
        Process.all.append(self)

    def poll(self):
        """The exit status, or None while it runs."""
        if self.status is None:
            pid, status, usage = os.wait4(self.process.pid, os.WNOHANG)
            if pid != 0:
                self.status = self.process.returncode = os.waitstatus_to_exitcode(status)
                self.cpu = usage.ru_utime + usage.ru_stime
                self.wall = time.monotonic() - self.began
        return self.status

    async def wait(self, seconds):
        await until(lambda: self.poll() is not None, seconds, f"{self.name} does not end")

    async def kill(self):
        if self.poll() is None:
            os.kill(self.process.pid, signal.SIGKILL)
            await self.wait(10)


async def until(condition, seconds, message, pause=0.02):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise Failure(message)
        await asyncio.sleep(pause)


class Redis:
    def __init__(self, folder, bytes_cut_off):
        self.port = free_port()
        self.folder = folder
        self.bytes_cut_off = bytes_cut_off
        self.process = None
        self.starts = []

    async def start(self):
        # With a delay per command, and more commands, it takes a second to load its file, as a large one does.
        command = ["redis-server", "--bind", "127.0.0.1", "--port", self.port, "--dir", self.folder, "--save", "",
                   "--appendonly", "yes", "--auto-aof-rewrite-percentage", 0, "--key-load-delay", 50,
                   "--logfile", self.folder / "redis.log"]
        self.process = Process("redis", command, subprocess.DEVNULL)
        self.starts.append(self.process)
        await until(self.answers, 30, "Redis does not start")

    def answers(self):
        if self.process.poll() is not None:
            raise Failure("Redis has ended:\n" + (self.folder / "redis.log").read_text(errors="replace"))
        try:
            return self.ask("PING") == "PONG"
        except OSError:
            return False

    def ask(self, *words, times=1):
        """The last reply, for those few that are needed: a line, bytes, or a list."""
        command = b"*%d\r\n" % len(words)
        for word in words:
            command += b"$%d\r\n%s\r\n" % (len(str(word)), str(word).encode())
        with socket.create_connection(("127.0.0.1", self.port), timeout=5) as one, one.makefile("rwb") as file:
            for _ in range(times):
                file.write(command)
                file.flush()
                reply = self.read(file)
            return reply

    def read(self, file):
        line = file.readline().rstrip().decode()
        if not line:
            raise ConnectionError("no reply")
        if line[0] == "*":
            return [self.read(file) for _ in range(int(line[1:]))]
        if line[0] == "$":
            return None if line == "$-1" else file.read(int(line[1:]) + 2)[:-2]
        return line[1:]

    def last_position(self, shard):
        entries = self.ask("XREVRANGE", f"presence:{shard}", "+", "-", "COUNT", 1)
        return entries[0][0].decode() if entries else "0-0"

    def file(self):
        return max((self.folder / "appendonlydir").glob("*.incr.aof"))

    def ends_with_events(self):
        """Whether the last bytes of the file are entries of the log, not a checkpoint."""
        with self.file().open("rb") as file:
            file.seek(-min(self.bytes_cut_off, file.seek(0, os.SEEK_END)), os.SEEK_END)
            tail = file.read()
        return len(tail) == self.bytes_cut_off and tail.count(b"XADD") > 200 and b"PRSN\x01\x05" not in tail


class Link:
    """The way from a node to Redis: a proxy that can stop to pass bytes on, as a broken network does."""

    def __init__(self, redis):
        self.redis = redis
        self.is_cut = False
        self.writers = set()

    async def open(self):
        self.server = await asyncio.start_server(self.serve, "127.0.0.1", 0, limit=PIECE)
        self.port = self.server.sockets[0].getsockname()[1]

    async def serve(self, reader, writer):
        self.writers.add(writer)
        other = None
        try:
            if not self.is_cut:
                from_redis, other = await asyncio.open_connection("127.0.0.1", self.redis.port, limit=PIECE)
                self.writers.add(other)
                await asyncio.gather(self.pass_on(reader, other), self.pass_on(from_redis, writer))
            else:
                await self.pass_on(reader, None)
        except OSError:
            pass
        finally:
            for one in (writer, other):
                if one is not None:
                    self.writers.discard(one)
                    one.close()

    async def pass_on(self, reader, writer):
        while data := await reader.read(PIECE):
            if not self.is_cut and writer is not None:
                writer.write(data)
                await writer.drain()
        raise ConnectionError("closed")

    def mend(self):
        self.is_cut = False
        for writer in list(self.writers):
            writer.close()


class Cluster:
    def __init__(self, work, program, options):
        self.work = work
        self.program = program
        self.options = options
        self.slowdown = max(1, math.ceil(options.users / USERS_AT_FULL_PACE))
        # What node-1 does in this part of the long cut reaches others later than REORDER_WINDOW_S. The last_active of a
        # user who is hidden then may be an earlier one: README.md, "After a long cut".
        late = (LONG_CUT_BEGIN_S, LONG_CUT_BEGIN_S + LONG_CUT_S - REORDER_WINDOW_S + 3)
        is_steady = self.slowdown > 1 and "long" in options.faults
        self.steady_s = tuple(self.slowdown * second for second in late) if is_steady else (0, 0)
        self.starts = work / "starts"
        self.finish = work / "finish"
        self.errors = (work / "errors").open("w")
        self.redis = Redis(work / "redis", BYTES_CUT_OFF * max(10000, options.users) // 10000)
        self.redis.folder.mkdir()
        self.links = [Link(self.redis) for _ in range(NODES)]
        self.processes = {}
        self.killed = []
        self.said = []

    def start(self, index, number):
        name = f"node-{index + 1}.{number}"
        self.launch(name, "node", self.links[index].port, OFFSETS_MS[index] * self.slowdown, index, number)
        return name

    def launch(self, name, mode, port, offset_ms=0, index=0, number=1):
        folder = self.starts / name
        folder.mkdir(parents=True)
        steady = self.steady_s if mode == "node" and index == 0 else (0, 0)
        values = {"mode": mode, "name": name, "folder": folder, "finish": self.finish, "all": self.starts, "port": port,
                  "began_ms": self.began_ms, "offset_ms": offset_ms, "seconds": self.options.seconds * self.slowdown,
                  "slowdown": self.slowdown, "steady_from_ms": steady[0] * 1000, "steady_until_ms": steady[1] * 1000,
                  "node": index, "nodes": NODES, "start": number, "users": self.options.users,
                  "seed": self.options.seed, "shards": SHARDS}
        output = (folder / "output").open("w") if mode in ("oracle", "rates") else self.errors
        command = [self.program, *(f"{key}={value}" for key, value in values.items())]
        self.processes[name] = Process(name, command, output)
        return self.processes[name]

    def alive(self):
        return [name for name in self.processes if name not in self.killed]

    async def at(self, second):
        await asyncio.sleep(max(0.0, self.began_ms / 1000 + second * self.slowdown - time.time()))

    async def sleep(self, seconds):
        await asyncio.sleep(seconds * self.slowdown)

    def say(self, text):
        self.said.append(text)
        print(f"{time.time() - self.began_ms / 1000:6.1f} s  {text}", flush=True)

    async def kill_node(self):
        self.killed.append(self.victim)
        await self.processes[self.victim].kill()
        self.say(f"{self.victim} was killed")

    def start_again(self):
        self.victim = self.start(2, int(self.victim[-1]) + 1)
        self.say(f"{self.victim} has started")

    async def kill_and_start(self):
        await self.at(self.options.seconds - 7.5)  # so late that no state follows, which would repair a wrong start
        await self.kill_node()
        await self.sleep(2)
        self.start_again()

    async def cut(self, index, begin, seconds):
        await self.at(begin)
        self.links[index].is_cut = True
        self.say(f"node-{index + 1} is cut off")
        await self.at(begin + seconds)
        self.links[index].mend()
        self.say(f"node-{index + 1} is back after {seconds * self.slowdown} s")

    async def kill_redis(self):
        await self.at(12)
        try:
            await until(self.redis.ends_with_events, 8 * self.slowdown, "", 0.02 * self.slowdown)
        except Failure:
            pass  # too few users
        # Entries that Redis loses, of a node that cannot send them again.
        await self.kill_node()
        await self.sleep(0.7)
        before = [self.redis.last_position(shard) for shard in range(SHARDS)]
        await self.redis.process.kill()
        file = self.redis.file()
        os.truncate(file, max(0, file.stat().st_size - self.redis.bytes_cut_off))
        await self.sleep(0.3)
        self.start_again()
        await self.redis.start()
        after = [self.redis.ask("XINFO", "STREAM", f"presence:{shard}") for shard in range(SHARDS)]
        last = [info[info.index(b"last-generated-id") + 1].decode() for info in after]
        lost = [(int(a.split("-")[0]) - int(b.split("-")[0])) / 1000 for a, b in zip(before, last)]
        self.say(f"Redis was killed, lost {self.redis.bytes_cut_off // 1000} kB, which are {min(lost):.1f} s of the "
                 "log, and has started again")

    async def run(self):
        options = self.options
        await self.redis.start()
        if "redis" in options.faults:
            self.redis.ask("INCR", "filler", times=FILLER)
        for link in self.links:
            await link.open()
        self.began_ms = int(time.time() * 1000) + 300
        if self.slowdown > 1:
            self.say(f"{options.users} users: all durations and the differences of the clocks are {self.slowdown} "
                     f"times as long: clients are active for {options.seconds * self.slowdown} s and send every "
                     f"{1.7 * self.slowdown:g} to {2 * self.slowdown} s, sessions time out after "
                     f"{8 * self.slowdown} s, a tick is {50 * self.slowdown} ms")
            if self.steady_s[1]:
                self.say("no client of node-1 hides or shows its user from {} to {} s".format(*self.steady_s))
        for index in range(NODES):
            self.victim = self.start(index, 1)  # the last one is that which is killed
        self.launch("reader", "reader", self.redis.port)
        faults = {"kill": self.kill_and_start, "redis": self.kill_redis,
                  "cut": lambda: self.cut(1, options.seconds - SHORT_CUT_S - 3, SHORT_CUT_S),
                  "long": lambda: self.cut(0, LONG_CUT_BEGIN_S, LONG_CUT_S)}
        tasks = [asyncio.create_task(faults[name]()) for name in options.faults]
        await asyncio.gather(*tasks)
        await self.at(options.seconds)

        def none_ended():
            for name in self.alive():
                if self.processes[name].poll() is not None:
                    raise Failure(f"{name} has ended with status {self.processes[name].status}")
            return True

        def all_have(file):
            return none_ended() and all((self.starts / name / f"{file}-{shard}").exists()
                                        for name in self.alive() for shard in range(SHARDS))

        # Nodes that share two processors fall behind if there are many users.
        patience = 30 * self.slowdown + options.users / 10000
        await until(lambda: all_have("drained"), patience, "a node has not sent everything")
        positions = [self.redis.last_position(shard) for shard in range(SHARDS)]
        at = time.time_ns() + (max(OFFSETS_MS) + 1000) * self.slowdown * 10**6
        self.work.joinpath("finish.new").write_text(f"{at} {' '.join(positions)}\n")
        self.work.joinpath("finish.new").rename(self.finish)
        for name in self.alive():
            await self.processes[name].wait(patience)
            if self.processes[name].status != 0:
                raise Failure(f"{name} has ended with status {self.processes[name].status}")
        names = self.alive()
        for name in ("oracle", "rates"):
            process = self.launch(name, name, self.redis.port)
            await process.wait(60 + patience)
            if process.status != 0:
                raise Failure(f"{name} has ended with status {process.status}")
        await self.redis.process.kill()
        self.judge(names)

    def result(self, name, shard):
        return json.loads((self.starts / name / f"result-{shard}").read_text())

    def judge(self, names):
        wrong = []
        for shard in range(SHARDS):
            told = self.result("oracle", shard)
            for name in self.processes:
                # The first node that is killed cannot send again what Redis loses just afterwards.
                lost = told.get(f"lost_{name}")
                if lost and not (name == "node-3.1" and "redis" in self.options.faults):
                    wrong.append(f"{name}: {lost} entries were acknowledged, and no process has them")
            if told["rejected"]:
                wrong.append(f"the single process has rejected {told['rejected']} events")
            for name in names:
                result = self.result(name, shard)
                for what in result:
                    if what.startswith(("errors", "rejected", "ahead")) and result[what]:
                        wrong.append(f"{name}, shard {shard}: {what}: {result[what]}")
                for view in range(5):
                    expected, found = ((self.starts / one / f"views-{shard}-{view}").read_text().splitlines()
                                       for one in ("oracle", name))
                    if expected != found:
                        wrong.append(self.difference(name, shard, expected, found))
                if result["digest"] != told["digest"]:
                    wrong.append(f"{name}, shard {shard}: what is kept in the end differs")
        # With few users, Redis keeps entries that it might trim.
        tries = self.options.faults if self.options.users >= 5000 else []
        for fault, what in (("redis", "loading"), ("redis", "states"), ("cut", "resent"), ("long", "gaps")):
            if fault in tries and not any(self.result(name, shard).get(what) for name in names for shard in range(SHARDS)):
                wrong.append(f"the fault {fault!r} has not led to {what}: the run has not tried it")
        self.print_table(names)
        errors = (self.work / "errors").read_text()
        if errors:
            wrong.append(errors)
        if wrong:
            rest = [f"... and {len(wrong) - 12} more"] if len(wrong) > 12 else []
            raise Failure("\n".join(wrong[:12] + rest))
        online = [sum(line.count('"online":true') for shard in range(SHARDS)
                      for line in (self.starts / "oracle" / f"views-{shard}-{view}").read_text().splitlines())
                  for view in range(5)]
        print(f"all {len(names)} processes show what a single process shows, at 5 times (users online: "
              f"{', '.join(map(str, online))}), and keep the same in the end")

    @staticmethod
    def difference(name, shard, expected, found):
        only_expected, only_found = sorted(set(expected) - set(found)), sorted(set(found) - set(expected))
        return (f"{name}, shard {shard}, {expected[0]}: {len(only_expected)} users differ\n  expected "
                + "\n           ".join(only_expected[:2]) + "\n  found    " + "\n           ".join(only_found[:2]))

    def print_table(self, names):
        def total(name, what):
            return sum(self.result(name, shard).get(what, 0) for shard in range(SHARDS))

        def most(name, what):
            return max(self.result(name, shard).get(what, 0) for shard in range(SHARDS))

        columns = {"events": "events", "entries": "entries", "bytes": "bytes", "resent": "resent", "returns": "returns",
                   "gaps": "gaps", "loading": "loading", "checkpoints": "put", "states": "states",
                   "merged_checkpoints": "merged", "tick_ms": "tick ms", "back_ms": "back ms", "lag_50": "lag 50%",
                   "lag_99": "lag 99%"}
        longest = ("tick_ms", "back_ms", "lag_50", "lag_99")
        print(f"{'':9}" + "".join(f"{title:>9}" for title in columns.values()) + f"{'cpu':>9}")
        for name in names:
            process = self.processes[name]
            cells = [(most if what in longest else total)(name, what) for what in columns]
            print(f"{name:9}" + "".join(f"{cell:9.0f}" for cell in cells) + f"{process.cpu / process.wall:9.1%}")
        print("gaps: trimmed entries, had from a checkpoint; put, states, merged: checkpoints; tick: the longest;\n"
              "back: from the first contact after a cut until all is read; lag: ms from the append of an entry until "
              "it is read, otherwise")
        redis = self.redis.starts
        print(f"redis {sum(one.cpu for one in redis) / sum(one.wall for one in redis):.1%} of a processor")
        events, sent = (sum(total(name, what) for name in names) for what in ("events", "bytes"))
        if events:
            print(f"{events} events, {sent / events:.1f} bytes per event that was applied (heartbeats are compacted)")
        rates = json.loads((self.starts / "rates" / "output").read_text())
        print(f"append with Outbox: {rates['append'] / rates['raw_append']:.2f} of raw XADD; "
              f"read with Inbox and Store: {rates['read'] / rates['raw_read']:.3f} of raw XREAD "
              f"({rates['events_per_entry']:.0f} events per entry, "
              f"{rates['read'] * rates['events_per_entry']:.0f} events per second)")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--users", type=int, default=10000)
    parser.add_argument("--seconds", type=int, default=30, help="for which clients are active (30)")
    parser.add_argument("--seed", type=int, default=1, help="of the clients (1)")
    parser.add_argument("--faults", default=",".join(FAULTS), help="which of them (all): " + ",".join(FAULTS))
    parser.add_argument("--program", type=pathlib.Path, help="node.cpp, if it is built already")
    parser.add_argument("--keep", action="store_true", help="keep the folder")
    options = parser.parse_args()
    options.faults = [name for name in options.faults.split(",") if name]
    if set(options.faults) - set(FAULTS) or (options.faults and options.seconds < LEAST_SECONDS):
        parser.error(f"faults are {FAULTS}, and need {LEAST_SECONDS} s")

    work = pathlib.Path(tempfile.mkdtemp(prefix="presence-cluster-"))
    try:
        cluster = Cluster(work, options.program or build(work), options)
        asyncio.run(cluster.run())
        return 0
    except Skipped as reason:
        print(f"FAILED: {reason}, and CI is set" if os.environ.get("CI") else f"SKIPPED: {reason}")
        return 1 if os.environ.get("CI") else 77
    except Failure as error:
        print(f"FAILED: {error}")
        return 1
    finally:
        for process in Process.all:
            if process.poll() is None:
                process.process.kill()
                process.process.wait()
        if options.keep:
            print(work)
        else:
            shutil.rmtree(work)


if __name__ == "__main__":
    sys.exit(main())
