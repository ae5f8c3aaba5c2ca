// SPDX-License-Identifier: MIT
#ifndef PRESENCE_JSON_DETAIL_CHANNELS_BODIES_HPP
#define PRESENCE_JSON_DETAIL_CHANNELS_BODIES_HPP

#include <presence/base/detail/utf8.hpp>
#include <presence/base/result.hpp>
#include <presence/json/channels.hpp>
#include <presence/json/detail/channel_reader.hpp>
#include <presence/json/detail/reader.hpp>
#include <presence/json/detail/writer.hpp>
#include <presence/json/limits.hpp>
#include <presence/json/values.hpp>
#include <presence/model/attributes.hpp>
#include <presence/model/channel.hpp>
#include <presence/model/value.hpp>

#include <string>       // for string
#include <string_view>  // for string_view

namespace presence {
inline namespace PRESENCE_ABI {
namespace detail {

/// Returns true if a custom field can be written in a form that is read as a custom field again.
inline bool has_json_form(const Attributes::Entry& field) noexcept {
  if (field.value.kind() == ValueKind::invalid) return false;
  if (levels_of(field.value) >= JsonReader::deepest) return false;  // the channel is one more level
  const std::string_view name = field.name;
  return name != "type" && name != "id" && name != "cid" && name != "members" && is_utf8(name);
}

}  // namespace detail

PRESENCE_DETAIL_BODY Result<Channel> parse_channel(std::string_view json, const ReadOptions& options,
                                                   ReadNotes* notes) {
  if (notes != nullptr) notes->clear();
  detail::JsonChannelReader reader(json, options, notes);
  Channel channel;
  if (!reader.read(channel)) return reader.error();
  return channel;
}

PRESENCE_DETAIL_BODY Result<Channel> parse_channel(std::string_view json) {
  return parse_channel(json, detail::default_read_options);
}

PRESENCE_DETAIL_BODY void append_json(std::string& out, const Channel& channel) {
  detail::append_json_text(out, R"({"type":)", channel.type);
  detail::append_json_text(out, R"(,"id":)", channel.id);
  out += R"(,"members":[)";
  std::string_view separator;
  for (const std::string& member : channel.members) {
    detail::append_json_text(out, separator, member);
    separator = ",";
  }
  out += ']';
  for (const Attributes::Entry& field : channel.custom) {
    if (!detail::has_json_form(field)) continue;
    detail::append_json_text(out, ",", field.name);
    out += ':';
    append_json(out, field.value);
  }
  out += '}';
}

PRESENCE_DETAIL_BODY std::string to_json(const Channel& channel) { return detail::json_of(channel); }

}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_JSON_DETAIL_CHANNELS_BODIES_HPP
