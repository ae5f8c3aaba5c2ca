// SPDX-License-Identifier: MIT
// Law 6. Nothing is lost on bad input: a rejected event leaves the snapshot identical and returns the reason. The
// events beside it are still applied, and nothing crashes, overflows or grows beyond the limits. Meant to be run with
// sanitizers as well.
#include "history.hpp"
#include "oracle.hpp"
#include "shrink.hpp"

#include <presence/presence.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

using namespace property;

namespace {

struct Refused {
  PresenceEvent event;
  Verdict why;
  const char* what;
};

/// Objects in objects, so many levels of them.
presence::Value nested(unsigned levels) {
  presence::Value value = 1;
  for (; levels > 0; --levels) {
    presence::Attributes outer;
    outer["o"] = std::move(value);
    value = presence::Value::object(std::move(outer));
  }
  return value;
}

/// Events whose availability, activity or data is none, or too much of it, and the expected verdicts.
std::vector<Refused> events_that_say_nonsense(const Rules& rules, Timestamp at) {
  std::vector<Refused> list;
  const auto add = [&](PresenceEvent e, Verdict why, const char* what) { list.push_back({std::move(e), why, what}); };
  PresenceEvent connect = PresenceEvent::connect("ann", "1", at), update = PresenceEvent::update("ann", "1", at),
                report = PresenceEvent::report("ann", true, at);
  for (const unsigned number : {0u, 5u, 77u, 255u}) {
    const Availability none = static_cast<Availability>(number);
    const char* const what = number == 0 ? "somebody says that they are offline" : "an availability that is none";
    add(PresenceEvent::set_availability("ann", none, at), Verdict::invalid, what);
    for (PresenceEvent e : {connect, update, report}) {
      e.availability = none;
      add(e, Verdict::invalid, what);
      e.priority = std::int8_t{1};
      add(e, Verdict::invalid, what);
    }
  }
  for (PresenceEvent e : {connect, update}) {
    e.priority = std::int8_t{0};
    add(e, Verdict::invalid, "a priority without an availability");
  }
  for (const Timestamp until : {at, at - Duration::from_ns(1), Timestamp::lowest(), Timestamp::highest()}) {
    for (const std::optional<Availability> choice : {std::optional<Availability>(), {Availability::busy}}) {
      PresenceEvent e = PresenceEvent::set_availability("ann", choice, at);
      e.until = until;
      add(e, Verdict::invalid, "a choice that ends before it begins, or at no timestamp");
    }
  }

  for (const char* name : {"", "id", "online", "status", "last_active", "invisible", "availability", "activity",
                           "custom", "created_at", "updated_at", "deleted_at"}) {
    for (const bool is_removed : {false, true})
      add(PresenceEvent::set_data("ann", name, is_removed ? presence::Value() : presence::Value(1), at),
          Verdict::invalid, "a name that data cannot have");
    PresenceEvent e = report;
    e.data.emplace()["k"] = 1;
    (*e.data)[name];
    add(e, Verdict::invalid, "a name that data cannot have");
  }
  const double infinity = std::numeric_limits<double>::infinity();
  for (const presence::Value& value :
       {presence::Value(std::numeric_limits<double>::quiet_NaN()), presence::Value(infinity),
        presence::Value(-infinity), presence::Value(UINT64_MAX), nested(presence::Value::deepest + 1)}) {
    add(PresenceEvent::set_data("ann", "k", value, at), Verdict::invalid, "a value that JSON does not have");
    for (PresenceEvent e : {connect, update, report}) {
      e.activity.emplace()["k"] = value;
      add(e, Verdict::invalid, "an activity that JSON does not have");
    }
    PresenceEvent e = report;
    e.data.emplace()["k"] = value;
    add(e, Verdict::invalid, "data that JSON does not have");
  }
  connect.activity.emplace()["k"] = nested(presence::Value::deepest);  // an object of its own is one more level
  add(connect, Verdict::invalid, "an activity that is too deep");

  const std::string long_value(rules.max_user_data_bytes, 'z'), long_doing(rules.max_activity_bytes, 'z');
  add(PresenceEvent::set_data("ann", "k", long_value, at), Verdict::over_limit, "a long value");
  add(PresenceEvent::set_data("ann", long_value, 1, at), Verdict::over_limit, "a long name");
  add(PresenceEvent::set_data("ann", long_value + "y", presence::Value(), at), Verdict::over_limit, "a long name");
  for (PresenceEvent e : {connect, update, report}) {
    e.activity.emplace()["k"] = long_doing;
    add(e, Verdict::over_limit, "a long activity");
    e.availability = Availability::offline;
    add(e, Verdict::invalid, "what is invalid comes before limits");
  }
  PresenceEvent e = report;
  e.data.emplace()["k"] = long_value;
  add(e, Verdict::over_limit, "a long value");
  e.data.emplace();
  for (std::size_t i = 0; i <= rules.max_data_names; ++i) (*e.data)["n" + std::to_string(i)] = 1;
  add(e, Verdict::over_limit, "too many names");
  return list;
}

/// Events that every snapshot with these rules rejects, and the expected verdicts.
std::vector<Refused> refused_events(const Rules& rules, std::optional<Timestamp> now, Timestamp at) {
  const std::string long_id(std::size_t{rules.max_id_bytes} + 1, 'x'),
      long_text(std::size_t{rules.max_status_bytes} + 1, 'y');
  std::vector<Refused> list;
  const auto add = [&](PresenceEvent e, Verdict why, const char* what) { list.push_back({std::move(e), why, what}); };
  const auto with_status = [](PresenceEvent e, std::string text) {
    e.status = std::move(text);
    return e;
  };
  add(PresenceEvent(), Verdict::invalid, "nothing is set");
  add(PresenceEvent::connect("", "1", at), Verdict::invalid, "an empty user");
  add(PresenceEvent::disconnect("", "1", at), Verdict::invalid, "an empty user");
  add(PresenceEvent::heartbeat("", "1", at), Verdict::invalid, "an empty user");
  add(PresenceEvent::set_status("", "a", at), Verdict::invalid, "an empty user");
  add(PresenceEvent::report("", true, at), Verdict::invalid, "an empty user");
  add(PresenceEvent::connect("ann", "", at), Verdict::invalid, "an empty session");
  add(PresenceEvent::disconnect("ann", "", at), Verdict::invalid, "an empty session");
  add(PresenceEvent::heartbeat("ann", "", at), Verdict::invalid, "an empty session");
  PresenceEvent silent = PresenceEvent::set_status("ann", "a", at);
  silent.status.reset();
  add(silent, Verdict::invalid, "a status without a text");
  PresenceEvent unclear = PresenceEvent::set_visible("ann", true, at);
  unclear.invisible.reset();
  add(unclear, Verdict::invalid, "a visibility that is not said");
  add(PresenceEvent::active("ann", "", at), Verdict::invalid, "an empty session");
  add(PresenceEvent::update("ann", "", at), Verdict::invalid, "an empty session");
  add(PresenceEvent::active("", "1", at), Verdict::invalid, "an empty user");
  add(PresenceEvent::update("", "1", at), Verdict::invalid, "an empty user");
  add(PresenceEvent::set_availability("", Availability::busy, at), Verdict::invalid, "an empty user");
  add(PresenceEvent::set_data("", "k", 1, at), Verdict::invalid, "an empty user");
  add(PresenceEvent::set_visible("", true, at), Verdict::invalid, "an empty user");
  add(PresenceEvent::remove("", at), Verdict::invalid, "an empty user");
  for (const Timestamp until : {at, at - Duration::from_ns(1), Timestamp::lowest(), Timestamp::highest()}) {
    for (PresenceEvent e :
         {PresenceEvent::set_status("ann", "a", at), with_status(PresenceEvent::connect("ann", "1", at), ""),
          with_status(PresenceEvent::heartbeat("ann", "1", at), "a"),
          with_status(PresenceEvent::report("ann", true, at), "a"),
          with_status(PresenceEvent::set_visible("ann", true, at), "b")}) {
      e.until = until;
      add(e, Verdict::invalid, "a text that ends before it begins, or at no timestamp");
    }
  }
  for (Refused& refused : events_that_say_nonsense(rules, at)) list.push_back(std::move(refused));
  for (const unsigned type : {static_cast<unsigned>(EventType::remove) + 1, 12u, 127u, 255u}) {
    PresenceEvent unknown = with_status(PresenceEvent::connect("ann", "1", at), "a");
    unknown.type = static_cast<EventType>(type);
    add(unknown, Verdict::invalid, "an unknown type");
  }
  for (const Timestamp end : {Timestamp::lowest(), Timestamp::highest()}) {
    add(PresenceEvent::connect("ann", "1", end), Verdict::invalid, "a timestamp that is none");
    add(PresenceEvent::disconnect("ann", "1", end), Verdict::invalid, "a timestamp that is none");
    add(PresenceEvent::heartbeat("ann", "1", end), Verdict::invalid, "a timestamp that is none");
    add(PresenceEvent::set_status("ann", "a", end), Verdict::invalid, "a timestamp that is none");
    add(PresenceEvent::report("ann", true, end), Verdict::invalid, "a timestamp that is none");
    add(PresenceEvent::set_visible("ann", true, end), Verdict::invalid, "a timestamp that is none");
    add(PresenceEvent::set_visible("ann", false, end), Verdict::invalid, "a timestamp that is none");
    add(PresenceEvent::remove("ann", end), Verdict::invalid, "a timestamp that is none");
    add(PresenceEvent::active("ann", "1", end), Verdict::invalid, "a timestamp that is none");
    add(PresenceEvent::update("ann", "1", end), Verdict::invalid, "a timestamp that is none");
    add(PresenceEvent::set_availability("ann", Availability::busy, end), Verdict::invalid, "a timestamp that is none");
    add(PresenceEvent::set_data("ann", "k", 1, end), Verdict::invalid, "a timestamp that is none");
    PresenceEvent report = PresenceEvent::report("ann", true, at);
    report.last_active = end;
    add(report, Verdict::invalid, "a last_active that is no timestamp");
    add(PresenceEvent::connect("", "", end), Verdict::invalid, "several things at once");
    add(PresenceEvent::connect(long_id, "1", end), Verdict::invalid, "what is invalid comes before limits");
  }
  add(PresenceEvent::connect(long_id, "1", at), Verdict::over_limit, "a long user");
  add(PresenceEvent::set_status(long_id, "a", at), Verdict::over_limit, "a long user");
  add(PresenceEvent::report(long_id, true, at), Verdict::over_limit, "a long user");
  add(PresenceEvent::set_visible(long_id, true, at), Verdict::over_limit, "a long user");
  add(PresenceEvent::remove(long_id, at), Verdict::over_limit, "a long user");
  add(PresenceEvent::set_availability(long_id, std::nullopt, at), Verdict::over_limit, "a long user");
  add(PresenceEvent::set_data(long_id, "k", 1, at), Verdict::over_limit, "a long user");
  add(PresenceEvent::active("ann", long_id, at), Verdict::over_limit, "a long session");
  add(PresenceEvent::update("ann", long_id, at), Verdict::over_limit, "a long session");
  add(PresenceEvent::connect("ann", long_id, at), Verdict::over_limit, "a long session");
  add(PresenceEvent::disconnect("ann", long_id, at), Verdict::over_limit, "a long session");
  add(PresenceEvent::set_status("ann", long_text, at), Verdict::over_limit, "a long text");
  add(with_status(PresenceEvent::connect("ann", "1", at), long_text), Verdict::over_limit, "a long text");
  add(with_status(PresenceEvent::report("ann", true, at), long_text), Verdict::over_limit, "a long text");
  add(with_status(PresenceEvent::set_visible("ann", true, at), long_text), Verdict::over_limit, "a long text");
  PresenceEvent both = PresenceEvent::set_status("ann", long_text, at);
  both.until = at;
  add(both, Verdict::invalid, "what is invalid comes before limits");
  if (now) {
    const Timestamp late = *now - rules.reorder_window - Duration::from_ns(1),
                    early = *now + rules.max_clock_skew + Duration::from_ns(1);
    const auto is_instant = [](Timestamp t) { return t != Timestamp::lowest() && t != Timestamp::highest(); };
    const bool lates = is_instant(late) && late < *now - rules.reorder_window,
               earlies = is_instant(early) && early > *now + rules.max_clock_skew;
    for (const bool is_late : {true, false}) {
      if (!(is_late ? lates : earlies)) continue;
      const Timestamp then = is_late ? late : early;
      const Verdict why = is_late ? Verdict::too_late : Verdict::too_early;
      add(PresenceEvent::connect("ann", "1", then), why, "late or early");
      add(PresenceEvent::disconnect("ann", "1", then), why, "late or early");
      add(PresenceEvent::heartbeat("new", "1", then), why, "late or early");
      add(PresenceEvent::set_status("bob", "a", then), why, "late or early");
      add(PresenceEvent::report("ann", true, then), why, "late or early");
      add(PresenceEvent::set_visible("ann", false, then), why, "late or early");
      add(PresenceEvent::remove("bob", then), why, "late or early");
      add(PresenceEvent::active("ann", "1", then), why, "late or early");
      add(PresenceEvent::update("new", "1", then), why, "late or early");
      add(PresenceEvent::set_availability("ann", std::nullopt, then), why, "late or early");
      add(PresenceEvent::set_data("bob", "k", 1, then), why, "late or early");
      PresenceEvent ended = PresenceEvent::set_status("ann", "a", then);
      ended.until = then;
      add(ended, Verdict::invalid, "what is invalid comes before timestamps");
      add(PresenceEvent::connect(long_id, "1", then), Verdict::over_limit, "limits of bytes come before timestamps");
      add(PresenceEvent::connect("ann", "", then), Verdict::invalid, "what is invalid comes before timestamps");
    }
  }
  return list;
}

struct Seen {
  std::size_t refused = 0, limits = 0, steps = 0, most_users = 0, most_sessions = 0, for_users = 0, for_unknown = 0,
              gave_way = 0, removed = 0;
};

bool is_same(const Snapshot& a, const Snapshot& b) {
  return a == b && !(a != b) && a.digest() == b.digest() && views_of(a) == views_of(b);
}

Wrong refuses(const Snapshot& s, Timestamp at, Chance& chance, Seen& seen) {
  const std::string shown = all_of(s);
  for (const Refused& refused : refused_events(s.rules(), s.now(), at)) {
    Snapshot after = s;
    Changes changes;
    const Verdict why = apply(after, refused.event, into(changes));
    ++seen.refused;
    if (why != refused.why)
      return std::string(refused.what) + " has verdict " + std::to_string(static_cast<int>(why)) + ", not " +
             std::to_string(static_cast<int>(refused.why)) + ": " + told(refused.event);
    if (accepted(why) || !changes.empty() || !is_same(after, s))
      return std::string(refused.what) + " leaves another snapshot: " + told(refused.event);
    if (chance.one_in(8)) {
      if (all_of(after) != shown) return std::string(refused.what) + " shows: " + told(refused.event);
      if (!is_same(reduce(s, refused.event), s))
        return std::string(refused.what) + " leaves another snapshot to reduce: " + told(refused.event);
      Snapshot replayed = s;
      const std::vector<PresenceEvent> one{refused.event};
      const Tally tally = replay(replayed, one.begin(), one.end(), into(changes));
      const bool by_time = why == Verdict::too_early || why == Verdict::too_late;  // time follows the events of a log
      if (!by_time && (tally.refused() != 1 || !changes.empty() || !is_same(replayed, s)))
        return std::string(refused.what) + " moves time in replay: " + told(refused.event);
    }
  }
  for (const Timestamp end : {Timestamp::lowest(), Timestamp::highest()}) {
    Snapshot after = s;
    Changes changes;
    if (apply(after, end, into(changes)) != Verdict::invalid || !changes.empty() || !is_same(after, s) ||
        !is_same(reduce(s, end), s)) {
      return "an advance to a timestamp that is none: " + told(end);
    }
    const std::vector<PresenceEvent> list{PresenceEvent::report("ann", true, at)};
    const Tally tally = resync(after, list.begin(), list.end(), end, into(changes));
    if (tally.refused() != 1 || !changes.empty() || !is_same(after, s))
      return "a resync as of a timestamp that is none: " + told(end);
  }
  if (s.now()) {
    Snapshot after = s;
    Changes changes;
    if (apply(after, *s.now(), into(changes)) != Verdict::unchanged ||
        apply(after, *s.now() - Duration::from_ns(1), into(changes)) == Verdict::applied || !changes.empty() ||
        !is_same(after, s)) {
      return "an advance to a timestamp that is not later than now";
    }
  }
  return std::nullopt;
}

/// Valid events among invalid ones are applied as if those were absent, as a batch and as a log.
Wrong folds_the_rest(const Snapshot& s, const std::vector<PresenceEvent>& good, Timestamp at, Chance& chance) {
  const std::vector<Refused> refused = refused_events(s.rules(), s.now(), at);
  std::vector<PresenceEvent> mixed_up;
  std::size_t bad = 0;
  for (const PresenceEvent& e : good) {
    while (chance.one_in(2)) {
      const Refused& r = refused[chance.below(refused.size())];
      if (r.why != Verdict::invalid) continue;
      PresenceEvent b = r.event;
      const auto is_end = [](Timestamp t) { return t == Timestamp::lowest() || t == Timestamp::highest(); };
      if (!is_end(b.at)) b.at = e.at;  // beside the good one in a log
      if (b.until && !is_end(*b.until)) b.until = b.at;
      mixed_up.push_back(b);
      ++bad;
    }
    mixed_up.push_back(e);
  }
  Snapshot with = s, without = s;
  Changes told_with, told_without;
  Tally tally = apply(with, mixed_up.begin(), mixed_up.end(), into(told_with)),
        expected = apply(without, good.begin(), good.end(), into(told_without));
  expected.invalid += bad;
  if (tally != expected || told_with != told_without || !is_same(with, without))
    return "bad events in a batch change what becomes of the good ones";
  with = without = s;
  told_with.clear();
  told_without.clear();
  tally = replay(with, mixed_up.begin(), mixed_up.end(), into(told_with));
  expected = replay(without, good.begin(), good.end(), into(told_without));
  expected.invalid += bad;
  if (tally != expected || !is_same(with, without)) return "bad events in a log change what becomes of the good ones";
  return std::nullopt;
}

std::size_t live_sessions(const std::optional<presence::PresenceState>& state) {
  std::size_t live = 0;
  if (!state) return 0;
  for (const presence::Session& session : state->sessions) live += session.alive ? 1u : 0u;
  return live;
}

/// The user, the session and the timestamp of each last evidence that came with a connect: at one timestamp, a connect
/// is later than a disconnect, and a disconnect is later than all else.
using Connects = std::set<std::tuple<std::string, std::string, Timestamp>>;

/// Notes a connect, if it is now the last evidence of its session.
void note_connect(Connects& connects, const PresenceEvent& e, const Snapshot& after) {
  if (e.type != EventType::connect) return;
  const std::optional<presence::PresenceState> state = after.inspect(e.user);
  if (!state) return;
  for (const presence::Session& session : state->sessions) {
    if (session.id == e.session && session.last_evidence == e.at) connects.insert({e.user, e.session, e.at});
  }
}
/// The events of a step that are accepted, each applied after those before it.
std::vector<PresenceEvent> accepted_events(Snapshot s, const Step& step) {
  if (step.what == Do::merge) {
    std::vector<PresenceEvent> joined = not_too_old(step, s.now(), s.rules());
    const auto is_refused = [](const PresenceEvent& e) { return !Oracle::well_formed(e); };
    joined.erase(std::remove_if(joined.begin(), joined.end(), is_refused), joined.end());
    return joined;
  }
  std::vector<PresenceEvent> all;
  if (step.what == Do::resync) return all;  // a list is of reports, which belong to no session
  for (const PresenceEvent& e : step.events) {
    const Tally tally = step.what == Do::replay ? replay(s, &e, &e + 1) : apply(s, &e, &e + 1);
    if (tally.accepted() == 1) all.push_back(e);
  }
  return all;
}
/// Keeps the connects that are still the last evidence of their sessions.
void keep_last(Connects& connects, const Snapshot& s) {
  for (auto i = connects.begin(); i != connects.end();) {
    bool is_last = false;
    if (const std::optional<presence::PresenceState> state = s.inspect(std::get<0>(*i))) {
      for (const presence::Session& session : state->sessions)
        is_last = is_last || (session.id == std::get<1>(*i) && session.last_evidence == std::get<2>(*i));
    }
    i = is_last ? std::next(i) : connects.erase(i);
  }
}

/// The live sessions that remain of those in `was` and the session of the event: the ones with the newest evidence.
std::set<std::pair<Timestamp, std::string>> newest_live(const std::optional<presence::PresenceState>& was,
                                                        const PresenceEvent& e, const Rules& rules,
                                                        std::optional<Timestamp> now, const Connects& connects,
                                                        bool& gave_way) {
  const Timestamp none = Timestamp::lowest();
  std::set<std::pair<Timestamp, std::string>> live;
  std::pair<Timestamp, bool> evidence(none, false);  // and whether it came with a connect
  std::vector<Timestamp> disconnects;
  if (was) {
    for (const presence::Session& session : was->sessions) {
      const Timestamp last = session.last_evidence.value_or(none);
      if (session.id == e.session && presence::detail::belongs_to_session(e.type)) {
        evidence = {last, connects.count({e.user, e.session, last}) != 0};
        disconnects = session.disconnects;
      } else if (session.alive) {
        live.insert({last, session.id});
      }
    }
  }
  if (e.type == EventType::disconnect) {
    disconnects.push_back(e.at);
  } else if (presence::detail::belongs_to_session(e.type)) {
    evidence = (std::max)(evidence, {e.at, e.type == EventType::connect});
  }
  const auto [last, by_connect] = evidence;
  bool alive = last != none && (rules.session_timeout == Duration() || !now || *now < last + rules.session_timeout);
  for (const Timestamp d : disconnects) alive = alive && !(by_connect ? d > last : d >= last);
  if (alive) live.insert({last, e.session});
  if (e.type == EventType::remove) live.erase(live.begin(), live.upper_bound({e.at, std::string(1, '\x7f')}));
  while (live.size() > rules.max_sessions_per_user) {
    live.erase(live.begin());
    gave_way = true;
  }
  return live;
}

/// An event is over_limit if and only if it would exceed a limit of counts. `removed` is no earlier than any removal of
/// the user.
Wrong limits_are_exact(const Snapshot& before, const PresenceEvent& e, Verdict verdict, const Snapshot& after,
                       std::optional<Timestamp> removed, const Connects& connects, Seen& seen) {
  if (verdict != Verdict::over_limit && !accepted(verdict)) return std::nullopt;
  if (e.user.size() > before.rules().max_id_bytes || (e.status && e.status->size() > before.rules().max_status_bytes))
    return std::nullopt;
  const Rules& rules = before.rules();
  const bool asks_visible = asks_to_be(e, false);
  const std::optional<presence::PresenceState> was = before.inspect(e.user), is = after.inspect(e.user);
  const bool was_known = before.find(e.user).has_value();
  if (accepted(verdict)) {
    if (!was_known && after.find(e.user) && before.size() >= rules.max_users)
      return "one more user is known than Rules allow";
    bool gave_way = false;
    std::set<std::pair<Timestamp, std::string>> left;
    if (is) {
      for (const presence::Session& session : is->sessions) {
        if (session.alive) left.insert({session.last_evidence.value_or(Timestamp::lowest()), session.id});
      }
    }
    // An event as old as a removal does nothing for its session.
    const PresenceEvent nothing = PresenceEvent::set_status(e.user, "", e.at);
    const bool is_gone =
        removed && e.at <= *removed && newest_live(was, nothing, rules, before.now(), connects, gave_way) == left;
    // With room for one disconnect, the grace of the session before may take it.
    const bool is_crowded = rules.max_recent_per_user <= 1 && rules.offline_grace > Duration();
    if (!is_gone && !is_crowded && newest_live(was, e, rules, before.now(), connects, gave_way) != left)
      return "the live sessions are not those of the newest evidence";
    seen.gave_way += gave_way ? 1u : 0u;
    seen.removed += e.type == EventType::remove && was_known && !after.find(e.user) ? 1u : 0u;
    return std::nullopt;
  }
  if (e.type == EventType::remove && was) return "the removal of a stored user is refused";
  std::size_t unknown = 0;
  for (const char* user : {"ann", "bob", "cyd", "dee"}) unknown += before.inspect(user) && !before.find(user) ? 1u : 0u;
  const bool no_room_for_known = !was_known && before.size() >= rules.max_users;
  const bool no_room_for_unknown = unknown >= rules.max_users && (was_known || !was) && !asks_visible;
  // If some visibility changes were dropped over capacity, a user cannot become visible among them.
  const bool into_a_crowd = rules.max_recent_per_user < 8 && asks_visible;
  if (!no_room_for_known && !no_room_for_unknown && !into_a_crowd)
    return "an event is refused for a limit that it does not exceed";
  seen.for_users += no_room_for_known ? 1u : 0u;
  seen.for_unknown += no_room_for_unknown ? 1u : 0u;
  return std::nullopt;
}

Wrong nothing_is_lost(const History& h, Seen& seen) {
  Snapshot s(h.rules);
  Connects connects;
  std::map<std::string, Timestamp> removals;  // the latest of each user that was tried
  const auto note_removal = [&removals](const PresenceEvent& e) {
    if (e.type != EventType::remove || e.at == Timestamp::highest()) return;
    const auto removed = removals.emplace(e.user, e.at).first;
    removed->second = (std::max)(removed->second, e.at);
  };
  for (std::size_t i = 0; i < h.steps.size(); ++i) {
    const Step& step = h.steps[i];
    const std::string where = "\n  at step " + std::to_string(i + 1) + ", " + told(step);
    Chance chance(mixed(h.seed, i));
    if (chance.one_in(8)) {
      if (Wrong wrong = refuses(s, s.now() ? *s.now() : h.last, chance, seen)) return *wrong + where;
    }
    if (!step.events.empty() && step.what != Do::merge) {
      if (Wrong wrong = folds_the_rest(s, step.events, s.now() ? *s.now() : h.last, chance)) return *wrong + where;
    }
    const Snapshot before = s;
    if (step.what == Do::event || step.what == Do::batch) {
      Snapshot one_by_one = before;
      Connects so_far = connects;
      for (const PresenceEvent& e : step.events) {
        const Snapshot just_before = one_by_one;
        Changes unread;
        const Verdict verdict = apply(one_by_one, e, into(unread));
        note_removal(e);
        const auto removed = removals.find(e.user);
        if (Wrong wrong = limits_are_exact(
                just_before, e, verdict, one_by_one,
                removed == removals.end() ? std::nullopt : std::optional<Timestamp>(removed->second), so_far, seen))
          return *wrong + ": " + told(e) + where;
        if (accepted(verdict)) note_connect(so_far, e, one_by_one);
        keep_last(so_far, one_by_one);
      }
    }
    for (const PresenceEvent& e : step.events) note_removal(e);
    Changes changes;
    const Tally tally = perform(s, step, changes);
    for (const PresenceEvent& e : accepted_events(before, step)) note_connect(connects, e, s);
    keep_last(connects, s);
    ++seen.steps;
    seen.limits += tally.over_limit;
    const bool all_refused = tally.total() > 0 && tally.accepted() == 0 && step.what != Do::resync;
    if (all_refused && (!is_same(s, before) || !changes.empty()))
      return "what is refused leaves another snapshot" + where;
    if (s.size() > seen.most_users) seen.most_users = s.size();
    if (s.size() > s.rules().max_users && s.size() > before.size() && step.what != Do::merge)
      return "more users than Rules allow" + where;
    for (const char* user : {"ann", "bob", "cyd", "dee"}) {
      const std::optional<presence::PresenceState> state = s.inspect(user);
      if (!state) continue;
      const std::size_t alive = live_sessions(state);
      if (alive > seen.most_sessions) seen.most_sessions = alive;
      if (alive > s.rules().max_sessions_per_user)
        return std::to_string(alive) + " live sessions, more than Rules allow" + where;
      if (state->sessions.size() > std::size_t{s.rules().max_sessions_per_user} + s.rules().max_recent_per_user)
        return "more sessions are kept than Rules allow" + where;
      for (const presence::Session& session : state->sessions) {
        if (session.disconnects.size() > s.rules().max_recent_per_user)
          return "more disconnects are kept than Rules allow" + where;
      }
    }
  }
  return std::nullopt;
}

/// A store with default options: a rejected event changes nothing, and events are judged by their original timestamp,
/// not by the one that they are moved to.
Wrong store_loses_nothing(const History& h, Seen& seen) {
  presence::Store store(h.rules);
  Changes told_of;
  presence::DeliveryOptions every;
  every.last_active_alone = true;
  const presence::Subscription subscription = store.subscribe<UserPresenceChanged>(
      Viewer("zoe"), [&told_of](const UserPresenceChanged& change) { told_of.push_back(change); }, every);
  const auto refused_by = [&](const Snapshot& before, Verdict verdict, const PresenceEvent& e) -> Wrong {
    const Snapshot after = store.snapshot();
    if (!is_same(after, before) || after.now() != before.now() || all_of(after) != all_of(before)) {
      return "an event with verdict " + std::to_string(static_cast<int>(verdict)) +
             " leaves another snapshot in a store: " + told(e);
    }
    if (!told_of.empty()) return "an event that is refused is told of: " + told(e);
    ++seen.refused;
    return std::nullopt;
  };
  for (std::size_t i = 0; i < h.steps.size(); ++i) {
    const Step& step = h.steps[i];
    const std::string where = "\n  at step " + std::to_string(i + 1) + ", " + told(step);
    Chance chance(mixed(h.seed, i));
    if (!store.watch({"messaging", "all", {"ann", "bob", "cyd", "dee"}, true}, Viewer("zoe")))
      return "nothing can be watched";
    if (chance.one_in(6)) {
      const std::optional<Timestamp> now = store.snapshot().now();
      const Timestamp latest = now ? *now + h.rules.max_clock_skew : h.last;
      for (const Refused& refused : refused_events(
               h.rules, now, chance.one_in(2) && latest != Timestamp::highest() ? latest : now.value_or(h.last))) {
        const Snapshot before = store.snapshot();
        const Verdict verdict = now ? store.dispatch(refused.event, *now) : store.dispatch(refused.event);
        if (verdict != refused.why)
          return std::string(refused.what) + " has verdict " + std::to_string(static_cast<int>(verdict)) +
                 " in a store: " + told(refused.event) + where;
        if (Wrong wrong = refused_by(before, verdict, refused.event)) return *wrong + where;
      }
      for (const Timestamp end : {Timestamp::lowest(), Timestamp::highest()}) {
        const Snapshot before = store.snapshot();
        const std::vector<PresenceEvent> list{PresenceEvent::report("ann", true, h.last)};
        if (store.advance(end) != Verdict::invalid || store.resync(list.begin(), list.end(), end).refused() != 1)
          return "a timestamp that is none is taken" + where;
        if (Wrong wrong = refused_by(before, Verdict::invalid, list[0])) return *wrong + where;
      }
    }
    ++seen.steps;
    switch (step.what) {
      case Do::event:
      case Do::batch:
        for (const PresenceEvent& e : step.events) {
          told_of.clear();
          const Snapshot before = store.snapshot();
          Snapshot alone = before;
          Changes unread;
          const Verdict by_itself = apply(alone, e, into(unread)),
                        verdict = before.now() ? store.dispatch(e, *before.now()) : store.dispatch(e);
          const bool by_instant =
              by_itself == Verdict::too_late || by_itself == Verdict::too_early || by_itself == Verdict::invalid;
          if (by_instant && verdict != by_itself) return "a store takes what is refused: " + told(e) + where;
          if ((verdict == Verdict::too_late || verdict == Verdict::too_early || verdict == Verdict::invalid) &&
              !by_instant) {
            return "a store refuses, with verdict " + std::to_string(static_cast<int>(verdict)) +
                   ", what is taken: " + told(e) + where;
          }
          if (before.now() && store.snapshot().now() != before.now()) return "an event passes time: " + told(e) + where;
          seen.limits += verdict == Verdict::over_limit ? 1u : 0u;
          if (accepted(verdict)) continue;
          if (Wrong wrong = refused_by(before, verdict, e)) return *wrong + where;
        }
        break;
      case Do::advance: store.advance(*step.at); break;
      case Do::resync: {
        told_of.clear();
        const Snapshot before = store.snapshot();
        Snapshot alone = before;
        Changes unread;
        const Tally by_itself = resync(alone, step.events.begin(), step.events.end(), *step.at, into(unread)),
                    tally = store.resync(step.events.begin(), step.events.end(), *step.at);
        if (tally.too_early != by_itself.too_early || tally.too_late != by_itself.too_late ||
            tally.invalid != by_itself.invalid)
          return "a list is judged otherwise by a store" + where;
        const std::optional<Timestamp> now = before.now();
        const bool refused =
            now && (*step.at < *now - h.rules.reorder_window || *step.at > *now + h.rules.max_clock_skew);
        if (!step.events.empty() && refused) {
          if (Wrong wrong = refused_by(before, Verdict::too_late, step.events[0])) return *wrong + where;
        }
        break;
      }
      case Do::forget: store.connection_lost(); break;
      default: break;
    }
    told_of.clear();
  }
  return std::nullopt;
}

void expect_nothing_lost_by_store(std::size_t count, Mix mix, std::uint64_t salt) {
  mix.merges = mix.replays = false;
  Seen seen;
  const std::size_t tried =
      try_histories(histories_to_try(count), mix, salt, [&](const History& h) { return store_loses_nothing(h, seen); });
  MESSAGE(tried << " histories, " << seen.steps << " steps, " << seen.refused << " refused, " << seen.limits
                << " over a limit of counts");
  CHECK_REACHED(seen.refused > tried * 10);
  CHECK_REACHED(seen.limits * (mix.small_limits ? 4 : 1000000) >= (mix.small_limits ? tried : 0));
}

void expect_nothing_lost(std::size_t count, const Mix& mix, std::uint64_t salt, bool limits) {
  Seen seen;
  const std::size_t tried =
      try_histories(histories_to_try(count), mix, salt, [&](const History& h) { return nothing_is_lost(h, seen); });
  MESSAGE(tried << " histories, " << seen.steps << " steps, " << seen.refused << " refused, " << seen.limits
                << " over a limit of counts (" << seen.for_users << " known users, " << seen.for_unknown
                << " unknown ones, " << seen.gave_way << " sessions gave way), " << seen.removed
                << " users removed, at most " << seen.most_users << " users and " << seen.most_sessions << " sessions");
  CHECK_REACHED(seen.refused > tried * 10);
  CHECK_REACHED(seen.removed * 20 > tried);
  if (!limits) return;
  CHECK_REACHED(seen.limits * 4 > tried);
  CHECK_REACHED(seen.for_users * 4 > tried);
  CHECK_REACHED(seen.gave_way * 10 > tried);
}

/// The history, with its timestamps and rules moved to the ends of their ranges.
History at_the_ends(History h) {
  Chance chance(mixed(h.seed, 66));
  const std::int64_t low = Timestamp::lowest().ns(), high = Timestamp::highest().ns();
  const auto extreme = [&]() {
    return chance.any<std::int64_t>(
        {low + 1, low + 2, low / 2, -1, 0, 1, high / 2, high - 2, high - 1, chance.between(low + 1, high - 1)});
  };
  const auto duration = [&]() {
    return Duration::from_ns(
        chance.any<std::int64_t>({low, low + 1, -1, 0, 1, 3, high / 2, high - 1, high, 1000000000}));
  };
  for (Duration* d : {&h.rules.session_timeout, &h.rules.offline_grace, &h.rules.last_active_refresh,
                      &h.rules.reorder_window, &h.rules.max_clock_skew, &h.rules.idle_after, &h.rules.report_timeout}) {
    if (chance.one_in(2)) *d = duration();
  }
  const std::int64_t around = extreme();
  const auto moved = [&](Timestamp at) {
    if (chance.one_in(6)) return Timestamp::from_ns(extreme());
    Timestamp to = Timestamp::from_ns(around) + Duration::from_ns(at.ns() % 64);
    if (to == Timestamp::highest()) to = Timestamp::from_ns(high - 1);
    if (to == Timestamp::lowest()) to = Timestamp::from_ns(low + 1);
    return to;
  };
  for (Step& step : h.steps) {
    if (step.at) step.at = moved(*step.at);
    for (PresenceEvent& e : step.events) {
      const Timestamp at = e.at;
      e.at = moved(e.at);
      if (e.last_active) e.last_active = moved(*e.last_active);
      if (e.until) e.until = chance.one_in(2) ? moved(*e.until) : e.at + (*e.until - at);
    }
  }
  h.last = moved(h.last);
  return h;
}

Wrong survives_the_ends(const History& h, Seen& seen) {
  Snapshot s(h.rules);
  Views views;
  for (std::size_t i = 0; i < h.steps.size(); ++i) {
    const Step& step = h.steps[i];
    const std::string where = "\n  at step " + std::to_string(i + 1) + ", " + told(step);
    Chance chance(mixed(h.seed, i));
    const Snapshot before = s;
    Changes changes;
    perform(s, step, changes);
    ++seen.steps;
    if (Wrong wrong = follow(views, changes)) return *wrong + where;
    if (views != views_of(s)) return "the changes do not lead to the later views\n" + told(changes) + where;
    if (merge(s, before) != merge(before, s)) return "merge is not commutative" + where;
    if (merge(s, s) != s) return "merge is not idempotent" + where;
    if (const std::optional<Timestamp> deadline = s.next_deadline()) {
      if (s.now() && *deadline <= *s.now()) return "a deadline that is past: " + told(*deadline) + where;
      if (*deadline == Timestamp::highest()) return "a deadline that never comes" + where;
      Snapshot later = s;
      Changes early, due;
      apply(later, *deadline - Duration::from_ns(1), into(early));
      apply(later, *deadline, into(due));
      if (!early.empty() || due.empty()) return "the deadline " + told(*deadline) + " is not exact" + where;
      for (const UserPresenceChanged& change : due) {
        if (change.at != *deadline)
          return "a change at the deadline " + told(*deadline) + " is dated " + told(change) + where;
      }
    } else {
      Snapshot later = s;
      Changes none;
      apply(later, Timestamp::highest() - Duration::from_ns(1), into(none));
      if (!none.empty()) return "without a deadline time changes\n" + told(none) + where;
    }
    if (chance.one_in(4)) {
      if (Wrong wrong = refuses(s, s.now() ? *s.now() : h.last, chance, seen)) return *wrong + where;
    }
    all_of(s);
  }
  return std::nullopt;
}

}  // namespace

TEST_CASE("law 6: rejected events change nothing and the others are applied") {
  expect_nothing_lost(600, Mix(), 1, false);
}

TEST_CASE("law 6: rejected events change nothing and the others are applied, in a store that keeps the frame's order") {
  Mix mix;
  expect_nothing_lost_by_store(800, mix, 21);
  mix.hiding = true;
  mix.users = 2;
  mix.steps = 50;
  expect_nothing_lost_by_store(300, mix, 22);
  mix.small_limits = true;
  expect_nothing_lost_by_store(600, mix, 23);
}

TEST_CASE("law 6: rejected events change nothing and the others are applied, with small limits") {
  Mix mix;
  mix.users = 4;
  mix.small_limits = true;
  mix.merges = false;  // a merge keeps all users of both nodes
  expect_nothing_lost(1200, mix, 2, true);
}

TEST_CASE("law 6: rejected events change nothing and the others are applied, with small limits and invisible users") {
  Mix mix;
  mix.users = 2;
  mix.small_limits = mix.hiding = true;
  mix.merges = false;
  expect_nothing_lost(1200, mix, 3, true);
}

TEST_CASE("law 6: rejected events change nothing and the others are applied, small limits and users forgotten by age") {
  Mix mix;
  mix.users = 4;
  mix.small_limits = mix.forgetting = true;
  mix.merges = false;
  expect_nothing_lost(1200, mix, 5, true);
}

TEST_CASE("law 6: changes, merges and deadlines are correct at the ends of the timestamp and duration ranges") {
  Seen seen;
  Mix mix;
  mix.forgetting = true;
  std::size_t tried = try_histories(
      histories_to_try(2500), Mix(), 4, [&](const History& h) { return survives_the_ends(h, seen); }, at_the_ends);
  tried += try_histories(
      histories_to_try(2500), mix, 4, [&](const History& h) { return survives_the_ends(h, seen); }, at_the_ends);
  MESSAGE(tried << " histories, " << seen.steps << " steps, " << seen.refused << " refused");
  CHECK_REACHED(seen.steps > tried);
}

TEST_CASE("law 6: a flood of events does not exceed the limits") {
  Rules rules;
  rules.session_timeout = Duration();
  rules.reorder_window = rules.max_clock_skew = Duration::highest();
  rules.offline_grace = Duration::from_ns(50);
  rules.last_active_refresh = Duration();
  rules.max_users = 8;
  rules.max_sessions_per_user = 4;
  rules.max_recent_per_user = 4;
  rules.report_timeout = Duration::from_ns(100);
  rules.max_data_names = 4;
  rules.max_user_data_bytes = 60;
  rules.max_activity_bytes = 12;
  const auto bytes = [](const presence::Attributes& fields) { return to_json(presence::Value::object(fields)).size(); };
  for (const bool hidden : {false, true}) {
    Snapshot s(rules);
    Chance chance(first_seed());
    for (int i = 0; i < 20000; ++i) {
      const Timestamp at = Timestamp::from_ns(chance.between(0, 100000));
      const std::string user = "u" + std::to_string(chance.below(64)), session = "s" + std::to_string(chance.below(64));
      PresenceEvent e = chance.one_in(2)   ? PresenceEvent::connect(user, session, at)
                        : chance.one_in(2) ? PresenceEvent::disconnect(user, session, at)
                                           : PresenceEvent::heartbeat(user, session, at);
      if (e.type == EventType::connect && (hidden || chance.one_in(2))) e.invisible = hidden || chance.one_in(2);
      if (chance.one_in(3)) {
        const std::string name = "n" + std::to_string(chance.below(40)), text(chance.below(20), 'x');
        e = chance.one_in(2)   ? PresenceEvent::update(user, session, at)
            : chance.one_in(3) ? PresenceEvent::report(user, chance.one_in(2), at)
                               : PresenceEvent::set_data(user, name, chance.one_in(4) ? presence::Value() : text, at);
        if (!chance.one_in(3)) e.activity.emplace()["v"] = text;
        if (e.type == EventType::report && chance.one_in(2)) e.data.emplace()[name] = text;
      }
      s = reduce(std::move(s), e);
    }
    std::size_t users = 0, live = 0;
    for (int i = 0; i < 64; ++i) {
      const std::optional<presence::PresenceState> state = s.inspect("u" + std::to_string(i));
      if (!state) continue;
      ++users;
      CHECK(state->sessions.size() <= 8);
      CHECK(state->user.data.size() <= 4);
      CHECK(bytes(state->user.data) <= 60 + 2);
      CHECK(bytes(state->user.activity) <= 12);
      for (const presence::Session& session : state->sessions) {
        live += session.alive ? 1u : 0u;
        CHECK(session.disconnects.size() <= 4);
      }
    }
    CHECK(s.size() <= 8);
    CHECK(users <= 16);
    CHECK(live <= 16 * 4);
    MESSAGE(users << " of 64 users kept, " << s.size() << " known, " << live << " live sessions");
  }
}
