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
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace property {

class Oracle {
 public:
  using Instant = std::optional<Timestamp>;  ///< absent: before every deadline

  explicit Oracle(const Rules& rules) : rules_(rules) {
    for (Duration* d : {&rules_.session_timeout, &rules_.offline_grace, &rules_.last_active_refresh,
                        &rules_.reorder_window, &rules_.max_clock_skew, &rules_.forget_after}) {
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
    return User{user, online, status(user, t), last_active(user, cut), false};
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
    return User{user, online, status(user, t), last_active(user, std::nullopt), went_invisible(user).has_value()};
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

  bool truly_online(const std::string& user, Instant t) const {
    for (const std::string& session : sessions(user)) {
      const Instant until = session_until(user, session);
      if (until && (!t || *t < *until)) return true;
    }
    return said_online(user);
  }

  /// Neither disconnected nor timed out.
  bool alive(const std::string& user, const std::string& session, Instant t) const {
    const Instant last = last_evidence(user, session);
    if (!last || first_ending(user, session)) return false;
    return rules_.session_timeout == Duration() || !t || *t < *last + rules_.session_timeout;
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
    return std::any_of(events_.begin(), events_.end(), [&](const PresenceEvent& e) {
      return e.user == user &&
             (e.at == at || (e.type == EventType::report && e.last_active == at) || (e.status && e.until == at));
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

  // ---- what happens
  // --------------------------------------------------------------------------------------------------------------------

  static bool is_instant(Timestamp t) { return t != Timestamp::lowest() && t != Timestamp::highest(); }

  static bool well_formed(const PresenceEvent& e) {
    if (e.user.empty() || !is_instant(e.at)) return false;
    const bool of_session = is_evidence(e) || e.type == EventType::disconnect,
               of_user = e.type == EventType::set_visible || e.type == EventType::remove;
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
  };

  /// Whether the session of the event still has it.
  static bool counts(const Told& e) { return !e.gave_way && !e.removed; }

  static bool ends_later(const PresenceEvent& a, const PresenceEvent& b) {
    return b.until && (!a.until || *a.until > *b.until);
  }

  static bool is_evidence(const PresenceEvent& e) {
    return e.type == EventType::connect || e.type == EventType::heartbeat;
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

  Instant last_evidence(const std::string& user, const std::string& session) const {
    Instant last;
    for (const Told& e : events_) {
      if (is_evidence(e) && counts(e) && e.user == user && e.session == session && (!last || e.at > *last)) last = e.at;
    }
    return last;
  }

  /// The first disconnect that follows all evidence; it follows a heartbeat of its timestamp, and not a connect of its
  /// timestamp.
  Instant first_ending(const std::string& user, const std::string& session) const {
    Instant first;
    for (const Told& d : events_) {
      if (d.type != EventType::disconnect || !counts(d) || d.user != user || d.session != session) continue;
      bool follows = true;
      for (const Told& e : events_) {
        if (!is_evidence(e) || !counts(e) || e.user != user || e.session != session) continue;
        if (e.at > d.at || (e.at == d.at && e.type == EventType::connect)) follows = false;
      }
      if (follows && (!first || d.at < *first)) first = d.at;
    }
    return first;
  }

  /// Absent: it keeps nobody online. Timestamp::highest(): for ever.
  Instant session_until(const std::string& user, const std::string& session) const {
    const Instant last = last_evidence(user, session), ending = first_ending(user, session);
    if (!last || (ending && rules_.offline_grace == Duration())) return std::nullopt;
    Timestamp end = rules_.session_timeout == Duration() ? Timestamp::highest() : *last + rules_.session_timeout;
    if (ending && *ending < end) end = *ending;
    return end + rules_.offline_grace;
  }

  const PresenceEvent* last_report(const std::string& user) const {
    const PresenceEvent* word = nullptr;
    for (const Told& e : events_) {
      if (e.type != EventType::report || e.user != user || e.removed) continue;
      if (word == nullptr || e.at > word->at || (e.at == word->at && e.online)) word = &e;
    }
    return word;
  }

  bool said_online(const std::string& user) const {
    const PresenceEvent* word = last_report(user);
    if (word == nullptr || !word->online) return false;
    return std::none_of(forgotten_.begin(), forgotten_.end(),
                        [&](const auto& up_to) { return up_to.first == user && word->at <= up_to.second; });
  }

  static bool is_activity(const Told& e) {
    const bool shows = e.type == EventType::set_visible && e.invisible && !*e.invisible;
    return (is_evidence(e) || shows) && !e.no_activity;
  }
  static bool is_of_session(const PresenceEvent& e) { return is_evidence(e) || e.type == EventType::disconnect; }
  Timestamp value_of(const PresenceEvent& e) const { return e.type == EventType::heartbeat ? rounded(e.at) : e.at; }

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
        if (e.type == EventType::report || e.type == EventType::set_status) e.user.clear();
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
    for (const std::string& session : sessions(user)) {
      const Instant until = session_until(user, session);
      if (until && t < *until) return false;
    }
    for (const Told& e : events_) {
      if (e.user != user) continue;
      const Duration late = rules_.reorder_window > rules_.offline_grace ? rules_.reorder_window : rules_.offline_grace;
      if (is_of_session(e) && counts(e) && !(t > e.at + rules_.session_timeout + late)) return false;
      if (is_activity(e) && !is_too_old(value_of(e), t)) return false;
      if ((asks(e, user, true) || asks(e, user, false)) &&
          (!is_too_old(e.at, t) || !(t > e.at + rules_.reorder_window)))
        return false;
    }
    return std::none_of(forgotten_.begin(), forgotten_.end(),
                        [&](const auto& mask) { return mask.first == user && !is_too_old(mask.second, t); });
  }

  /// Every timestamp in (from, to] at which time could change anything.
  std::set<Timestamp> moments(Instant from, Timestamp to) const {
    std::set<Timestamp> all;
    for (const PresenceEvent& e : events_) {
      if (e.status && e.until && (!from || *e.until > *from) && *e.until <= to) all.insert(*e.until);
      for (const Duration wait :
           {Duration(), rules_.session_timeout, rules_.offline_grace, rules_.session_timeout + rules_.offline_grace}) {
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
