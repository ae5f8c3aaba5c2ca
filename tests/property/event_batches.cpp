// SPDX-License-Identifier: MIT
// Batches of events: what is encoded is decoded, applying a batch is applying its events, and each batch has one form.
// Random histories, and random events of any content. A failure prints the seed that repeats it.
#include "../unit/second_writer.hpp"
#include "history.hpp"
#include "shrink.hpp"

#include <presence/binary/events.hpp>
#include <presence/presence.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace property;

namespace {

using presence::Attributes;
using presence::Result;
using presence::Value;
using Events = std::vector<PresenceEvent>;

std::string encoded(const Events& events) { return presence::encode_events(events.begin(), events.end()); }

/// Nothing if the bytes are refused. Then nothing may have been delivered.
std::optional<Events> decoded(std::string_view batch) {
  Events events;
  const Result<Tally> tally = presence::decode_events(
      batch, [&events](const PresenceEventView& event) { events.push_back(static_cast<PresenceEvent>(event)); });
  if (!tally) {
    CHECK(events.empty());
    CHECK(tally.error().offset <= batch.size());
    return std::nullopt;
  }
  CHECK(tally->total() == events.size());
  return events;
}

std::string any_text(Chance& chance) {
  static const char* const stems[] = {"", "user-", "s", "\xFF", "user-00012"};
  std::string text = stems[chance.below(5)];
  const std::size_t more = chance.one_in(40) ? chance.below(600) : chance.below(4);
  for (std::size_t i = 0; i < more; ++i) text += static_cast<char>(chance.any({0, 97, 98, 255}));
  return text;
}
Timestamp any_timestamp(Chance& chance) {
  if (chance.one_in(10)) return Timestamp::from_ns(static_cast<std::int64_t>(chance.bits()));
  if (chance.one_in(20)) return chance.any({Timestamp::lowest(), Timestamp::highest(), Timestamp()});
  const Timestamp near = Timestamp::from_ms(1546858800000 + chance.between(-5000, 5000));
  return chance.one_in(3) ? near + Duration::from_ns(chance.between(-3, 999999)) : near;
}
Value any_value(Chance& chance, unsigned levels) {
  switch (chance.below(levels == 0 ? 9 : 11)) {
    case 0: return Value();
    case 1: return Value(chance.one_in(2));
    case 2: return Value(chance.between(-3, 3));
    case 3: return Value(static_cast<std::int64_t>(chance.bits()));
    case 4: return Value(static_cast<double>(chance.between(-9, 9)) / 4);
    case 5: return Value(any_timestamp(chance));
    case 6: return chance.one_in(5) ? Value(UINT64_MAX) : Value(1);
    case 7:
    case 8: return Value(any_text(chance));
    case 9: {
      std::vector<Value> elements;
      for (std::size_t left = chance.below(4); left > 0; --left) elements.push_back(any_value(chance, levels - 1));
      return Value::array(elements);
    }
    default: {
      Attributes members;
      for (std::size_t left = chance.below(4); left > 0; --left)
        members[any_text(chance)] = any_value(chance, levels - 1);
      return Value::object(std::move(members));
    }
  }
}
Attributes any_fields(Chance& chance) {
  Attributes fields;
  for (std::size_t left = chance.below(4); left > 0; --left) fields[any_text(chance)] = any_value(chance, 3);
  return fields;
}
/// Of any type, with any fields, most of them invalid.
PresenceEvent any_event(Chance& chance) {
  PresenceEvent event;
  event.type = static_cast<EventType>(chance.one_in(20) ? chance.below(256) : chance.below(11));
  event.user = any_text(chance);
  if (!chance.one_in(4)) event.session = any_text(chance);
  event.at = any_timestamp(chance);
  if (chance.one_in(4)) event.invisible = chance.one_in(2);
  if (chance.one_in(4)) event.status = any_text(chance);
  if (chance.one_in(4)) event.online = true;
  if (chance.one_in(6)) event.last_active = any_timestamp(chance);
  if (chance.one_in(6)) event.until = any_timestamp(chance);
  if (chance.one_in(6)) event.availability = static_cast<Availability>(chance.below(6));
  if (chance.one_in(6)) event.priority = static_cast<std::int8_t>(chance.between(-128, 127));
  if (chance.one_in(6)) event.activity = any_fields(chance);
  if (chance.one_in(6)) event.name = any_text(chance);
  if (chance.one_in(6)) event.value = any_value(chance, 3);
  if (chance.one_in(6)) event.data = any_fields(chance);
  return event;
}
Events any_events(Chance& chance) {
  Events events;
  for (std::size_t left = chance.below(12); left > 0; --left) {
    events.push_back(!events.empty() && chance.one_in(3) ? events[chance.below(events.size())] : any_event(chance));
  }
  return events;
}

std::uint64_t seed_of(std::size_t round) {
  return round == 0 ? first_seed() : mixed(mixed(first_seed(), 0xE7), round);
}

/// The verdicts on the events of all steps, and the snapshot after them. Events are applied by `apply_all`.
template <class ApplyAll>
std::pair<std::vector<Verdict>, Snapshot> fold(const History& h, const ApplyAll& apply_all) {
  std::vector<Verdict> verdicts;
  Snapshot s(h.rules);
  const auto on_verdict = [&verdicts](std::size_t, Verdict verdict) { verdicts.push_back(verdict); };
  for (const Step& step : h.steps) {
    if (step.at) s = reduce(std::move(s), *step.at);
    const Tally tally = apply_all(s, step.events, on_verdict);
    if (tally.total() != step.events.size()) verdicts.clear();
  }
  return {std::move(verdicts), std::move(s)};
}

}  // namespace

TEST_CASE("applying a batch is applying its events, with the same verdicts") {
  std::size_t refused = 0;
  const auto as_batch = [](Snapshot& s, const Events& events, const auto& on_verdict) {
    return presence::decode_events(
               encoded(events), [&s](const PresenceEventView& event) { return presence::apply(s, event); }, on_verdict)
        .value_or(Tally());
  };
  const auto as_they_are = [](Snapshot& s, const Events& events, const auto& on_verdict) {
    return presence::apply(s, events.begin(), events.end(), [](const UserPresenceChangedView&) {}, on_verdict);
  };
  try_histories(histories_to_try(400), Mix(), 0xE7, [&](const History& h) -> Wrong {
    const auto expected = fold(h, as_they_are), found = fold(h, as_batch);
    for (const Verdict verdict : expected.first) refused += accepted(verdict) ? 0u : 1u;
    if (found.first != expected.first) return "other verdicts";
    if (!(found.second == expected.second)) return "another snapshot";
    return std::nullopt;
  });
  CHECK_REACHED(refused > 100);
}

TEST_CASE("events of any content are decoded as they were encoded, to the same bytes again") {
  for (std::size_t round = 0; round < histories_to_try(3000); ++round) {
    const std::uint64_t seed = seed_of(round);
    INFO("seed " << seed);
    Chance chance(seed);
    const Events events = any_events(chance);
    const std::string batch = encoded(events);
    const std::optional<Events> read = decoded(batch);
    REQUIRE(read.has_value());
    CHECK(*read == events);
    CHECK(encoded(*read) == batch);
  }
}

TEST_CASE("equal sequences have equal bytes, others have others") {
  for (std::size_t round = 0; round < histories_to_try(1000); ++round) {
    const std::uint64_t seed = seed_of(round);
    INFO("seed " << seed);
    Chance chance(seed);
    Events events = any_events(chance);
    const Events before = events;
    const std::string batch = encoded(events);
    if (events.empty()) continue;
    PresenceEvent& changed = events[chance.below(events.size())];
    changed = any_event(chance);
    CHECK((encoded(events) == batch) == (events == before));
    events.pop_back();
    CHECK(encoded(events) != batch);
  }
}

TEST_CASE("bytes that were changed and have good checksums are refused, or are the only form of what is read") {
  std::size_t taken = 0, refused = 0;
  for (std::size_t round = 0; round < histories_to_try(20000); ++round) {
    const std::uint64_t seed = seed_of(round);
    INFO("seed " << seed);
    Chance chance(seed);
    const std::string batch = encoded(any_events(chance));
    if (batch.size() == 18) continue;
    std::string body = batch.substr(18, batch.size() - 18 - 12);
    for (std::size_t left = 1 + chance.below(3); left > 0; --left) {
      const std::size_t at = chance.below(body.size());
      switch (chance.below(4)) {
        case 0: body[at] = static_cast<char>(chance.below(256)); break;
        case 1: body[at] = static_cast<char>(body[at] ^ 1 << chance.below(8)); break;
        case 2: body.insert(at, 1, static_cast<char>(chance.below(12))); break;
        default: body.erase(at, 1); break;
      }
      if (body.empty()) body = "x";
    }
    const std::string changed = support::second_writer::framed_body(body, 4, 1);
    const std::optional<Events> read = decoded(changed);
    (read ? taken : refused) += 1u;
    if (read) CHECK(encoded(*read) == changed);
  }
  CHECK_REACHED(taken > 1000);
  CHECK_REACHED(refused > 1000);
}
