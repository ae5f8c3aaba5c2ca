// SPDX-License-Identifier: MIT
// Law 1. Order does not matter: for one set of events of which none is rejected, the snapshot after the last of them and a final advance is
// the same for every order of arrival, any duplicates and any split of the advances. It also agrees with the oracle.
#include "history.hpp"
#include "oracle.hpp"
#include "shrink.hpp"

#include <presence/presence.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

using namespace property;

namespace {

/// An event and the timestamp at which it arrives; absent: before the snapshot has one.
struct Arrival {
  PresenceEvent event;
  std::optional<Timestamp> at;
  std::uint64_t tie = 0;
};

/// The times at which a snapshot that advances from `first` to `last` accepts the event.
struct Span {
  Timestamp low, high;
};

std::optional<Span> taken_during(const PresenceEvent& e, std::optional<Timestamp> first, Timestamp last, const Rules& rules) {
  Span span{e.at - rules.max_clock_skew, e.at + rules.reorder_window};
  if (first && span.low < *first) span.low = *first;
  if (span.high > last) span.high = last;
  if (span.low < last - Duration::from_s(60)) span.low = (std::min)(span.high, last - Duration::from_s(60));
  return span.low > span.high ? std::nullopt : std::optional<Span>(span);
}

std::uint64_t fingerprint(const PresenceEvent& e) { return std::hash<std::string>()(told(e)); }

Rules with_seed(Rules rules, std::uint64_t seed) {
  rules.hash_seed = seed;
  return rules;
}

struct Seen {
  std::size_t orders = 0, events = 0, duplicates = 0, advances = 0, moved = 0;
};

Wrong order_does_not_matter(const History& h, Seen& seen) {
  Snapshot base(h.rules);
  Oracle oracle(h.rules);
  for (const Step& step : h.steps) {
    Changes unread;
    perform(base, step, unread);
    oracle.perform(step, unread);
  }
  Rules rules = base.rules();
  const std::optional<Timestamp> first = base.now();
  const Timestamp last = first && *first > h.last ? *first : h.last;

  std::vector<PresenceEvent> set;
  for (const PresenceEvent& e : h.events) {
    if (oracle.judge(e, std::nullopt) != Verdict::applied) continue;
    if (!first || taken_during(e, first, last, rules)) set.push_back(e);
  }
  {
    // The oracle applies all of them at once before it advances, even those that it would reject.
    Oracle told_all = oracle;
    std::vector<PresenceEvent> list = set;
    Changes unread;
    told_all.merge(list, last, unread);
    oracle = told_all;
  }

  std::optional<Snapshot> one;
  std::string one_order;
  for (std::uint64_t order = 0; order < 5; ++order) {
    std::vector<Arrival> arrivals;
    for (const PresenceEvent& e : set) {
      Chance chance(mixed(h.seed + order, fingerprint(e)));
      const std::optional<Span> span = taken_during(e, first, last, rules);
      const std::size_t copies = chance.one_in(3) ? 2 : 1;
      for (std::size_t copy = 0; copy < copies; ++copy) {
        Arrival arrival{e, std::nullopt, chance.bits()};
        if (span && (first || !chance.one_in(3))) {
          const std::size_t end = chance.below(4);
          arrival.at = end == 0 ? span->low : end == 1 ? span->high : Timestamp::from_ns(chance.between(span->low.ns(), span->high.ns()));
        }
        arrivals.push_back(arrival);
        seen.duplicates += copy;
      }
    }
    std::sort(arrivals.begin(), arrivals.end(), [](const Arrival& a, const Arrival& b) { return a.at != b.at ? a.at < b.at : a.tie < b.tie; });

    Chance chance(mixed(h.seed, order));
    std::string text;
    // Another hash_seed must not be observable, so all earlier steps are applied again.
    Snapshot s(with_seed(h.rules, order % 2 == 0 ? h.rules.hash_seed : chance.bits()));
    for (const Step& step : h.steps) {
      Changes unread;
      perform(s, step, unread);
    }
    for (std::size_t i = 0; i < arrivals.size();) {
      // Events that arrive at the same time are applied one by one, in place or not, or as a batch.
      const Arrival& arrival = arrivals[i];
      std::vector<PresenceEvent> together;
      for (std::size_t k = i; k < arrivals.size() && arrivals[k].at == arrival.at; ++k) together.push_back(arrivals[k].event);
      const bool in_a_batch = together.size() > 1 && chance.one_in(2);
      if (!in_a_batch) together.resize(1);
      i += together.size();

      const std::optional<Timestamp> now = s.now();
      bool taken_now = true;
      for (const PresenceEvent& e : together) taken_now = taken_now && (!now || !(e.at > *now + rules.max_clock_skew));
      if (arrival.at && (!now || *arrival.at > *now) && !(taken_now && chance.one_in(2))) {
        if (now && chance.one_in(3)) s = reduce(std::move(s), Timestamp::from_ns(chance.between(now->ns(), arrival.at->ns())));
        s = reduce(std::move(s), *arrival.at);
        text += "  apply(s, " + told(*arrival.at) + ", tell);\n";
        ++seen.advances;
      }
      for (const PresenceEvent& e : together) text += "  " + told(e) + "apply(s, e, tell); }\n";
      Tally tally;
      if (in_a_batch) {
        tally = apply(s, together.begin(), together.end());
      } else if (chance.one_in(2)) {
        Changes unread;
        tally.count(apply(s, together[0], into(unread)));
      } else {
        s = reduce(s, together[0]);
      }
      if (tally.refused() != 0) return "an event was refused that no timestamp refuses, in the order\n" + text;
    }
    s = reduce(std::move(s), last);
    ++seen.orders;
    if (!one) {
      one = s;
      one_order = text;
      for (const auto& entry : oracle.views()) {
        if (s.find(entry.first) != std::optional<User>(entry.second)) {
          return entry.first + " is " + told(s.find(entry.first)) + ", not " + told(std::optional<User>(entry.second)) + ", in the order\n" + text;
        }
      }
      if (s.size() != oracle.views().size()) return "size() is " + std::to_string(s.size()) + " in the order\n" + text;
      if (s.next_deadline() != oracle.next_deadline()) {
        return "next_deadline() is " + told(s.next_deadline()) + ", not " + told(oracle.next_deadline()) + ", in the order\n" + text;
      }
    } else {
      if (text != one_order) ++seen.moved;
      if (all_of(s) != all_of(*one)) return all_of(s) + "\n  in the order\n" + text + "and\n  " + all_of(*one) + "\n  in the order\n" + one_order;
      if (s != *one || !(s == *one)) return "== tells apart what is the same, in the order\n" + text + "and\n" + one_order;
    }
  }
  seen.events += set.size();
  return std::nullopt;
}

void expect_no_order(std::size_t count, const Mix& mix, std::uint64_t salt) {
  Seen seen;
  const std::size_t tried = try_histories(histories_to_try(count), mix, salt, [&](const History& h) { return order_does_not_matter(h, seen); });
  MESSAGE(tried << " histories in " << seen.orders << " orders, " << seen.events << " events, " << seen.duplicates << " duplicates, " << seen.advances
                << " advances");
  CHECK_REACHED(seen.moved * 2 > seen.orders);
  CHECK_REACHED(seen.events > tried * 3);
}

}  // namespace

TEST_CASE("law 1: the order of accepted events does not matter") {
  Mix mix;
  mix.steps = 16;
  expect_no_order(600, mix, 1);
}

TEST_CASE("law 1: the order of accepted events does not matter for one user") {
  Mix mix;
  mix.users = 1;
  mix.sessions = 2;
  mix.steps = 10;
  expect_no_order(1200, mix, 2);
}

TEST_CASE("law 1: the order of accepted events does not matter with unlimited acceptance windows") {
  Mix mix;
  mix.users = 2;
  mix.steps = 14;
  mix.without_limits = true;
  expect_no_order(600, mix, 3);
}
