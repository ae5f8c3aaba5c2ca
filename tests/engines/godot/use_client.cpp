// SPDX-License-Identifier: MIT
// Runs the node of the recipe for a few frames of a stand-in for Godot. Prints what its signal reports.
#include "presence_client.hpp"

#include <godot_cpp/classes/time.hpp>

using namespace godot;

namespace {

PackedStringArray ids(std::initializer_list<const char*> texts) {
  PackedStringArray all;
  for (const char* text : texts) all.push_back(String(text));
  return all;
}

void show(const PackedStringArray& online) {
  std::printf("online:");
  for (int64_t i = 0; i < online.size(); ++i) std::printf(" %s", online[i].utf8().get_data());
  std::printf("\n");
}

}  // namespace

int main() {
  Time::get_singleton()->now = 1546867062.375;
  PresenceClient* const client = memnew(PresenceClient);
  client->handler = [client](const char* signal, const std::vector<Value>& values) {
    const String& id = std::get<String>(values[0]);
    const bool online = std::get<bool>(values[1]);
    const String& status = std::get<String>(values[2]);
    std::printf("%s: ", signal);
    std::printf("%s is %s '%s'\n", id.utf8().get_data(), online ? "online" : "offline", status.utf8().get_data());
    // A handler may feed. What changes is reported after this change.
    if (online && status == String("Follow me")) {
      client->feed(
          R"({"type":"user.presence.changed","created_at":"2019-01-07T13:17:44Z","user":{"id":"jack","online":true,"status":"☃"}})");
      std::printf("fed by a handler\n");
    }
  };
  client->_process(0.016);
  client->set_friends(ids({"john", "mary", "jack"}));
  for (
      const char* event : {
          R"({"type":"user.presence.changed","created_at":"2019-01-07T13:17:42Z","user":{"id":"john","online":true,"status":"Eating a veggie burger..."}})",
          R"({"type":"user.presence.changed","created_at":"2019-01-07T13:17:43Z","user":{"id":"a stranger","online":true}})",
          R"({"type":"user.presence.changed","created_at":"2019-01-07T13:17:43Z","user":{"id":"mary","online":true,"status":"Follow me"}})",
          R"({"type":"message.new"})",
          R"({"type":"user.updated","user":)",
      }) {
    client->feed(event);
  }
  show(client->online_friends());

  client->connection_lost();
  show(client->online_friends());
  client->set_friends(ids({"john"}));
  client->feed(
      R"({"type":"user.presence.changed","created_at":"2019-01-07T13:17:50Z","user":{"id":"john","online":true,"status":""}})");
  show(client->online_friends());

  GDREGISTER_CLASS(PresenceClient);
  for (const MethodInfo& signal : ClassDB::signals) {
    std::printf("signal %s:", signal.name);
    for (const PropertyInfo& argument : signal.arguments) std::printf(" %s", argument.name);
    std::printf("\n");
  }
  for (const BoundMethod& method : ClassDB::methods)
    std::printf("method %s, arguments: %d\n", method.name, static_cast<int>(method.arguments));
  memdelete(client);
  return 0;
}
