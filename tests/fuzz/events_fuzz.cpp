// SPDX-License-Identifier: MIT
// Decodes the bytes as a batch of events, as they are or as bodies whose frames and checksums are made good, and compares
// with a naive reader of the format: which bytes are accepted, and what is delivered. Then makes events of the bytes,
// whatever they are, and expects them back. What does not hold is told, and ends the program.
#include "../unit/second_writer.hpp"

#include <presence/binary/events.hpp>
#include <presence/presence.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

using namespace presence;
using Events = std::vector<PresenceEvent>;

void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "events_fuzz: wrong: %s\n", what);
  std::abort();
}

// ---- the naive reader
// Keeps each id and each timestamp of the batch, and reads into owning events. Throws nothing: `bad` says that the
// bytes are no batch.

class Naive {
 public:
  explicit Naive(std::string_view body) : body_(body) {}

  std::optional<Events> read() {
    Events events;
    while (!bad_ && at_ < body_.size()) events.push_back(event());
    if (bad_) return std::nullopt;
    return events;
  }

 private:
  void check(bool holds) { bad_ = bad_ || !holds; }
  unsigned octet() {
    check(at_ < body_.size());
    return bad_ ? 0 : static_cast<unsigned char>(body_[at_++]);
  }
  std::uint64_t number() {
    std::uint64_t value = 0;
    for (unsigned i = 0; !bad_; ++i) {
      const unsigned next = octet();
      check(i < 9 || next < 2);
      check(i == 0 || next != 0);
      value += std::uint64_t{next % 128} << 7 * i;
      if (next < 128) return value;
    }
    return 0;
  }
  std::string bytes(std::uint64_t count) {
    check(count <= body_.size() - at_);
    if (bad_) return {};
    const std::string found(body_.substr(at_, static_cast<std::size_t>(count)));
    at_ += found.size();
    return found;
  }
  std::string text() { return bytes(number()); }
  std::uint64_t word() {
    std::uint64_t value = 0;
    for (unsigned i = 0; i < 8; ++i) value += std::uint64_t{octet()} << 8 * i;
    return value;
  }

  std::string id(unsigned bits, std::string& last) {
    std::uint64_t shared = bits % 8;
    if (shared == 7) {
      const std::uint64_t beyond = number();
      check(beyond <= 248);
      shared += beyond % 256;
    }
    check(shared <= last.size());
    if (bad_) return {};
    std::string made = last.substr(0, static_cast<std::size_t>(shared));
    made += bytes(bits >= 8 ? number() : last.size() - shared);
    if (bad_) return {};
    std::size_t could = 0;
    while (could < 255 && could < made.size() && could < last.size() && made[could] == last[could]) ++could;
    check(could == shared);
    check((bits >= 8) == (made.size() != last.size()));
    last = made;
    return made;
  }

  /// In nanoseconds, with parts that are always in the range of 128 bits.
  Timestamp timestamp(Timestamp base) {
    const std::uint64_t first = number();
    std::int64_t rest = 0;
    if (first % 2 == 1) {
      const std::uint64_t ns = number();
      check(ns >= 1 && ns <= 999999);
      rest = static_cast<std::int64_t>(ns % 1000000);
    }
    std::int64_t base_ms = base.ns() / 1000000;
    if (base_ms * 1000000 > base.ns()) --base_ms;
    const std::uint64_t by = first / 4;
    check(by < std::uint64_t{1} << 50);
    if (bad_) return Timestamp();
    const auto steps = static_cast<std::int64_t>(by);
    const std::int64_t ms = first / 2 % 2 == 0 ? base_ms + steps : base_ms - steps - 1;
    // One second beyond either end is far from what 64 bits hold of milliseconds.
    const bool is_near = ms >= INT64_MIN / 1000000 - 1 && ms <= INT64_MAX / 1000000;
    check(is_near);
    if (bad_) return Timestamp();
    if (ms == INT64_MIN / 1000000 - 1) check(rest >= 1000000 + INT64_MIN % 1000000);
    if (ms == INT64_MAX / 1000000) check(rest <= INT64_MAX % 1000000);
    if (bad_) return Timestamp();
    return ms < 0 ? Timestamp::from_ns((ms + 1) * 1000000 + (rest - 1000000)) : Timestamp::from_ns(ms * 1000000 + rest);
  }

  Value value(unsigned levels, bool is_part, bool is_element = false) {
    const unsigned kind = octet();
    check(kind <= (is_part ? 8 : 9));
    check(!is_element || kind != 6);
    check((kind != 6 && kind != 7) || levels < 64);
    if (bad_) return Value();
    switch (kind) {
      case 0: return Value();
      case 1: return Value(false);
      case 2: return Value(true);
      case 3: {
        const std::uint64_t bits = number();
        const auto half = static_cast<std::int64_t>(bits / 2);
        return Value(bits % 2 == 0 ? half : -half - 1);
      }
      case 4: {
        const std::uint64_t bits = word();
        double real = 0;
        std::memcpy(&real, &bits, sizeof real);
        check(real == real || bits == 0x7FF8000000000000u);
        return Value(real);
      }
      case 5: return Value(text());
      case 6: {
        std::vector<Value> elements;
        for (std::uint64_t left = number(); left > 0 && !bad_; --left) elements.push_back(value(levels + 1, true, true));
        return Value::array(elements);
      }
      case 7: return Value::object(fields(levels + 1, true));
      case 8: return Value(Timestamp::from_ns(static_cast<std::int64_t>(word())));
      default: return Value(UINT64_MAX);
    }
  }
  Attributes fields(unsigned levels, bool is_part) {
    Attributes made;
    std::optional<std::string> last;
    for (std::uint64_t left = number(); left > 0 && !bad_; --left) {
      std::string name = text();
      check(!last || *last < name);
      made[name] = value(levels, is_part);
      last = std::move(name);
    }
    return made;
  }

  PresenceEvent event() {
    PresenceEvent made;
    const unsigned head = octet(), second = head >= 128 ? octet() : 0;
    check(head < 128 || second != 0);
    const bool is_visibility = (head & 32) != 0;
    check(is_visibility || (head & 64) == 0);
    unsigned type = head % 16;
    const bool is_other = type == 15;
    if (is_other) type = octet();
    check(is_other || type <= 10);
    made.type = static_cast<EventType>(type);
    const bool is_of_session = type <= 2 || type == 5 || type == 6;
    const unsigned bits = octet();
    made.user = id(bits % 16, user_);
    if (is_other || is_of_session) {
      made.session = id(bits / 16, session_);
    } else {
      check(bits < 16);
    }
    check(!is_other || type > 10 || (!is_of_session && !made.session.empty()));
    made.at = at_last_ = timestamp(at_last_);
    if (is_visibility) made.invisible = (head & 64) != 0;
    if ((head & 16) != 0) made.status = text();
    if ((second & 1) != 0) made.until = timestamp(made.at);
    if ((second & 2) != 0) made.availability = static_cast<Availability>(octet());
    if ((second & 4) != 0) made.priority = static_cast<std::int8_t>(octet());
    if ((second & 8) != 0) made.activity = fields(0, false);
    if ((second & 16) != 0) made.last_active = timestamp(made.at);
    made.online = (second & 32) != 0;
    if ((second & 64) != 0) {
      made.name = text();
      made.value = value(0, false);
      check(!made.name.empty() || made.value.kind() != ValueKind::null);
    }
    if ((second & 128) != 0) made.data = fields(0, false);
    return made;
  }

  std::string_view body_;
  std::size_t at_ = 0;
  bool bad_ = false;
  std::string user_, session_;
  Timestamp at_last_;
};

// ---- what is compared

std::string encoded(const Events& events) { return encode_events(events.begin(), events.end()); }

/// Checks what must hold of any bytes. Returns the events, or nothing if the bytes are refused.
std::optional<Events> decoded(std::string_view bytes) {
  Events events;
  std::size_t verdicts = 0;
  const Result<Tally> tally = decode_events(
      bytes,
      [&events](std::size_t index, const PresenceEventView& event) {
        require(index == events.size(), "events are delivered in order");
        events.push_back(static_cast<PresenceEvent>(event));
        require(events.back() == event, "a delivered event can be copied");
        return index % 2 == 0 ? Verdict::applied : Verdict::invalid;
      },
      [&verdicts](std::size_t index, Verdict verdict) {
        require(index == verdicts++, "a verdict follows each event");
        require(accepted(verdict) == (index % 2 == 0), "... and is that of its event");
      });
  require(verdicts == events.size(), "each event has a verdict");
  if (!tally) {
    require(events.empty(), "after an error nothing was delivered");
    require(tally.error().offset <= bytes.size(), "an error is inside the bytes, or at their end");
    return std::nullopt;
  }
  require(tally->total() == events.size() && tally->invalid == events.size() / 2, "verdicts are counted");
  // NaN is not equal to itself, but its bytes are.
  require(encoded(events) == bytes, "what is accepted is the only encoding of its events");
  return events;
}

bool same(const Events& a, const Events& b) { return a == b || encoded(a) == encoded(b); }

/// A batch is applied as its events are.
void apply_all(const Events& events, std::string_view batch) {
  Snapshot one = reduce(Snapshot(), Timestamp::from_ms(1000)), other = one;
  const Tally expected = apply(one, events.begin(), events.end());
  const Result<Tally> found = decode_events(batch, [&other](const PresenceEventView& event) { return apply(other, event); });
  require(found && *found == expected && other == one, "a batch is applied as its events are");
  Store store(reduce(Snapshot(), Timestamp::from_ms(1000)));
  const auto dispatch = [&store](const PresenceEventView& event) { return store.dispatch(event, Timestamp::from_ms(1000)); };
  require(decode_events(batch, dispatch).value_or(Tally()).total() == events.size(), "a store has a verdict on each event");
}

void judge_body(std::string_view body) {
  const std::string batch = support::second_writer::framed_body(body, 4, 1);
  const std::optional<Events> expected = Naive(body).read(), found = decoded(batch);
  require(expected.has_value() == found.has_value(), "a naive reader accepts the same bytes");
  if (!found) return;
  require(same(*expected, *found), "... and reads the same events");
  apply_all(*found, batch);
  // Whatever is cut off or changed is noticed.
  require(!decoded(std::string_view(batch).substr(0, batch.size() - 1)), "a truncated batch is refused");
  std::string changed = batch;
  changed[body.size() % batch.size()] = static_cast<char>(changed[body.size() % batch.size()] ^ 1);
  require(!decoded(changed), "a damaged batch is refused");
}

// ---- events of any content

class Maker {
 public:
  explicit Maker(std::string_view bytes) : bytes_(bytes) {}

  Events make() {
    Events events;
    while (!bytes_.empty()) events.push_back(event());
    return events;
  }

 private:
  unsigned octet() {
    if (bytes_.empty()) return 0;
    const auto byte = static_cast<unsigned char>(bytes_[0]);
    bytes_.remove_prefix(1);
    return byte;
  }
  std::string text() {
    const unsigned size = octet();
    if (size >= 250) return std::string(size * 3, 'x');
    const std::string_view found = bytes_.substr(0, size % 12);
    bytes_.remove_prefix(found.size());
    return std::string(found);
  }
  Timestamp timestamp() {
    const unsigned kind = octet();
    if (kind < 200) return Timestamp::from_ms(kind);
    std::uint64_t ns = 0;
    for (unsigned i = 0; i < 8; ++i) ns = ns << 8 | (kind < 220 && i < 5 ? 0 : octet());
    return Timestamp::from_ns(static_cast<std::int64_t>(ns));
  }
  Value value(unsigned levels) {
    switch (octet() % (levels > 66 ? 8 : 10)) {
      case 0: return Value();
      case 1: return Value(true);
      case 2: return Value(static_cast<int>(octet()) - 128);
      case 3: return Value(timestamp());
      case 4: return Value(text());
      case 5: return Value(UINT64_MAX);
      case 6: return Value(static_cast<double>(octet()) / 8 - 9);
      case 7: {
        double real = 0;
        const std::int64_t bits = timestamp().ns();
        std::memcpy(&real, &bits, sizeof real);
        return Value(real == real ? real : 0.5);
      }
      case 8: {
        std::vector<Value> elements;
        for (unsigned left = octet() % 4; left > 0; --left) elements.push_back(value(levels + 1));
        return Value::array(elements);
      }
      default: return Value::object(fields(levels + 1));
    }
  }
  Attributes fields(unsigned levels) {
    Attributes made;
    for (unsigned left = octet() % 4; left > 0; --left) {
      std::string name = text();
      made[name] = value(levels);
    }
    return made;
  }
  PresenceEvent event() {
    PresenceEvent made;
    const unsigned type = octet(), first = octet(), second = octet();
    made.type = static_cast<EventType>(type < 128 ? type % 11 : type);
    made.user = text();
    if ((first & 1) != 0) made.session = text();
    made.at = timestamp();
    if ((first & 2) != 0) made.invisible = (first & 4) != 0;
    if ((first & 8) != 0) made.status = text();
    if ((first & 16) != 0) made.until = timestamp();
    if ((first & 32) != 0) made.last_active = timestamp();
    made.online = (first & 64) != 0;
    if ((second & 1) != 0) made.availability = static_cast<Availability>(octet());
    if ((second & 2) != 0) made.priority = static_cast<std::int8_t>(octet());
    if ((second & 4) != 0) made.activity = fields(0);
    if ((second & 8) != 0) made.data = fields(0);
    if ((second & 16) != 0) made.name = text();
    if ((second & 32) != 0) made.value = value(0);
    return made;
  }

  std::string_view bytes_;
};

void judge_events(std::string_view bytes) {
  const Events events = Maker(bytes).make();
  const std::string batch = encoded(events);
  const std::optional<Events> found = decoded(batch);
  require(found.has_value() && *found == events, "what was encoded is decoded");
  if (batch.size() > detail::block_size) return;  // of several blocks
  const std::string_view body = batch.size() == 18 ? "" : std::string_view(batch).substr(18, batch.size() - 30);
  const std::optional<Events> naive = Naive(body).read();
  require(naive && *naive == events, "... by a naive reader as well");
  apply_all(events, batch);
}

}  // namespace

/// The first byte: 0: the bytes as they are | 1: a body to be framed | else: events to be made.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string rest(data + 1, data + size);
  switch (data[0] % 3) {
    case 0: static_cast<void>(decoded(rest)); break;
    case 1: judge_body(rest); break;
    default: judge_events(rest); break;
  }
  return 0;
}
