// SPDX-License-Identifier: MIT
#ifndef PRESENCE_JSON_DETAIL_QUERIES_BODIES_HPP
#define PRESENCE_JSON_DETAIL_QUERIES_BODIES_HPP

#include <presence/base/detail/algorithm.hpp>
#include <presence/base/result.hpp>
#include <presence/json/detail/filter_reader.hpp>
#include <presence/json/detail/judge.hpp>
#include <presence/json/detail/reader.hpp>
#include <presence/json/detail/value_reader.hpp>
#include <presence/json/detail/writer.hpp>
#include <presence/json/filters.hpp>
#include <presence/json/limits.hpp>
#include <presence/json/queries.hpp>
#include <presence/query/filter.hpp>
#include <presence/query/query.hpp>

#include <cstddef>      // for size_t
#include <string>       // for string, to_string
#include <string_view>  // for string_view
#include <utility>      // for move
#include <vector>       // for vector

namespace presence {
inline namespace PRESENCE_ABI {
namespace detail {

inline constexpr std::size_t without_limit = static_cast<std::size_t>(-1);

/// A recorded value of a query, and its end.
struct JsonPart : JsonValue {
  std::size_t end = 0;
};

/// The recorded values of a query.
struct JsonQuery {
  JsonPart filter, sort, limit, offset, presence;

  JsonPart* find(std::string_view key) noexcept {
    return key == "filter_conditions" || key == "filter" ? &filter
           : key == "sort"                               ? &sort
           : key == "limit"                              ? &limit
           : key == "offset"                             ? &offset
           : key == "presence"                           ? &presence
                                                         : nullptr;
  }
};

/// Reads a nonnegative integer. A larger one than a size_t holds is read as the largest.
inline bool read_count(std::string_view number, std::size_t& count) noexcept {
  std::size_t value = 0;
  for (const char c : number) {
    if (c < '0' || c > '9') return false;
    const auto digit = static_cast<std::size_t>(c - '0');
    value = value > (without_limit - digit) / 10 ? without_limit : value * 10 + digit;
  }
  count = value;
  return true;
}

/// Reads the sort keys of a query from a text whose grammar was checked.
class JsonSortReader {
 public:
  /// Fails at the first sort key beyond `most`.
  JsonSortReader(std::string_view json, std::size_t most) noexcept
      : elements_(json, unused_, nullptr, JsonReader::deepest_around_values),
        in_(json, scratch_, nullptr, JsonReader::deepest_around_values),
        json_(json),
        most_(most) {}

  const Error& error() const noexcept { return in_.error(); }

  bool read(std::vector<SortKey>& sort) {
    std::size_t count = 0;
    each_element([&](bool is_object) {
      if (is_object) count += is_long() ? 1 : count_keys();
      return true;
    });
    sort.reserve(smaller_of(count, most_));
    return each_element([&](bool is_object) {
      if (!is_object) return in_.fail(ErrorCode::wrong_type, object_, "a sort key must be an object");
      return is_long() ? read_long(sort) : read_short(sort);
    });
  }

 private:
  /// Calls `act` for each element, or for the object that is the whole text, until it returns false. `object_` is then
  /// its offset.
  template <class Act>
  bool each_element(const Act& act) {
    elements_.seek(0);
    if (elements_.at_object()) {
      object_ = 0;
      return act(true);
    }
    elements_.open();
    while (elements_.next_element()) {
      const bool is_object = elements_.at_object();
      object_ = elements_.offset();
      elements_.skip();
      if (!act(is_object)) return false;
    }
    return true;
  }

  void enter() {
    in_.seek(object_);
    in_.open();
  }

  /// Returns true if the object names its field and its direction, as in `{"field":"name","direction":1}`.
  bool is_long() {
    bool found = false;
    std::string_view key;
    for (enter(); in_.next_key(key); in_.skip()) found = found || key == "field" || key == "direction";
    return found;
  }
  std::size_t count_keys() {
    std::size_t count = 0;
    std::string_view key;
    for (enter(); in_.next_key(key); in_.skip()) ++count;
    return count;
  }

  bool read_long(std::vector<SortKey>& sort) {
    JsonValue field, direction, nulls_last;
    std::string_view key;
    for (enter(); in_.next_key(key);) {
      if (key == "field") {
        note(in_, field);
      } else if (key == "direction") {
        note(in_, direction);
      } else if (key == "nulls_last") {
        note(in_, nulls_last);
      } else {
        in_.skip();
      }
    }
    JsonJudge judge(json_);
    if (!judge.given(field, JsonKind::string, "the field of a sort key must be a string"))
      judge.miss(field, object_, "the sort key has no field");
    if (!judge.given(direction) && judge.ok()) judge.miss(direction, object_, "the sort key has no direction");
    const bool is_nulls_last = judge.truth(nulls_last).value_or(false);
    if (!judge.ok()) return in_.fail(judge.error().code, judge.error().offset, judge.error().message);
    if (!add(field.text, field.offset, direction, sort)) return false;
    sort.back().nulls_last = is_nulls_last;
    return true;
  }

  bool read_short(std::vector<SortKey>& sort) {
    JsonKeys keys;
    keys.reserve(count_keys());
    std::string_view key;
    for (enter(); in_.next_key(key);) {
      const std::size_t offset = in_.key_offset();
      keys.add(in_, key);
      JsonValue direction;
      in_.read(direction);
      if (!add(key, offset, direction, sort)) return false;
    }
    return keys.are_unique(in_);
  }

  bool add(std::string_view field, std::size_t offset, const JsonValue& direction, std::vector<SortKey>& sort) {
    constexpr const char* message = "the direction of a sort key must be 1 or -1";
    if (field.empty()) return in_.fail(ErrorCode::bad_operand, offset, "the field of a sort key is empty");
    if (direction.kind != JsonKind::number) return in_.fail(ErrorCode::wrong_type, direction.offset, message);
    if (direction.text != "1" && direction.text != "-1")
      return in_.fail(ErrorCode::out_of_range, direction.offset, message);
    if (sort.size() == most_)
      return in_.fail(ErrorCode::over_limit, offset, "the number of sort keys exceeds the limit");
    sort.push_back(SortKey{std::string(field), direction.text == "1" ? Order::ascending : Order::descending});
    return true;
  }

  std::string unused_, scratch_;
  JsonReader elements_, in_;
  std::string_view json_;
  std::size_t object_ = 0;
  std::size_t most_;
};

/// Reads a query. The first pass checks the grammar and records where the values are.
class JsonQueryReader {
 public:
  JsonQueryReader(std::string_view json, const FilterLimits& limits) noexcept
      : json_(json), limits_(limits), values_left_(limits.max_values) {}

  const Error& error() const noexcept { return error_; }

  bool read(Query& query, bool& presence) {
    if (json_.size() > limits_.max_bytes)
      return fail(ErrorCode::over_limit, limits_.max_bytes, "the length exceeds the limit in bytes");
    query.limit = without_limit;
    JsonQuery found;
    return note_parts(found) && read_filter(found.filter, query.filter) && read_sort(found.sort, query.sort) &&
           read_size(found.limit, "limit occurs twice", "limit must be a nonnegative integer", query.limit) &&
           read_size(found.offset, "offset occurs twice", "offset must be a nonnegative integer", query.offset) &&
           read_presence(found.presence, presence);
  }

 private:
  bool fail(ErrorCode code, std::size_t offset, const char* message) noexcept {
    error_ = Error{code, offset, message};
    return false;
  }
  bool fail_in(const JsonPart& part, const Error& error) noexcept {
    return fail(error.code, part.offset + error.offset, error.message);
  }

  bool note_parts(JsonQuery& found) {
    std::string scratch;  // no decoded string is used later
    JsonReader in(json_, scratch, nullptr, JsonReader::deepest_around_values);
    JsonValue whole;
    if (enter_text(in, whole)) {
      std::string_view key;
      while (in.next_key(key)) {
        if (JsonPart* const part = found.find(key)) {
          note(in, *part);
          part->end = in.offset();
        } else {
          in.skip();
        }
      }
      in.finish();
    }
    return in.ok() || fail(in.error().code, in.error().offset, in.error().message);
  }

  std::string_view text_of(const JsonPart& part) const noexcept {
    return json_.substr(part.offset, part.end - part.offset);
  }

  /// Returns true if there is a value; null is treated as an absent key. Sets the error if the key occurs twice.
  bool is_given(const JsonPart& part, const char* twice) noexcept {
    if (part.kind == JsonKind::repeated) fail(ErrorCode::duplicate_key, part.offset, twice);
    return part.kind != JsonKind::nothing && part.kind != JsonKind::null && part.kind != JsonKind::repeated;
  }

  bool read_filter(const JsonPart& part, Filter& filter) {
    if (!is_given(part, "filter_conditions, or filter, occurs twice")) return part.kind != JsonKind::repeated;
    if (part.kind != JsonKind::object)
      return fail(ErrorCode::wrong_type, part.offset, "filter_conditions, or filter, must be an object");
    std::string scratch;
    FilterReader reader(text_of(part), scratch, limits_);
    if (!reader.filter(filter, 0)) return fail_in(part, reader.in().error());
    values_left_ = reader.values_left();
    return true;
  }

  bool read_sort(const JsonPart& part, std::vector<SortKey>& sort) {
    if (!is_given(part, "sort occurs twice")) return part.kind != JsonKind::repeated;
    if (part.kind != JsonKind::array && part.kind != JsonKind::object)
      return fail(ErrorCode::wrong_type, part.offset, "sort must be an array or an object");
    JsonSortReader reader(text_of(part), values_left_);
    return reader.read(sort) || fail_in(part, reader.error());
  }

  bool read_size(const JsonPart& part, const char* twice, const char* wrong, std::size_t& size) noexcept {
    if (!is_given(part, twice)) return part.kind != JsonKind::repeated;
    if (part.kind != JsonKind::number) return fail(ErrorCode::wrong_type, part.offset, wrong);
    return read_count(part.text, size) || fail(ErrorCode::out_of_range, part.offset, wrong);
  }

  bool read_presence(const JsonPart& part, bool& presence) noexcept {
    if (!is_given(part, "presence occurs twice")) return part.kind != JsonKind::repeated;
    if (part.kind != JsonKind::boolean)
      return fail(ErrorCode::wrong_type, part.offset, "presence must be true or false");
    presence = part.truth;
    return true;
  }

  std::string_view json_;
  const FilterLimits& limits_;
  std::size_t values_left_;
  Error error_;
};

template <class Asked>
Result<Asked> parse_query(std::string_view json, const FilterLimits& limits) {
  JsonQueryReader reader(json, limits);
  Query query;
  Result<Asked> asked{Asked()};
  if (!reader.read(query, asked->presence)) return reader.error();
  asked->filter = std::move(query.filter);
  asked->sort = std::move(query.sort);
  asked->offset = query.offset;
  asked->limit = query.limit;
  return asked;
}

inline void append_json_query(std::string& out, const Filter& filter, const std::vector<SortKey>& sort,
                              std::size_t limit, std::size_t offset, bool presence) {
  out += R"({"filter_conditions":)";
  append_json(out, filter);
  std::string_view separator = R"(,"sort":[)";
  for (const SortKey& key : sort) {
    if (key.field.empty()) continue;
    out += separator;
    append_json_text(out, R"({"field":)", key.field);
    out += key.order == Order::ascending ? R"(,"direction":1)" : R"(,"direction":-1)";
    out += key.nulls_last ? R"(,"nulls_last":true})" : "}";
    separator = ",";
  }
  if (separator == ",") out += ']';
  if (limit != without_limit) out += R"(,"limit":)" + std::to_string(limit);
  if (offset != 0) out += R"(,"offset":)" + std::to_string(offset);
  if (presence) out += R"(,"presence":true)";
  out += '}';
}

}  // namespace detail

PRESENCE_DETAIL_BODY Result<UserQuery> parse_user_query(std::string_view json, const FilterLimits& limits) {
  return detail::parse_query<UserQuery>(json, limits);
}

PRESENCE_DETAIL_BODY Result<UserQuery> parse_user_query(std::string_view json) {
  return parse_user_query(json, FilterLimits());
}

PRESENCE_DETAIL_BODY Result<ChannelQuery> parse_channel_query(std::string_view json, const FilterLimits& limits) {
  return detail::parse_query<ChannelQuery>(json, limits);
}

PRESENCE_DETAIL_BODY Result<ChannelQuery> parse_channel_query(std::string_view json) {
  return parse_channel_query(json, FilterLimits());
}

PRESENCE_DETAIL_BODY void append_json(std::string& out, const UserQuery& query) {
  detail::append_json_query(out, query.filter, query.sort, query.limit, query.offset, query.presence);
}

PRESENCE_DETAIL_BODY void append_json(std::string& out, const ChannelQuery& query) {
  detail::append_json_query(out, query.filter, query.sort, query.limit, query.offset, query.presence);
}

PRESENCE_DETAIL_BODY std::string to_json(const UserQuery& query) { return detail::json_of(query); }
PRESENCE_DETAIL_BODY std::string to_json(const ChannelQuery& query) { return detail::json_of(query); }

}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_JSON_DETAIL_QUERIES_BODIES_HPP
