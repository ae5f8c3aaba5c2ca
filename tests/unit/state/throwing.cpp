// SPDX-License-Identifier: MIT
#include "../telling.hpp"

#if defined(__cpp_exceptions)

using namespace support;

namespace {

struct Enough {};

/// Records `patience` changes and throws at the next.
struct Listener {
  std::size_t patience;
  Changes heard;

  void operator()(const UserPresenceChangedView& change) {
    if (heard.size() == patience) throw Enough();
    heard.emplace_back(change);
  }
};

template <class Call>
Changes heard_until_enough(std::size_t patience, Call call) {
  Listener listener{patience, {}};
  CHECK_THROWS_AS(call(listener), Enough);
  CHECK(listener.heard.size() == patience);
  return listener.heard;
}

}  // namespace

TEST_CASE("if a callback throws, its event remains applied and the rest of the batch is not applied") {
  const std::vector<PresenceEvent> events = {connect("ann", "phone", at(0)), connect("bob", "phone", at(1)),
                                             connect("cyd", "phone", at(2))};
  Snapshot s;
  heard_until_enough(1, [&](Listener& listener) { apply(s, events.begin(), events.end(), listener); });
  CHECK(s == folded({events[0], events[1]}));
  heard_until_enough(0, [&](Listener& listener) { apply(s, events[2], listener); });
  CHECK(s == folded(events));
}

TEST_CASE("if a callback throws during an advance, the advance is complete and the other changes are not emitted") {
  Snapshot s = folded({connect("ann", "phone", at(0)), connect("bob", "phone", at(1)), connect("cyd", "phone", at(2))});
  const Snapshot expected = reduce(s, at(100));
  const Changes heard = heard_until_enough(1, [&](Listener& listener) { apply(s, at(100), listener); });
  CHECK(heard[0].id == "ann");
  CHECK(s == expected);
  Listener after{1, {}};
  apply(s, at(200), after);
  CHECK(after.heard.empty());
}

TEST_CASE("if a callback throws in a replay, the events of that timestamp are applied and later ones are not") {
  const std::vector<PresenceEvent> events = {connect("ann", "phone", at(0)), connect("bob", "phone", at(50)),
                                             connect("cyd", "phone", at(50)), connect("dee", "phone", at(60))};
  Snapshot s;
  heard_until_enough(2, [&](Listener& listener) { replay(s, events.begin(), events.end(), listener); });
  CHECK(s == reduce(folded({events[0], events[1], events[2]}), at(50)));
  Snapshot t;  // thrown at ann's deadline: bob's connect is not applied yet
  heard_until_enough(1, [&](Listener& listener) { replay(t, events.begin(), events.end(), listener); });
  CHECK(t == reduce(folded({events[0]}), at(50) - tick));
  heard_until_enough(0, [&](Listener& listener) { replay(t, events[3], listener); });
  CHECK(t == reduce(folded({events[0], events[3]}), at(60)));
}

TEST_CASE("if a callback throws, merge_into, resync and forget_reports_in still take full effect") {
  const Snapshot ours = folded({report("ann", true, at(0)), report("bob", true, at(0))});
  const Snapshot theirs = folded({connect("cyd", "phone", at(1)), connect("dee", "phone", at(1))});
  const std::vector<PresenceEvent> list = {report("bob", true, at(2)), report("eve", true, at(2))};
  Snapshot merged = ours, synced = ours, forgotten = ours;
  heard_until_enough(1, [&](Listener& listener) { merge_into(merged, theirs, listener); });
  CHECK(merged == merge(ours, theirs));
  heard_until_enough(1, [&](Listener& listener) { resync(synced, list.begin(), list.end(), at(2), listener); });
  CHECK_FALSE(synced.online("ann"));
  CHECK(synced.online("bob"));
  CHECK(synced.online("eve"));
  heard_until_enough(1, [&](Listener& listener) { forget_reports_in(forgotten, listener); });
  CHECK(forgotten == forget_reports(ours));
  heard_until_enough(1, [&](Listener& listener) { diff(ours, theirs, listener); });
}

#endif
