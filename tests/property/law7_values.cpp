// SPDX-License-Identifier: MIT
// Law 7. Snapshots are values: changes to one copy never change another, on any thread. A moved-from snapshot
// equals Snapshot{}.
#include "history.hpp"
#include "shrink.hpp"

#include <presence/presence.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using namespace property;

namespace {

/// A copy, and what it showed when it was made.
struct Copy {
  Snapshot snapshot;
  std::string shown;
  std::size_t made_at;
};

struct Seen {
  std::size_t copies = 0, checks = 0, told = 0;
};

Wrong copies_stay(const History& h, Seen& seen) {
  const std::string empty = all_of(Snapshot{});
  std::vector<Copy> copies;
  Snapshot s(h.rules);
  for (std::size_t i = 0; i < h.steps.size(); ++i) {
    const Step& step = h.steps[i];
    const std::string where = "\n  at step " + std::to_string(i + 1) + ", " + told(step);
    Chance chance(mixed(h.seed, i));
    if (chance.one_in(2)) copies.push_back({s, all_of(s), i});
    if (chance.one_in(4) && !copies.empty()) {  // a copy of a copy that is changed independently
      const Copy& original = copies[chance.below(copies.size())];
      Snapshot other = original.snapshot;
      Changes unread;
      perform(other, step, unread);
      copies.push_back({other, all_of(other), i});
    }

    // A callback may copy the snapshot repeatedly during a batch.
    if (step.what == Do::event || step.what == Do::batch) {
      for (const PresenceEvent& e : step.events) {
        apply(s, e, [&](const UserPresenceChangedView&) {
          copies.push_back({s, all_of(s), i});
          ++seen.told;
        });
      }
    } else {
      Changes unread;
      perform(s, step, unread);
    }

    if (chance.one_in(3)) {  // every way to move
      const std::string shown = all_of(s);
      Snapshot to(std::move(s));
      if (all_of(s) != empty || s != Snapshot{} || s.digest() != Snapshot{}.digest() || s.now() || s.size() != 0 ||
          s.begin() != s.end() || s.rules() != Rules()) {
        return "a snapshot that was moved from is not Snapshot{}" + where;
      }
      if (all_of(to) != shown) return "a moved snapshot shows something else" + where;
      if (chance.one_in(2))
        s = reduce(std::move(s), PresenceEvent::connect("zoe", "1", h.last));  // and may be used again
      Snapshot assigned;
      assigned = std::move(to);
      if (to != Snapshot{} || all_of(assigned) != shown) return "move assignment leaves something" + where;
      s = assigned;
      if (s != assigned || all_of(s) != shown) return "copy assignment shows something else" + where;
      Snapshot& itself = s;
      s = itself;
      if (all_of(s) != shown) return "assignment to itself shows something else" + where;
      copies.push_back({std::move(assigned), shown, i});
    }
    if (chance.one_in(8)) {  // the host was away
      const Timestamp back = (s.now() ? *s.now() : h.last) + h.rules.session_timeout + Duration::from_ns(1);
      resume(s, back, h.rules.session_timeout, [&](const UserPresenceChangedView&) {
        copies.push_back({s, all_of(s), i});
        ++seen.told;
      });
    }
    // The pure functions do not change their arguments; merge changes neither side.
    const std::string shown = all_of(s);
    if (!copies.empty()) {
      const Copy& other = copies[chance.below(copies.size())];
      const Snapshot merged = merge(s, other.snapshot), merged_back = merge(other.snapshot, s);
      if (all_of(s) != shown || all_of(other.snapshot) != other.shown) return "merge changed what it was given" + where;
    }
    const Snapshot later = reduce(s, h.last), forgotten = forget_reports(s);
    if (all_of(s) != shown) return "reduce changed what it was given" + where;
    if (chance.one_in(4) || i + 1 == h.steps.size()) {
      for (const Copy& copy : copies) {
        ++seen.checks;
        if (all_of(copy.snapshot) != copy.shown)
          return "a copy made at step " + std::to_string(copy.made_at + 1) + " shows\n" + all_of(copy.snapshot) +
                 "\n  not\n" + copy.shown + where;
      }
    }
    if (copies.size() > 8 && chance.one_in(3))
      copies.erase(copies.begin(), copies.begin() + 4);  // destroying copies does not affect the others
  }
  seen.copies += copies.size();
  return std::nullopt;
}

}  // namespace

TEST_CASE("law 7: snapshots are values: copies never change and a moved-from one equals Snapshot{}") {
  for (const bool limited : {false, true}) {
    Mix mix;
    mix.small_limits = mix.forgetting = limited;
    Seen seen;
    const std::size_t tried = try_histories(histories_to_try(500), mix, limited ? 2 : 1,
                                            [&](const History& h) { return copies_stay(h, seen); });
    MESSAGE(tried << " histories, " << seen.copies << " copies, " << seen.checks << " checks, " << seen.told
                  << " changes told");
    CHECK_REACHED(seen.checks > tried * 4);
    CHECK_REACHED(seen.told > tried);
  }
}

TEST_CASE("law 7: copies of a snapshot of many users never change") {
  Rules rules;
  rules.session_timeout = Duration::from_ns(500);
  rules.max_sessions_per_user = 4;
  Snapshot s(rules);
  std::vector<Copy> copies;
  const std::initializer_list<const char*> ids = {"u1", "u17", "u333", "u999"};
  Chance chance(first_seed());
  for (int i = 0; i < 6000; ++i) {
    const Timestamp at = Timestamp::from_ns(i);
    const std::string user = "u" + std::to_string(chance.below(1000));
    if (i % 50 == 0) s = reduce(std::move(s), at);
    PresenceEvent e = PresenceEvent::connect(user, chance.one_in(2) ? "1" : "2", at);
    if (chance.one_in(3)) e = PresenceEvent::disconnect(user, "1", at);
    if (chance.one_in(6)) e = PresenceEvent::set_data(user, chance.any({"k", "l"}), i, at);
    if (e.type == EventType::connect && chance.one_in(3)) {
      e.availability = Availability::busy;
      e.activity.emplace()["match"] = i;
    }
    s = reduce(std::move(s), e);
    if (i % 500 == 0) copies.push_back({s, all_of(s, ids), static_cast<std::size_t>(i)});
  }
  CHECK(s.size() > 900);
  for (const Copy& copy : copies) CHECK(all_of(copy.snapshot, ids) == copy.shown);
  std::size_t counted = 0;
  for (const presence::UserView& user : s) counted += user.online ? 1u : 0u;
  CHECK(counted == s.online_count());
}

TEST_CASE("law 7: copies can be read on other threads while the original changes") {
  const History h = random_history(first_seed(), [] {
    Mix mix;
    mix.steps = 60;
    return mix;
  }());
  Snapshot s(h.rules);
  std::vector<std::thread> readers;
  std::vector<int> wrong(8, 0);
  for (std::size_t reader = 0; reader < wrong.size(); ++reader) {
    for (const Step& step : h.steps) {
      Changes unread;
      perform(s, step, unread);
      s = reduce(std::move(s),
                 PresenceEvent::connect("user" + std::to_string(reader), "1", s.now() ? *s.now() : h.last));
    }
    readers.emplace_back([copy = s, shown = all_of(s), &result = wrong[reader]] {
      for (int i = 0; i < 50; ++i) {
        const Snapshot again = copy;
        if (all_of(again) != shown) ++result;
      }
    });
  }
  for (std::thread& reader : readers) reader.join();
  for (const int count : wrong) CHECK(count == 0);
}
