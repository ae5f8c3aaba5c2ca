// SPDX-License-Identifier: MIT
#ifndef PRESENCE_BINARY_DETAIL_FRAMING_HPP
#define PRESENCE_BINARY_DETAIL_FRAMING_HPP

#include <presence/base/result.hpp>
#include <presence/binary/detail/bytes.hpp>
#include <presence/registers/detail/word_digest.hpp>

#include <cstddef>           // for size_t
#include <cstdint>           // for uint8_t, uint32_t, uint64_t
#include <initializer_list>  // for initializer_list
#include <string>            // for string
#include <string_view>       // for string_view

/// The framing of all encoded data: a header and blocks with checksums. Blocks can be written and read one at a time.
///
///     "PRSN", version (1 byte), kind (1 byte)
///     for each block: the size of its body (4 bytes, little endian), a checksum (a word), the body
///     an empty block: size 0, a checksum
///
/// A body is a sequence of records. It ends after the first record that makes it `block_size` or longer, so the same
/// records always have the same bytes. Each checksum is the Digest of the body, seeded with the previous checksum; the
/// first is seeded with version and kind. So the loss or reordering of blocks is detected.
///
/// The first six bytes have the same layout in every version. Readers judge the version before everything after them,
/// because a newer version may have another layout and another checksum.
namespace presence {
inline namespace PRESENCE_ABI {
namespace detail {

enum class FrameKind : std::uint8_t {
  snapshot = 0,
  delta = 1,       ///< between two snapshots
  sketch = 2,      ///< a set sketch of the users of a node, to be compared
  updates = 3,     ///< updates that the other side is missing
  events = 4,      ///< a batch of events
  checkpoint = 5,  ///< a snapshot with a position in a log
};

inline constexpr std::size_t frames_head = 6, block_head = 12, block_size = 16384;

/// Returns the format version of a kind. Each kind is versioned separately.
constexpr std::uint8_t version_of(FrameKind kind) noexcept {
  switch (kind) {
    case FrameKind::snapshot:
    case FrameKind::delta: return 2;
    case FrameKind::sketch:
    case FrameKind::updates: return 3;
    case FrameKind::events:
    case FrameKind::checkpoint: return 1;
  }
  return 0;
}
inline constexpr std::uint8_t latest_version = 3;  ///< the latest version of any kind
/// Returns whether a reader understands that version. The two sides of an exchange must have the same version. What is
/// stored or in a log may be one version older, so that nodes can be updated one after the other.
constexpr bool is_read(FrameKind kind, unsigned version) noexcept {
  const bool is_stored = kind != FrameKind::sketch && kind != FrameKind::updates;
  return version == version_of(kind) || (is_stored && version != 0 && version + 1 == version_of(kind));
}

/// Returns whether there may be no record at all.
constexpr bool may_be_empty(FrameKind kind) noexcept { return kind == FrameKind::events; }

inline std::uint64_t first_checksum(FrameKind kind, unsigned version) noexcept {
  return std::uint64_t{version} << 8 | static_cast<std::uint8_t>(kind);
}
inline std::uint64_t next_checksum(std::uint64_t last, std::string_view body) noexcept {
  Digest digest(last);
  digest.add(body);
  return digest.value();
}

/// Reads the first `frames_head` bytes and returns the version. Fails if they are not those of that kind, or if the
/// version is unknown.
inline unsigned read_frames_head(ByteReader& in, FrameKind expected) noexcept {
  for (const char c : {'P', 'R', 'S', 'N'}) {
    const std::size_t at = in.offset();
    if (in.byte() != static_cast<std::uint8_t>(c)) in.fail(ErrorCode::syntax, at, "not written by this library");
  }
  const unsigned version = in.byte(), kind = in.byte();
  const bool is_kind = kind == static_cast<std::uint8_t>(expected);
  // A version that is newer than all may have kinds that are unknown here.
  if (version == 0 || version > latest_version || (is_kind && !is_read(expected, version)))
    in.fail(ErrorCode::unknown_version, 4, "unknown version of the format");
  if (!is_kind) in.fail(ErrorCode::wrong_type, 5, "the value has another type than expected");
  return version;
}

/// Appends the pieces to a string.
struct StringSink {
  std::string bytes;
  void operator()(std::string_view piece) { bytes += piece; }
};

/// Writes frames. Calls `sink(std::string_view)` with consecutive pieces. Buffers one block.
template <class Sink>
class FrameWriter {
 public:
  FrameWriter(Sink& sink, FrameKind kind) : sink_(sink), checksum_(first_checksum(kind, version_of(kind))) {
    buffer_.raw("PRSN");
    buffer_.byte(version_of(kind));
    buffer_.byte(static_cast<std::uint8_t>(kind));
    begin_block();
  }
  FrameWriter(const FrameWriter&) = delete;
  FrameWriter& operator=(const FrameWriter&) = delete;

  /// Returns the writer to append the next record to.
  ByteWriter& record() noexcept { return buffer_; }
  /// Must be called after each record.
  void end_record() {
    if (buffer_.size() - body_ >= block_size) end_block();
  }
  /// Must be called after the last record.
  void finish() {
    if (buffer_.size() > body_) end_block();
    end_block();
  }

 private:
  void begin_block() {
    buffer_.bytes(0, 4);
    buffer_.word64(0);
    body_ = buffer_.size();
  }
  void end_block() {
    const std::string_view body = buffer_.view().substr(body_);
    if (body.size() > 0xFFFFFFFF) trap();  // one user record this large is beyond every limit
    checksum_ = next_checksum(checksum_, body);
    buffer_.bytes_at(body_ - block_head, body.size(), 4);
    buffer_.bytes_at(body_ - 8, checksum_, 8);
    sink_(buffer_.view());
    buffer_.clear();
    begin_block();
  }

  Sink& sink_;
  ByteWriter buffer_;
  std::size_t body_ = 0;  // offset of the current body in the buffer
  std::uint64_t checksum_;
};

/// Reads the output of a FrameWriter, in pieces of any size. Its memory is bounded by the bytes that it was given.
class FrameReader {
 public:
  explicit FrameReader(FrameKind kind) noexcept : kind_(kind), checksum_(first_checksum(kind, version_of(kind))) {}

  /// The version of the format of the bytes, once the first block is read.
  unsigned version() const noexcept { return version_; }

  /// Calls `on_block(ByteReader&)` with each body that is complete and has a correct checksum. Returns false after an
  /// error, also one that `on_block` set in the reader.
  template <class OnBlock>
  bool push(std::string_view bytes, OnBlock&& on_block) {
    while (!failed_ && !bytes.empty()) {
      if (stage_ == Stage::ended) return fail(ErrorCode::trailing_bytes, offset_, "unexpected bytes after the end");
      // A complete piece is read in place, without a copy.
      std::string_view piece = bytes.substr(0, wanted_ - held_.size());
      bytes.remove_prefix(piece.size());
      if (!held_.empty() || piece.size() < wanted_) {
        held_ += piece;
        if (held_.size() < wanted_) break;
        piece = held_;
      }
      read(piece, on_block);
      offset_ += piece.size();
      held_.clear();
    }
    return !failed_;
  }

  /// Returns true if the data is complete and valid.
  bool finish() noexcept {
    if (stage_ != Stage::ended) fail(ErrorCode::truncated, offset_ + held_.size(), "the bytes are truncated");
    return !failed_;
  }
  const Error& error() const noexcept { return error_; }

 private:
  enum class Stage : std::uint8_t { head, block, body, ended };

  template <class OnBlock>
  void read(std::string_view piece, OnBlock& on_block) {
    ByteReader in(piece, offset_);
    switch (stage_) {
      case Stage::head: {
        version_ = read_frames_head(in, kind_);
        checksum_ = first_checksum(kind_, version_);
        expect(Stage::block, block_head);
        break;
      }
      case Stage::block: {
        const std::uint32_t size = in.word32();
        claimed_ = in.word64();
        if (size != 0 && short_block_) in.fail(ErrorCode::syntax, offset_, "the previous block ended too early");
        if (size == 0 && offset_ == frames_head && !may_be_empty(kind_))
          in.fail(ErrorCode::syntax, offset_, "the first block is empty");
        if (size == 0) {
          judge_checksum(in, {});
          expect(Stage::ended, 0);
        } else {
          short_block_ = size < block_size;
          expect(Stage::body, size);
        }
        break;
      }
      case Stage::body: {
        judge_checksum(in, piece);
        if (in.ok()) on_block(in);
        expect(Stage::block, block_head);
        break;
      }
      case Stage::ended: break;
    }
    if (!in.ok()) fail(in.error().code, in.error().offset, in.error().message);
  }

  void judge_checksum(ByteReader& in, std::string_view body) noexcept {
    checksum_ = next_checksum(checksum_, body);
    if (checksum_ != claimed_)
      in.fail(ErrorCode::bad_checksum, body.empty() ? offset_ : offset_ - block_head,
              "the bytes are not those that were written");
  }
  void expect(Stage stage, std::size_t bytes) noexcept {
    stage_ = stage;
    wanted_ = bytes;
  }
  bool fail(ErrorCode code, std::size_t offset, const char* message) noexcept {
    if (!failed_) error_ = Error{code, offset, message};
    failed_ = true;
    return false;
  }

  FrameKind kind_;
  unsigned version_ = 0;
  Stage stage_ = Stage::head;
  bool short_block_ = false;  // the last block was short; only the end may follow
  bool failed_ = false;
  std::size_t wanted_ = frames_head;  // size of the next piece, in bytes
  std::size_t offset_ = 0;            // offset of that piece
  std::string held_;                  // the part of it received so far
  std::uint64_t checksum_, claimed_ = 0;
  Error error_;
};

/// Calls `on_block(ByteReader&)` with each body of bytes that a FrameReader has accepted as a whole. Checks nothing.
template <class OnBlock>
void each_accepted_block(std::string_view bytes, OnBlock&& on_block) {
  std::size_t offset = frames_head;
  while (true) {
    ByteReader head(bytes.substr(offset));
    const std::size_t size = head.word32();
    if (size == 0) return;
    offset += block_head;
    ByteReader in(bytes.substr(offset, size), offset);
    on_block(in);
    offset += size;
  }
}

/// Returns `in.ok()`. Fails if the next record begins where its block should already have ended.
inline bool begins_in_time(ByteReader& in, std::size_t body) noexcept {
  if (in.offset() - body >= block_size) in.fail(ErrorCode::syntax, in.offset(), "the block is longer than allowed");
  return in.ok();
}

}  // namespace detail
}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_BINARY_DETAIL_FRAMING_HPP
