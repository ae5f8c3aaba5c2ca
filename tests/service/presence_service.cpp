// SPDX-License-Identifier: MIT
// Sessions, users and events. The channels are in channels.cpp.
#include "presence_service.hpp"

#include "envelopes.hpp"
#include "pages.hpp"

#include <algorithm>
#include <cstdio>
#include <utility>

using namespace presence;

namespace service {
namespace {

/// Changes of one request are delivered as one, at its end.
constexpr Duration one_request = Duration::from_ns(1000);

Message message_of(std::string text) { return std::make_shared<const std::string>(std::move(text)); }

/// A user with the fields that only this service has, for queries that name them.
struct DatedUser : User {
  Timestamp created_at, updated_at;
};

/// Returns the fields at which a partial update arrives: of the whole name, or of the object before a dot.
std::pair<Json*, std::string> place_of(Json& object, const std::string& name, bool creates) {
  Json* at = &object;
  std::string rest = name;
  for (std::size_t dot; at->find(rest) == at->end() && (dot = rest.find('.')) != std::string::npos;) {
    const std::string outer = rest.substr(0, dot);
    const bool is_object = at->find(outer) != at->end() && (*at)[outer].is_object();
    if (!is_object && !creates) return {nullptr, rest};
    if (!is_object) (*at)[outer] = Json::object();
    at = &(*at)[outer];
    rest = rest.substr(dot + 1);
  }
  return {at, rest};
}

}  // namespace
}  // namespace service

template <>
struct presence::Fields<service::DatedUser> : presence::Fields<presence::User> {
  static ValueView other(const service::DatedUser& user, std::string_view name) {
    if (name == "user_id") return user.id;
    if (name == "created_at") return user.created_at;
    if (name == "updated_at") return user.updated_at;
    return Fields<presence::User>::other(user, name);
  }
};

namespace service {

PresenceService::PresenceService(const Options& options, SavedState saved,
                                 std::function<void(std::chrono::nanoseconds)> wake_in)
    : options_(options),
      tokens_(options.secret),
      wake_in_(std::move(wake_in)),
      adjusted_(clock_.now()),
      time_(in_ms(clock_.now())),
      store_(std::move(saved.snapshot)),
      last_hour_(time_),
      dates_(std::move(saved.dates)) {
  // Who was online has the time of a session to come back, and is not shown offline meanwhile.
  if (!options_.is_node) store_.resume(time_, options_.rules.session_timeout);
  channel_count_ = saved.channels.size();
  for (Channel& channel : saved.channels) {
    if (store_.put(std::move(channel))) throw std::runtime_error("the checkpoint has a channel without a name");
  }
  const Snapshot snapshot = store_.snapshot();
  for (const UserView& user : snapshot) {
    UserPresenceChanged seen;
    seen.id = std::string(user.id);
    seen.after = static_cast<User>(user);
    seen.at = time_;
    last_hour_.add(seen);
  }
  changes_ = store_.on_change([this](const UserPresenceChanged& change) {
    last_hour_.add(change);
    if (!change.after) {
      dates_.erase(change.id);
    } else {
      dates_.try_emplace(change.id, UserDates{change.at, change.at});
    }
  });
  DeliveryOptions together;
  together.coalesce = one_request;
  deliveries_ = store_.on_delivery(
      [this](const UserPresenceChanged& change, const Viewers& viewers) { on_delivery(change, viewers); }, together);
  ends_ = store_.on_session_ended([this](const SessionEnded& ended) { on_session_ended(ended); });
}

SavedState PresenceService::saved() {
  SavedState state;
  state.snapshot = store_.snapshot();
  state.channels = all_channels();
  state.dates = dates_;
  return state;
}

void PresenceService::merge(const Snapshot& news) {
  begin();
  if (const std::optional<Error> error = store_.merge(news, time_)) log(std::string("a snapshot: ") + error->message);
  settle();
}

// ---- requests

Response PresenceService::on_request(const Request& request) {
  if (std::optional<Response> page = page_for(request)) return *std::move(page);
  const auto begun = std::chrono::steady_clock::now();
  begin();
  Response response;
  Problem problem;
  try {
    response.body = answer(request);
  } catch (const Problem& found) {
    problem = found;
    response.status = found.status;
  } catch (const BadToken& found) {
    problem = {401, found.code, found.message};
    response.status = 401;
  } catch (const Json::exception& found) {
    problem.message = shortened(found.what());
    response.status = 400;
  }
  settle();
  if (response.status != 200) {
    response.body = R"({"code":)" + std::to_string(problem.code) + R"(,"message":)" + json_text(problem.message) +
                    R"(,"StatusCode":)" + std::to_string(problem.status) + R"(,"more_info":""})";
  }
  const std::chrono::duration<double, std::milli> taken = std::chrono::steady_clock::now() - begun;
  char duration[48];
  std::snprintf(duration, sizeof duration, "\"duration\":\"%.2fms\"}", taken.count());
  response.body.pop_back();
  response.body += response.body.size() > 1 ? "," : "";
  response.body += duration;
  response.headers = {{"Cache-Control", "no-store"}};
  return response;
}

/// Ids in the path are `*`.
const PresenceService::Routes PresenceService::routes = {
    {"POST/guest", [](auto& self, auto&, auto& in) { return self.make_guest(in.json()); }},
    {"GET/users", [](auto& self, auto& who, auto& in) { return self.query_users(who, in.payload()); }},
    {"POST/users", [](auto& self, auto& who, auto& in) { return self.upsert_users(who, in.json()); }},
    {"PATCH/users", [](auto& self, auto& who, auto& in) { return self.update_users(who, in.json()); }},
    {"DELETE/users/*", [](auto& self, auto& who, auto& in) { return self.delete_user(who, in.path(1)); }},
    {"POST/users/delete", [](auto& self, auto& who, auto& in) { return self.delete_users(who, in.json()); }},
    {"POST/channels", [](auto& self, auto& who, auto& in) { return self.query_channels(who, in.text()); }},
    {"POST/channels/delete", [](auto& self, auto& who, auto& in) { return self.delete_channels(who, in.json()); }},
    {"POST/channels/*/query",
     [](auto& self, auto& who, auto& in) { return self.query_channel(who, {in.path(1), ""}, in.json()); }},
    {"POST/channels/*/*/query",
     [](auto& self, auto& who, auto& in) { return self.query_channel(who, in.channel(), in.json()); }},
    {"POST/channels/*/*/stop-watching",
     [](auto& self, auto& who, auto& in) { return self.stop_watching(who, in.channel()); }},
    {"POST/channels/*/*",
     [](auto& self, auto& who, auto& in) { return self.update_channel(who, in.channel(), in.json()); }},
    {"PATCH/channels/*/*",
     [](auto& self, auto& who, auto& in) { return self.update_channel_partly(who, in.channel(), in.json()); }},
    {"DELETE/channels/*/*", [](auto& self, auto& who, auto& in) { return self.delete_channel(who, in.channel()); }},
    {"GET/members", [](auto& self, auto& who, auto& in) { return self.query_members(who, in.payload()); }},
    {"POST/presence", [](auto& self, auto& who, auto& in) { return self.take_events(who, in.json()); }},
    {"GET/presence/timeline", [](auto& self, auto& who, auto& in) { return self.timeline(who, in.request); }},
};

Json PresenceService::Input::json() const { return request.body.empty() ? Json::object() : parsed(text(), "the body"); }
std::string PresenceService::Input::payload() const {
  const std::string& found = request.parameter("payload");
  return found.empty() ? "{}" : found;
}

std::string PresenceService::answer(const Request& request) {
  const std::vector<std::string>& path = request.path;
  std::string route = request.method;
  for (std::size_t i = 0; i < path.size(); ++i) {
    const bool is_user = path[0] == "users" && i == 1 && request.method == "DELETE";
    const bool is_channel =
        path[0] == "channels" && path.size() > 2 && (i == 1 || (i == 2 && (path.size() > 3 || path[2] != "query")));
    route += is_user || is_channel ? "/*" : '/' + path[i];
  }
  const auto found = routes.find(route);
  const Caller caller = route == "POST/guest" ? Caller() : caller_of(request);
  if (found == routes.end())
    throw Problem{404, 16, "there is no " + shortened(route.insert(request.method.size(), " "))};
  return found->second(*this, caller, Input{request});
}

/// Where signatures are not checked, an anonymous client is who it claims to be.
Token PresenceService::token_of(const Request& request, const std::string& token, const std::string& claimed) const {
  if (options_.secret.empty() && !claimed.empty() &&
      (request.auth_type == "anonymous" || request.parameter("stream-auth-type") == "anonymous"))
    return {claimed, false, true};
  return tokens_.read(token, static_cast<double>(time_.ms()) / 1000);
}

PresenceService::Caller PresenceService::caller_of(const Request& request) const {
  const std::string& header = request.authorization;
  const Token token =
      token_of(request, header.empty() ? request.parameter("authorization") : header, request.parameter("user_id"));
  Caller caller;
  caller.user = token.user;
  const std::string& id = request.parameter("connection_id");
  caller.names_connection = !id.empty();
  Connection* const connection = open_connection(id);
  if (connection != nullptr && connection->user == caller.user) caller.connection = connection;
  return caller;
}

PresenceService::Connection& PresenceService::connection_of(const Caller& caller) const {
  if (caller.connection != nullptr) return *caller.connection;
  if (caller.names_connection) throw Problem{400, 46, "the connection_id is of no open connection of the user"};
  throw Problem{400, 4, "to watch, for presence and for events of a session, a connection_id is needed"};
}

void PresenceService::must_be(const Caller& caller, const std::string& user) const {
  if (!caller.is_server() && caller.user != user)
    throw Problem{403, 17, "only they themselves and the server side may change " + shortened(user)};
}

// ---- users

std::string PresenceService::query_users(const Caller& caller, const std::string& payload) {
  auto [query, envelope] = read_query<UserQuery>(payload, options_.users_page, options_.largest_page, parse_user_query);
  for (const auto& [name, test] :
       {std::pair("id_gt", gt), std::pair("id_gte", gte), std::pair("id_lt", lt), std::pair("id_lte", lte)}) {
    if (const std::string id = text_of(envelope, name); !id.empty())
      query.filter = std::move(query.filter) && test("id", Value(id));
  }
  if (query.presence) connection_of(caller);
  std::vector<User> users;
  if (payload.find("created_at") == std::string::npos && payload.find("updated_at") == std::string::npos) {
    users = store_.query_users(query, caller.viewer());
  } else {
    users = query_dated(store_.query_users(UserQuery(), caller.viewer()), query);
    std::vector<std::string> ids;
    for (const User& user : users) ids.push_back(user.id);
    if (query.presence) store_.watch_users(caller.viewer(), ids);
  }
  std::string out = R"({"users":[)";
  for (const User& user : users) out += (&user == &users[0] ? "" : ",") + user_json(user, caller.viewer());
  return out + "]}";
}

std::vector<User> PresenceService::query_dated(const std::vector<User>& users, const UserQuery& query) const {
  std::vector<DatedUser> dated;
  for (const User& user : users) {
    const auto dates = dates_.find(user.id);
    dated.push_back(DatedUser{user, {}, {}});
    if (dates == dates_.end()) continue;
    dated.back().created_at = dates->second.created;
    dated.back().updated_at = dates->second.updated;
  }
  std::vector<User> page;
  for (const DatedUser* user : presence::query(dated, Query{query.filter, query.sort, query.offset, query.limit}))
    page.push_back(*user);
  return page;
}

std::string PresenceService::upsert_users(const Caller& caller, const Json& body) {
  const Json& users = member(body, "users");
  if (!users.is_object() && !users.is_array()) throw Problem{400, 4, "users is neither an object nor a list"};
  std::vector<std::string> ids;
  Events events;
  for (const Json& user : users) {
    const std::string id = text_of(user, "id");
    must_be(caller, id);
    ids.push_back(id);
    plan(id, user, true, events);
  }
  return change_users(caller, ids, events);
}

std::string PresenceService::update_users(const Caller& caller, const Json& body) {
  const Json& users = member(body, "users");
  if (!users.is_array()) throw Problem{400, 4, "users is not a list"};
  std::vector<std::string> ids;
  Events events;
  for (const Json& update : users) {
    const std::string id = text_of(update, "id");
    must_be(caller, id);
    if (!store_.view(id, Viewer(id))) throw Problem{404, 16, "there is no user " + shortened(id)};
    ids.push_back(id);
    Json user = own_json(id);
    update_partly(user, update, [](const std::string& name) {
      return is_reserved_name(name) && name != "status" && name != "invisible";
    });
    for (const char* cleared : {"status", "invisible"})
      if (member(user, cleared).is_null())
        user[cleared] = cleared == std::string_view("status") ? Json("") : Json(false);
    plan(id, user, true, events);
  }
  return change_users(caller, ids, events);
}

void PresenceService::update_partly(Json& object, const Json& update,
                                    const std::function<bool(const std::string&)>& is_reserved) const {
  const Json &set = member(update, "set"), &unset = member(update, "unset");
  if (!(set.is_object() || set.is_null()) || !(unset.is_array() || unset.is_null()))
    throw Problem{400, 4, "set is not an object, or unset is not a list"};
  const auto must_be_free = [&](const std::string& name) {
    if (is_reserved(name.substr(0, name.find('.')))) throw Problem{400, 4, shortened(name) + " cannot be set"};
  };
  for (const auto& [name, value] : set.items()) {
    must_be_free(name);
    const auto [inside, rest] = place_of(object, name, true);
    (*inside)[rest] = value;
  }
  for (const Json& name : unset) {
    if (!name.is_string()) throw Problem{400, 4, "an element of unset is not a string"};
    must_be_free(name.get<std::string>());
    const auto [inside, rest] = place_of(object, name.get<std::string>(), false);
    if (inside != nullptr) inside->erase(rest);
  }
}

/// Returns what a user has set, with `status` and `invisible`, as the user sees it.
Json PresenceService::own_json(const std::string& user) const {
  const std::optional<User> own = store_.find(user, Viewer(user));
  Json json = Json::object();
  if (!own) return json;
  for (const auto& [name, value] : own->data) json[name] = Json::parse(to_json(value));
  json["status"] = own->status;
  json["invisible"] = own->invisible;
  return json;
}

/// Adds the events that give a user what is wanted. `is_whole`: all other data is removed, the role excepted.
void PresenceService::plan(const std::string& user, Json wanted, bool is_whole, Events& events) const {
  // What the service adds to a user comes back from clients.
  for (const char* name : {"online", "last_active", "availability", "activity", "custom"}) wanted.erase(name);
  wanted["id"] = user;
  ReadOptions options;
  options.max_status_bytes = options.max_user_data_bytes = options.max_data_names = SIZE_MAX;  // the store judges
  ReadNotes notes;
  const std::string text = wanted.dump();
  const Result<User> read = parse_user(text, options, &notes);
  if (!read) throw problem_of("the user " + shortened(user), read.error(), text);
  if (!notes.empty()) throw problem_of("the user " + shortened(user), *notes.begin(), text);
  const std::optional<User> own = store_.find(user, Viewer(user));
  const User known = own.value_or(User());
  for (const auto& [name, value] : read->data) {
    const Value* const before = known.data.find(name);
    if (before == nullptr || *before != value) events.push_back(PresenceEvent::set_data(user, name, value, time_));
  }
  for (const auto& [name, value] : known.data) {
    if (is_whole && name != "role" && read->data.find(name) == nullptr)
      events.push_back(PresenceEvent::set_data(user, name, Value(), time_));
  }
  if (known.data.find("role") == nullptr && read->data.find("role") == nullptr)
    events.push_back(PresenceEvent::set_data(user, "role", Value("user"), time_));
  if (wanted.contains("status") && read->status != known.status)
    events.push_back(PresenceEvent::set_status(user, read->status, time_));
  if (wanted.contains("invisible") && read->invisible != known.invisible)
    events.push_back(PresenceEvent::set_visible(user, !read->invisible, time_));
}

/// Applies all events, or none if one is rejected.
std::string PresenceService::change_users(const Caller& caller, const std::vector<std::string>& ids,
                                          const Events& events) {
  dispatch_all(events);
  // What an invisible user does beside setting their data is not to be seen here, either.
  for (const PresenceEvent& event : events)
    if (event.type != EventType::set_visible) dates_[event.user].updated = time_;
  std::string out = R"({"users":{)";
  for (const std::string& id : ids) {
    if (out.back() != '{') out += ',';
    out += json_text(id) + ':' + user_json(id, caller.viewer());
  }
  // Others receive what they see of it from on_delivery.
  std::set<std::string> changed;
  for (const PresenceEvent& event : events) changed.insert(event.user);
  for (const std::string& id : changed) send_to_sessions_of(id);
  return out + "}}";
}

void PresenceService::dispatch_all(const Events& events) {
  Snapshot trial = store_.snapshot();
  for (const PresenceEvent& event : events) {
    const Verdict verdict = apply(trial, event);
    if (!accepted(verdict))
      throw Problem{400, verdict == Verdict::over_limit ? 22 : 4,
                    "the user " + shortened(event.user) + ": " + std::string(to_string(event.type)) + ' ' +
                        shortened(event.name) + ": " + std::string(to_string(verdict))};
  }
  dispatch(events);
}

std::vector<Verdict> PresenceService::dispatch(const Events& events) {
  std::vector<Verdict> verdicts;
  store_.dispatch(events.begin(), events.end(), [&](std::size_t i, const Dispatched& done) {
    verdicts.push_back(done.verdict);
    if (peer_ == nullptr) return;
    done.each_applied(events[i], [this](const PresenceEventView& applied) { peer_->on_applied(applied); });
  });
  for (const PresenceEvent& event : events) {
    last_hour_.set_own(event.user, store_.view(event.user, Viewer(event.user)), time_);
  }
  return verdicts;
}

std::string PresenceService::delete_user(const Caller& caller, const std::string& user) {
  must_be(caller, user);
  const std::optional<User> before = store_.find(user, caller.viewer());
  if (!before) throw Problem{404, 16, "there is no user " + shortened(user)};
  std::string out = user_json(*before, caller.viewer());
  out.pop_back();
  out = R"({"user":)" + out + R"(,"deleted_at":")" + to_string(time_) + "\"}}";
  dispatch({PresenceEvent::remove(user, time_)});
  dates_.erase(user);
  for (Channel& channel : all_channels()) {
    const auto member = std::find(channel.members.begin(), channel.members.end(), user);
    if (member == channel.members.end()) continue;
    channel.members.erase(member);
    put(std::move(channel));
  }
  return out;
}

std::string PresenceService::delete_users(const Caller& caller, const Json& body) {
  const std::vector<std::string> ids = ids_of(body, "user_ids");
  for (const std::string& id : ids) {
    must_be(caller, id);
    if (!store_.view(id, caller.viewer())) throw Problem{404, 16, "there is no user " + shortened(id)};
  }
  for (const std::string& id : ids) delete_user(caller, id);
  return R"({"task_id":)" + json_text(random_hex(16)) + "}";
}

std::string PresenceService::make_guest(const Json& body) {
  Json user = member(body, "user");
  const std::string id = "guest-" + random_hex(8) + '-' + text_of(user, "id");
  user["role"] = "guest";
  Events events;
  plan(id, std::move(user), true, events);
  dispatch_all(events);
  return R"({"user":)" + user_json(id, nobody) + R"(,"access_token":)" + json_text(tokens_.make(id)) + "}";
}

/// Takes presence events in the library's own form. The user, the session and the time are not the client's to choose.
std::string PresenceService::take_events(const Caller& caller, const Json& body) {
  Events events;
  for (Json line : body.is_array() ? body : Json::array({body})) {
    if (!line.is_object()) throw Problem{400, 4, "an event is not an object"};
    const std::string user = line.contains("user") ? text_of(line, "user") : caller.user;
    if (user != caller.user && !caller.is_server())
      throw Problem{403, 17, "an event of another user needs a token of the server side"};
    line["user"] = user;
    line["session"] = caller.connection != nullptr ? caller.connection->id : "";
    line["at"] = time_.ns();
    const std::string text = line.dump();
    Result<PresenceEvent> event = parse_event(text);
    if (!event) throw problem_of("an event", event.error(), text);
    switch (event->type) {
      case EventType::heartbeat:
      case EventType::active:
      case EventType::update: connection_of(caller); break;
      case EventType::set_status:
      case EventType::set_availability:
      case EventType::set_data:
      case EventType::set_visible: break;
      default: throw Problem{400, 4, "an event of type " + std::string(to_string(event->type)) + " is not taken"};
    }
    events.push_back(*std::move(event));
  }
  std::string out = R"({"verdicts":[)";
  std::set<std::string> changed;
  const std::vector<Verdict> verdicts = dispatch(events);
  for (std::size_t i = 0; i < verdicts.size(); ++i) {
    out += (i == 0 ? "\"" : ",\"") + std::string(to_string(verdicts[i])) + '"';
    if (verdicts[i] != Verdict::applied) continue;
    if (events[i].type == EventType::set_data || events[i].type == EventType::set_status)
      dates_[events[i].user].updated = time_;
    if (events[i].type != EventType::heartbeat && events[i].type != EventType::active) changed.insert(events[i].user);
  }
  for (const std::string& user : changed) send_to_sessions_of(user);
  return out + "]}";
}

std::string PresenceService::timeline(const Caller& caller, const Request& request) {
  std::vector<std::string> ids;
  if (const std::string& text = request.parameter("ids"); !text.empty()) {
    Json named;
    named["ids"] = parsed(text, "ids");
    ids = ids_of(named, "ids");
  }
  return last_hour_.to_json(caller.user, time_, ids);
}

std::string PresenceService::user_json(const User& user, Viewer viewer) const {
  std::string out = to_json(user);
  out.pop_back();
  // A client that was invisible forgets it only if it reads so.
  if (viewer.id() == user.id && !user.invisible) out += R"(,"invisible":false)";
  if (user.data.find("role") == nullptr) out += R"(,"role":"user")";
  if (const auto dates = dates_.find(user.id); dates != dates_.end()) {
    out += R"(,"created_at":")" + to_string(dates->second.created) + R"(","updated_at":")" +
           to_string(dates->second.updated) + '"';
  }
  return out + '}';
}

/// A member who is not known is shown as one who was never online.
User PresenceService::seen(const std::string& user, Viewer viewer) const {
  User unknown;
  unknown.id = user;
  return store_.find(user, viewer).value_or(std::move(unknown));
}

// ---- sockets

void PresenceService::on_open(Socket& socket, const Request& request) {
  begin();
  Problem problem;
  try {
    open_session(socket, request);
    return settle();
  } catch (const Problem& found) {
    problem = found;
  } catch (const BadToken& found) {
    problem = {401, found.code, found.message};
  } catch (const Json::exception& found) {
    problem.message = found.what();
  }
  problem.message = shortened(problem.message);
  log("a connection is refused: " + problem.message);
  socket.send(message_of(R"({"error":{"code":)" + std::to_string(problem.code) + R"(,"StatusCode":)" +
                         std::to_string(problem.status) + R"(,"message":)" + json_text(problem.message) +
                         R"(,"duration":"","more_info":""}})"));
  socket.close(1000, problem.message);
}

void PresenceService::open_session(Socket& socket, const Request& request) {
  const Json hello = parsed(request.parameter("json"), "the parameter json");
  std::string token = request.authorization;
  if (token.empty()) token = request.parameter("authorization");
  if (token.empty()) token = text_of(hello, "user_token");
  if (!hello.is_object()) throw Problem{400, 4, "the parameter json is not an object"};
  Json details = member(hello, "user_details");
  if (details.is_null()) details = Json::object();
  if (!details.is_object()) throw Problem{400, 4, "user_details is not an object"};
  std::string user = text_of(hello, "user_id");
  if (user.empty()) user = text_of(details, "id");
  const Token owner = token_of(request, token, user);
  if (user.empty()) user = owner.user;
  if (user.empty()) throw Problem{400, 4, "there is no user_id"};
  if (details.contains("id") && text_of(details, "id") != user)
    throw Problem{400, 4, "user_details has another id than user_id"};
  if (!owner.is_server && user != owner.user) throw Problem{401, 5, "the token is for another user"};

  auto connection = std::make_unique<Connection>();
  connection->socket = &socket;
  connection->user = user;
  connection->id = options_.session_prefix + '-' + std::to_string(++sessions_);
  PresenceEvent connect = PresenceEvent::connect(user, connection->id, time_);
  if (const Json& invisible = member(details, "invisible"); !invisible.is_null()) {
    if (!invisible.is_boolean()) throw Problem{400, 4, "invisible is not a bool"};
    connect.invisible = invisible.get<bool>();
  }
  if (details.contains("status")) connect.status = text_of(details, "status");
  details.erase("invisible");
  details.erase("status");
  Events events;
  if (owner.is_anonymous) {
    connect.invisible = true;  // and without a role or a name others do not even know of them
    connect.status.reset();
  } else {
    plan(user, std::move(details), false, events);
  }
  const bool is_changed = !events.empty();
  events.push_back(std::move(connect));
  dispatch_all(events);
  if (is_changed) dates_[user].updated = time_;
  if (!owner.is_anonymous) dates_.try_emplace(user, UserDates{time_, time_});
  by_id_[connection->id] = connection.get();
  Connection& opened = *(connections_[&socket] = std::move(connection));
  socket.send(health_check(opened, true));
}

Message PresenceService::health_check(const Connection& connection, bool is_first) const {
  std::string out = R"({"type":"health.check","connection_id":)" + json_text(connection.id) +
                    R"(,"cid":"*","created_at":")" + nine_digits(time_) + '"';
  if (is_first) {
    std::string me = user_json(connection.user, connection.viewer());
    me.pop_back();
    out += R"(,"me":)" + me + R"(,"devices":[],"mutes":[],"channel_mutes":[],"blocked_user_ids":[])" +
           R"(,"unread_count":0,"total_unread_count":0,"unread_channels":0,"unread_threads":0})";
  }
  return message_of(out + '}');
}

/// Every message is a sign of life. A ping of the SDK is answered, because it sends the next one only then.
void PresenceService::on_message(Socket& socket, std::string_view text) {
  const auto found = connections_.find(&socket);
  if (found == connections_.end()) return;
  begin();
  const Json json = parse_json_or_discard(text);
  if (json.is_discarded()) {
    log("a session of " + shortened(found->second->user) + " is closed: its message is not JSON");
    socket.close(1007, "the message is not JSON");
    return settle();
  }
  for (const Json& one : json.is_array() ? json : Json::array({json})) {
    if (member(one, "type") == "health.check") {
      socket.send(health_check(*found->second, false));
      break;
    }
  }
  beat(*found->second);
}

void PresenceService::on_pong(Socket& socket) {
  const auto found = connections_.find(&socket);
  if (found == connections_.end()) return;
  begin();
  beat(*found->second);
}

void PresenceService::beat(Connection& connection) {
  if (!connection.is_ended) {
    const auto event = PresenceEventView::heartbeat(connection.user, connection.id, time_);
    const Dispatched done = store_.dispatch(event);
    if (peer_ != nullptr) done.each_applied(event, [this](const PresenceEventView& it) { peer_->on_applied(it); });
  }
  settle();
}

void PresenceService::on_health_check(Socket& socket) {
  const auto found = connections_.find(&socket);
  if (found == connections_.end()) return;
  time_ = in_ms(clock_.now());
  socket.send(health_check(*found->second, false));
}

/// A WebSocket that its client has closed ends the session at once. One that was dropped may come back in time.
void PresenceService::on_closed(Socket& socket, bool by_client) {
  const auto found = connections_.find(&socket);
  if (found == connections_.end()) return;
  begin();
  const std::unique_ptr<Connection> connection = std::move(found->second);
  connections_.erase(found);
  by_id_.erase(connection->id);
  for (const std::string& cid : connection->channels) leave_room(cid, *connection);
  if (by_client && !connection->is_ended)
    dispatch({PresenceEvent::disconnect(connection->user, connection->id, time_)});
  settle();
}

PresenceService::Connection* PresenceService::open_connection(const std::string& id) const {
  const auto found = by_id_.find(id);
  return found == by_id_.end() || found->second->is_ended ? nullptr : found->second;
}

// ---- time

void PresenceService::begin() {
  if (clock_.now() - adjusted_ > Duration::from_s(60)) {
    clock_.adjust();
    adjusted_ = clock_.now();
  }
  time_ = in_ms(clock_.now());
  store_.advance(time_);
}

/// Delivers the changes of a request, and asks to be called when the time changes something.
void PresenceService::settle() {
  settled_ = std::max(settled_, time_) + one_request;
  store_.advance(settled_);
  const std::optional<Timestamp> next = store_.next_wakeup();
  if (next == wakeup_ || !next) return;
  wakeup_ = next;
  wake_in_(to_chrono(std::max(Duration(), *next - clock_.now())));
}

void PresenceService::on_wakeup() {
  wakeup_.reset();
  settled_ = std::max(settled_, clock_.now());
  settle();
}

// ---- what sockets are sent

void PresenceService::on_delivery(const UserPresenceChanged& change, const Viewers& viewers) {
  const std::string at = R"(,"created_at":")" + nine_digits(change.at) + R"(","user":)";
  const auto message = [&](const char* type, const std::string& user) {
    return message_of(R"({"type":")" + std::string(type) + '"' + at + user + '}');
  };
  const bool is_presence =
      change.online_changed() || change.status_changed() || change.availability_changed() || change.activity_changed();
  const bool is_update = !change.online_changed() && (change.status_changed() || change.data_changed());
  Message deleted, presence, updated;
  if (!change.after) {
    User last = change.before.value_or(User());
    last.online = false;
    std::string user = user_json(last, nobody);
    user.pop_back();
    deleted = message("user.deleted", user + R"(,"deleted_at":")" + to_string(change.at) + "\"}");
  } else {
    const std::string user = user_json(*change.after, nobody);
    if (is_presence) presence = message("user.presence.changed", user);
    if (is_update || (change.before && change.data_changed())) updated = message("user.updated", user);
  }
  for (const Viewer viewer : viewers) {
    Connection* const to = open_connection(std::string(viewer.session()));
    if (to == nullptr) continue;
    if (deleted) to->socket->send(deleted);
    // Users see themselves as they are, and have received user.updated already.
    const bool is_self = to->user == change.id;
    if (presence) to->socket->send(is_self ? message("user.presence.changed", user_json(change.id, viewer)) : presence);
    if (updated && !is_self) to->socket->send(updated);
  }
}

/// All sessions of a user learn what was changed from one of them, or by the server side.
void PresenceService::send_to_sessions_of(const std::string& user) const {
  const std::optional<PresenceState> state = store_.snapshot().inspect(user);
  if (!state) return;
  Message message;
  for (const Session& session : state->sessions) {
    Connection* const to = open_connection(session.id);
    if (to == nullptr || to->user != user) continue;
    if (!message) {
      message = message_of(R"({"type":"user.updated","created_at":")" + nine_digits(time_) + R"(","user":)" +
                           user_json(user, to->viewer()) + '}');
    }
    to->socket->send(message);
  }
}

void PresenceService::on_session_ended(const SessionEnded& ended) {
  last_hour_.set_own(ended.user, store_.view(ended.user, Viewer(ended.user)), ended.at);
  Connection* const connection = open_connection(ended.session);
  if (connection == nullptr) return;
  connection->is_ended = true;
  switch (ended.reason) {
    case SessionEndReason::disconnected: break;
    case SessionEndReason::timed_out: return connection->socket->close(1001, "the session was silent for too long");
    case SessionEndReason::evicted: return connection->socket->close(1008, "the user has too many sessions");
    case SessionEndReason::removed: return connection->socket->close(1000, "the user was deleted");
  }
}

}  // namespace service
