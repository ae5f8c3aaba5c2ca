"""What presence is, by brute force: everything that was ever accepted, and functions of that set.

Nothing is summarised and nothing is forgotten. Each question goes through all events of a user again, so there is
neither a join nor a normal form, and the order in which events came cannot matter. Time is an integer.

An event is a dict: type, user, at, and the fields that PresenceEvent has for its type. A field that is absent is not in
it. An activity is None (empty) or a text; a value of the data is None (null) or a text; both stand for JSON.
"""

NEVER = 1 << 60             # later than everything
BEFORE = -NEVER             # earlier than everything: what a snapshot without a time is asked about
WORDS = ("idle", "away", "busy", "available")
OF_SESSION = ("connect", "heartbeat", "active", "update", "disconnect")


class Rules:
    def __init__(self, **fields):
        self.session_timeout = self.offline_grace = self.last_active_refresh = self.idle_after = self.report_timeout = 0
        self.reorder_window = self.max_clock_skew = 1000
        self.heartbeat_is_activity = True
        self.session_fold = "by_rank"
        self.ranking = ("busy", "available", "away", "idle")
        self.__dict__.update(fields)


# ---- one session ---------------------------------------------------------------------------------------------------

class Session:
    """One session, as its events make it. `entries` are (at, turn, event): of one date, signs of life come first, then
    disconnects, then connects. `holds` are what `resume` granted: (from, until, active)."""

    def __init__(self, name, entries, holds, rules):
        self.name = name
        silence = (rules.session_timeout if name else rules.report_timeout)
        self.can_time_out = silence > 0
        self.patience = silence + rules.offline_grace
        signs = sorted(((at, turn, e) for at, turn, e in entries if turn != 1), key=lambda s: s[:2])
        ends = sorted(at for at, turn, _ in entries if turn == 1)
        self.online_until = BEFORE
        if not signs:
            return
        last = signs[-1][:2]
        after = [at for at in ends if (at, 1) > last]
        before = [at for at in ends if (at, 1) < last]
        reopened = (before[-1], 1) if before else (BEFORE, 1)

        start, end = self.last_run([at for at, _, _ in signs], holds)
        if not after:
            self.online_until = end
        elif rules.offline_grace:
            self.online_until = min(after[0] + rules.offline_grace, end)
        self.is_ended = bool(after)

        # What it says counts in its present life alone.
        life = [s for s in signs if s[:2] > reopened]
        present = [s for s in life if s[0] >= start]
        self.word, self.priority, self.reported, self.activity = "available", 0, (BEFORE, 0), None
        said = [(at, turn, e["availability"], e.get("priority", 0) if name else 0)
                for at, turn, e in present if "availability" in e]
        if said:
            at, turn, self.word, self.priority = max(said)
            self.reported = (at, turn)
        does = [(at, turn, e["activity"] or "") for at, turn, e in present if "activity" in e]
        if does:
            self.activity = max(does)[2] or None

        # Without activity it becomes idle: not by a silence, but by a disconnect. Seen only if it says nothing else.
        self.active_until = NEVER
        if rules.idle_after and name:
            acts = [at for at, _, e in life if is_activity(e, rules)]
            acts += [active for _, _, active in holds if active is not None and (active, 0) > reopened]
            self.active_until = max(acts) + rules.idle_after if acts else BEFORE
        self.idle_from = self.active_until if self.word == "available" else NEVER

    def last_run(self, dates, holds):
        """The time around the last sign of life in which it was never silent for too long: (start, end)."""
        if not self.can_time_out:
            return BEFORE, NEVER
        spans = sorted([(at, at + self.patience) for at in dates] + [(origin[0], until) for origin, until, _ in holds])
        start, end = spans[0]
        runs = []
        for begin, stop in spans[1:]:
            if begin > end:
                runs.append((start, end))
                start, end = begin, stop
            end = max(end, stop)
        runs.append((start, end))
        return next((a, b) for a, b in runs if a <= dates[-1] <= b)

    def word_at(self, t):
        return "idle" if t >= self.idle_from else self.word


def is_activity(event, rules):
    if event["type"] in ("connect", "active"):
        return True
    return rules.heartbeat_is_activity and event["type"] in ("heartbeat", "update")


# ---- one user ------------------------------------------------------------------------------------------------------

class Person:
    """All that follows from the events of one user, whatever the time. `masked` is up to when reports were forgotten,
    and `holds` has those of each session."""

    def __init__(self, events, masked, holds, rules):
        self.rules = rules
        removed = max((e["at"] for e in events if e["type"] == "remove"), default=BEFORE)
        self.invisible_since = invisible_since(events)
        events = [e for e in events if e["at"] > removed and e["type"] != "remove"]

        entries = {}
        for e in events:
            if e["type"] == "report" and e["at"] > masked:
                entries.setdefault("", []).append((e["at"], 2 if e["online"] else 1, e))
            elif e["type"] in OF_SESSION:
                turn = {"connect": 2, "disconnect": 1}.get(e["type"], 0)
                entries.setdefault(e["session"], []).append((e["at"], turn, e))
        self.sessions = [Session(name, some, [h for h in holds.get(name, ())], rules) for name, some in entries.items()]
        self.sessions = [s for s in self.sessions if s.online_until > BEFORE]

        # What is published: it is seen of everybody, invisible or offline.
        texts = [(e["at"], e["status"], e.get("until", NEVER)) for e in events if "status" in e]
        self.status = max(texts, default=None)
        choices = [(e["at"], e.get("availability", ""), e.get("until", NEVER)) for e in events
                   if e["type"] == "set_availability"]
        self.choice = max(choices, default=(BEFORE, "", NEVER))
        self.data = last_data(events)
        self.is_reported = any(e["type"] == "report" for e in events)
        told = [(e["at"], e["last_active"]) for e in events if e["type"] == "report" and "last_active" in e]
        self.told_active = max(told)[1] if told else None

        # (value of last_active, when it was said)
        self.values = [(value, e["at"]) for e in events for value in active_values(e, rules) if value > removed]

    def live(self, t):
        return [s for s in self.sessions if t < s.online_until]

    def view(self, t, own=False):
        """(availability, status, last_active, activity, data), or None: unknown."""
        hidden = self.invisible_since is not None and not own
        live = [] if hidden else self.live(t)
        values = [v for v, at in self.values if not hidden or at < self.invisible_since]
        if not (live or values or self.status or self.is_reported or self.data):
            return None
        if self.told_active is not None:
            values.append(self.told_active)
        last = max(values, default=None)
        text = self.status[1] if self.status and t < self.status[2] else ""
        if not live:
            return "offline", text, last, None, self.data
        deciding = max(live, key=lambda s: self.strength(s, t))
        word = self.choice[1] if self.choice[1] and t < self.choice[2] else deciding.word_at(t)
        return word, text, last, deciding.activity, self.data

    def strength(self, session, t):
        rank = -self.rules.ranking.index(session.word_at(t))
        return {"by_rank": (rank, session.priority, session.reported, session.name),
                "by_priority": (session.priority, rank, session.reported, session.name),
                "latest": (session.reported, rank, session.name)}[self.rules.session_fold]

    def devices(self, t):
        if self.invisible_since is not None:
            return []
        return sorted((s.name, s.word_at(t), s.activity) for s in self.live(t) if s.name)

    def moments(self):
        """Every date at which time alone may change something."""
        dates = {s.online_until for s in self.sessions} | {s.idle_from for s in self.sessions} | {self.choice[2]}
        if self.status:
            dates.add(self.status[2])
        return sorted(t for t in dates if BEFORE < t < NEVER)

    def steps(self, after, up_to):
        """What time alone changes for others: (date, view before, view after)."""
        seen = self.view(after)
        for t in self.moments():
            if after < t <= up_to:
                now = self.view(t)
                if now != seen:
                    yield t, seen, now
                seen = now


def invisible_since(events):
    """The first date of invisible ones that no visible one followed. At one date, invisible wins."""
    asked = {}
    for e in events:
        if "invisible" in e and e["type"] in ("connect", "set_visible"):
            asked[e["at"]] = asked.get(e["at"], False) or e["invisible"]
    shown = max((at for at, invisible in asked.items() if not invisible), default=BEFORE)
    return min((at for at, invisible in asked.items() if invisible and at > shown), default=None)


def active_values(event, rules):
    """The values of last_active that an event gives. Those of mere signs of life are rounded down."""
    at = event["at"]
    if event["type"] == "connect" or (event["type"] == "set_visible" and not event["invisible"]):
        return [at]
    if event["type"] in OF_SESSION and is_activity(event, rules):
        return [at - at % rules.last_active_refresh if rules.last_active_refresh else at]
    return []


def last_data(events):
    """For each name the last value, as pairs. A report that has data has all of it."""
    since = max((e["at"] for e in events if e["type"] == "report" and "data" in e), default=BEFORE)
    values = {}
    for e in events:
        if e["at"] < since:
            continue
        if e["type"] == "set_data":
            values.setdefault(e["name"], []).append((e["at"], e["value"] or ""))
        elif e["type"] == "report":
            for name, value in e.get("data", {}).items():
                values.setdefault(name, []).append((e["at"], value))
    last = {name: max(all_)[1] for name, all_ in values.items()}
    return tuple(sorted((name, value) for name, value in last.items() if value))


# ---- all users -----------------------------------------------------------------------------------------------------

class Undetermined(Exception):
    """From here on the events alone do not say what happens."""


class Node:
    """The set of events that one node has accepted, and its time."""

    def __init__(self, rules):
        self.rules, self.now = rules, BEFORE
        self.events, self.masked, self.holds = {}, {}, {}
        self.known = {}     # the Person of each user, until another event comes

    def person(self, user):
        if user not in self.known:
            self.known[user] = Person(self.events.get(user, []), self.masked.get(user, BEFORE),
                                      self.holds.get(user, {}), self.rules)
        return self.known[user]

    def apply(self, event):
        """Returns the verdict and the changes (date, user, before, after)."""
        user, at = event["user"], event["at"]
        if is_invalid(event):
            return "invalid", []
        if self.now > BEFORE and at < self.now - self.rules.reorder_window:
            return "too_late", []
        if self.now > BEFORE and at > self.now + self.rules.max_clock_skew:
            return "too_early", []
        before = self.person(user).view(self.now)
        if event not in self.events.setdefault(user, []):
            self.events[user].append(event)
            del self.known[user]
        after = self.person(user).view(self.now)
        return "accepted", [(self.now if self.now > BEFORE else at, user, before, after)] if before != after else []

    def advance(self, now):
        if now <= self.now:
            return []
        changes = [(t, user, before, after) for user in self.events
                   for t, before, after in self.person(user).steps(self.now, now)]
        self.now = now
        return sorted(changes, key=lambda c: c[:2])

    def next_deadline(self):
        first = [next(self.person(user).steps(self.now, NEVER), None) for user in self.events]
        return min((step[0] for step in first if step), default=None)

    def forget_reports(self):
        """Each report is forgotten up to its own date."""
        if self.now == BEFORE:
            raise Undetermined      # the date of the changes
        changes = []
        for user, events in self.events.items():
            removed = max((e["at"] for e in events if e["type"] == "remove"), default=BEFORE)
            latest = max((e["at"] for e in events if e["type"] == "report" and e["at"] > removed), default=BEFORE)
            before = self.person(user).view(self.now)
            self.masked[user] = max(self.masked.get(user, BEFORE), latest)
            del self.known[user]
            after = self.person(user).view(self.now)
            if before != after:
                changes.append((self.now, user, before, after))
        return sorted(changes, key=lambda c: c[:2])

    def resume(self, now, patience):
        """Whoever is online by a session that could time out is held, and not idle, until now + patience."""
        if now <= self.now:
            return []
        until = now + max(patience, 0)
        for user, events in self.events.items():
            for s in self.person(user).live(self.now):
                if not s.can_time_out or s.is_ended:
                    continue
                signs = [(e["at"], 2 if e["type"] in ("connect", "report") else 0) for e in events
                         if (e["type"] == "report" and e["online"] if not s.name else
                             e.get("session") == s.name and e["type"] in OF_SESSION and e["type"] != "disconnect")]
                active = until - self.rules.idle_after if self.now < s.active_until < NEVER else None
                self.holds.setdefault(user, {}).setdefault(s.name, []).append((max(signs), until, active))
            del self.known[user]
        return self.advance(now)

    def merge(self, other):
        """The union, as if one node had been told all of it. What one side lacks must be inside the window."""
        now = max(self.now, other.now)
        for user in {**self.events, **other.events}:
            mine, theirs = self.events.get(user, []), other.events.get(user, [])
            for e in mine + theirs:
                if now > BEFORE and e["at"] < now - self.rules.reorder_window and not (e in mine and e in theirs):
                    raise Undetermined
            if self.holds or other.holds or self.masked or other.masked:
                raise Undetermined
            self.events[user] = mine + [e for e in theirs if e not in mine]
        self.known.clear()
        self.now = now

    def state(self):
        """Of each user: what others see, what the user sees, and the devices."""
        users = sorted(self.events)
        return {user: (self.person(user).view(self.now), self.person(user).view(self.now, own=True),
                       self.person(user).devices(self.now)) for user in users}


def is_invalid(event):
    ends = event["type"] == "set_availability" or "status" in event
    if ends and "until" in event and event["until"] <= event["at"]:
        return True
    if "availability" in event and event["availability"] not in WORDS:
        return True
    if event["type"] in ("connect", "update") and "priority" in event and "availability" not in event:
        return True
    return (event["type"] == "set_visible" and "invisible" not in event) or event.get("name") in ("", "status")
