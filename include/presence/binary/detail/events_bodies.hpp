// SPDX-License-Identifier: MIT
#ifndef PRESENCE_BINARY_DETAIL_EVENTS_BODIES_HPP
#define PRESENCE_BINARY_DETAIL_EVENTS_BODIES_HPP

#include <presence/base/result.hpp>
#include <presence/binary/detail/bytes.hpp>
#include <presence/binary/detail/event_record.hpp>
#include <presence/binary/detail/event_recorder.hpp>
#include <presence/binary/detail/framing.hpp>
#include <presence/binary/events.hpp>
#include <presence/model/event.hpp>
#include <presence/model/rules.hpp>
#include <presence/model/value.hpp>

#include <cstddef>      // for size_t
#include <cstdint>      // for int64_t, uint64_t
#include <optional>     // for optional, nullopt
#include <string>       // for string
#include <string_view>  // for string_view
#include <utility>      // for move

namespace presence {
inline namespace PRESENCE_ABI {
namespace detail {

PRESENCE_DETAIL_APART PRESENCE_DETAIL_BODY void EventRecorder::append(ByteWriter& out, const PresenceEventView& event) {
  namespace record = event_record;
  const auto type = static_cast<unsigned>(event.type);
  const bool is_usual = record::is_usual(type, !event.session.empty());
  const unsigned fields = fields_of(event);
  out.byte((is_usual ? type : record::other_type) | (event.status ? record::status : 0u) |
           (event.invisible ? record::visibility | (*event.invisible ? record::is_invisible : 0u) : 0u) |
           (fields != 0 ? record::more : 0u));
  if (fields != 0) out.byte(fields);
  if (!is_usual) out.byte(type);
  const bool has_session = !is_usual || belongs_to_session(event.type);
  const std::size_t of_user = user_.shared_with(event.user),
                    of_session = has_session ? session_.shared_with(event.session) : 0;
  out.byte(user_.bits_of(event.user, of_user) |
           (has_session ? session_.bits_of(event.session, of_session) << record::session_shift : 0u));
  user_.append(out, event.user, of_user);
  if (has_session) session_.append(out, event.session, of_session);
  const record::SplitTimestamp at(event.at);
  record::append_timestamp(out, at, last_ms_);
  last_ms_ = at.ms;
  if (event.status) out.text(*event.status);
  if (fields != 0) append_more(out, event, at.ms);
}

PRESENCE_DETAIL_BODY unsigned EventRecorder::fields_of(const PresenceEventView& event) noexcept {
  namespace record = event_record;
  const bool is_named = !event.name.empty() || event.value.kind() != ValueKind::null;
  return (event.until ? record::until : 0u) | (event.availability ? record::availability : 0u) |
         (event.priority ? record::priority : 0u) | (event.activity ? record::activity : 0u) |
         (event.last_active ? record::last_active : 0u) | (event.online ? record::online : 0u) |
         (is_named ? record::named : 0u) | (event.data ? record::data : 0u);
}

PRESENCE_DETAIL_APART PRESENCE_DETAIL_BODY void EventRecorder::append_more(ByteWriter& out,
                                                                           const PresenceEventView& event,
                                                                           std::int64_t base) {
  namespace record = event_record;
  if (event.until) record::append_timestamp(out, record::SplitTimestamp(*event.until), base);
  if (event.availability) out.byte(static_cast<std::uint64_t>(*event.availability));
  if (event.priority) out.byte(static_cast<std::uint64_t>(*event.priority));
  if (event.activity) record::append_fields(out, *event.activity);
  if (event.last_active) record::append_timestamp(out, record::SplitTimestamp(*event.last_active), base);
  if (!event.name.empty() || event.value.kind() != ValueKind::null) {
    out.text(event.name);
    record::append_any_value(out, event.value);
  }
  if (event.data) record::append_fields(out, *event.data);
}

PRESENCE_DETAIL_BODY EventEncoder::EventEncoder() : out_(sink_, FrameKind::events) {}
PRESENCE_DETAIL_BODY void EventEncoder::add(const PresenceEventView& event) {
  events_.append(out_.record(), event);
  out_.end_record();
}
PRESENCE_DETAIL_BODY std::string EventEncoder::finish() {
  out_.finish();
  return std::move(sink_.bytes);
}

/// Returns the error of a batch, or nothing if all of it is valid. Allocates nothing but the longest ids.
PRESENCE_DETAIL_APART inline std::optional<Error> check_events(std::string_view bytes) {
  FrameReader frames(FrameKind::events);
  EventReader events(false);
  const auto read = [&events](ByteReader& in) {
    const std::size_t body = in.offset();
    while (in.ok() && !in.at_end() && begins_in_time(in, body)) events.read(in);
  };
  if (!frames.push(bytes, read) || !frames.finish()) return frames.error();
  return std::nullopt;
}

PRESENCE_DETAIL_APART PRESENCE_DETAIL_BODY Result<Tally> decode_events(std::string_view bytes,
                                                                       const EventReceiver& on_event) {
  if (const std::optional<Error> error = check_events(bytes)) return *error;
  Tally tally;
  std::size_t index = 0;
  EventReader events(true);
  each_accepted_block(bytes, [&](ByteReader& in) {
    while (!in.at_end()) {
      events.read(in);
      tally.count(on_event(index++, events.event()));
    }
  });
  return tally;
}

}  // namespace detail
}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_BINARY_DETAIL_EVENTS_BODIES_HPP
