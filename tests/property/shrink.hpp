// SPDX-License-Identifier: MIT
#ifndef PRESENCE_TESTS_PROPERTY_SHRINK_HPP
#define PRESENCE_TESTS_PROPERTY_SHRINK_HPP

// A history that fails is cut down until nothing can be taken away from it without making it pass, and told as lines of
// C++. A property is a pure function of a history: nothing where it holds, and otherwise what is wrong.

#include "history.hpp"

#include <doctest/doctest.h>

#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace property {

using Wrong = std::optional<std::string>;

/// Calls `attempt` with functions that each make an event simpler, without making a valid one invalid.
template <class Attempt>
void each_simplification(const Attempt& attempt) {
  attempt([](PresenceEvent& e) {
    if (e.type != EventType::set_visible) e.invisible.reset();
  });
  attempt([](PresenceEvent& e) {
    if (e.type != EventType::set_status) e.status.reset();
  });
  attempt([](PresenceEvent& e) { e.last_active.reset(); });
  attempt([](PresenceEvent& e) { e.until.reset(); });
  attempt([](PresenceEvent& e) { e.priority.reset(); });
  attempt([](PresenceEvent& e) {
    e.availability.reset();
    e.priority.reset();
  });
  attempt([](PresenceEvent& e) { e.activity.reset(); });
  attempt([](PresenceEvent& e) { e.data.reset(); });
  attempt([](PresenceEvent& e) {
    if (e.type != EventType::report) e.online = false;
  });
  attempt([](PresenceEvent& e) {
    if (!presence::detail::belongs_to_session(e.type)) e.session.clear();
  });
}

template <class Property>
class Shrinker {
 public:
  Shrinker(History h, const Property& holds) : h_(std::move(h)), holds_(holds) {}

  History smallest() {
    for (bool smaller = true; smaller && budget_ > 0;) {
      smaller = cut(h_.steps, [](History& h) -> std::vector<Step>& { return h.steps; });
      smaller = cut(h_.events, [](History& h) -> std::vector<PresenceEvent>& { return h.events; }) || smaller;
      for (std::size_t i = 0; i < h_.steps.size(); ++i) {
        smaller =
            cut(h_.steps[i].events, [i](History& h) -> std::vector<PresenceEvent>& { return h.steps[i].events; }) ||
            smaller;
        for (std::size_t k = 0; k < h_.steps[i].events.size(); ++k) {
          smaller = simplify([i, k](History& h) -> PresenceEvent& { return h.steps[i].events[k]; }) || smaller;
        }
        smaller = alone(i) || smaller;
      }
      for (std::size_t k = 0; k < h_.events.size(); ++k) {
        smaller = simplify([k](History& h) -> PresenceEvent& { return h.events[k]; }) || smaller;
      }
      smaller = plain_rules() || smaller;
    }
    return h_;
  }

 private:
  bool keep_if_failing(History candidate) {
    if (budget_ == 0) return false;
    --budget_;
    if (!holds_(candidate)) return false;
    h_ = std::move(candidate);
    return true;
  }

  template <class List, class Of>
  bool cut(const List& list, Of of) {
    bool smaller = false;
    for (std::size_t length = list.size(); length > 0; length /= 2) {
      for (std::size_t from = 0; from + length <= of(h_).size();) {
        History candidate = h_;
        auto& items = of(candidate);
        const auto begin = items.begin() + static_cast<std::ptrdiff_t>(from);
        items.erase(begin, begin + static_cast<std::ptrdiff_t>(length));
        if (keep_if_failing(std::move(candidate))) {
          smaller = true;
        } else {
          from += 1;
        }
      }
    }
    return smaller;
  }

  template <class Of>
  bool simplify(Of of) {
    bool smaller = false;
    const auto attempt = [&](auto change) {
      History candidate = h_;
      const PresenceEvent before = of(candidate);
      change(of(candidate));
      if (of(candidate) != before && keep_if_failing(std::move(candidate))) smaller = true;
    };
    each_simplification(attempt);
    return smaller;
  }

  /// A list of one event is an event.
  bool alone(std::size_t i) {
    if (h_.steps[i].what != Do::batch && h_.steps[i].what != Do::replay && h_.steps[i].what != Do::merge) return false;
    History candidate = h_;
    candidate.steps[i].what = Do::event;
    return keep_if_failing(std::move(candidate));
  }

  bool plain_rules() {
    bool smaller = false;
    const auto attempt = [&](auto change) {
      History candidate = h_;
      change(candidate.rules);
      if (candidate.rules != h_.rules && keep_if_failing(std::move(candidate))) smaller = true;
    };
    attempt([](Rules& r) { r.offline_grace = Duration(); });
    attempt([](Rules& r) { r.last_active_refresh = Duration(); });
    attempt([](Rules& r) { r.reorder_window = Duration::highest(); });
    attempt([](Rules& r) { r.max_clock_skew = Duration::highest(); });
    attempt([](Rules& r) { r.idle_after = Duration(); });
    attempt([](Rules& r) { r.report_timeout = Duration(); });
    attempt([](Rules& r) { r.heartbeat_is_activity = true; });
    attempt([](Rules& r) { r.session_fold = presence::SessionFold::by_rank; });
    attempt([](Rules& r) { r.ranking = presence::Ranking(); });
    attempt([](Rules& r) { r.show_devices = false; });
    attempt([](Rules& r) { r.forget_after = Duration::highest(); });
    attempt([](Rules& r) { r.max_recent_per_user = Rules().max_recent_per_user; });
    attempt([](Rules& r) { r.max_sessions_per_user = Rules().max_sessions_per_user; });
    attempt([](Rules& r) { r.max_users = Rules().max_users; });
    attempt([](Rules& r) { r.hash_seed = 0; });
    return smaller;
  }

  History h_;
  const Property& holds_;
  std::size_t budget_ = 20000;
};

/// Whether the property holds of the history. Where it does not, the test fails with the smallest history that shows
/// it.
template <class Property>
bool holds(const History& h, const Property& property) {
  if (!property(h)) return true;
  const History small = Shrinker<Property>(h, property).smallest();
  const Wrong wrong = property(small);
  FAIL_CHECK("wrong: " << wrong.value_or("(not any more)") << "\n  // seed " << h.seed << ", " << small.steps.size()
                       << " steps\n"
                       << told(small));
  return false;
}

/// Tries `property` on random histories, prepared as the test needs them, until one fails.
template <class Property, class Prepare>
std::size_t try_histories(std::size_t count, const Mix& mix, std::uint64_t salt, const Property& property,
                          Prepare prepare) {
  const std::uint64_t first = first_seed();
  std::size_t tried = 0;
  for (; tried < count; ++tried) {
    // The seed itself is tried too, so that the one a failure printed repeats it as the first of a run.
    const std::uint64_t seed = tried == 0 ? first : mixed(mixed(first, salt), tried);
    if (!holds(prepare(random_history(seed, mix)), property)) break;
  }
  return tried;
}
template <class Property>
std::size_t try_histories(std::size_t count, const Mix& mix, std::uint64_t salt, const Property& property) {
  return try_histories(count, mix, salt, property, [](History h) { return h; });
}

}  // namespace property

#endif  // PRESENCE_TESTS_PROPERTY_SHRINK_HPP
