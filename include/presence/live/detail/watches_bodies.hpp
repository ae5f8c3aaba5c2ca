// SPDX-License-Identifier: MIT
#ifndef PRESENCE_LIVE_DETAIL_WATCHES_BODIES_HPP
#define PRESENCE_LIVE_DETAIL_WATCHES_BODIES_HPP

#include <presence/base/detail/algorithm.hpp>
#include <presence/base/detail/callback.hpp>
#include <presence/base/detail/memory.hpp>
#include <presence/base/detail/sorted_chunks.hpp>
#include <presence/live/watches.hpp>
#include <presence/model/channel.hpp>
#include <presence/model/user.hpp>

#include <cstddef>      // for size_t
#include <cstdint>      // for uint32_t, uint64_t
#include <string>       // for string
#include <string_view>  // for string_view
#include <utility>      // for move
#include <vector>       // for vector

namespace presence {
inline namespace PRESENCE_ABI {

/// A viewer who watches a user other than as a member of a channel that they follow.
struct Watches::Watcher {
  std::uint32_t viewer = 0, reasons = 0;  // reasons: the number of their watches
  std::uint64_t since = 0;
};
/// A channel that viewers follow and that has the user as a member.
struct Watches::Membership {
  std::uint32_t channel = 0;
  std::uint64_t since = 0;
};
struct Watches::WatchedUser {
  detail::SortedChunks<Watcher, detail::ByMember<&Watcher::viewer>> watchers;
  detail::SortedChunks<Membership, detail::ByMember<&Membership::channel>> channels;
};
struct Watches::WatchedChannel {
  std::vector<std::uint32_t> members;  // up to the limit, ascending, without duplicates; empty without followers
  detail::SortedChunks<Follower, detail::ByMember<&Follower::viewer>> followers;
  detail::NumberSet viewers;  // all who watch: followers, and viewers of a page
};
struct Watches::ChannelWatch {
  std::uint32_t channel = 0;
  bool is_following = false;
  std::vector<std::uint32_t> page;  // members that the last call of `watch_members` watches
};
struct Watches::WatchingViewer {
  detail::SortedChunks<ChannelWatch, detail::ByMember<&ChannelWatch::channel>> channels;
  detail::NumberSet users;  // those of `watch_users`
};
/// An earlier start of a watch: the viewer ended one watch of the user and still has another that began later.
struct Watches::HandedOver {
  std::uint32_t viewer = 0;
  std::uint64_t since = 0;
};
/// A user whose changes wait to be delivered.
struct Watches::WaitingUser {
  std::uint32_t count = 0;  // of these changes
  detail::SortedChunks<HandedOver, detail::ByMember<&HandedOver::viewer>> handed_over;
};

PRESENCE_DETAIL_BODY Watches::Watches() noexcept = default;
PRESENCE_DETAIL_BODY Watches::Watches(const WatchLimits& limits, std::uint64_t hash_seed)
    : limits_(limits), viewers_(hash_seed), users_(hash_seed), channels_(hash_seed), waiting_(hash_seed) {}

PRESENCE_DETAIL_BODY Watches::Watches(const Watches& other) = default;
PRESENCE_DETAIL_BODY Watches::Watches(Watches&& other) noexcept = default;
PRESENCE_DETAIL_BODY Watches& Watches::operator=(const Watches& other) = default;
PRESENCE_DETAIL_BODY Watches& Watches::operator=(Watches&& other) noexcept = default;
PRESENCE_DETAIL_BODY Watches::~Watches() = default;

PRESENCE_DETAIL_RARE PRESENCE_DETAIL_BODY void Watches::watch_channel(Viewer viewer, const Channel& channel) {
  if (viewer.id().empty()) return;
  const std::uint32_t v = viewers_.add(viewer);
  detail::Rollback forget_viewer([this, v]() noexcept { forget_if_idle(v); });
  const std::uint32_t c = channels_.add(channel.cid());
  detail::Rollback forget_channel([this, c]() noexcept { forget_if_unused(c); });
  follow(v, c);
  detail::Rollback unfollow([this, v, c]() noexcept { unwatch_channel(v, c); });
  set_members(c, channel.members);
  forget_viewer.release();
  forget_channel.release();
  unfollow.release();
}

PRESENCE_DETAIL_RARE PRESENCE_DETAIL_BODY void Watches::watch_members(Viewer viewer, const Channel& channel) {
  if (viewer.id().empty()) return;
  const std::uint32_t v = viewers_.add(viewer);
  detail::Rollback forget_viewer([this, v]() noexcept { forget_if_idle(v); });
  const std::uint32_t c = channels_.add(channel.cid());
  detail::Rollback forget_channel([this, c]() noexcept { forget_if_unused(c); });
  std::vector<std::uint32_t> found = numbers_of(channel.members);
  std::size_t added = 0;
  detail::Rollback drop([&]() noexcept {
    for (std::size_t i = 0; i < found.size(); ++i) i < added ? drop_reason(found[i], v) : forget_if_unwatched(found[i]);
  });
  for (; added < found.size(); ++added) add_reason(found[added], v);
  std::vector<std::uint32_t>& page = watch_of(v, c).page;
  for (const std::uint32_t user : page) keep_start(user, v);
  forget_viewer.release();
  forget_channel.release();
  drop.release();
  page.swap(found);
  for (const std::uint32_t user : found) drop_reason(user, v);
}

PRESENCE_DETAIL_APART PRESENCE_DETAIL_BODY void Watches::update(const Channel& channel) {
  const std::uint32_t c = channels_.find(channel.cid());
  if (c != Table::none && !channels_[c].followers.empty()) set_members(c, channel.members);
}
PRESENCE_DETAIL_RARE PRESENCE_DETAIL_BODY void Watches::remove_channel(std::string_view cid) {
  const std::uint32_t c = channels_.find(cid);
  if (c == Table::none) return;
  for (std::size_t left = channels_[c].viewers.size(); left > 0; --left) {
    keep_starts(channels_[c].viewers.back(), c);
    unwatch_channel(channels_[c].viewers.back(), c);  // the last one erases the channel
  }
}

PRESENCE_DETAIL_RARE PRESENCE_DETAIL_BODY void Watches::unwatch(Viewer viewer, std::string_view cid) {
  const std::uint32_t v = viewers_.find(viewer), c = channels_.find(cid);
  if (v != Table::none && c != Table::none) {
    keep_starts(v, c);
    unwatch_channel(v, c);
  }
}
PRESENCE_DETAIL_RARE PRESENCE_DETAIL_BODY void Watches::unwatch(Viewer viewer) {
  const std::uint32_t v = viewers_.find(viewer);
  if (v == Table::none) return;
  for (const std::uint32_t user : viewers_[v].users) keep_start(user, v);
  detail::NumberSet users;
  users.swap(viewers_[v].users);
  for (const std::uint32_t user : users) drop_reason(user, v);
  // The last call may erase the viewer.
  std::size_t left = viewers_[v].channels.size();
  for (; left > 0; --left) {
    keep_starts(v, viewers_[v].channels.back().channel);
    unwatch_channel(v, viewers_[v].channels.back().channel);
  }
  if (viewers_.has(v)) forget_if_idle(v);
}
PRESENCE_DETAIL_BODY void Watches::clear() noexcept {
  viewers_.clear();
  users_.clear();
  channels_.clear();
  for (auto it = waiting_.begin(); it != waiting_.end(); ++it) waiting_[it.number()].handed_over.clear();
  ++version_;
}

PRESENCE_DETAIL_BODY bool Watches::is_watching(Viewer viewer, std::string_view user) const noexcept {
  const std::uint32_t v = viewers_.find(viewer), u = users_.find(user);
  return v != Table::none && u != Table::none && since_of(u, v) != never_since;
}
PRESENCE_DETAIL_BODY bool Watches::is_watched(std::string_view user) const noexcept {
  return users_.find(user) != Table::none;
}
PRESENCE_DETAIL_BODY void Watches::visit_each_viewer_of(std::string_view user,
                                                        const detail::FunctionRef<void(Viewer)>& visit) const {
  const std::uint32_t u = users_.find(user);
  if (u == Table::none) return;
  const std::string id(user);
  const std::vector<Follower> all = watchers_of(u);
  const std::uint64_t version = version_;
  for (const Follower& watcher : all) {
    if (version_ != version) {
      const std::uint32_t known = users_.find(id);
      if (known == Table::none || !viewers_.has(watcher.viewer)) continue;
      if (since_of(known, watcher.viewer) == never_since) continue;
    }
    visit(viewers_.viewer_of(watcher.viewer));
  }
}
PRESENCE_DETAIL_BODY bool Watches::are_equal(const Watches& a, const Watches& b) {
  if (a.viewers_.size() != b.viewers_.size()) return false;
  for (auto it = a.viewers_.begin(); it != a.viewers_.end(); ++it) {
    const std::uint32_t v = b.viewers_.find(a.viewers_.viewer_of(it.number()));
    if (v == Table::none || a.all_of(it.number()) != b.all_of(v)) return false;
  }
  return true;
}
PRESENCE_DETAIL_APART PRESENCE_DETAIL_BODY void Watches::watch_each(Viewer viewer, const EachId& each) {
  if (viewer.id().empty()) return;
  // The ids may be borrowed from viewers_, whose strings move when a viewer is added.
  detail::NumberSet users;
  detail::Rollback forget_users([&]() noexcept {
    for (const std::uint32_t user : users) forget_if_unwatched(user);
  });
  std::size_t left = limits_.max_users_per_watch;
  each([&](std::string_view id) {
    if (left == 0) return false;
    const std::uint32_t user = users_.add(id);
    detail::Rollback forget_user([&]() noexcept { forget_if_unwatched(user); });
    if (users.find(user) == nullptr) {
      users.insert(user);
      --left;
    }
    forget_user.release();
    return true;
  });
  const std::uint32_t v = viewers_.add(viewer);
  detail::Rollback forget_viewer([this, v]() noexcept { forget_if_idle(v); });
  for (const std::uint32_t user : users) {
    if (viewers_[v].users.find(user) != nullptr) continue;
    viewers_[v].users.insert(user);
    detail::Rollback erase([&]() noexcept { viewers_[v].users.erase(user); });
    add_reason(user, v);
    erase.release();
  }
  forget_users.release();
  forget_viewer.release();
  forget_if_idle(v);
}

PRESENCE_DETAIL_RARE PRESENCE_DETAIL_BODY void Watches::unwatch_each(Viewer viewer, const EachId& each) {
  const std::uint32_t v = viewers_.find(viewer);
  if (v == Table::none) return;
  // The ids may be borrowed from users_, whose strings move when a user is erased.
  std::vector<std::uint32_t> users;
  each([&](std::string_view id) {
    const std::uint32_t user = users_.find(id);
    if (user != Table::none) users.push_back(user);
    return true;
  });
  for (const std::uint32_t user : users) keep_start(user, v);
  for (const std::uint32_t user : users) {
    if (viewers_[v].users.erase(user)) drop_reason(user, v);
  }
  forget_if_idle(v);
}

PRESENCE_DETAIL_RARE PRESENCE_DETAIL_BODY std::vector<std::vector<std::string>> Watches::all_of(std::uint32_t v) const {
  std::vector<std::vector<std::string>> all;
  all.push_back(ids_of(viewers_[v].users));
  all.back().push_back("found users");
  for (const ChannelWatch& watch : viewers_[v].channels) {
    const std::string& cid = channels_.id_of(watch.channel);
    if (watch.is_following) {
      all.push_back(ids_of(channels_[watch.channel].members));
      all.back().push_back("follows " + cid);
    }
    all.push_back(ids_of(watch.page));
    all.back().push_back("found " + cid);
  }
  detail::sort(all, [](const auto& x, const auto& y) { return x.back() < y.back(); });
  return all;
}
template <class Range>
std::vector<std::string> Watches::ids_of(const Range& users) const {
  std::vector<std::string> ids;
  for (const std::uint32_t user : users) ids.push_back(users_.id_of(user));
  detail::sort(ids, [](const std::string& x, const std::string& y) { return x < y; });
  return ids;
}

PRESENCE_DETAIL_RARE PRESENCE_DETAIL_BODY std::vector<std::uint32_t> Watches::numbers_of(
    const std::vector<std::string>& ids) {
  std::vector<std::uint32_t> numbers;
  numbers.reserve(ids.size() < limits_.max_users_per_watch ? ids.size() : limits_.max_users_per_watch);
  detail::Rollback forget([&]() noexcept {
    for (const std::uint32_t user : numbers) forget_if_unwatched(user);
  });
  if (ids.size() > limits_.max_users_per_watch) {
    detail::NumberSet first;
    std::size_t left = limits_.max_users_per_watch;
    for (const std::string& id : ids) {
      if (left == 0) break;
      const std::uint32_t user = users_.add(id);
      if (first.find(user) != nullptr) continue;
      numbers.push_back(user);
      first.insert(user);
      --left;
    }
  } else {
    for (const std::string& id : ids) numbers.push_back(users_.add(id));
  }
  detail::sort(numbers, [](std::uint32_t a, std::uint32_t b) { return a < b; });
  std::size_t kept = 0;
  for (const std::uint32_t number : numbers) {
    if (kept == 0 || numbers[kept - 1] != number) numbers[kept++] = number;
  }
  numbers.resize(kept);
  forget.release();
  return numbers;
}

PRESENCE_DETAIL_RARE PRESENCE_DETAIL_BODY void Watches::set_members(std::uint32_t c,
                                                                    const std::vector<std::string>& ids) {
  std::vector<std::uint32_t> members = numbers_of(ids);
  const std::vector<std::uint32_t>& before = channels_[c].members;
  // Users join before others leave, so that a user who stays always has a watch. All memory is allocated first.
  std::size_t joined = 0;
  detail::Rollback undo([&]() noexcept {
    for (std::size_t i = 0; i < members.size(); ++i) {
      if (i < joined && !has(before, members[i])) users_[members[i]].channels.erase(c);
      forget_if_unwatched(members[i]);
    }
  });
  for (; joined < members.size(); ++joined) {
    if (has(before, members[joined])) continue;
    Membership membership;
    membership.channel = c;
    membership.since = now_;
    users_[members[joined]].channels.insert(membership);
  }
  for (const std::uint32_t user : before) {
    if (has(members, user) || !is_waiting(user)) continue;
    for (const Follower& follower : channels_[c].followers) keep_start(user, follower.viewer);
  }
  undo.release();
  ++version_;
  channels_[c].members.swap(members);
  for (const std::uint32_t user : members) {
    if (!has(channels_[c].members, user)) leave(c, user);
  }
}
PRESENCE_DETAIL_BODY bool Watches::has(const std::vector<std::uint32_t>& ascending, std::uint32_t number) noexcept {
  const auto place = detail::not_less(ascending.begin(), ascending.end(), number);
  return place != ascending.end() && *place == number;
}
PRESENCE_DETAIL_APART PRESENCE_DETAIL_BODY void Watches::leave(std::uint32_t c, std::uint32_t user) noexcept {
  users_[user].channels.erase(c);
  if (is_waiting(user)) {
    for (const Follower& follower : channels_[c].followers) forget_start_if_lost(user, follower.viewer);
  }
  forget_if_unwatched(user);
}

PRESENCE_DETAIL_APART PRESENCE_DETAIL_BODY Watches::ChannelWatch& Watches::watch_of(std::uint32_t v, std::uint32_t c) {
  if (ChannelWatch* const known = viewers_[v].channels.find(c)) return *known;
  channels_[c].viewers.insert(v);
  detail::Rollback erase([this, v, c]() noexcept { channels_[c].viewers.erase(v); });
  ChannelWatch fresh;
  fresh.channel = c;
  ChannelWatch& made = viewers_[v].channels.insert(std::move(fresh));
  erase.release();
  return made;
}
PRESENCE_DETAIL_APART PRESENCE_DETAIL_BODY void Watches::follow(std::uint32_t v, std::uint32_t c) {
  ChannelWatch& watch = watch_of(v, c);
  if (watch.is_following) return;
  ++version_;
  Follower follower;
  follower.viewer = v;
  follower.since = now_;
  channels_[c].followers.insert(follower);
  watch.is_following = true;
}
PRESENCE_DETAIL_BODY void Watches::follow_known(Viewer viewer, const Channel& channel) {
  const std::uint32_t c = channels_.find(channel.cid());
  if (c == Table::none || channels_[c].followers.empty()) {
    watch_channel(viewer, channel);
  } else if (!viewer.id().empty()) {
    follow(viewers_.add(viewer), c);
  }
}

PRESENCE_DETAIL_RARE PRESENCE_DETAIL_BODY void Watches::unwatch_channel(std::uint32_t v, std::uint32_t c) noexcept {
  ChannelWatch* const watch = viewers_[v].channels.find(c);
  if (watch == nullptr) return;
  const std::vector<std::uint32_t> page = std::move(watch->page);
  if (watch->is_following) unfollow(v, c);
  viewers_[v].channels.erase(c);
  for (const std::uint32_t user : page) drop_reason(user, v);
  channels_[c].viewers.erase(v);
  forget_if_unused(c);
  forget_if_idle(v);
}
PRESENCE_DETAIL_RARE PRESENCE_DETAIL_BODY void Watches::unfollow(std::uint32_t v, std::uint32_t c) noexcept {
  ++version_;
  WatchedChannel& channel = channels_[c];
  channel.followers.erase(v);
  if (waiting_.size() != 0) {
    for (const std::uint32_t user : channel.members) forget_start_if_lost(user, v);
  }
  if (!channel.followers.empty()) return;
  const std::vector<std::uint32_t> members = std::move(channel.members);
  channel.members.clear();
  for (const std::uint32_t user : members) {
    users_[user].channels.erase(c);
    forget_if_unwatched(user);
  }
}

PRESENCE_DETAIL_APART PRESENCE_DETAIL_BODY void Watches::add_reason(std::uint32_t user, std::uint32_t v) {
  ++version_;
  if (Watcher* const known = users_[user].watchers.find(v)) {
    ++known->reasons;
    return;
  }
  Watcher fresh;
  fresh.viewer = v;
  fresh.reasons = 1;
  fresh.since = now_;
  users_[user].watchers.insert(fresh);
}
PRESENCE_DETAIL_APART PRESENCE_DETAIL_BODY void Watches::drop_reason(std::uint32_t user, std::uint32_t v) noexcept {
  ++version_;
  Watcher* const watcher = users_[user].watchers.find(v);
  if (watcher == nullptr || --watcher->reasons != 0) return;
  users_[user].watchers.erase(v);
  forget_start_if_lost(user, v);
  forget_if_unwatched(user);
}
PRESENCE_DETAIL_APART PRESENCE_DETAIL_BODY void Watches::forget_if_unused(std::uint32_t c) noexcept {
  if (channels_.has(c) && channels_[c].viewers.empty()) channels_.erase(c);
}
PRESENCE_DETAIL_APART PRESENCE_DETAIL_BODY void Watches::forget_if_unwatched(std::uint32_t user) noexcept {
  if (users_.has(user) && users_[user].watchers.empty() && users_[user].channels.empty()) users_.erase(user);
}
PRESENCE_DETAIL_APART PRESENCE_DETAIL_BODY void Watches::forget_if_idle(std::uint32_t v) noexcept {
  if (viewers_.has(v) && viewers_[v].channels.empty() && viewers_[v].users.empty()) viewers_.erase(v);
}

PRESENCE_DETAIL_BODY std::uint64_t Watches::since_of(std::uint32_t user, std::uint32_t v) const noexcept {
  return since_of(user, v, waiting(user));
}
PRESENCE_DETAIL_BODY std::uint64_t Watches::since_of(std::uint32_t user, std::uint32_t v,
                                                     const WaitingUser* waiting) const noexcept {
  const std::uint64_t since = since_of_watches(user, v);
  const HandedOver* const kept = since == never_since || waiting == nullptr ? nullptr : waiting->handed_over.find(v);
  return kept == nullptr ? since : detail::smaller_of(since, kept->since);
}
PRESENCE_DETAIL_APART PRESENCE_DETAIL_BODY std::uint64_t Watches::since_of_watches(std::uint32_t user,
                                                                                   std::uint32_t v) const noexcept {
  const WatchedUser& watched = users_[user];
  const WatchingViewer& viewer = viewers_[v];
  const Watcher* const watcher = watched.watchers.find(v);
  std::uint64_t since = watcher == nullptr ? never_since : watcher->since;
  if (viewer.channels.size() < watched.channels.size()) {
    for (const ChannelWatch& watch : viewer.channels) {
      if (const Membership* const membership = watched.channels.find(watch.channel))
        since = detail::smaller_of(since, since_of(*membership, v));
    }
  } else {
    for (const Membership& membership : watched.channels) since = detail::smaller_of(since, since_of(membership, v));
  }
  return since;
}
PRESENCE_DETAIL_BODY std::uint64_t Watches::since_of(const Membership& membership, std::uint32_t v) const noexcept {
  const Follower* const follower = channels_[membership.channel].followers.find(v);
  return follower == nullptr ? never_since : detail::greater_of(membership.since, follower->since);
}
PRESENCE_DETAIL_APART PRESENCE_DETAIL_BODY void Watches::keep_start(std::uint32_t user, std::uint32_t v) {
  if (waiting_.size() == 0) return;
  const std::uint32_t number = waiting_.find(users_.id_of(user));
  if (number == Table::none) return;
  auto& kept = waiting_[number].handed_over;
  if (kept.find(v) != nullptr) return;
  HandedOver start;
  start.viewer = v;
  start.since = since_of_watches(user, v);
  if (start.since != never_since) kept.insert(start);
}
PRESENCE_DETAIL_APART PRESENCE_DETAIL_BODY void Watches::keep_starts(std::uint32_t v, std::uint32_t c) {
  if (waiting_.size() == 0) return;
  const ChannelWatch* const watch = viewers_[v].channels.find(c);
  if (watch == nullptr) return;
  for (const std::uint32_t user : watch->page) keep_start(user, v);
  if (!watch->is_following) return;
  for (const std::uint32_t user : channels_[c].members) keep_start(user, v);
}
PRESENCE_DETAIL_APART PRESENCE_DETAIL_BODY void Watches::forget_start_if_lost(std::uint32_t user,
                                                                              std::uint32_t v) noexcept {
  if (waiting_.size() == 0) return;
  const std::uint32_t number = waiting_.find(users_.id_of(user));
  if (number != Table::none && since_of_watches(user, v) == never_since) waiting_[number].handed_over.erase(v);
}

PRESENCE_DETAIL_APART PRESENCE_DETAIL_BODY std::vector<Watches::Follower> Watches::watchers_of(
    std::uint32_t user) const {
  std::vector<Follower> all;
  const auto add = [&all](std::uint32_t viewer, std::uint64_t since) {
    Follower watcher;
    watcher.viewer = viewer;
    watcher.since = since;
    all.push_back(watcher);
  };
  const WatchedUser& watched = users_[user];
  for (const Watcher& watcher : watched.watchers) add(watcher.viewer, watcher.since);
  std::size_t sources = all.empty() ? 0u : 1u;
  for (const Membership& membership : watched.channels) {
    ++sources;
    for (const Follower& follower : channels_[membership.channel].followers)
      add(follower.viewer, detail::greater_of(membership.since, follower.since));
  }
  if (sources > 1) {
    detail::sort(all, [](const Follower& a, const Follower& b) {
      return a.viewer != b.viewer ? a.viewer < b.viewer : a.since < b.since;
    });
    std::size_t kept = 0;
    for (const Follower& watcher : all) {
      if (kept == 0 || all[kept - 1].viewer != watcher.viewer) all[kept++] = watcher;
    }
    all.resize(kept);
  }
  const WaitingUser* const kept = waiting(user);
  if (kept != nullptr && !kept->handed_over.empty()) {
    for (Follower& watcher : all) watcher.since = since_of(user, watcher.viewer, kept);
  }
  return all;
}
PRESENCE_DETAIL_BODY std::size_t Watches::watch_count() const noexcept {
  std::size_t count = 0;
  for (const WatchingViewer& viewer : viewers_) count += viewer.channels.size() + viewer.users.size();
  return count;
}
PRESENCE_DETAIL_RARE PRESENCE_DETAIL_BODY std::size_t Watches::bytes() const noexcept {
  std::size_t sum = 0;
  for (auto it = viewers_.begin(); it != viewers_.end(); ++it) {
    sum += sizeof(WatchingViewer) + viewers_.viewer_of(it.number()).id().size() +
           viewers_.viewer_of(it.number()).session().size();
    sum += (*it).users.size() * sizeof(std::uint32_t) + (*it).channels.size() * sizeof(ChannelWatch);
  }
  for (auto it = users_.begin(); it != users_.end(); ++it) {
    sum += sizeof(WatchedUser) + users_.id_of(it.number()).size();
    sum += (*it).watchers.size() * sizeof(Watcher) + (*it).channels.size() * sizeof(Membership);
  }
  for (auto it = channels_.begin(); it != channels_.end(); ++it) {
    sum += sizeof(WatchedChannel) + channels_.id_of(it.number()).size();
    sum += ((*it).members.size() + (*it).viewers.size()) * sizeof(std::uint32_t) +
           (*it).followers.size() * sizeof(Follower);
  }
  return sum;
}
PRESENCE_DETAIL_BODY std::size_t Watches::watches_of(std::uint32_t user) const noexcept {
  std::size_t count = users_[user].watchers.size();
  for (const Membership& membership : users_[user].channels) count += channels_[membership.channel].followers.size();
  return count;
}
PRESENCE_DETAIL_APART PRESENCE_DETAIL_BODY void Watches::begin_waiting(std::string_view user) {
  ++waiting_[waiting_.add(user)].count;
}
PRESENCE_DETAIL_APART PRESENCE_DETAIL_BODY void Watches::end_waiting(std::string_view user) noexcept {
  const std::uint32_t number = waiting_.find(user);
  if (number != Table::none && --waiting_[number].count == 0) waiting_.erase(number);
}
PRESENCE_DETAIL_BODY const Watches::WaitingUser* Watches::waiting(std::uint32_t user) const noexcept {
  if (waiting_.size() == 0) return nullptr;
  const std::uint32_t number = waiting_.find(users_.id_of(user));
  return number == Table::none ? nullptr : &waiting_[number];
}
PRESENCE_DETAIL_BODY bool Watches::is_waiting(std::uint32_t user) const noexcept { return waiting(user) != nullptr; }

}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_LIVE_DETAIL_WATCHES_BODIES_HPP
