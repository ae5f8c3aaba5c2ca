// SPDX-License-Identifier: MIT
#include <presence/replica/inbox.hpp>

#include "../rich.hpp"

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

using namespace support;

namespace {

std::string batch_of(const std::vector<PresenceEvent>& events) { return encode_events(events.begin(), events.end()); }

}  // namespace

TEST_CASE("what is taken and merged is what the events lead to, and nothing is taken twice") {
  const std::vector<PresenceEvent> events = {connect("john", "phone", at(0)), says("john", "hi", at(1)),
                                             report("mary", true, at(2))};
  const Snapshot before = reduce(Snapshot(), at(5));
  Snapshot s = before;
  Inbox inbox(s.rules());
  CHECK(inbox.position() == "");
  CHECK(inbox.add("1", batch_of({events[0]}), at(5))->applied == 1);
  CHECK(inbox.add("2", batch_of({events[1], events[2]}), at(5))->applied == 2);
  CHECK(inbox.position() == "2");
  merge_into(s, inbox.take());
  Snapshot expected = before;
  apply(expected, events.begin(), events.end());
  CHECK(s == expected);
  CHECK(inbox.take() == Snapshot());
  CHECK(inbox.position() == "2");
}

TEST_CASE("entries of a node itself, and entries that are read again, change nothing") {
  const std::vector<PresenceEvent> events = {connect("john", "phone", at(0)), heartbeat("john", "phone", at(3)),
                                             says("john", "hi", at(1))};
  Snapshot s = reduce(Snapshot(), at(0));
  apply(s, events.begin(), events.end());
  const Snapshot before = s;
  Inbox inbox(s.rules());
  for (int i = 0; i < 2; ++i) {
    CHECK(inbox.add("1", batch_of(events), at(5))->refused() == 0);
    merge_into(s, inbox.take());
    CHECK(s == before);
  }
}

TEST_CASE("no event is too late, and none moves the time") {
  Snapshot s = reduce(Snapshot(), at(1000));
  REQUIRE(apply(s, says("john", "hi", at(0))) == Verdict::too_late);
  Inbox inbox(s.rules());
  CHECK(inbox.add("1", batch_of({says("john", "hi", at(0)), heartbeat("john", "phone", at(1010))}), at(1000))->applied == 2);
  const Snapshot news = inbox.take();
  CHECK_FALSE(news.now());
  merge_into(s, news);
  CHECK(s.now() == at(1000));
  CHECK(status(s, "john") == "hi");
  CHECK(s.online("john"));
}

TEST_CASE("an event dated beyond the host's clock and max_clock_skew is too early; the others count") {
  Rules rules;
  rules.max_clock_skew = seconds(60);
  Inbox inbox(rules);
  std::string told;
  const Result<Tally> tally =
      inbox.add("1",
                batch_of({connect("john", "phone", at(160)), connect("mary", "tv", at(160) + tick), connect("", "x", at(0))}),
                at(100), [&told](std::size_t index, Verdict verdict) {
                  told += std::to_string(index) + ' ' + std::string(to_string(verdict)) + ", ";
                });
  CHECK(told == "0 applied, 1 too_early, 2 invalid, ");
  CHECK((tally->applied == 1 && tally->too_early == 1 && tally->invalid == 1));
  Store store(reduce(Snapshot(rules), at(100)));
  CHECK_FALSE(store.merge(inbox.take(), at(100)));
  CHECK(store.snapshot().online("john"));
  CHECK_FALSE(store.snapshot().online("mary"));
  rules.max_clock_skew = Duration::highest();
  Inbox patient(rules);
  CHECK(patient.add("1", batch_of({connect("john", "phone", at(1e6))}), at(0))->applied == 1);
}

TEST_CASE("a damaged entry is an error without effect, and is passed over") {
  Inbox inbox(Rules(), "7");
  CHECK(inbox.position() == "7");
  std::string batch = batch_of({connect("john", "phone", at(0)), connect("mary", "tv", at(0))});
  batch[batch.size() - 13] = static_cast<char>(batch[batch.size() - 13] ^ 1);
  std::size_t told = 0;
  const Result<Tally> tally = inbox.add("8", batch, at(0), [&told](std::size_t, Verdict) { ++told; });
  REQUIRE_FALSE(tally);
  CHECK(tally.error().code == ErrorCode::bad_checksum);
  CHECK(told == 0);
  CHECK(inbox.position() == "8");
  CHECK(inbox.take() == Snapshot());
  CHECK_FALSE(inbox.add("9", encode(Snapshot()), at(0)));
  CHECK(inbox.add(inbox.position(), batch_of({}), at(0))->total() == 0);  // the position may be its own
  CHECK(inbox.position() == "9");
}

TEST_CASE("the rules of the inbox decide what is over the limit") {
  Rules rules;
  rules.max_status_bytes = 3;
  Inbox inbox(rules);
  CHECK(inbox.add("1", batch_of({says("john", "long", at(0)), says("john", "hi", at(1))}), at(1))->over_limit == 1);
  const Snapshot news = inbox.take();
  CHECK(status(news, "john") == "hi");
  CHECK(news.rules() == rules);
  CHECK(inbox.take().rules() == rules);
}

TEST_CASE("an entry in a newer format leaves the position where it is, and a damaged one does not") {
  const std::string batch = batch_of({connect("john", "phone", at(0))});
  std::string newer = batch, damaged = batch;
  newer[4] = '\x7F';  // the version
  damaged.back() = static_cast<char>(damaged.back() ^ 1);
  Inbox inbox(Rules(), "6");
  CHECK(inbox.add("7", newer, at(5)).error().code == ErrorCode::unknown_version);
  CHECK(inbox.position() == "6");
  CHECK(inbox.add("7", damaged, at(5)).error().code == ErrorCode::bad_checksum);
  CHECK(inbox.position() == "7");
  CHECK(inbox.take() == Snapshot());
  CHECK(inbox.add("8", batch, at(5))->applied == 1);
  CHECK(inbox.position() == "8");
}
