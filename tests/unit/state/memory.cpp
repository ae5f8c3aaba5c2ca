// SPDX-License-Identifier: MIT

// A snapshot takes all its memory from the host allocator, and a failed allocation leaves it unchanged. This file
// defines its own allocator and therefore its own namespace: it shares no helpers with the other test files.

#include <cstddef>
#include <cstdlib>
#include <new>

namespace host {
struct Memory {
  std::size_t blocks = 0, bytes = 0, asked = 0, wrong = 0;
  std::size_t fails_after = static_cast<std::size_t>(-1);
  void (*when_asked)() = nullptr;
};
inline Memory memory;
void* allocate(std::size_t bytes, std::size_t alignment);
void free(void* block, std::size_t bytes, std::size_t alignment) noexcept;
}  // namespace host

#define PRESENCE_ALLOC(bytes, alignment) host::allocate(bytes, alignment)
#define PRESENCE_FREE(block, bytes, alignment) host::free(block, bytes, alignment)

#include <doctest/doctest.h>
#include <presence/presence.hpp>
#include <presence/registers/detail/data.hpp>
#include <presence/state/detail/change_sink.hpp>

#include <cstdint>
#include <functional>
#include <random>
#include <string>
#include <utility>
#include <vector>

// In a build with other files the library may have been included before the macros were defined.
#if PRESENCE_CUSTOM_ALLOCATOR

void* host::allocate(std::size_t bytes, std::size_t alignment) {
  if (bytes == 0 || alignment > 16 || (alignment & (alignment - 1)) != 0) ++memory.wrong;
#if defined(__cpp_exceptions)
  if (memory.asked == memory.fails_after) throw std::bad_alloc();
#endif
  if (memory.when_asked != nullptr) memory.when_asked();
  ++memory.asked;
  ++memory.blocks;
  memory.bytes += bytes;
#if defined(__wasm__)  // where malloc aligns to 8 bytes only
  return std::aligned_alloc(16, (bytes + 15) / 16 * 16);
#else
  return std::malloc(bytes);
#endif
}

void host::free(void* block, std::size_t bytes, std::size_t) noexcept {
  --memory.blocks;
  memory.bytes -= bytes;
  // A read after the free finds other bytes. Volatile: compilers omit writes to memory that is about to be freed.
  for (std::size_t i = 0; i < bytes; ++i) static_cast<volatile unsigned char*>(block)[i] = 0xDD;
  std::free(block);
}

namespace {

using namespace presence;

Timestamp second(std::int64_t s) { return Timestamp::from_ms(s * 1000); }

std::string long_id(std::size_t i) {
  return "an id that is too long to be kept inside a string, number " + std::to_string(i);
}

Snapshot many_users(std::size_t count) {
  Rules rules;
  rules.offline_grace = Duration::from_s(5);
  Snapshot s(rules);
  for (std::size_t i = 0; i < count; ++i) {
    PresenceEvent hello = PresenceEvent::connect(long_id(i), long_id(i), second(static_cast<std::int64_t>(i % 7)));
    hello.status = long_id(i);
    hello.invisible = i % 5 == 0;
    s = reduce(std::move(s), hello);
    if (i % 3 == 0) s = reduce(std::move(s), PresenceEvent::disconnect(long_id(i), "laptop", second(9)));
    if (i % 4 == 0) s = reduce(std::move(s), PresenceEvent::report(long_id(i), true, second(5)));
  }
  return s;
}

}  // namespace

TEST_CASE("a snapshot takes all its memory from the host allocator and returns it") {
  const std::size_t blocks = host::memory.blocks, bytes = host::memory.bytes;
  {
    Snapshot s = many_users(200);
    CHECK(host::memory.blocks > blocks + 200);
    CHECK(host::memory.bytes > bytes + 200 * 4 * long_id(0).size());
    const Snapshot copy = s;
    s = reduce(std::move(s), second(3600));
    s = merge(std::move(s), copy);
    s = forget_reports(std::move(s));
    const Snapshot taken = std::move(s);
    CHECK(taken.size() == 200);
  }
  CHECK(host::memory.blocks == blocks);
  CHECK(host::memory.bytes == bytes);
  CHECK(host::memory.wrong == 0);
}

TEST_CASE("copying, moving and reading a snapshot allocates nothing") {
  Snapshot s = many_users(200);
  const std::size_t asked = host::memory.asked;
  const Snapshot copy = s;
  Snapshot other = copy;
  other = s;
  CHECK(other.view(long_id(7))->status == long_id(7));
  CHECK(other.online(long_id(7)));
  CHECK(other.next_deadline().has_value());
  std::size_t known = 0;
  for (const UserView user : other) known += user.id.empty() ? 0u : 1u;
  CHECK(known == other.size());
  std::size_t ids = 0, sessions = 0;
  other.each_user_id([&ids](std::string_view) { ++ids; });
  other.each_session("an id that", [&sessions](std::string_view, std::string_view) { ++sessions; });
  CHECK(ids == 200);
  CHECK(sessions == 200);
  CHECK(disconnect_sessions(other, "", Timestamp::highest()).invalid == 200);
  const Snapshot taken = std::move(other);
  CHECK(other == Snapshot{});
  CHECK(Snapshot().size() == 0);
  diff(s, taken, [](const UserPresenceChangedView&) {});
  CHECK(host::memory.asked == asked);
}

TEST_CASE("forgotten users release their memory") {
  Rules rules;
  rules.forget_after = Duration::from_s(3600);
  const std::size_t bytes = host::memory.bytes;
  Snapshot s(rules);
  s = reduce(std::move(s), second(0));
  const std::size_t empty = host::memory.bytes - bytes;
  for (std::size_t i = 0; i < 200; ++i) {
    PresenceEvent hello = PresenceEvent::connect(long_id(i), long_id(i), second(0));
    hello.status = long_id(i);
    s = reduce(std::move(s), hello);
  }
  CHECK(host::memory.bytes - bytes > empty + 200 * 3 * long_id(0).size());
  s = reduce(std::move(s), second(3600));
  CHECK(s == reduce(Snapshot(rules), second(3600)));
  CHECK(host::memory.bytes - bytes == empty);
}

TEST_CASE("an activity is one allocation, which copies share, beside its long names and strings") {
  const auto object_of = [](std::size_t members, const char* before) {
    Attributes fields;
    for (std::size_t i = 0; i < members; ++i) fields[before + std::to_string(i)] = static_cast<int>(i);
    return Value::object(std::move(fields));
  };
  const host::Memory before = host::memory;
  for (const std::size_t members : {std::size_t{0}, std::size_t{1}, std::size_t{5}, std::size_t{300}}) {
    CAPTURE(members);
    const Value object = object_of(members, "n");
    const host::Memory without = host::memory;
    const detail::KeptValuePointer kept(object);
    const std::size_t bytes = 2 * sizeof(std::uint32_t) + members * sizeof(ValueMember);
    CHECK(host::memory.blocks - without.blocks == 1);
    CHECK(host::memory.bytes - without.bytes == bytes);
    CHECK(kept);
    CHECK(kept.members() == object.members());
    CHECK(Value(kept.view()) == object);
    CHECK(kept.memory() >= bytes);
    CHECK(kept == detail::KeptValuePointer(object));
    CHECK(!(kept == detail::KeptValuePointer(object_of(members + 1, "n"))));
    CHECK(!(kept == detail::KeptValuePointer()));

    const std::size_t asked = host::memory.asked;
    detail::KeptValuePointer copy(kept), moved(std::move(copy));
    CHECK(!copy);
    copy = moved;
    copy = kept;
    moved = detail::KeptValuePointer();
    CHECK(copy.members().data() == kept.members().data());
    CHECK(host::memory.asked == asked);
  }
  {
    Value object = object_of(3, "a name that is not inside ");
    const std::size_t asked = host::memory.asked;
    detail::KeptValuePointer last(std::move(object));
    CHECK(host::memory.asked - asked == 1);  // the members are moved
    const detail::KeptValuePointer other = last;
    last = detail::KeptValuePointer(object_of(2, "n"));
    CHECK(other.members()[2].name() == "a name that is not inside 2");
    last = other;
  }
  const detail::KeptValuePointer none;
  CHECK(!none);
  CHECK(none.view().is_absent());
  CHECK(none.members().empty());
  CHECK(none.memory() == 0);
  CHECK(none == detail::KeptValuePointer());
  CHECK(detail::KeptValuePointer(Value("no object")).members().empty());
  CHECK(host::memory.blocks == before.blocks);
  CHECK(host::memory.bytes == before.bytes);
}

TEST_CASE("a rejected event and an advance to the current time allocate nothing") {
  Snapshot s = reduce(many_users(50), second(100));
  const Snapshot shared = s;
  const PresenceEvent late = PresenceEvent::connect(long_id(1), "phone", second(-100));
  const PresenceEvent early = PresenceEvent::connect(long_id(1), "phone", second(1000));
  const PresenceEvent invalid = PresenceEvent::connect(long_id(1), "", second(100));
  const auto no_callback = [](const UserPresenceChangedView&) {};
  const std::size_t asked = host::memory.asked;
  CHECK(apply(s, late, no_callback) == Verdict::too_late);
  CHECK(apply(s, early, no_callback) == Verdict::too_early);
  CHECK(apply(s, invalid, no_callback) == Verdict::invalid);
  CHECK(apply(s, second(100), no_callback) == Verdict::unchanged);
  CHECK(host::memory.asked == asked);
}

namespace {

/// The bytes that `hold` allocates and does not free.
template <class Hold>
std::size_t bytes_held(Hold hold) {
  const std::size_t before = host::memory.bytes;
  const auto held = hold();
  return host::memory.bytes - before;
}

constexpr std::size_t full_users = 40;  // more than one page holds

/// Ways to make users hold more memory than they need later. Each leaves the users known.
struct Shape {
  const char* name;
  std::function<void(Snapshot&, const std::string&)> fill;
};

std::vector<Shape> shapes() {
  const auto ignore = [](const UserPresenceChangedView&) {};
  const std::string long_text(240, 's');
  return {
      {"many sessions that time out",
       [=](Snapshot& s, const std::string& id) {
         for (int k = 0; k < 128; ++k)
           apply(s, PresenceEvent::heartbeat(id, std::to_string(k) + long_text, second(k % 60)), ignore);
       }},
      {"many sessions that disconnect, several times each",
       [=](Snapshot& s, const std::string& id) {
         for (int k = 0; k < 16; ++k) {
           const std::string session = std::to_string(k);
           apply(s, PresenceEvent::connect(id, session, second(1)), ignore);
           for (int d = 2; d < 12; ++d) apply(s, PresenceEvent::disconnect(id, session, second(d)), ignore);
         }
       }},
      {"one session with a long id",
       [=](Snapshot& s, const std::string& id) { apply(s, PresenceEvent::connect(id, long_text, second(3)), ignore); }},
      {"many changes of visibility",
       [=](Snapshot& s, const std::string& id) {
         for (int k = 0; k < 60; ++k) {
           PresenceEvent event = PresenceEvent::connect(id, "phone", second(k));
           event.invisible = k % 2 == 0;
           apply(s, event, ignore);
         }
       }},
      {"many steps of last_active",
       [=](Snapshot& s, const std::string& id) {
         for (int k = 0; k < 60; ++k) apply(s, PresenceEvent::connect(id, "phone", second(k)), ignore);
       }},
      {"a long status, then a short one, and a second session",
       [=](Snapshot& s, const std::string& id) {
         apply(s, PresenceEvent::connect(id, "phone", second(1)), ignore);
         apply(s, PresenceEvent::set_status(id, std::string(1000, 'x'), second(2)), ignore);
         apply(s, PresenceEvent::connect(id, long_text, second(3)), ignore);
         apply(s, PresenceEvent::set_status(id, "brb", second(4)), ignore);
       }},
  };
}

}  // namespace

TEST_CASE("advancing past the last deadline and the reorder_window releases memory that is no longer needed") {
  for (const Duration grace : {Duration(), Duration::from_s(10)}) {
    for (const Duration forget_after : {Duration::highest(), Duration::from_s(30 * 86400)}) {
      for (const Duration timeout : {Duration::from_s(40), Duration::from_s(0)}) {
        for (const Shape& shape : shapes()) {
          for (const bool in_ticks : {false, true}) {
            CAPTURE(shape.name);
            CAPTURE(in_ticks);
            CAPTURE(grace.ns());
            CAPTURE(timeout.ns());
            Rules rules;
            rules.offline_grace = grace;
            rules.forget_after = forget_after;
            rules.session_timeout = timeout;
            Snapshot s = reduce(Snapshot(rules), second(60));
            const std::size_t empty = host::memory.bytes;
            for (std::size_t u = 0; u < full_users; ++u) shape.fill(s, "user" + std::to_string(u));
            if (timeout == Duration()) {
              // Sessions do not time out, so all of them disconnect.
              for (std::size_t u = 0; u < full_users; ++u) {
                const std::string id = "user" + std::to_string(u);
                const PresenceState state = *s.inspect(id);
                for (const Session& session : state.sessions)
                  apply(s, PresenceEvent::disconnect(id, session.id, second(61)),
                        [](const UserPresenceChangedView&) {});
              }
            }
            Snapshot kept = s;  // shares the memory that is released
            // 61 s: the last evidence; then the timeout, the grace and the window of two minutes.
            const std::int64_t past = 61 + 40 + 10 + 120 + 1;
            if (in_ticks) {
              for (std::int64_t t = 61; t <= past; t += 3) s = reduce(std::move(s), second(t));
            } else {
              s = reduce(std::move(s), second(past));
            }
            const std::string bytes = encode(s);
            kept = Snapshot();
            const std::size_t held = host::memory.bytes - empty;
            const std::size_t fresh = bytes_held([&] { return *decode(bytes, rules); });
            CHECK(s.size() == full_users);
            CHECK(2 * held <= 3 * fresh);
          }
        }
      }
    }
  }
}

namespace {

/// How the last session of a user ends, after a long time and what happened shortly before.
struct End {
  Duration timeout, grace, forget_after;
  bool is_disconnect;
  const char* late;
};

std::vector<End> ends() {
  std::vector<End> all;
  for (const Duration forget_after : {Duration::highest(), Duration::from_s(30 * 86400)}) {
    for (const Duration grace : {Duration(), Duration::from_s(10)}) {
      for (const char* const late : {"nothing", "connects", "changes of visibility"}) {
        all.push_back({Duration::from_s(40), grace, forget_after, true, late});
        all.push_back({Duration::from_s(40), grace, forget_after, false, late});
        all.push_back({Duration(), grace, forget_after, true, late});
      }
    }
  }
  return all;
}

}  // namespace

TEST_CASE("a reorder_window after the last session has ended memory that is no longer needed is released") {
  const auto ignore = [](const UserPresenceChangedView&) {};
  for (const End& end : ends()) {
    for (const Shape& shape : shapes()) {
      CAPTURE(shape.name);
      CAPTURE(end.timeout.ns());
      CAPTURE(end.grace.ns());
      CAPTURE(end.forget_after.ns());
      CAPTURE(end.is_disconnect);
      CAPTURE(end.late);
      Rules rules;
      rules.session_timeout = end.timeout;
      rules.forget_after = end.forget_after;
      rules.offline_grace = end.grace;
      Snapshot s = reduce(Snapshot(rules), second(60));
      const std::size_t empty = host::memory.bytes;
      std::vector<std::string> ids;
      for (int u = 0; u < 4; ++u) ids.push_back("user" + std::to_string(u));
      for (const std::string& id : ids) shape.fill(s, id);
      // One session lives on for so long that the memory of the others would have been released before.
      for (std::int64_t t = 60; t <= 300; t += 30) {
        s = reduce(std::move(s), second(t));
        for (const std::string& id : ids) apply(s, PresenceEvent::heartbeat(id, "phone", second(t)), ignore);
      }
      for (const std::string& id : ids) {
        for (int k = 0; *end.late != 'n' && k < 40; ++k) {
          PresenceEvent event = PresenceEvent::connect(id, "phone", second(300) - Duration::from_ns(39 - k));
          if (end.late == std::string_view("changes of visibility")) event.invisible = k % 2 == 0;
          apply(s, event, ignore);
        }
        if (!end.is_disconnect) continue;
        const PresenceState state = *s.inspect(id);
        for (const Session& session : state.sessions)
          apply(s, PresenceEvent::disconnect(id, session.id, second(301)), ignore);
      }
      const std::int64_t ended = end.is_disconnect ? 301 : 340;
      const std::int64_t released = ended + end.grace.ns() / 1000000000 + 120 + 1;
      for (const std::int64_t last : {released, released + 40}) {
        for (std::int64_t t = last == released ? 310 : released + 1; t <= last; ++t)
          s = reduce(std::move(s), second(t));
        const std::size_t held = host::memory.bytes - empty;
        const std::string bytes = encode(s);
        const std::size_t fresh = bytes_held([&] { return *decode(bytes, rules); });
        CHECK(2 * held <= 3 * fresh);
      }
    }
  }
}

TEST_CASE("a removal that is no longer needed and the text of an ended status release their memory") {
  const auto ignore = [](const UserPresenceChangedView&) {};
  const std::string long_text(240, 's');
  const auto with_end = [&](Snapshot& s, const std::string& id, std::int64_t end) {
    PresenceEvent event = PresenceEvent::set_status(id, long_text, second(60));
    event.until = second(end);
    apply(s, event, ignore);
  };
  struct Case {
    std::int64_t released;
    Shape shape;
  };
  const std::vector<Case> cases = {
      // Until then a heartbeat may be late by the window of two minutes and round down to 0 s, the step of 15 minutes.
      {900 + 120,
       {"a removal of a user who returns",
        [=](Snapshot& s, const std::string& id) {
          apply(s, PresenceEvent::remove(id, second(59)), ignore);
          apply(s, PresenceEvent::connect(id, "phone", second(60)), ignore);
        }}},
      {1000, {"a status that ends", [=](Snapshot& s, const std::string& id) { with_end(s, id, 1000); }}},
      {60 + 120 + 1,
       {"a status that ends within the window", [=](Snapshot& s, const std::string& id) { with_end(s, id, 70); }}},
  };
  for (const Case& one : cases) {
    for (const bool in_ticks : {false, true}) {
      CAPTURE(one.shape.name);
      CAPTURE(in_ticks);
      Snapshot s = reduce(Snapshot(), second(60));
      const std::size_t empty = host::memory.bytes;
      for (std::size_t u = 0; u < full_users; ++u) one.shape.fill(s, "user" + std::to_string(u));
      for (std::int64_t t = in_ticks ? 61 : one.released; t <= one.released; ++t) s = reduce(std::move(s), second(t));
      CHECK(s.size() == full_users);
      const std::size_t held = host::memory.bytes - empty;
      const std::string bytes = encode(s);
      const std::size_t fresh = bytes_held([&] { return *decode(bytes, Rules()); });
      CHECK(2 * held <= 3 * fresh);
    }
  }
}

TEST_CASE("memory is released in time beside users whose memory is needed for longer") {
  Snapshot s = reduce(Snapshot(), second(60));
  const std::size_t empty = host::memory.bytes;
  for (std::size_t u = 0; u < full_users; ++u) {
    const std::string id = "user" + std::to_string(u);
    apply(s, u % 4 == 0 ? PresenceEvent::remove(id, second(60)) : PresenceEvent::connect(id, "phone", second(60)));
  }
  // The removals are needed up to 1020 s, what these connects leave up to two minutes after the session timed out.
  for (std::int64_t t = 60; t < 80; ++t) {
    s = reduce(std::move(s), second(t));
    for (std::size_t u = 0; u < full_users; ++u) {
      if (u % 4 != 0) apply(s, PresenceEvent::connect("user" + std::to_string(u), "phone", second(t)));
    }
  }
  for (std::int64_t t = 80; t <= 80 + 60 + 120 + 1; ++t) s = reduce(std::move(s), second(t));
  const std::size_t held = host::memory.bytes - empty;
  const std::string bytes = encode(s);
  CHECK(2 * held <= 3 * bytes_held([&] { return *decode(bytes, Rules()); }));
}

TEST_CASE("a status that is forgotten by age releases its memory, although sessions are kept for late events") {
  Rules rules;
  rules.forget_after = Duration::from_s(10);
  const std::string text(240, 's');
  Snapshot s = reduce(Snapshot(rules), second(60));
  for (std::size_t u = 0; u < full_users; ++u) {
    const std::string id = "user" + std::to_string(u);
    apply(s, PresenceEvent::connect(id, "phone", second(60)));
    apply(s, PresenceEvent::set_status(id, text, second(60)));
    apply(s, PresenceEvent::disconnect(id, "phone", second(61)));
  }
  const std::size_t before = host::memory.bytes;
  s = reduce(std::move(s), second(69));
  CHECK(s.size() == full_users);
  s = reduce(std::move(s), second(72));
  CHECK(s.size() == 0);
  CHECK(s.inspect("user0"));  // a late heartbeat of its session would be another one
  CHECK(host::memory.bytes + full_users * text.size() <= before);
}

#if defined(__cpp_exceptions)

namespace {

/// Calls `call` with memory for `after` allocations. Returns whether it ran out of memory.
template <class Call>
bool runs_out(std::size_t after, Call call) {
  bool failed = false;
  host::memory.fails_after = host::memory.asked + after;
  try {
    call();
  } catch (const std::bad_alloc&) {
    failed = true;
  }
  host::memory.fails_after = static_cast<std::size_t>(-1);
  return failed;
}

/// Lets each allocation of a call fail in turn. The snapshot must be unchanged each time, until the call finally
/// succeeds.
template <class Call>
void check_every_failure(const Snapshot& from, Call call) {
  const std::uint64_t digest = from.digest();
  const std::size_t known = from.size(), online = from.online_count();
  const auto deadline = from.next_deadline();
  Snapshot expected = from;
  call(expected);
  for (const bool shared : {true, false}) {
    // Each failure twice: the first comparison may mark pages of `from`, in blocks that remain allocated.
    for (std::size_t twice = 0;; ++twice) {
      const std::size_t after = twice / 2;
      REQUIRE(after < 5000);
      Snapshot s = shared ? from : merge(Snapshot(from.rules()), from);
      const std::size_t blocks = host::memory.blocks;
      if (!runs_out(after, [&] { call(s); })) {
        REQUIRE(s == expected);
        break;
      }
      REQUIRE(s == from);
      REQUIRE(s.digest() == digest);
      REQUIRE(s.size() == known);
      REQUIRE(s.online_count() == online);
      REQUIRE(s.next_deadline() == deadline);
      if (deadline) {  // which must still pass for each user
        const std::size_t online_after = reduce(from, *deadline).online_count();
        s = reduce(std::move(s), *deadline);
        REQUIRE(s.online_count() == online_after);
      }
      s = Snapshot();
      if (twice % 2 == 1) REQUIRE(host::memory.blocks <= blocks);
    }
  }
  REQUIRE(from.digest() == digest);
}

void hear(const UserPresenceChangedView&) {}

}  // namespace

TEST_CASE("running out of memory while applying an event leaves the snapshot unchanged") {
  const Snapshot s = many_users(130);
  PresenceEvent hello = PresenceEvent::connect(long_id(500), long_id(501), second(8));
  hello.status = long_id(502);
  hello.invisible = false;
  check_every_failure(s, [&](Snapshot& t) { apply(t, hello, hear); });
  hello.user = long_id(77);
  check_every_failure(s, [&](Snapshot& t) { apply(t, hello, hear); });
  check_every_failure(Snapshot(), [&](Snapshot& t) { apply(t, hello, hear); });
  const PresenceEvent left = PresenceEvent::disconnect(long_id(77), long_id(77), second(9));
  check_every_failure(s, [&](Snapshot& t) { apply(t, left, hear); });
}

TEST_CASE("a snapshot whose first event ran out of memory works as an empty snapshot") {
  const PresenceEvent hello = PresenceEvent::connect(long_id(1), long_id(2), second(8));
  for (std::size_t after = 0;; ++after) {
    Snapshot one, other;
    const bool failed = runs_out(after, [&] { apply(one, hello, hear); });
    CHECK(failed == runs_out(after, [&] { apply(other, hello, hear); }));
    if (!failed) break;
    CHECK(one == other);
    CHECK(one.begin() == one.end());
    std::size_t changes = 0;
    diff(one, other, [&](const UserPresenceChangedView&) { ++changes; });
    CHECK(changes == 0);
    CHECK(query(one, UserQuery()).empty());
    CHECK(*decode(encode(one), Rules()) == other);
    CHECK(merge(one, other) == other);
    CHECK(merge(reduce(one, hello), other) == reduce(Snapshot(), hello));
  }
}

TEST_CASE("running out of memory while splitting a page leaves the snapshot unchanged") {
  Snapshot s;
  for (char c = 'a'; c <= 'z'; ++c) {
    for (const char* d : {"1", "2", "3", "4", "5"})
      s = reduce(std::move(s), PresenceEvent::set_status(c + std::string(d), "", second(0)));
  }
  const PresenceEvent between = PresenceEvent::set_status("a1 and a bit", "", second(0));
  check_every_failure(s, [&](Snapshot& t) { apply(t, between, hear); });
}

TEST_CASE("running out of memory while records are removed and users time out leaves the snapshot unchanged") {
  Snapshot s = reduce(Snapshot(), second(0));
  for (std::size_t i = 0; i < 40; ++i) {
    s = reduce(std::move(s), PresenceEvent::disconnect(long_id(i), "phone", second(0)));  // a user who is not known
    s = reduce(std::move(s), PresenceEvent::connect(long_id(100 + i), "phone", second(0)));
  }
  check_every_failure(s, [](Snapshot& t) { apply(t, second(1000), detail::NoCallback()); });
  check_every_failure(s, [](Snapshot& t) { apply(t, second(1000), hear); });
}

TEST_CASE("running out of memory while time advances leaves the snapshot unchanged") {
  const Snapshot s = many_users(130);
  check_every_failure(s, [](Snapshot& t) { apply(t, second(48), hear); });
  check_every_failure(s, [](Snapshot& t) { apply(t, second(1000), hear); });
  Rules rules;
  rules.forget_after = Duration::from_s(40);
  Snapshot forgetful(rules);
  for (std::size_t i = 0; i < 70; ++i)
    forgetful = reduce(std::move(forgetful), PresenceEvent::connect(long_id(i), long_id(i), second(i % 2)));
  forgetful = reduce(std::move(forgetful), PresenceEvent::connect(long_id(0), "phone", second(2)));
  check_every_failure(forgetful, [](Snapshot& t) { apply(t, second(42), hear); });
  check_every_failure(forgetful, [](Snapshot& t) { apply(t, second(1000), hear); });
  const Snapshot grown = reduce(forgetful, second(41));
  const PresenceEvent left = PresenceEvent::disconnect(long_id(0), "phone", second(41));
  check_every_failure(grown, [&](Snapshot& t) { apply(t, left, hear); });
  check_every_failure(s, [](Snapshot& t) {
    Snapshot later = reduce(t, second(1000));
    t = std::move(later);
  });
}

TEST_CASE(
    "running out of memory in merge_into, resync, forget_reports_in or disconnect_sessions leaves the snapshot "
    "unchanged") {
  const Snapshot s = many_users(70);
  Snapshot other = reduce(many_users(20), PresenceEvent::set_status(long_id(900), long_id(901), second(3)));
  for (std::size_t i = 0; i < 20; ++i) {
    other = reduce(std::move(other), PresenceEvent::heartbeat(long_id(i), "a second session of that user", second(9)));
  }
  other = reduce(std::move(other), second(30));
  check_every_failure(s, [&](Snapshot& t) { merge_into(t, other, hear); });
  // Heartbeats are written in place before the merge starts a copy for the other differences.
  for (const std::size_t statuses : {2u, 60u, 110u}) {
    const Snapshot many = many_users(130);
    Snapshot ahead = merge(Snapshot(many.rules()), many);
    for (std::size_t i = 0; i < 130; ++i) {
      if (i % 11 != 0) ahead = reduce(std::move(ahead), PresenceEvent::heartbeat(long_id(i), long_id(i), second(9)));
      if (i < statuses)
        ahead = reduce(std::move(ahead), PresenceEvent::set_status(long_id(i), long_id(902), second(9)));
    }
    check_every_failure(many, [&](Snapshot& t) { merge_into(t, ahead, hear); });
  }
  const std::vector<PresenceEvent> list = {PresenceEvent::report(long_id(4), true, second(6)),
                                           PresenceEvent::report(long_id(903), true, second(6))};
  check_every_failure(s, [&](Snapshot& t) { resync(t, list.begin(), list.end(), second(6), hear); });
  check_every_failure(s, [&](Snapshot& t) { forget_reports_in(t, hear); });
  check_every_failure(s, [&](Snapshot& t) { disconnect_sessions(t, "an id that", second(8), hear); });
}

TEST_CASE("running out of memory while a small message is merged in place restores the deadlines as well") {
  Snapshot s = reduce(Snapshot(), second(0));
  for (std::size_t i = 0; i < 70; ++i) s = reduce(std::move(s), PresenceEvent::connect(long_id(i), "phone", second(0)));
  Snapshot later_ones = reduce(Snapshot(), second(50));  // the others time out
  for (std::size_t i = 0; i < 5; ++i)
    later_ones = reduce(std::move(later_ones), PresenceEvent::heartbeat(long_id(i), "phone", second(30)));
  check_every_failure(s, [&](Snapshot& t) { merge_into(t, later_ones, hear); });
}

TEST_CASE("running out of memory while messages of one event for each user are merged changes no user") {
  for (const std::int64_t grace : {0, 10}) {
    Rules rules;
    rules.offline_grace = Duration::from_s(grace);
    Snapshot s = reduce(Snapshot(rules), second(0));
    for (std::size_t i = 0; i < 30; ++i)
      s = reduce(std::move(s), PresenceEvent::connect(long_id(i), "phone", second(0)));
    s = reduce(std::move(s), PresenceEvent::disconnect(long_id(3), "phone", second(1)));
    s = reduce(std::move(s), second(50));  // all have timed out, so a connect begins a run
    const std::vector<PresenceEvent> events = {PresenceEvent::connect(long_id(1), "phone", second(51)),
                                               PresenceEvent::disconnect(long_id(2), "phone", second(51)),
                                               PresenceEvent::connect(long_id(3), "phone", second(51)),
                                               PresenceEvent::set_status(long_id(4), long_id(900), second(51)),
                                               PresenceEvent::connect(long_id(5), "tv", second(51)),
                                               PresenceEvent::connect(long_id(901), "phone", second(51))};
    Snapshot all(rules);
    for (const PresenceEvent& event : events) {
      const Snapshot one = reduce(Snapshot(rules), event);
      all = reduce(std::move(all), event);
      check_every_failure(s, [&](Snapshot& t) { merge_into(t, one, hear); });
      check_every_failure(s, [&](Snapshot& t) { merge_into(t, all, hear); });
    }
  }
}

TEST_CASE("running out of memory after some events of a small message were applied in place undoes them") {
  for (const char* const session : {"phone", "tv"}) {  // the first session, and one outside the row
    CAPTURE(session);
    Snapshot s = reduce(Snapshot(), second(0));
    for (const char* const one : {"phone", "tv"}) s = reduce(std::move(s), PresenceEvent::connect("u", one, second(0)));
    s = reduce(std::move(s), second(50));
    s = reduce(std::move(s), PresenceEvent::heartbeat("u", session, second(45)));
    Snapshot small;  // its first heartbeat lengthens a run of ours, so the last one is not all
    for (const std::int64_t at : {-10, 30, 60})
      small = reduce(std::move(small), PresenceEvent::heartbeat("u", session, second(at)));
    check_every_failure(s, [&](Snapshot& t) { merge_into(t, small); });
    check_every_failure(s, [&](Snapshot& t) { merge_into(t, small, hear); });
  }
}

namespace {

/// A random history of all operations on a snapshot, with strings that need memory and strings that do not.
class History {
 public:
  History(std::uint32_t seed, std::uint32_t users) : random_(seed), users_(users) {}

  /// The next operation, which can be applied to any number of snapshots.
  std::function<void(Snapshot&)> next(const Snapshot& other) {
    now_ += Duration::from_ms(below(4000));
    const std::uint32_t kind = below(20);
    if (kind == 0) return [now = now_](Snapshot& s) { apply(s, now, hear); };
    if (kind == 1) return [other](Snapshot& s) { merge_into(s, other, hear); };
    if (kind == 2) return [](Snapshot& s) { forget_reports_in(s, hear); };
    std::vector<PresenceEvent> events;
    for (std::uint32_t count = kind < 6 ? 1 + below(6) : 1; count > 0; --count) events.push_back(event());
    if (kind == 3) return whole([events](Snapshot& s) { replay(s, events.begin(), events.end(), hear); });
    if (kind == 4) {
      for (PresenceEvent& listed : events) listed = PresenceEvent::report(listed.user, below(2) == 0, now_);
      return [events, now = now_](Snapshot& s) { resync(s, events.begin(), events.end(), now, hear); };
    }
    if (kind == 5) return whole([events](Snapshot& s) { apply(s, events.begin(), events.end(), hear); });
    return [only = events[0]](Snapshot& s) { apply(s, only, hear); };
  }

 private:
  /// Events applied before a failure remain applied, so several events are tried on a copy.
  template <class Act>
  static std::function<void(Snapshot&)> whole(Act act) {
    return [act](Snapshot& s) {
      Snapshot copy = s;
      act(copy);
      s = std::move(copy);
    };
  }

  std::uint32_t below(std::uint32_t n) { return static_cast<std::uint32_t>(random_() % n); }
  std::string text(std::uint32_t of) {
    const std::uint32_t i = below(of);
    return i % 2 == 0 ? std::to_string(i) : long_id(i);
  }
  PresenceEvent event() {
    const std::string user = text(users_), session = text(3);
    const Timestamp at = now_ - Duration::from_ms(below(3) == 0 ? below(90000) : 0);
    PresenceEvent made;
    switch (below(6)) {
      case 0: made = PresenceEvent::disconnect(user, session, at); break;
      case 1: made = PresenceEvent::set_status(user, text(20), at); break;
      case 2: made = PresenceEvent::report(user, below(2) == 0, at); break;
      case 3: made = PresenceEvent::heartbeat(user, session, at); break;
      default:
        made = PresenceEvent::connect(user, session, at);
        if (below(3) == 0) made.invisible = below(2) == 0;
    }
    if (made.type != EventType::set_status && below(8) == 0) made.status = text(20);
    return made;
  }

  std::minstd_rand random_;
  std::uint32_t users_;
  Timestamp now_ = second(100);
};

}  // namespace

namespace {

/// A copy of a snapshot that another thread might destroy at any time: here, at allocation `ends_after`.
struct Other {
  Snapshot kept;
  std::size_t ends_after = 0;
};
Other other_owner;

void end_other_owner() {
  if (other_owner.ends_after-- == 0) other_owner.kept = Snapshot();
}

}  // namespace

TEST_CASE("an event may borrow strings whose other owner is destroyed while the event is applied") {
  const char* const texts[] = {"", "here", "a text that is too long to be kept in place, and then some"};
  for (const char* const text : texts) {
    for (std::size_t kind = 0; kind < 8; ++kind) {
      for (const bool is_known : {false, true}) {
        for (std::size_t turn = 0; turn < 24; ++turn) {
          const std::size_t ends_after = turn / 2;
          const bool has_callback = turn % 2 == 0;
          Snapshot snapshots[2];
          for (const bool is_borrowed : {false, true}) {
            Snapshot& s = snapshots[is_borrowed ? 1 : 0];
            for (const char* const id : {"ann", "bob", "phone"}) {
              s = reduce(std::move(s), PresenceEvent::connect(id, "phone", second(1)));
              s = reduce(std::move(s), PresenceEvent::connect(id, "the session with a long id", second(1)));
              s = reduce(std::move(s), PresenceEvent::set_status(id, text, second(1)));
            }
            other_owner.kept = s;
            // Then only the data outside the rows of its page is shared.
            if (is_known) s = reduce(std::move(s), PresenceEvent::heartbeat("ann", "phone", second(2)));
            const UserView ann = *s.view(kind == 7 ? "phone" : "ann"), bob = *s.view("bob");
            const User owned_ann = ann, owned_bob = bob;
            const UserView one = is_borrowed ? ann : UserView(owned_ann), two = is_borrowed ? bob : UserView(owned_bob);
            PresenceEventView event = PresenceEventView::heartbeat(one.id, "phone", second(3));
            if (kind == 1) event.status = one.status;
            if (kind == 2) event.status = two.status;
            if (kind == 3) event = PresenceEventView::set_status(one.id, one.status, second(3));
            if (kind == 4) event = PresenceEventView::set_status(one.id, two.status, second(3));
            if (kind == 5) event = PresenceEventView::connect(two.id, text[0] == 0 ? one.id : one.status, second(3));
            if (kind == 6) event = PresenceEventView::set_status(one.id.substr(1), one.status, second(3));
            if (kind == 7) {  // the session of the heartbeat is the user's id
              event.session = one.id;
              event.status = "another";
            }
            other_owner.ends_after = ends_after;
            host::memory.when_asked = end_other_owner;
            if (has_callback) {
              apply(s, event, [](const UserPresenceChangedView&) {});
            } else {
              s = reduce(std::move(s), event);
            }
            host::memory.when_asked = nullptr;
            other_owner.kept = Snapshot();
          }
          CHECK(snapshots[0] == snapshots[1]);
          CHECK(snapshots[0].digest() == snapshots[1].digest());
        }
      }
    }
  }
}

TEST_CASE("a history gives the same result when each of its allocations fails once") {
  const std::size_t blocks = host::memory.blocks;
  std::size_t failures = 0;
  for (std::uint32_t seed = 1; seed <= 6; ++seed) {
    CAPTURE(seed);
    Rules rules;
    if (seed % 2 == 0) rules.offline_grace = Duration::from_s(5);
    if (seed % 3 == 0) rules.forget_after = Duration::from_s(60);
    const std::uint32_t users = seed < 4 ? 6 : 60;  // with few users each of them is soon the next to time out
    History history(seed, users), elsewhere(seed + 100, users);
    Snapshot s = reduce(Snapshot(rules), second(100)), untroubled = reduce(Snapshot(rules), second(100)), other = s;
    for (int step = 0; step < 250; ++step) {
      CAPTURE(step);
      const auto act = history.next(other);
      for (std::size_t after = 0;; ++after) {
        REQUIRE(after < 5000);
        if (!runs_out(after, [&] { act(s); })) break;
        ++failures;
        REQUIRE(s == untroubled);
        REQUIRE(s.size() == untroubled.size());
        REQUIRE(s.online_count() == untroubled.online_count());
        REQUIRE(s.next_deadline() == untroubled.next_deadline());
      }
      act(untroubled);
      REQUIRE(s == untroubled);
      elsewhere.next(Snapshot(rules))(other);
    }
    REQUIRE(s.digest() == untroubled.digest());
  }
  CHECK(failures > 5000);
  CHECK(host::memory.blocks == blocks);
}

#endif

#endif
