// SPDX-License-Identifier: MIT
#include "../second_writer.hpp"
#include "../telling.hpp"

#include <presence/base/detail/shared_string.hpp>
#include <presence/base/detail/user_key.hpp>
#include <presence/binary/anti_entropy.hpp>
#include <presence/binary/detail/bytes.hpp>
#include <presence/binary/detail/framing.hpp>
#include <presence/binary/detail/sketch.hpp>
#include <presence/binary/detail/user_record.hpp>
#include <presence/registers/detail/registers.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace support;

namespace {

using detail::FrameKind;

constexpr std::size_t first_sketch = 729;
/// Offsets in the body of a message whose sender has a now: of a sketch's cells, and of the wanted digests.
constexpr std::size_t cells_at = 27, cell = 21, wanted_at = 36;

/// A clock reading that is not behind the message.
Timestamp clock_of(const Snapshot& ours, std::string_view message) {
  detail::ByteReader in(message.substr((std::min)(message.size(), std::size_t{18})));
  Timestamp theirs;
  const bool has_now = in.byte() == 1;
  theirs = Timestamp::from_ns(static_cast<std::int64_t>(in.word64()));
  if (message.size() > 5 && message[5] == 2) {
    in.word64();
    in.word64();
    theirs = theirs - seconds(10 * (1 << (in.byte() & 3)));
  }
  Timestamp now = ours.now().value_or(has_now ? theirs : at(0));
  if (has_now && now < theirs) now = theirs;
  return now == Timestamp::lowest() ? now + tick : now == Timestamp::highest() ? now - tick : now;
}
/// Reconciles with the clock at `clock_of`.
Result<std::string> reconcile(Snapshot& ours, const std::string& message) {
  return presence::reconcile(ours, message, clock_of(ours, message));
}
Result<std::string> reconcile(Snapshot& ours, const std::string& message, Told& told) {
  return presence::reconcile(ours, message, clock_of(ours, message), told);
}

/// Returns the sizes of all messages of an exchange, the first included.
std::vector<std::size_t> exchange(Snapshot& ours, Snapshot& theirs, std::string message) {
  std::vector<std::size_t> sizes;
  for (bool is_theirs = true; !message.empty() && sizes.size() < 30; is_theirs = !is_theirs) {
    sizes.push_back(message.size());
    const Result<std::string> answer = reconcile(is_theirs ? theirs : ours, message);
    REQUIRE(answer.has_value());
    message = *answer;
  }
  REQUIRE(message.empty());
  return sizes;
}
std::vector<std::size_t> exchange(Snapshot& ours, Snapshot& theirs) {
  return exchange(ours, theirs, presence::sketch(ours));
}

/// Checks that an exchange leaves both nodes with the merge of both. Returns the number of messages.
std::size_t agree(Snapshot ours, Snapshot theirs) {
  const Snapshot both = merge(ours, theirs);
  const std::size_t messages = exchange(ours, theirs).size();
  const Timestamp later = both.now().value_or(at(0)) + seconds(10);
  CHECK(reduce(ours, later) == reduce(both, later));
  CHECK(reduce(theirs, later) == reduce(both, later));
  return messages;
}

Snapshot users(std::size_t count, const Rules& rules = {}) {
  Snapshot s = reduce(Snapshot(rules), at(0));
  for (std::size_t i = 0; i < count; ++i) s = reduce(std::move(s), connect(user_id(i), "phone", at(0)));
  return s;
}
Snapshot with(Snapshot s, std::initializer_list<PresenceEvent> events) {
  for (const PresenceEvent& event : events) s = reduce(std::move(s), event);
  return s;
}
Snapshot busy(Snapshot s, std::size_t from, std::size_t count) {
  for (std::size_t i = from; i < from + count; ++i) s = reduce(std::move(s), says(user_id(i), "busy", at(0)));
  return s;
}

/// Bodies with frames around them, whatever they hold.
std::string framed(FrameKind kind, const std::vector<std::string>& bodies) {
  return second_writer::framed(bodies, static_cast<unsigned>(kind), detail::version_of(kind));
}
using second_writer::body_of;

std::string word(std::uint64_t bits) {
  detail::ByteWriter out;
  out.word64(bits);
  return std::string(out.view());
}

/// Checks that a message is rejected with this error and changes nothing.
void check_refused(const std::string& message, ErrorCode code, std::size_t offset, const Snapshot& s = users(3)) {
  Told told;
  told.s = s;
  const Result<std::string> answer = reconcile(told.s, message, told);
  REQUIRE_FALSE(answer.has_value());
  CHECK(static_cast<int>(answer.error().code) == static_cast<int>(code));
  CHECK(answer.error().offset == offset);
  CHECK(told.s == s);
  CHECK(told.s.digest() == s.digest());
  CHECK(told.changes.empty());
}

/// A missing-updates message that contains a user and requests another one; each node has a user the other lacks.
std::string some_news() {
  Snapshot theirs = with(users(2), {says("jack", "busy", at(0))});
  return *reconcile(theirs, presence::sketch(users(3)));
}

using Sizes = std::vector<std::size_t>;

bool is_sketch(const std::string& message) { return message.size() > 5 && message[5] == 2; }
bool is_news(const std::string& message) { return message.size() > 5 && message[5] == 3; }

/// The `as_of` of a sketch whose sender has a now.
Timestamp as_of(const std::string& sketch) {
  return Timestamp::from_ns(
      static_cast<std::int64_t>(detail::ByteReader(std::string_view(sketch).substr(19)).word64()));
}
unsigned restarts(const std::string& sketch) { return static_cast<unsigned char>(sketch[43]); }

/// Runs an exchange in which each message takes `on_the_way`. Returns the number of messages.
std::size_t slow_exchange(Snapshot& ours, Snapshot& theirs, Duration on_the_way) {
  std::string message = presence::sketch(ours);
  std::size_t count = 0;
  while (!message.empty() && count < 30) {
    ours = reduce(ours, *ours.now() + on_the_way);
    theirs = reduce(theirs, *theirs.now() + on_the_way);
    const Result<std::string> answer = reconcile(count++ % 2 == 0 ? theirs : ours, message);
    REQUIRE(answer.has_value());
    message = *answer;
  }
  return count;
}

/// The inverse of `detail::mix`.
std::uint64_t unmixed(std::uint64_t x) {
  x = (x ^ x >> 31 ^ x >> 62) * 0x319642B2D24D8EC3u;
  x = (x ^ x >> 27 ^ x >> 54) * 0x96DE1B173F119089u;
  return x ^ x >> 30 ^ x >> 60;
}

/// Two statuses, of which the records of a user have the same value of a Digest that begins with `seed`: its state
/// after a word is an invertible function of that word, so the second of two words can make up for the first.
std::pair<std::string, std::string> texts_of_one_digest(const std::string& user, Timestamp as_of, std::uint64_t seed) {
  const auto record_of = [&](std::string_view status) {
    detail::ByteWriter out;
    detail::UserRegisters kept;
    kept.status = detail::SharedString(status);
    kept.status_at = at(0);
    detail::append_user(out, user, kept, as_of);
    return std::string(out.view());
  };
  constexpr std::uint64_t a = 0x9E3779B97F4A7C15u, b = 0xD1B54A32D192ED03u;
  const auto after = [](std::uint64_t state, std::uint64_t word) {
    return detail::mix(state + a) ^ detail::mix(word ^ b);
  };
  // As long as it takes for the text's last two words to be words of the record.
  std::string pad;
  while ((record_of(pad + std::string(16, 'x')).size()) % 8 != 0) pad += 'p';
  const std::string record = record_of(pad + std::string(16, 'x'));
  std::uint64_t state = after(seed, record.size());
  for (std::size_t i = 0; i + 16 < record.size(); i += 8) state = after(state, detail::load_word(record.data() + i));
  const auto text = [&](std::uint64_t one, std::uint64_t two) { return pad + word(one) + word(two); };
  const std::uint64_t left = after(state, 1), right = after(state, 2), first = 3;
  const std::uint64_t second = unmixed(detail::mix(left + a) ^ detail::mix(first ^ b) ^ detail::mix(right + a)) ^ b;
  return {text(1, first), text(2, second)};
}

/// How far ahead of its now a node with these rules compares.
Duration lead(Duration session_timeout, Duration reorder_window, Duration offline_grace = Duration()) {
  Rules rules;
  rules.session_timeout = session_timeout;
  rules.reorder_window = reorder_window;
  rules.offline_grace = offline_grace;
  return as_of(presence::sketch(reduce(Snapshot(rules), at(0)))) - at(0);
}

}  // namespace

TEST_CASE("equal nodes finish the exchange with one message") {
  for (const std::size_t count : {std::size_t{0}, std::size_t{1}, std::size_t{1000}}) {
    Snapshot ours = users(count), theirs = users(count);
    CHECK(exchange(ours, theirs) == Sizes{first_sketch});
    CHECK(ours == users(count));
    CHECK(theirs == users(count));
  }
}

TEST_CASE("default-constructed snapshots can be reconciled") {
  Snapshot ours, theirs, known = users(3);
  CHECK(exchange(ours, theirs).size() == 2);  // time begins where the first message arrives
  CHECK(ours == reduce(Snapshot(), at(0)));
  CHECK(theirs == ours);
  exchange(ours, known);
  CHECK(ours == users(3));
  exchange(known, theirs);
  CHECK(theirs == users(3));
}

TEST_CASE("a user only the answering node has takes two messages; a changed user takes three") {
  CHECK(agree(users(100), with(users(100), {says("jack", "hi", at(0))})) == 2);
  CHECK(agree(users(100), busy(users(100), 7, 1)) == 3);
}

TEST_CASE("data that only the asking node has takes three messages") {
  CHECK(agree(with(users(100), {says("jack", "hi", at(0))}), users(100)) == 3);
  CHECK(agree(busy(users(100), 7, 1), users(100)) == 3);
  CHECK(agree(with(users(100), {says("jack", "hi", at(0))}), with(users(100), {says("jill", "hi", at(0))})) == 3);
}

TEST_CASE("message sizes depend on the number of differences, not on the number of users") {
  for (const std::size_t count : {std::size_t{1000}, std::size_t{20000}}) {
    Snapshot ours = busy(users(count), 3, 2), theirs = busy(users(count), 4, 2);
    const Sizes sizes = exchange(ours, theirs);
    CHECK(sizes.size() == 3);
    CHECK(sizes[0] == first_sketch);
    CHECK(sizes[1] < 175);  // two users, two digests
    CHECK(sizes[2] < 140);  // two users
    CHECK(ours == theirs);
    CHECK(ours == busy(users(count), 3, 3));
  }
}

TEST_CASE("an empty node receives every user, whichever side begins") {
  const Snapshot all = users(5000), none = users(0);
  CHECK(agree(all, none) == 3);
  CHECK(agree(none, all) == 4);
  CHECK(agree(Snapshot(), all) <= 5);
  CHECK(agree(all, Snapshot()) == 3);
}

TEST_CASE("nodes without common users exchange all of them") {
  Snapshot ours = users(0), theirs = users(0);
  for (std::size_t i = 0; i < 2000; ++i)
    (i % 2 == 0 ? ours : theirs) = reduce(i % 2 == 0 ? ours : theirs, says(user_id(i), "hi", at(0)));
  CHECK(agree(ours, theirs) <= 7);
}

TEST_CASE("if a sketch would be larger, all users are sent, and the reply holds only what the sender lacks") {
  // 40 users of which none is the same: a sketch of 128 cells is larger than they are.
  Snapshot ours = busy(users(40), 0, 40);
  Snapshot theirs = users(40);
  const std::string all = *reconcile(theirs, presence::sketch(ours));
  CHECK(is_news(all));
  CHECK(theirs == users(40));
  const std::string back = *reconcile(ours, all);
  CHECK_FALSE(back.empty());
  CHECK(*reconcile(theirs, back) == "");
  CHECK(theirs == ours);

  // Only users that differ are sent back: fifteen, and three more.
  Snapshot more = busy(users(63), 45, 18);
  theirs = users(60);
  const std::string everyone = *reconcile(theirs, presence::sketch(more));
  CHECK(everyone[53] == 1);
  const std::string some = *reconcile(more, everyone);
  CHECK(some.size() == 30 + 37 + 18 * (encode(busy(users(1), 0, 1)).size() - 30 - 9));
  CHECK(*reconcile(theirs, some) == "");
  CHECK(more == theirs);
}

TEST_CASE("a user that differs on both sides is sent in both directions") {
  const Snapshot both = with(users(50), {connect("john", "phone", at(0))});
  const Snapshot ours = with(both, {says("john", "hi", at(2)), heartbeat("john", "phone", at(1))});
  const Snapshot theirs = with(both, {connect("john", "tablet", at(3))});
  CHECK(agree(ours, theirs) == 3);
  CHECK(agree(theirs, ours) == 3);
}

TEST_CASE("data of invisible users is reconciled without a change notification") {
  const Snapshot both = with(users(50), {invisibly("john", "phone", at(0))});
  CHECK(agree(both, with(both, {heartbeat("john", "phone", at(5))})) == 3);
  CHECK(agree(with(both, {connect("john", "tablet", at(5))}), both) == 3);
  CHECK(agree(both, with(both, {disconnect(user_id(1), "no such", at(1))})) == 3);
  const Snapshot visible = with(users(50), {connect("john", "phone", at(0))});
  CHECK(agree(visible, both) == 3);  // but for that he is invisible, all is the same
  CHECK(agree(both, visible) == 3);

  Told ours;
  ours.s = users(50);
  Snapshot theirs = both;
  for (std::string message = presence::sketch(theirs); !message.empty();) {
    message = *reconcile(ours.s, message, ours);
    if (!message.empty()) message = *reconcile(theirs, message);
  }
  CHECK(ours.s == both);
  CHECK(ours.changes.empty());
}

TEST_CASE("reconcile reports the same changes on both sides as merge_into") {
  const Snapshot base = users(50);
  Told ours, theirs, expected_ours, expected_theirs;
  ours.s = expected_ours.s = reduce(busy(base, 0, 2), at(3));
  theirs.s = expected_theirs.s = with(base, {disconnect(user_id(1), "phone", at(2)), says("jack", "hi", at(4))});
  merge_into(expected_ours.s, theirs.s, expected_ours);
  expected_theirs.s = reduce(expected_theirs.s, at(3));  // the first message arrives at that time
  merge_into(expected_theirs.s, ours.s, expected_theirs);

  const std::string question = presence::sketch(ours.s);
  const std::string news = *reconcile(theirs.s, question, theirs);
  CHECK(theirs.changes.empty());
  const std::string last = *reconcile(ours.s, news, ours);
  CHECK(*reconcile(theirs.s, last, theirs) == "");
  CHECK(text(ours.changes) == text(expected_ours.changes));
  CHECK(text(theirs.changes) == text(expected_theirs.changes));
  CHECK(ours.changes.size() >= 2);
  CHECK(theirs.changes.size() == 2);
}

TEST_CASE("nodes with different timestamps, or without one, can be reconciled") {
  const Snapshot base = users(30);
  const Snapshot left = with(base, {says("jack", "hi", at(0))}), right = with(base, {says("jill", "hi", at(0))});
  for (const double ahead : {0.001, 9.999, 10.0, 10.001, 39.0, 41.0, 100.0, 161.0, 1000.0}) {
    CAPTURE(ahead);
    CHECK(agree(left, reduce(right, at(ahead))) <= 4);
    CHECK(agree(reduce(left, at(ahead)), right) <= 4);
  }
  const Snapshot timeless = folded({connect("jim", "phone", at(0)), says("joe", "hi", at(0))});
  const Snapshot another = folded({connect("jim", "tablet", at(0)), says("jane", "hi", at(0))});
  REQUIRE_FALSE(timeless.now());
  CHECK(agree(timeless, another) == 4);
  CHECK(agree(timeless, left) <= 4);
  CHECK(agree(left, timeless) <= 4);
}

TEST_CASE("a sketch older than the lead is answered with a new sketch") {
  Snapshot ours = with(users(5), {says("jack", "hi", at(0))}), theirs = reduce(users(5), at(10) + tick);
  const std::string question = presence::sketch(ours);
  const std::string answer = *reconcile(theirs, question);
  CHECK(is_sketch(answer));
  CHECK(answer.size() == first_sketch);
  CHECK(exchange(theirs, ours, answer).size() == 2);
  CHECK(reduce(ours, at(20)) == reduce(theirs, at(20)));
  theirs = reduce(users(5), at(10));
  CHECK(is_news(*reconcile(theirs, question)));
}

TEST_CASE("a request for digests older than the lead is answered with a new sketch") {
  Snapshot ours = with(users(5), {says("jack", "hi", at(0))}), theirs = with(users(5), {says("jill", "hi", at(0))});
  const std::string news = *reconcile(theirs, presence::sketch(ours));
  Snapshot late = reduce(ours, at(10) + tick), in_time = reduce(ours, at(10));
  const std::string anew = *reconcile(late, news);
  CHECK(late.view("jill"));  // what it told is taken all the same
  CHECK(is_sketch(anew));
  // jill is equal on both sides: the answer contains no user, and requests jack.
  CHECK(reconcile(theirs, anew)->size() == 30 + 37 + 16);
  const std::string last = *reconcile(in_time, news);
  CHECK(is_news(last));
}

TEST_CASE("records that expire within ten seconds are not compared") {
  const Snapshot base = users(5);
  // A disconnect without a session is kept for 120 s.
  const Snapshot ours = with(base, {disconnect("jack", "phone", at(0))});
  const auto compared = [&](double now) {
    Snapshot left = reduce(ours, at(now)), right = reduce(base, at(now));
    return exchange(left, right).size() > 1;
  };
  CHECK(compared(109));
  CHECK(compared(110));
  CHECK_FALSE(compared(110.001));
}

TEST_CASE("a removal is compared while it is needed, even one that expires within ten seconds") {
  // A removal is needed for the step of 15 minutes and the window of 2 minutes.
  const Snapshot fresh = with(reduce(Snapshot(), at(0)), {connect("john", "phone", at(5))});
  const Snapshot removed = with(reduce(Snapshot(), at(0)), {removes("john", at(0)), connect("john", "phone", at(5))});
  const auto live_at = [](const Snapshot& s, double now) {
    Snapshot later = s;
    for (double second = 30; second < now; second += 30)
      later = reduce(reduce(std::move(later), at(second)), heartbeat("john", "phone", at(second)));
    return reduce(std::move(later), at(now));
  };
  for (const double now : {1009.0, 1011.0, 1019.999}) {
    CAPTURE(now);
    Snapshot left = live_at(removed, now), right = live_at(fresh, now);
    CHECK_FALSE(left == right);
    CHECK(exchange(left, right).size() > 1);
    CHECK(left == right);
    CHECK(exchange(left, right).size() == 1);
  }
  Snapshot left = live_at(removed, 1020), right = live_at(fresh, 1020);
  CHECK(left == right);
  CHECK(exchange(left, right).size() == 1);
}

namespace {

/// Checks that what was set before, and cleared at 100, is cleared on both sides by an exchange at `now`. Returns what
/// both are then.
Snapshot is_cleared_on_both(const Snapshot& both, const PresenceEvent& cleared, double now) {
  CAPTURE(now);
  Snapshot left = reduce(both, at(now)), right = reduce(with(reduce(both, at(100)), {cleared}), at(now));
  const Snapshot expected = merge(left, right);
  REQUIRE(left != expected);
  exchange(left, right);
  CHECK(left == expected);
  CHECK(right == expected);
  CHECK(exchange(left, right).size() == 1);
  return expected;
}

}  // namespace

TEST_CASE("a cleared choice and removed data are compared while they are needed, even for the last ten seconds") {
  const PresenceEvent choice = PresenceEvent::set_availability("john", Availability::busy, at(0)),
                      data = PresenceEvent::set_data("john", "n", 1, at(0));
  PresenceEvent ended = PresenceEvent::set_availability("john", Availability::away, at(100));
  ended.until = at(101);
  const std::pair<PresenceEvent, PresenceEvent> cases[] = {
      {choice, PresenceEvent::set_availability("john", std::nullopt, at(100))},
      {choice, ended},
      {data, PresenceEvent::set_data("john", "n", nullptr, at(100))}};
  for (const auto& [set, cleared] : cases) {
    // A tombstone of 100 is needed until the window of 2 minutes has passed.
    for (const double now : {209.0, 211.0, 220.0}) {
      const Snapshot expected = is_cleared_on_both(with(reduce(Snapshot(), at(0)), {set}), cleared, now);
      CHECK(reduce(expected, at(400)) == reduce(Snapshot(), at(400)));
    }
  }
}

TEST_CASE("a cleared activity is compared while it is needed, even for the last ten seconds") {
  Rules rules;
  rules.session_timeout = Duration();
  PresenceEvent playing = PresenceEvent::connect("john", "phone", at(0));
  playing.activity.emplace()["match"] = "2/4";
  PresenceEvent done = PresenceEvent::update("john", "phone", at(100));
  done.activity.emplace();
  const Snapshot both = with(reduce(Snapshot(rules), at(0)), {playing, connect("john", "tv", at(0))});
  // The tombstone of 100 is needed until the window of 2 minutes has passed.
  for (const double now : {209.0, 211.0, 220.0}) is_cleared_on_both(both, done, now);
}

TEST_CASE("users that differ are never considered equal, even with statuses chosen to collide") {
  CHECK(unmixed(detail::mix(0x0123456789ABCDEFu)) == 0x0123456789ABCDEFu);
  for (const std::uint64_t seed : {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{0x9E3779B97F4A7C15u}}) {
    Rules rules;
    rules.hash_seed = seed;
    const Snapshot none = reduce(Snapshot(rules), at(0));
    // The salt is in every message, so whoever reads one knows it.
    const std::string question = presence::sketch(none);
    for (const std::size_t salt_at : {std::size_t{27}, std::size_t{35}}) {
      const std::uint64_t salt = detail::load_word(question.data() + salt_at);
      for (const std::uint64_t key : {salt, detail::mix(salt), std::uint64_t{0}, seed}) {
        const auto [one, other] = texts_of_one_digest("mallory", as_of(question), key);
        REQUIRE(one != other);
        Snapshot ours = reduce(none, says("mallory", one, at(0))), theirs = reduce(none, says("mallory", other, at(0)));
        CHECK(exchange(ours, theirs).size() == 3);
        CHECK(ours == theirs);
        CHECK(status(ours, "mallory") == (std::max)(one, other));
      }
    }
  }
}

TEST_CASE("a message's salt differs by time and hash_seed, and simple inversion does not reveal the seed") {
  const auto salt_of = [](std::uint64_t seed, Timestamp now) {
    Rules rules;
    rules.hash_seed = seed;
    return presence::sketch(reduce(Snapshot(rules), now)).substr(27, 16);
  };
  CHECK(salt_of(0, at(0)) == salt_of(0, at(0)));
  CHECK(salt_of(0, at(0)) != salt_of(0, at(0) + tick));
  CHECK(salt_of(0, at(0)) != salt_of(1, at(0)));
  // The inverse of the mixing function does not reveal the seed.
  const std::uint64_t seed = 0x5EC2E7u, low = detail::load_word(salt_of(seed, at(0)).data());
  const std::uint64_t as_of_bits = static_cast<std::uint64_t>((at(10)).ns());
  CHECK((unmixed(low) ^ detail::mix(as_of_bits)) != seed);
  CHECK((low ^ as_of_bits) != seed);
}

TEST_CASE("nodes at either end of the timestamp range can be reconciled") {
  const Timestamp last = Timestamp::from_ns(INT64_MAX - 1), first = Timestamp::from_ns(INT64_MIN + 1);
  for (const Timestamp now : {first, last, last - seconds(10), last - seconds(10) + tick}) {
    const Snapshot none = reduce(Snapshot(), now);
    CHECK(agree(reduce(none, says("jack", "hi", now)), none) == 3);
  }
}

TEST_CASE("nodes with different hash_seed values can be reconciled") {
  Rules rules;
  rules.hash_seed = 12345;
  CHECK(agree(busy(users(300), 0, 3), busy(users(300, rules), 100, 3)) == 3);
  CHECK(agree(users(300), users(200, rules)) <= 5);
}

TEST_CASE("nodes with non-default rules can be reconciled in three messages") {
  std::vector<Rules> all(6);
  all[0].session_timeout = Duration();
  all[1].offline_grace = seconds(30);
  all[2].reorder_window = Duration();
  all[3] = Rules::mirror();
  all[4].forget_after = seconds(60);
  all[5].session_timeout = Duration::highest();
  for (const Rules& rules : all) {
    const Snapshot base = users(40, rules);
    CHECK(agree(busy(base, 0, 3), with(base, {disconnect(user_id(1), "phone", at(0)), report("jo", true, at(0))})) ==
          3);
  }
}

TEST_CASE("four times as many differences take one more message, however many users there are") {
  const auto messages = [](const Snapshot& base, std::size_t different) {
    Snapshot ours = busy(base, 0, different / 2), theirs = busy(base, different / 2, different - different / 2);
    const std::size_t count = exchange(ours, theirs).size();
    CHECK(ours == theirs);
    return count;
  };
  // Each differs on both sides: twice as many digests.
  const Snapshot fewer = users(2000), more = users(20000);
  const std::vector<std::pair<std::size_t, std::size_t>> expected = {{1, 3}, {8, 3}, {40, 4}, {100, 5}, {400, 6}};
  for (const auto& row : expected) {
    const std::size_t different = row.first, count = row.second;
    CAPTURE(different);
    CHECK(messages(fewer, different) == count);
    CHECK(messages(more, different) == count);
  }
  CHECK(messages(more, 1000) == 7);
  CHECK(messages(fewer, 1000) == 6);  // half of all: these are told instead
}

TEST_CASE("each sketch is four times as large as the last one, until sending all users is no longer") {
  const Snapshot ours = busy(users(3000), 0, 3000);
  Snapshot theirs = users(3000), mine = ours;
  std::string message = presence::sketch(ours);
  Sizes sizes;
  for (bool is_theirs = true; is_sketch(message); is_theirs = !is_theirs) {
    sizes.push_back(message.size());
    const std::string answer = *reconcile(is_theirs ? theirs : mine, message);
    if (is_sketch(answer)) CHECK(answer.size() <= 4 * message.size());
    message = answer;
  }
  CHECK(sizes == Sizes{729, 2746, 10810, 43090});
  CHECK(message.size() <= presence::encode(ours).size() + 32);
}

TEST_CASE("64 different users are sent in full; 65 are answered with a larger sketch") {
  // A sketch of 128 cells is sent only for more than 64 users.
  for (const std::size_t count : {std::size_t{64}, std::size_t{65}}) {
    Snapshot theirs = users(count);
    const std::string answer = *reconcile(theirs, presence::sketch(busy(users(count), 0, count)));
    CHECK(is_news(answer) == (count == 64));
  }
}

TEST_CASE("duplicated and late messages change nothing") {
  Snapshot ours = busy(users(300), 0, 60), theirs = busy(users(310), 200, 60);
  const Snapshot both = merge(ours, theirs);
  std::vector<std::string> sent = {presence::sketch(ours)};
  for (std::size_t i = 0; !sent.back().empty(); ++i)
    sent.push_back(*reconcile(i % 2 == 0 ? theirs : ours, sent.back()));
  sent.pop_back();
  REQUIRE(sent.size() > 3);
  for (const Timestamp now : {at(0), at(5), at(50), at(500)}) {
    for (const std::string& late : sent) {
      for (Snapshot s : {reduce(ours, now), reduce(theirs, now)}) {
        const Result<std::string> answer = reconcile(s, late);
        REQUIRE(answer.has_value());
        CHECK(s == reduce(both, now));
        Snapshot other = reduce(both, now);
        exchange(s, other, answer->empty() ? presence::sketch(s) : *answer);
        CHECK(s == reduce(both, now));
        CHECK(other == s);
      }
    }
  }
}

TEST_CASE("an interrupted exchange does not affect the next one") {
  const Snapshot ours = busy(users(300), 0, 60), theirs = busy(users(310), 200, 60);
  for (std::size_t lost = 0; lost < 6; ++lost) {
    Snapshot a = ours, b = theirs;
    std::string message = presence::sketch(a);
    for (std::size_t i = 0; i < lost && !message.empty(); ++i) message = *reconcile(i % 2 == 0 ? b : a, message);
    exchange(b, a);
    CHECK(a == merge(ours, theirs));
    CHECK(b == a);
  }
}

TEST_CASE("a user that changes during an exchange is left to the next exchange") {
  Snapshot ours = busy(users(50), 0, 1), theirs = users(50);
  const std::string news = *reconcile(theirs, presence::sketch(ours));
  ours = reduce(ours, says(user_id(0), "away", at(1)));  // not what is wanted any more
  CHECK(*reconcile(ours, news) == "");
  exchange(ours, theirs);
  CHECK(ours == theirs);
}

TEST_CASE("requested digests are looked up in the state before the same message's updates are applied") {
  // The message requests our record of a user and contains theirs of the same user.
  Snapshot ours = with(users(5), {says("jack", "hi", at(1))}),
           theirs = with(users(5), {connect("jack", "phone", at(1))});
  const std::string last = *reconcile(ours, *reconcile(theirs, presence::sketch(ours)));
  REQUIRE_FALSE(last.empty());
  CHECK(*reconcile(theirs, last) == "");
  CHECK(theirs == ours);
}

TEST_CASE("messages with a damaged header, frame or end are rejected at the right offset") {
  const Snapshot s = users(3);
  for (const std::string& good : {presence::sketch(s), some_news()}) {
    check_refused("", ErrorCode::truncated, 0);
    for (std::size_t size = 0; size < good.size(); ++size)
      check_refused(good.substr(0, size), ErrorCode::truncated, size);
    check_refused(good + "x", ErrorCode::trailing_bytes, good.size());
    std::string bad = good;
    bad[0] = 'Q';
    check_refused(bad, ErrorCode::syntax, 0);
    bad = good;
    // 1: of keys of 64 bits; 2: of sessions without runs
    for (const char version : {'\0', '\1', '\2', '\4', '\xFF'}) {
      bad[4] = version;
      check_refused(bad, ErrorCode::unknown_version, 4);
    }
    bad = good;
    bad[5] = 4;
    check_refused(bad, ErrorCode::wrong_type, 5);
    bad = good;
    bad[20] = static_cast<char>(bad[20] ^ 1);
    check_refused(bad, ErrorCode::bad_checksum, 6);
  }
  check_refused(encode(s), ErrorCode::wrong_type, 5);
  check_refused(encode_delta(Snapshot(), s), ErrorCode::wrong_type, 5);
}

TEST_CASE("the tests' framing function produces the library's bytes") {
  const std::string good = presence::sketch(users(3)), news = some_news();
  CHECK(framed(FrameKind::sketch, {body_of(good)}) == good);
  CHECK(framed(FrameKind::updates, {body_of(news)}) == news);
}

TEST_CASE("an invalid sketch is rejected at the offset of the invalid field") {
  const std::string body = body_of(presence::sketch(users(3)));
  const auto check_body = [](const std::string& bad, ErrorCode code, std::size_t offset) {
    check_refused(framed(FrameKind::sketch, {bad}), code, offset);
  };
  // 18: as_of, 27: salt, 43: restarts, 44: how many cells, 45: cells.
  const std::size_t end = 18 + body.size();
  check_body("\2" + body.substr(1), ErrorCode::syntax, 18);
  check_body("\1" + word(0x8000000000000000u) + body.substr(9), ErrorCode::out_of_range, 18);
  for (const char cells : {'\0', '\1', '\37', '!', '@', '\177'})
    check_body(body.substr(0, 26) + std::string(1, cells) + body.substr(27), ErrorCode::syntax, 44);
  check_body(body.substr(0, 25) + "\3" + body.substr(26), ErrorCode::syntax, 43);
  check_body(body.substr(0, body.size() - 1), ErrorCode::truncated, end - 1);
  check_body(body.substr(0, body.size() - cell), ErrorCode::syntax, end - cell + 12);
  check_body(body + body.substr(cells_at, cell), ErrorCode::syntax, end);
}

TEST_CASE("an invalid missing-updates message is rejected at the offset of the invalid field") {
  const std::string body = body_of(some_news());
  const auto check_body = [](const std::string& bad, ErrorCode code, std::size_t offset) {
    check_refused(framed(FrameKind::updates, {bad}), code, offset);
  };
  // 18: now, 27: as_of, 36: salt, 52: restarts, 53: all, 54: how many are wanted, 55: these; then users.
  const std::string head = body.substr(0, wanted_at);
  check_body("\2" + body.substr(1), ErrorCode::syntax, 18);
  check_body(body.substr(0, 9) + "\2" + body.substr(10), ErrorCode::syntax, 27);
  check_body(body.substr(0, 34) + "\3" + body.substr(35), ErrorCode::syntax, 52);
  check_body(body.substr(0, 35) + "\2" + body.substr(36), ErrorCode::syntax, 53);
  check_body(head + "\2" + word(1) + word(0), ErrorCode::syntax, 18 + 37 + 16 + 12);
  check_body(head + "\2" + word(7) + word(0) + word(7) + word(0), ErrorCode::syntax, 18 + 53);
  check_body(head + "\2" + word(7) + word(0) + word(6) + word(0), ErrorCode::syntax, 18 + 53);
  check_body(head + "\2" + word(7) + word(1) + word(8) + word(0), ErrorCode::syntax, 18 + 53);
  Snapshot s = users(3);
  CHECK(reconcile(s, framed(FrameKind::updates, {head + "\2" + word(6) + word(1) + word(5) + word(2)})).has_value());
}

TEST_CASE("a message without a body is rejected by every snapshot") {
  for (const FrameKind kind : {FrameKind::sketch, FrameKind::updates}) {
    for (const Snapshot& s : {Snapshot(), users(3), folded({connect("jim", "phone", at(0))})}) {
      Snapshot ours = s;
      CHECK_FALSE(reconcile(ours, framed(kind, {})).has_value());
      CHECK(ours == s);
    }
  }
}

TEST_CASE("the answer to a random sketch is at most one larger sketch, and nothing changes") {
  Chance chance(1);
  const Snapshot s = users(100);
  const std::string head = body_of(presence::sketch(s)).substr(0, cells_at);
  for (int i = 0; i < 200; ++i) {
    std::string body = head;
    for (int n = 0; n < 32; ++n) {
      detail::ByteWriter out;
      out.word64(chance.bits());
      out.word64(chance.bits());
      out.bytes(chance.bits(), 4);
      out.byte(1);
      body += out.view();
    }
    Snapshot ours = s;
    const Result<std::string> answer = reconcile(ours, framed(FrameKind::sketch, {body}));
    REQUIRE(answer.has_value());
    CHECK(answer->size() <= 4 * first_sketch);
    CHECK(ours == s);
  }
}

TEST_CASE("the lead is ten seconds, or a quarter of how long sessions are kept if that is less") {
  CHECK(lead(seconds(40), seconds(120)) == seconds(10));
  CHECK(lead(seconds(40), seconds(0)) == seconds(10));
  CHECK(lead(seconds(20), seconds(0)) == seconds(5));
  CHECK(lead(seconds(8), seconds(12)) == seconds(5));
  CHECK(lead(seconds(8), seconds(4), seconds(12)) == seconds(5));
  CHECK(lead(seconds(0), seconds(12)) == seconds(3));
  CHECK(lead(seconds(0), seconds(0)) == seconds(10));
  CHECK(lead(Duration::highest(), Duration::highest()) == seconds(10));
}

TEST_CASE("a late node restarts the exchange with twice the lead, at most twice") {
  const Snapshot base = users(5);
  std::string message = presence::sketch(base);
  CHECK(as_of(message) == at(10));
  CHECK(restarts(message) == 0);
  Snapshot late = reduce(base, at(100));
  message = *reconcile(late, message);
  CHECK(as_of(message) == at(120));
  CHECK(restarts(message) == 1);
  late = reduce(base, at(200));
  message = *reconcile(late, message);
  CHECK(as_of(message) == at(240));
  CHECK(restarts(message) == 2);
  late = reduce(base, at(300));
  CHECK(*reconcile(late, message) == "");
}

TEST_CASE("messages may take half the lead each; slower ones cause at most two restarts, and the exchange ends") {
  struct Expected {
    double on_the_way;
    std::size_t messages;
    bool ours, theirs;  // who knows everything in the end
  };
  // The lead is ten seconds, then twenty, then forty; the question and the answer must both come within it.
  const Expected all[] = {{0, 3, true, true},     {4.9, 3, true, true},      {5, 3, true, true},
                          {5.001, 5, true, true}, {10, 5, true, true},       {10.001, 6, true, true},
                          {20, 6, true, true},    {40.001, 3, false, false}, {1000, 3, false, false}};
  std::vector<Rules> ways(3);
  ways[1].reorder_window = Duration();
  ways[2].session_timeout = ways[2].reorder_window = Duration();
  for (const Rules& rules : ways) {
    for (const Expected& expected : all) {
      CAPTURE(expected.on_the_way);
      Snapshot ours = with(users(20, rules), {says("jack", "hi", at(0))});
      Snapshot theirs = with(users(20, rules), {says("jill", "hi", at(0))});
      CHECK(slow_exchange(ours, theirs, seconds(expected.on_the_way)) == expected.messages);
      CHECK(ours.view("jill").has_value() == expected.ours);
      CHECK(theirs.view("jack").has_value() == expected.theirs);
    }
    // The updates of the last answer are applied; the digests it requests come too late.
    Snapshot ours = with(users(20, rules), {says("jack", "hi", at(0))});
    Snapshot theirs = with(users(20, rules), {says("jill", "hi", at(0))});
    CHECK(slow_exchange(ours, theirs, seconds(20.001)) == 4);
    CHECK(ours.view("jill").has_value() != theirs.view("jack").has_value());
  }
}

TEST_CASE("an exchange ends even if a node's clock is at the end of the timestamp range") {
  const Timestamp last = Timestamp::from_ns(INT64_MAX - 1);
  const Snapshot early = reduce(Snapshot(), last - seconds(100)), late = reduce(Snapshot(), last);
  Snapshot ours = reduce(early, says("jack", "hi", last - seconds(100)));
  Snapshot theirs = reduce(late, says("jill", "hi", last));
  CHECK(exchange(ours, theirs).size() == 4);
  CHECK(reduce(ours, last) == theirs);
}

TEST_CASE("nodes with more than max_users users after a merge are reconciled, and still reject new users") {
  Rules rules;
  rules.max_users = 2;
  const auto known = [&rules](std::initializer_list<const char*> ids) {
    Snapshot s = reduce(Snapshot(rules), at(0));
    for (const char* const id : ids) s = reduce(std::move(s), connect(id, "phone", at(0)));
    return s;
  };
  Snapshot left = known({"ann", "bob"}), right = known({"cyd", "dee"}), third = known({"eve"});
  exchange(left, right);
  CHECK(left == right);
  CHECK(left.size() == 4);
  exchange(third, left);
  exchange(right, third);
  CHECK(left == third);
  CHECK(right == third);
  CHECK(third.size() == 5);
  Told told;
  told.s = third;
  CHECK(told.fold(connect("fay", "phone", at(0))) == Verdict::over_limit);

  // All of them at once, too.
  Snapshot many = merge(known({}), users(1000)), none = known({});
  exchange(none, many);
  CHECK(none == many);
  CHECK(none.size() == 1000);
}

TEST_CASE("messages of an exchange long ago change nothing") {
  Snapshot ours = busy(users(300), 0, 60), theirs = users(310);
  std::vector<std::string> sent = {presence::sketch(ours)};
  while (!sent.back().empty()) sent.push_back(*reconcile(sent.size() % 2 == 1 ? theirs : ours, sent.back()));
  sent.pop_back();
  // Both nodes continue, and reconcile again.
  ours = with(reduce(ours, at(500)), {says(user_id(3), "back", at(500)), disconnect(user_id(4), "phone", at(499))});
  exchange(ours, theirs);
  REQUIRE(reduce(ours, at(520)) == reduce(theirs, at(520)));
  for (const std::string& stale : sent) {
    Told told;
    told.s = ours;
    std::string answer = *reconcile(told.s, stale, told);
    CHECK(told.s == ours);
    CHECK(told.changes.empty());
    // The answers to it change nothing either.
    for (int i = 0; !answer.empty(); ++i) {
      REQUIRE(i < 8);
      answer = *reconcile(i % 2 == 0 ? theirs : told.s, answer);
    }
    CHECK(told.s == ours);
    CHECK(reduce(theirs, at(520)) == reduce(ours, at(520)));
  }
}

TEST_CASE("the bytes of a sketch message are fixed") {
  // "PRSN", version 3, kind 2; a block of 691 bytes, its checksum; no timestamp, the salt, no restarts, 32 cells: each
  // the keys, their checks and their count. Then the end.
  CHECK(hex(presence::sketch(Snapshot())) ==
        "5052534e0302"
        "b302000000bb1f76c8793773"
        "00e0ceb9d40b735bcc2d3269e8527b01c50020" +
            std::string(std::size_t{2} * cell * 32, '0') + "00000000f1d1ffe1e580748f");
  // With a timestamp and a user, four cells hold something.
  const std::string sketch = presence::sketch(reduce(folded({connect("john", "phone", at(0))}), at(30)));
  std::string cells;
  for (std::size_t i = 0; i < 32; ++i) {
    const std::string_view bytes = std::string_view(sketch).substr(18 + cells_at + cell * i, cell);
    if (bytes != std::string(cell, '\0')) cells += std::to_string(i) + ":" + hex(bytes) + " ";
  }
  const std::string key = "1e88ef65494d3839816a80a0ddccea580ba7bdb201";
  CHECK(cells == "7:" + key + " 10:" + key + " 21:" + key + " 25:" + key + " ");
  // The timestamp, which is 40 seconds after the user came: ten later than now. Its salt, no restarts, 32 cells.
  CHECK(hex(std::string_view(sketch).substr(18, cells_at)) == "010070df5beb8b7715629e13aa784c11eabe1cd4bef98233570020");
}

TEST_CASE("the bytes of a missing-updates message are fixed") {
  Snapshot theirs = reduce(folded({connect("john", "phone", at(0))}), at(30));
  // "PRSN", version 3, kind 3; a block, its checksum; the timestamp; as of ten seconds later, the salt, no restarts;
  // these are not all; no digests are wanted; john, in milliseconds, with one session and one activity: "phone",
  // connected 30 s earlier, which is also when its run starts and when they were active. Then the end.
  CHECK(hex(*reconcile(theirs, presence::sketch(reduce(Snapshot(), at(30))))) ==
        "5052534e0303"
        "3a000000d5ead63c09186035"
        "01008cd307e98b7715"
        "010070df5beb8b7715629e13aa784c11eabe1cd4bef982335700"
        "0000"
        "046a6f686e0b0570686f6e6507e0d40300e0d40300"
        "000000003118ea8383a1cce5");
}

TEST_CASE("a message with any single bit flipped is rejected") {
  for (const std::string& good : {presence::sketch(users(3)), some_news()}) {
    Snapshot ours = users(3);
    for (std::size_t bit = 0; bit < 8 * good.size(); ++bit) {
      std::string bad = good;
      bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ 1 << bit % 8);
      CAPTURE(bit);
      CHECK_FALSE(reconcile(ours, bad).has_value());
    }
    CHECK(ours == users(3));
  }
}

TEST_CASE("missing updates with ids or statuses longer than the limits are over_limit") {
  Rules rules;
  rules.max_id_bytes = 3;
  Snapshot theirs = with(users(0), {says("jack", "busy", at(0))});
  const std::string news = *reconcile(theirs, presence::sketch(users(0)));
  // 54: how many are wanted, none; 55: jack.
  check_refused(news, ErrorCode::over_limit, 55, users(0, rules));
  rules.max_id_bytes = 4;
  rules.max_status_bytes = 3;
  check_refused(news, ErrorCode::over_limit, 55 + 5 + 1 + 1 + 1, users(0, rules));
}

TEST_CASE("a user repeated in a missing-updates message is rejected") {
  Snapshot theirs = with(users(0), {says("jack", "busy", at(0))});
  const std::string body = body_of(*reconcile(theirs, presence::sketch(users(0))));
  const std::string jack = body.substr(37);
  check_refused(framed(FrameKind::updates, {body + jack}), ErrorCode::syntax, 18 + body.size());
  check_refused(framed(FrameKind::updates, {body + jack.substr(0, 3)}), ErrorCode::truncated, 18 + body.size() + 3);
}

TEST_CASE("numbers in messages with redundant bytes are rejected") {
  const std::string sketch = body_of(presence::sketch(users(3))), news = body_of(some_news());
  check_refused(framed(FrameKind::sketch, {sketch.substr(0, 26) + "\240" + std::string(1, '\0') + sketch.substr(27)}),
                ErrorCode::syntax, 44);
  check_refused(framed(FrameKind::updates, {news.substr(0, wanted_at) + "\200" + std::string(1, '\0')}),
                ErrorCode::syntax, 54);
}

TEST_CASE("messages that announce more cells or wanted digests than they contain are rejected") {
  detail::ByteWriter cells, wanted;
  cells.number(std::uint64_t{1} << 63);  // which is 32 times a power of four
  wanted.number(UINT64_MAX);
  const std::string sketch = body_of(presence::sketch(users(3))), news = body_of(some_news());
  const std::string much =
      framed(FrameKind::sketch, {sketch.substr(0, 26) + std::string(cells.view()) + sketch.substr(27)});
  check_refused(much, ErrorCode::syntax, much.size());
  const std::string more =
      framed(FrameKind::updates, {news.substr(0, wanted_at) + std::string(wanted.view()) + word(1) + word(1)});
  check_refused(more, ErrorCode::syntax, more.size());
}

TEST_CASE("the blocks of a sketch must end at the prescribed cell") {
  const std::string head = body_of(presence::sketch(users(3))).substr(0, 26);
  const std::string cells = "\200\20" + std::string(std::size_t{2048} * cell, '\0');
  // 28 bytes, then cells up to the first that ends at 16384 or later.
  const std::size_t first = 28 + cell * 779;
  Snapshot s = users(3);
  const std::size_t second = cell * 781;
  CHECK(reconcile(s, framed(FrameKind::sketch, {(head + cells).substr(0, first), (head + cells).substr(first, second),
                                                (head + cells).substr(first + second)}))
            .has_value());
  check_refused(framed(FrameKind::sketch, {head + cells}), ErrorCode::syntax, 18 + first);
}

TEST_CASE("the answer to a hostile sketch stays within a larger sketch, or all users") {
  Chance chance(2);
  const Snapshot s = users(100);
  const std::string head = body_of(presence::sketch(s)).substr(0, cells_at);
  for (std::size_t keys = 1; keys < 60; ++keys) {
    detail::Sketch sketch(32);
    for (std::size_t i = 0; i < keys; ++i) sketch.add({chance.bits(), chance.bits()});
    detail::ByteWriter out;
    for (std::size_t i = 0; i < 32; ++i) sketch.append_cell(out, i);
    Snapshot ours = s;
    const std::string answer = *reconcile(ours, framed(FrameKind::sketch, {head + std::string(out.view())}));
    CHECK(answer.size() <= 4 * first_sketch);
    CHECK(ours == s);
  }
  // Larger than any that would be answered by a larger one: all users are.
  detail::ByteWriter out;
  out.number(8192);
  std::string body = head.substr(0, 26) + std::string(out.view());
  std::vector<std::string> blocks;
  for (std::size_t i = 0; i < 8192; ++i) {
    body += word(chance.bits()) + word(chance.bits()) + word(chance.bits()).substr(3);
    if (body.size() >= detail::block_size) blocks.push_back(std::exchange(body, {}));
  }
  if (!body.empty()) blocks.push_back(body);
  Snapshot ours = s;
  const std::string answer = *reconcile(ours, framed(FrameKind::sketch, blocks));
  CHECK(is_news(answer));
  CHECK(answer.size() <= encode(s).size() + 32);
}

TEST_CASE("a sketch with a key in a wrong cell is not decoded: the answer is a larger sketch or all users") {
  // What the cells of a user hold, in one more, or in one less.
  const Snapshot s = users(1);
  const std::string body = body_of(presence::sketch(s));
  std::string key;
  std::vector<std::size_t> places;
  for (std::size_t place = cells_at; place < body.size(); place += cell) {
    if (body.substr(place, cell) == std::string(cell, '\0')) continue;
    key = body.substr(place, cell);
    places.push_back(place);
  }
  REQUIRE(places.size() == 4);
  for (std::size_t place = cells_at; place < body.size(); place += cell) {
    std::string bad = body;
    bad.replace(place, cell, bad.substr(place, cell) == key ? std::string(cell, '\0') : key);
    for (Snapshot ours : {s, users(0), users(100)}) {
      const Snapshot before = ours;
      const Result<std::string> answer = reconcile(ours, framed(FrameKind::sketch, {bad}));
      REQUIRE(answer.has_value());
      CHECK((is_sketch(*answer) || (*answer)[53] == 1));  // no sketch of anything: a larger one, or all
      CHECK(ours == before);
    }
  }
}

TEST_CASE("missing updates that want unknown digests get no answer and change nothing") {
  const Snapshot s = users(100);
  const std::string head = body_of(some_news()).substr(0, 35);
  for (const unsigned many_restarts : {0u, 2u}) {
    std::string body = head;
    body[34] = static_cast<char>(many_restarts);
    body[18] = static_cast<char>(body[18] ^ 1);  // a salt that nobody has
    detail::ByteWriter wanted;
    wanted.number(1000);
    body = body.substr(0, 35) + std::string(1, '\0') + std::string(wanted.view());
    for (std::uint64_t i = 0; i < 1000; ++i) body += word(i % 7) + word(i);
    Snapshot ours = s;
    CHECK(*reconcile(ours, framed(FrameKind::updates, {body})) == "");
    CHECK(ours == s);
  }
}
