// SPDX-License-Identifier: MIT
#ifndef PRESENCE_JSON_DETAIL_USER_READER_HPP
#define PRESENCE_JSON_DETAIL_USER_READER_HPP

#include <presence/base/result.hpp>
#include <presence/base/time.hpp>
#include <presence/json/detail/field_room.hpp>
#include <presence/json/detail/fields_reader.hpp>
#include <presence/json/detail/judge.hpp>
#include <presence/json/detail/reader.hpp>
#include <presence/json/limits.hpp>
#include <presence/model/attributes.hpp>
#include <presence/model/detail/canonical_json.hpp>
#include <presence/model/user.hpp>
#include <presence/model/value.hpp>

#include <cstddef>           // for size_t
#include <cstdint>           // for uintptr_t
#include <initializer_list>  // for initializer_list
#include <optional>          // for optional
#include <string>            // for string
#include <string_view>       // for string_view
#include <utility>           // for move

/// The users of a chat service.
namespace presence {
inline namespace PRESENCE_ABI {
namespace detail {

/// A text whose grammar was checked, its strings with escapes, and the memory for what cannot be borrowed from it,
/// which is made when it is needed. A null pointer: there is none.
struct JsonContent {
  std::string_view json;
  const JsonLeniency& leniency;
  std::string& strings;
  std::optional<JsonFieldRoom>* room;

  JsonFieldRoom& made_room() const { return *room ? **room : room->emplace(); }
};

/// Releases the memory of strings with escapes, which may be as large as the text, except that of these views.
PRESENCE_DETAIL_APART inline void compact(std::string& strings, std::initializer_list<std::string_view*> views) {
  constexpr std::size_t large = 1024;
  if (strings.capacity() < large) return;
  const auto is_inside = [&strings](std::string_view view) {
    const auto start = reinterpret_cast<std::uintptr_t>(strings.data());
    const auto at = reinterpret_cast<std::uintptr_t>(view.data());
    return at >= start && at < start + strings.size();
  };
  std::size_t size = 0;
  for (const std::string_view* const view : views) size += is_inside(*view) ? view->size() : 0;
  std::string kept;
  kept.reserve(size);
  constexpr std::size_t elsewhere = static_cast<std::size_t>(-1);
  std::size_t places[8];
  std::size_t i = 0;
  for (const std::string_view* const view : views) {
    places[i++] = is_inside(*view) ? kept.size() : elsewhere;
    if (places[i - 1] != elsewhere) kept += *view;
  }
  strings.swap(kept);  // a short string moves with it
  i = 0;
  for (std::string_view* const view : views) {
    if (places[i] != elsewhere) *view = std::string_view(strings).substr(places[i], view->size());
    ++i;
  }
}

inline bool is_there(const JsonNote& value) noexcept { return value.kind != JsonKind::nothing; }

/// Fails because a value cannot be borrowed.
PRESENCE_DETAIL_RARE inline void miss_buffer(JsonJudge& judge, std::size_t offset) noexcept {
  judge.fail(ErrorCode::needs_buffer, offset, "an event with such content needs an EventBuffer");
}

/// Reads the activity of a user of a service who is online. A malformed one counts as absent, and is noted.
inline void read_activity(JsonJudge& judge, const JsonNote& found, const ReadOptions& options, JsonFieldsReader& reader,
                          Attributes& activity) {
  const auto omit = [&](ErrorCode code, std::size_t offset, const char* message) {
    judge.pass_over(code, offset, message);
    activity = Attributes();
  };
  if (!judge.has(found, JsonKind::object, JsonJudge::an_object)) return;
  reader.was_broken();
  const bool is_read = reader.read_object(found.offset, activity);
  if (!is_read) {
    omit(reader.error().code, reader.error().offset, reader.error().message);
  } else if (reader.was_broken()) {
    activity = Attributes();  // which was noted
  } else if (levels_of(activity) == Value::deepest) {
    omit(ErrorCode::too_deep, found.offset, "nested too deeply");
  } else if (json_bytes(AttributesView(activity)) > options.max_activity_bytes) {
    omit(ErrorCode::over_limit, found.offset, "an activity larger than max_activity_bytes");
  }
}

inline bool has_content(const JsonUser& user, bool is_online, const ReadOptions& options) noexcept {
  return (user.others.count != 0 && options.max_data_names != 0) ||
         (is_there(user.activity) && is_online && options.max_activity_bytes != 0);
}

inline bool has_data(const JsonUser& user, const JsonDataLimits& limits, std::string_view json) noexcept {
  if (!user.others.are_all_in(json)) return true;
  for (std::size_t i = 0; i < user.others.count; ++i) {
    if (limits.is_data(user.others[i])) return true;
  }
  return false;
}

/// Reads the activity and the data of a user of a service into the room.
inline void read_user_content(JsonJudge& judge, const JsonUser& user, bool has_activity, bool has_data,
                              const ReadOptions& options, const JsonDataLimits& limits, const JsonContent& content) {
  JsonFieldRoom& room = content.made_room();
  JsonFieldsReader reader(content.json, content.leniency, room);
  if (has_activity) read_activity(judge, user.activity, options, reader, room.activity);
  if (has_data) reader.read_data(user.self.offset, user.others, limits, judge.notes(), room.data);
}
/// Fails if there is an activity or data.
PRESENCE_DETAIL_RARE inline void refuse_user_content(JsonJudge& judge, const JsonUser& user, bool has_activity,
                                                     bool has_data, const JsonDataLimits& limits,
                                                     const JsonContent& content) {
  JsonFieldRoom room;
  JsonFieldsReader reader(content.json, content.leniency, room);
  if (has_activity && judge.has(user.activity, JsonKind::object, JsonJudge::an_object) &&
      !reader.is_empty(user.activity.offset))
    miss_buffer(judge, user.activity.offset);
  const std::size_t data = has_data ? reader.first_key_of_data(user.self.offset, limits) : JsonFieldsReader::none;
  if (data != JsonFieldsReader::none) miss_buffer(judge, data);
}

/// Reads the activity and the data of a user of a service. Requires that `has_content` returned true.
PRESENCE_DETAIL_APART inline void judge_user_content(JsonJudge& judge, const JsonUser& user, bool is_online,
                                                     const ReadOptions& options, const JsonContent& content) {
  const JsonDataLimits limits(options.max_user_data_bytes, options.max_data_names, options.skipped_names);
  const bool has_activity = is_there(user.activity) && is_online && options.max_activity_bytes != 0;
  const bool has_data =
      user.others.count != 0 && options.max_data_names != 0 && detail::has_data(user, limits, content.json);
  if (!has_activity && !has_data) return;
  if (content.room != nullptr) {
    read_user_content(judge, user, has_activity, has_data, options, limits, content);
  } else {
    refuse_user_content(judge, user, has_activity, has_data, limits, content);
  }
}

/// Reads a user from its recorded values. Returns false after an error.
inline bool judge_user(JsonJudge& judge, const JsonUser& found, const ReadOptions& options, UserView& user) {
  user.id = judge.needed_id(found.id, found.self.offset);
  user.online = judge.truth(found.online).value_or(false);
  user.status = judge.status(found, true, options).value_or("");
  if (user.online) user.availability = judge.online_availability(found.availability);
  Timestamp last_active;
  if (judge.read_side_timestamp(found.last_active, last_active)) user.last_active = last_active;
  user.invisible = judge.has(found.invisible, JsonKind::boolean, JsonJudge::a_truth) && found.invisible.truth;
  return judge.ok();
}

/// Returns a user who owns their strings, and reads their activity and data directly into it. `user` was read from
/// `found`.
inline User take_user(JsonJudge& judge, const JsonUser& found, const UserView& user, const ReadOptions& options,
                      const JsonContent& content) {
  User taken = user;
  if (!has_content(found, user.online, options)) return taken;
  judge_user_content(judge, found, user.online, options, content);
  if (!*content.room) return taken;
  taken.activity = std::move((*content.room)->activity);
  taken.data = std::move((*content.room)->data);
  return taken;
}

}  // namespace detail
}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_JSON_DETAIL_USER_READER_HPP
