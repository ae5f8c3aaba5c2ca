// SPDX-License-Identifier: MIT
// Snapshots are values, on whichever thread. Meant for -fsanitize=thread, which sees the races that the counts do not.
//
//   readers [events]   how long a history; 4000 unless told
#include <presence/presence.hpp>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace {

using namespace presence;

void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "readers: wrong: %s\n", what);
  std::abort();
}

/// splitmix64 (Steele, Lea, Flood 2014).
class Chance {
 public:
  explicit Chance(std::uint64_t seed) noexcept : state_(seed) {}
  std::uint64_t below(std::uint64_t n) noexcept {
    std::uint64_t z = (state_ += 0x9E3779B97F4A7C15u);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return (z ^ (z >> 31)) % n;
  }

 private:
  std::uint64_t state_;
};

constexpr std::uint64_t users = 200;  // several pages of the table

std::string user_id(std::uint64_t number) { return "user-" + std::to_string(number); }

PresenceEvent some_event(Chance& chance, Timestamp at) {
  const std::string user = user_id(chance.below(users)), session = std::to_string(chance.below(3));
  switch (chance.below(8)) {
    case 0: return PresenceEvent::disconnect(user, session, at);
    case 1: return PresenceEvent::set_status(user, std::string(chance.below(40), 's'), at);
    case 2: return PresenceEvent::report(user, chance.below(2) == 0, at);
    case 3: {
      PresenceEvent event = PresenceEvent::connect(user, session, at);
      event.invisible = chance.below(2) == 0;
      return event;
    }
    case 4: return PresenceEvent::heartbeat(user, session, at);
    default: return PresenceEvent::connect(user, session, at);
  }
}

void step(Snapshot& s, Chance& chance) {
  const Timestamp now = s.now().value_or(Timestamp::from_ms(0));
  switch (chance.below(40)) {
    case 0: forget_reports_in(s); break;
    case 1: s = merge(std::move(s), reduce(Snapshot(s.rules()), some_event(chance, now))); break;
    case 2: {
      const std::vector<PresenceEvent> list(3, PresenceEvent::report(user_id(chance.below(users)), true, now));
      resync(s, list.begin(), list.end(), now);
      break;
    }
    case 3: case 4: case 5: case 6: s = reduce(std::move(s), now + Duration::from_ms(1500)); break;
    default: s = reduce(std::move(s), some_event(chance, now)); break;
  }
}

struct Handed {
  Snapshot snapshot;
  std::uint64_t digest = Snapshot().digest();
};

/// What threads hand each other copies through. The library needs the lock for this variable, and for nothing else.
class Slot {
 public:
  void put(Handed handed) {
    const std::lock_guard<std::mutex> lock(mutex_);
    std::swap(handed_, handed);  // what was there before is destroyed by the one who puts, without the lock
  }
  Handed get() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return handed_;
  }

 private:
  mutable std::mutex mutex_;
  Handed handed_;
};

/// Reads everything that can be read.
void read(const Handed& handed, const Handed& before, Chance& chance) {
  const Snapshot& s = handed.snapshot;
  require(s.digest() == handed.digest, "a copy keeps its digest");
  std::size_t known = 0, online = 0;
  for (const UserView user : s) {
    ++known;
    online += user.online ? 1u : 0u;
    require(s.view(user.id) == user, "view() finds what iteration shows");
  }
  require(known == s.size() && online == s.online_count(), "the counts are what is seen");
  // Who is online is noted in what is shared with others, who may be reading it.
  UserQuery asked;
  asked.filter = eq("online", true);
  asked.limit = users;
  for (int i = 0; i < 2; ++i)
    require(query(s, asked, nobody, [](const UserView&) {}) == online, "who is online is found, noted or not");
  const std::string id = user_id(chance.below(users));
  if (const auto found = s.find(id, Viewer{id})) require(s.inspect(id)->user == *found, "users see themselves as they are");
  require((s == before.snapshot) == (handed.digest == before.digest), "equal snapshots have equal digests");

  std::size_t known_then = before.snapshot.size();
  diff(before.snapshot, s, [&](const UserPresenceChangedView& change) {
    known_then = known_then + (change.after ? 1u : 0u) - (change.before ? 1u : 0u);
  });
  require(known_then == known, "differences lead from the one to the other");
  if (const auto deadline = s.next_deadline()) {
    const Snapshot later = reduce(s, *deadline);  // shares most of what others are reading
    require(later.online_count() < s.online_count(), "somebody goes offline at the next deadline");
  }
  require(s.digest() == handed.digest, "reading changes nothing");
}

/// One thread folds, several read what it hands over, and who is the last to own a copy destroys it.
void readers_of_one_writer(std::size_t events) {
  Slot slot;
  std::atomic<bool> is_done{false};
  std::vector<std::thread> readers;
  std::atomic<std::size_t> reads{0};
  for (std::uint64_t reader = 0; reader < 3; ++reader) {
    readers.emplace_back([&slot, &is_done, &reads, reader] {
      Chance chance(reader + 1);
      std::array<Handed, 4> held;
      bool is_last = false;
      for (std::size_t i = 0; !is_last; ++i) {
        is_last = is_done.load();
        Handed& next = held[i % held.size()];
        const Handed& before = held[(i + 1) % held.size()];
        next = slot.get();
        read(next, before, chance);
        ++reads;
      }
    });
  }

  Chance chance(2019);
  Snapshot s;
  slot.put({s, s.digest()});
  for (std::size_t i = 0; i < events; ++i) {
    step(s, chance);
    // Now and then only, so that it is folded into what is shared as well as into what is not.
    if (chance.below(4) == 0) slot.put({s, s.digest()});
  }
  slot.put({s, s.digest()});
  is_done = true;
  for (std::thread& reader : readers) reader.join();

  Chance again(2019);
  Snapshot alone;
  for (std::size_t i = 0; i < events; ++i) {
    step(alone, again);
    again.below(4);
  }
  require(alone == s && alone.digest() == s.digest(), "who reads changes nothing");
  std::printf("one writer: %zu events, %zu users, %zu reads\n", events, s.size(), reads.load());
}

/// Two threads fold, each on its own copy of the same snapshot.
void writers_of_one_origin(std::size_t events) {
  Chance chance(1907);
  Snapshot origin;
  for (std::size_t i = 0; i < 500; ++i) step(origin, chance);
  const std::uint64_t digest = origin.digest();

  std::array<Snapshot, 2> results, expected;
  for (std::size_t round = 0; round < 10; ++round) {
    const auto fold = [events, round](Snapshot s, std::size_t who, Snapshot& result) {
      Chance mine(who * 100 + round);
      for (std::size_t i = 0; i < events / 20; ++i) step(s, mine);
      result = std::move(s);
    };
    std::thread first(fold, origin, std::size_t{0}, std::ref(results[0])), second(fold, origin, std::size_t{1}, std::ref(results[1]));
    first.join();
    second.join();
    for (std::size_t who = 0; who < 2; ++who) {
      fold(origin, who, expected[who]);
      require(results[who] == expected[who] && results[who].digest() == expected[who].digest(), "a thread folds what it would alone");
    }
    require(origin.digest() == digest, "the origin stays what it was");
    // Both at once read what they share, and what differs.
    const auto compare = [&results, &origin](std::size_t who) {
      const Snapshot &mine = results[who], &other = results[1 - who];
      require(merge(mine, other) == merge(other, mine), "merge is commutative");
      std::size_t changes = 0;
      diff(origin, mine, [&](const UserPresenceChangedView&) { ++changes; });
      require(changes > 0, "the copies went different ways");
    };
    std::thread left(compare, std::size_t{0}), right(compare, std::size_t{1});
    left.join();
    right.join();
  }
  std::printf("two writers: %zu and %zu users of %zu\n", results[0].size(), results[1].size(), origin.size());
}

}  // namespace

int main(int argc, char** argv) {
  const std::size_t events = argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 4000;
  readers_of_one_writer(events);
  writers_of_one_origin(events);
  return 0;
}
