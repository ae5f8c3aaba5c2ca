#!/usr/bin/env python3
"""What a log of presence events comes to, counted in the plainest way: something to hold a replay by the library against.

Prints one line of JSON about what everyone else sees (nobody's own, truer view):
  events, and what became of them: applied, unchanged, too_late, too_early
  users_known, online_at_end   at the last instant of the log
  changes                      one per user and instant, when what others see of the user (known, online, status, last_active) differs
  online_changes               those in which online differs; who is not known counts as not online

The order is that of a replay. An event later than `now` brings time to its instant t: deadlines before t pass, all the lines in a row
of that same t are folded, deadlines at t pass, and only then is a change counted, once per user. An event that is not
later than `now` is late, and is folded and counted alone, at `now`. As time follows the events, none is ever too early: --skew is
there because the library has such a rule, and changes nothing.

What makes it plain, and different from the library: every user has a few maxima and sets that only grow, and nothing is ever forgotten. It need not
be: whatever arrives is not older than `now` - window, so it beats each register that could have been forgotten.
Time is a heap of the instants at which someone's last session may end; what comes up is looked at, and often nothing has changed.

usage: count_log.py [--timeout S] [--grace S] [--refresh S] [--window S] [--skew S] [FILE]      (S in seconds; timeout 0: never)
"""
import argparse
import bisect
import datetime
import decimal
import heapq
import json
import re
import sys

NEVER, SECOND = 1 << 100, 10**9                              # instants and durations are nanoseconds
BEFORE_ALL = -NEVER


class Rules:
    def __init__(self, timeout=0, grace=0, refresh=900 * SECOND, window=120 * SECOND):
        self.timeout, self.grace, self.refresh, self.window = timeout, grace, refresh, window


class Session:
    def __init__(self):
        self.evidence = (BEFORE_ALL, False)                  # the latest: its instant, and whether it is a connect, which beats others
        self.runs = []                                       # [start, end] of the times in which it was never silent for too long; ascending
        self.disconnects = []                                # all that may end it, and the latest that evidence followed

    def is_followed(self, disconnect):
        return self.evidence > (disconnect, False)

    def connected(self, at, by_connect, rules, timeout):
        """True when it was new: later than all evidence, or it fills a silence"""
        new = (at, by_connect) > self.evidence
        self.evidence = max(self.evidence, (at, by_connect))
        if timeout and not any(start <= at <= end for start, end in reversed(self.runs)):
            run, new = [at, at + timeout + rules.grace], True
            for other in [o for o in self.runs if o[0] <= run[1] and run[0] <= o[1]]:
                self.runs.remove(other)
                run = [min(run[0], other[0]), max(run[1], other[1])]
            bisect.insort(self.runs, run)
        elif timeout:
            run = next(run for run in reversed(self.runs) if run[0] <= at)
            run[1] = max(run[1], at + timeout + rules.grace)
        self.keep_disconnects(rules)
        return new

    def disconnected(self, at, rules):
        """True when it was new"""
        before = list(self.disconnects)
        self.disconnects = sorted({*before, at})
        self.keep_disconnects(rules)
        return self.disconnects != before

    def keep_disconnects(self, rules):
        if rules.grace == 0:
            self.disconnects = self.disconnects[-1:]
        elif self.evidence[0] != BEFORE_ALL:
            self.disconnects = ([d for d in self.disconnects if self.is_followed(d)][-1:]
                                + [d for d in self.disconnects if not self.is_followed(d)])

    def online_until(self, rules, timeout):
        if self.evidence[0] == BEFORE_ALL:
            return BEFORE_ALL
        end = self.evidence[0] + timeout + rules.grace if timeout else NEVER
        ending = [d for d in self.disconnects if not self.is_followed(d)]
        if ending and rules.grace == 0:
            return BEFORE_ALL
        return min([d + rules.grace for d in ending] + [end])


class User:
    def __init__(self):
        self.sessions = {}                                   # id: Session
        self.seen, self.values = [], []                      # last_active was values[i] from seen[i] on; both strictly ascending
        self.flips = {}                                      # instant: a connect then asked to be invisible
        self.status = (BEFORE_ALL, '')                       # instant, text
        self.said = Session()                                # what reports say: online is a connect, offline a disconnect
        self.is_said = False                                 # there was a report
        self.said_active = (BEFORE_ALL, None)                # by a report: instant, last_active

    def saw(self, at, value):
        """evidence; True unless some at least as early gave a value at least as late"""
        i = bisect.bisect_right(self.seen, at)
        if i and self.values[i - 1] >= value:
            return False
        i = bisect.bisect_left(self.seen, at)
        last = bisect.bisect_right(self.values, value)
        self.seen[i:max(i, last)], self.values[i:max(i, last)] = [at], [value]
        return True

    def hidden_since(self):
        """the first of the flips after the last visible one"""
        visible = max((at for at in self.flips if not self.flips[at]), default=BEFORE_ALL)
        return min((at for at in self.flips if at > visible), default=NEVER)

    def online_until(self, rules):
        own = max((s.online_until(rules, rules.timeout) for s in self.sessions.values()), default=BEFORE_ALL)
        return max(own, self.said.online_until(rules, 0))

    def view(self, now, rules):
        """(online, status, last_active), or None: not known"""
        hidden = self.hidden_since()
        visible = bisect.bisect_left(self.seen, hidden)
        if not visible and self.status[0] == BEFORE_ALL and not self.is_said:
            return None
        active = [self.values[visible - 1]] if visible else []
        active += [self.said_active[1]] if self.said_active[1] is not None else []
        online = hidden == NEVER and now < self.online_until(rules)
        return online, self.status[1], max(active, default=None)

    def fold(self, event, rules):
        """True when anything was new"""
        kind, at, new = event['type'], event['at'], False
        if kind in ('connect', 'heartbeat', 'disconnect'):
            session = self.sessions.setdefault(event['session'], Session())
            if kind == 'disconnect':
                new = session.disconnected(at, rules)
            else:
                new = session.connected(at, kind == 'connect', rules, rules.timeout)
        if kind == 'connect':
            new |= self.saw(at, at)
            invisible = event.get('invisible')
            if invisible is not None and not self.flips.get(at, False) and self.flips.get(at) != invisible:
                self.flips[at], new = invisible, True
        if kind == 'heartbeat':
            new |= self.saw(at, at if rules.refresh == 0 else at - at % rules.refresh)
        if kind == 'report':
            self.is_said = True
            new |= self.said.connected(at, True, rules, 0) if event['online'] else self.said.disconnected(at, rules)
            if 'last_active' in event and (at, event['last_active']) > self.said_active:
                self.said_active, new = (at, event['last_active']), True
        if 'status' in event and (at, event['status']) > self.status:
            self.status, new = (at, event['status']), True
        return new


class Log:
    def __init__(self, rules):
        self.rules, self.now = rules, BEFORE_ALL
        self.users, self.shown = {}, {}                      # shown: id to what others saw last
        self.deadlines = []                                  # heap of (instant, id)
        self.changes = self.online_changes = 0
        self.verdicts = {'applied': 0, 'unchanged': 0, 'too_late': 0, 'too_early': 0}

    def look(self, name, at):
        before, after = self.shown.get(name), self.users[name].view(at, self.rules)
        if before != after:
            self.shown[name] = after
            self.changes += 1
            self.online_changes += (before is not None and before[0]) != (after is not None and after[0])

    def pass_deadlines(self, until):
        while self.deadlines and self.deadlines[0][0] <= until:
            at, name = heapq.heappop(self.deadlines)
            self.look(name, at)

    def fold(self, events):
        """at `now`; then looks at those they are about"""
        for event in events:
            if event['at'] < self.now - self.rules.window:
                self.verdicts['too_late'] += 1
                continue
            user = self.users.setdefault(event['user'], User())
            self.verdicts['applied' if user.fold(event, self.rules) else 'unchanged'] += 1
            until = user.online_until(self.rules)
            if self.now < until < NEVER:
                heapq.heappush(self.deadlines, (until, event['user']))
        for name in {event['user'] for event in events} & self.users.keys():
            self.look(name, self.now)

    def replay(self, events):
        i = 0
        while i < len(events):
            t, end = events[i]['at'], i + 1
            if t > self.now:
                while end < len(events) and events[end]['at'] == t:
                    end += 1
                self.pass_deadlines(t - 1)
                self.now = t
                self.fold(events[i:end])
                self.pass_deadlines(t)
            else:
                self.fold(events[i:end])
            i = end

    def result(self):
        known = {name: view for name, view in self.shown.items() if view is not None}
        return dict(events=sum(self.verdicts.values()), **self.verdicts, users_known=len(known), changes=self.changes,
                    online_changes=self.online_changes, online_at_end=sorted(name for name, view in known.items() if view[0]))


def instant(text):
    """of RFC 3339, with Z or an offset and up to 9 digits of a second"""
    whole, fraction, zone = re.fullmatch(r'(\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?([Zz]|[+-]\d\d:\d\d)', text).groups()
    then = datetime.datetime.fromisoformat(whole.upper() + ('+00:00' if zone in 'Zz' else zone))
    since = then - datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
    return (since.days * 86400 + since.seconds) * SECOND + int((fraction or '0').ljust(9, '0'))


def read(lines):
    events = []
    for line in lines:
        if line.strip():
            event = json.loads(line)
            for key in ('at', 'last_active'):
                if isinstance(event.get(key), str):
                    event[key] = instant(event[key])
            events.append(event)
    return events


def seconds(text):
    return int(decimal.Decimal(text) * SECOND)


def main():
    options = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    options.add_argument('--timeout', type=seconds, default='40', metavar='S', help='0: never')
    options.add_argument('--grace', type=seconds, default='0', metavar='S')
    options.add_argument('--refresh', type=seconds, default='900', metavar='S')
    options.add_argument('--window', type=seconds, default='120', metavar='S')
    options.add_argument('--skew', type=seconds, default='60', metavar='S', help='changes nothing: see above')
    options.add_argument('file', nargs='?', metavar='FILE')
    asked = options.parse_args()
    with open(asked.file, 'rb') if asked.file else sys.stdin.buffer as file:
        events = read(file.read().decode('utf-8').split('\n'))
    log = Log(Rules(asked.timeout, asked.grace, asked.refresh, asked.window))
    log.replay(events)
    sys.stdout.buffer.write((json.dumps(log.result(), ensure_ascii=False, separators=(',', ':')) + '\n').encode('utf-8'))


if __name__ == '__main__':
    main()
