// SPDX-License-Identifier: MIT
#ifndef PRESENCE_TESTS_PROPERTY_HISTORY_HPP
#define PRESENCE_TESTS_PROPERTY_HISTORY_HPP

// Random histories made to hurt: few users and sessions, timestamps that collide, windows and deadlines met exactly or
// missed by one unit.
//
//   PRESENCE_SEED        the seed of the first history (decimal or 0x...); a failure prints the seed that repeats it
//   PRESENCE_HISTORIES   how many histories each test tries

#include <presence/presence.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <initializer_list>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace property {

using presence::Availability;
using presence::Duration;
using presence::EventType;
using presence::PresenceEvent;
using presence::PresenceEventView;
using presence::Rules;
using presence::Snapshot;
using presence::Tally;
using presence::Timestamp;
using presence::User;
using presence::UserPresenceChanged;
using presence::UserPresenceChangedView;
using presence::Verdict;
using presence::Viewer;

// ---- chance
// ----------------------------------------------------------------------------------------------------------------------------

/// splitmix64 (Steele, Lea, Flood 2014): the same numbers on every platform.
class Chance {
 public:
  explicit Chance(std::uint64_t seed) noexcept : state_(seed) {}

  std::uint64_t bits() noexcept {
    std::uint64_t z = (state_ += 0x9E3779B97F4A7C15u);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
  }
  std::size_t below(std::size_t n) noexcept { return static_cast<std::size_t>(bits() % n); }
  std::int64_t between(std::int64_t low, std::int64_t high) noexcept {
    return low +
           static_cast<std::int64_t>(bits() % (static_cast<std::uint64_t>(high) - static_cast<std::uint64_t>(low) + 1));
  }
  bool one_in(std::size_t n) noexcept { return below(n) == 0; }
  template <class T>
  T any(std::initializer_list<T> of) noexcept {
    return *(of.begin() + below(of.size()));
  }
  template <class T>
  void shuffle(std::vector<T>& items) noexcept {
    for (std::size_t i = items.size(); i > 1; --i) std::swap(items[i - 1], items[below(i)]);
  }

 private:
  std::uint64_t state_;
};

inline std::uint64_t mixed(std::uint64_t a, std::uint64_t b) noexcept {
  return Chance(Chance(a).bits() ^ (b * 0xD6E8FEB86659FD93u)).bits();
}

inline std::uint64_t from_environment(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text != nullptr && *text != '\0' ? std::strtoull(text, nullptr, 0) : otherwise;
}

inline std::uint64_t first_seed() { return from_environment("PRESENCE_SEED", 20190107); }
inline std::size_t histories_to_try(std::size_t otherwise) {
  return static_cast<std::size_t>(from_environment("PRESENCE_HISTORIES", otherwise));
}

/// Checks what a test's own number of histories must have come across, so that it is known to try something. Fewer
/// histories may miss it.
#define CHECK_REACHED(...)                                                \
  do {                                                                    \
    if (std::getenv("PRESENCE_HISTORIES") == nullptr) CHECK(__VA_ARGS__); \
  } while (false)

// ---- histories
// -------------------------------------------------------------------------------------------------------------------------

enum class Do { event, advance, batch, replay, merge, forget, resync };

/// One call. `merge` joins a snapshot that folded `events` without a timestamp and then, where there is one, advanced
/// to `at`.
struct Step {
  Do what = Do::event;
  std::vector<PresenceEvent> events;
  std::optional<Timestamp> at;
};

struct History {
  std::uint64_t seed = 0;
  Rules rules;
  std::vector<Step> steps;
  std::vector<PresenceEvent>
      events;      ///< of the laws that are about a set of events: folded after the steps, in many orders
  Timestamp last;  ///< ... and the timestamp that time reaches in the end
};

/// What a history may be made of.
struct Mix {
  std::size_t users = 3, sessions = 3, steps = 24;
  bool batches = true, replays = true, merges = true, forgets = true, resyncs = true;
  bool bad = true;              ///< events that are refused as invalid
  bool no_now = true;           ///< some histories begin without a timestamp
  bool small_limits = false;    ///< limits that a handful of events exceed
  bool few_sessions = false;    ///< of the limits only that of live sessions
  bool hiding = false;          ///< invisible more often
  bool forgetting = false;      ///< users are forgotten by age, soon
  bool rich = true;             ///< availabilities, activities, data, and rules about them
  bool removing = false;        ///< users are removed more often, and heard of again soon
  bool without_limits = false;  ///< nothing that is refused by chance: windows without end
};

class Author {
 public:
  Author(std::uint64_t seed, const Mix& mix) : chance_(seed), mix_(mix) {
    history_.seed = seed;
    unit_ = chance_.any<std::int64_t>({1, 1, 1, 1000000000});
    start_ = chance_.any<std::int64_t>({0, 0, -7 * unit_, 1546867062375000000});
    cursor_ = start_;
    Rules& rules = history_.rules;
    rules.session_timeout = units(chance_.any<std::int64_t>({0, 3, 3, 4, 4, 10}));
    rules.offline_grace = units(chance_.any<std::int64_t>({0, 0, 0, 1, 2, 5}));
    rules.last_active_refresh = units(chance_.any<std::int64_t>({0, 0, 2, 5}));
    rules.reorder_window = units(chance_.any<std::int64_t>({0, 2, 3, 8, 8, 20}));
    rules.max_clock_skew = units(chance_.any<std::int64_t>({0, 2, 2, 6}));
    if (mix_.without_limits || chance_.one_in(12)) rules.reorder_window = Duration::highest();
    if (mix_.without_limits || chance_.one_in(12)) rules.max_clock_skew = Duration::highest();
    if (chance_.one_in(20)) rules.offline_grace = -units(2);
    if (mix_.rich) {
      rules.idle_after = units(chance_.any<std::int64_t>({0, 0, 1, 3, 5, 14}));
      rules.heartbeat_is_activity = !chance_.one_in(3);
      rules.report_timeout = units(chance_.any<std::int64_t>({0, 0, 4}));
      rules.session_fold = chance_.any({presence::SessionFold::by_rank, presence::SessionFold::by_rank,
                                        presence::SessionFold::by_priority, presence::SessionFold::latest});
      if (chance_.one_in(2)) {
        std::vector<Availability> order{Availability::busy, Availability::available, Availability::away,
                                        Availability::idle};
        chance_.shuffle(order);
        rules.ranking = presence::Ranking{order[0], order[1], order[2], order[3]};
      }
      rules.show_devices = chance_.one_in(2);
    }
    if (mix_.forgetting) rules.forget_after = units(chance_.any<std::int64_t>({-1, 0, 1, 3, 6, 12, 30}));
    if (mix_.removing) rules.last_active_refresh = units(chance_.any<std::int64_t>({2, 5, 20}));
    if (mix_.few_sessions) rules.max_sessions_per_user = chance_.any<std::uint32_t>({0, 1, 1, 1, 1, 1, 2, 2, 2, 2});
    if (mix_.small_limits) {
      rules.max_users = chance_.any<std::uint32_t>({1, 2, 2, 3});
      rules.max_sessions_per_user = chance_.any<std::uint32_t>({1, 1, 2});
      rules.max_recent_per_user = chance_.any<std::uint32_t>({1, 1, 2, 3});
      rules.max_status_bytes = 1;
    }
    rules.hash_seed = chance_.one_in(2) ? 0 : chance_.bits();
    known_.push_back(start_);
    ends_.push_back(start_);
    removals_.push_back(start_);
  }

  History write() {
    const std::size_t count = 2 + chance_.below(mix_.steps);
    started_ = !(mix_.no_now && chance_.one_in(3));
    if (started_) history_.steps.push_back(advance());
    for (std::size_t i = 0; i < count; ++i) history_.steps.push_back(step());
    const std::size_t set = 1 + chance_.below(mix_.steps);
    for (std::size_t i = 0; i < set; ++i) history_.events.push_back(event());
    std::int64_t last = cursor_;
    for (const std::int64_t at : known_) {
      if (at > last) last = at;
    }
    history_.last = Timestamp::from_ns(last + unit_ * chance_.between(0, 4));
    return history_;
  }

 private:
  Duration units(std::int64_t n) const noexcept { return Duration::from_ns(n * unit_); }
  std::int64_t in_units(Duration d) const noexcept {
    return d.ns() > 1000 * unit_ ? 12 : d.ns() < 0 ? 0 : d.ns() / unit_;
  }

  /// Near the edges of what is taken, seldom beyond them.
  Timestamp instant() {
    const std::int64_t low = cursor_ - unit_ * in_units(history_.rules.reorder_window),
                       high = cursor_ + unit_ * in_units(history_.rules.max_clock_skew);
    std::int64_t at = cursor_;
    switch (chance_.below(8)) {
      case 0: at = known_[chance_.below(known_.size())]; break;
      case 1: at = known_.back() + unit_ * chance_.between(-1, 1); break;
      case 2: at = low + unit_ * chance_.between(-1, 1); break;
      case 3: at = high + unit_ * chance_.between(-1, 1); break;
      case 4: at = low + unit_ * chance_.between(0, (high - low) / unit_); break;
      case 5: at = cursor_ + unit_ * chance_.between(-3, 3); break;
      default: break;
    }
    if (started_ && !chance_.one_in(8)) at = (std::min)((std::max)(at, low), high);
    if (unit_ > 1 && chance_.one_in(15)) at += chance_.any<std::int64_t>({-1, 1});
    known_.push_back(at);
    if (known_.size() > 8) known_.erase(known_.begin());
    if (!started_) cursor_ += unit_ * chance_.between(0, 1);
    return Timestamp::from_ns(at);
  }

  std::string one_of(const char* const* names, std::size_t n) { return names[chance_.below(n)]; }

  PresenceEvent event() {
    static const char* const users[] = {"ann", "bob", "cyd", "dee"};
    static const char* const sessions[] = {"1", "2", "3"};
    PresenceEvent e;
    e.user = one_of(users, 1 + chance_.below(mix_.users));
    e.session = one_of(sessions, 1 + chance_.below(mix_.sessions));
    e.at = instant();
    const std::size_t kind = chance_.below(mix_.rich ? 68 : 48);
    e.type = kind < 16   ? EventType::connect
             : kind < 27 ? EventType::heartbeat
             : kind < 33 ? EventType::disconnect
             : kind < 38 ? EventType::set_status
             : kind < 43 ? EventType::report
             : kind < 46 ? EventType::set_visible
             : kind < 48 ? EventType::remove
             : kind < 52 ? EventType::active
             : kind < 60 ? EventType::update
             : kind < 63 ? EventType::set_availability
                         : EventType::set_data;
    if (mix_.removing && chance_.one_in(8)) e.type = EventType::remove;
    if (e.type == EventType::set_visible || (e.type == EventType::connect && !chance_.one_in(3))) {
      e.invisible = mix_.hiding ? !chance_.one_in(3) : chance_.one_in(2);
    }
    if (e.type == EventType::set_status ||
        chance_.one_in(e.type == EventType::connect || e.type == EventType::report ? 3 : 12)) {
      e.status = chance_.any({"", "a", "a", "b", "b"});
    }
    if ((e.status || e.type == EventType::set_availability) && chance_.one_in(3)) e.until = end_of_text(e.at);
    if (mix_.rich) say_more(e);
    if (e.type == EventType::remove) {
      removals_.push_back(e.at.ns());
      if (removals_.size() > 4) removals_.erase(removals_.begin());
      removed_ = e.user;
    } else if (!removed_.empty() && chance_.one_in(mix_.removing ? 3 : 16)) {
      // Alive after a removal, but perhaps without a last_active of their own.
      e.type = EventType::heartbeat;
      e.user = removed_;
      e.at = Timestamp::from_ns(removals_.back() + unit_ * chance_.between(0, 2));
      e.status.reset();
    }
    if (e.type == EventType::report) {
      e.online = !chance_.one_in(3);
      if (chance_.one_in(2))
        e.last_active = Timestamp::from_ns(known_[chance_.below(known_.size())] + unit_ * chance_.between(-2, 2));
    }
    if (!presence::detail::belongs_to_session(e.type)) {
      if (!chance_.one_in(8)) e.session.clear();  // otherwise it is there, and not read
    }
    // Fields of other types of events, which are not read either.
    if (e.type != EventType::connect && e.type != EventType::set_visible && chance_.one_in(12))
      e.invisible = chance_.one_in(2);
    if (e.type != EventType::report && chance_.one_in(12)) e.online = true;
    if (e.type != EventType::report && chance_.one_in(12)) e.last_active = e.at + units(3);
    if (!e.status && chance_.one_in(12)) e.until = e.at + units(chance_.between(-1, 3));
    return e;
  }

  /// What a session says of itself, a choice, and data.
  void say_more(PresenceEvent& e) {
    const auto word = [this] {
      return chance_.any(
          {Availability::idle, Availability::away, Availability::busy, Availability::busy, Availability::available});
    };
    const auto small = [this] { return presence::Value(chance_.between(1, 3)); };
    if (presence::detail::says_availability(e.type) && !(e.type == EventType::report && !e.online)) {
      if (!chance_.one_in(3)) e.availability = word();
      if (e.availability && chance_.one_in(3)) e.priority = chance_.any<std::int8_t>({-128, -1, 0, 1, 127});
      if (chance_.one_in(3)) {
        e.activity.emplace();
        if (!chance_.one_in(4)) (*e.activity)["v"] = small();
      }
    }
    if (e.type == EventType::set_availability && !chance_.one_in(3)) e.availability = word();
    if (e.type == EventType::set_data) {
      e.name = chance_.any({"k", "k", "l"});
      if (!chance_.one_in(4)) e.value = chance_.one_in(4) ? presence::Value(1.0) : small();
    }
    if (e.type == EventType::report && chance_.one_in(3)) {
      e.data.emplace();
      for (const char* name : {"k", "l", "m"}) {
        if (chance_.one_in(2)) (*e.data)[name] = small();
      }
    }
  }

  /// When a text set at `at` ends: soon, or near something else that happens; sometimes not after `at`, which is bad.
  Timestamp end_of_text(Timestamp at) {
    const Rules& rules = history_.rules;
    std::int64_t end = at.ns() + unit_ * chance_.between(1, 8);
    switch (chance_.below(6)) {
      case 0: end = at.ns() + unit_ * in_units(rules.session_timeout); break;
      case 1: end = at.ns() + unit_ * (in_units(rules.session_timeout) + in_units(rules.offline_grace)); break;
      case 2:
        end = known_[chance_.below(known_.size())] + unit_ * (in_units(rules.session_timeout) + chance_.between(-1, 1));
        break;
      case 3: end = cursor_ + unit_ * (in_units(rules.reorder_window) + chance_.between(-1, 1)); break;
      default: break;
    }
    if (unit_ > 1 && chance_.one_in(15)) end += chance_.any<std::int64_t>({-1, 1});
    if (end <= at.ns() && !(mix_.bad && chance_.one_in(3))) end = at.ns() + 1;
    ends_.push_back(end);
    if (ends_.size() > 6) ends_.erase(ends_.begin());
    return Timestamp::from_ns(end);
  }

  /// The first time at which a removal is older than any last_active that could still come.
  std::int64_t end_of_removal(std::int64_t at) const noexcept {
    const std::int64_t step = history_.rules.last_active_refresh.ns();
    std::int64_t next = at + 1;
    if (step > 0) next = (at / step + (at >= 0 || at % step == 0 ? 1 : 0)) * step;
    return next + unit_ * in_units(history_.rules.reorder_window);
  }

  PresenceEvent bad_event() {
    PresenceEvent e = event();
    switch (chance_.below(mix_.rich ? 9 : 6)) {
      case 0: e.user.clear(); break;
      case 1:
        e.type = EventType::heartbeat;
        e.session.clear();
        break;
      case 2:
        e.type = EventType::set_status;
        e.status.reset();
        break;
      case 3:
        e.type = EventType::set_visible;
        e.invisible.reset();
        break;
      case 4:
        e.status = "a";
        e.until = chance_.any(
            {e.at, e.at - Duration::from_ns(1), e.at - units(2), Timestamp::lowest(), Timestamp::highest()});
        break;
      case 6:
        e.type = chance_.any({EventType::connect, EventType::update, EventType::report, EventType::set_availability});
        e.availability = static_cast<Availability>(chance_.any({0, 5, 77, 255}));
        break;
      case 7:
        e.type = chance_.one_in(2) ? EventType::connect : EventType::update;
        e.availability.reset();
        e.priority = chance_.any<std::int8_t>({0, 1});
        break;
      case 8:
        e.type = EventType::set_data;
        e.name = chance_.any({"", "id", "online", "activity", "custom"});
        break;
      default: e.at = chance_.one_in(2) ? Timestamp::lowest() : Timestamp::highest(); break;
    }
    return e;
  }

  std::vector<PresenceEvent> events(std::size_t most) {
    std::vector<PresenceEvent> list;
    const std::size_t n = 1 + chance_.below(most);
    for (std::size_t i = 0; i < n; ++i) list.push_back(i > 0 && chance_.one_in(8) ? list[chance_.below(i)] : event());
    return list;
  }

  Step advance() {
    const Rules& rules = history_.rules;
    const std::int64_t timeout = in_units(rules.session_timeout), grace = in_units(rules.offline_grace);
    std::int64_t to = cursor_;
    switch (chance_.below(8)) {
      case 0: to = known_[chance_.below(known_.size())] + unit_ * (timeout + chance_.between(-1, 1)); break;
      case 1: to = known_.back() + unit_ * (timeout + grace + chance_.between(-1, 1)); break;
      case 2: to = known_.back() + unit_ * (grace + chance_.between(-1, 1)); break;
      case 3: to = cursor_ + unit_ * (in_units(rules.reorder_window) + chance_.between(-1, 1)); break;
      case 4: to = cursor_ + unit_ * (timeout + in_units(rules.reorder_window) + grace + chance_.between(-1, 2)); break;
      default: to = cursor_ + unit_ * chance_.between(0, 3); break;
    }
    if (rules.forget_after != Duration::highest() && chance_.one_in(4)) {
      to = known_[chance_.below(known_.size())] + unit_ * (in_units(rules.forget_after) + chance_.between(-1, 1));
    }
    const std::int64_t beside = chance_.any<std::int64_t>({0, 0, 1, unit_, -1, -1}) - (chance_.one_in(4) ? unit_ : 0);
    if (chance_.one_in(5)) {
      to = ends_[chance_.below(ends_.size())] + beside;
    } else if (removals_.size() > 1 && chance_.one_in(5)) {
      to = end_of_removal(removals_.back()) + beside;
    }
    if (!chance_.one_in(12) && to < cursor_) to = cursor_ + unit_;
    if (to > cursor_) cursor_ = to;
    started_ = true;
    Step step;
    step.what = Do::advance;
    step.at = Timestamp::from_ns(to);
    return step;
  }

  Step step() {
    const std::size_t kind = chance_.below(40);
    Step step;
    if (kind < 9) return advance();
    if (kind < 12 && mix_.batches) {
      step.what = Do::batch;
      step.events = events(6);
    } else if (kind < 14 && mix_.replays) {
      step.what = Do::replay;
      step.events = events(6);
      for (const PresenceEvent& e : step.events) {
        if (e.at.ns() > cursor_) cursor_ = e.at.ns();
      }
      started_ = true;
    } else if (kind < 17 && mix_.merges) {
      step.what = Do::merge;
      step.events = events(5);
      if (chance_.one_in(2)) {
        std::int64_t to = cursor_ + unit_ * chance_.between(-2, 4);
        step.at = Timestamp::from_ns(to);
        if (to > cursor_ || !started_) cursor_ = to;
        started_ = true;
      }
    } else if (kind < 18 && mix_.forgets) {
      step.what = Do::forget;
    } else if (kind < 20 && mix_.resyncs) {
      step.what = Do::resync;
      if (!chance_.one_in(4)) step.events = events(3);
      for (PresenceEvent& e : step.events) {
        if (!chance_.one_in(8)) e.type = EventType::report;
        e.online = !chance_.one_in(4);
      }
      step.at = chance_.one_in(2) ? Timestamp::from_ns(cursor_) : instant();
    } else if (kind < 21 && mix_.bad) {
      step.events.push_back(bad_event());
    } else if (kind < 23 && !made_.empty()) {
      step.events.push_back(
          made_[made_.size() - 1 - chance_.below((std::min)(made_.size(), std::size_t{6}))]);  // a duplicate
    } else {
      step.events.push_back(event());
      made_.push_back(step.events.back());
    }
    return step;
  }

  Chance chance_;
  Mix mix_;
  History history_;
  std::int64_t unit_ = 1, start_ = 0, cursor_ = 0;
  bool started_ = false;
  std::vector<std::int64_t> known_, ends_, removals_;
  std::string removed_;  ///< the user of the latest removal
  std::vector<PresenceEvent> made_;
};

inline History random_history(std::uint64_t seed, const Mix& mix = {}) { return Author(seed, mix).write(); }

// ---- what an event is
// ----------------------------------------------------------------------------------------------------------------

/// Whether the event asks to be invisible, or to be visible.
inline bool asks_to_be(const PresenceEvent& e, bool invisible) {
  return (e.type == EventType::connect || e.type == EventType::set_visible) && e.invisible && *e.invisible == invisible;
}

/// Whether others cannot observe the event if its user is invisible. They can observe statuses, removals, and reports
/// of a server.
inline bool is_private(const PresenceEvent& e) {
  return presence::detail::belongs_to_session(e.type) || e.type == EventType::set_visible ||
         e.type == EventType::set_availability;
}

/// The text of the event, set without anything else. Precondition: it has one.
inline PresenceEvent text_of(const PresenceEvent& e) {
  PresenceEvent text = PresenceEvent::set_status(e.user, *e.status, e.at);
  text.until = e.until;
  return text;
}

/// Whether time alone may make this change: a text ends, a user goes offline, or one ceases to be known.
inline bool is_of_time(const UserPresenceChanged& change, const Rules& rules) {
  if (!change.before) return false;
  const User& before = *change.before;
  if (change.after && change.data_changed()) return false;
  if (!change.after)
    return rules.forget_after != Duration::highest() ||
           (before.online && !before.last_active && before.status.empty() && before.data.empty());
  const bool text_ends = change.status_changed() && change.after->status.empty(),
             goes_offline = before.online && !change.after->online;
  const bool turns =
      before.online && change.after->online && (change.availability_changed() || change.activity_changed());
  return (text_ends || goes_offline || turns) && (text_ends || !change.status_changed()) &&
         (goes_offline || !change.online_changed()) && !change.last_active_changed();
}

// ---- running one
// -----------------------------------------------------------------------------------------------------------------------

using Changes = std::vector<UserPresenceChanged>;

inline auto into(Changes& changes) {
  return [&changes](const UserPresenceChangedView& change) { changes.emplace_back(change); };
}

/// What `merge` joins: of a step's events those that are not older than the newest timestamp minus the window, the
/// premise of law 3.
inline std::vector<PresenceEvent> not_too_old(const Step& step, std::optional<Timestamp> now, const Rules& rules) {
  const Duration window = rules.reorder_window < Duration() ? Duration() : rules.reorder_window;
  if (step.at && (!now || *step.at > *now)) now = step.at;
  std::vector<PresenceEvent> kept;
  for (const PresenceEvent& e : step.events) {
    if (!now || !(e.at < *now - window)) kept.push_back(e);
  }
  return kept;
}

/// Another node, without limits of its own: what it does not know it cannot hide, and so what it refuses for a limit
/// might show.
inline Snapshot other_node(const Rules& rules, const std::vector<PresenceEvent>& events, std::optional<Timestamp> at) {
  Rules roomy;
  roomy.session_timeout = rules.session_timeout;
  roomy.offline_grace = rules.offline_grace;
  roomy.last_active_refresh = rules.last_active_refresh;
  roomy.reorder_window = rules.reorder_window;
  roomy.max_clock_skew = rules.max_clock_skew;
  roomy.forget_after = rules.forget_after;
  roomy.idle_after = rules.idle_after;
  roomy.heartbeat_is_activity = rules.heartbeat_is_activity;
  roomy.report_timeout = rules.report_timeout;
  roomy.session_fold = rules.session_fold;
  roomy.ranking = rules.ranking;
  roomy.show_devices = rules.show_devices;
  Snapshot other(roomy);
  for (const PresenceEvent& e : events) other = presence::reduce(std::move(other), PresenceEventView(e));
  if (at) other = presence::reduce(std::move(other), *at);
  return other;
}

inline Tally count_one(Verdict verdict) {
  Tally tally;
  tally.count(verdict);
  return tally;
}

inline Tally perform(Snapshot& s, const Step& step, Changes& changes) {
  switch (step.what) {
    case Do::event: {
      Tally tally;
      for (const PresenceEvent& e : step.events) tally.count(presence::apply(s, PresenceEventView(e), into(changes)));
      return tally;
    }
    case Do::advance: return count_one(presence::apply(s, *step.at, into(changes)));
    case Do::batch: return presence::apply(s, step.events.begin(), step.events.end(), into(changes));
    case Do::replay: return presence::replay(s, step.events.begin(), step.events.end(), into(changes));
    case Do::merge:
      presence::merge_into(s, other_node(s.rules(), not_too_old(step, s.now(), s.rules()), step.at), into(changes));
      return Tally();
    case Do::forget: presence::forget_reports_in(s, into(changes)); return Tally();
    case Do::resync: return presence::resync(s, step.events.begin(), step.events.end(), *step.at, into(changes));
  }
  return Tally();
}

// ---- telling one
// -----------------------------------------------------------------------------------------------------------------------

inline std::string told(Timestamp at) { return "at(" + std::to_string(at.ns()) + ")"; }
inline std::string told(std::optional<Timestamp> at) { return at ? told(*at) : "none"; }
inline std::string told(Duration d) {
  return d == Duration::highest() ? "Duration::highest()" : "Duration::from_ns(" + std::to_string(d.ns()) + ")";
}

inline std::string told(const PresenceEvent& e) {
  const std::string head = "{ auto e = PresenceEvent::", user = "\"" + e.user + "\"",
                    session = ", \"" + e.session + "\"", at = ", " + told(e.at) + ");";
  std::string text;
  switch (e.type) {
    case EventType::connect: text = head + "connect(" + user + session + at; break;
    case EventType::disconnect: text = head + "disconnect(" + user + session + at; break;
    case EventType::heartbeat: text = head + "heartbeat(" + user + session + at; break;
    case EventType::set_status:
      text = head + "set_status(" + user + ", \"" + e.status.value_or("<absent>") + "\"" + at;
      break;
    case EventType::report: text = head + "report(" + user + (e.online ? ", true" : ", false") + at; break;
    case EventType::set_visible:
      text = head + "set_visible(" + user + (e.invisible.value_or(true) ? ", false" : ", true") + at;
      if (!e.invisible) text += " e.invisible.reset();";
      break;
    case EventType::remove: text = head + "remove(" + user + at; break;
    case EventType::active: text = head + "active(" + user + session + at; break;
    case EventType::update: text = head + "update(" + user + session + at; break;
    case EventType::set_availability:
      text = head + "set_availability(" + user + ", " +
             (e.availability ? "Availability::" + std::string(to_string(*e.availability)) : "std::nullopt") + at;
      break;
    case EventType::set_data:
      text = head + "set_data(" + user + ", \"" + e.name + "\", *parse_value(R\"(" + to_json(e.value) + ")\")" + at;
      break;
    default: text = head + "/* of unknown type */ connect(" + user + session + at; break;
  }
  if (e.invisible && e.type != EventType::set_visible)
    text += std::string(" e.invisible = ") + (*e.invisible ? "true;" : "false;");
  if (e.status && e.type != EventType::set_status) text += " e.status = \"" + *e.status + "\";";
  if (e.online && e.type != EventType::report) text += " e.online = true;";
  if (e.last_active) text += " e.last_active = " + told(*e.last_active) + ";";
  if (e.until) text += " e.until = " + told(*e.until) + ";";
  if (e.availability && e.type != EventType::set_availability)
    text += " e.availability = Availability::" + std::string(to_string(*e.availability)) + ";";
  if (e.priority) text += " e.priority = " + std::to_string(*e.priority) + ";";
  if (e.activity) text += " e.activity = fields(R\"(" + to_json(presence::Value::object(*e.activity)) + ")\");";
  if (e.data) text += " e.data = fields(R\"(" + to_json(presence::Value::object(*e.data)) + ")\");";
  return text + " ";
}

inline std::string told(const std::vector<PresenceEvent>& events, const char* list) {
  std::string text;
  for (const PresenceEvent& e : events) text += "  " + told(e) + list + ".push_back(e); }\n";
  return text;
}

inline std::string told(const Step& step) {
  switch (step.what) {
    case Do::event: {
      std::string text;
      for (const PresenceEvent& e : step.events) text += "  " + told(e) + "apply(s, e, tell); }\n";
      return text;
    }
    case Do::advance: return "  apply(s, " + told(*step.at) + ", tell);\n";
    case Do::batch: return told(step.events, "list") + "  apply(s, list.begin(), list.end(), tell); list.clear();\n";
    case Do::replay: return told(step.events, "list") + "  replay(s, list.begin(), list.end(), tell); list.clear();\n";
    case Do::merge:
      return told(step.events, "list") + "  merge_into(s, other_node(list, " + told(step.at) +
             "), tell); list.clear();\n";
    case Do::forget: return "  forget_reports_in(s, tell);\n";
    case Do::resync:
      return told(step.events, "list") + "  resync(s, list.begin(), list.end(), " + told(*step.at) +
             ", tell); list.clear();\n";
  }
  return "";
}

inline std::string told(const Rules& rules) {
  const Rules usual;
  std::string text = "  Rules rules;\n";
  const auto line = [&text](const char* name, const std::string& value) {
    text += std::string("  rules.") + name + " = " + value + ";\n";
  };
  line("session_timeout", told(rules.session_timeout));
  line("offline_grace", told(rules.offline_grace));
  line("last_active_refresh", told(rules.last_active_refresh));
  line("reorder_window", told(rules.reorder_window));
  line("max_clock_skew", told(rules.max_clock_skew));
  if (rules.forget_after != usual.forget_after) line("forget_after", told(rules.forget_after));
  if (rules.idle_after != usual.idle_after) line("idle_after", told(rules.idle_after));
  if (!rules.heartbeat_is_activity) line("heartbeat_is_activity", "false");
  if (rules.report_timeout != usual.report_timeout) line("report_timeout", told(rules.report_timeout));
  if (rules.session_fold != usual.session_fold)
    line("session_fold", "SessionFold::" + std::string(to_string(rules.session_fold)));
  if (rules.ranking != usual.ranking) {
    std::vector<Availability> order{Availability::busy, Availability::available, Availability::away,
                                    Availability::idle};
    std::sort(order.begin(), order.end(),
              [&rules](Availability a, Availability b) { return rules.ranking.is_stronger(a, b); });
    std::string words;
    for (const Availability word : order)
      words += (words.empty() ? "{Availability::" : ", Availability::") + std::string(to_string(word));
    line("ranking", words + "}");
  }
  if (rules.show_devices) line("show_devices", "true");
  if (rules.max_users != usual.max_users) line("max_users", std::to_string(rules.max_users));
  if (rules.max_sessions_per_user != usual.max_sessions_per_user)
    line("max_sessions_per_user", std::to_string(rules.max_sessions_per_user));
  if (rules.max_recent_per_user != usual.max_recent_per_user)
    line("max_recent_per_user", std::to_string(rules.max_recent_per_user));
  if (rules.max_status_bytes != usual.max_status_bytes)
    line("max_status_bytes", std::to_string(rules.max_status_bytes));
  if (rules.hash_seed != usual.hash_seed) line("hash_seed", std::to_string(rules.hash_seed) + "u");
  return text;
}

inline std::string told(const History& h) {
  std::string text = told(h.rules) + "  Snapshot s(rules);\n";
  for (const Step& step : h.steps) text += told(step);
  if (!h.events.empty())
    text += "  // the set of events, in many orders\n" + told(h.events, "set") + "  last = " + told(h.last) + ";\n";
  return text;
}

inline std::string told(const std::optional<User>& user) {
  if (!user) return "not known";
  std::string text = std::string(user->online ? "online" : "offline") + " \"" + user->status + "\" " +
                     told(user->last_active) + (user->invisible ? " invisible" : "");
  if (user->online && user->availability != Availability::available && user->availability != Availability::offline)
    text += " " + std::string(to_string(user->availability));
  if (!user->activity.empty()) text += " doing " + to_json(presence::Value::object(user->activity));
  if (!user->data.empty()) text += " data " + to_json(presence::Value::object(user->data));
  return text;
}
inline std::string told(const UserPresenceChanged& change) {
  return told(change.at) + " " + change.id + ": " + told(change.before) + " -> " + told(change.after);
}
inline std::string told(const Changes& changes) {
  std::string text;
  for (const UserPresenceChanged& change : changes) text += "      " + told(change) + "\n";
  return changes.empty() ? "      (none)\n" : text;
}

// ---- what can be seen of one
// -----------------------------------------------------------------------------------------------------------

using Views = std::map<std::string, User>;

inline Views views_of(const Snapshot& s) {
  Views views;
  for (const presence::UserView& user : s) views[std::string(user.id)] = User(user);
  return views;
}

inline std::optional<User> find(const Views& views, const std::string& id) {
  const auto it = views.find(id);
  return it == views.end() ? std::nullopt : std::optional<User>(it->second);
}

/// Goes on with the story of `views`; what is wrong with it, if anything.
inline std::optional<std::string> follow(Views& views, const Changes& changes) {
  for (const UserPresenceChanged& change : changes) {
    if (change.before == change.after) return "nothing changed, and yet it was told: " + told(change);
    if (change.before != find(views, change.id))
      return "before was " + told(find(views, change.id)) + " in " + told(change);
    for (const std::optional<User>& side : {change.before, change.after}) {
      if (side && side->id != change.id) return "a change of " + change.id + " shows " + side->id;
      if (side && side->invisible) return "others are shown that " + change.id + " is invisible";
    }
    if (change.at == Timestamp::lowest() || change.at == Timestamp::highest())
      return "a change at no timestamp: " + told(change);
    if (change.after) {
      views[change.id] = *change.after;
    } else {
      views.erase(change.id);
    }
  }
  return std::nullopt;
}

inline bool in_order(const UserPresenceChanged& a, const UserPresenceChanged& b) {
  return a.at != b.at ? a.at < b.at : a.id < b.id;
}

inline std::string told(const std::vector<presence::Device>& devices) {
  std::string text;
  for (const presence::Device& device : devices)
    text += ", device " + device.session + " " + std::string(to_string(device.availability)) + " doing " +
            to_json(presence::Value::object(device.activity));
  return text;
}

/// Everything that others can observe of a snapshot, as one text: equal strings, equal observations, their order
/// included.
inline std::string seen_by_others(const Snapshot& s,
                                  std::initializer_list<const char*> ids = {"ann", "bob", "cyd", "dee", "eve"}) {
  std::string text = "size " + std::to_string(s.size()) + ", online " + std::to_string(s.online_count()) + ", now " +
                     told(s.now()) + ", next deadline " + told(s.next_deadline()) + ", in order";
  for (const presence::UserView& user : s)
    text += "; " + std::string(user.id) + " " + told(std::optional<User>(User(user)));
  text += ", found";
  for (const char* id : ids) {
    text += std::string("; ") + id + " " + told(s.find(id)) + (s.online(id) ? " on" : " off");
    const char* const other = std::string(id) == "ann" ? "bob" : "ann";
    if (s.find(id, Viewer{other}) != s.find(id))
      text += " BUT " + std::string(other) + " sees " + told(s.find(id, Viewer{other}));
    if (s.online(id, Viewer{other}) != s.online(id)) text += " BUT otherwise online for " + std::string(other);
    const std::optional<presence::UserView> borrowed = s.view(id);
    if (borrowed.has_value() != s.find(id).has_value() || (borrowed && *borrowed != *s.find(id)))
      text += " BUT view() differs";
    text += told(s.devices(id));
    if (s.devices(id, Viewer{other}) != s.devices(id)) text += " BUT other devices for " + std::string(other);
  }
  return text;
}

inline std::string told(const presence::PresenceState& state) {
  std::string text = told(std::optional<User>(state.user)) + ", status at " + told(state.status_at) + " until " +
                     told(state.status_until) + ", invisible since " + told(state.invisible_since);
  if (state.choice) text += ", chose " + std::string(to_string(*state.choice)) + " until " + told(state.choice_until);
  for (const presence::Session& session : state.sessions) {
    text += ", session " + session.id + (session.alive ? " alive" : " ended") + " evidence " +
            told(session.last_evidence) + " since " + told(session.online_since) + " until " +
            told(session.online_until) + " disconnects";
    for (const Timestamp at : session.disconnects) text += " " + told(at);
    if (session.availability)
      text += " says " + std::string(to_string(*session.availability)) + " " + std::to_string(session.priority);
    if (session.active) text += " active " + told(*session.active);
  }
  return text;
}

/// The same, and the truth: everything that can be asked of a snapshot.
inline std::string all_of(const Snapshot& s,
                          std::initializer_list<const char*> ids = {"ann", "bob", "cyd", "dee", "eve"}) {
  std::string text = seen_by_others(s, ids) + ", truth";
  for (const char* id : ids) {
    text += std::string("; ") + id + " ";
    if (const std::optional<presence::PresenceState> state = s.inspect(id)) text += told(*state);
    text += " to himself " + told(s.find(id, Viewer{id})) + (s.online(id, Viewer{id}) ? " on" : " off") +
            told(s.devices(id, Viewer{id}));
  }
  return text + ", digest " + std::to_string(s.digest());
}

}  // namespace property

#endif  // PRESENCE_TESTS_PROPERTY_HISTORY_HPP
