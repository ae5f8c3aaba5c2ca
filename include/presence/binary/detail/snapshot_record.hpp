// SPDX-License-Identifier: MIT
#ifndef PRESENCE_BINARY_DETAIL_SNAPSHOT_RECORD_HPP
#define PRESENCE_BINARY_DETAIL_SNAPSHOT_RECORD_HPP

#include <presence/base/result.hpp>
#include <presence/base/time.hpp>
#include <presence/binary/detail/bytes.hpp>
#include <presence/binary/detail/framing.hpp>
#include <presence/binary/detail/user_record.hpp>
#include <presence/registers/detail/normal_form.hpp>
#include <presence/registers/detail/registers.hpp>
#include <presence/state/detail/judge.hpp>
#include <presence/state/detail/root.hpp>
#include <presence/state/snapshot.hpp>
#include <presence/table/detail/user_row.hpp>

#include <cstddef>      // for size_t
#include <cstdint>      // for int64_t, uint64_t
#include <string_view>  // for string_view

/// The timestamp and the users of a snapshot.
namespace presence {
inline namespace PRESENCE_ABI {
namespace detail {

inline void append_now(ByteWriter& out, Timestamp now) {
  out.byte(now != absent ? 1 : 0);
  if (now != absent) out.word64(static_cast<std::uint64_t>(now.ns()));
}

inline Timestamp read_now(ByteReader& in) noexcept {
  const std::size_t start = in.offset();
  const unsigned given = in.byte();
  if (given > 1) in.fail(ErrorCode::syntax, start, "the timestamp flag is neither 0 nor 1");
  if (given == 0 || !in.ok()) return absent;
  const Timestamp now = Timestamp::from_ns(static_cast<std::int64_t>(in.word64()));
  if (in.ok() && !in_range(now)) in.fail(ErrorCode::out_of_range, start, "the timestamp is out of range");
  return now;
}

/// Writes the record that precedes the users.
template <class Sink>
void write_head(FrameWriter<Sink>& out, Timestamp now) {
  append_now(out.record(), now);
  out.end_record();
}

template <class Sink>
void write_user(FrameWriter<Sink>& out, std::string_view id, const RegistersView& user, Timestamp now) {
  append_user(out.record(), id, user, now);
  out.end_record();
}

template <class Sink>
void write_row(FrameWriter<Sink>& out, const RowView& row, const Root& root) {
  read_normal_form_of(row, root.now, root.rules,
                      [&](const RegistersView& user) { write_user(out, row.name(), user, root.now); });
}

}  // namespace detail
}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_BINARY_DETAIL_SNAPSHOT_RECORD_HPP
