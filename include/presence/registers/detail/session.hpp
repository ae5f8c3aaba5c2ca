// SPDX-License-Identifier: MIT
#ifndef PRESENCE_REGISTERS_DETAIL_SESSION_HPP
#define PRESENCE_REGISTERS_DETAIL_SESSION_HPP

#include <presence/base/detail/algorithm.hpp>
#include <presence/base/detail/memory.hpp>
#include <presence/base/detail/shared_string.hpp>
#include <presence/base/detail/small_vector.hpp>
#include <presence/base/time.hpp>
#include <presence/model/availability.hpp>
#include <presence/model/rules.hpp>
#include <presence/registers/detail/absent.hpp>
#include <presence/registers/detail/data.hpp>

#include <cstddef>  // for ptrdiff_t, size_t
#include <cstdint>  // for int8_t, uintptr_t
#include <utility>  // for exchange, move, swap

/// The registers of one session, and their join.
namespace presence {
inline namespace PRESENCE_ABI {
namespace detail {

/// When a session said something. At one timestamp, what came with a connect is later than a disconnect, and a
/// disconnect is later than everything else.
struct SessionMoment {
  Timestamp at = absent;
  bool by_connect = false;

  bool exists() const noexcept { return at != absent; }
  /// Returns whether it is later than a disconnect.
  bool follows(Timestamp disconnect) const noexcept { return at > disconnect || (at == disconnect && by_connect); }
  friend bool operator==(const SessionMoment& a, const SessionMoment& b) noexcept {
    return a.at == b.at && a.by_connect == b.by_connect;
  }
  friend bool operator<(const SessionMoment& a, const SessionMoment& b) noexcept {
    return a.at != b.at ? a.at < b.at : !a.by_connect && b.by_connect;
  }
};

/// What a session says of itself. Last writer wins. Of two with the same moment, the greater name wins, then the higher
/// priority.
struct SessionState {
  SessionMoment moment;
  Availability availability = Availability::offline;
  std::int8_t priority = 0;

  friend bool operator==(const SessionState& a, const SessionState& b) noexcept {
    return a.moment == b.moment && a.availability == b.availability && a.priority == b.priority;
  }
  friend bool operator<(const SessionState& a, const SessionState& b) noexcept {
    if (!(a.moment == b.moment)) return a.moment < b.moment;
    if (a.availability != b.availability) return to_string(a.availability) < to_string(b.availability);
    return a.priority < b.priority;
  }
};

/// The activity of a session. Last writer wins. Of two with the same moment, the greater JSON wins, and none is the
/// least.
struct SessionActivity {
  SessionMoment moment;
  KeptValuePointer value;  // null: none

  friend bool operator==(const SessionActivity& a, const SessionActivity& b) noexcept {
    return a.moment == b.moment && a.value == b.value;
  }
  /// Returns whether this one wins.
  bool wins_over(const SessionActivity& other) const {
    if (!(moment == other.moment)) return other.moment < moment;
    if (!value || !other.value) return value && !other.value;
    return is_less_json(other.value.view(), value.view());
  }
};

/// A closed range of time in which a session was never silent for longer than it may be.
struct Run {
  Timestamp start = absent, end = absent;

  bool contains(Timestamp at) const noexcept { return start <= at && at <= end; }
  friend bool operator==(const Run& a, const Run& b) noexcept { return a.start == b.start && a.end == b.end; }
};
using Runs = SmallVector<Run, 2>;

/// Joins by union: runs that overlap or touch become one. The runs remain ascending.
inline void join_run(Runs& runs, const Run& run) {
  Run whole = run;
  const auto first = detail::partition_point(runs.begin(), runs.end(), [&](const Run& r) { return r.end < run.start; });
  auto last = first;
  for (; last != runs.end() && last->start <= whole.end; ++last) {
    whole.start = earlier(whole.start, last->start);
    whole.end = later(whole.end, last->end);
  }
  if (first == last) {
    runs.insert(first, whole);
  } else {
    *first = whole;
    runs.erase(first + 1, last);
  }
}

/// Returns the same union of all runs of both. O(runs), in whatever order they lie.
inline Runs united(const Runs& a, const Runs& b) {
  Runs all;
  all.reserve(greater_of(a.size(), b.size()));
  const Run *i = a.begin(), *j = b.begin();
  while (i != a.end() || j != b.end()) {
    const Run& next = j == b.end() || (i != a.end() && i->start <= j->start) ? *i++ : *j++;
    if (all.empty() || all.back().end < next.start) {
      all.push_back(next);
    } else {
      all.back().end = later(all.back().end, next.end);
    }
  }
  return all;
}

/// What a session did before its present run and its last disconnect. Most sessions have none of it.
struct alignas(8) PastOfSession {
  SmallVector<Timestamp, 2> disconnects;  // if there are several, all of them
  Runs runs;                              // those before the last evidence's own, or all if there is no evidence

  bool nothing() const noexcept { return disconnects.empty() && runs.empty(); }
  std::size_t memory() const noexcept {
    return sizeof(PastOfSession) + disconnects.bytes_elsewhere() + runs.bytes_elsewhere();
  }
  friend bool operator==(const PastOfSession& a, const PastOfSession& b) noexcept {
    return a.disconnects == b.disconnects && a.runs == b.runs;
  }
};

/// What a session says beyond being there. Most sessions say nothing. The moments are stored in parts, without padding.
struct alignas(8) RichOfSession {
  PastOfSession* past = nullptr;  // owned by the RareOfSession that owns this
  Timestamp held_until = absent;  // the end of the last run, if it was prolonged; see `resume`
  Timestamp active_at = absent;   // of the latest activity
  Timestamp state_at = absent;
  Timestamp shown_at = absent;
  KeptValuePointer shown;  // what the session is doing
  Availability availability = Availability::offline;
  std::int8_t priority = 0;
  bool active_by_connect = false, state_by_connect = false, shown_by_connect = false;

  SessionMoment active() const noexcept { return {active_at, active_by_connect}; }
  void set_active(const SessionMoment& moment) noexcept {
    active_at = moment.at;
    active_by_connect = moment.by_connect;
  }
  SessionState state() const noexcept { return {{state_at, state_by_connect}, availability, priority}; }
  void set_state(const SessionState& state) noexcept {
    state_at = state.moment.at;
    state_by_connect = state.moment.by_connect;
    availability = state.availability;
    priority = state.priority;
  }
  SessionActivity activity() const noexcept { return {{shown_at, shown_by_connect}, shown}; }
  void set_activity(const SessionActivity& activity) noexcept {
    shown_at = activity.moment.at;
    shown_by_connect = activity.moment.by_connect;
    shown = activity.value;
  }

  bool nothing() const noexcept {
    return held_until == absent && active_at == absent && state_at == absent && shown_at == absent;
  }
  /// Compares all but the past.
  bool same_as(const RichOfSession& other) const noexcept {
    return held_until == other.held_until && active() == other.active() && state() == other.state() &&
           shown_at == other.shown_at && shown_by_connect == other.shown_by_connect && shown == other.shown;
  }
};

/// One word, for what most sessions do not have: their past, what they say, or both. And two bits for whoever owns it.
/// Copies are deep.
class RareOfSession {
 public:
  RareOfSession() noexcept = default;
  RareOfSession(const RareOfSession& other) : RareOfSession() {
    if (const PastOfSession* const past = other.past()) set(detail::create<PastOfSession>(*past), false);
    if (const RichOfSession* const rich = other.rich()) {
      PastOfSession* const past = this->past();
      set(detail::create<RichOfSession>(*rich), true);
      this->rich()->past = past;
    }
    word_ |= other.word_ & free_bits;
  }
  RareOfSession(RareOfSession&& other) noexcept : word_(std::exchange(other.word_, 0)) {}
  RareOfSession& operator=(const RareOfSession& other) {
    RareOfSession copy(other);
    std::swap(word_, copy.word_);
    return *this;
  }
  RareOfSession& operator=(RareOfSession&& other) noexcept {
    RareOfSession taken(std::move(other));
    std::swap(word_, taken.word_);
    return *this;
  }
  ~RareOfSession() {
    if (PastOfSession* const past = this->past()) detail::destroy(past);
    if (RichOfSession* const rich = this->rich()) detail::destroy(rich);
  }

  bool empty() const noexcept { return address() == 0; }
  /// Prefetches what most of them have, without reading it.
  void prefetch() const noexcept {
    if (!empty()) detail::prefetch(reinterpret_cast<const void*>(address()), sizeof(PastOfSession));
  }
  /// Returns whether it has more than a past. Nothing is read for it but the word.
  bool is_rich() const noexcept { return (word_ & rich_bit) != 0; }

  /// @{
  /// A null pointer if there is none. Whoever modifies it must call `settle` afterwards.
  const RichOfSession* rich() const noexcept { return is_rich() ? rich_of(address()) : nullptr; }
  RichOfSession* rich() noexcept { return is_rich() ? rich_of(address()) : nullptr; }
  const PastOfSession* past() const noexcept {
    const RichOfSession* const rich = this->rich();
    return rich != nullptr ? rich->past : past_of(address());
  }
  PastOfSession* past() noexcept {
    RichOfSession* const rich = this->rich();
    return rich != nullptr ? rich->past : past_of(address());
  }
  /// @}
  PastOfSession& need_past() {
    if (PastOfSession* const past = this->past()) return *past;
    PastOfSession* const past = detail::create<PastOfSession>();
    set_past(past);
    return *past;
  }
  RichOfSession& need_rich() {
    if (RichOfSession* const rich = this->rich()) return *rich;
    RichOfSession* const rich = detail::create<RichOfSession>();
    rich->past = past_of(address());
    set(rich, true);
    return *rich;
  }
  /// Frees what says nothing.
  void settle() noexcept {
    PastOfSession* const past = this->past();
    if (past != nullptr && past->nothing()) {
      detail::destroy(past);
      set_past(nullptr);
    }
    RichOfSession* const rich = this->rich();
    if (rich == nullptr || !rich->nothing()) return;
    set(rich->past, false);
    detail::destroy(rich);
  }

  std::size_t memory() const noexcept {
    const PastOfSession* const past = this->past();
    std::size_t bytes = past == nullptr ? 0 : past->memory();
    if (const RichOfSession* const rich = this->rich()) {
      bytes += sizeof(RichOfSession);
      if (rich->shown) bytes += rich->shown.memory();
    }
    return bytes;
  }
  /// Compares what is stored, without the bits of the owner.
  bool same_as(const RareOfSession& other) const noexcept {
    if (empty() || other.empty()) return empty() && other.empty();
    const PastOfSession *const past = this->past(), *const past_of_other = other.past();
    if (past == nullptr || past_of_other == nullptr ? past != past_of_other : !(*past == *past_of_other)) return false;
    const RichOfSession *const rich = this->rich(), *const rich_of_other = other.rich();
    return rich == nullptr || rich_of_other == nullptr ? rich == rich_of_other : rich->same_as(*rich_of_other);
  }

  /// `which` is 0 or 1.
  bool has_bit(unsigned which) const noexcept { return (word_ >> which & 1) != 0; }
  void set_bit(unsigned which, bool value) noexcept {
    const std::uintptr_t mask = std::uintptr_t{1} << which;
    word_ = value ? word_ | mask : word_ & ~mask;
  }

 private:
  static constexpr std::uintptr_t free_bits = 3, rich_bit = 4;
  static_assert(alignof(PastOfSession) >= 8 && alignof(RichOfSession) >= 8, "the lowest bits of addresses are used");

  static PastOfSession* past_of(std::uintptr_t address) noexcept { return reinterpret_cast<PastOfSession*>(address); }
  static RichOfSession* rich_of(std::uintptr_t address) noexcept { return reinterpret_cast<RichOfSession*>(address); }
  std::uintptr_t address() const noexcept { return word_ & ~(free_bits | rich_bit); }
  void set(void* block, bool is_rich) noexcept {
    word_ = reinterpret_cast<std::uintptr_t>(block) | (word_ & free_bits) | (is_rich ? rich_bit : 0);
  }
  void set_past(PastOfSession* past) noexcept {
    if (RichOfSession* const rich = this->rich()) {
      rich->past = past;
    } else {
      set(past, false);
    }
  }

  std::uintptr_t word_ = 0;
};

/// The registers of one session. The session with the empty id stands for the reports about the user: a report of
/// online is a connect of it, and a report of offline a disconnect.
///
/// Its life is a set of runs. A run begins with evidence, and ends `session_timeout` and `offline_grace` after its last
/// evidence. The run of the last evidence is given by its start, the others are rare.
class SessionRegisters {
 public:
  SharedString id;

  SessionRegisters() = default;
  SessionRegisters(const SessionRegisters& other) = default;
  SessionRegisters(SessionRegisters&& other) noexcept = default;
  /// If memory runs out, nothing changes.
  SessionRegisters& operator=(const SessionRegisters& other) {
    SessionRegisters copy(other);
    return *this = std::move(copy);
  }
  SessionRegisters& operator=(SessionRegisters&& other) noexcept = default;
  ~SessionRegisters() = default;

  bool is_report() const noexcept { return id.view().empty(); }

  /// The latest moment at which the session is known to have been connected.
  SessionMoment evidence() const noexcept { return {evidence_, rare_.has_bit(by_connect)}; }
  Timestamp evidence_at() const noexcept { return evidence_; }
  bool has_evidence() const noexcept { return evidence_ != absent; }
  Timestamp run_start() const noexcept { return run_start_; }
  void set_run_start(Timestamp at) noexcept { run_start_ = at; }

  /// What most sessions do not have.
  const RareOfSession& rare() const noexcept { return rare_; }
  /// Returns whether it has nothing but evidence, its run, and at most one disconnect.
  bool is_simple() const noexcept { return rare_.empty(); }
  /// Returns whether it has nothing but evidence, its runs, and disconnects.
  bool has_only_life() const noexcept { return !rare_.is_rich(); }
  /// Returns whether others see nothing of it but that it is there. Requires that no session becomes idle.
  bool says_nothing() const noexcept {
    const RichOfSession* const rich = rare_.rich();
    return rich == nullptr ||
           (!rich->shown && (rich->state_at == absent || rich->availability == Availability::available));
  }

  /// Returns true only if there is evidence that no disconnect ended, and no hold. A fast check, which may return false
  /// although it is so.
  bool is_open() const noexcept { return has_only_life() && evidence_ > disconnect_; }
  /// Returns true only if a disconnect ended the session. As fast.
  bool is_over() const noexcept { return disconnect_ > evidence_ && disconnect_ != several; }
  /// Returns that disconnect. Requires that it is over.
  Timestamp over_since() const noexcept { return disconnect_; }

  /// Ascending, without duplicates.
  Span<Timestamp> disconnects() const noexcept {
    if (const PastOfSession* const past = having_disconnects())
      return {past->disconnects.data(), past->disconnects.size()};
    return disconnect_ == absent ? Span<Timestamp>{} : Span<Timestamp>{&disconnect_, 1};
  }
  Timestamp last_disconnect() const noexcept {
    const PastOfSession* const past = having_disconnects();
    return past == nullptr ? disconnect_ : past->disconnects.back();
  }
  /// Replaces all disconnects by one, or by none if it is `absent`.
  void set_only_disconnect(Timestamp at) noexcept {
    PastOfSession* const past = having_disconnects();
    disconnect_ = at;
    if (past == nullptr) return;
    past->disconnects.clear();
    rare_.settle();
  }
  void add_disconnect(Timestamp at) {
    if (disconnect_ == absent || disconnect_ == at) {
      disconnect_ = at;
      return;
    }
    auto& all = rare_.need_past().disconnects;
    if (disconnect_ != several) all.push_back(std::exchange(disconnect_, several));
    const auto place = detail::not_less(all.begin(), all.end(), at);
    if (place == all.end() || *place != at) all.insert(place, at);
  }
  /// Keeps the disconnects for which `keep` returns true.
  template <class Keep>
  void keep_disconnects(Keep keep) noexcept {
    PastOfSession* const past = having_disconnects();
    if (past == nullptr) {
      if (disconnect_ != absent && !keep(disconnect_)) disconnect_ = absent;
      return;
    }
    auto& all = past->disconnects;
    detail::erase_if(all, [&](Timestamp at) { return !keep(at); });
    if (all.size() > 1) return;
    disconnect_ = all.empty() ? absent : all[0];
    all.clear();
    rare_.settle();
  }

  /// The runs before that of the last evidence, ascending; all of them if there is no evidence.
  Span<Run> earlier_runs() const noexcept {
    const PastOfSession* const past = rare_.past();
    return past == nullptr ? Span<Run>{} : Span<Run>{past->runs.data(), past->runs.size()};
  }
  /// Null if there are none. (A pointer: what was tested is what is read, which an optimizer's warnings can see.)
  const Run* first_earlier_run() const noexcept {
    const PastOfSession* const past = rare_.past();
    return past == nullptr || past->runs.empty() ? nullptr : &past->runs.front();
  }
  const Run* last_earlier_run() const noexcept {
    const PastOfSession* const past = rare_.past();
    return past == nullptr || past->runs.empty() ? nullptr : &past->runs.back();
  }
  void set_earlier_runs(Runs&& runs) {
    if (runs.empty() && rare_.past() == nullptr) return;
    rare_.need_past().runs = std::move(runs);
    rare_.settle();
  }
  /// Drops the first ones.
  void drop_earlier_runs(std::size_t count) noexcept {
    PastOfSession* const past = rare_.past();
    if (past == nullptr || count == 0) return;
    past->runs.erase(past->runs.begin(), past->runs.begin() + static_cast<std::ptrdiff_t>(count));
    rare_.settle();
  }
  /// Drops the first ones, at least one, and adds one in their place.
  void replace_earlier_runs(std::size_t count, const Run& last) noexcept {
    Runs& runs = rare_.need_past().runs;
    runs.erase(runs.begin(), runs.begin() + static_cast<std::ptrdiff_t>(count));
    runs.push_back(last);
  }
  void set_first_run_start(Timestamp at) noexcept { rare_.need_past().runs.front().start = at; }
  /// Room for one more, so that adding it cannot fail. If it is not added, `settle` must be called.
  void reserve_earlier_run() {
    Runs& runs = rare_.need_past().runs;
    runs.reserve(runs.size() + 1);
  }
  void add_earlier_run(const Run& run) { rare_.need_past().runs.push_back(run); }
  void settle() noexcept { rare_.settle(); }

  /// Drops some of several disconnects. At least two must be left.
  void drop_disconnects(std::size_t from, std::size_t count) noexcept {
    auto& all = rare_.need_past().disconnects;
    Timestamp* const first = all.begin() + from;
    all.erase(first, first + count);
  }

  bool is_available_by_evidence() const noexcept { return rare_.has_bit(is_available); }
  /// What the session says of itself; its moment does not exist if it has said nothing.
  SessionState state() const noexcept {
    if (rare_.has_bit(is_available)) return {evidence(), Availability::available, 0};
    const RichOfSession* const rich = rare_.rich();
    return rich == nullptr ? SessionState() : rich->state();
  }
  void set_state(const SessionState& state) {
    // What most reports say takes no memory.
    const bool is_usual = state.moment.exists() && state == SessionState{evidence(), Availability::available, 0};
    if (is_usual || !state.moment.exists()) {
      if (RichOfSession* const rich = rare_.rich()) rich->set_state({});
    } else {
      rare_.need_rich().set_state(state);
    }
    rare_.set_bit(is_available, is_usual);
    rare_.settle();
  }

  SessionActivity activity() const noexcept {
    const RichOfSession* const rich = rare_.rich();
    return rich == nullptr ? SessionActivity() : rich->activity();
  }
  SessionMoment activity_moment() const noexcept {
    const RichOfSession* const rich = rare_.rich();
    return rich == nullptr ? SessionMoment() : SessionMoment{rich->shown_at, rich->shown_by_connect};
  }
  /// The members of the activity, empty if there is none. Valid until the activity changes.
  Elements<ValueMember> shown() const noexcept {
    const RichOfSession* const rich = rare_.rich();
    return rich == nullptr ? Elements<ValueMember>() : rich->shown.members();
  }
  void set_activity(const SessionActivity& activity) {
    if (!activity.moment.exists() && has_only_life()) return;
    rare_.need_rich().set_activity(activity);
    rare_.settle();
  }

  SessionMoment active() const noexcept {
    const RichOfSession* const rich = rare_.rich();
    return rich == nullptr ? SessionMoment() : rich->active();
  }
  void set_active(const SessionMoment& moment) {
    if (!moment.exists() && has_only_life()) return;
    rare_.need_rich().set_active(moment);
    rare_.settle();
  }

  /// The end of the last run, `absent` if it was not prolonged.
  Timestamp held_until() const noexcept {
    const RichOfSession* const rich = rare_.rich();
    return rich == nullptr ? absent : rich->held_until;
  }
  void set_held_until(Timestamp at) {
    if (at == absent && has_only_life()) return;
    rare_.need_rich().held_until = at;
    rare_.settle();
  }

  /// Replaces the evidence only. A state that is available by the evidence must have been taken out before.
  void set_evidence(const SessionMoment& moment) noexcept {
    evidence_ = moment.at;
    rare_.set_bit(by_connect, moment.by_connect);
    shorten_state();
  }
  /// Returns whether later evidence that is no connect, within the same run, changes nothing but the evidence.
  bool is_refreshable() const noexcept { return !is_available_by_evidence(); }
  /// Requires that it is refreshable.
  void refresh(Timestamp at) noexcept {
    evidence_ = at;
    rare_.set_bit(by_connect, false);
    shorten_state();
  }

  /// Returns the latest timestamp of an event in the registers, `absent` if there is none. That of the activity is
  /// excluded: the evidence is as late, unless a hold moved the activity beyond it.
  Timestamp latest() const noexcept {
    const Timestamp latest = later(evidence_, last_disconnect());
    const RichOfSession* const rich = rare_.rich();
    return rich == nullptr ? latest : later(latest, later(rich->state_at, rich->shown_at));
  }
  bool empty() const noexcept { return evidence_ == absent && disconnect_ == absent && is_simple(); }

  std::size_t bytes_elsewhere() const noexcept { return id.bytes_elsewhere() + (is_simple() ? 0 : rare_.memory()); }

  /// Compares the registers as they are stored.
  friend bool operator==(const SessionRegisters& a, const SessionRegisters& b) noexcept {
    if (!(a.id == b.id) || a.run_start_ != b.run_start_) return false;
    return a.same_beside_run_start(b);
  }
  /// The same without the id and the start of the last run.
  bool same_beside_run_start(const SessionRegisters& other) const noexcept {
    if (!(evidence() == other.evidence()) || disconnect_ != other.disconnect_ ||
        rare_.has_bit(is_available) != other.rare_.has_bit(is_available))
      return false;
    return rare_.same_as(other.rare_);
  }

 private:
  // The bits of `rare_`.
  static constexpr unsigned by_connect = 0, is_available = 1;
  // All disconnects are in the past.
  static constexpr Timestamp several = never;

  /// Returns the past if it has the disconnects, else null. It is not read for it.
  const PastOfSession* having_disconnects() const noexcept { return disconnect_ == several ? rare_.past() : nullptr; }
  PastOfSession* having_disconnects() noexcept { return disconnect_ == several ? rare_.past() : nullptr; }

  /// Stores the state without memory if the evidence has reached its moment. A state that a peer sent may be later than
  /// the evidence.
  void shorten_state() noexcept {
    RichOfSession* const rich = rare_.rich();
    if (rich == nullptr || rich->state_at != evidence_ || evidence_ == absent) return;
    if (!(rich->state() == SessionState{evidence(), Availability::available, 0})) return;
    rich->set_state({});
    rare_.set_bit(is_available, true);
    rare_.settle();
  }

  Timestamp evidence_ = absent, run_start_ = absent;
  Timestamp disconnect_ = absent;  // the only one, or `several`
  RareOfSession rare_;
};
static_assert(sizeof(void*) > 8 || sizeof(SessionRegisters) <= 48, "a row's head has one");

/// Returns the state that takes no memory: that of a report of a user who is available.
inline SessionState usual_state_of(const SessionRegisters& session) noexcept {
  return {session.evidence(), Availability::available, 0};
}

/// Returns after which silence a session times out; 0: never.
inline Duration timeout_of(const SessionRegisters& session, const Rules& rules) noexcept {
  return session.is_report() ? rules.report_timeout : rules.session_timeout;
}
inline bool has_runs(const SessionRegisters& session, const Rules& rules) noexcept {
  return timeout_of(session, rules) != Duration();
}
/// Returns the end of the run that begins with evidence.
inline Timestamp end_of_span(const SessionRegisters& session, Timestamp evidence, const Rules& rules) noexcept {
  return evidence + timeout_of(session, rules) + rules.offline_grace;
}
/// Returns the end of the run of the last evidence. Requires evidence, and a timeout.
PRESENCE_DETAIL_FLAT inline Timestamp run_end(const SessionRegisters& session, const Rules& rules) noexcept {
  const Timestamp end = end_of_span(session, session.evidence_at(), rules);
  return later(end, session.held_until());
}

/// A timestamp that is stored can be encoded, so it is in range.
inline Timestamp storable(Timestamp at) noexcept { return earlier(at, never - Duration::from_ns(1)); }

/// Returns all runs, ascending.
inline Runs runs_of(const SessionRegisters& session, const Rules& rules) {
  Runs runs;
  if (const PastOfSession* const past = session.rare().past()) runs = past->runs;
  if (session.has_evidence() && has_runs(session, rules))
    runs.push_back({session.run_start(), run_end(session, rules)});
  return runs;
}
/// Replaces the runs. If there is evidence, it must be in the last of them.
inline void set_runs(SessionRegisters& session, Runs&& runs, const Rules& rules) {
  Timestamp held = absent, start = absent;
  if (session.has_evidence() && !runs.empty()) {
    const Run last = runs.back();
    runs.erase(runs.end() - 1);
    start = last.start;
    if (last.end > end_of_span(session, session.evidence_at(), rules)) held = last.end;
  }
  session.set_run_start(start);
  for (Run& run : runs) run.end = storable(run.end);
  session.set_earlier_runs(std::move(runs));
  session.set_held_until(storable(held));
}

/// Joins a moment at which the session is known to have been connected.
inline void join_evidence(SessionRegisters& session, const SessionMoment& moment, const Rules& rules) {
  const SessionMoment before = session.evidence();
  const bool is_later = before < moment;
  const bool runs = has_runs(session, rules);
  const bool is_in_last_run =
      before.exists() && session.run_start() <= moment.at && moment.at <= run_end(session, rules);
  if (runs && !is_in_last_run) {
    Runs all = runs_of(session, rules);
    join_run(all, {moment.at, end_of_span(session, moment.at, rules)});
    const SessionState state = session.state();
    session.set_state({});
    if (is_later) session.set_evidence(moment);
    set_runs(session, std::move(all), rules);
    session.set_state(state);
  } else if (is_later) {
    if (session.is_refreshable()) {
      session.set_evidence(moment);
    } else {
      const SessionState state = session.state();
      session.set_state({});
      session.set_evidence(moment);
      session.set_state(state);
    }
    // The hold may have become shorter than the run.
    if (runs && session.held_until() <= end_of_span(session, moment.at, rules)) session.set_held_until(absent);
  }
}

inline void join_session_activity(SessionRegisters& session, const SessionActivity& activity) {
  if (activity.moment.exists() && activity.wins_over(session.activity())) session.set_activity(activity);
}
inline void join_active(SessionRegisters& session, const SessionMoment& moment) {
  if (session.active() < moment) session.set_active(moment);
}

/// Joins two states of one session.
inline void join_session_registers(SessionRegisters& a, const SessionRegisters& b, const Rules& rules) {
  if (a == b) return;
  const SessionState state = a.state() < b.state() ? b.state() : a.state();
  const SessionMoment evidence = a.evidence() < b.evidence() ? b.evidence() : a.evidence();
  if (has_runs(a, rules)) {
    Runs all = united(runs_of(a, rules), runs_of(b, rules));
    a.set_state({});
    a.set_evidence(evidence);
    set_runs(a, std::move(all), rules);
  } else {
    a.set_state({});
    a.set_evidence(evidence);
  }
  a.set_state(state);
  join_session_activity(a, b.activity());
  join_active(a, b.active());
  for (const Timestamp at : b.disconnects()) a.add_disconnect(at);
}

/// Drops what is dated at or before a timestamp. Runs remain: they only say which silences were filled.
inline void drop_up_to(SessionRegisters& session, Timestamp instant, const Rules& rules) {
  if (session.state().moment.exists() && session.state().moment.at <= instant) session.set_state({});
  if (session.active().exists() && session.active().at <= instant) session.set_active({});
  if (session.activity_moment().exists() && session.activity_moment().at <= instant) session.set_activity({});
  session.keep_disconnects([instant](Timestamp at) { return at > instant; });
  if (!session.has_evidence() || session.evidence_at() > instant) return;
  Runs runs = runs_of(session, rules);
  session.set_evidence({});
  set_runs(session, std::move(runs), rules);
}

}  // namespace detail
}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_REGISTERS_DETAIL_SESSION_HPP
