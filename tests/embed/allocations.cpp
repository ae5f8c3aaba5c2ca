// SPDX-License-Identifier: MIT

// Counts what is allocated for each kind of event in a world of many users, by the library's own hooks and by operator
// new alike. Prints a table; of the kinds that are promised none, one allocation is a failure.
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <new>

namespace host {

inline std::size_t asked = 0;

inline void* allocate(std::size_t bytes) {
  ++asked;
  void* const block = std::malloc(bytes);
  if (block == nullptr) std::abort();
  return block;
}

}  // namespace host

void* operator new(std::size_t bytes) { return host::allocate(bytes); }
void operator delete(void* block) noexcept { std::free(block); }
void operator delete(void* block, std::size_t) noexcept { std::free(block); }

#define PRESENCE_ALLOC(bytes, alignment) host::allocate(bytes)
#define PRESENCE_FREE(pointer, bytes, alignment) std::free(pointer)

#include <presence/presence.hpp>

#include <string>
#include <utility>
#include <vector>

namespace {

using namespace presence;

constexpr std::size_t users = 1000;

enum class Promise {
  none,       // not one allocation
  makes_room  // what is kept grows
};
constexpr Promise none = Promise::none, makes_room = Promise::makes_room;

struct World {
  Snapshot snapshot;
  Timestamp now = Timestamp::from_ms(1546867062375);
  std::vector<std::string> ids;
  bool is_right = true;

  World() {
    Rules rules;
    rules.session_timeout = Duration::from_s(3600);
    snapshot = reduce(Snapshot(rules), now);
    for (std::size_t i = 0; i < users; ++i) ids.push_back("user " + std::to_string(i));
    each([](const std::string& id, Timestamp at) { return PresenceEventView::connect(id, "phone", at); });
    pass();
  }

  /// Most of what was before is forgotten.
  void pass(Duration time = Duration::from_s(600)) {
    apply(snapshot, now += time, [](const UserPresenceChangedView&) {});
  }

  /// Folds one event of each user. Somebody listens.
  template <class Event>
  std::size_t each(Event event) {
    std::size_t told = 0;
    const std::size_t before = host::asked;
    for (const std::string& id : ids) {
      const PresenceEventView one = event(id, now += Duration::from_ms(1));
      const Verdict verdict = apply(snapshot, one, [&told](const UserPresenceChangedView&) { ++told; });
      is_right = is_right && verdict == Verdict::applied;
    }
    return host::asked - before;
  }

  template <class Event>
  void count(const char* kind, Promise promise, Event event) {
    row(kind, promise, each(event));
    pass();
  }

  void row(const char* kind, Promise promise, std::size_t allocations) {
    const bool is_wrong = promise == none && allocations != 0;
    is_right = is_right && !is_wrong;
    if (!is_wrong && kind == last_) return;  // the same again
    last_ = kind;
    std::printf("%-52s %6.2f%s\n", kind, static_cast<double>(allocations) / static_cast<double>(users),
                is_wrong ? "  but none is promised" : "");
  }

 private:
  std::string last_;
};

auto saying(std::string_view status) {
  return [status](const std::string& id, Timestamp at) { return PresenceEventView::set_status(id, status, at); };
}

auto connect_as(std::string_view session) {
  return [session](const std::string& id, Timestamp at) { return PresenceEventView::connect(id, session, at); };
}

auto seen_as(bool invisible) {
  return [invisible](const std::string& id, Timestamp at) {
    PresenceEventView event = PresenceEventView::connect(id, "phone", at);
    event.invisible = invisible;
    return event;
  };
}

}  // namespace

int main() {
  World world;
  const auto beat = [](const std::string& id, Timestamp at) { return PresenceEventView::heartbeat(id, "phone", at); };
  const auto go = [](const std::string& id, Timestamp at) { return PresenceEventView::disconnect(id, "phone", at); };
  const auto come = [](const std::string& id, Timestamp at) { return PresenceEventView::connect(id, "phone", at); };

  std::printf("allocations per event\n");
  world.count("heartbeat", none, beat);
  world.count("disconnect", none, go);
  world.count("reconnect", none, come);
  world.count("connect of a session that is connected", none, come);
  world.each(go);
  world.pass(Duration::from_s(2 * 3600));
  world.count("connect as another session, the old one forgotten", none, connect_as("pad"));
  world.each([](const std::string& id, Timestamp at) { return PresenceEventView::disconnect(id, "pad", at); });
  world.row("connect as another session, at once", makes_room, world.each(come));
  world.pass();
  world.each(go);
  world.row("reconnect at once", none, world.each(come));
  world.each(go);
  world.row("reconnect, the third in two minutes", makes_room, world.each(come));
  world.each(go);
  world.row("reconnect, the fourth in two minutes", none, world.each(come));
  world.pass();

  world.count("status of 15 bytes, the first of a user", makes_room, saying("In a match, 3:1"));
  world.count("status of 15 bytes, another", none, saying("In a match, 3:2"));
  world.count("status of 16 bytes", makes_room, saying("In a match, 10:1"));
  world.count("heartbeat under a status of 16 bytes", none, beat);
  world.count("status taken away", none, saying(""));
  world.count("status of 15 bytes again", none, saying("In a match, 3:2"));

  const auto report = [](const std::string& id, Timestamp at) { return PresenceEventView::report(id, true, at); };
  world.count("report, the first of a user", makes_room, report);
  world.count("report, another", none, report);

  world.count("connect, invisible for the first time", makes_room, seen_as(true));
  for (int i = 0; i < 20; ++i) world.count("heartbeat of who is invisible", none, beat);
  world.count("disconnect of who is invisible", none, go);
  world.count("reconnect of who is invisible", none, come);
  world.count("connect, visible again", makes_room, seen_as(false));
  for (int i = 0; i < 20; ++i) world.count("heartbeat of who is visible again", none, beat);

  const auto beat_tv = [](const std::string& id, Timestamp at) { return PresenceEventView::heartbeat(id, "tv", at); };
  world.count("connect of a second session", makes_room, connect_as("tv"));
  for (int i = 0; i < 20; ++i) world.count("heartbeat of the second session", none, beat_tv);
  for (std::string& id : world.ids) id = "new " + id;
  world.count("connect of a new user", makes_room, come);

  std::size_t before = host::asked;
  Snapshot copy = world.snapshot;
  world.row("snapshot, a thousandth of it", none, host::asked - before);
  world.row("heartbeat while a snapshot of before is held", makes_room, world.each(beat));
  copy = Snapshot();
  before = host::asked;
  apply(world.snapshot, world.now += Duration::from_ms(1), [](const UserPresenceChangedView&) {});
  world.row("time passes, nothing is due", none, host::asked - before);
  before = host::asked;
  apply(world.snapshot, world.now += Duration::from_s(7200), [](const UserPresenceChangedView&) {});
  world.row("session times out", makes_room, host::asked - before);
  if (!world.is_right) std::printf("not as promised\n");
  return world.is_right ? EXIT_SUCCESS : EXIT_FAILURE;
}
