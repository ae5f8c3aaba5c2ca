// SPDX-License-Identifier: MIT
#ifndef PRESENCE_TESTS_PROPERTY_ORACLE_HPP
#define PRESENCE_TESTS_PROPERTY_ORACLE_HPP

// What is true, by brute force: the oracle remembers every event that was ever accepted, but for those of users
// forgotten by age, and answers each question by going through all of them. It has no registers, joins nothing and
// drops nothing: what a removal took away is marked, however it arrived. Deadlines are found by trying every timestamp
// at which something could change. Of the library it uses the plain values alone.

#include "history.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

namespace property {

class Oracle {
 public:
  using Instant = std::optional<Timestamp>;  ///< absent: before every deadline

  explicit Oracle(const Rules& rules) : rules_(rules) {
    for (Duration* d :
         {&rules_.session_timeout, &rules_.offline_grace, &rules_.last_active_refresh, &rules_.reorder_window,
          &rules_.max_clock_skew, &rules_.forget_after, &rules_.idle_after, &rules_.report_timeout}) {
      if (*d < Duration()) *d = Duration();
    }
  }

  Instant now() const { return now_; }

  // ---- what others see
  // -----------------------------------------------------------------------------------------------------------------

  Views views(Instant t) const {
    Views all;
    for (const std::string& user : users()) {
      if (const std::optional<User> seen = view(user, t)) all[user] = *seen;
    }
    return all;
  }
  Views views() const { return views(now_); }

  std::optional<User> view(const std::string& user, Instant t) const {
    const Instant cut = went_invisible(user), word = last_word(user, cut);
    const bool online = !cut && truly_online(user, t);
    if (!online && (!word || is_too_old(*word, t))) return std::nullopt;
    return seen(user, t, online, last_active(user, cut), false);
  }

  User seen(const std::string& user, Instant t, bool online, std::optional<Timestamp> active, bool invisible) const {
    User all{user, online, status(user, t), active, invisible, {}, {}, {}};
    all.data = data(user);
    if (!online) return all;
    const Standing deciding = *deciding_session(user, t);
    const PresenceEvent* choice = last_choice(user);
    const bool has_choice = choice != nullptr && choice->availability && (!t || !choice->until || *t < *choice->until);
    all.availability = has_choice ? *choice->availability : deciding.availability;
    all.activity = deciding.activity;
    return all;
  }

  /// As the user sees himself.
  std::optional<User> truth(const std::string& user, Instant t) const {
    Oracle then = *this;
    then.forget_by_age(t);
    return then.truth_of_what_is_left(user, t);
  }

  std::optional<User> truth_of_what_is_left(const std::string& user, Instant t) const {
    const bool online = truly_online(user, t);
    if (!online && !last_word(user, std::nullopt)) return std::nullopt;
    return seen(user, t, online, last_active(user, std::nullopt), went_invisible(user).has_value());
  }

  /// The first of the timestamps at which the user asked to be invisible, since which no other was asked for.
  Instant went_invisible(const std::string& user) const {
    Instant first;
    for (const PresenceEvent& e : events_) {
      if (!asks(e, user, true)) continue;
      bool stays = true;
      for (const PresenceEvent& other : events_) {
        if (asks(other, user, false) && other.at >= e.at && !asked(user, other.at, true)) stays = false;
      }
      if (stays && (!first || e.at < *first)) first = e.at;
    }
    return first;
  }

  bool truly_online(const std::string& user, Instant t) const { return deciding_session(user, t).has_value(); }

  /// Neither disconnected nor timed out.
  bool alive(const std::string& user, const std::string& session, Instant t) const {
    const Instant last = last_evidence(user, session);
    if (!last || first_ending(user, session)) return false;
    return rules_.session_timeout == Duration() || !t || *t < *last + rules_.session_timeout;
  }

  // ---- what the sessions say
  // ------------------------------------------------------------------------------------------------------------- The
  // reports are a session without an id. A moment is a timestamp and a rank: of one timestamp a heartbeat is first,
  // then a disconnect, then a connect.

  using Moment = std::pair<Timestamp, int>;
  static Moment moment_of(const PresenceEvent& e) {
    const bool is_connect = e.type == EventType::connect || (e.type == EventType::report && e.online);
    return {e.at, is_connect ? 2 : is_end(e) ? 1 : 0};
  }
  static bool is_end(const PresenceEvent& e) {
    return e.type == EventType::disconnect || (e.type == EventType::report && !e.online);
  }

  Duration timeout_of(const std::string& session) const {
    return session.empty() ? rules_.report_timeout : rules_.session_timeout;
  }

  /// Whether the event is of that session, and still counts.
  bool is_of(const PresenceEvent& e, const std::string& user, const std::string& session) const {
    const Told& told = static_cast<const Told&>(e);
    if (e.user != user || !counts(told)) return false;
    if (!session.empty()) return is_of_session(e) && e.session == session;
    return e.type == EventType::report && !told.masked &&
           std::none_of(forgotten_.begin(), forgotten_.end(),
                        [&](const auto& up_to) { return up_to.first == user && e.at <= up_to.second; });
  }

  struct Standing {
    Availability availability = Availability::available;
    std::int8_t priority = 0;
    std::optional<Moment> reported;
    std::string session;
    presence::Attributes activity;
  };

  std::optional<Standing> deciding_session(const std::string& user, Instant t) const {
    std::optional<Standing> best;
    std::vector<std::string> all = sessions(user);
    all.push_back(std::string());
    for (const std::string& session : all) {
      const Instant until = session_until(user, session);
      if (!until || (t && *t >= *until)) continue;
      const Standing standing = standing_of(user, session, t);
      if (!best || decides(standing, *best)) best = standing;
    }
    return best;
  }

  bool decides(const Standing& a, const Standing& b) const {
    const bool stronger = rules_.ranking.is_stronger(a.availability, b.availability),
               weaker = rules_.ranking.is_stronger(b.availability, a.availability);
    const int by_strength = stronger ? 1 : weaker ? -1 : 0, by_priority = a.priority - b.priority;
    const int by_date = a.reported == b.reported                                     ? 0
                        : (!a.reported || (b.reported && *a.reported < *b.reported)) ? -1
                                                                                     : 1;
    const int by_id = a.session < b.session ? -1 : 1;
    std::vector<int> order;
    switch (rules_.session_fold) {
      case presence::SessionFold::by_rank: order = {by_strength, by_priority, by_date, by_id}; break;
      case presence::SessionFold::by_priority: order = {by_priority, by_strength, by_date, by_id}; break;
      case presence::SessionFold::latest: order = {by_date, by_strength, by_id}; break;
    }
    for (const int sign : order) {
      if (sign != 0) return sign > 0;
    }
    return false;
  }

  Standing standing_of(const std::string& user, const std::string& session, Instant t) const {
    Standing standing;
    standing.session = session;
    const PresenceEvent *word = nullptr, *doing = nullptr;
    Instant active;
    const Instant start = run_start(user, session);
    for (const Told& e : events_) {
      if (!is_of(e, user, session) || is_end(e) || belongs_to_earlier_life(e, user, session)) continue;
      const bool moves = e.type == EventType::connect || e.type == EventType::active ||
                         (rules_.heartbeat_is_activity && e.type != EventType::report);
      if (moves && (!active || e.at > *active)) active = e.at;
      if (start && e.at < *start) continue;
      if (!presence::detail::says_availability(e.type)) continue;
      if (e.availability && (word == nullptr || said(e) > said(*word))) word = &e;
      if (e.activity && (doing == nullptr || did(e) > did(*doing))) doing = &e;
    }
    if (word != nullptr) {
      standing.availability = *word->availability;
      standing.priority = session.empty() ? std::int8_t{0} : word->priority.value_or(std::int8_t{0});
      standing.reported = moment_of(*word);
    }
    if (doing != nullptr) standing.activity = *doing->activity;
    const bool can_idle =
        rules_.idle_after != Duration() && !session.empty() && standing.availability == Availability::available;
    if (can_idle && (!active || (t && *t >= *active + rules_.idle_after))) standing.availability = Availability::idle;
    return standing;
  }

  using Said = std::tuple<Moment, std::string, int>;
  static Said said(const PresenceEvent& e) {
    return {moment_of(e), std::string(to_string(*e.availability)),
            e.type == EventType::report ? 0 : e.priority.value_or(std::int8_t{0})};
  }
  static std::pair<Moment, std::string> did(const PresenceEvent& e) {
    return {moment_of(e), e.activity->empty() ? std::string() : to_json(presence::Value::object(*e.activity))};
  }

  /// Whether a disconnect lies between the event and the last evidence.
  bool belongs_to_earlier_life(const PresenceEvent& e, const std::string& user, const std::string& session) const {
    const Moment last = *last_moment(user, session);
    return std::any_of(events_.begin(), events_.end(), [&](const Told& d) {
      return is_of(d, user, session) && is_end(d) && moment_of(e) < moment_of(d) && moment_of(d) < last;
    });
  }

  /// The start of the last run: since when no silence was longer than a timeout and a grace. Absent without a timeout.
  Instant run_start(const std::string& user, const std::string& session) const {
    const Instant last = last_evidence(user, session);
    if (!last || timeout_of(session) == Duration()) return std::nullopt;
    Timestamp start = *last;
    const Duration span = timeout_of(session) + rules_.offline_grace;
    for (bool goes_on = true; goes_on;) {
      goes_on = false;
      for (const Told& e : events_) {
        // What was removed has filled the silence all the same.
        const bool is_mine = e.user == user && !is_end(e) &&
                             (session.empty() ? e.type == EventType::report : is_of_session(e) && e.session == session);
        if (is_mine && !e.gave_way && e.at < start && e.at + span >= start) {
          start = e.at;
          goes_on = true;
        }
      }
    }
    return start;
  }

  const PresenceEvent* last_choice(const std::string& user) const {
    const PresenceEvent* best = nullptr;
    const auto key = [](const PresenceEvent& e) {
      return std::make_tuple(e.at, e.availability ? std::string(to_string(*e.availability)) : std::string(),
                             e.until.value_or(Timestamp::highest()));
    };
    for (const Told& e : events_) {
      if (e.user != user || e.type != EventType::set_availability || e.removed) continue;
      if (best == nullptr || key(e) > key(*best)) best = &e;
    }
    return best;
  }

  /// The dates of the names that have a value; the data itself.
  std::map<std::string, Timestamp> dates_of_data(const std::string& user,
                                                 presence::Attributes* values = nullptr) const {
    using Written =
        std::tuple<Timestamp, std::string>;  // of one timestamp the greater JSON wins, and nothing is the least
    std::map<std::string, Written> written;
    std::map<std::string, presence::Value> contents;
    Instant since;
    const auto write = [&](const std::string& name, Timestamp at, const presence::Value& value) {
      const Written now{at, value.kind() == presence::ValueKind::null ? std::string() : to_json(value)};
      const auto place = written.find(name);
      if (place != written.end() && place->second >= now) return;
      written[name] = now;
      contents[name] = value;
    };
    for (const Told& e : events_) {
      if (e.user != user || e.removed) continue;
      if (e.type == EventType::set_data) write(e.name, e.at, e.value);
      if (e.type != EventType::report || !e.data) continue;
      if (!since || e.at > *since) since = e.at;
      for (const auto& entry : *e.data) {
        if (entry.value.kind() != presence::ValueKind::null) write(entry.name, e.at, entry.value);
      }
    }
    std::map<std::string, Timestamp> dates;
    for (const auto& entry : written) {
      const Timestamp at = std::get<0>(entry.second);
      if (std::get<1>(entry.second).empty() || (since && at < *since)) continue;
      dates[entry.first] = at;
      if (values != nullptr) (*values)[entry.first] = contents[entry.first];
    }
    return dates;
  }
  presence::Attributes data(const std::string& user) const {
    presence::Attributes values;
    dates_of_data(user, &values);
    return values;
  }

  /// The last text; of one timestamp the greater one, and of two that are the same the one that ends later.
  const PresenceEvent* last_text(const std::string& user) const {
    const PresenceEvent* best = nullptr;
    for (const Told& e : events_) {
      if (e.user != user || !e.status || e.removed) continue;
      if (best == nullptr || e.at > best->at ||
          (e.at == best->at && (*e.status > *best->status || (*e.status == *best->status && ends_later(e, *best)))))
        best = &e;
    }
    return best;
  }

  std::string status(const std::string& user, Instant t) const {
    const PresenceEvent* text = last_text(user);
    return text == nullptr || (t && text->until && *t >= *text->until) ? std::string() : *text->status;
  }

  Instant status_at(const std::string& user) const {
    const PresenceEvent* text = last_text(user);
    return text == nullptr ? std::nullopt : Instant(text->at);
  }

  /// When the text ends.
  Instant status_until(const std::string& user) const {
    const PresenceEvent* text = last_text(user);
    return text == nullptr ? std::nullopt : text->until;
  }

  /// The timestamp up to which everything of the user was removed.
  Instant removed_up_to(const std::string& user) const {
    Instant latest;
    for (const PresenceEvent& e : events_) {
      if (e.user == user && e.type == EventType::remove && (!latest || e.at > *latest)) latest = e.at;
    }
    return latest;
  }

  std::optional<Timestamp> last_active(const std::string& user, Instant cut) const {
    std::optional<Timestamp> latest;
    const PresenceEvent* word = nullptr;
    for (const Told& e : events_) {
      if (e.user != user) continue;
      if (is_activity(e) && !(cut && e.at >= *cut)) {
        if (!latest || value_of(e) > *latest) latest = value_of(e);
      }
      if (e.type == EventType::report && e.last_active && !e.removed) {
        if (word == nullptr || e.at > word->at || (e.at == word->at && *e.last_active > *word->last_active)) word = &e;
      }
    }
    if (word != nullptr && (!latest || *word->last_active > *latest)) latest = *word->last_active;
    return latest;
  }

  /// Without a now the oracle does not say which of the user's own timestamps a change is dated.
  static Timestamp no_instant() { return Timestamp::lowest(); }

  bool is_instant_of(const std::string& user, Timestamp at) const {
    if (now_ && at <= *now_ && rules_.idle_after != Duration()) return true;
    return std::any_of(events_.begin(), events_.end(), [&](const PresenceEvent& e) {
      return e.user == user && (e.at == at || (e.type == EventType::report && e.last_active == at) ||
                                ((e.status || e.type == EventType::set_availability) && e.until == at));
    });
  }

  /// The next timestamp at which time alone changes a view.
  Instant next_deadline() const {
    const Views before = views(now_);
    for (const Timestamp t : moments(now_, Timestamp::highest())) {
      if (views(t) != before) return t;
    }
    return std::nullopt;
  }

  /// Whether no event that may still come, nor its last_active, is as old as the removal. Then nothing of the removal
  /// is kept.
  bool is_past(Timestamp removal, Timestamp t) const {
    const Timestamp oldest = t - rules_.reorder_window;
    return is_instant(oldest) && removal < rounded(oldest);
  }

  std::vector<std::string> users() const {
    std::set<std::string> names;
    for (const PresenceEvent& e : events_) names.insert(e.user);
    return std::vector<std::string>(names.begin(), names.end());
  }

  std::vector<std::string> sessions(const std::string& user) const {
    std::set<std::string> names;
    for (const Told& e : events_) {
      if (e.user == user && is_of_session(e) && counts(e)) names.insert(e.session);
    }
    return std::vector<std::string>(names.begin(), names.end());
  }

  /// The same without disconnects and reports of offline that are dated before `oldest`.
  Oracle without_ends_before(Timestamp oldest) const {
    Oracle other = *this;
    const auto is_old_end = [oldest](const Told& e) { return is_end(e) && e.at < oldest; };
    other.events_.erase(std::remove_if(other.events_.begin(), other.events_.end(), is_old_end), other.events_.end());
    return other;
  }

  // ---- what happens
  // --------------------------------------------------------------------------------------------------------------------

  static bool is_instant(Timestamp t) { return t != Timestamp::lowest() && t != Timestamp::highest(); }

  static bool well_formed(const PresenceEvent& e) {
    if (e.user.empty() || !is_instant(e.at)) return false;
    const bool of_session = is_evidence(e) || e.type == EventType::disconnect;
    const bool of_user = e.type == EventType::set_visible || e.type == EventType::remove ||
                         e.type == EventType::set_availability || e.type == EventType::set_data;
    const bool says = e.type == EventType::connect || e.type == EventType::update || e.type == EventType::report ||
                      e.type == EventType::set_availability;
    if (says && e.availability &&
        (*e.availability == Availability::offline || *e.availability > Availability::available))
      return false;
    if (e.priority && !e.availability && (e.type == EventType::connect || e.type == EventType::update)) return false;
    if (e.type == EventType::set_data && (e.name.empty() || presence::is_reserved_name(e.name))) return false;
    if (e.type == EventType::set_availability && e.until && (*e.until <= e.at || !is_instant(*e.until))) return false;
    if (!of_session && !of_user && e.type != EventType::set_status && e.type != EventType::report) return false;
    if (of_session && e.session.empty()) return false;
    if (e.type == EventType::set_status && !e.status) return false;
    if (e.type == EventType::set_visible && !e.invisible) return false;
    if (e.status && e.until && (*e.until <= e.at || !is_instant(*e.until))) return false;
    return !(e.type == EventType::report && e.last_active && !is_instant(*e.last_active));
  }

  /// Verdict::applied stands for "accepted" here.
  Verdict judge(const PresenceEvent& e, Instant now) const {
    if (!well_formed(e)) return Verdict::invalid;
    const bool of_session = is_evidence(e) || e.type == EventType::disconnect;
    if (e.user.size() > rules_.max_id_bytes || (of_session && e.session.size() > rules_.max_id_bytes))
      return Verdict::over_limit;
    if (e.status && e.status->size() > rules_.max_status_bytes) return Verdict::over_limit;
    if (now && e.at < *now - rules_.reorder_window) return Verdict::too_late;
    if (now && e.at > *now + rules_.max_clock_skew) return Verdict::too_early;
    return Verdict::applied;
  }

  Verdict fold(const PresenceEvent& e, Changes& changes) {
    const Verdict verdict = judge(e, now_);
    if (verdict != Verdict::applied) return verdict;
    const Views before = views();
    events_.push_back({e});
    settle();
    tell(before, views(), now_ ? *now_ : e.at, changes);
    return verdict;
  }

  Verdict advance(Timestamp to, Changes& changes) {
    if (!is_instant(to)) return Verdict::invalid;
    if (now_ && to <= *now_) return Verdict::unchanged;
    Views before = views();
    for (const Timestamp t : moments(now_, to)) {
      Views after = views(t);
      tell(before, after, t, changes);
      before = std::move(after);
      forget_by_age(t);
    }
    now_ = to;
    forget_by_age(now_);
    return Verdict::applied;
  }

  /// Deadlines before a timestamp, the events of the timestamp, its deadlines; an event that is not later than now
  /// folds by itself.
  Tally replay(const std::vector<PresenceEvent>& list, Changes& changes) {
    Tally tally;
    for (std::size_t i = 0; i < list.size();) {
      const Timestamp t = list[i].at;
      if (judge(list[i], std::nullopt) != Verdict::applied || (now_ && t <= *now_)) {
        tally.count(fold(list[i++], changes));
        continue;
      }
      advance(t - Duration::from_ns(1), changes);
      const Views before = views();
      now_ = t;
      forget_by_age(now_);
      for (; i < list.size() && list[i].at == t; ++i) {
        tally.count(judge(list[i], now_));
        if (judge(list[i], now_) == Verdict::applied) events_.push_back({list[i]});
        settle();
      }
      tell(before, views(), t, changes);
    }
    return tally;
  }

  void merge(const std::vector<PresenceEvent>& list, Instant at, Changes& changes) {
    const Instant left = now_;
    const Views before = views(left);
    Oracle other(rules_);
    for (const PresenceEvent& e : list) {
      if (judge(e, std::nullopt) == Verdict::applied) other.events_.push_back({e});
    }
    Changes by_time, all;
    other.remove_up_to_removals();
    if (at) other.advance(*at, by_time);
    events_.insert(events_.end(), other.events_.begin(), other.events_.end());
    remove_up_to_removals();
    by_time.clear();
    if (at) advance(*at, by_time);
    settle();
    const Views after = views();
    tell(before, after, left ? *left : now_ ? *now_ : Timestamp(), all);
    for (UserPresenceChanged& change : all) {
      if (!now_) change.at = no_instant();  // any at which somebody could see something of the user
      for (const UserPresenceChanged& timeout : by_time) {
        if (timeout.id == change.id) change.at = timeout.at;
      }
      // The other node may have forgotten since when a session is idle: then the change is dated as if it always was.
      if (at && rules_.idle_after != Duration()) change.at = no_instant();
    }
    std::sort(all.begin(), all.end(), in_order);
    changes.insert(changes.end(), all.begin(), all.end());
  }

  void forget_reports(Changes& changes) {
    const Views before = views();
    for (const std::string& user : users()) {
      if (const PresenceEvent* word = last_report(user)) forgotten_.emplace_back(user, word->at);
    }
    forget_by_age(now_);
    Changes all;
    tell(before, views(), now_ ? *now_ : Timestamp(), all);
    for (UserPresenceChanged& change : all) {
      if (!now_) change.at = no_instant();
    }
    std::sort(all.begin(), all.end(), in_order);
    changes.insert(changes.end(), all.begin(), all.end());
  }

  /// What a server lists as of a timestamp, and nobody else, is reported online as of then.
  Tally resync(const std::vector<PresenceEvent>& list, Timestamp as_of, Changes& changes) {
    Tally tally;
    const Verdict of_all = judge(PresenceEvent::report("somebody", true, as_of), now_);
    const Views before = views();
    for (PresenceEvent e : list) {
      Verdict verdict = of_all;
      if (verdict == Verdict::applied)
        verdict = e.type != EventType::report ? Verdict::invalid : judge(e, std::nullopt);
      if (verdict == Verdict::applied) {
        e.at = std::max(e.at, as_of);
        if (e.until && *e.until <= e.at) {  // the listed status has ended by then
          if (e.status) e.status = "";
          e.until = std::nullopt;
        }
        verdict = judge(e, now_);
      }
      tally.count(verdict);
      if (verdict == Verdict::applied) events_.push_back({e});
      remove_up_to_removals();
      forget_by_age(now_);
    }
    if (of_all != Verdict::applied) return tally;
    for (const std::string& user : users()) {
      const PresenceEvent* word = last_report(user);
      if (word != nullptr && word->at < as_of) forgotten_.emplace_back(user, as_of - Duration::from_ns(1));
    }
    forget_by_age(now_);
    tell(before, views(), now_ ? *now_ : as_of, changes);
    return tally;
  }

  Tally perform(const Step& step, Changes& changes) {
    Tally tally;
    switch (step.what) {
      case Do::event:
      case Do::batch:
        for (const PresenceEvent& e : step.events) tally.count(fold(e, changes));
        break;
      case Do::advance: tally.count(advance(*step.at, changes)); break;
      case Do::replay: return replay(step.events, changes);
      case Do::merge: merge(not_too_old(step, now_, rules_), step.at, changes); break;
      case Do::forget: forget_reports(changes); break;
      case Do::resync: return resync(step.events, *step.at, changes);
    }
    return tally;
  }

  static void tell(const Views& before, const Views& after, Timestamp at, Changes& changes) {
    std::set<std::string> names;
    for (const auto& entry : before) names.insert(entry.first);
    for (const auto& entry : after) names.insert(entry.first);
    for (const std::string& name : names) {
      UserPresenceChanged change;
      change.id = name;
      change.before = find(before, name);
      change.after = find(after, name);
      change.at = at;
      if (change.before != change.after) changes.push_back(change);
    }
  }

 private:
  /// An event, and what of it was forgotten by age or removed.
  struct Told : PresenceEvent {
    Told(PresenceEvent e) : PresenceEvent(std::move(e)) {}
    bool no_activity = false;
    bool gave_way = false;  ///< its session did, for another
    bool removed = false;   ///< all of it but a visibility change
    bool masked = false;    ///< a report that was forgotten
  };

  /// Whether the session of the event still has it.
  static bool counts(const Told& e) { return !e.gave_way && !e.removed; }

  static bool ends_later(const PresenceEvent& a, const PresenceEvent& b) {
    return b.until && (!a.until || *a.until > *b.until);
  }

  static bool is_evidence(const PresenceEvent& e) {
    return e.type == EventType::connect || e.type == EventType::heartbeat || e.type == EventType::active ||
           e.type == EventType::update;
  }

  static bool asks(const PresenceEvent& e, const std::string& user, bool invisible) {
    return e.user == user && asks_to_be(e, invisible);
  }

  bool asked(const std::string& user, Timestamp at, bool invisible) const {
    return std::any_of(events_.begin(), events_.end(),
                       [&](const PresenceEvent& e) { return asks(e, user, invisible) && e.at == at; });
  }

  /// Down to a multiple of the refresh since 1970.
  Timestamp rounded(Timestamp t) const {
    const std::int64_t step = rules_.last_active_refresh.ns();
    if (step == 0) return t;
    std::int64_t multiple = t.ns() / step * step;
    if (multiple > t.ns()) multiple -= step;
    return Timestamp::from_ns(multiple);
  }

  std::optional<Moment> last_moment(const std::string& user, const std::string& session) const {
    std::optional<Moment> last;
    for (const Told& e : events_) {
      if (is_of(e, user, session) && !is_end(e) && (!last || moment_of(e) > *last)) last = moment_of(e);
    }
    return last;
  }
  Instant last_evidence(const std::string& user, const std::string& session) const {
    const std::optional<Moment> last = last_moment(user, session);
    return last ? Instant(last->first) : std::nullopt;
  }

  /// The first disconnect that follows all evidence.
  Instant first_ending(const std::string& user, const std::string& session) const {
    Instant first;
    const std::optional<Moment> last = last_moment(user, session);
    for (const Told& d : events_) {
      if (is_of(d, user, session) && is_end(d) && last && moment_of(d) > *last && (!first || d.at < *first))
        first = d.at;
    }
    return first;
  }

  /// Absent: it keeps nobody online. Timestamp::highest(): for ever.
  Instant session_until(const std::string& user, const std::string& session) const {
    const Instant last = last_evidence(user, session), ending = first_ending(user, session);
    if (!last || (ending && rules_.offline_grace == Duration())) return std::nullopt;
    const Duration timeout = timeout_of(session);
    const Timestamp end = timeout == Duration() ? Timestamp::highest() : *last + timeout + rules_.offline_grace;
    return ending && *ending + rules_.offline_grace < end ? *ending + rules_.offline_grace : end;
  }

  const PresenceEvent* last_report(const std::string& user) const {
    const PresenceEvent* word = nullptr;
    for (const Told& e : events_) {
      if (e.type != EventType::report || e.user != user || e.removed) continue;
      if (word == nullptr || e.at > word->at || (e.at == word->at && e.online)) word = &e;
    }
    return word;
  }

  bool is_activity(const Told& e) const {
    const bool shows = e.type == EventType::set_visible && e.invisible && !*e.invisible;
    return (e.type == EventType::connect || e.type == EventType::active ||
            (rules_.heartbeat_is_activity && is_evidence(e)) || shows) &&
           !e.no_activity;
  }
  static bool is_of_session(const PresenceEvent& e) { return is_evidence(e) || e.type == EventType::disconnect; }
  Timestamp value_of(const PresenceEvent& e) const {
    return is_evidence(e) && e.type != EventType::connect ? rounded(e.at) : e.at;
  }

  bool is_too_old(Timestamp word, Instant t) const {
    return t && rules_.forget_after != Duration::highest() && *t >= word + rules_.forget_after;
  }

  /// The latest of what is known of the user, if he went invisible at the cut.
  Instant last_word(const std::string& user, Instant cut) const {
    Instant last;
    for (const Told& e : events_) {
      if (e.user != user) continue;
      if ((e.status || e.type == EventType::report) && !e.removed && (!last || e.at > *last)) last = e.at;
      if (is_activity(e) && !(cut && e.at >= *cut) && (!last || value_of(e) > *last)) last = value_of(e);
    }
    for (const auto& entry : dates_of_data(user)) {
      if (!last || entry.second > *last) last = entry.second;
    }
    return last;
  }

  /// After events came: in whatever order, what was removed is gone first.
  void settle() {
    remove_up_to_removals();
    keep_newest_sessions();
    forget_by_age(now_);
  }

  /// Marks what was dated up to the removal of its user. A last_active goes by its value, whenever its evidence came.
  void remove_up_to_removals() {
    for (const std::string& user : users()) {
      const Instant up_to = removed_up_to(user);
      if (!up_to) continue;
      for (Told& e : events_) {
        if (e.user != user) continue;
        if (e.at <= *up_to) e.removed = true;
        if (value_of(e) <= *up_to) e.no_activity = true;
      }
      for (auto& mask : forgotten_) {
        if (mask.first == user && mask.second <= *up_to) mask.first.clear();
      }
    }
    forgotten_.erase(
        std::remove_if(forgotten_.begin(), forgotten_.end(), [](const auto& mask) { return mask.first.empty(); }),
        forgotten_.end());
  }

  /// Whether no last_active that may still come is as old as the removal.
  /// Of more live sessions than a user may have, those go whose evidence is the oldest; of two of one timestamp the
  /// lesser id.
  void keep_newest_sessions() {
    for (const std::string& user : users()) {
      for (;;) {
        std::set<std::pair<Timestamp, std::string>> live;
        for (const std::string& session : sessions(user)) {
          if (alive(user, session, now_)) live.insert({*last_evidence(user, session), session});
        }
        if (live.size() <= rules_.max_sessions_per_user) break;
        for (Told& e : events_) {
          if (e.user == user && is_of_session(e) && e.session == live.begin()->second) e.gave_way = true;
        }
      }
    }
  }

  /// Who was silent for too long is forgotten; of who is invisible first what others knew, then the rest, but for
  /// having gone invisible.
  void forget_by_age(Instant t) {
    if (!t || rules_.forget_after == Duration::highest()) return;
    for (const std::string& user : users()) {
      const Instant cut = went_invisible(user);
      if (view(user, t)) continue;
      Instant latest;
      for (const Told& e : events_) {
        if (e.user == user && is_activity(e) && (!cut || e.at < *cut) && (!latest || value_of(e) > *latest))
          latest = value_of(e);
      }
      for (Told& e : events_) {
        if (e.user != user) continue;
        e.status.reset();
        if (latest && value_of(e) <= *latest) e.no_activity = true;  // a last_active that others knew too
        if (e.type == EventType::report || e.type == EventType::set_status || e.type == EventType::set_data)
          e.user.clear();
        if (e.type == EventType::set_availability && is_too_old(e.at, t)) e.user.clear();
      }
      const Instant hidden = last_word(user, std::nullopt);
      if (!cut || !hidden || !is_too_old(*hidden, t) || truly_online(user, t)) continue;
      for (Told& e : events_) {
        if (e.user == user) e.no_activity = true;
      }
    }
    for (const std::string& user : users()) {
      if (!went_invisible(user) || !may_forget_that_they_hide(user, *t)) continue;
      for (Told& e : events_) {
        if (e.user == user) e.user.clear();
      }
      for (auto& mask : forgotten_) {
        if (mask.first == user) mask.first.clear();
      }
    }
    events_.erase(std::remove_if(events_.begin(), events_.end(), [](const Told& e) { return e.user.empty(); }),
                  events_.end());
    for (Told& e : events_) {
      const bool masked = std::any_of(forgotten_.begin(), forgotten_.end(),
                                      [&](const auto& mask) { return mask.first == e.user && e.at <= mask.second; });
      if (e.type == EventType::report && masked) e.masked = true;  // also when the mask is gone
    }
    const auto masks_nothing = [&](const auto& mask) {
      if (mask.first.empty()) return true;
      const PresenceEvent* word = last_report(mask.first);
      return is_too_old(mask.second, t) && (word == nullptr || word->at > mask.second);
    };
    forgotten_.erase(std::remove_if(forgotten_.begin(), forgotten_.end(), masks_nothing), forgotten_.end());
  }

  /// Whether nobody knows of the user, nothing that the user did is younger than the age, and no late event could
  /// concern it.
  bool may_forget_that_they_hide(const std::string& user, Timestamp t) const {
    if (view(user, t) || last_word(user, went_invisible(user))) return false;
    if (const Instant removal = removed_up_to(user)) {
      if (!is_past(*removal, t)) return false;
    }
    if (const PresenceEvent* choice = last_choice(user)) {
      const Timestamp old = choice->at + rules_.reorder_window + Duration::from_ns(1);
      const Timestamp end = choice->until.value_or(Timestamp::highest());
      const Timestamp gone = !choice->availability || old > end ? old : end;
      if (t < gone && !is_too_old(choice->at, t)) return false;
    }
    std::set<std::string> all;
    for (const Told& e : events_) {
      if (e.user == user && is_of_session(e) && !e.gave_way) all.insert(e.session);
    }
    for (const std::string& session : all) {
      if (may_matter(user, session, t)) return false;
    }
    for (const Told& e : events_) {
      if (e.user != user) continue;
      if (is_activity(e) && !is_too_old(value_of(e), t)) return false;
      if ((asks(e, user, true) || asks(e, user, false)) &&
          (!is_too_old(e.at, t) || !(t > e.at + rules_.reorder_window)))
        return false;
    }
    return std::none_of(forgotten_.begin(), forgotten_.end(),
                        [&](const auto& mask) { return mask.first == user && !is_too_old(mask.second, t); });
  }

  /// Whether a late event may still concern the session.
  bool may_matter(const std::string& user, const std::string& session, Timestamp t) const {
    const Duration window = rules_.reorder_window, timeout = timeout_of(session), grace = rules_.offline_grace;
    const std::optional<Moment> last = last_moment(user, session);
    const Instant ending = first_ending(user, session);
    std::optional<Moment> over, active;  // nothing up to `over` counts any more
    for (const Told& e : events_) {
      const bool is_mine = e.user == user && is_of_session(e) && e.session == session && !e.gave_way;
      // A run remains when its evidence was removed.
      if (is_mine && is_evidence(e) && timeout != Duration() && !(t > e.at + timeout + grace + window)) return true;
      if (!is_mine || e.removed || !is_end(e)) continue;
      if (!(t > e.at + window)) return true;
      if ((!over || moment_of(e) > *over)) over = moment_of(e);
    }
    for (const Told& e : events_) {
      const bool moves = e.type == EventType::connect || e.type == EventType::active || rules_.heartbeat_is_activity;
      if (is_of(e, user, session) && is_evidence(e) && moves && (!over || moment_of(e) > *over) &&
          (!active || moment_of(e) > *active))
        active = moment_of(e);
    }
    if (rules_.idle_after != Duration() && active && active->first + rules_.idle_after > t) {
      if (timeout != Duration() || !ending ||
          (grace == Duration() ? !(t > last->first + window) : !(t > *ending + (std::max)(window, grace))))
        return true;
    }
    if (timeout != Duration() || !last) return false;
    if (!ending) return true;
    return grace == Duration() ? !(t > last->first + window) : !(t > *ending + (std::max)(window, grace));
  }

  /// Every timestamp in (from, to] at which time could change anything.
  std::set<Timestamp> moments(Instant from, Timestamp to) const {
    std::set<Timestamp> all;
    for (const PresenceEvent& e : events_) {
      if (e.status && e.until && (!from || *e.until > *from) && *e.until <= to) all.insert(*e.until);
      if (e.type == EventType::set_availability && e.until && (!from || *e.until > *from) && *e.until <= to)
        all.insert(*e.until);
      for (const Duration wait :
           {Duration(), rules_.session_timeout, rules_.offline_grace, rules_.session_timeout + rules_.offline_grace,
            rules_.idle_after, rules_.report_timeout, rules_.report_timeout + rules_.offline_grace}) {
        const Timestamp t = e.at + wait;
        if ((!from || t > *from) && t <= to) all.insert(t);
      }
      for (const Timestamp t : {e.at + rules_.forget_after, rounded(e.at) + rules_.forget_after}) {
        if (rules_.forget_after != Duration::highest() && (!from || t > *from) && t <= to) all.insert(t);
      }
    }
    return all;
  }

  Rules rules_;
  Instant now_;
  std::vector<Told> events_;
  std::vector<std::pair<std::string, Timestamp>> forgotten_;
};

}  // namespace property

#endif  // PRESENCE_TESTS_PROPERTY_ORACLE_HPP
