# SPDX-License-Identifier: MIT
"""Shows the values of presence in gdb as what they mean.

    (gdb) source tests/debuggers/presence_gdb.py
    (gdb) print snapshot
    $1 = Snapshot of 2 users, 1 online, at 2019-01-07T13:17:42.375Z = {["john"] = session "phone" connect ...}

To have it always, put the `source` line, with the full path, into ~/.gdbinit. `print/r` shows a value as it is laid out.
No function of the program is called, so it works on core files too. What cannot be read, or cannot be, is shown as
`<unreadable>`. Texts and vectors of the standard library are read as libstdc++ lays them out.

In editors that use gdb it takes `-enable-pretty-printing`, which VS Code has in "setupCommands".
"""
import datetime
import re

import gdb
import gdb.printing

LOWEST, HIGHEST = -(1 << 63), (1 << 63) - 1
UNREADABLE, OPTIMIZED_OUT = "<unreadable>", "<optimized out>"
LONGEST_TEXT = 200  # characters shown
MOST_PARTS = 100  # elements of an array, sessions of a user and the like shown

# Nothing that a Snapshot holds is longer; what claims to be is garbage.
LONGEST_STORED, MOST_ROWS, MOST_IN_OVERFLOW = 1 << 32, 1 << 20, 1 << 20
LEVELS, MOST_BITS, VALUE_LEVELS = 30, 6, 64
ROOM, ELSEWHERE = 15, 127  # of detail::SharedString
OUTSIDE = 255  # of ValueMember
LONG = 255  # of detail::CompactText


class Unreadable(Exception):
    """The value is none that the library can have made."""


FAILURES = (Unreadable, gdb.error, RuntimeError, ValueError, OverflowError, LookupError, TypeError, AttributeError)


def shown(value, show):
    """What `show` makes of a value, or why it can make nothing of it."""
    try:
        return show(value)
    except FAILURES:
        pass
    try:
        return OPTIMIZED_OUT if value.is_optimized_out else UNREADABLE
    except FAILURES:
        return UNREADABLE


# --- The standard library


def is_true(value):
    number = int(value.cast(gdb.lookup_type("unsigned char")))
    if number > 1:
        raise Unreadable
    return number == 1


def quoted(data, size):
    text = data.decode("utf-8", "backslashreplace")
    text = text.replace("\\", "\\\\") if b"\\" in data else text
    text = text.replace('"', '\\"')
    text = "".join(c if c.isprintable() else "\\u%04x" % ord(c) for c in text)
    return '"' + text + ('"' if size <= len(data) else '"...')


def text_at(address, size):
    if not 0 <= size <= LONGEST_STORED:
        raise Unreadable
    data = b""
    if size != 0:
        data = gdb.selected_inferior().read_memory(address, min(size, LONGEST_TEXT)).tobytes()
    return quoted(data, size)


def std_text(value):
    """Of a std::string or a std::string_view."""
    kind = value.type.strip_typedefs().unqualified()
    if re.match(r"std::(\w+::)*basic_string_view<", str(kind)):
        return text_at(int(value["_M_str"]), int(value["_M_len"]))
    try:
        return text_at(int(value["_M_dataplus"]["_M_p"]), int(value["_M_string_length"]))
    except gdb.MemoryError:
        raise
    except gdb.error:
        # clang++ leaves the layout to the debug information of libstdc++ itself, which may not be there.
        words = value.address.cast(gdb.lookup_type("char").pointer().pointer())
        return text_at(int(words[0]), int(words[1]))


def optional(value):
    """The value in a std::optional; None where there is none."""
    payload = value["_M_payload"]
    if not is_true(payload["_M_engaged"]):
        return None
    return payload["_M_payload"]["_M_value"]


def vector(value):
    first, last = value["_M_impl"]["_M_start"], value["_M_impl"]["_M_finish"]
    count = int(last) - int(first)
    each = first.type.strip_typedefs().target().sizeof
    if count < 0 or count % each != 0 or (count != 0 and int(first) == 0):
        raise Unreadable
    return elements(first, count // each)


def compact(head, kind):
    """Of the memory of a CompactVector: its first element, and how many there are."""
    if int(head) == 0:
        return None, 0
    size, capacity = int(head["size"]), int(head["capacity"])
    if size > capacity:
        raise Unreadable
    return (head + 1).cast(kind.pointer()), size


def compact_text(head):
    """Of the memory of a CompactText."""
    if int(head) == 0:
        return text_at(0, 0)
    first, size = int(head + 1), int(head["size"])
    if size == LONG:
        width = head.type.sizeof  # of a size_t, too
        size = int.from_bytes(gdb.selected_inferior().read_memory(first, width).tobytes(), "big" if is_big_endian() else "little")
        first += width
        if size < LONG:
            raise Unreadable
    if size == 0:
        raise Unreadable
    return text_at(first, size)


def elements(first, count):
    """Those that are shown, and how many there are."""
    return [first[i] for i in range(min(count, MOST_PARTS))], count


def listed(some, show):
    """The list that `elements` returned, in words."""
    parts, count = some
    return ", ".join([show(part) for part in parts] + ["..."] * (count > len(parts)))


def counted(count, what):
    return f"{count} {what}{'' if count == 1 else 's'}"


# --- Types of the library


def namespace_of(kind):
    """`presence::v0_2_0::` of any of its types."""
    return re.match(r"presence::(v\w+::)?", kind.strip_typedefs().unqualified().name).group(0)


def enumerator(value):
    """The name, without the scopes."""
    number = int(value)
    for field in value.type.strip_typedefs().fields():
        if field.enumval == number:
            return field.name.rsplit("::", 1)[-1]
    raise Unreadable


def instant_text(ns):
    if ns == LOWEST:
        return "lowest"
    if ns == HIGHEST:
        return "highest"
    seconds, rest = divmod(ns, 10**9)
    at = datetime.datetime(1970, 1, 1) + datetime.timedelta(seconds=seconds)
    fraction = "%09d" % rest
    while len(fraction) > 3 and fraction.endswith("000"):
        fraction = fraction[:-3]
    return f"{at.isoformat()}.{fraction}Z"


def ns_of(timestamp):
    return int(timestamp["ns_"])


def instant(timestamp):
    return instant_text(ns_of(timestamp))


def duration(value):
    ns = int(value["ns_"])
    if ns == HIGHEST:
        return "highest"
    size = abs(ns)
    for unit, length in (("s", 10**9), ("ms", 10**6), ("us", 10**3), ("ns", 1)):
        if size >= length or length == 1:
            break
    if size == 0:
        unit, length = "s", 10**9
    whole, rest = divmod(size, length)
    digits = len(str(length)) - 1
    fraction = ("." + str(rest).rjust(digits, "0")).rstrip("0") if rest else ""
    return f"{'-' if ns < 0 else ''}{whole}{fraction} {unit}"


def seen(user):
    """Of a User or a UserView, without the id."""
    words = "online" if is_true(user["online"]) else "offline"
    availability = enumerator(user["availability"])
    if words == "online" and availability not in ("offline", "available"):
        words += f", {availability}"
    status, active = std_text(user["status"]), optional(user["last_active"])
    if status != '""':
        words += f", status {status}"
    if active is not None:
        words += f", last active {instant(active)}"
    if is_true(user["invisible"]):
        words += ", invisible"
    for name in ("activity", "data"):
        fields = attributes(user[name])
        if fields != "{}":
            words += f", {name} {fields}"
    return words


def user(value):
    return f"{std_text(value['id'])} {seen(value)}"


def viewer(value):
    name = std_text(value["id_"])
    return "nobody" if name == '""' else f"viewer {name}"


def event(value):
    kind = enumerator(value["type"])
    words = f"{kind} {std_text(value['user'])}"
    session = std_text(value["session"])
    if session != '""':
        words += f" session {session}"
    if kind == "report":
        words += " online" if is_true(value["online"]) else " offline"
    words += f" at {instant(value['at'])}"
    names = ("invisible", "status", "until", "last_active")
    invisible, status, until, active = (optional(value[name]) for name in names)
    if invisible is not None:
        words += ", invisible" if is_true(invisible) else ", visible"
    if status is not None:
        words += f", status {std_text(status)}"
    end = f" until {instant(until)}" if until is not None else ""
    availability, priority = optional(value["availability"]), optional(value["priority"])
    if kind == "set_availability":
        words += f", {enumerator(availability) if availability is not None else 'no choice'}{end}"
    elif availability is not None:
        words += f"{end}, {enumerator(availability)}"
    else:
        words += end
    if priority is not None:
        words += f" priority {int(priority)}"
    if active is not None:
        words += f", last active {instant(active)}"
    activity, data = optional(value["activity"]), optional(value["data"])
    if activity is not None:
        words += f", activity {attributes(activity)}"
    name, set_to = std_text(value["name"]), any_value(value["value"])
    if kind == "set_data":
        words += f", {name} = {set_to}"
    if data is not None:
        words += f", data {attributes(data)}"
    return words


def device(value):
    fields = attributes(value["activity"])
    words = f"session {std_text(value['session'])} {enumerator(value['availability'])}"
    return words if fields == "{}" else f"{words}, activity {fields}"


def change(value):
    before, after = ("unknown" if one is None else seen(one) for one in map(optional, (value["before"], value["after"])))
    return f"{std_text(value['id'])} at {instant(value['at'])}: {before} -> {after}"


def message(pointer):
    return pointer.string(errors="backslashreplace", length=LONGEST_TEXT).split("\0")[0]


def error(value):
    return f"error {enumerator(value['code'])} at offset {int(value['offset'])}: {message(value['message'])}"


def result(value):
    held = optional(value["value_"])
    return error(value["error_"]) if held is None else f"value {held.format_string()}"


def member(value, depth=1):
    """Of an object: its name and its value."""
    size, name = int(value["size_"]), value["name_"]
    if size > OUTSIDE:
        raise Unreadable
    if size == OUTSIDE:
        words = compact_text(name["outside"])
    elif size <= name["inside"].type.sizeof:
        words = text_at(int(name["inside"].address), size)
    else:
        raise Unreadable
    return f"{words}: {any_value(base_of(value), depth)}"


def any_value(value, depth=0, is_element=False):
    kind = enumerator(value["kind_"])
    borrowed = any(field.name == "data_" for field in value.type.strip_typedefs().fields())
    content = (lambda name: value[name + "_"]) if borrowed else (lambda name: value["content_"][name])
    if kind in ("absent", "null"):
        return kind
    if kind == "boolean":
        number = int(content("number"))
        if number not in (0, 1):
            raise Unreadable
        return "true" if number else "false"
    if kind == "integer":
        return str(int(content("number")))
    if kind == "real":
        return repr(float(content("real")))
    if kind == "timestamp":
        return instant_text(int(content("number")))
    if kind == "invalid":
        return "<invalid>"
    if kind == "string":
        return text_at(int(value["data_"]), int(value["size_"])) if borrowed else compact_text(content("text"))
    if borrowed:
        return f"<{kind} of {int(value['size_'])}>"
    if depth >= VALUE_LEVELS:
        raise Unreadable
    if kind == "object":
        kind_of_member = gdb.lookup_type(namespace_of(value.type) + "ValueMember")
        all_of_it = elements(*compact(content("members"), kind_of_member))
        return "{" + listed(all_of_it, lambda one: member(one, depth + 1)) + "}"
    if is_element:
        raise Unreadable  # no array is in an array
    all_of_it = elements(*compact(content("elements"), value.type.strip_typedefs().unqualified()))
    return "[" + listed(all_of_it, lambda element: any_value(element, depth + 1, True)) + "]"


def base_of(value):
    """The part of an object that its only base class is."""
    return value[value.type.strip_typedefs().fields()[0]]


COMBINATIONS = {"all_of": "$and", "any_of": "$or", "none_of": "$nor"}


def filter_text(value, depth=0):
    op = enumerator(value["op_"])
    if op == "everything":
        return "{}"
    content = value["what_"]
    if op == "invalid":
        return f"<invalid: error {enumerator(value['code_'])} at offset 0: {message(content['message'])}>"
    if op in COMBINATIONS:
        if depth > 30:
            raise Unreadable
        all_of_it = elements(*compact(content["parts"], value.type.strip_typedefs().unqualified()))
        parts = listed(all_of_it, lambda part: filter_text(part, depth + 1))
        return f'{{"{COMBINATIONS[op]}": [{parts}]}}'
    field, operand = compact_text(content["field"]), any_value(base_of(value))
    return f'{{{field}: {{"${op}": {operand}}}}}'


def custom_fields(value):
    """Those that are shown, and how many there are."""
    entry = gdb.lookup_type(namespace_of(value.type) + "Attributes::Entry")
    run_type = value["runs_"].type.strip_typedefs().template_argument(0)
    first, runs = compact(value["runs_"]["head_"], run_type)
    shown = []
    for i in range(min(runs, MOST_PARTS)):
        pointers, count = compact(first[i]["head_"], entry.pointer())
        shown += [pointers[j].dereference() for j in range(min(count, MOST_PARTS - len(shown)))]
    return shown, int(value["size_"])


def attributes(value):
    """Of Attributes, or of an AttributesView, which borrows them or the members of an object."""
    names = [field.name for field in value.type.strip_typedefs().fields()]
    if "members_" in names:
        if int(value["fields_"]) == 0:
            members = value["members_"]
            first, count = members["first_"], int(members["size_"])
            if count < 0 or (count != 0 and int(first) == 0):
                raise Unreadable
            return "{" + listed(elements(first, count), member) + "}"
        value = value["fields_"].dereference()
    return "{" + listed(custom_fields(value), lambda one: f"{std_text(one['name'])}: {any_value(one['value'])}") + "}"


def channel(value):
    members, custom = vector(value["members"]), attributes(value["custom"])
    words = f"{std_text(value['type'])} {std_text(value['id'])}, {counted(members[1], 'member')} [{listed(members, std_text)}]"
    return words if custom == "{}" else f"{words}, custom {custom}"


# --- What a Snapshot keeps


def is_big_endian():
    return "big endian" in gdb.execute("show endian", to_string=True)


def kept_text(value):
    """Of a detail::SharedString."""
    kept = value["bytes_"]
    data = bytes(int(kept[i]) & 0xFF for i in range(ROOM + 1))
    if data[ROOM] <= ROOM:
        return quoted(data[: data[ROOM]], data[ROOM])
    if data[ROOM] != ELSEWHERE:
        raise Unreadable
    order = "big" if is_big_endian() else "little"
    word = gdb.lookup_type("void").pointer().sizeof
    size = int.from_bytes(data[word : word + 4], order)
    stored = int.from_bytes(data[:word], order)
    if stored == 0 or size <= ROOM:
        raise Unreadable
    return text_at(stored + gdb.lookup_type(namespace_of(value.type) + "detail::SharedString::Stored").sizeof, size)


def few(value):
    """The elements of a detail::SmallVector."""
    kind = value.type.strip_typedefs()
    size, capacity = int(value["size_"]), int(value["capacity_"])
    if not size <= capacity <= MOST_IN_OVERFLOW:
        raise Unreadable
    room = value["room_"]
    first = room["elements"]
    if capacity == int(kind.template_argument(1)):
        first = room["bytes"].address.cast(first.type)
    return elements(first, size)


def moment(value):
    """Of a detail::SessionMoment."""
    if ns_of(value["at"]) == LOWEST:
        return "never"
    return f"{instant(value['at'])}{' by a connect' if is_true(value['by_connect']) else ''}"


def session_state(value):
    if ns_of(value["moment"]["at"]) == LOWEST:
        return "nothing"
    priority = int(value["priority"])
    words = enumerator(value["availability"]) + (f" priority {priority}" if priority != 0 else "")
    return f"{words} from {instant(value['moment']['at'])}"


def session_run(value):
    return f"{instant(value['start'])} to {instant(value['end'])}"


def kept_value(value):
    """Of a detail::KeptValuePointer."""
    kept = value["kept_"]
    if int(kept) == 0:
        return "none"
    first = (kept + 1).cast(gdb.lookup_type(namespace_of(value.type) + "ValueMember").pointer())
    return "{" + listed(elements(first, int(kept["size"])), member) + "}"


def session_activity(value):
    """Of a detail::SessionActivity."""
    if ns_of(value["moment"]["at"]) == LOWEST:
        return "nothing"
    return f"{kept_value(value['value'])} from {moment(value['moment'])}"


def user_data(value):
    """Of a detail::UserDataPointer: the names in order of their values, and of those that were removed."""
    data = value["data_"]["object_"]
    if int(data) == 0:
        return "nothing"
    detail = namespace_of(value.type) + "detail::"
    member_type, cleared_type = (gdb.lookup_type(name) for name in (namespace_of(value.type) + "ValueMember", detail + "UserData::Cleared"))
    members = elements(*compact(data["members"]["head_"], member_type))
    dates, count = compact(data["dates"]["head_"], gdb.lookup_type(namespace_of(value.type) + "Timestamp"))
    if count != members[1]:
        raise Unreadable
    words = [f"{member(one)} from {instant(dates[i])}" for i, one in enumerate(members[0])]
    words += ["..."] * (count > len(members[0]))
    cleared = elements(*compact(data["cleared"]["head_"], cleared_type))
    if cleared[1] != 0:
        words.append(listed(cleared, lambda one: f"{kept_text(one['name'])} removed at {instant(one['at'])}"))
    if ns_of(data["since"]) != LOWEST:
        words.append(f"complete at {instant(data['since'])}")
    return ", ".join(words) or "nothing"


def parts_of_rare(value):
    """Of a detail::RareOfSession: its past, and what it says; None for what is not there."""
    word, detail = int(value["word_"]), namespace_of(value.type) + "detail::"
    past = rich = None
    address = gdb.Value(word & ~7)
    if word & 4:
        rich = address.cast(gdb.lookup_type(detail + "RichOfSession").pointer()).dereference()
        address = rich["past"]
    if int(address) != 0:
        past = address.cast(gdb.lookup_type(detail + "PastOfSession").pointer()).dereference()
    return past, rich


def rare_of_session(value):
    """In words, without the disconnects."""
    past, rich = parts_of_rare(value)
    words = []
    if rich is not None:
        if ns_of(rich["state_at"]) != LOWEST:
            priority = int(rich["priority"])
            priority = f" priority {priority}" if priority != 0 else ""
            words.append(f"says {enumerator(rich['availability'])}{priority} from {instant(rich['state_at'])}")
        if ns_of(rich["active_at"]) != LOWEST:
            words.append(f"active {instant(rich['active_at'])}")
        if ns_of(rich["shown_at"]) != LOWEST:
            by_connect = " by a connect" if is_true(rich["shown_by_connect"]) else ""
            words.append(f"activity {kept_value(rich['shown'])} from {instant(rich['shown_at'])}{by_connect}")
    if past is not None:
        runs = few(past["runs"])
        if runs[1] != 0:
            words.append(f"earlier {listed(runs, session_run)}")
    if rich is not None and ns_of(rich["held_until"]) != LOWEST:
        words.append(f"held until {instant(rich['held_until'])}")
    return words


def session(value):
    """Of a session, or of the reports, whose id is empty."""
    name = kept_text(value["id"])
    is_report = name == '""'
    words = ["reports" if is_report else f"session {name}"]
    bits = int(value["rare_"]["word_"])  # the lowest ones are by_connect and is_available
    evidence, start = ns_of(value["evidence_"]), ns_of(value["run_start_"])
    if evidence != LOWEST:
        by_connect = ("online" if is_report else "connect") if bits & 1 else "alive"
        words.append(f"{by_connect} {instant_text(evidence)}")
        if start not in (LOWEST, evidence):
            words.append(f"since {instant_text(start)}")
    disconnects = ([value["disconnect_"]], 1)
    if ns_of(value["disconnect_"]) == LOWEST:
        disconnects = ([], 0)
    elif ns_of(value["disconnect_"]) == HIGHEST:  # several
        disconnects = few(parts_of_rare(value["rare_"])[0]["disconnects"])
    if disconnects[1] != 0:
        words.append(f"{'offline' if is_report else 'disconnect'} {listed(disconnects, instant)}")
    if bits & 2:
        words.append("says available")
    return " ".join(words + rare_of_session(value["rare_"]))


def activity(value):
    words = instant(value["value"])
    return words if ns_of(value["value"]) == ns_of(value["evidence"]) else f"{words} (known at {instant(value['evidence'])})"


def visibility_change(value):
    return f"{'invisible' if is_true(value['invisible']) else 'visible'} from {instant(value['at'])}"


def end_of_status(rare):
    return f" until {instant(rare['status_until'])}" if ns_of(rare["status_until"]) != HIGHEST else ""


def rare_words(rare):
    words = []
    if ns_of(rare["choice_at"]) != LOWEST:
        choice = enumerator(rare["choice"])
        until = f" until {instant(rare['choice_until'])}" if ns_of(rare["choice_until"]) != HIGHEST else ""
        words.append(f"{'no choice' if choice == 'offline' else f'chose {choice}'} at {instant(rare['choice_at'])}{until}")
    if int(rare["data"]["data_"]["object_"]) != 0:
        words.append(f"data {user_data(rare['data'])}")
    if ns_of(rare["reported_at"]) != LOWEST:
        words.append(f"reported at {instant(rare['reported_at'])}")
    if ns_of(rare["reported_last_active_at"]) != LOWEST:
        words.append(f"reported active {instant(rare['reported_last_active'])} at {instant(rare['reported_last_active_at'])}")
    if ns_of(rare["forgotten_up_to"]) != LOWEST:
        words.append(f"forgotten up to {instant(rare['forgotten_up_to'])}")
    if ns_of(rare["removed"]) != LOWEST:
        words.append(f"removed up to {instant(rare['removed'])}")
    if ns_of(rare["dropped_range"]["to"]) != LOWEST:
        words.append(f"visibility lost from {instant(rare['dropped_range']['from'])} to {instant(rare['dropped_range']['to'])}")
    return words


def behind(pointer, kind, at=0):
    """A pointer to `kind` that many bytes behind what another points to."""
    own = pointer.type.strip_typedefs().target().sizeof
    return gdb.Value(int(pointer) + own + at).cast(kind.pointer())


class Overflow:
    """The arrays behind a detail::Overflow, which follow each other without gaps."""

    def __init__(self, pointer, head, rest):
        detail = namespace_of(rest.type) + "detail::"
        rooms = int(pointer["change_room_and_rare_"])
        counts = [int(pointer["session_room_"]), int(pointer["activity_room_"]), rooms // 2]
        # Of what there is room for, so many are there.
        used = [max(0, int(rest["session_count"]) - 1), int(pointer["activity_count"]), int(pointer["visibility_change_count"])]
        if max(counts) > MOST_IN_OVERFLOW or any(some > room for some, room in zip(used, counts)):
            raise Unreadable
        sessions, self.has_rare = head["session"].type, rooms % 2 != 0
        rare = gdb.lookup_type(detail + "RareRegisters")
        activities = rest["activities"].type.strip_typedefs().target()
        at = 0
        self.sessions = elements(behind(pointer, sessions, at), used[0])
        at += counts[0] * sessions.sizeof
        self.rare = behind(pointer, rare, at)
        at += rare.sizeof if self.has_rare else 0
        self.activities = elements(behind(pointer, activities, at), used[1])
        at += counts[1] * activities.sizeof
        self.visibility_changes = elements(behind(pointer, gdb.lookup_type(detail + "VisibilityChange"), at), used[2])
        self.status_at = pointer["status_at"]


def kept(head, rest):
    """What is kept of a user, but for the id, in one line."""
    more = Overflow(rest["overflow"], head, rest) if int(rest["overflow"]) != 0 else None
    sessions, count = int(rest["session_count"]), int(rest["count"])
    if sessions != (0 if sessions == 0 else 1 + (more.sessions[1] if more else 0)) or count > 2:
        raise Unreadable
    words = []
    if sessions != 0:
        words.append(session(head["session"]))
        words += [session(one) for one in (more.sessions[0] if more else [])]
        if sessions - 1 > MOST_PARTS:
            words.append("...")
    activities = elements(rest["activities"], count)
    if count == 0 and more:
        activities = more.activities
    if activities[1] != 0:
        words.append(f"active {listed(activities, activity)}")
    if more and more.visibility_changes[1] != 0:
        words.append(listed(more.visibility_changes, visibility_change))
    if more and ns_of(more.status_at) != LOWEST:
        until = end_of_status(more.rare.dereference()) if more.has_rare else ""
        words.append(f"status {kept_text(rest['status'])} from {instant(more.status_at)}{until}")
    if more and more.has_rare:
        words += rare_words(more.rare.dereference())
    return "; ".join(words) or "nothing"


def row(value):
    """Of a RowView or a RowAccess, which borrow the two parts of a row."""
    if int(value["head_"]) == 0:
        return "no user"
    return kept(value["head_"].dereference(), value["rest_"].dereference())


def page_rows(page):
    """A RowView of each row of a page: behind it lie the heads, and before it the rests, the first nearest to it."""
    size, capacity = int(page["size"]), int(page["capacity"])
    if not 0 < size <= capacity <= MOST_ROWS:
        raise Unreadable
    detail = namespace_of(page.type.strip_typedefs().target()) + "detail::"
    view, head, rest = (gdb.lookup_type(detail + name) for name in ("RowView", "RowHead", "RowRest"))
    first_head, order, word = int(behind(page, head)), "big" if is_big_endian() else "little", view.sizeof // 2
    for i in range(size):
        at = first_head + i * head.sizeof, int(page) - (i + 1) * rest.sizeof
        yield gdb.Value(b"".join(address.to_bytes(word, order) for address in at), view)


def branch_rows(branch, page_type, node_type, users, depth=0):
    """The rows below a page or a node, in the order of the table, and not more than `users`."""
    if is_true(branch["is_page"]):
        yield from page_rows(branch.cast(page_type))
        return
    node = branch.cast(node_type)
    bits, below = int(node["bits"]), int(node["users"])
    if depth == LEVELS or bits > MOST_BITS or not 0 < below <= users:
        raise Unreadable
    slots = behind(node, branch.type)
    slot = 0
    while slot < 1 << bits:
        child = slots[slot]
        run = 1
        if int(child) != 0:
            if is_true(child["is_page"]):
                page_depth = int(child["page_depth"])
                if page_depth > bits:
                    raise Unreadable
                run = 1 << (bits - page_depth)
            yield from branch_rows(child, page_type, node_type, below, depth + 1)
        slot += run


def table_rows(table):
    """The rows of a UserTable; ends with Unreadable where they are not as many as it says."""
    top = table["top_"]
    if int(top) == 0:
        return
    detail = namespace_of(table.type) + "detail::"
    page_type, node_type = (gdb.lookup_type(detail + name).pointer() for name in ("Page", "Node"))
    if is_true(top["is_page"]):
        raise Unreadable
    users = int(top.cast(node_type)["users"])
    count = 0
    for view in branch_rows(top, page_type, node_type, users):
        count += 1
        if count > users:
            raise Unreadable
        yield view
    if count != users:
        raise Unreadable


def snapshot(value):
    root = value["root_"]["object_"]
    if int(root) == 0:
        return "Snapshot of 0 users, 0 online, at no instant"
    known, online, now = int(root["known"]), int(root["online"]), ns_of(root["now"])
    if online > known:
        raise Unreadable
    at = "no instant" if now in (LOWEST, HIGHEST) else instant_text(now)
    return f"Snapshot of {counted(known, 'user')}, {online} online, at {at}"


def snapshot_children(value):
    try:
        root = value["root_"]["object_"]
        if int(root) == 0:
            return
        for view in table_rows(root["table"]):
            # Of a text gdb would tell an editor the characters one by one; of the row it tells the line.
            yield f"[{shown(view['head_'].dereference()['id'], kept_text)}]", view
    except FAILURES:
        yield UNREADABLE, UNREADABLE


# --- Printers


class Line:
    """Shows a value as one line."""

    def __init__(self, value, show):
        self.value, self.show = value, show

    def to_string(self):
        return shown(self.value, self.show)


class SnapshotPrinter(Line):
    """The line, and below it what is kept of each user. Users that others do not know of are there too."""

    def __init__(self, value):
        super().__init__(value, snapshot)

    def children(self):
        if self.to_string() in (UNREADABLE, OPTIMIZED_OUT):
            return iter(())
        return snapshot_children(self.value)


class SmallVectorPrinter(Line):
    """The elements, each as it is shown elsewhere."""

    def __init__(self, value):
        super().__init__(value, lambda one: f"{few(one)[1]} of at most {int(one['capacity_'])}")

    def children(self):
        try:
            found = few(self.value)[0]
        except FAILURES:
            found = []
        return ((f"[{i}]", element) for i, element in enumerate(found))


def line(show):
    return lambda value: Line(value, show)


LINES = {
    "Timestamp": instant,
    "Duration": duration,
    "User": user,
    "UserView": user,
    "Viewer": viewer,
    "PresenceEvent": event,
    "PresenceEventView": event,
    "UserPresenceChanged": change,
    "UserPresenceChangedView": change,
    "Error": error,
    "Value": any_value,
    "ValueView": any_value,
    "ValueMember": member,
    "Filter": filter_text,
    "Attributes": attributes,
    "AttributesView": attributes,
    "Device": device,
    "Channel": channel,
    "SharedString": kept_text,
    "SessionRegisters": session,
    "SessionMoment": moment,
    "SessionState": session_state,
    "SessionActivity": session_activity,
    "UserDataPointer": user_data,
    "Run": session_run,
    "RareOfSession": lambda rare: " ".join(rare_of_session(rare)) or "nothing",
    "Activity": activity,
    "VisibilityChange": visibility_change,
    "RareRegisters": lambda rare: "; ".join(([f"status{end}"] if (end := end_of_status(rare)) else []) + rare_words(rare)) or "nothing",
    "RowView": row,
    "RowAccess": row,
    "UserRow": lambda both: kept(both["head"], both["rest"]),
}


def printers():
    collection = gdb.printing.RegexpCollectionPrettyPrinter("presence")
    prefix = r"^presence::(v\w+::)?(detail::)?"
    for name, show in LINES.items():
        collection.add_printer(name, f"{prefix}{name}$", line(show))
    collection.add_printer("Snapshot", f"{prefix}Snapshot$", SnapshotPrinter)
    collection.add_printer("Result", f"{prefix}Result<.*>$", line(result))
    collection.add_printer("SmallVector", f"{prefix}SmallVector<.*>$", SmallVectorPrinter)
    return collection


gdb.printing.register_pretty_printer(None, printers(), replace=True)
