// SPDX-License-Identifier: MIT
#include "presence_client.hpp"

#include <godot_cpp/classes/time.hpp>
#include <godot_cpp/core/error_macros.hpp>
#include <godot_cpp/core/memory.hpp>

#include <presence/presence.hpp>

#include <string>
#include <string_view>
#include <utility>

// Both namespaces have an Error, so only one of them is opened.
using namespace godot;

namespace {

constexpr presence::Viewer me{"me"};

String to_godot(std::string_view text) { return String::utf8(text.data(), static_cast<int64_t>(text.size())); }

std::string to_std(const String& text) {
  const CharString utf8 = text.utf8();
  return std::string(utf8.get_data(), static_cast<std::size_t>(utf8.length()));
}

presence::Timestamp now() {
  const double seconds = Time::get_singleton()->get_unix_time_from_system();
  return presence::Timestamp::from_ms(static_cast<int64_t>(seconds * 1000));
}

}  // namespace

PresenceClient::PresenceClient()
    : store(memnew(presence::Store(presence::Rules::mirror()))), subscription(memnew(presence::Subscription)) {
  *subscription =
      store->subscribe<presence::UserPresenceChanged>(me, [this](const presence::UserPresenceChangedView& change) {
        const bool known = change.after.has_value();
        emit_signal("user_changed", to_godot(change.id), known && change.after->online,
                    to_godot(known ? change.after->status : std::string_view()));
      });
  set_process(true);
}

PresenceClient::~PresenceClient() {
  memdelete(subscription);
  memdelete(store);
}

void PresenceClient::set_friends(const PackedStringArray& ids) {
  presence::Channel friends;
  friends.type = "list";
  friends.id = "friends";
  for (int64_t i = 0; i < ids.size(); ++i) friends.members.push_back(to_std(ids[i]));
  presence::WatchChannel watch;
  watch.type = "list";
  watch.id = "friends";
  watch.presence = true;
  if (store->put(std::move(friends)) || !store->watch(watch, me)) ERR_PRINT(String("the friends cannot be watched"));
}

void PresenceClient::feed(const String& json) {
  const std::string text = to_std(json);
  presence::EventBuffer buffer;
  const presence::Result<presence::PresenceEventView> event = presence::parse_event(text, buffer);
  if (event) {
    store->dispatch(*event, now());  // dated by the server's clock, not by this one
  } else if (event.error().code != presence::ErrorCode::not_presence) {
    ERR_PRINT(String(event.error().message) + " at byte " +
              String::num_int64(static_cast<int64_t>(event.error().offset)));
  }
}

void PresenceClient::connection_lost() { store->connection_lost(); }

PackedStringArray PresenceClient::online_friends() const {
  PackedStringArray online;
  const presence::Channel* const friends = store->find_channel("list:friends");
  if (friends == nullptr) return online;
  presence::UserQuery asked;
  asked.filter = presence::in("id", friends->members) && presence::eq("online", true);
  asked.limit = friends->members.size();
  presence::query(store->snapshot(), asked, me,
                  [&online](const presence::UserView& user) { online.push_back(to_godot(user.id)); });
  return online;
}

void PresenceClient::_process(double) { store->advance(now()); }

void PresenceClient::_bind_methods() {
  ClassDB::bind_method(D_METHOD("set_friends", "ids"), &PresenceClient::set_friends);
  ClassDB::bind_method(D_METHOD("feed", "json"), &PresenceClient::feed);
  ClassDB::bind_method(D_METHOD("connection_lost"), &PresenceClient::connection_lost);
  ClassDB::bind_method(D_METHOD("online_friends"), &PresenceClient::online_friends);
  ADD_SIGNAL(MethodInfo("user_changed", PropertyInfo(Variant::STRING, "id"), PropertyInfo(Variant::BOOL, "online"),
                        PropertyInfo(Variant::STRING, "status")));
}
