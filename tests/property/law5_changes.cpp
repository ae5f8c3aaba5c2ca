// SPDX-License-Identifier: MIT
// Law 5. Changes are complete: applied to the views of one snapshot they give the views of the later one. None is
// emitted if nothing visible changed, and a call never emits two for one user.
#include "history.hpp"
#include "shrink.hpp"

#include <presence/presence.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

using namespace property;

namespace {

struct Seen {
  std::size_t calls = 0, changes = 0, came = 0, went = 0, updates = 0, removed = 0, texts = 0;
  std::map<Do, std::size_t> of;
};

/// One change per user, but several for a user for whom several things end one after the other in the same advance.
Wrong one_each(const Changes& changes, bool ordered, const Rules* advanced_with = nullptr) {
  std::map<std::string, std::size_t> told_of;
  for (std::size_t i = 0; i < changes.size(); ++i) {
    const auto told_before = told_of.find(changes[i].id);
    const bool forgotten = told_before != told_of.end() && changes[told_before->second].at < changes[i].at &&
                           !changes[i].before->online && !changes[i].after;
    const bool ends_later = advanced_with != nullptr && told_before != told_of.end() &&
                            changes[told_before->second].at < changes[i].at && is_of_time(changes[i], *advanced_with);
    if (ends_later) told_before->second = i;
    if (!told_of.emplace(changes[i].id, i).second && !forgotten && !ends_later)
      return "two changes for one user in one call\n" + told(changes);
    if (i > 0 && ordered && !in_order(changes[i - 1], changes[i])) {
      return "changes are not in order of (timestamp, id)\n" + told(changes);
    }
  }
  return std::nullopt;
}

Wrong diff_tells(const Snapshot& from, const Snapshot& to) {
  Changes changes;
  diff(from, to, into(changes));
  Views views = views_of(from);
  if (Wrong wrong = follow(views, changes)) return "diff: " + *wrong;
  if (Wrong wrong = one_each(changes, false)) return "diff: " + *wrong;
  if (views != views_of(to)) return "the changes of diff do not lead to the later views\n" + told(changes);
  for (std::size_t i = 0; i < changes.size(); ++i) {
    if (to.now() && changes[i].at != *to.now()) return "a change of diff is not dated now: " + told(changes[i]);
    if (i > 0 && to.now() && !(changes[i - 1].id < changes[i].id))
      return "the changes of diff are not in order of id\n" + told(changes);
  }
  return std::nullopt;
}

Wrong tells_the_story(const History& h, Seen& seen) {
  Snapshot s(h.rules);
  Views views;
  std::vector<Snapshot> kept{s};
  for (std::size_t i = 0; i < h.steps.size(); ++i) {
    const Step& step = h.steps[i];
    const std::string where = "\n  at step " + std::to_string(i + 1) + ", " + told(step);
    const std::optional<Timestamp> now = s.now();
    Changes changes;
    perform(s, step, changes);
    ++seen.calls;
    seen.changes += changes.size();
    seen.of[step.what] += changes.size();
    for (const UserPresenceChanged& change : changes) {
      if (step.what == Do::event && !step.events.empty() && step.events.back().type == EventType::remove &&
          !change.after)
        ++seen.removed;
      if (step.what == Do::advance && change.after && change.status_changed()) ++seen.texts;
      if (!change.before) ++seen.came;
      if (!change.after) ++seen.went;
      if (change.before && change.after) ++seen.updates;
    }
    if (Wrong wrong = follow(views, changes)) return *wrong + where;
    if (views != views_of(s)) return "the changes do not lead to the later views\n" + told(changes) + where;
    if (step.what != Do::batch && step.what != Do::replay) {
      if (Wrong wrong = one_each(changes, true, step.what == Do::advance ? &h.rules : nullptr)) return *wrong + where;
    }
    if (step.what == Do::replay) {  // one for each user and timestamp ahead of now
      std::set<std::pair<Timestamp, std::string>> told_of;
      for (const UserPresenceChanged& change : changes) {
        if (now && change.at <= *now) continue;
        told_of.emplace(change.at, change.id);
      }
      bool ordered = true, all_ahead = true;
      for (const PresenceEvent& e : step.events) all_ahead = all_ahead && (!now || e.at > *now);
      for (std::size_t k = 1; k < changes.size(); ++k) ordered = ordered && changes[k - 1].at <= changes[k].at;
      bool rising = true;
      for (std::size_t k = 1; k < step.events.size(); ++k)
        rising = rising && step.events[k - 1].at <= step.events[k].at;
      if (!ordered) return "the changes of replay go back in time\n" + told(changes) + where;
      if (all_ahead && rising && told_of.size() != changes.size())
        return "replay tells two changes of one user and timestamp\n" + told(changes) + where;
    }
    if (step.what == Do::event || step.what == Do::batch || step.what == Do::forget || step.what == Do::resync) {
      for (const UserPresenceChanged& change : changes) {
        if (now && change.at != *now) return "a change is not dated now: " + told(change) + where;
      }
    }

    // In the callback the snapshot already shows the change.
    if (step.what == Do::event && !step.events.empty()) {
      Snapshot again = kept.back(), copied;
      Wrong wrong;
      apply(again, step.events.front(), [&](const UserPresenceChangedView& change) {
        if (again.find(change.id) != (change.after ? std::optional<User>(User(*change.after)) : std::nullopt))
          wrong = "a change is told before it is folded";
        copied = again;
      });
      if (wrong) return *wrong + where;
    }
    kept.push_back(s);
    Chance chance(mixed(h.seed, i));
    if (Wrong wrong = diff_tells(kept[kept.size() - 2], s)) return *wrong + where;
    if (Wrong wrong = diff_tells(kept[chance.below(kept.size())], s)) return *wrong + where;
    if (Wrong wrong = diff_tells(s, kept[chance.below(kept.size())])) return *wrong + where;

    // Merging with any earlier state, as two nodes that exchange whole snapshots do.
    Snapshot merged = kept[chance.below(kept.size())];
    Views from = views_of(merged);
    Changes told_by_merge;
    merge_into(merged, s, into(told_by_merge));
    if (Wrong w = follow(from, told_by_merge)) return "merge_into: " + *w + where;
    if (Wrong w = one_each(told_by_merge, true)) return "merge_into: " + *w + where;
    if (from != views_of(merged))
      return "the changes of merge_into do not lead to the merged views\n" + told(told_by_merge) + where;
  }
  return std::nullopt;
}

void expect_the_story(std::size_t count, const Mix& mix, std::uint64_t salt) {
  Seen seen;
  const std::size_t tried =
      try_histories(histories_to_try(count), mix, salt, [&](const History& h) { return tells_the_story(h, seen); });
  MESSAGE(tried << " histories, " << seen.calls << " calls, " << seen.changes << " changes, " << seen.came << " came, "
                << seen.went << " went, " << seen.updates << " updates; by resync " << seen.of[Do::resync]
                << ", by forget_reports " << seen.of[Do::forget] << ", by merge " << seen.of[Do::merge]
                << ", by replay " << seen.of[Do::replay] << "; " << seen.removed << " removed, " << seen.texts
                << " texts that ended");
  CHECK_REACHED(seen.removed * 40 > tried);
  CHECK_REACHED(seen.texts * 40 > tried);
  CHECK_REACHED(seen.changes * 4 > seen.calls);
  CHECK_REACHED(seen.updates > seen.came / 4);
  for (const Do what : {Do::event, Do::advance, Do::batch, Do::replay, Do::merge, Do::forget, Do::resync})
    CHECK_REACHED(seen.of[what] * 200 > tried);
}

}  // namespace

TEST_CASE("law 5: applying the emitted changes to the earlier views gives the later views") {
  expect_the_story(1000, Mix(), 1);
}

TEST_CASE("law 5: applying the emitted changes to the earlier views gives the later views, with invisible users") {
  Mix mix;
  mix.users = 2;
  mix.hiding = true;
  expect_the_story(600, mix, 2);
}

TEST_CASE(
    "law 5: applying the emitted changes to the earlier views gives the later views, with users forgotten by age") {
  for (const bool hiding : {false, true}) {
    Mix mix;
    mix.users = 2;
    mix.hiding = hiding;
    mix.forgetting = true;
    expect_the_story(1000, mix, 6);
  }
}

TEST_CASE("law 5: applying the emitted changes to the earlier views gives the later views, with small limits") {
  Mix mix;
  mix.small_limits = true;
  mix.hiding = true;
  expect_the_story(600, mix, 3);
}

TEST_CASE("law 5: a batch emits the same changes as its events one by one") {
  std::size_t changes = 0;
  const auto same = [&](const History& h) -> Wrong {
    Snapshot one_by_one(h.rules), at_once(h.rules);
    for (const Step& step : h.steps) {
      Changes single, batch;
      Tally singles, tally;
      if (step.what == Do::batch) {
        for (const PresenceEvent& e : step.events) singles.count(apply(one_by_one, e, into(single)));
        tally = apply(at_once, step.events.begin(), step.events.end(), into(batch));
      } else {
        singles = perform(one_by_one, step, single);
        tally = perform(at_once, step, batch);
      }
      changes += batch.size();
      if (tally != singles) return "the tally of a batch differs at\n" + told(step);
      if (batch != single) return "a batch tells\n" + told(batch) + "    not\n" + told(single) + "at\n" + told(step);
      if (at_once != one_by_one || at_once.digest() != one_by_one.digest())
        return "a batch leaves another snapshot at\n" + told(step);
    }
    return std::nullopt;
  };
  Mix mix;
  mix.small_limits = mix.forgetting = true;
  const std::size_t plain = try_histories(histories_to_try(600), Mix(), 4, same),
                    limited = try_histories(histories_to_try(600), mix, 5, same);
  MESSAGE((plain + limited) << " histories, " << changes << " changes");
  CHECK(changes > plain);
}
