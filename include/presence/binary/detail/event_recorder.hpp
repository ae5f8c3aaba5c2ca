// SPDX-License-Identifier: MIT
#ifndef PRESENCE_BINARY_DETAIL_EVENT_RECORDER_HPP
#define PRESENCE_BINARY_DETAIL_EVENT_RECORDER_HPP

#include <presence/base/detail/algorithm.hpp>
#include <presence/binary/detail/bytes.hpp>
#include <presence/fwd.hpp>

#include <cstddef>      // for size_t
#include <cstdint>      // for int64_t
#include <string_view>  // for string_view

namespace presence {
inline namespace PRESENCE_ABI {
namespace detail {

namespace event_record {

/// The most bytes that an id shares. A short record cannot stand for a long id.
inline constexpr std::size_t most_shared = 255;
/// Of an id: how many bytes it shares, or 7 if they are more than 6, and whether it has another size.
constexpr unsigned shared_bits = 7, is_resized = 8, session_shift = 4;

}  // namespace event_record

/// The previous id of a writer. Only the part that the next one can share is kept.
class LastId {
 public:
  LastId() noexcept {}  // does not initialise the bytes

  std::size_t shared_with(std::string_view id) const noexcept {
    const std::size_t most = smaller_of(smaller_of(id.size(), size_), event_record::most_shared);
    std::size_t shared = 0;
    while (shared < most && id[shared] == bytes_[shared]) ++shared;
    return shared;
  }
  unsigned bits_of(std::string_view id, std::size_t shared) const noexcept {
    namespace record = event_record;
    return (shared < record::shared_bits ? static_cast<unsigned>(shared) : record::shared_bits) |
           (id.size() != size_ ? record::is_resized : 0u);
  }
  /// Appends an id, which then is the previous one.
  void append(ByteWriter& out, std::string_view id, std::size_t shared) {
    namespace record = event_record;
    if (shared >= record::shared_bits) out.number(shared - record::shared_bits);
    if (id.size() != size_) out.number(id.size() - shared);
    out.raw(id.substr(shared));
    size_ = id.size();
    for (std::size_t i = shared; i < size_ && i < record::most_shared; ++i) bytes_[i] = id[i];
  }

 private:
  std::size_t size_ = 0;
  char bytes_[event_record::most_shared];
};

/// Writes the events of a batch, one after the other.
class EventRecorder {
 public:
  void append(ByteWriter& out, const PresenceEventView& event);

 private:
  static unsigned fields_of(const PresenceEventView& event) noexcept;
  static void append_more(ByteWriter& out, const PresenceEventView& event, std::int64_t base);

  LastId user_, session_;
  std::int64_t last_ms_ = 0;
};

}  // namespace detail
}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_BINARY_DETAIL_EVENT_RECORDER_HPP
