// SPDX-License-Identifier: MIT
// Random questions about users, and all that is answered and told to viewers who ask.
#ifndef PRESENCE_TESTS_PROPERTY_QUERIES_HPP
#define PRESENCE_TESTS_PROPERTY_QUERIES_HPP

#include "history.hpp"

#include <presence/presence.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

namespace property {

/// About the users of a history, at timestamps near `about`.
inline presence::Filter random_filter(Chance& chance, Timestamp about, int depth = 2) {
  using namespace presence;
  const auto id = [&] { return Value(chance.any<const char*>({"ann", "bob", "cyd", "dee", "eve", "nobody"})); };
  const auto instant = [&] { return Value(about + Duration::from_ns(chance.between(-6, 6))); };
  switch (chance.below(depth > 0 ? 14 : 10)) {
    case 0: return eq("online", chance.one_in(2));
    case 1: return ne("online", chance.one_in(2));
    case 2: return in("id", {id(), id()});
    case 3: return ne("id", id());
    case 4: return Filter();
    case 5: return exists("last_active", chance.one_in(2));
    case 6: return Filter::test(chance.any({Operator::gt, Operator::gte, Operator::lt, Operator::lte, Operator::eq}), "last_active", instant());
    case 7: return eq("status", "");
    case 8: return autocomplete("status", chance.any<const char*>({"a", "b", "h"}));
    case 9: return nin("id", {id()});
    case 10: return !random_filter(chance, about, depth - 1);
    case 11: return random_filter(chance, about, depth - 1) || random_filter(chance, about, depth - 1);
    default: return random_filter(chance, about, depth - 1) && random_filter(chance, about, depth - 1);
  }
}

inline presence::UserQuery random_query(Chance& chance, Timestamp about) {
  presence::UserQuery query;
  query.filter = random_filter(chance, about);
  for (std::size_t i = chance.below(3); i > 0; --i) {
    query.sort.push_back({chance.any<const char*>({"online", "last_active", "status", "id"}),
                          chance.any({presence::Order::ascending, presence::Order::descending})});
  }
  query.offset = chance.any<std::size_t>({0, 0, 0, 1, 2});
  query.limit = chance.any<std::size_t>({1, 2, 30, 30});
  return query;
}

inline std::string told(const std::vector<User>& users) {
  std::string text;
  for (const User& user : users) text += user.id + " " + told(std::optional<User>(user)) + "; ";
  return text;
}

/// Some pages of the users as two viewers see them.
inline std::string answers(const Snapshot& s, std::uint64_t seed, Viewer viewer, Timestamp about) {
  Chance chance(seed);
  std::string text;
  for (int i = 0; i < 4; ++i) {
    const presence::UserQuery query = random_query(chance, about);
    text += to_json(query.filter) + ": " + told(presence::query(s, query)) + "and for " + std::string(viewer.id()) + ": " +
            told(presence::query(s, query, viewer)) + "\n";
  }
  return text;
}

/// The time of the host's clock at each step of a history: that of its latest event, but not after `last`.
inline std::vector<Timestamp> host_clock(const std::vector<Step>& steps, Timestamp last) {
  std::vector<Timestamp> clock;
  Timestamp now = Timestamp::lowest();
  for (const Step& step : steps) {
    for (const PresenceEvent& e : step.events) {
      if (e.at > now && e.at <= last) now = e.at;
    }
    if (step.at && *step.at > now && *step.at <= last) now = *step.at;
    clock.push_back(now);
  }
  return clock;
}

/// What a store answers and tells two viewers who ask for users with presence while the history goes on: of each step,
/// one text. Steps that a store does not know are passed over.
inline std::vector<std::string> told_by_store(const Rules& rules, const std::vector<Step>& steps, const std::vector<Timestamp>& clock, std::size_t count,
                                              std::uint64_t seed, Viewer viewer, Timestamp about) {
  presence::StoreOptions options;
  options.keep_order_of_frame = false;  // the histories have their own order
  presence::Store store(rules, options);
  std::vector<std::string> all;
  std::string text;
  if (store.put(presence::Channel{"messaging", "general", {"ann", "bob", "cyd"}, {}})) std::abort();
  std::vector<presence::Subscription> subscriptions;
  const Viewer zoe{"zoe"};
  for (const Viewer who : {viewer, zoe}) {
    presence::DeliveryOptions every;
    every.last_active_alone = who.id() == "zoe";
    subscriptions.push_back(store.subscribe<UserPresenceChanged>(
        who, [&text, who](const UserPresenceChanged& change) { text += std::string(who.id()) + " hears " + told(change) + "\n"; }, every));
  }
  subscriptions.push_back(store.on_delivery([&text](const UserPresenceChanged& change, const presence::Viewers& viewers) {
    text += told(change) + " goes to " + std::to_string(viewers.size()) + "\n";
  }));
  for (std::size_t i = 0; i < count; ++i) {
    const Step& step = steps[i];
    Chance chance(mixed(seed, i));
    presence::UserQuery query = random_query(chance, about);
    query.presence = true;
    if (chance.one_in(3)) text += "page " + told(store.query_users(query, chance.one_in(2) ? viewer : zoe)) + "\n";
    if (chance.one_in(6) && !store.watch({"messaging", "general", {}, true}, viewer)) std::abort();
    if (chance.one_in(8)) store.unwatch(zoe);
    store.advance(clock[i]);  // also if the events of this step were removed
    switch (step.what) {
      case Do::event:
      case Do::batch: store.dispatch(step.events.begin(), step.events.end(), clock[i]); break;
      case Do::advance: store.advance(*step.at); break;
      case Do::resync: store.resync(step.events.begin(), step.events.end(), *step.at); break;
      case Do::forget: store.connection_lost(); break;
      default: break;
    }
    all.push_back(std::exchange(text, std::string()));
  }
  return all;
}

}  // namespace property

#endif  // PRESENCE_TESTS_PROPERTY_QUERIES_HPP
