// SPDX-License-Identifier: MIT

// What operations cost on input that was made to be expensive: run.py counts the instructions of `measured`.
//
// usage: costs ids KIND SIZE                              prints so many ids of a kind
//        costs OPERATION[,OPERATION...] KIND SIZE [FILE]  runs operations, each on an input of its own
//
// FILE has ids that were printed before, of which the first are taken: some take long to find.
//
// A line for each operation says in how many units its cost is to be divided: users or bytes. Nothing depends on time,
// and nothing is random but for fixed seeds. The exit status is 2 if an operation did not do what it has to.

#include "../unit/colliding_ids.hpp"

#include <presence/json/channels.hpp>
#include <presence/json/filters.hpp>
#include <presence/presence.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <iostream>
#include <iterator>
#include <random>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#if defined(__GNUC__) || defined(__clang__)
#define COSTS_APART __attribute__((noinline))
#else
#define COSTS_APART
#endif

/// Everything in here is counted, and nothing else. Called once by each operation. In C its name is no more than this.
extern "C" COSTS_APART void measured(const std::function<void()>& part);
void measured(const std::function<void()>& part) {
  part();
#if defined(__GNUC__) || defined(__clang__)
  __asm__ volatile("" ::: "memory");  // so that it is a call, and this function ends after it
#endif
}

namespace {

using namespace presence;

using Ids = std::vector<std::string>;

const Timestamp t0 = Timestamp::from_ms(1546858800000);
Timestamp at(std::int64_t seconds) { return t0 + Duration::from_s(seconds); }

void require(bool holds, std::string_view what) {
  if (holds) return;
  std::cerr << "costs: " << what << '\n';
  std::exit(2);
}

// ---- ids ----

std::uint64_t first_hash(std::string_view id) { return detail::HashOrder::first(detail::LookupKey(id)); }
std::uint64_t second_hash(std::string_view id) { return detail::HashOrder::second(detail::LookupKey(id)); }

/// Ids of which `value_of` is one and the same, found by trying.
template <class ValueOf>
Ids found_by_trying(std::size_t n, std::size_t size, ValueOf value_of) {
  std::mt19937_64 random(17);
  std::string id;
  while (id.size() < size) id += colliding::detail::text_of({colliding::detail::plain_word(random)});
  id.resize(size);
  const std::string first = id;
  Ids ids;
  for (std::uint64_t i = 0; ids.size() < n; ++i) {
    for (std::size_t k = 0; k < 7; ++k) id[k] = static_cast<char>('0' + (i >> 6 * k & 63));
    if (value_of(id) == value_of(first)) ids.push_back(id);
  }
  return ids;
}

/// Ids that differ in their last 32 bytes alone.
Ids same_beginning(std::size_t n, std::size_t size) {
  Ids ids = colliding::random_ids(n, 32);
  for (std::string& id : ids) id = std::string(size - id.size(), 'x') + id;
  return ids;
}

/// What their names say is checked, so that ids which once were hostile do not become harmless unnoticed.
Ids make_ids(const std::string& kind, std::size_t n) {
  const detail::UserTable table;
  Ids ids;
  if (kind.rfind("random", 0) == 0) {
    ids = colliding::random_ids(n, std::strtoul(kind.c_str() + 6, nullptr, 10));
  } else if (kind == "same_hash") {
    ids = colliding::same_hash(n);
    for (const std::string& id : ids) {
      require(first_hash(id) == first_hash(ids[0]) && second_hash(id) == second_hash(ids[0]), "ids do not collide");
    }
  } else if (kind == "same_hash_long") {
    ids = colliding::same_hash_long(n, 8);
    for (const std::string& id : ids) {
      require(first_hash(id) == first_hash(ids[0]) && second_hash(id) == second_hash(ids[0]), "ids do not collide");
    }
  } else if (kind == "same_hash_short") {
    ids = colliding::same_hash_short(n);
    for (const std::string& id : ids) require(first_hash(id) == first_hash(ids[0]), "ids do not collide");
  } else if (kind == "same_top_bits") {
    ids = colliding::same_low_bits(n, 12, [](std::string_view id) { return first_hash(id) >> 52; });
  } else if (kind == "same_low_bits") {
    ids = colliding::same_low_bits(n, 12, first_hash);
  } else if (kind == "same_tag_short") {
    ids = found_by_trying(n, 15, [&](const std::string& id) { return table.key_of(id).tag; });
  } else if (kind == "same_tag") {
    ids = found_by_trying(n, 32, [&](const std::string& id) { return table.key_of(id).tag; });
  } else if (kind == "same_beginning") {
    ids = same_beginning(n, 255);
  }
  return ids;
}

/// Each with its size before it, since any byte may be in them.
void print_ids(const Ids& ids) {
  for (const std::string& id : ids) std::cout << id.size() << ' ' << id;
}
Ids read_ids(const char* file, std::size_t n) {
  std::ifstream in(file, std::ios::binary);
  Ids ids;
  std::size_t size = 0;
  while (ids.size() < n && in >> size && in.get() == ' ') {
    ids.emplace_back(size, '\0');
    in.read(&ids.back()[0], static_cast<std::streamsize>(size));
  }
  require(in && ids.size() == n, "too few ids in the file");
  return ids;
}

// ---- inputs ----

struct Input {
  std::string kind;
  std::size_t size = 0;
  Ids ids;  // none, where the kind is not one of ids
};

template <class Input>
Verdict fold(Snapshot& s, const Input& input) {
  return apply(s, input, detail::NoCallback());
}

/// Everybody connected, in a snapshot that shares nothing.
Snapshot everybody(const Ids& ids, const Rules& rules = {}) {
  Snapshot s = reduce(Snapshot(rules), t0);
  for (const std::string& id : ids) fold(s, PresenceEventView::connect(id, "s", t0));
  require(s.online_count() == ids.size(), "not everybody is online");
  return s;
}
/// One in ten has sent a heartbeat since.
Snapshot a_tenth_newer(const Ids& ids) {
  Snapshot s = everybody(ids);
  for (std::size_t i = 0; i < ids.size(); i += 10) fold(s, PresenceEventView::heartbeat(ids[i], "s", at(5)));
  return s;
}
std::vector<PresenceEvent> heartbeats(const Ids& ids) {
  std::vector<PresenceEvent> events;
  for (const std::string& id : ids) events.push_back(PresenceEvent::heartbeat(id, "s", at(5)));
  return events;
}

/// Users of whom as much is kept as the limits allow.
Snapshot dropped_range(std::size_t users, const std::string& kind) {
  Rules rules;
  rules.offline_grace = Duration::from_s(10);
  rules.last_active_refresh = Duration();
  Snapshot s = reduce(Snapshot(rules), t0);
  for (const std::string& id : colliding::random_ids(users, 32)) {
    if (kind == "sessions") {  // ended ones, and then live ones
      for (int k = 0; k < 128; ++k) {
        const std::string session = "session " + std::to_string(k);
        if (k < 64) fold(s, PresenceEvent::connect(id, session, at(-60)));
        if (k < 64) fold(s, PresenceEvent::disconnect(id, session, at(-59)));
        if (k >= 64) fold(s, PresenceEvent::connect(id, session, at(0)));
      }
      continue;
    }
    // What late events could still bring to light.
    fold(s, PresenceEvent::connect(id, "s", at(-100)));
    for (int k = 0; k < 64; ++k) {
      const Timestamp when = at(-90) + Duration::from_ms(1000 * k);
      PresenceEvent visibility = PresenceEvent::connect(id, "s", when);
      visibility.invisible = k % 2 == 0;
      fold(s, visibility);
      fold(s, PresenceEvent::disconnect(id, "s", when + Duration::from_ms(500)));
      fold(s, PresenceEvent::heartbeat(id, "s", when + Duration::from_ms(700)));
    }
  }
  return s;
}

/// Lines of JSON that are all about one user, of about that many bytes.
std::string costly_line(const std::string& kind, std::size_t bytes) {
  std::string line = R"({"type":"heartbeat","user":"john","session":"s","at":"2019-01-07T13:17:42.375Z","also":)";
  const auto repeat = [&line, bytes](std::string_view first, std::string_view next) {
    line += first;
    while (line.size() < bytes) line += next;
  };
  if (kind == "escapes") {
    repeat("\"", "\\u00e9");
    line += '"';
  } else if (kind == "text") {
    repeat("\"", "word ");
    line += '"';
  } else if (kind == "keys") {
    repeat(R"({"a":0)", R"(,"b":1)");
    line += '}';
  } else if (kind == "elements") {
    repeat("[0", ",0");
    line += ']';
  } else if (kind == "digits") {
    repeat("1", "7");
  } else if (kind == "nested") {  // deeper than is read
    repeat("", "[");
    return line;
  } else if (kind == "spaces") {
    repeat("", " ");
    line += '0';
  } else if (kind == "open_text") {
    repeat("\"", "word ");
    return line;
  } else {
    require(false, "an unknown kind of line");
  }
  return line + '}';
}

// ---- calls that may soon look otherwise ----

bool join_delta(Snapshot& s, std::string_view bytes) { return !apply_delta(s, bytes, *s.now()); }
Result<std::string> answer(Snapshot& s, std::string_view message) { return reconcile(s, message, *s.now()); }

// ---- operations: each returns in how many units its cost is to be divided ----

std::size_t connect(const Input& in) {
  Snapshot s = reduce(Snapshot(), t0);
  measured([&] {
    for (const std::string& id : in.ids) fold(s, PresenceEventView::connect(id, "s", t0));
  });
  require(s.online_count() == in.ids.size(), "not everybody connected");
  return in.ids.size();
}

std::size_t heartbeat(const Input& in) {
  Snapshot s = everybody(in.ids);
  std::size_t applied = 0;
  measured([&] {
    for (const std::string& id : in.ids) {
      if (fold(s, PresenceEventView::heartbeat(id, "s", at(5))) == Verdict::applied) ++applied;
    }
  });
  require(applied == in.ids.size(), "a heartbeat was refused");
  return in.ids.size();
}

std::size_t heartbeat_batch(const Input& in) {
  Snapshot s = everybody(in.ids);
  const std::vector<PresenceEvent> owned = heartbeats(in.ids);
  const std::vector<PresenceEventView> events(owned.begin(), owned.end());
  Tally tally;
  measured([&] { tally = apply(s, events.begin(), events.end()); });
  require(tally.applied == in.ids.size(), "a heartbeat was refused");
  return in.ids.size();
}

/// A page is copied for each.
std::size_t heartbeat_copy(const Input& in) {
  Snapshot s = everybody(in.ids);
  std::size_t applied = 0;
  measured([&] {
    for (const std::string& id : in.ids) {
      const Snapshot kept = s;
      if (fold(s, PresenceEventView::heartbeat(id, "s", at(5))) == Verdict::applied) ++applied;
    }
  });
  require(applied == in.ids.size(), "a heartbeat was refused");
  return in.ids.size();
}

std::size_t next_deadline(const Input& in) {
  Snapshot s = everybody(in.ids);
  Timestamp latest = t0;
  measured([&] {
    for (const std::string& id : in.ids) {
      fold(s, PresenceEventView::heartbeat(id, "s", at(5)));
      latest = *s.next_deadline();
    }
  });
  require(latest == at(45), "a wrong deadline");
  return in.ids.size();
}

std::size_t find(const Input& in) {
  const Snapshot s = everybody(in.ids);
  std::size_t found = 0;
  measured([&] {
    for (const std::string& id : in.ids) {
      if (s.online(id)) ++found;
    }
  });
  require(found == in.ids.size(), "a user was not found");
  return in.ids.size();
}

/// Of whom half is there.
std::size_t find_others(const Input& in) {
  const Ids half(in.ids.begin(), in.ids.begin() + static_cast<std::ptrdiff_t>(in.ids.size() / 2));
  const Snapshot s = everybody(half);
  std::size_t found = 0;
  measured([&] {
    for (std::size_t i = half.size(); i < in.ids.size(); ++i) {
      if (s.view(in.ids[i])) ++found;
    }
  });
  require(found == 0, "somebody was found who is not there");
  return in.ids.size() - half.size();
}

std::size_t disconnect(const Input& in) {
  Snapshot s = everybody(in.ids);
  measured([&] {
    for (const std::string& id : in.ids) fold(s, PresenceEventView::disconnect(id, "s", at(5)));
  });
  require(s.online_count() == 0, "somebody is still online");
  return in.ids.size();
}

std::size_t set_status(const Input& in) {
  Snapshot s = everybody(in.ids);
  measured([&] {
    for (const std::string& id : in.ids) fold(s, PresenceEventView::set_status(id, "in a match", at(5)));
  });
  require(s.view(in.ids.back())->status == "in a match", "a status is missing");
  return in.ids.size();
}

std::size_t time_out(const Input& in) {
  Snapshot s = everybody(in.ids);
  std::size_t changes = 0;
  measured([&] { apply(s, at(60), [&](const UserPresenceChangedView&) { ++changes; }); });
  require(changes == in.ids.size(), "somebody did not time out");
  return in.ids.size();
}

/// Users are erased while time passes.
std::size_t forget(const Input& in) {
  Rules rules;
  rules.forget_after = Duration::from_s(600);
  Snapshot s = everybody(in.ids, rules);
  fold(s, at(60));
  measured([&] { fold(s, at(3600)); });
  require(s.empty() && !s.inspect(in.ids[0]) && s == reduce(Snapshot(rules), at(3600)), "somebody is left");
  return in.ids.size();
}

std::size_t encode_all(const Input& in) {
  const Snapshot s = everybody(in.ids);
  std::string bytes;
  measured([&] { bytes = encode(s); });
  require(bytes.size() > in.ids.size() * in.ids[0].size(), "too few bytes");
  return in.ids.size();
}

Snapshot encoded_one(const Input& in) {
  if (!in.ids.empty()) return everybody(in.ids);
  return dropped_range(in.size / 128, in.kind);
}
/// What was read is destroyed as well: where an error is found, so is what was read before it.
std::size_t decode_all(const Input& in) {
  const Snapshot s = encoded_one(in);
  const std::string bytes = encode(s);
  bool is_read = false;
  measured([&] { is_read = decode(bytes, s.rules()).has_value(); });
  require(is_read && *decode(bytes, s.rules()) == s, "something else was read");
  return bytes.size();
}
/// The last byte is missing.
std::size_t decode_truncated(const Input& in) {
  const Snapshot s = encoded_one(in);
  const std::string bytes = encode(s);
  bool is_read = true;
  measured([&] { is_read = decode(std::string_view(bytes).substr(0, bytes.size() - 1), s.rules()).has_value(); });
  require(!is_read, "a truncated snapshot was read");
  return bytes.size();
}
/// A bit in the last block is wrong.
std::size_t decode_corrupted(const Input& in) {
  const Snapshot s = encoded_one(in);
  std::string bytes = encode(s);
  bytes[bytes.size() - 40] = static_cast<char>(bytes[bytes.size() - 40] ^ 1);
  bool is_read = true;
  measured([&] { is_read = decode(bytes, s.rules()).has_value(); });
  require(!is_read, "a corrupted snapshot was read");
  return bytes.size();
}

std::size_t merge_disjoint(const Input& in) {
  Ids halves[2];
  for (std::size_t i = 0; i < in.ids.size(); ++i) halves[i % 2].push_back(in.ids[i]);
  Snapshot s = everybody(halves[0]);
  const Snapshot other = everybody(halves[1]);
  measured([&] { merge_into(s, other); });
  require(s.online_count() == in.ids.size(), "somebody is missing");
  return in.ids.size();
}
std::size_t merge_equal(const Input& in) {
  Snapshot s = everybody(in.ids);
  const Snapshot other = everybody(in.ids);
  measured([&] { merge_into(s, other); });
  require(s == other, "equal snapshots became others");
  return in.ids.size();
}
std::size_t merge_newer(const Input& in) {
  Snapshot s = everybody(in.ids);
  const Snapshot other = a_tenth_newer(in.ids);
  measured([&] { merge_into(s, other); });
  require(s == other, "something newer is missing");
  return in.ids.size();
}

std::size_t delta(const Input& in) {
  Snapshot s = everybody(in.ids);
  const Snapshot other = a_tenth_newer(in.ids);
  bool joined = false;
  measured([&] { joined = join_delta(s, encode_delta(s, other)); });
  require(joined && s == other, "something newer is missing");
  return in.ids.size();
}
std::size_t delta_of_all(const Input& in) {
  Snapshot s = reduce(Snapshot(), t0);
  const Snapshot other = everybody(in.ids);
  bool joined = false;
  measured([&] { joined = join_delta(s, encode_delta(s, other)); });
  require(joined && s == other, "somebody is missing");
  return in.ids.size();
}

std::size_t exchange(const Input& in) {
  Snapshot s = everybody(in.ids), other = a_tenth_newer(in.ids);
  bool done = false;
  measured([&] {
    std::string message = sketch(s);
    for (int i = 0; i < 12 && !message.empty(); ++i) {
      const Result<std::string> next = answer(i % 2 == 0 ? other : s, message);
      if (!next) return;
      message = *next;
    }
    done = message.empty();
  });
  require(done && s == other, "the exchange did not end");
  return in.ids.size();
}

std::size_t compare_equal(const Input& in) {
  const Snapshot s = everybody(in.ids), other = everybody(in.ids);
  bool equal = false;
  measured([&] { equal = s == other; });
  require(equal, "equal snapshots are unequal");
  return in.ids.size();
}

std::size_t diff_a_tenth(const Input& in) {
  const Snapshot s = everybody(in.ids);
  Snapshot other = everybody(in.ids);
  for (std::size_t i = 0; i < in.ids.size(); i += 10) fold(other, PresenceEventView::disconnect(in.ids[i], "s", at(5)));
  std::size_t changes = 0;
  measured([&] { diff(s, other, [&](const UserPresenceChangedView&) { ++changes; }); });
  require(changes == (in.ids.size() + 9) / 10, "a difference is missing");
  return in.ids.size();
}

std::size_t digest(const Input& in) {
  const Snapshot s = everybody(in.ids);
  std::uint64_t value = 0;
  measured([&] { value = s.digest(); });
  require(value == everybody(in.ids).digest(), "equal snapshots have other digests");
  return in.ids.size();
}

std::size_t replay_log(const Input& in) {
  std::vector<PresenceEvent> log;
  const auto add = [&](PresenceEvent (*make)(std::string, std::string, Timestamp), std::int64_t from) {
    for (std::size_t i = 0; i < in.ids.size(); ++i)
      log.push_back(make(in.ids[i], "s", at(from) + Duration::from_ns(static_cast<std::int64_t>(i / 4) * 1000)));
  };
  add(PresenceEvent::connect, 0);
  add(PresenceEvent::heartbeat, 30);
  add(PresenceEvent::connect, 90);  // which is after a timeout
  add(PresenceEvent::disconnect, 100);
  Snapshot s = reduce(Snapshot(), at(-10));
  Tally tally;
  std::size_t changes = 0;
  measured([&] { tally = replay(s, log.begin(), log.end(), [&](const UserPresenceChangedView&) { ++changes; }); });
  require(tally.applied == log.size() && changes == 4 * in.ids.size(), "an event was refused");
  return in.ids.size();
}
/// A table that is full refuses each event.
std::size_t replay_refused(const Input& in) {
  const Ids half(in.ids.begin(), in.ids.begin() + static_cast<std::ptrdiff_t>(in.ids.size() / 2));
  Rules rules;
  rules.max_users = static_cast<std::uint32_t>(half.size());
  Snapshot s = everybody(half, rules);
  std::vector<PresenceEvent> log;
  for (std::size_t i = half.size(); i < in.ids.size(); ++i)
    log.push_back(PresenceEvent::connect(in.ids[i], "s", at(50)));
  Tally tally;
  measured([&] { tally = replay(s, log.begin(), log.end()); });
  require(tally.total() == log.size(), "an event is missing");
  return log.size();
}

std::size_t query_ids(const Input& in) {
  const Snapshot s = everybody(in.ids);
  UserQuery asked;
  asked.filter = presence::in("id", in.ids);
  asked.limit = in.ids.size();
  std::vector<User> found;
  measured([&] { found = query(s, asked); });
  require(found.size() == in.ids.size(), "a user was not found");
  return in.ids.size();
}
std::size_t query_sorted(const Input& in) {
  const Snapshot s = everybody(in.ids);
  UserQuery asked;
  asked.sort = {{"id", Order::descending}};
  asked.limit = in.ids.size();
  std::vector<User> found;
  measured([&] { found = query(s, asked); });
  require(found.size() == in.ids.size() && found.front().id > found.back().id, "the users are not sorted");
  return in.ids.size();
}

/// Of ids: a line for each. Of other kinds: one line that a reader has to pass over.
std::size_t parse_events(const Input& in) {
  std::vector<std::string> lines;
  std::size_t bytes = 0;
  if (in.ids.empty()) lines.push_back(costly_line(in.kind, 16 * in.size));
  for (const PresenceEvent& event : heartbeats(in.ids)) lines.push_back(to_json(event));
  for (const std::string& line : lines) bytes += line.size();
  std::size_t read = 0;
  std::string scratch;
  measured([&] {
    for (const std::string& line : lines) {
      if (parse_event(line, scratch)) ++read;
    }
  });
  const bool ends_too_early = in.kind == "nested" || in.kind == "open_text";
  require(read == (ends_too_early ? 0 : lines.size()), "a line was not read");
  return bytes;
}

// ---- watches, filters and channels ----

std::size_t watch(const Input& in) {
  Store store;
  store.advance(t0);
  std::size_t delivered = 0;
  const Subscription subscription =
      store.subscribe<UserPresenceChanged>(Viewer("viewer"), [&](const UserPresenceChangedView&) { ++delivered; });
  const WatchChannel channel{"match", "eu-17", in.ids, true};
  measured([&] {
    require(store.watch(channel, Viewer("viewer")).has_value(), "the channel is not watched");
    for (const std::string& id : in.ids) store.dispatch(PresenceEventView::connect(id, "s", t0));
  });
  require(delivered == in.ids.size(), "a change was not delivered");
  return in.ids.size();
}

/// None of them is a member, which only shows when all were compared.
std::size_t filter_in(const Input& in, bool is_compiled) {
  const auto half = in.ids.begin() + static_cast<std::ptrdiff_t>(in.ids.size() / 2);
  const Channel channel{"match", "eu-17", {in.ids.begin(), half}, {}};
  const Filter filter = presence::in("members", Ids(half, in.ids.end()));
  bool holds = true;
  measured([&] { holds = is_compiled ? compile<Channel>(filter)(channel) : matches(filter, channel); });
  require(!holds, "a filter holds for a channel that it should not hold for");
  return in.ids.size();
}
std::size_t filter_in_once(const Input& in) { return filter_in(in, false); }
std::size_t filter_in_compiled(const Input& in) { return filter_in(in, true); }
/// The same members in the opposite order.
std::size_t filter_eq(const Input& in, bool is_compiled) {
  const Channel channel{"match", "eu-17", in.ids, {}};
  const Filter filter = eq("members", Value::array(Ids(in.ids.rbegin(), in.ids.rend())));
  bool holds = false;
  measured([&] { holds = is_compiled ? compile<Channel>(filter)(channel) : matches(filter, channel); });
  require(holds, "a filter does not hold for a channel that it should hold for");
  return in.ids.size();
}
std::size_t filter_eq_once(const Input& in) { return filter_eq(in, false); }
std::size_t filter_eq_compiled(const Input& in) { return filter_eq(in, true); }

/// A prefix of `size` bytes that is not in a text of twice as many.
std::size_t filter_autocomplete(const Input& in) {
  Channel channel{"match", "eu-17", {}, {}};
  std::string text = colliding::random_ids(1, 3 * in.size)[0], prefix = text.substr(2 * in.size);
  text.resize(2 * in.size);
  if (in.kind == "dashes") {
    text.assign(2 * in.size, '-');
    prefix = std::string(in.size, '-') + 'x';
  } else if (in.kind == "words") {
    for (std::size_t i = 0; i < text.size(); ++i) text[i] = "a "[i % 2];
    prefix = text.substr(0, in.size) + 'x';
  }
  channel.custom["text"] = text;
  const Filter filter = autocomplete("text", prefix);
  bool holds = true;
  measured([&] { holds = matches(filter, channel) || compile<Channel>(filter)(channel); });
  require(!holds, "a prefix was found that is not there");
  return text.size();
}

std::string row_of(std::size_t size, std::string_view before, std::string_view item, std::string_view after) {
  std::string json(before);
  for (std::size_t i = 0; i < size; ++i) {
    if (i > 0) json += ',';
    json += item;
  }
  return json.append(after);
}
std::size_t parse_filters(const Input& in) {
  std::string json;
  if (!in.ids.empty()) {
    json = R"({"id":{"$in":)";
    append_json(json, Value::array(in.ids));
    json += "}}";
  } else if (in.kind == "tests") {
    json = row_of(in.size, R"({"$or":[)", R"({"name":"john"})", "]}");
  } else if (in.kind == "everything") {
    json = row_of(in.size, R"({"$or":[)", "{}", "]}");
  } else if (in.kind == "numbers") {
    json = row_of(in.size, R"({"id":{"$in":[)", "1", "]}}");
  } else if (in.kind == "texts") {
    json = row_of(in.size, R"({"id":{"$in":[)", R"("")", "]}}");
  } else if (in.kind == "keys") {
    json = "{";
    for (std::size_t i = 0; i < in.size; ++i) json += (i > 0 ? ",\"a" : "\"a") + std::to_string(i) + "\":1";
    json += '}';
  }
  bool is_read = false;
  measured([&] {
    const Result<Filter> filter = parse_filter(json);
    is_read = filter.has_value() && filter->op() != Operator::invalid;
    if (is_read) static_cast<void>(compile<User>(*filter));
  });
  require(is_read, "a filter was not read");
  return json.size();
}

std::size_t parse_channels(const Input& in) {
  Channel channel{"match", "eu-17", in.ids, {}};
  std::string json = to_json(channel);
  json.pop_back();
  std::string item;
  for (std::size_t i = 0; in.ids.empty() && i < in.size; ++i) {
    const std::string number = std::to_string(1000000 + (in.kind == "falling_keys" ? in.size - i : i));
    if (in.kind == "rising_keys" || in.kind == "falling_keys") json += ",\"" + number + "\":1";
    if (in.kind == "one_key") json += ",\"a\":1";
    if (in.kind == "numbers") json += i == 0 ? ",\"a\":[1" : ",1";
    if (in.kind == "texts") json += i == 0 ? R"(,"a":[")" + number + '"' : R"(,")" + number + '"';
    if (in.kind == "nested") json += i == 0 ? ",\"a\":[" : "[";
  }
  if (in.kind == "numbers" || in.kind == "texts") json += ']';
  if (in.kind == "nested") json += std::string(in.size, ']');
  json += '}';
  bool is_read = false;
  measured([&] { is_read = parse_channel(json).has_value(); });
  require(is_read || in.kind == "nested" || in.kind == "one_key", "a channel was not read");
  return json.size();
}

/// By one custom field, whose values come in an order that is bad for some ways to sort.
std::size_t sort_channels(const Input& in) {
  std::vector<Channel> channels(in.size);
  std::mt19937_64 random(19);
  for (std::size_t i = 0; i < in.size; ++i) {
    std::size_t value = random() % in.size;
    if (in.kind == "rising") value = i;
    if (in.kind == "falling") value = in.size - i;
    if (in.kind == "equal") value = 1;
    if (in.kind == "pipe") value = i < in.size / 2 ? i : in.size - i;
    if (in.kind == "saw") value = i % 7;
    channels[i].custom["a"] = static_cast<std::int64_t>(value);
  }
  ChannelQuery asked;
  asked.sort = {{"a", Order::ascending}};
  asked.limit = in.size;
  std::size_t found = 0;
  measured([&] { found = query(channels, asked).size(); });
  require(found == in.size, "a channel is missing");
  return in.size;
}

constexpr struct {
  std::string_view name;
  std::size_t (*run)(const Input&);
} operations[] = {
    {"connect", connect},
    {"heartbeat", heartbeat},
    {"heartbeat_batch", heartbeat_batch},
    {"heartbeat_copy", heartbeat_copy},
    {"next_deadline", next_deadline},
    {"find", find},
    {"find_others", find_others},
    {"disconnect", disconnect},
    {"set_status", set_status},
    {"time_out", time_out},
    {"forget", forget},
    {"encode", encode_all},
    {"decode", decode_all},
    {"decode_truncated", decode_truncated},
    {"decode_corrupted", decode_corrupted},
    {"merge_disjoint", merge_disjoint},
    {"merge_equal", merge_equal},
    {"merge_newer", merge_newer},
    {"delta", delta},
    {"delta_of_all", delta_of_all},
    {"exchange", exchange},
    {"compare", compare_equal},
    {"diff", diff_a_tenth},
    {"digest", digest},
    {"replay", replay_log},
    {"replay_refused", replay_refused},
    {"query_ids", query_ids},
    {"query_sorted", query_sorted},
    {"parse_event", parse_events},
    {"watch", watch},
    {"filter_in", filter_in_once},
    {"filter_in_compiled", filter_in_compiled},
    {"filter_eq", filter_eq_once},
    {"filter_eq_compiled", filter_eq_compiled},
    {"autocomplete", filter_autocomplete},
    {"parse_filter", parse_filters},
    {"parse_channel", parse_channels},
    {"sort", sort_channels},
};

void run(std::string_view name, const Input& in) {
  for (const auto& operation : operations) {
    if (operation.name == name) {
      std::cout << name << ' ' << operation.run(in) << std::endl;
      return;
    }
  }
  require(false, "an unknown operation");
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4 || argc > 5) {
    std::cerr << "usage: costs ids KIND SIZE\n       costs OPERATION[,OPERATION...] KIND SIZE [FILE]\n";
    return 1;
  }
  Input in;
  in.kind = argv[2];
  in.size = std::strtoul(argv[3], nullptr, 10);
  in.ids = argc == 5 ? read_ids(argv[4], in.size) : make_ids(in.kind, in.size);
  if (std::string_view(argv[1]) == "ids") {
    print_ids(in.ids);
    return 0;
  }
  std::istringstream names(argv[1]);
  for (std::string name; std::getline(names, name, ',');) run(name, in);
}
