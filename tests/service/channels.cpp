// SPDX-License-Identifier: MIT
// The channels of the service: who is a member, who watches, and what their sockets are sent.
#include "envelopes.hpp"
#include "presence_service.hpp"

#include <algorithm>
#include <utility>

using namespace presence;

namespace service {
namespace {

/// What the service says of a channel. A client cannot set it.
bool is_reserved_in_channel(const std::string& name) {
  static const std::set<std::string> names = {
      "type",       "id",           "cid",    "members",          "created_at",      "updated_at",
      "created_by", "member_count", "config", "own_capabilities", "last_message_at", "truncated_at",
      "deleted_at", "created_by_id"};
  return names.count(name) != 0;
}

bool is_member(const Channel& channel, const std::string& user) {
  return std::find(channel.members.begin(), channel.members.end(), user) != channel.members.end();
}

/// Returns whether more differs than who is a member.
bool is_data_changed(const Channel& before, const Channel& after) {
  Attributes old = before.custom, now = after.custom;
  for (const char* name : {"member_count", "updated_at"}) {
    old.erase(name);
    now.erase(name);
  }
  return old != now;
}

/// The channel of these members and no others.
std::string distinct_id(std::vector<std::string> members) {
  if (members.empty()) throw Problem{400, 4, "a channel without an id needs members"};
  std::sort(members.begin(), members.end());
  Sha256 all;
  for (const std::string& member : members) all.add(std::to_string(member.size()) + ':' + member);
  return "!members-" + all.finish();
}

}  // namespace

// ---- requests

std::string PresenceService::query_channels(const Caller& caller, const std::string& body) {
  auto [query, envelope] = read_query<ChannelQuery>(body.empty() ? "{}" : body, options_.channels_page,
                                                    options_.largest_page, parse_channel_query);
  for (SortKey& key : query.sort)
    if (key.field == "last_updated") key.field = "updated_at";
  const bool watches = member(envelope, "watch") == true;
  if (watches || query.presence) connection_of(caller);
  Json page = envelope;
  page["members"]["limit"] = count_of(envelope, "member_limit", members_page);
  std::string out = R"({"channels":[)";
  for (const Channel& channel : store_.query_channels(query, caller.viewer())) {
    if (watches) watch(*caller.connection, channel, query.presence);
    if (out.back() != '[') out += ',';
    out += state_json(channel, caller.viewer(), page);
  }
  return out + "]}";
}

std::string PresenceService::query_channel(const Caller& caller, ChannelName name, const Json& body) {
  const Json& data = member(body, "data");
  if (!data.is_object() && !data.is_null()) throw Problem{400, 4, "data is not an object"};
  if (name.id.empty()) name.id = distinct_id(ids_of(data, "members"));
  const bool watches = member(body, "watch") == true, with_presence = member(body, "presence") == true;
  if (watches || with_presence) connection_of(caller);
  if (store_.find_channel(name.cid()) == nullptr) {
    Channel created = channel_from(name, data);
    created.custom["created_at"] = to_string(time_);
    if (created.custom.find("frozen") == nullptr) created.custom["frozen"] = false;
    created.custom["created_by_id"] = creator_of(caller, body);
    put(std::move(created));
  }
  const Channel channel = channel_of(name);
  if (watches) watch(*caller.connection, channel, with_presence);
  if (with_presence && !watches) store_.watch_users(caller.viewer(), channel.members);
  return state_json(channel, caller.viewer(), body);
}

std::string PresenceService::creator_of(const Caller& caller, const Json& body) const {
  if (!caller.is_server()) return caller.user;
  for (const Json* from : {&member(body, "data"), &body}) {
    if (const std::string id = text_of(*from, "created_by_id"); !id.empty()) return id;
    if (const std::string id = text_of(member(*from, "created_by"), "id"); !id.empty()) return id;
  }
  return std::string();
}

std::string PresenceService::update_channel(const Caller& caller, const ChannelName& name, const Json& body) {
  const Channel before = channel_of(name);
  Channel after = before;
  if (const Json& data = member(body, "data"); data.is_object() && !data.empty()) {
    after.custom = channel_from(name, data).custom;
    for (const char* kept : {"created_at", "created_by_id"}) after.custom[kept] = *before.custom.find(kept);
  }
  for (const std::string& id : ids_of(body, "add_members"))
    if (!is_member(after, id)) after.members.push_back(id);
  for (const std::string& id : ids_of(body, "remove_members"))
    after.members.erase(std::remove(after.members.begin(), after.members.end(), id), after.members.end());
  put(after);
  const Channel& channel = channel_of(name);
  return R"({"channel":)" + channel_json(channel, caller.viewer()) + R"(,"members":)" +
         members_json(channel, caller.viewer(), Json()) + '}';
}

std::string PresenceService::update_channel_partly(const Caller& caller, const ChannelName& name, const Json& body) {
  Channel channel = channel_of(name);
  Json custom = Json::object();
  for (const auto& [field, value] : channel.custom) custom[field] = Json::parse(to_json(value));
  update_partly(custom, body, is_reserved_in_channel);
  Channel changed = channel_from(name, custom);
  changed.members = std::move(channel.members);
  for (const char* kept : {"created_at", "created_by_id"}) changed.custom[kept] = *channel.custom.find(kept);
  put(std::move(changed));
  return R"({"channel":)" + channel_json(channel_of(name), caller.viewer()) + R"(,"members":)" +
         members_json(channel_of(name), caller.viewer(), Json()) + '}';
}

std::string PresenceService::delete_channel(const Caller& caller, const ChannelName& name) {
  std::string out = channel_json(channel_of(name), caller.viewer());
  out.pop_back();
  remove(name.cid());
  return R"({"channel":)" + out + R"(,"deleted_at":")" + to_string(time_) + "\"}}";
}

std::string PresenceService::delete_channels(const Caller&, const Json& body) {
  const std::vector<std::string> cids = ids_of(body, "cids");
  for (const std::string& cid : cids)
    if (store_.find_channel(cid) == nullptr) throw Problem{404, 16, "there is no channel " + shortened(cid)};
  for (const std::string& cid : cids) remove(cid);
  return R"({"task_id":)" + json_text(random_hex(16)) + "}";
}

std::string PresenceService::stop_watching(const Caller& caller, const ChannelName& name) {
  channel_of(name);
  Connection& connection = connection_of(caller);
  store_.unwatch(connection.viewer(), name.cid());
  connection.channels.erase(name.cid());
  leave_room(name.cid(), connection);
  return "{}";
}

std::string PresenceService::query_members(const Caller& caller, const std::string& payload) {
  const auto [query, envelope] =
      read_query<UserQuery>(payload, options_.users_page, options_.largest_page, parse_user_query);
  ChannelName name{text_of(envelope, "type"), text_of(envelope, "id")};
  if (name.id.empty()) name.id = distinct_id(ids_of(envelope, "members"));
  const Channel& channel = channel_of(name);
  std::vector<User> members;
  for (const std::string& id : channel.members) members.push_back(seen(id, caller.viewer()));
  std::string out = R"({"members":[)";
  for (const User& user : query_dated(members, query)) {
    if (out.back() != '[') out += ',';
    out += member_json(channel, user.id, caller.viewer());
  }
  return out + "]}";
}

// ---- channels

const Channel& PresenceService::channel_of(const ChannelName& name) const {
  const Channel* const channel = store_.find_channel(name.cid());
  if (channel == nullptr) throw Problem{404, 16, "there is no channel " + shortened(name.cid())};
  return *channel;
}

std::vector<Channel> PresenceService::all_channels() { return store_.query_channels(ChannelQuery(), nobody); }

/// Returns the channel that a client describes.
Channel PresenceService::channel_from(const ChannelName& name, const Json& data) const {
  Json described = Json::object();
  for (const auto& [field, value] : data.items())
    if (!is_reserved_in_channel(field)) described[field] = value;
  described["type"] = name.type;
  described["id"] = name.id;
  described["members"] = ids_of(data, "members");
  ReadNotes notes;
  const std::string text = described.dump();
  Result<Channel> channel = parse_channel(text, ReadOptions(), &notes);
  if (!channel) throw problem_of("the channel", channel.error(), text);
  if (!notes.empty()) throw problem_of("the channel", *notes.begin(), text);
  return *std::move(channel);
}

/// Adds a channel of a client, or replaces it.
void PresenceService::put(Channel channel) {
  const Channel* const known = store_.find_channel(channel.cid());
  if (known == nullptr || known->members != channel.members || is_data_changed(*known, channel))
    channel.custom["updated_at"] = to_string(time_);
  channel.custom["member_count"] = static_cast<std::int64_t>(channel.members.size());
  if (channel.members.size() > options_.max_members)
    throw Problem{400, 4, "the channel has more than " + std::to_string(options_.max_members) + " members"};
  if (to_json(Value::object(channel.custom)).size() > options_.max_channel_bytes)
    throw Problem{400, 22, "the data of the channel is larger than " + std::to_string(options_.max_channel_bytes)};
  if (known == nullptr && channel_count_ >= options_.max_channels) throw Problem{429, 9, "there are too many channels"};
  store(channel);
  if (peer_ != nullptr) peer_->on_channel(channel);
}

/// Its watchers are sent the difference.
void PresenceService::store(const Channel& channel) {
  const Channel* const known = store_.find_channel(channel.cid());
  const std::optional<Channel> before = known == nullptr ? std::nullopt : std::optional<Channel>(*known);
  if (const std::optional<Error> error = store_.put(channel)) throw problem_of("the channel", *error, "");
  if (before) {
    announce(*before, channel);
  } else {
    ++channel_count_;
  }
}

void PresenceService::take_channel(Channel channel) {
  begin();
  try {
    store(channel);
  } catch (const Problem& problem) {
    log("a channel of another node: " + problem.message);
  }
  settle();
}

void PresenceService::take_deleted_channel(const std::string& cid) {
  begin();
  if (store_.find_channel(cid) != nullptr) erase(cid);
  settle();
}

void PresenceService::announce(const Channel& before, const Channel& channel) const {
  for (const std::string& id : channel.members) {
    if (is_member(before, id)) continue;
    send_to_room(channel, "member.added", id, [&](Viewer viewer) {
      return R"("member":)" + member_json(channel, id, viewer) + R"(,"user":)" + user_json(id, viewer);
    });
  }
  for (const std::string& id : before.members) {
    if (is_member(channel, id)) continue;
    send_to_room(channel, "member.removed", id, [&](Viewer viewer) {
      return R"("member":)" + member_json(before, id, viewer) + R"(,"user":)" + user_json(id, viewer);
    });
  }
  if (!is_data_changed(before, channel)) return;
  send_to_room(channel, "channel.updated", "",
               [&](Viewer viewer) { return R"("channel":)" + channel_json(channel, viewer); });
}

void PresenceService::remove(const std::string& cid) {
  erase(cid);
  if (peer_ != nullptr) peer_->on_channel_deleted(cid);
}

void PresenceService::erase(const std::string& cid) {
  const Channel channel = *store_.find_channel(cid);
  send_to_room(channel, "channel.deleted", "",
               [&](Viewer viewer) { return R"("channel":)" + channel_json(channel, viewer); });
  store_.remove_channel(cid);
  --channel_count_;
  for (Connection* connection : rooms_[cid]) connection->channels.erase(cid);
  rooms_.erase(cid);
}

void PresenceService::watch(Connection& connection, const Channel& channel, bool with_presence) {
  const std::string cid = channel.cid();
  const Result<Channel> watched = store_.watch({channel.type, channel.id, {}, with_presence}, connection.viewer());
  if (!watched) throw Problem{400, 46, watched.error().message};
  connection.channels.insert(cid);
  rooms_[cid].insert(&connection);
  if (connection.started.is_active()) return;
  connection.started = send_watching<WatchingStarted>(connection, "user.watching.start");
  connection.stopped = send_watching<WatchingStopped>(connection, "user.watching.stop");
}

void PresenceService::leave_room(const std::string& cid, Connection& connection) {
  const auto room = rooms_.find(cid);
  if (room == rooms_.end()) return;
  room->second.erase(&connection);
  if (room->second.empty()) rooms_.erase(room);
}

// ---- what clients are sent

std::string PresenceService::channel_json(const Channel& channel, Viewer viewer) const {
  std::string out = R"({"type":)" + json_text(channel.type) + R"(,"id":)" + json_text(channel.id) + R"(,"cid":)" +
                    json_text(channel.cid());
  for (const auto& [name, value] : channel.custom) {
    if (name == "created_by_id") continue;
    out += ',' + json_text(name) + ':' + to_json(value);
  }
  const Value* const creator = channel.custom.find("created_by_id");
  if (creator != nullptr && *creator != Value(""))
    out += R"(,"created_by":)" + user_json(std::string(creator->view().text()), viewer);
  return out + R"(,"own_capabilities":[],"config":{"name":)" + json_text(channel.type) +
         R"(,"connect_events":true,"typing_events":false,"read_events":false,"commands":[]}})";
}

std::string PresenceService::member_json(const Channel& channel, const std::string& user, Viewer viewer) const {
  const Value* const creator = channel.custom.find("created_by_id");
  const bool is_owner = creator != nullptr && *creator == Value(user);
  return R"({"user_id":)" + json_text(user) + R"(,"user":)" + user_json(user, viewer) + R"(,"role":")" +
         (is_owner ? "owner" : "member") + R"(","channel_role":"channel_member"})";
}

std::string PresenceService::members_json(const Channel& channel, Viewer viewer, const Json& page) const {
  const std::size_t limit = std::min(count_of(page, "limit", members_page), options_.largest_page);
  const std::size_t size = channel.members.size();
  const std::size_t begin = std::min(count_of(page, "offset", 0), size), end = begin + std::min(limit, size - begin);
  std::string out = "[";
  for (std::size_t i = begin; i < end; ++i)
    out += (i == begin ? "" : ",") + member_json(channel, channel.members[i], viewer);
  return out + ']';
}

std::string PresenceService::state_json(const Channel& channel, Viewer viewer, const Json& body) const {
  const std::string cid = channel.cid();
  std::string out = R"({"channel":)" + channel_json(channel, viewer) + R"(,"members":)" +
                    members_json(channel, viewer, member(body, "members")) + R"(,"watcher_count":)" +
                    std::to_string(store_.watcher_count(cid, viewer));
  if (is_member(channel, std::string(viewer.id())))
    out += R"(,"membership":)" + member_json(channel, std::string(viewer.id()), viewer);
  if (member(body, "state") != false) {
    const Json& page = member(body, "watchers");
    const std::size_t limit = count_of(page, "limit", members_page), offset = count_of(page, "offset", 0);
    const std::vector<User> watchers = limit == 0 ? std::vector<User>() : store_.watchers(cid, viewer);
    out += R"(,"watchers":[)";
    for (std::size_t i = offset; i < watchers.size() && i - offset < limit; ++i)
      out += (i == offset ? "" : ",") + user_json(watchers[i], viewer);
    out += ']';
  }
  return out + R"(,"messages":[],"pinned_messages":[],"read":[]})";
}

template <class Watching>
Subscription PresenceService::send_watching(Connection& connection, const char* type) {
  return store_.subscribe<Watching>(connection.viewer(), [this, &connection, type](const Watching& watching) {
    // An invisible watcher counts themselves.
    const Viewer viewer = connection.viewer();
    const std::size_t hidden = store_.watcher_count(watching.cid, viewer) - store_.watcher_count(watching.cid);
    const std::size_t count = watching.watcher_count + hidden;
    const bool is_same = last_watching_.type == type && last_watching_.user == watching.user &&
                         last_watching_.cid == watching.cid && last_watching_.at == watching.at &&
                         last_watching_.count == count;
    if (!is_same) {
      last_watching_ = {type,
                        watching.user,
                        watching.cid,
                        watching.at,
                        count,
                        channel_event(watching.cid, type, watching.at,
                                      R"("user":)" + user_json(watching.user, viewer) + R"(,"watcher_count":)" +
                                          std::to_string(count))};
    }
    connection.socket->send(last_watching_.message);
  });
}

Message PresenceService::channel_event(const std::string& cid, const char* type, Timestamp at,
                                       const std::string& body) const {
  const std::size_t colon = cid.find(':');
  return std::make_shared<const std::string>(R"({"type":")" + std::string(type) + R"(","cid":)" + json_text(cid) +
                                             R"(,"channel_type":)" + json_text(cid.substr(0, colon)) +
                                             R"(,"channel_id":)" + json_text(cid.substr(colon + 1)) +
                                             R"(,"created_at":")" + nine_digits(at) + R"(",)" + body + '}');
}

/// Sends an event to the sockets that watch the channel. The user that it is about sees themselves in it.
template <class Body>
void PresenceService::send_to_room(const Channel& channel, const char* type, const std::string& about,
                                   Body&& body) const {
  const auto room = rooms_.find(channel.cid());
  if (room == rooms_.end()) return;
  Message message;
  for (Connection* to : room->second) {
    if (to->user == about || (!message && about.empty())) {
      const Message own = channel_event(room->first, type, time_, body(to->viewer()));
      to->socket->send(own);
      continue;
    }
    if (!message) message = channel_event(room->first, type, time_, body(nobody));
    to->socket->send(message);
  }
}

}  // namespace service
