// SPDX-License-Identifier: MIT
#ifndef PRESENCE_JSON_DETAIL_FIELDS_READER_HPP
#define PRESENCE_JSON_DETAIL_FIELDS_READER_HPP

#include <presence/base/detail/algorithm.hpp>
#include <presence/base/result.hpp>
#include <presence/json/detail/field_room.hpp>
#include <presence/json/detail/places.hpp>
#include <presence/json/detail/reader.hpp>
#include <presence/json/detail/value_reader.hpp>
#include <presence/model/attributes.hpp>
#include <presence/model/detail/canonical_json.hpp>
#include <presence/model/event.hpp>
#include <presence/model/value.hpp>

#include <cstddef>      // for size_t
#include <cstdint>      // for uint64_t, uintptr_t
#include <string_view>  // for string_view
#include <utility>      // for move
#include <vector>       // for vector

/// The activity, the data and the value of events and users.
namespace presence {
inline namespace PRESENCE_ABI {
namespace detail {

/// Prepares the room for another text.
inline void clear(JsonFieldRoom& room) noexcept {
  if (!room.activity.empty()) room.activity = Attributes();
  if (!room.data.empty()) room.data = Attributes();
  if (room.value.kind() != ValueKind::null) room.value = Value();
}

/// Which keys of a user are data, and how much of it is read.
class JsonDataLimits {
 public:
  std::size_t max_bytes, max_names;

  JsonDataLimits(std::size_t bytes, std::size_t names, Elements<std::string_view> skipped_names) noexcept
      : max_bytes(bytes), max_names(names), skipped_(skipped_names) {
    for (const std::string_view skipped : skipped_) sizes_ |= bit_of_size(skipped);
  }

  /// Returns whether a key is data. It is neither a field of a user nor a timestamp of a service.
  bool is_data(std::string_view name) const noexcept {
    if ((sizes_ & bit_of_size(name)) == 0) return true;
    for (const std::string_view skipped : skipped_) {
      if (name == skipped) return false;
    }
    return true;
  }

 private:
  static std::uint64_t bit_of_size(std::string_view name) noexcept { return std::uint64_t{1} << name.size() % 64; }

  Elements<std::string_view> skipped_;
  std::uint64_t sizes_ = 0;  // of the skipped names
};

/// The keys of a user that are none of the fields of a user: the first few, and the number of all.
struct JsonOtherKeys {
  static constexpr std::size_t most_kept = 8;
  /// A string view that is not initialised.
  struct Key {
    const char* data;
    std::size_t size;
  };

  std::size_t count = 0;
  Key first[most_kept];

  JsonOtherKeys() noexcept {}  // does not initialise the keys, because few users have them

  void add(std::string_view key) noexcept {
    if (count < most_kept) first[count] = Key{key.data(), key.size()};
    ++count;
  }
  /// Returns whether all keys are kept, and are parts of the text, because they have no escapes.
  bool are_all_in(std::string_view json) const noexcept {
    const auto start = reinterpret_cast<std::uintptr_t>(json.data());
    for (std::size_t i = 0; i < count && i < most_kept; ++i) {
      const auto key = reinterpret_cast<std::uintptr_t>(first[i].data);
      if (key < start || key >= start + json.size()) return false;
    }
    return count <= most_kept;
  }
  std::string_view operator[](std::size_t i) const noexcept { return {first[i].data, first[i].size}; }
};

/// Returns the levels of arrays and objects inside each other in the values of these fields.
inline unsigned levels_of(const Attributes& fields) noexcept {
  unsigned levels = 0;
  for (const Attributes::Entry& field : fields) levels = greater_of(levels, levels_of(field.value));
  return levels;
}

/// Reads values and objects of a text whose grammar was checked.
class JsonFieldsReader {
 public:
  /// `checked` is the leniency of the reader that checked the grammar. It has noted all malformed strings.
  JsonFieldsReader(std::string_view json, const JsonLeniency& checked, JsonFieldRoom& room)
      : json_(json), leniency_(checked), room_(room), in_(json, room.scratch, &leniency_) {
    leniency_.stop_noting();
    leniency_.is_broken = false;
  }

  /// The first error of a function that returned false.
  const Error& error() const noexcept { return error_; }
  /// Returns whether a part of a string was replaced since the last call.
  bool was_broken() noexcept {
    const bool was = leniency_.is_broken;
    leniency_.is_broken = false;
    return was;
  }

  /// Reads the value at an offset, as `parse_value` does.
  bool read_value(std::size_t offset, Value& value) {
    in_.seek(offset);
    const JsonKind kind = in_.peek();
    if (kind != JsonKind::array && kind != JsonKind::object) return read_scalar(in_, value) || fail(in_.error());
    JsonReader whole = key_reader();  // which follows it to any level that the text has
    whole.seek(offset);
    whole.skip();
    JsonCounts counts(json_.substr(offset, whole.offset() - offset), JsonCounts::Text::value);
    std::size_t left = static_cast<std::size_t>(-1);
    return JsonValueReader(in_, counts, left, JsonValueReader::Repeated::fails).read(value) || fail(in_.error());
  }

  /// Reads the fields of the object at an offset. The first error is that of `parse_value` for the object, but each
  /// value may nest as deep as a Value.
  bool read_object(std::size_t offset, Attributes& fields) {
    JsonReader keys = key_reader();
    std::size_t repeated = none;
    std::string_view name;
    keys.seek(offset);
    for (keys.open(); keys.next_key(name); keys.skip()) {
      keys.peek();
      Value value;
      if (!read_value(keys.offset(), value)) return false;
      name = name_at(keys.key_offset());
      if (repeated == none && fields.find(name) != nullptr) repeated = keys.key_offset();
      fields[name] = std::move(value);
    }
    return repeated == none || fail(Error{ErrorCode::duplicate_key, repeated, JsonKeys::is_repeated});
  }

  /// Reads the data of the user at an offset, who has these other keys. Omits and notes what is not representable, is
  /// not UTF-8, or is beyond a limit.
  void read_data(std::size_t user, const JsonOtherKeys& others, const JsonDataLimits& limits, ReadNotes* notes,
                 Attributes& data) {
    const auto on_repeated = [notes](const JsonPlace&, std::size_t second) {
      if (notes != nullptr) notes->add(Error{ErrorCode::duplicate_key, second, JsonKeys::is_repeated});
    };
    if (others.are_all_in(json_)) {
      JsonPlace places[JsonOtherKeys::most_kept];
      std::size_t keys[JsonOtherKeys::most_kept];
      std::size_t count = 0;
      for (std::size_t i = 0; i < others.count; ++i) {
        if (limits.is_data(others[i])) places[count++] = JsonPlace{others[i], offset_of_key(others[i])};
      }
      count = keep_unique(places, count, on_repeated);
      for (std::size_t i = 0; i < count; ++i) keys[i] = places[i].offset;
      return read_values(keys, count, limits, notes, data);
    }
    std::vector<JsonPlace> places;
    places.reserve(others.count);
    each_other_key(user, [&](std::string_view name, std::size_t key, JsonReader&) {
      if (limits.is_data(name)) places.push_back(JsonPlace{name, key});
      return true;
    });
    keep_unique(places, on_repeated);
    // Only the offsets are kept while the values are read, to bound the memory.
    std::vector<std::size_t> keys;
    keys.reserve(places.size());
    for (const JsonPlace& place : places) keys.push_back(place.offset);
    std::vector<JsonPlace>().swap(places);
    read_values(keys.data(), keys.size(), limits, notes, data);
  }

  /// Returns the offset of the first key of the user at an offset that may be data, or `none`.
  std::size_t first_key_of_data(std::size_t user, const JsonDataLimits& limits) {
    std::size_t first = none;
    each_other_key(user, [&](std::string_view name, std::size_t key, JsonReader& keys) {
      if (limits.is_data(name) && keys.peek() != JsonKind::null) first = key;
      return first == none;
    });
    return first;
  }
  /// Returns whether the object at an offset has no members.
  bool is_empty(std::size_t object) {
    std::string_view name;
    in_.seek(object);
    in_.open();
    return !in_.next_key(name);
  }

  static constexpr std::size_t none = static_cast<std::size_t>(-1);

 private:
  bool fail(const Error& error) {
    error_ = error;
    in_ = JsonReader(json_, room_.scratch, &leniency_);  // a reader that failed reads nothing more
    return false;
  }

  /// Returns a reader for keys. Its strings are valid until a value is read.
  JsonReader key_reader() { return JsonReader(json_, room_.scratch, &leniency_, JsonReader::deepest_around_values); }
  /// Reads the key at an offset. Its value is the next of `in_`. Valid until a value is read.
  std::string_view name_at(std::size_t key) {
    std::string_view name;
    in_.seek_key(key);
    in_.next_key(name);
    return name;
  }

  std::size_t offset_of_key(std::string_view key) const noexcept {
    return static_cast<std::size_t>(key.data() - json_.data()) - 1;
  }

  /// Calls `use(name, offset, reader)` for each key of a user that is none of the fields of a user, until it returns
  /// false.
  template <class Use>
  void each_other_key(std::size_t user, const Use& use) {
    JsonReader keys = key_reader();
    std::string_view name;
    keys.seek(user);
    for (keys.open(); keys.next_key(name); keys.skip()) {
      if (!is_reserved_name(name) && !use(name, keys.key_offset(), keys)) return;
    }
  }

  /// Reads the fields with the keys at these offsets, in this order.
  void read_values(const std::size_t* keys, std::size_t count, const JsonDataLimits& limits, ReadNotes* notes,
                   Attributes& data) {
    const auto note = [notes](ErrorCode code, std::size_t offset, const char* message) {
      if (notes != nullptr) notes->add(Error{code, offset, message});
    };
    std::size_t bytes_left = limits.max_bytes;
    for (std::size_t i = 0; i < count; ++i) {
      was_broken();
      const std::string_view name = name_at(keys[i]);
      const bool has_name = !name.empty();
      const std::size_t name_bytes = json_bytes_of_name(name);
      if (in_.peek() == JsonKind::null) continue;
      const std::size_t offset = in_.offset();
      Value value;
      if (!has_name) {
        note(ErrorCode::out_of_range, keys[i], "a name in the data of a user is empty");
      } else if (!read_value(offset, value)) {
        note(error_.code, error_.offset, error_.message);
      } else if (!was_broken()) {
        const std::size_t bytes = name_bytes + json_bytes(value.view());
        if (bytes > bytes_left) {
          note(ErrorCode::over_limit, offset, "more data than max_user_data_bytes");
        } else if (data.size() == limits.max_names) {
          note(ErrorCode::over_limit, keys[i], "more names in the data than max_data_names");
          break;
        } else {
          bytes_left -= bytes;
          data[name_at(keys[i])] = std::move(value);
        }
      }
    }
  }

  std::string_view json_;
  JsonLeniency leniency_;
  JsonFieldRoom& room_;
  JsonReader in_;
  Error error_;
};

}  // namespace detail
}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_JSON_DETAIL_FIELDS_READER_HPP
