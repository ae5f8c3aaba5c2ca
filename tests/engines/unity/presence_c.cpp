// SPDX-License-Identifier: MIT
// The C interface for a client that mirrors a server; see presence_c.h. No C++ leaves this file. On Linux and Android:
//
//     c++ -std=c++17 -O2 -fPIC -shared -fno-exceptions -fno-rtti -fvisibility=hidden -DPRESENCE_C_BUILD
//         -I single_include presence_c.cpp -Wl,--version-script=presence_c.map -o libpresence_c.so
//
// The version script hides what the standard library would export. Other systems do not need it.
#include "presence_c.h"

#include <presence/presence.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

static_assert(sizeof(presence_user) == 1304, "the layout is part of the interface");
static_assert(sizeof(presence_change) == 1320, "the layout is part of the interface");

struct presence_client {
  presence::Snapshot now;
  presence::Snapshot reported;                             // the state when changes were last searched
  std::vector<presence::UserPresenceChanged> changes;  // that were found then
  std::size_t fetched = 0;                             // number of these
  presence::EventBuffer buffer;
  presence_error error = {0, 0, ""};
};

namespace {

using namespace presence;

// presence_client_poll compares snapshots instead.
void ignore_change(const UserPresenceChangedView&) {}

Rules rules_for(std::int32_t max_users) {
  Rules rules = Rules::mirror();
  rules.max_users = static_cast<std::uint32_t>(max_users);
  rules.max_id_bytes = PRESENCE_C_ID_BYTES - 1;
  rules.max_status_bytes = PRESENCE_C_STATUS_BYTES - 1;
  return rules;
}

std::int32_t clamped(std::size_t size) { return size > INT32_MAX ? INT32_MAX : static_cast<std::int32_t>(size); }

template <std::size_t size>
std::int32_t copy(std::string_view text, char (&into)[size]) {
  if (text.size() >= size) detail::trap();  // the rules do not let it in
  std::memset(into, 0, size);
  if (!text.empty()) std::memcpy(into, text.data(), text.size());
  return static_cast<std::int32_t>(text.size());
}

void write(const UserView& user, presence_user& into) {
  into.last_active_ms = user.last_active ? user.last_active->ms() : PRESENCE_C_NEVER;
  into.online = user.online ? 1 : 0;
  into.id_size = copy(user.id, into.id);
  into.status_size = copy(user.status, into.status);
}

void write(const UserPresenceChanged& change, presence_change& into) {
  into.at_ms = change.at.ms();
  into.known = change.after ? 1 : 0;
  into.what = (change.before.has_value() != change.after.has_value() ? PRESENCE_C_CHANGED_KNOWN : 0) |
              (change.online_changed() ? PRESENCE_C_CHANGED_ONLINE : 0) |
              (change.status_changed() ? PRESENCE_C_CHANGED_STATUS : 0) |
              (change.last_active_changed() ? PRESENCE_C_CHANGED_LAST_ACTIVE : 0);
  UserView user;
  if (change.after) {
    user = UserView(*change.after);
  } else {
    user.id = change.id;
  }
  write(user, into.user);
}

const char* reason(Verdict verdict) {
  switch (verdict) {
    case Verdict::invalid: return "an empty id, a status event without a status, or a timestamp out of range";
    case Verdict::over_limit: return "an id or a status that is too long, or too many users or sessions";
    case Verdict::too_early:
    case Verdict::too_late: return "too early or too late";
    case Verdict::applied:
    case Verdict::unchanged: break;
  }
  return "";
}

std::int32_t fail(presence_client& client, const Error& error) {
  client.error = {1 + static_cast<std::int32_t>(error.code), clamped(error.offset), error.message};
  return PRESENCE_C_UNREADABLE;
}

std::int32_t fold(presence_client& client, const PresenceEventView& event) {
  const Verdict verdict = apply(client.now, event, ignore_change);
  if (!accepted(verdict)) {
    client.error = {100 + static_cast<std::int32_t>(verdict), 0, reason(verdict)};
    return PRESENCE_C_REFUSED;
  }
  return verdict == Verdict::applied ? PRESENCE_C_APPLIED : PRESENCE_C_UNCHANGED;
}

bool is_text(const char* text, std::int32_t size) { return size >= 0 && (text != nullptr || size == 0); }

std::string_view text_of(const char* text, std::int32_t size) {
  return size == 0 ? std::string_view() : std::string_view(text, static_cast<std::size_t>(size));
}

}  // namespace

presence_client* presence_client_create(int32_t max_users) {
  if (max_users < 0) return nullptr;
  auto* const client = new presence_client;
  client->now = client->reported = Snapshot(rules_for(max_users));
  return client;
}

void presence_client_destroy(presence_client* client) { delete client; }

int32_t presence_client_feed(presence_client* client, const char* json, int32_t size) {
  if (client == nullptr || !is_text(json, size)) return PRESENCE_C_BAD_ARGUMENT;
  client->error = {0, 0, ""};
  const Result<PresenceEventView> event = parse_event(text_of(json, size), client->buffer);
  if (event) return fold(*client, *event);
  return event.error().code == ErrorCode::not_presence ? PRESENCE_C_IGNORED : fail(*client, event.error());
}

int32_t presence_client_feed_user(presence_client* client, const char* json, int32_t size, int64_t at_ms) {
  if (client == nullptr || !is_text(json, size)) return PRESENCE_C_BAD_ARGUMENT;
  client->error = {0, 0, ""};
  const Result<User> user = parse_user(text_of(json, size));
  if (!user) return fail(*client, user.error());
  return fold(*client, PresenceEventView::report(*user, Timestamp::from_ms(at_ms)));
}

int32_t presence_client_advance(presence_client* client, int64_t now_ms) {
  if (client == nullptr) return PRESENCE_C_BAD_ARGUMENT;
  const Verdict verdict = apply(client->now, Timestamp::from_ms(now_ms), ignore_change);
  if (!accepted(verdict)) return PRESENCE_C_REFUSED;
  return verdict == Verdict::applied ? PRESENCE_C_APPLIED : PRESENCE_C_UNCHANGED;
}

int32_t presence_client_connection_lost(presence_client* client) {
  if (client == nullptr) return PRESENCE_C_BAD_ARGUMENT;
  const Snapshot before = client->now;
  forget_reports_in(client->now);
  return client->now == before ? PRESENCE_C_UNCHANGED : PRESENCE_C_APPLIED;
}

int32_t presence_client_read(const presence_client* client, const char* id, int32_t id_size, presence_user* into) {
  if (client == nullptr || into == nullptr || !is_text(id, id_size)) return PRESENCE_C_BAD_ARGUMENT;
  const std::optional<UserView> user = client->now.view(text_of(id, id_size));
  if (!user) return PRESENCE_C_NOT_KNOWN;
  write(*user, *into);
  return PRESENCE_C_UNCHANGED;
}

int32_t presence_client_count(const presence_client* client) {
  return client == nullptr ? PRESENCE_C_BAD_ARGUMENT : clamped(client->now.size());
}

int32_t presence_client_online_count(const presence_client* client) {
  return client == nullptr ? PRESENCE_C_BAD_ARGUMENT : clamped(client->now.online_count());
}

int32_t presence_client_poll(presence_client* client, presence_change* into, int32_t capacity) {
  if (client == nullptr || capacity < 0 || (into == nullptr && capacity > 0)) return PRESENCE_C_BAD_ARGUMENT;
  if (client->fetched == client->changes.size()) {
    client->changes.clear();
    client->fetched = 0;
    diff(client->reported, client->now,
         [client](const UserPresenceChangedView& change) { client->changes.emplace_back(change); });
    client->reported = client->now;
  }
  std::int32_t written = 0;
  while (written < capacity && client->fetched < client->changes.size())
    write(client->changes[client->fetched++], into[written++]);
  return written;
}

void presence_client_last_error(const presence_client* client, presence_error* into) {
  if (into == nullptr) return;
  *into = client != nullptr ? client->error : presence_error{0, 0, ""};
}
