// SPDX-License-Identifier: MIT
// Reads histories as lines, applies them to snapshots, and prints a line for each: what the verdict was, what changed,
// and what is seen then. compare.py writes the lines, and says what they look like.
#include <presence/presence.hpp>

#include <cstdint>
#include <cstdio>
#include <iostream>
#include <map>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace presence;

using Words = std::map<std::string, std::string>;

std::int64_t number(const std::string& text) { return std::stoll(text); }
Timestamp date(const std::string& text) { return Timestamp::from_ns(number(text)); }
Duration span(const std::string& text) { return Duration::from_ns(number(text)); }

/// A name that is none stands for an availability that is none.
Availability word(const std::string& name) {
  for (const Availability one :
       {Availability::offline, Availability::idle, Availability::away, Availability::busy, Availability::available}) {
    if (to_string(one) == name) return one;
  }
  return static_cast<Availability>(99);
}

Rules rules_of(const Words& given) {
  Rules rules;
  rules.session_timeout = span(given.at("session_timeout"));
  rules.offline_grace = span(given.at("offline_grace"));
  rules.last_active_refresh = span(given.at("last_active_refresh"));
  rules.reorder_window = span(given.at("reorder_window"));
  rules.max_clock_skew = span(given.at("max_clock_skew"));
  rules.idle_after = span(given.at("idle_after"));
  rules.report_timeout = span(given.at("report_timeout"));
  rules.heartbeat_is_activity = given.at("heartbeat_is_activity") == "1";
  for (const SessionFold fold : {SessionFold::by_rank, SessionFold::by_priority, SessionFold::latest}) {
    if (to_string(fold) == given.at("session_fold")) rules.session_fold = fold;
  }
  std::istringstream names(given.at("ranking"));
  Availability order[4] = {};
  for (Availability& one : order) {
    std::string name;
    std::getline(names, name, ',');
    one = word(name);
  }
  rules.ranking = Ranking{order[0], order[1], order[2], order[3]};
  rules.show_devices = true;
  return rules;
}

EventType type_of(const std::string& name) {
  for (const EventType one : {EventType::connect, EventType::disconnect, EventType::heartbeat, EventType::set_status,
                              EventType::report, EventType::active, EventType::update, EventType::set_availability,
                              EventType::set_data, EventType::set_visible}) {
    if (to_string(one) == name) return one;
  }
  return EventType::remove;
}

/// An activity or data: a=1,b=2. A value of "-" is null.
Attributes attributes(const std::string& text) {
  Attributes all;
  std::istringstream entries(text);
  for (std::string entry; std::getline(entries, entry, ',');) {
    const std::size_t colon = entry.find(':');
    all[entry.substr(0, colon)] = entry.substr(colon + 1);
  }
  return all;
}

PresenceEvent event_of(const Words& given) {
  PresenceEvent event;
  for (const auto& [name, text] : given) {
    if (name == "type") event.type = type_of(text);
    if (name == "user") event.user = text;
    if (name == "session") event.session = text;
    if (name == "at") event.at = date(text);
    if (name == "invisible") event.invisible = text == "1";
    if (name == "online") event.online = text == "1";
    if (name == "status") event.status = text;
    if (name == "until") event.until = date(text);
    if (name == "last_active") event.last_active = date(text);
    if (name == "availability") event.availability = word(text);
    if (name == "priority") event.priority = static_cast<std::int8_t>(number(text));
    if (name == "activity") event.activity = attributes(text.empty() ? "" : "doing:" + text);
    if (name == "data") event.data = attributes(text);
    if (name == "name") event.name = text;
    if (name == "value" && !text.empty()) event.value = text;
  }
  return event;
}

std::string shown(const std::optional<UserView>& user) {
  if (!user) return "unknown";
  const bool says_nothing = user->availability == Availability::offline;
  std::string text(to_string(!user->online  ? Availability::offline
                             : says_nothing ? Availability::available
                                            : user->availability));
  text += "/" + std::string(user->status) + "/";
  text += user->last_active ? std::to_string(user->last_active->ns()) : "never";
  text += "/";
  for (const AttributesView::Entry entry : user->activity) text += entry.value.text();
  text += "/";
  for (const AttributesView::Entry entry : user->data) {
    text += std::string(entry.name) + ":" + std::string(entry.value.text()) + ",";
  }
  return text;
}

std::string state_of(const Snapshot& snapshot, const std::vector<std::string>& users) {
  std::string text;
  std::size_t known = 0, online = 0;
  for (const UserView user : snapshot) {
    ++known;
    if (user.online) ++online;
  }
  if (known != snapshot.size() || online != snapshot.online_count()) text += " | wrong counts";
  for (const std::string& user : users) {
    text += " | " + user + " " + shown(snapshot.view(user)) + " " + shown(snapshot.view(user, Viewer(user)));
    for (const Device& device : snapshot.devices(user)) {
      text += " " + device.session + "=" + std::string(to_string(device.availability)) + "/";
      if (const Value* doing = device.activity.find("doing")) text += doing->view().text();
    }
  }
  return text;
}

}  // namespace

int main() {
  const std::vector<std::string> users{"u", "v"};
  std::vector<Snapshot> nodes(1);
  std::size_t at = 0;
  for (std::string line; std::getline(std::cin, line);) {
    std::istringstream in(line);
    std::string command;
    in >> command;
    Words given;
    for (std::string field; in >> field;) {
      const std::size_t equals = field.find('=');
      given[field.substr(0, equals)] = field.substr(equals + 1);
    }
    Snapshot& here = nodes[at];
    std::string changes, said = command;
    const auto tell = [&](const UserPresenceChangedView& change) {
      changes += " [" + std::to_string(change.at.ns()) + " " + std::string(change.id) + " " + shown(change.before) +
                 " > " + shown(change.after) + "]";
    };
    if (command == "rules") {
      nodes.assign(3, Snapshot(rules_of(given)));
      at = 0;
    } else if (command == "event") {
      const Verdict verdict = apply(here, event_of(given), tell);
      said = accepted(verdict) ? "accepted" : std::string(to_string(verdict));
    } else if (command == "time") {
      apply(here, date(given.at("now")), tell);
    } else if (command == "resume") {
      resume(here, date(given.at("now")), span(given.at("patience")), tell);
    } else if (command == "forget") {
      forget_reports_in(here, tell);
    } else if (command == "node") {
      at = static_cast<std::size_t>(number(given.at("number")));
    } else if (command == "merge") {
      here = merge(here, nodes[static_cast<std::size_t>(number(given.at("number")))]);
    } else if (command == "store") {
      const Result<Snapshot> read = decode(encode(here), here.rules());
      said = read && *read == here && read->digest() == here.digest() ? "store" : "another snapshot";
      if (read) here = *read;
    } else if (command == "deadline") {
      const std::optional<Timestamp> deadline = here.next_deadline();
      said += deadline ? " " + std::to_string(deadline->ns()) : " none";
    }
    std::puts((said + changes + state_of(nodes[at], users)).c_str());
  }
}
