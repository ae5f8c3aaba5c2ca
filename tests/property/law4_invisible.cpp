// SPDX-License-Identifier: MIT
// Law 4. Invisible means invisible. A history in which a user goes invisible is run a second time without that user's
// events from then until the interval ends. (Statuses, with their ends, and removals remain, and so do events that
// arrived before the visibility change or are dated before it.) At each common step, everything that others can observe
// is the same, byte for byte.
#include "history.hpp"
#include "oracle.hpp"
#include "queries.hpp"
#include "shrink.hpp"

#include <presence/presence.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <utility>
#include <vector>

using namespace property;

namespace {

struct Seen {
  std::size_t intervals = 0, with_removed = 0, removed = 0, texts = 0, steps = 0, changes = 0, ended = 0, late = 0;
  std::size_t answers = 0, deliveries = 0;
  std::size_t begun_alone = 0, ended_alone = 0, removals = 0;  ///< by set_visible; of an invisible user
};

/// Whether each event of each step was accepted, and the emitted changes.
struct Run {
  std::vector<Snapshot> after;           ///< each step
  std::vector<Changes> told;             ///< by each step
  std::vector<std::vector<bool>> taken;  ///< of each step, each event

  const Snapshot& before_events(std::size_t step) const { return after[step - 1]; }
};

/// Which events of a step are accepted: applies them one by one to a copy, which equals a batch.
std::vector<bool> taken_of(const Snapshot& before, const Step& step) {
  std::vector<bool> taken;
  Changes unread;
  if (step.what == Do::event || step.what == Do::batch) {
    Snapshot copy = before;
    for (const PresenceEvent& e : step.events) taken.push_back(accepted(apply(copy, e, into(unread))));
  } else if (step.what == Do::merge) {
    const std::vector<PresenceEvent> joined = not_too_old(step, before.now(), before.rules());
    std::size_t next = 0;
    for (const PresenceEvent& e : step.events) {
      const bool among = next < joined.size() && joined[next] == e;
      if (among) ++next;
      taken.push_back(among && Oracle::well_formed(e));
    }
  } else {
    taken.resize(step.events.size(), true);
  }
  return taken;
}

Run run(const Rules& rules, const std::vector<Step>& steps, std::size_t count) {
  Run r;
  Snapshot s(rules);
  for (std::size_t i = 0; i < count; ++i) {
    r.taken.push_back(taken_of(s, steps[i]));
    Changes changes;
    perform(s, steps[i], changes);
    r.told.push_back(changes);
    r.after.push_back(s);
  }
  return r;
}

/// Whether the user, by all events accepted so far, is invisible since `visibility_change` or earlier.
bool still_invisible(const Oracle& oracle, const std::string& user, Timestamp visibility_change) {
  const std::optional<Timestamp> since = oracle.went_invisible(user);
  return since && *since <= visibility_change;
}

bool asks_to_be_visible_after(const PresenceEvent& e, const PresenceEvent& visibility_change) {
  return asks_to_be(e, false) && e.user == visibility_change.user && e.at >= visibility_change.at;
}

/// The changes without their timestamps, for comparisons that ignore them.
Changes undated(Changes changes) {
  for (UserPresenceChanged& change : changes) change.at = Timestamp();
  std::sort(changes.begin(), changes.end(), in_order);
  return changes;
}

std::string changes_between(const Snapshot& from, const Snapshot& to, bool dates) {
  Changes changes;
  diff(from, to, into(changes));
  return told(dates || to.now() ? changes : undated(changes));
}

std::string changes_of_merging(Snapshot into_this, const Snapshot& other, bool dates) {
  Changes changes;
  merge_into(into_this, other, into(changes));
  return told(dates ? changes : undated(changes)) + seen_by_others(into_this);
}

/// Whether no event that the earlier of two snapshots lacks is older than the window of the later one: the premise of
/// law 3.
bool knew_enough(const std::vector<Step>& steps, const Run& run, std::size_t earlier, std::size_t later) {
  const std::optional<Timestamp> now = run.after[later].now();
  if (!now) return true;
  for (std::size_t i = earlier + 1; i <= later; ++i) {
    for (const PresenceEvent& e : steps[i].events) {
      if (e.at < *now - run.after[later].rules().reorder_window) return false;
    }
  }
  return true;
}

/// The first step with an event of the user after their invisibility was forgotten by age: from there on they are a new
/// user. `end` if there is none.
template <class AnyRun>
std::size_t forgotten_before(const History& h, const AnyRun& run, const std::string& user, std::size_t i,
                             std::size_t end) {
  if (h.rules.forget_after == Duration::highest()) return end;
  for (std::size_t j = i + 1; j < end; ++j) {
    const std::optional<presence::PresenceState> state = run.before_events(j).inspect(user);
    if (state && state->invisible_since) continue;
    for (const PresenceEvent& e : h.steps[j].events) {
      if (e.user == user) return j;
    }
  }
  return end;
}

/// At each step from `first` up to before `end`, others observe the same of both runs.
Wrong others_see_the_same(const History& h, const std::vector<Step>& without, const Run& full,
                          const PresenceEvent& visibility_change, std::size_t i, std::size_t end, bool dates,
                          Seen& seen) {
  const Run reduced = run(h.rules, without, end);
  const Viewer viewer{visibility_change.user == "bob" ? "ann" : "bob"};
  const std::string what = "\n  of " + visibility_change.user + ", invisible since " + told(visibility_change.at);
  for (std::size_t j = i; j < end; ++j) {
    ++seen.steps;
    seen.changes += full.told[j].size();
    const std::string where = what + ", after step " + std::to_string(j + 1) + ", " + told(h.steps[j]);
    const Snapshot &all = full.after[j], &some = reduced.after[j];
    if (seen_by_others(all) != seen_by_others(some))
      return "others see\n" + seen_by_others(all) + "\n  and should see\n" + seen_by_others(some) + where;
    const std::string answered = answers(all, mixed(h.seed, j), viewer, h.last),
                      answered_too = answers(some, mixed(h.seed, j), viewer, h.last);
    if (answered != answered_too)
      return "who asks is told\n" + answered + "\n  and should be told\n" + answered_too + where;
    ++seen.answers;
    std::vector<bool> of_others, of_others_too;
    for (std::size_t m = 0; m < h.steps[j].events.size(); ++m) {
      if (h.steps[j].events[m].user != visibility_change.user) of_others.push_back(full.taken[j][m]);
    }
    for (std::size_t m = 0; m < without[j].events.size(); ++m) {
      if (without[j].events[m].user != visibility_change.user) of_others_too.push_back(reduced.taken[j][m]);
    }
    if (of_others != of_others_too)
      return "whether somebody else's event is taken depends on the invisible one" + where;
    const bool dated = dates || h.steps[j].what != Do::merge;
    if (dated ? full.told[j] != reduced.told[j] : undated(full.told[j]) != undated(reduced.told[j]))
      return "others are told\n" + told(full.told[j]) + "    and should be told\n" + told(reduced.told[j]) + where;
    const std::size_t earlier = mixed(h.seed, j) % (j + 1);
    for (const std::size_t from : {std::size_t{0}, i > 0 ? i - 1 : 0, j - 1, earlier}) {
      if (from >= j) continue;
      for (const auto& pair :
           {std::pair<std::size_t, std::size_t>(from, j), std::pair<std::size_t, std::size_t>(j, from)}) {
        const std::string by_full = changes_between(full.after[pair.first], full.after[pair.second], dates);
        const std::string by_reduced = changes_between(reduced.after[pair.first], reduced.after[pair.second], dates);
        if (by_full != by_reduced) {
          return "diff from step " + std::to_string(pair.first + 1) + " to step " + std::to_string(pair.second + 1) +
                 " tells\n" + by_full + "    and should tell\n" + by_reduced + where;
        }
      }
    }
    // A later advance, a lost connection, a merge into an empty node, or a merge into an earlier snapshot.
    const Timestamp soon = h.last + Duration::from_ns(static_cast<std::int64_t>(mixed(h.seed, j) % 9));
    if (seen_by_others(reduce(all, soon)) != seen_by_others(reduce(some, soon)))
      return "others see something else at " + told(soon) + where;
    const Snapshot empty(h.rules), waiting = reduce(empty, soon);
    if (changes_of_merging(empty, all, dates) != changes_of_merging(empty, some, dates)) {
      return "a node that knows nothing is told by a merge\n" + changes_of_merging(empty, all, dates) +
             "\n    and should be told\n" + changes_of_merging(empty, some, dates) + where;
    }
    if (changes_of_merging(waiting, all, dates) != changes_of_merging(waiting, some, dates)) {
      return "a node that knows nothing but its timestamp " + told(soon) + " is told by a merge\n" +
             changes_of_merging(waiting, all, dates) + "\n    and should be told\n" +
             changes_of_merging(waiting, some, dates) + where;
    }
    if (knew_enough(h.steps, full, earlier, j) && changes_of_merging(full.after[earlier], all, dates) !=
                                                      changes_of_merging(reduced.after[earlier], some, dates)) {
      return "who knew step " + std::to_string(earlier + 1) + " is told by a merge\n" +
             changes_of_merging(full.after[earlier], all, dates) + "\n    and should be told\n" +
             changes_of_merging(reduced.after[earlier], some, dates) + where;
    }
    Changes lost_all, lost_some;
    Snapshot without_reports = all, without_reports_too = some;
    forget_reports_in(without_reports, into(lost_all));
    forget_reports_in(without_reports_too, into(lost_some));
    if (all.now() || dates ? told(lost_all) != told(lost_some) : told(undated(lost_all)) != told(undated(lost_some)))
      return "forget_reports tells\n" + told(lost_all) + "    and should tell\n" + told(lost_some) + where;
  }
  // A store neither merges nor replays.
  for (std::size_t j = 0; j < end; ++j) {
    if (h.steps[j].what == Do::merge || h.steps[j].what == Do::replay) return std::nullopt;
  }
  // Events are accepted by the time of the snapshot. Without one, all of them are, which a store does early enough.
  std::vector<Timestamp> clock;
  for (const Snapshot& s : full.after) {
    if (!s.now() && h.rules.max_clock_skew != Duration::highest()) return std::nullopt;
    clock.push_back(s.now() ? *s.now() : Timestamp::lowest() + Duration::from_ns(1));
  }
  const std::vector<std::string> delivered = told_by_store(h.rules, h.steps, clock, end, h.seed, viewer, h.last),
                                 delivered_too = told_by_store(h.rules, without, clock, end, h.seed, viewer, h.last);
  for (std::size_t j = i; j < end; ++j) {
    if (delivered[j] != delivered_too[j]) {
      return "a store tells\n" + delivered[j] + "\n  and should tell\n" + delivered_too[j] + what + ", in step " +
             std::to_string(j + 1);
    }
    if (delivered[j].find(" hears ") != std::string::npos) ++seen.deliveries;
  }
  return std::nullopt;
}

Wrong nothing_shows(const History& h, Seen& seen) {
  const Run full = run(h.rules, h.steps, h.steps.size());

  // With limits on what is kept, only the connect that asks for it decides whether a user becomes visible again, not
  // earlier events.
  const bool limited = h.rules.max_recent_per_user < 64 || h.rules.max_users < 64 || h.rules.max_sessions_per_user < 64;
  Oracle told_before(h.rules);
  for (std::size_t i = 0; i < h.steps.size(); ++i) {
    for (std::size_t k = 0; k < h.steps[i].events.size(); ++k) {
      const PresenceEvent& visibility_change = h.steps[i].events[k];
      if (!full.taken[i][k] || h.steps[i].what == Do::resync) continue;
      Changes unread;
      told_before.merge({visibility_change}, std::nullopt, unread);
      if (h.steps[i].what != Do::event && h.steps[i].what != Do::batch) continue;
      if (!asks_to_be(visibility_change, true) ||
          !still_invisible(told_before, visibility_change.user, visibility_change.at))
        continue;

      // The interval: from this event on, and up to before the step that ends it.
      Oracle oracle = told_before;
      std::vector<Step> without = h.steps;
      std::size_t end = h.steps.size(), removed = 0, texts = 0, removals = 0;
      for (std::size_t j = i; j < end; ++j) {
        without[j].events.clear();
        for (std::size_t m = 0; m < h.steps[j].events.size(); ++m) {
          const PresenceEvent& e = h.steps[j].events[m];
          const bool later = j > i || m > k;
          if (later && full.taken[j][m] && h.steps[j].what != Do::resync) {
            oracle.merge({e}, std::nullopt, unread);
            if (limited ? asks_to_be_visible_after(e, visibility_change)
                        : !still_invisible(oracle, visibility_change.user, visibility_change.at)) {
              end = j;
              ++seen.ended;
              if (e.type == EventType::set_visible) ++seen.ended_alone;
            }
          }
          const bool hidden =
              later && e.user == visibility_change.user && e.at >= visibility_change.at && is_private(e);
          if (later && e.user == visibility_change.user && e.type == EventType::remove && full.taken[j][m]) ++removals;
          if (!hidden) {
            without[j].events.push_back(e);
            if (later && e.user == visibility_change.user && e.at < visibility_change.at) ++seen.late;
          } else if (e.status && full.taken[j][m]) {
            without[j].events.push_back(text_of(e));
            ++texts;
          }
          if (hidden && full.taken[j][m]) ++removed;
        }
      }
      ++seen.intervals;
      if (removed == 0) continue;
      ++seen.with_removed;
      seen.removed += removed;
      seen.texts += texts;
      seen.removals += removals;
      if (visibility_change.type == EventType::set_visible) ++seen.begun_alone;
      if (h.rules.forget_after != Duration::highest())
        end = forgotten_before(h, run(h.rules, without, end), visibility_change.user, i,
                               forgotten_before(h, full, visibility_change.user, i, end));

      if (Wrong wrong = others_see_the_same(h, without, full, visibility_change, i, end, true, seen)) return wrong;
    }
  }
  return std::nullopt;
}

/// A user who was offline and connects invisibly leaves no trace, not even by the connect itself, up to their next
/// event that is not hidden. (The law itself treats the connect as visible. The dates of a merge, and of a diff without
/// a now, may depend on it.)
Wrong leaves_no_trace(const History& h, Seen& seen) {
  const Run full = run(h.rules, h.steps, h.steps.size());
  for (std::size_t i = 0; i < h.steps.size(); ++i) {
    if (h.steps[i].what != Do::event || h.steps[i].events.size() != 1 || !full.taken[i][0]) continue;
    const PresenceEvent& visibility_change = h.steps[i].events[0];
    if (!asks_to_be(visibility_change, true) || visibility_change.status) continue;
    const Snapshot before = i > 0 ? full.after[i - 1] : Snapshot(h.rules);
    const std::optional<presence::PresenceState> was = before.inspect(visibility_change.user),
                                                 is = full.after[i].inspect(visibility_change.user);
    if (before.online(visibility_change.user) || (was && was->invisible_since) || !is ||
        is->invisible_since != visibility_change.at)
      continue;
    if (before.find(visibility_change.user) != full.after[i].find(visibility_change.user))
      continue;  // it hides later-dated events and is therefore observable

    std::vector<Step> without = h.steps;
    std::size_t end = h.steps.size(), removed = 0;
    for (std::size_t j = i; j < end; ++j) {
      without[j].events.clear();
      for (std::size_t m = 0; m < h.steps[j].events.size(); ++m) {
        const PresenceEvent& e = h.steps[j].events[m];
        const bool hidden = e.user == visibility_change.user && is_private(e) && e.at >= visibility_change.at;
        const bool may_show =
            e.user == visibility_change.user &&
            ((e.type == EventType::report && (e.online || h.steps[j].what == Do::resync)) ||
             (is_private(e) && e.at < visibility_change.at) || asks_to_be_visible_after(e, visibility_change));
        if (may_show && Oracle::well_formed(e)) end = j;
        if (!hidden) without[j].events.push_back(e);
        if (hidden && e.status && full.taken[j][m]) without[j].events.push_back(text_of(e));
        if (hidden && full.taken[j][m]) ++removed;
      }
    }
    ++seen.intervals;
    if (end == i) continue;
    ++seen.with_removed;
    seen.removed += removed;
    end = forgotten_before(h, full, visibility_change.user, i, end);
    if (Wrong wrong = others_see_the_same(h, without, full, visibility_change, i, end, false, seen)) return wrong;
  }
  return std::nullopt;
}

struct Shown {
  std::size_t ended = 0, without_connect = 0;
};

/// When the interval ends, nothing dated inside is shown. (A last_active that a server reported may be of any time.)
Wrong nothing_inside_is_shown(const History& h, Shown& seen) {
  Snapshot s(h.rules);
  for (const Step& step : h.steps) {
    const Snapshot before = s;
    Changes unread;
    perform(s, step, unread);
    if (step.what != Do::event || step.events.size() != 1 || !asks_to_be(step.events.front(), false)) continue;
    const PresenceEvent& e = step.events.front();
    const std::optional<presence::PresenceState> was = before.inspect(e.user), is = s.inspect(e.user);
    if (!was || !was->invisible_since || (is && is->invisible_since)) continue;
    ++seen.ended;
    if (e.type == EventType::set_visible) ++seen.without_connect;
    const std::optional<User> shown = s.find(e.user);
    if (!shown || !shown->last_active || *shown->last_active >= e.at) continue;
    bool is_reported = false;
    for (const Step& other : h.steps) {
      for (const PresenceEvent& report : other.events)
        is_reported = is_reported || (report.user == e.user && report.last_active == shown->last_active);
    }
    if (!is_reported)
      return e.user + ", invisible since " + told(was->invisible_since) + ", is shown as " + told(shown) +
             "\n  after " + told(step);
  }
  return std::nullopt;
}

void expect_privacy(std::size_t count, const Mix& mix, std::uint64_t salt) {
  Seen seen;
  const std::size_t tried =
      try_histories(histories_to_try(count), mix, salt, [&](const History& h) { return nothing_shows(h, seen); });
  MESSAGE(tried << " histories, " << seen.intervals << " intervals, " << seen.with_removed
                << " in which something was removed, " << seen.removed << " events, " << seen.texts
                << " strings that stayed, " << seen.ended << " that ended, " << seen.late
                << " late events that stayed, " << seen.steps << " steps compared, " << seen.changes << " changes, "
                << seen.answers << " times asked, " << seen.deliveries << " steps with deliveries, " << seen.begun_alone
                << " intervals begun and " << seen.ended_alone << " ended without a connect, " << seen.removals
                << " removals inside");
  CHECK_REACHED(seen.answers > tried);
  CHECK_REACHED(seen.deliveries * 20 > tried);
  CHECK_REACHED(seen.with_removed * 2 > tried);
  CHECK_REACHED(seen.changes * 2 > tried);
  CHECK_REACHED(seen.texts * 10 > tried);
  CHECK_REACHED(seen.ended * 10 > tried);
  CHECK_REACHED(seen.late * 20 > tried);
  CHECK_REACHED(seen.begun_alone * 20 > tried);
  CHECK_REACHED(seen.ended_alone * 40 > tried);
  CHECK_REACHED(seen.removals * 40 > tried);
}

// ---- the same law for a store, which keeps the order of calls in one frame ----

/// Everything that others can observe of a store with default options after each step, and the snapshot.
struct StoreRun {
  std::vector<Snapshot> after;
  std::vector<std::string> told;               ///< by each step, to a viewer who watches all users
  std::vector<std::vector<Verdict>> verdicts;  ///< of each step, each event
  std::vector<Snapshot> before;                ///< each step's events, when its time has passed

  const Snapshot& before_events(std::size_t step) const { return before[step]; }
};

StoreRun run_store(const Rules& rules, const std::vector<Step>& steps, const std::vector<Timestamp>& clock,
                   std::size_t count) {
  presence::Store store(rules);
  StoreRun run;
  std::string text;
  const Viewer zoe("zoe");
  presence::DeliveryOptions every;
  every.last_active_alone = true;
  const presence::Subscription subscription = store.subscribe<UserPresenceChanged>(
      zoe, [&text](const UserPresenceChanged& change) { text += told(change) + "\n"; }, every);
  for (std::size_t i = 0; i < count; ++i) {
    const Step& step = steps[i];
    if (!store.watch({"messaging", "all", {"ann", "bob", "cyd", "dee"}, true}, zoe)) std::abort();
    run.verdicts.emplace_back();
    store.advance(clock[i]);  // also if the events of this step were removed
    run.before.push_back(store.snapshot());
    switch (step.what) {
      case Do::event:
      case Do::batch:
        for (const PresenceEvent& e : step.events) run.verdicts.back().push_back(store.dispatch(e, clock[i]));
        break;
      case Do::advance: store.advance(*step.at); break;
      case Do::resync:
        text += std::to_string(store.resync(step.events.begin(), step.events.end(), *step.at).applied) + " listed\n";
        break;
      case Do::forget: store.connection_lost(); break;
      default: break;
    }
    run.told.push_back(std::exchange(text, std::string()));
    run.after.push_back(store.snapshot());
  }
  return run;
}

/// Everything that others can observe of a snapshot.
std::string open_to_others(const Snapshot& s, Viewer viewer, std::uint64_t seed, Timestamp about) {
  return seen_by_others(s) + "\n" + answers(s, seed, viewer, about) + encode_for(s, viewer) +
         encode_for(s, presence::nobody);
}

/// Removes the invisible user's events from the frame of the visibility change on, except their statuses.
Wrong store_shows_nothing(const History& h, Seen& seen) {
  const Duration frame = Duration::from_ns(1000);
  const std::vector<Timestamp> clock = host_clock(h.steps, h.last);
  const StoreRun full = run_store(h.rules, h.steps, clock, h.steps.size());
  for (std::size_t i = 0; i < h.steps.size(); ++i) {
    if (h.steps[i].what != Do::event || h.steps[i].events.size() != 1 || !accepted(full.verdicts[i][0])) continue;
    const PresenceEvent& visibility_change = h.steps[i].events[0];
    if (!asks_to_be(visibility_change, true)) continue;
    const std::optional<presence::PresenceState> state = full.after[i].inspect(visibility_change.user);
    if (!state || !state->invisible_since) continue;
    const Timestamp cut = *state->invisible_since;

    std::vector<Step> without = h.steps;
    std::size_t end = i + 1, removed = 0;
    for (; end < h.steps.size(); ++end) {
      bool asks_visible = false;
      for (const PresenceEvent& e : h.steps[end].events) {
        asks_visible = asks_visible || (e.user == visibility_change.user && asks_to_be(e, false));
      }
      if (asks_visible) break;
      if (h.steps[end].what == Do::resync) continue;
      without[end].events.clear();
      for (std::size_t m = 0; m < h.steps[end].events.size(); ++m) {
        const PresenceEvent& e = h.steps[end].events[m];
        const bool hidden = e.user == visibility_change.user && is_private(e) && e.at + frame > cut;
        const bool taken = accepted(full.verdicts[end][m]);
        if (!hidden) without[end].events.push_back(e);
        if (hidden && e.status && taken) {
          without[end].events.push_back(text_of(e));
          ++seen.texts;
        }
        if (hidden && taken) ++removed;
        if (e.user == visibility_change.user && e.type == EventType::remove && taken) ++seen.removals;
        if (!hidden && e.user == visibility_change.user) ++seen.late;
      }
    }
    ++seen.intervals;
    if (removed == 0) continue;
    ++seen.with_removed;
    seen.removed += removed;
    if (visibility_change.type == EventType::set_visible) ++seen.begun_alone;

    const Viewer viewer{visibility_change.user == "bob" ? "ann" : "bob"};
    const StoreRun some = run_store(h.rules, without, clock, end);
    end =
        forgotten_before(h, some, visibility_change.user, i, forgotten_before(h, full, visibility_change.user, i, end));
    for (std::size_t j = i; j < end; ++j) {
      ++seen.steps;
      const std::string where = "\n  of " + visibility_change.user + ", invisible since " + told(cut) +
                                ", after step " + std::to_string(j + 1) + ", " + told(h.steps[j]);
      if (full.told[j] != some.told[j])
        return "a store tells\n" + full.told[j] + "  and should tell\n" + some.told[j] + where;
      if (!full.told[j].empty()) ++seen.deliveries;
      const std::string all = open_to_others(full.after[j], viewer, mixed(h.seed, j), h.last),
                        rest = open_to_others(some.after[j], viewer, mixed(h.seed, j), h.last);
      if (all != rest) return "others can find out\n" + all + "\n  and should find out\n" + rest + where;
      if (full.after[j].now() != some.after[j].now()) return "the ghost moves time" + where;
      std::vector<Verdict> of_others, of_others_too;
      for (std::size_t m = 0; m < full.verdicts[j].size(); ++m) {
        if (h.steps[j].events[m].user != visibility_change.user) of_others.push_back(full.verdicts[j][m]);
      }
      for (std::size_t m = 0; m < some.verdicts[j].size(); ++m) {
        if (without[j].events[m].user != visibility_change.user) of_others_too.push_back(some.verdicts[j][m]);
      }
      if (of_others != of_others_too) return "the verdict of somebody else's event depends on the ghost" + where;
      if (j + 1 == end) {
        // After the interval, by time alone.
        const Timestamp soon = h.last + Duration::from_ns(static_cast<std::int64_t>(mixed(h.seed, j) % 40));
        if (seen_by_others(reduce(full.after[j], soon)) != seen_by_others(reduce(some.after[j], soon)))
          return "others see something else at " + told(soon) + where;
      }
    }
  }
  return std::nullopt;
}

/// The history, scaled so that it lies in one frame, or spans one frame or several.
History in_frames(History h) {
  const Timestamp base = h.last;
  const std::int64_t by = Chance(mixed(h.seed, 67)).any<std::int64_t>({1, 1, 150, 400});
  const auto is_short = [](Duration d) { return d.ns() < 1000 || d == Duration::highest(); };
  for (const Duration d :
       {h.rules.session_timeout, h.rules.offline_grace, h.rules.reorder_window, h.rules.max_clock_skew}) {
    if (!is_short(d)) return h;
  }
  const auto dropped_range = [&](Timestamp& at) {
    if (at != Timestamp::lowest() && at != Timestamp::highest()) at = base + (at - base) * by;
  };
  for (Duration* d : {&h.rules.session_timeout, &h.rules.offline_grace, &h.rules.last_active_refresh,
                      &h.rules.reorder_window, &h.rules.max_clock_skew, &h.rules.forget_after}) {
    if (*d != Duration::highest()) *d = *d * by;
  }
  for (Step& step : h.steps) {
    if (step.at) dropped_range(*step.at);
    for (PresenceEvent& e : step.events) {
      dropped_range(e.at);
      if (e.last_active) dropped_range(*e.last_active);
      if (e.until) dropped_range(*e.until);
    }
  }
  return h;
}

void expect_private_store(std::size_t count, Mix mix, std::uint64_t salt) {
  mix.hiding = true;
  mix.replays = mix.merges = false;  // a store does neither in the way of the histories
  Seen seen;
  const std::size_t tried = try_histories(
      histories_to_try(count), mix, salt, [&](const History& h) { return store_shows_nothing(h, seen); }, in_frames);
  MESSAGE(tried << " histories, " << seen.intervals << " intervals, " << seen.with_removed
                << " in which something was removed, " << seen.removed << " events, " << seen.texts
                << " strings that stayed, " << seen.late << " other events of the ghost, " << seen.steps
                << " steps compared, " << seen.deliveries << " steps with deliveries, " << seen.begun_alone
                << " intervals begun without a connect, " << seen.removals << " removals inside");
  CHECK_REACHED(seen.with_removed * 3 > tried);
  CHECK_REACHED(seen.begun_alone * 20 > tried);
  CHECK_REACHED(seen.removals * 40 > tried);
  CHECK_REACHED(seen.deliveries * 10 > tried);
  CHECK_REACHED(seen.texts * 20 > tried);
}

}  // namespace

TEST_CASE("law 4: others cannot observe what an invisible user does in a store that keeps the order of a frame") {
  Mix mix;
  expect_private_store(1500, mix, 11);
  mix.steps = 60;
  mix.users = 2;
  mix.sessions = 2;
  expect_private_store(600, mix, 12);
}

TEST_CASE(
    "law 4: others cannot observe what an invisible user does in a store, with forgetting by age or small limits") {
  Mix mix;
  mix.forgetting = true;
  expect_private_store(1500, mix, 13);
  mix.forgetting = false;
  mix.small_limits = true;
  expect_private_store(1500, mix, 14);
}

TEST_CASE("law 4: others cannot observe what an invisible user does") {
  Mix mix;
  mix.hiding = true;
  mix.replays = false;  // a replay would advance to the removed events
  expect_privacy(1500, mix, 1);
}

TEST_CASE("law 4: others cannot observe what an invisible user does, by queries or subscriptions of a store") {
  Mix mix;
  mix.hiding = true;
  mix.replays = mix.merges = false;
  expect_privacy(1500, mix, 7);
}

TEST_CASE("law 4: a user who was offline and connects invisibly leaves no trace") {
  for (const std::size_t users : {std::size_t{1}, std::size_t{2}, std::size_t{4}}) {
    Mix mix;
    mix.users = users;
    mix.hiding = true;
    mix.replays = false;
    Seen seen;
    const std::size_t tried =
        try_histories(histories_to_try(1500), mix, 5, [&](const History& h) { return leaves_no_trace(h, seen); });
    MESSAGE(tried << " histories, " << seen.intervals << " intervals, " << seen.with_removed
                  << " in which something was removed, " << seen.removed << " events, " << seen.steps
                  << " steps compared, " << seen.changes << " changes");
    CHECK_REACHED(seen.with_removed * 20 > tried);
  }
}

TEST_CASE("law 4: when a user becomes visible, nothing dated inside the invisible interval is shown") {
  Mix mix;
  mix.users = 2;
  Shown seen;
  const std::size_t tried =
      try_histories(histories_to_try(3000), mix, 8, [&](const History& h) { return nothing_inside_is_shown(h, seen); });
  MESSAGE(tried << " histories, " << seen.ended << " intervals that ended, " << seen.without_connect
                << " of them without a connect");
  CHECK_REACHED(seen.ended * 20 > tried);
  CHECK_REACHED(seen.without_connect * 80 > tried);
}

TEST_CASE("law 4: others cannot observe what an invisible user does, with one user") {
  Mix mix;
  mix.users = 1;
  mix.sessions = 2;
  mix.steps = 14;
  mix.hiding = true;
  mix.replays = false;
  expect_privacy(2500, mix, 2);
}

TEST_CASE("law 4: others cannot observe what an invisible user does, with users forgotten by age") {
  for (const std::size_t users : {std::size_t{1}, std::size_t{3}}) {
    Mix mix;
    mix.users = users;
    mix.hiding = mix.forgetting = true;
    mix.replays = mix.merges = false;  // a node without the visibility change would forget later
    expect_privacy(2500, mix, 6);
  }
}

TEST_CASE("law 4: others cannot observe what an invisible user does, with small limits") {
  Mix mix;
  mix.users = 4;
  mix.hiding = true;
  mix.replays = false;
  mix.small_limits = true;
  expect_privacy(2000, mix, 3);
}

TEST_CASE("law 4: others cannot observe what an invisible user does, with small limits and one user") {
  Mix mix;
  mix.users = 1;
  mix.hiding = true;
  mix.replays = mix.resyncs = mix.forgets = mix.merges = false;
  mix.small_limits = true;
  expect_privacy(3000, mix, 4);
}
