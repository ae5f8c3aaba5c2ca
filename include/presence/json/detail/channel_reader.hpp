// SPDX-License-Identifier: MIT
#ifndef PRESENCE_JSON_DETAIL_CHANNEL_READER_HPP
#define PRESENCE_JSON_DETAIL_CHANNEL_READER_HPP

#include <presence/base/detail/decimal.hpp>
#include <presence/base/result.hpp>
#include <presence/json/detail/judge.hpp>
#include <presence/json/detail/places.hpp>
#include <presence/json/detail/reader.hpp>
#include <presence/json/detail/value_reader.hpp>
#include <presence/json/limits.hpp>
#include <presence/model/attributes.hpp>
#include <presence/model/channel.hpp>
#include <presence/model/value.hpp>

#include <cstddef>      // for size_t
#include <cstdint>      // for int64_t
#include <optional>     // for optional, nullopt
#include <string>       // for string
#include <string_view>  // for string_view
#include <utility>      // for move
#include <vector>       // for vector

namespace presence {
inline namespace PRESENCE_ABI {
namespace detail {

/// The value that was found for the type, the id or the cid of a channel.
struct JsonChannelName {
  std::optional<std::string> text;
  std::size_t offset = 0;
  std::optional<Error> odd;  ///< why it is malformed; not set if it is absent or null
};

/// The values of an object that is a channel or the state of one.
struct JsonChannelKeys {
  JsonValue whole, type, id, cid, inner, members;
};

/// The parts of a channel that are not read yet.
struct JsonChannelParts {
  bool is_state = false;
  JsonValue members, own_members;
  std::vector<JsonPlace> custom;
};

/// Reads channels. The first pass over a channel checks the grammar. Each further pass counts or collects what the next
/// one needs. So, apart from the positions of the keys, only the result is allocated, in its final size.
class JsonChannelReader {
 public:
  JsonChannelReader(std::string_view json, const ReadOptions& options, ReadNotes* notes) noexcept
      : json_(json), options_(options), leniency_(notes), judge_(json, notes) {}

  /// For a text whose grammar was checked with this leniency, which noted all malformed strings.
  JsonChannelReader(std::string_view json, const ReadOptions& options, const JsonLeniency& checked,
                    ReadNotes* notes) noexcept
      : json_(json), options_(options), leniency_(checked), judge_(json, notes) {}

  const Error& error() const noexcept { return error_; }

  /// Reads the channel that is the whole text.
  bool read(Channel& channel) {
    JsonReader names(json_, names_scratch_, &leniency_);
    JsonChannelKeys keys;
    if (enter_text(names, keys.whole)) {
      note_keys(names, keys);
      names.finish();
    }
    if (!names.ok()) return fail(names.error());
    leniency_.stop_noting();
    JsonChannelParts parts;
    return read_names(names, keys, parts, channel) && read_parts(parts, channel);
  }

  /// Reads a channel that is a part of a text whose grammar was checked.
  bool read_at(std::size_t offset, Channel& channel) {
    JsonChannelParts parts;
    return read_names_at(offset, parts, channel) && read_parts(parts, channel);
  }

  /// Returns true if `read_at` would. Does not read the members and custom fields, which cannot fail.
  bool check_at(std::size_t offset) {
    JsonChannelParts parts;
    Channel channel;
    return read_names_at(offset, parts, channel);
  }

 private:
  static constexpr const char* an_array = "expected an array";

  bool fail(const Error& error) noexcept {
    error_ = error;
    return false;
  }

  static bool is_absent(const JsonNote& value) noexcept {
    return value.kind == JsonKind::nothing || value.kind == JsonKind::null;
  }

  /// Records the values of a channel. The reader is inside the object.
  static void note_keys(JsonReader& in, JsonChannelKeys& keys) {
    std::string_view key;
    while (in.next_key(key)) {
      JsonNote* const known = key == "type"      ? &keys.type
                              : key == "id"      ? &keys.id
                              : key == "cid"     ? &keys.cid
                              : key == "channel" ? &keys.inner
                              : key == "members" ? &keys.members
                                                 : nullptr;
      if (known != nullptr) {
        note(in, *known);
      } else {
        in.skip();
      }
    }
  }

  bool read_names_at(std::size_t offset, JsonChannelParts& parts, Channel& channel) {
    JsonReader names(json_, names_scratch_, &leniency_);
    JsonChannelKeys keys;
    names.seek(offset);
    if (!note_and_enter(names, keys.whole))
      return fail(Error{ErrorCode::wrong_type, keys.whole.offset, "a channel is an object"});
    note_keys(names, keys);
    return read_names(names, keys, parts, channel);
  }

  /// Sets the type and the id, and finds the other parts.
  bool read_names(JsonReader& names, const JsonChannelKeys& keys, JsonChannelParts& parts, Channel& channel) {
    type_ = id_ = cid_ = JsonChannelName();
    // If the outer object identifies a channel itself, `channel` is one of its custom fields.
    parts.is_state =
        keys.inner.kind == JsonKind::object && is_absent(keys.cid) && (is_absent(keys.type) || is_absent(keys.id));
    parts.members = keys.members;
    const std::size_t object = parts.is_state ? keys.inner.offset : keys.whole.offset;
    parts.custom = places_of(names, object);

    JsonReader in(json_, scratch_, &leniency_);
    std::size_t custom = 0;
    for (const JsonPlace& place : parts.custom) {
      JsonChannelName* const name = name_called(place.name);
      go_to_value(in, place);
      if (name != nullptr) {
        read_name(in, *name);
      } else if (place.name == "members") {
        parts.own_members.kind = in.peek();
        parts.own_members.offset = in.offset();
      } else {
        parts.custom[custom++] = place;
      }
    }
    parts.custom.resize(custom);
    return set_names(object, channel);
  }

  /// Reads the members and the custom fields. Returns true.
  bool read_parts(JsonChannelParts& parts, Channel& channel) {
    JsonReader in(json_, scratch_, &leniency_);
    if (parts.is_state && judge_.has(parts.members, JsonKind::array, an_array)) {
      read_members(in, parts.members.offset, channel.members);
    } else if (judge_.has(parts.own_members, JsonKind::array, an_array)) {
      read_members(in, parts.own_members.offset, channel.members);
    }
    read_custom(in, std::move(parts.custom), channel.custom);
    return true;
  }

  static void go_into(JsonReader& in, std::size_t container) {
    in.seek(container);
    in.open();
  }
  static void go_to_value(JsonReader& in, const JsonPlace& place) {
    in.seek_key(place.offset);
    std::string_view key;
    in.next_key(key);
  }

  JsonChannelName* name_called(std::string_view key) noexcept {
    return key == "type" ? &type_ : key == "id" ? &id_ : key == "cid" ? &cid_ : nullptr;
  }

  /// Returns the keys that occur once in an object, in order of their names.
  std::vector<JsonPlace> places_of(JsonReader& in, std::size_t object) {
    std::vector<JsonPlace> places;
    std::size_t count = 0;
    std::string_view key;
    for (go_into(in, object); in.next_key(key); in.skip()) ++count;
    places.reserve(count);
    for (go_into(in, object); in.next_key(key); in.skip()) places.push_back(JsonPlace{key, in.key_offset()});

    keep_unique(places, [this](const JsonPlace& repeated, std::size_t second) {
      if (JsonChannelName* const name = name_called(repeated.name)) {
        name->odd = Error{ErrorCode::duplicate_key, second, JsonJudge::twice};
      } else {
        pass_over_repeated(second);
      }
    });
    return places;
  }

  void pass_over_repeated(std::size_t second) noexcept {
    judge_.pass_over(ErrorCode::duplicate_key, second, JsonJudge::twice);
  }

  void read_name(JsonReader& in, JsonChannelName& name) {
    JsonValue found;
    in.read(found);
    name.offset = found.offset;
    JsonJudge judge(json_);
    if (judge.given_text(found)) {
      if (found.broken) judge.fail_as_strict(found);
      name.text = std::string(found.text);
    }
    if (judge.ok()) return;
    name.odd = judge.error();
    name.text.reset();
  }

  /// Sets the type and the id from `type`, `id` and `cid`. A malformed value among these is an error only if it is
  /// needed; else it is noted.
  bool set_names(std::size_t object, Channel& channel) {
    const std::size_t colon = cid_.text ? cid_.text->find(':') : std::string::npos;
    for (const JsonChannelName* const name : {&type_, &id_}) {
      if (name->text || cid_.text) continue;
      if (name->odd || cid_.odd) return fail(name->odd ? *name->odd : *cid_.odd);
      return fail(
          Error{ErrorCode::missing_key, object, name == &type_ ? "the channel has no type" : "the channel has no id"});
    }
    if (type_.text) {
      channel.type = std::move(*type_.text);
    } else {
      channel.type = cid_.text->substr(0, colon);
    }
    if (id_.text) {
      channel.id = std::move(*id_.text);
    } else if (colon != std::string::npos) {
      channel.id = cid_.text->substr(colon + 1);
    }
    if (cid_.text && channel.cid() != *cid_.text)
      return fail(Error{ErrorCode::out_of_range, cid_.offset, "the cid is not type, colon, id"});
    for (const JsonChannelName* const name : {&type_, &id_, &cid_}) {
      if (name->odd) judge_.pass_over(name->odd->code, name->odd->offset, name->odd->message);
    }
    return true;
  }

  /// Reads an element of `members`. Returns nullopt if it names no user, or two users.
  static std::optional<std::string_view> read_member(JsonReader& in, JsonJudge& judge) {
    JsonValue self, user_id, user, id;
    if (!note_and_enter(in, self)) {
      if (self.kind == JsonKind::string && !self.broken) return self.text;
      if (self.kind != JsonKind::string)
        judge.pass_over(ErrorCode::wrong_type, self.offset, "a member is a string or an object");
      return std::nullopt;
    }
    std::string_view key;
    while (in.next_key(key)) {
      if (key == "user_id") {
        note(in, user_id);
      } else if (key != "user") {
        in.skip();
      } else if (note_and_enter(in, user)) {
        while (in.next_key(key)) {
          if (key == "id") {
            note(in, id);
          } else {
            in.skip();
          }
        }
      }
    }
    const bool is_named = judge.has_text(user_id) && !user_id.broken;
    const bool has_user = judge.has(user, JsonKind::object, JsonJudge::an_object) && judge.has_text(id) && !id.broken;
    if (is_named && has_user && user_id.text != id.text) {
      judge.pass_over(ErrorCode::out_of_range, id.offset, "the id of another user than user_id names");
      return std::nullopt;
    }
    if (is_named) return user_id.text;
    if (has_user) return id.text;
    judge.pass_over(ErrorCode::missing_key, self.offset, "the member has neither a user_id nor a user with an id");
    return std::nullopt;
  }

  void read_members(JsonReader& in, std::size_t array, std::vector<std::string>& members) {
    std::size_t count = 0;
    for (go_into(in, array); in.next_element();) {
      in.peek();
      const std::size_t offset = in.offset();
      if (!read_member(in, judge_)) continue;
      if (count == options_.max_members) {
        judge_.pass_over(ErrorCode::over_limit, offset, "more members than max_members");
        break;
      }
      ++count;
    }
    members.reserve(count);
    JsonJudge silent(json_);
    for (go_into(in, array); members.size() < count && in.next_element();) {
      if (const std::optional<std::string_view> member = read_member(in, silent)) members.emplace_back(*member);
    }
  }

  /// Returns true if the value is representable in a Value. It is not an object.
  bool is_scalar(const JsonNote& found) noexcept {
    if (found.kind == JsonKind::array) {
      judge_.pass_over(ErrorCode::wrong_type, found.offset, "an array in an array; no Value holds this");
      return false;
    }
    if (found.kind != JsonKind::number) return true;
    std::int64_t integer = 0;
    const bool is_integer = found.text.find_first_of(".eE") == std::string_view::npos;
    if (is_integer ? to_int64(found.text, integer) : fits_double(found.text)) return true;
    judge_.pass_over(ErrorCode::out_of_range, found.offset, "larger than an integer of 64 bits, or any double");
    return false;
  }

  /// Checks the next value, and adds the number of its elements and members. Returns false if it is not representable
  /// in a Value; the reader is then inside it. Notes the names that are repeated in an object. Recurses as deep as the
  /// text nests.
  bool check_value(JsonReader& in, bool is_element, std::size_t& parts) {
    const JsonKind kind = in.peek();
    if (kind == JsonKind::object) return check_members(in, parts);
    if (kind == JsonKind::array && !is_element) {
      for (in.open(); in.next_element(); ++parts) {
        if (!check_value(in, true, parts)) return false;
      }
      return true;
    }
    JsonValue found;
    in.read(found);
    return is_scalar(found);
  }
  bool check_members(JsonReader& in, std::size_t& parts) {
    std::vector<JsonPlace> places;
    std::string_view name;
    for (in.open(); in.next_key(name); ++parts) {
      places.push_back(JsonPlace{name, in.key_offset()});
      if (!check_value(in, false, parts)) return false;
    }
    keep_unique(places, [this](const JsonPlace&, std::size_t second) { pass_over_repeated(second); });
    return true;
  }

  void read_custom(JsonReader& in, std::vector<JsonPlace> places, Attributes& custom) {
    std::size_t fields = 0, all_parts = 0;
    bool has_objects = false;
    for (const JsonPlace& place : places) {
      go_to_value(in, place);
      const JsonKind kind = in.peek();
      const std::size_t offset = in.offset();
      std::size_t parts = 0;
      if (!check_value(in, false, parts)) continue;
      if (parts > options_.max_custom_elements - all_parts) {
        judge_.pass_over(ErrorCode::over_limit, offset, "more elements and members than max_custom_elements");
        continue;
      }
      all_parts += parts;
      has_objects = has_objects || (parts > 0 && (kind == JsonKind::object || kind == JsonKind::array));
      if (fields == options_.max_custom_fields) {
        judge_.pass_over(ErrorCode::over_limit, place.offset, "more custom fields than max_custom_fields");
        break;
      }
      places[fields++] = place;
    }
    // Only the offsets are kept while the fields are created, to bound the memory.
    std::vector<std::size_t> keys;
    keys.reserve(fields);
    for (std::size_t i = 0; i < fields; ++i) keys.push_back(places[i].offset);
    std::vector<JsonPlace>().swap(places);
    if (has_objects) std::string().swap(names_scratch_);  // its strings are not needed any more
    // The names are in order, so each field is appended.
    for (const std::size_t key : keys) {
      std::string_view name;
      in.seek_key(key);
      in.next_key(name);
      Value& value = custom[name];
      const JsonKind kind = in.peek();
      if (kind == JsonKind::array || kind == JsonKind::object) {
        read_nested(in, value);
      } else {
        read_scalar(in, value);
      }
    }
  }

  /// Reads the next array or object, which was checked before.
  void read_nested(JsonReader& in, Value& value) {
    const std::size_t start = in.offset();
    in.skip();
    JsonCounts counts(json_.substr(start, in.offset() - start), JsonCounts::Text::value);
    in.seek(start);
    std::size_t left = static_cast<std::size_t>(-1);
    JsonValueReader(in, counts, left, JsonValueReader::Repeated::is_omitted).read(value);
  }

  std::string_view json_;
  const ReadOptions& options_;
  JsonLeniency leniency_;
  JsonJudge judge_;
  std::string names_scratch_, scratch_;
  JsonChannelName type_, id_, cid_;
  Error error_;
};

}  // namespace detail
}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_JSON_DETAIL_CHANNEL_READER_HPP
