// SPDX-License-Identifier: MIT
// Two nodes that hear events, and a link between them on which messages are damaged, with and without their checksums
// made good. No message may do harm but by what it says of users, and an honest exchange must still make the nodes
// agree. What does not hold is told, and ends the program.
#include "../unit/second_writer.hpp"

#include <presence/binary/anti_entropy.hpp>
#include <presence/binary/codec.hpp>
#include <presence/presence.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

using namespace presence;
using detail::FrameKind;

void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "anti_entropy_fuzz: wrong: %s\n", what);
  std::abort();
}

/// What there is of the input, then zeros.
class Input {
 public:
  Input(const std::uint8_t* data, std::size_t size) noexcept : rest_(reinterpret_cast<const char*>(data), size) {}

  bool at_end() const noexcept { return rest_.empty(); }
  unsigned byte() noexcept {
    if (rest_.empty()) return 0;
    const auto first = static_cast<std::uint8_t>(rest_[0]);
    rest_.remove_prefix(1);
    return first;
  }
  std::string_view bytes(std::size_t count) noexcept {
    const std::string_view taken = rest_.substr(0, count);
    rest_.remove_prefix(taken.size());
    return taken;
  }

 private:
  std::string_view rest_;
};

constexpr std::int64_t second = 1000000000;

Rules rules_of(unsigned choice) {
  Rules rules;
  if ((choice & 1) != 0) rules.session_timeout = Duration();
  if ((choice & 2) != 0) rules.reorder_window = Duration();
  if ((choice & 4) != 0) rules.offline_grace = Duration::from_s(10);
  if ((choice & 8) != 0) {
    rules.max_users = 2;
    rules.max_recent_per_user = 2;
    rules.max_sessions_per_user = 1;
    rules.max_id_bytes = 3;
    rules.max_status_bytes = 4;
  }
  if ((choice & 128) != 0) {
    rules.idle_after = Duration::from_s(20);
    rules.report_timeout = Duration::from_s(30);
    rules.heartbeat_is_activity = false;
  }
  return rules;
}

std::string framed(std::string_view body, FrameKind kind) {
  return support::second_writer::framed({std::string(body)}, static_cast<unsigned>(kind), detail::version_of(kind));
}
FrameKind kind_of(std::string_view message) {
  return message.size() > 5 && message[5] == 3 ? FrameKind::updates : FrameKind::sketch;
}

bool same(const Snapshot& a, const Snapshot& b) { return a == b && a.digest() == b.digest(); }

std::map<std::string, User> views(const Snapshot& s) {
  std::map<std::string, User> all;
  for (const UserView user : s) all.emplace(user.id, static_cast<User>(user));
  return all;
}

void judge_counts(const Snapshot& s) {
  std::size_t known = 0, online = 0;
  for (const UserView user : s) {
    ++known;
    online += user.online ? 1u : 0u;
    require(s.view(user.id) == user, "a user is found where he is passed");
  }
  require(known == s.size() && online == s.online_count(), "users are counted as they are gone over");
}

/// Whether anything is dated later than a peer at the latest time may date it.
bool is_ahead_of_host(const Snapshot& s, const Snapshot& before) {
  const detail::Root* const root = detail::SnapshotAccess::read(s);
  const detail::Root* const root_before = detail::SnapshotAccess::read(before);
  const Duration skew = s.rules().max_clock_skew;
  for (const detail::RowView row : root->table) {
    if (detail::latest_date(row.registers(), s.rules()) <= *s.now() + skew + skew) continue;
    const detail::RowView known = root_before->table.find(row.name());
    if (known == nullptr ||
        detail::latest_date(known.registers(), s.rules()) < detail::latest_date(row.registers(), s.rules()))
      return true;
  }
  return false;
}

/// Gives a node a message, whoever made it, at the time of its host; the answer, if there is one.
std::string given(Snapshot& node, std::string_view message, Timestamp now) {
  const Snapshot before = node;
  std::map<std::string, User> seen = views(before);
  std::size_t told = 0;
  const Result<std::string> answer = reconcile(node, message, now, [&](const UserPresenceChangedView& change) {
    ++told;
    seen.erase(std::string(change.id));
    if (change.after) seen.emplace(change.id, static_cast<User>(*change.after));
  });
  if (!answer) {
    require(same(node, before) && node.now() == before.now() && told == 0, "a bad message changes nothing");
    require(answer.error().offset <= message.size(), "an error is inside the message, or at its end");
    return std::string();
  }
  require(seen == views(node), "the changes lead to what is seen");
  require(node.now() == (std::max)(before.now().value_or(now), now), "a message moves time to that of the host");
  require(kind_of(message) == FrameKind::updates || same(node, reduce(before, now)), "a sketch tells nothing");
  require(!is_ahead_of_host(node, before), "nothing is taken that is dated too late");
  judge_counts(node);
  const std::size_t grown = (std::max)(4 * message.size(), std::size_t{729});
  require(kind_of(*answer) == FrameKind::updates || answer->size() <= grown, "a sketch grows by four");
  require(answer->size() <= (std::max)(grown, encode(before).size() + 64), "an answer is made of all users at most");
  return *answer;
}

/// Whether somebody became visible where it could not have counted, which no history leads to, and no merge leaves.
bool has_impossible(const Snapshot& s) {
  const detail::Root* const root = detail::SnapshotAccess::read(s);
  if (root == nullptr) return false;
  for (const detail::RowView row : root->table) {
    const detail::UserRegisters user = row.unpacked();
    for (const detail::VisibilityChange& visibility_change : user.visibility_changes) {
      if (!visibility_change.invisible && user.dropped_range.contains(visibility_change.at)) return true;
    }
  }
  return false;
}

/// Past the longest lead: four times ten seconds.
Snapshot later(Snapshot s, Timestamp now) {
  const Timestamp then = now + Duration::from_s(40);
  return reduce(std::move(s), then == Timestamp::highest() ? now : then);
}

/// Both nodes send what they know, until they have the same or have exchanged it four times. Returns whether they
/// agree.
bool exchange(Snapshot& left, Snapshot& right, Timestamp clock) {
  for (int turn = 0; turn < 4; ++turn) {
    Snapshot* const nodes[] = {turn % 2 == 0 ? &left : &right, turn % 2 == 0 ? &right : &left};
    std::string message = presence::sketch(*nodes[0]);
    for (int hops = 0; !message.empty(); ++hops) {
      require(hops < 8, "an exchange ends");
      message = given(*nodes[(hops + 1) % 2], message, clock);
    }
    const Timestamp now = (std::max)(left.now().value_or(Timestamp()), right.now().value_or(Timestamp()));
    if (same(later(left, now), later(right, now))) return true;
  }
  return false;
}

/// Nothing is lost any more.
void agree(Snapshot left, Snapshot right, Timestamp clock) {
  const bool is_possible = !has_impossible(left) && !has_impossible(right);
  // What is older than reorder_window is no longer passed on, such as the disconnect of a session without a timeout. So
  // they exchange what they know before time passes.
  const Timestamp now = (std::max)(left.now().value_or(clock), right.now().value_or(clock));
  if (exchange(left, right, now)) return;
  // What a peer dates late is passed on once it is no longer too early.
  const Duration skew = left.rules().max_clock_skew;
  const Timestamp then = now + skew + skew;
  left = reduce(std::move(left), then);
  right = reduce(std::move(right), then);
  if (exchange(left, right, then)) return;
  require(!is_possible, "nodes that exchange what they know agree");
}

struct Message {
  std::size_t to;
  std::string bytes;
  unsigned hops = 0;  ///< that led to it
  bool is_honest = true;
};

void change(std::string& bytes, Input& in) {
  if (bytes.empty()) return;
  const std::size_t place = (in.byte() * 3u) % bytes.size();
  const unsigned how = in.byte(), with = in.byte();
  const std::size_t count = 1 + how / 5 % 16;
  switch (how % 5) {
    case 0: bytes.insert(place, in.bytes(count)); break;
    case 1: bytes.erase(place, count); break;
    case 2: {
      const std::string_view over = in.bytes(count);
      bytes.replace(place, over.size(), over);
      break;
    }
    case 3: bytes[place] = static_cast<char>(static_cast<std::uint8_t>(bytes[place]) ^ with); break;
    default: {
      const std::string other = bytes.substr((with * 3u) % bytes.size(), count);
      bytes.replace(place, other.size(), other);
      break;
    }
  }
}

/// What a session is and does, a choice, data, and a removal.
PresenceEvent rich_event_of(unsigned kind, unsigned when, PresenceEvent event) {
  const std::int64_t number = when % 3;
  switch (kind) {
    case 0:
      event.type = when % 2 == 0 ? EventType::update : EventType::connect;
      if (when % 5 != 0) event.availability = when % 5 < 3 ? Availability::busy : Availability::away;
      if (event.availability && when % 7 == 0) event.priority = std::int8_t{1};
      event.activity.emplace();
      if (when % 4 != 0) (*event.activity)["on"] = number;
      return event;
    case 1: {
      PresenceEvent choice = PresenceEvent::set_availability(
          event.user, when % 4 == 0 ? std::nullopt : std::optional<Availability>(Availability::busy), event.at);
      if (when % 4 == 1) choice.until = event.at + Duration::from_s(5);
      return choice;
    }
    case 2:
      return PresenceEvent::set_data(event.user, when % 2 == 0 ? "k" : "l", when % 5 == 0 ? Value() : Value(number),
                                     event.at);
    default: {
      if (when % 4 == 0) return PresenceEvent::remove(event.user, event.at);
      if (when % 4 == 1) return PresenceEvent::active(event.user, event.session, event.at);
      PresenceEvent report = PresenceEvent::report(event.user, when % 4 == 2, event.at);
      report.data.emplace();
      if (when % 5 != 0) (*report.data)["k"] = number;
      return report;
    }
  }
}

PresenceEvent event_of(Input& in, Timestamp now) {
  const unsigned what = in.byte(), when = in.byte();
  const std::string user(1, static_cast<char>('a' + what % 4)), session(1, static_cast<char>('p' + what / 4 % 2));
  const Timestamp at = now + Duration::from_ns((static_cast<std::int64_t>(when) - 128) * second / 2 + when % 3);
  PresenceEvent event = PresenceEvent::connect(user, session, at);
  switch (what / 8 % 8) {
    case 0: event.invisible = true; return event;
    case 1: event.invisible = false; return event;
    case 2: event.status = "hi"; return event;
    case 3: return PresenceEvent::heartbeat(user, session, at);
    case 4: return PresenceEvent::disconnect(user, session, at);
    case 5: return PresenceEvent::set_status(user, when % 2 == 0 ? "x" : "busy", at);
    case 6: return PresenceEvent::report(user, when % 2 == 0, at);
    default: return rich_event_of(what >> 6, when, std::move(event));
  }
}

}  // namespace

/// The first byte: the rules (also 128) | 16, 32: which nodes have no timestamp yet | 64: so many users differ that
/// sketches must grow. Then what happens, one after the other.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input in(data, size);
  const unsigned mode = in.byte();
  Snapshot node[2] = {Snapshot(rules_of(mode)), Snapshot(rules_of(mode))};
  Timestamp clock = Timestamp::from_ms(1546858800000);
  for (std::size_t i = 0; i < 2; ++i) {
    if ((mode >> (4 + i) & 1) == 0) node[i] = reduce(std::move(node[i]), clock);
  }
  for (unsigned i = 0; (mode & 64) != 0 && i < 70; ++i) {
    const std::string user = "m" + std::to_string(i);
    node[0] = reduce(std::move(node[0]), PresenceEvent::connect(user, "p", clock));
    if (i % 3 != 0) node[1] = reduce(std::move(node[1]), PresenceEvent::connect(user, i % 3 == 1 ? "p" : "q", clock));
  }
  std::vector<Message> link;
  const auto send = [&link](Message message) {
    require(!message.is_honest || message.hops < 16, "an exchange ends, however late its messages are");
    if (!message.bytes.empty() && link.size() < 8) link.push_back(std::move(message));
  };
  const auto take = [&](const Message& message) {
    std::string answer = given(node[message.to], message.bytes, clock);
    send({1 - message.to, std::move(answer), message.hops + 1, message.is_honest});
  };
  for (int steps = 0; !in.at_end() && steps < 60; ++steps) {
    const unsigned what = in.byte();
    const std::size_t which = what >> 7;
    Message* const last = link.empty() ? nullptr : &link.back();
    switch (what % 10) {
      case 0:
      case 1: node[which] = reduce(std::move(node[which]), event_of(in, clock)); break;
      case 2:
        clock = clock + Duration::from_ns(second * in.byte() / 4);
        node[which] = reduce(std::move(node[which]), clock);
        break;
      case 3: send({1 - which, presence::sketch(node[which])}); break;
      case 4:
      case 5:  // and may come again
        if (last != nullptr) take(Message(*last));
        break;
      case 6: {  // the oldest, at last
        if (last == nullptr) break;
        const Message oldest = link.front();
        link.erase(link.begin());
        take(oldest);
        break;
      }
      case 7:
        if (last == nullptr) break;
        last->is_honest = false;
        change(last->bytes, in);
        break;
      case 8: {
        if (last == nullptr || last->bytes.size() < 30) break;
        std::string body = last->bytes.substr(18, last->bytes.size() - 30);
        change(body, in);
        last->is_honest = false;
        last->bytes = framed(body, kind_of(last->bytes));
        break;
      }
      default: {
        const std::string body(in.bytes(in.byte()));
        const std::string made =
            what / 10 % 3 == 0 ? body : framed(body, what / 10 % 3 == 1 ? FrameKind::updates : FrameKind::sketch);
        take({which, made, 0, false});
        break;
      }
    }
  }
  agree(node[0], node[1], clock);
  return 0;
}
