// SPDX-License-Identifier: MIT
#ifndef PRESENCE_BINARY_EVENTS_HPP
#define PRESENCE_BINARY_EVENTS_HPP

#include <presence/base/detail/callback.hpp>
#include <presence/base/result.hpp>
#include <presence/binary/detail/event_recorder.hpp>
#include <presence/binary/detail/framing.hpp>
#include <presence/model/event.hpp>
#include <presence/model/rules.hpp>

#include <cstddef>      // for size_t
#include <string>       // for string
#include <string_view>  // for string_view
#include <type_traits>  // for is_convertible, is_invocable

/// The binary encoding of batches of events, for a log or a message between nodes.
///
/// A batch begins with "PRSN", the version (byte 4, counted from 0) and the kind (byte 5). The payload of the frames
/// (framing.hpp) is the events, in the format of event_record.hpp. There is nothing else in it. The bytes are the same
/// on every platform.
namespace presence {
inline namespace PRESENCE_ABI {
namespace detail {

/// Collects the bytes of a batch.
class EventEncoder {
 public:
  EventEncoder();

  void add(const PresenceEventView& event);
  std::string finish();

 private:
  StringSink sink_;
  FrameWriter<StringSink> out_;
  EventRecorder events_;
};

/// What receives the events of a batch, with their indices.
using EventReceiver = FunctionRef<Verdict(std::size_t, const PresenceEventView&)>;

/// Calls `on_event` with an event, and with its index if it accepts one. Returns its verdict, or `applied` if it has
/// none.
template <class Fn>
Verdict verdict_of(Fn& on_event, std::size_t index, const PresenceEventView& event) {
  constexpr bool wants_index = std::is_invocable<Fn&, std::size_t, const PresenceEventView&>::value;
  static_assert(
      wants_index || std::is_invocable<Fn&, const PresenceEventView&>::value,
      "a callback for events must accept (const presence::PresenceEventView&), after a std::size_t if at all");
  const auto call = [&]() -> decltype(auto) {
    if constexpr (wants_index) {
      return on_event(index, event);
    } else {
      return on_event(event);
    }
  };
  if constexpr (std::is_convertible<decltype(call()), Verdict>::value) {
    return call();
  } else {
    static_cast<void>(call());
    return Verdict::applied;
  }
}

Result<Tally> decode_events(std::string_view bytes, const EventReceiver& on_event);

}  // namespace detail

/// Returns the events of a range, encoded as one batch. `decode_events` reads it. The range has PresenceEvents or
/// PresenceEventViews; input iterators suffice. O(bytes).
///
/// The events keep their order and all of their fields, also those that their type does not use. Invalid events are
/// encoded as well: the reader judges them. So the index of an event in the batch is its index in the range. The same
/// events have the same bytes, on every platform. (1 and 1.0 are equal, but not the same.)
///
/// Exceptions: NaN loses its sign and its payload. A value that is absent, or a view of an array with elements that no
/// Value holds, becomes an invalid value. The verdict on such an event remains the same. An event must be smaller than
/// 4 GiB.
///
/// A batch takes 30 bytes more than its events. Of an id, it has only the bytes that differ from the beginning of the
/// id before it, so a heartbeat takes about 16 bytes if ids are like "user-000123". Contains what invisible users do:
/// use it only between servers that trust each other.
///
/// @code
/// #include <presence/live/store.hpp>
/// #include <vector>
///
/// const Timestamp now = *parse_timestamp("2019-01-07T13:17:42.375Z");
/// const std::vector<PresenceEvent> ours = {PresenceEvent::connect("john", "phone", now),
///                                          PresenceEvent::heartbeat("john", "", now),  // invalid: no session
///                                          PresenceEvent::set_status("john", "brb", now)};
/// const std::string batch = encode_events(ours.begin(), ours.end());
///
/// Store theirs;  // on another node
/// std::vector<std::size_t> rejected;
/// const auto on_event = [&](const PresenceEventView& event) { return theirs.dispatch(event, now); };
/// const auto on_verdict = [&](std::size_t index, Verdict verdict) {
///   if (!accepted(verdict)) rejected.push_back(index);
/// };
/// const Result<Tally> tally = decode_events(batch, on_event, on_verdict);
/// assert(tally->applied == 2 && tally->invalid == 1 && rejected == std::vector<std::size_t>{1});
/// const Snapshot replica = theirs.snapshot();
/// assert(replica.view("john")->status == "brb");
///
/// std::vector<PresenceEvent> kept;  // or copy the events, to apply them later
/// const auto keep = [&](const PresenceEventView& event) { kept.push_back(static_cast<PresenceEvent>(event)); };
/// assert(decode_events(batch, keep)->total() == 3 && kept == ours);
/// assert(decode_events(batch.substr(0, 40), keep).error().code == ErrorCode::truncated && kept.size() == 3);
/// @endcode
template <class It>
std::string encode_events(It first, It last) {
  detail::EventEncoder encoder;
  for (; first != last; ++first) {
    auto&& listed = *first;
    const PresenceEventView& event = listed;
    encoder.add(event);
  }
  return encoder.finish();
}

/// Decodes the output of `encode_events`. Calls `on_event` for each event, in order. All bytes are validated before the
/// first call: after an error, nothing was delivered. O(bytes).
///
/// `on_event` accepts (const PresenceEventView&), or (std::size_t, const PresenceEventView&) to receive the index as
/// well. The event borrows from the bytes and from the decoder: it is valid until `on_event` returns. The bytes must
/// not change before `decode_events` returns.
///
/// Returns how many events had each verdict. If `on_event` returns a Verdict, or what converts to one, as that of
/// Store::dispatch, it is counted. Without one, the event counts as `applied`. So `total()` is the number of events.
///
/// Only the format of the bytes is validated. The events may be invalid, of any length, and state anything about any
/// user: `apply` and Store::dispatch judge them. A `switch` over the type must expect a number that is no type.
///
/// Each sequence of events has exactly one valid encoding. Any other is an Error at its byte: `truncated`,
/// `trailing_bytes`, `syntax`, `unknown_version`, `wrong_type` (the bytes of a snapshot), `bad_checksum` (at the
/// block), `out_of_range` (a timestamp). Checksums detect accidental damage, not tampering.
///
/// Memory stays below 16 times the bytes read. Only ids, fields and values are copied, those of one event at a time.
template <class Fn>
Result<Tally> decode_events(std::string_view bytes, Fn&& on_event) {
  const auto receive = [&on_event](std::size_t index, const PresenceEventView& event) {
    return detail::verdict_of(on_event, index, event);
  };
  return detail::decode_events(bytes, detail::EventReceiver(receive));
}
/// The same. Also calls `on_verdict(std::size_t index, Verdict)` for every event, after `on_event`.
template <class Fn, class OnVerdict>
Result<Tally> decode_events(std::string_view bytes, Fn&& on_event, OnVerdict&& on_verdict) {
  static_assert(std::is_invocable<OnVerdict&, std::size_t, Verdict>::value,
                "a callback for verdicts must accept (std::size_t, presence::Verdict)");
  return presence::decode_events(bytes, [&](std::size_t index, const PresenceEventView& event) {
    const Verdict verdict = detail::verdict_of(on_event, index, event);
    on_verdict(index, verdict);
    return verdict;
  });
}

}  // namespace PRESENCE_ABI
}  // namespace presence

#if !PRESENCE_SEPARATE
#include <presence/binary/detail/events_bodies.hpp>
#endif

#endif  // PRESENCE_BINARY_EVENTS_HPP
