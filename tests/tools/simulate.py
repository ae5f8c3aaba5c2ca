#!/usr/bin/env python3
"""A community's week, as presence event lines in the order in which a server would have received them.

What it models, and why:
  * people with one to three devices, each with a rhythm of the day, a time zone and a better or worse network: so that many
    are online at once, some have two sessions open, and the nights of one are the days of another;
  * networks that lose a heartbeat, lose a disconnect (a ghost that only a timeout ends), drop and come back (with a
    disconnect, or with nothing but a second connect), deliver a line up to 100 s late, or twice. A few lines wait in some queue
    for many minutes, longer than the default reorder window of two: these must be refused;
  * session ids that name the device, so that each is used again and again;
  * status texts in several languages, some that JSON must escape, some empty (which clears the text), some set on a connect;
  * a few people who connect invisible for a while, set a status text now and then while they are, and come back visibly
    later, or on the spot, or not within the week.
The log starts and ends in the middle of things: its first heartbeats have no connect, its last sessions no end.

Heartbeats are far apart (--heartbeat, 25 min and up to 2 min more), which keeps a week within a few thousand lines. Fold the log with a
timeout of 2700 s: longer than one gap, so that nobody flickers, and shorter than two, so that a lost heartbeat is noticed.

The same options give the same bytes on every machine: integers only, an own generator, no clock, no locale, no hash order.
Each person has a generator of their own: with more people, the others do what they did.

usage: simulate.py [--seed N] [--people N] [--days N] [--start 2026-03-02T00:00:00Z] [--heartbeat S] [--check FILE] > week.jsonl
"""
import argparse
import datetime
import json
import sys

SECOND, MINUTE, HOUR, DAY = 1000, 60_000, 3_600_000, 86_400_000     # instants and durations are milliseconds
EPOCH = datetime.datetime(1970, 1, 1)

NAMES = '''ada kofi yuki amina mateo ingrid priya tomas leila kwame sofia hiro zola nils carmen anders fatima jonas mei pavel
    rosa idris elif bruno chidi hana oskar lucia dmitri noor zoë emeka aiko stefan marisol tariq greta joao nadia viktor
    thandi ravi clara enzo saoirse bao olga samir freya dario imani kenji marta yusuf søren lan petra abebe ines walter'''.split()

DEVICES = ['laptop', 'desktop', 'tablet', 'console', 'tv', 'watch']   # beside the phone, which everyone has

# rhythms: sittings of a day in local time, each (begins at minute of the day, minutes it may last: least, most)
WORKDAY = {
    'early bird': [(6 * 60 + 10, 20, 60), (18 * 60, 30, 110)],
    'office': [(9 * 60, 100, 180), (13 * 60 + 20, 90, 220), (21 * 60, 20, 80)],
    'student': [(12 * 60, 10, 50), (16 * 60, 40, 120), (20 * 60 + 30, 60, 200)],
    'night owl': [(15 * 60, 20, 60), (22 * 60 + 30, 120, 300)],
    'night shift': [(2 * 60, 30, 150), (8 * 60, 20, 60)],
    'now and then': [(19 * 60, 10, 60)],
}
WEEKEND = {
    'early bird': [(7 * 60, 30, 120)],
    'office': [(11 * 60, 20, 90)],
    'student': [(14 * 60, 60, 240), (21 * 60, 60, 240)],
    'night owl': [(20 * 60, 180, 420)],
    'night shift': [(13 * 60, 30, 120)],
    'now and then': [(10 * 60, 15, 60), (17 * 60, 30, 120)],
}
RHYTHMS = ['early bird', 'office', 'office', 'student', 'student', 'night owl', 'night shift', 'now and then']
SHOWS_UP = {'early bird': 80, 'office': 75, 'student': 70, 'night owl': 80, 'night shift': 75, 'now and then': 50}   # percent of sittings

STATUSES = [
    'Eating a veggie burger...', 'brb, the cat is on the keyboard', 'on a train with more tunnels than train', 'AFK: away from kettle',
    'Ich verstehe nur Bahnhof 🚉', 'Kaffee zuerst, Fragen später', 'Je dors debout', 'Ça va aller… peut-être', 'en réunion (hélas)',
    'siesta técnica 😴', '¿Quién movió mi queso?', 'estoy, pero no estoy', 'só mais cinco minutos', 'de férias na minha cabeça 🏖️',
    'Piove, governo ladro ☔', 'in bocca al lupo 🐺', 'het regent pijpenstelen', 'Ingen ko på isen 🐄', 'Har en räv bakom örat 🦊',
    'Olen metsässä 🌲', 'Nie mój cyrk, nie moje małpy 🐒', 'mám toho plné zuby 🦷', 'Сплю на ходу', 'Потом. Может быть.',
    'Έχω πονοκέφαλο, έχω και καφέ', 'çay molası ☕', 'אני כאן, בערך', 'الشاي أولاً ☕', 'थोड़ी देर में आता हूँ', 'চা খাচ্ছি', '猫の手も借りたい 🐾',
    '会議中（たぶん）', '吃饭中，勿扰 🍜', '摸鱼中 🐟', '치킨 먹는 중 🍗', 'đang ăn phở 🍜', 'กำลังหลับ 💤', 'Niko kazini, kidogo', 'Ngiyabuya manje',
    '🦆', '👩‍🚀 brb, orbit', '🏳️‍🌈🎉', '¯\\_(ツ)_/¯', 'C:\\> _', 'says "hello" to everyone', '"quoted"', 'he said: "\\o/"', 'col1\tcol2\tnap',
    'line one\nline two', 'roses are red\r\nso is the build', '{"status":"json"}', '</status>', "Robert'); DROP TABLE naps;--", '100 % done, 90 % left',
    'cafe\u0301 (the accent is on its own)', 'zero\u200bwidth',
]


class Dice:
    """splitmix64"""

    def __init__(self, seed):
        self.state = seed & (2**64 - 1)

    def next(self):
        self.state = (self.state + 0x9E3779B97F4A7C15) & (2**64 - 1)
        z = self.state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & (2**64 - 1)
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & (2**64 - 1)
        return z ^ (z >> 31)

    def between(self, least, most):
        return least + self.next() % (most - least + 1)

    def percent(self, chance):
        return self.next() % 100 < chance

    def one_of(self, things):
        return things[self.next() % len(things)]


class Person:
    def __init__(self, seed, number, heartbeat):
        self.dice = dice = Dice(Dice(seed).next() ^ Dice(number).next())
        self.number, self.heartbeat = number, heartbeat
        self.id = NAMES[number % len(NAMES)] + (str(number // len(NAMES) + 1) if number >= len(NAMES) else '')
        self.rhythm = dice.one_of(RHYTHMS)
        self.zone = dice.one_of([-8, -5, -3, 0, 1, 1, 1, 2, 3, 5, 8, 9]) * HOUR
        others = list(DEVICES)
        self.devices = ['phone']
        for _ in range(dice.one_of([0, 1, 1, 2])):
            self.devices.append(others.pop(dice.next() % len(others)))
        self.flaky = dice.one_of([2, 4, 8, 16])              # percent of ticks at which the network misbehaves
        self.shy = number % 6 == 2                           # connects invisible now and then
        self.talks = dice.one_of([20, 40, 70] if self.shy else [0, 20, 40, 70])   # percent of sittings with a status text
        self.texts = [dice.one_of(STATUSES) for _ in range(4)]
        self.hidden = False
        self.lines = []                                      # (arrival, number of the person, serial, event)

    def text(self):
        return '' if self.dice.percent(20) else self.dice.one_of(self.texts)

    def say(self, kind, session, at, invisible=None, status=None, late=0):
        """late: percent, on top of what the network does"""
        dice = self.dice
        event = {'type': kind, 'user': self.id}
        if session is not None:
            event['session'] = self.id + '-' + session
        event['at'] = at
        if invisible is not None:
            event['invisible'] = invisible
        if status is not None:
            event['status'] = status
        delay = dice.between(15, 600)
        if dice.percent(self.flaky + late):
            delay = dice.between(2 * SECOND, 100 * SECOND)
        if kind != 'connect' and dice.between(1, 250) == 1:
            delay = dice.between(6 * MINUTE, 20 * MINUTE)    # lay in a queue, and is refused
        self.lines.append((at + delay, self.number, len(self.lines), event))
        if dice.percent(2):
            again = at + delay + dice.between(20, 40 * SECOND)
            self.lines.append((again, self.number, len(self.lines), event))

    def session(self, device, begin, end, invisible=None):
        """one device from connect to disconnect, or to where it falls silent"""
        dice, last = self.dice, begin
        status = self.text() if dice.percent(self.talks // 4) else None
        self.say('connect', device, begin, invisible, status)
        tick = begin
        while True:
            tick += self.heartbeat + dice.between(0, min(2 * MINUTE, self.heartbeat // 10))
            if tick >= end:
                break
            last = tick
            if self.shy and begin >= 0 and dice.percent(3):
                self.hidden = not self.hidden                # on the spot: connecting again is how one asks
                self.say('connect', device, tick, self.hidden)
            elif not dice.percent(self.flaky):
                self.say('heartbeat', device, tick)
            elif dice.percent(40):
                pass                                         # the heartbeat was lost
            elif dice.percent(50):
                self.say('connect', device, tick)            # came back before anyone noticed
            else:
                self.say('disconnect', device, tick, late=30)
                last = tick + dice.between(300, min(20 * SECOND, self.heartbeat // 4))
                self.say('connect', device, last)
        if not dice.percent(15 if device in ('phone', 'tv') else 5):
            self.say('disconnect', device, max(end, last + SECOND))

    def sitting(self, begin, end):
        dice, invisible = self.dice, None
        if self.shy and begin >= 0:
            if self.hidden and dice.percent(50):
                invisible = self.hidden = False
            elif not self.hidden and dice.percent(20):
                invisible = self.hidden = True
            elif self.hidden and dice.percent(30):
                invisible = True                             # says so again
        if dice.percent(self.talks):
            self.say('status', None, dice.between(begin + SECOND, end), status=self.text())
        self.session(dice.one_of(self.devices), begin, end, invisible)

    def day(self, noon, workday):
        """noon: of the day in the person's own time. A sitting may have a companion: another device for some of the time"""
        dice, free = self.dice, None
        for minute, least, most in (WORKDAY if workday else WEEKEND)[self.rhythm]:
            if not dice.percent(SHOWS_UP[self.rhythm]):
                continue
            begin = noon - 12 * HOUR + minute * MINUTE + dice.between(-40 * MINUTE, 40 * MINUTE)
            begin = begin if free is None else max(begin, free)
            end = begin + dice.between(least * MINUTE, most * MINUTE)
            free = end + 10 * MINUTE
            before = len(self.lines)
            self.sitting(begin, end)
            used = {e['session'] for _, _, _, e in self.lines[before:] if 'session' in e}
            companions = [d for d in self.devices if self.id + '-' + d not in used]
            if companions and end - begin > 40 * MINUTE and dice.percent(30):
                first = dice.between(begin + 5 * MINUTE, end - 30 * MINUTE)
                self.session(dice.one_of(companions), first, dice.between(first + 10 * MINUTE, end))


def simulate(seed, people, days, start, heartbeat):
    """the lines, as bytes; start in milliseconds since 1970"""
    lines = []
    for number in range(people):
        person = Person(seed, number, heartbeat)
        for day in range(-1, days + 2):                      # beyond either end, for the time zones and for what was under way
            weekday = (start // DAY + day + 3) % 7           # 1970 began on a Thursday
            person.day(day * DAY - start % DAY + 12 * HOUR - person.zone, weekday < 5)
        lines += person.lines
    lines.sort(key=lambda line: line[:3])
    out = []
    for _, _, _, event in lines:
        if 0 <= event['at'] < days * DAY:
            at = EPOCH + datetime.timedelta(milliseconds=start + event['at'])
            line = dict(event, at=at.isoformat(timespec='milliseconds') + 'Z')
            out.append(json.dumps(line, ensure_ascii=False, separators=(',', ':')) + '\n')
    return ''.join(out).encode('utf-8')


def instant(text):
    form = '%Y-%m-%dT%H:%M:%S.%fZ' if '.' in text else '%Y-%m-%dT%H:%M:%SZ'
    return (datetime.datetime.strptime(text, form) - EPOCH) // datetime.timedelta(milliseconds=1)


def main():
    options = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    options.add_argument('--seed', type=int, default=20260302, metavar='N')
    options.add_argument('--people', type=int, default=60, metavar='N')
    options.add_argument('--days', type=int, default=7, metavar='N')
    options.add_argument('--start', type=instant, default='2026-03-02T00:00:00Z', metavar='INSTANT', help='RFC 3339, ending in Z')
    options.add_argument('--heartbeat', type=int, default=1500, metavar='S', help='seconds between heartbeats, and up to 2 minutes more')
    options.add_argument('--check', metavar='FILE', help='compare with FILE instead of printing; exit 1 when they differ')
    asked = options.parse_args()
    if asked.heartbeat < 5:
        options.error('--heartbeat: at least 5')
    made = simulate(asked.seed, asked.people, asked.days, asked.start, asked.heartbeat * SECOND)
    if asked.check is None:
        sys.stdout.buffer.write(made)
        return 0
    with open(asked.check, 'rb') as file:
        found = file.read()
    if found == made:
        return 0
    ours, theirs = made.split(b'\n'), found.split(b'\n')
    line = next((n for n, (a, b) in enumerate(zip(ours, theirs)) if a != b), min(len(ours), len(theirs)))
    print(f'{asked.check}: differs from what this tool makes, first at line {line + 1}', file=sys.stderr)
    return 1


if __name__ == '__main__':
    sys.exit(main())
