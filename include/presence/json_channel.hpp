// SPDX-License-Identifier: MIT
#ifndef PRESENCE_JSON_CHANNEL_HPP
#define PRESENCE_JSON_CHANNEL_HPP

#include <presence/channel.hpp>
#include <presence/detail/algorithm.hpp>
#include <presence/detail/json_reader.hpp>
#include <presence/json.hpp>
#include <presence/json_filter.hpp>
#include <presence/result.hpp>
#include <presence/value.hpp>

#include <cstddef>      // for size_t
#include <optional>     // for optional, nullopt
#include <string>       // for string
#include <string_view>  // for string_view
#include <utility>      // for move
#include <vector>       // for vector

namespace presence {
inline namespace PRESENCE_ABI {
namespace detail {

/// Reads what comes next as a string; null reads as if nothing stood there. False after an error.
inline bool read_string(JsonReader& in, JsonValue& value) {
  in.read(value);
  if (value.kind != JsonKind::string && value.kind != JsonKind::null)
    in.fail(ErrorCode::wrong_type, value.offset, "a string is needed here");
  return in.ok();
}

/// Reads an element of `members`. False after an error.
inline bool read_member(JsonReader& in, std::string_view json, std::vector<std::string>& members) {
  JsonValue self, user_id, user, id;
  if (!note_and_enter(in, self)) {
    if (self.kind != JsonKind::string) in.fail(ErrorCode::wrong_type, self.offset, "a member is a string or an object");
    if (in.ok()) members.emplace_back(self.text);
    return in.ok();
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
  if (!in.ok()) return false;

  JsonJudge judge(json);
  const std::optional<std::string_view> named = judge.text(user_id);
  judge.given(user, JsonKind::object, "an object is needed here");
  const std::optional<std::string_view> nested = judge.text(id);
  if (named && nested && *named != *nested)
    judge.fail(ErrorCode::out_of_range, id.offset, "the id of another user than user_id names");
  const std::string_view member =
      judge.needed(named ? named : nested, user_id, self.offset, "a member needs a user_id or a user with an id");
  if (!judge.ok()) return in.fail(judge.error().code, judge.error().offset, judge.error().message);
  members.emplace_back(member);
  return true;
}

inline bool read_members(JsonReader& in, std::string_view json, std::vector<std::string>& members) {
  if (in.peek() != JsonKind::array) {
    JsonValue found;
    in.read(found);
    if (found.kind != JsonKind::null) in.fail(ErrorCode::wrong_type, found.offset, "an array is needed here");
    return in.ok();
  }
  in.open();
  while (in.next_element()) {
    if (!read_member(in, json, members)) return false;
  }
  return in.ok();
}

/// Reads the value of a custom field. Absent: one that no Value can hold, which was passed over, or after an error.
inline std::optional<Value> read_custom(JsonReader& in) {
  const JsonKind kind = in.peek();
  if (kind == JsonKind::object) {
    in.skip();
    return std::nullopt;
  }
  if (kind != JsonKind::array) {
    Value value;
    if (!read_scalar(in, value)) return std::nullopt;
    return value;
  }
  std::vector<Value> elements;
  bool is_flat = true;
  in.open();
  while (in.next_element()) {
    const JsonKind element_kind = in.peek();
    if (element_kind == JsonKind::array || element_kind == JsonKind::object) is_flat = false;
    if (is_flat) {
      Value element;
      if (!read_scalar(in, element)) return std::nullopt;
      elements.push_back(std::move(element));
    } else {
      in.skip();
    }
  }
  if (!is_flat || !in.ok()) return std::nullopt;
  return Value::array(elements);
}

struct JsonCustomField {
  std::string_view name;
  Value value;
};

inline bool read_channel(JsonReader& in, std::string_view json, Channel& channel) {
  JsonValue whole, type, id, cid;
  if (!enter_text(in, whole)) return false;
  std::vector<JsonCustomField> custom;
  JsonKeys keys;
  std::string_view key;
  while (in.next_key(key)) {
    keys.add(in, key);
    if (key == "type") {
      if (!read_string(in, type)) return false;
    } else if (key == "id") {
      if (!read_string(in, id)) return false;
    } else if (key == "cid") {
      if (!read_string(in, cid)) return false;
    } else if (key == "members") {
      if (!read_members(in, json, channel.members)) return false;
    } else if (std::optional<Value> value = read_custom(in)) {
      custom.push_back(JsonCustomField{key, std::move(*value)});
    }
  }
  if (!keys.are_unique(in)) return false;

  const bool has_cid = cid.kind == JsonKind::string;
  const std::size_t colon = cid.text.find(':');
  if (type.kind == JsonKind::string) {
    channel.type = std::string(type.text);
  } else if (has_cid) {
    channel.type = std::string(cid.text.substr(0, colon));
  } else {
    return in.fail(ErrorCode::missing_key, whole.offset, "a channel needs a type");
  }
  if (id.kind == JsonKind::string) {
    channel.id = std::string(id.text);
  } else if (has_cid) {
    if (colon != std::string_view::npos) channel.id = std::string(cid.text.substr(colon + 1));
  } else {
    return in.fail(ErrorCode::missing_key, whole.offset, "a channel needs an id");
  }
  if (has_cid && channel.cid() != cid.text)
    return in.fail(ErrorCode::out_of_range, cid.offset, "a cid is the type, a colon and the id");

  // In the order of their names each goes behind those before it. In any other order each would move those behind it,
  // and who chooses the names could make that take quadratic time.
  detail::sort(custom, [](const JsonCustomField& a, const JsonCustomField& b) { return a.name < b.name; });
  for (JsonCustomField& field : custom) channel.custom[field.name] = std::move(field.value);
  return true;
}

/// Whether a custom field can be written so that it is read back as one.
inline bool has_json_form(const CustomFields::Entry& field) noexcept {
  if (field.value.kind() == ValueKind::invalid) return false;
  const std::string_view name = field.name;
  if (name == "type" || name == "id" || name == "cid" || name == "members") return false;
  const char* p = name.data();
  for (const char* const end = p + name.size(); p != end;) {
    const Utf8Step step = utf8_step(p, end);
    if (!step.valid) return false;
    p += step.length;
  }
  return true;
}

}  // namespace detail

/// Reads a channel as chat services write it:
///
///     {"type":"messaging","id":"general","members":["john",{"user_id":"jack"},{"user":{"id":"mary"}}],"level":3}
///
/// A `cid`, "messaging:general", may stand for the type, the id or both, and ends the type at its first colon. A member
/// is the id of a user, or an object that has it as `user_id`, as the `id` of its `user` or as both; its other keys are
/// passed over. Members are kept as they stand, twice where they stand twice. null in place of any of these keys'
/// values reads as if the key were absent; without `members` there are none.
///
/// Every other key is a custom field: null, a bool, an integer, a number, a string, or an array of these; an instant is
/// read as the text that it is written as. Objects, such as the `created_by` and `config` of a service, and arrays that
/// have an array or object in them, are no Values: these fields are passed over, and are not fields of the channel.
///
/// Texts that are empty or too long, and types with a colon, are read as they stand: those Store::put judges. What is
/// wrong first is told with its offset: the grammar as for `parse_event`; `wrong_type` at a value of another type than
/// is needed; `out_of_range` at a number as for `parse_filter`, unless an array or object stands before it in its
/// array. Of the keys of a member, once it is read: `wrong_type`, `duplicate_key` at the second, `out_of_range` at the
/// `id` of a `user` whom `user_id` does not name, and `missing_key` at the object where neither is. Of the channel,
/// once it is read: `duplicate_key` at the second of any two keys, `missing_key` at its brace where the type or the id
/// is absent, and `out_of_range` at a cid that is not "type:id".
///
/// O(n log n) in the length of the text, whatever it is.
///
/// @code
/// const Result<Channel> match = parse_channel(
///     R"({"cid":"match:eu-17","members":["john",{"user_id":"mary","role":"host"}],"slots":4,"config":{}})");
/// assert(match && match->type == "match" && match->id == "eu-17" && match->members.back() == "mary");
/// assert(match->custom.size() == 1 && *match->custom.find("slots") == Value(4));  // an object is no field
/// assert(to_json(*match) == R"({"type":"match","id":"eu-17","members":["john","mary"],"slots":4})");
/// assert(parse_channel(R"({"type":"match"})").error().code == ErrorCode::missing_key);
/// @endcode
inline Result<Channel> parse_channel(std::string_view json) {
  std::string scratch;
  detail::JsonReader in(json, scratch);
  Channel channel;
  if (detail::read_channel(in, json, channel)) in.finish();
  if (!in.ok()) return in.error();
  return channel;
}

/// Appends a channel, which `parse_channel` reads as one that is equal where all its values have a form in JSON:
///
///     {"type":"messaging","id":"general","members":["john","jack"],"level":3,"name":"General"}
///
/// Always the same bytes for the same channel: the custom fields stand behind the members, in the order of their names.
/// An instant is written as RFC 3339, which is read as a text; a number that is not finite as null; of what is not
/// UTF-8 in a text each part as U+FFFD. Left out are custom fields that could not be read back as such: those named
/// `type`, `id`, `cid` or `members`, those whose name is not UTF-8, and invalid values.
inline void append_json(std::string& out, const Channel& channel) {
  detail::append_json_text(out, R"({"type":)", channel.type);
  detail::append_json_text(out, R"(,"id":)", channel.id);
  out += R"(,"members":[)";
  std::string_view separator;
  for (const std::string& member : channel.members) {
    detail::append_json_text(out, separator, member);
    separator = ",";
  }
  out += ']';
  for (const CustomFields::Entry& field : channel.custom) {
    if (!detail::has_json_form(field)) continue;
    detail::append_json_text(out, ",", field.name);
    out += ':';
    append_json(out, field.value);
  }
  out += '}';
}
/// What `append_json` appends.
inline std::string to_json(const Channel& channel) { return detail::json_of(channel); }

}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_JSON_CHANNEL_HPP
