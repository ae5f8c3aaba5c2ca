// SPDX-License-Identifier: MIT
#ifndef PRESENCE_LIVE_WATCHES_HPP
#define PRESENCE_LIVE_WATCHES_HPP

#include <presence/base/detail/algorithm.hpp>
#include <presence/base/detail/id_map.hpp>
#include <presence/base/detail/sorted_chunks.hpp>
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

/// Limits like those of chat services. By default there are none.
struct WatchLimits {
  /// The maximum number of users of a single watch. Only the first so many users of a channel or a page are watched.
  std::size_t max_users_per_watch = static_cast<std::size_t>(-1);
};

/// A value that stores which viewers watch which users. A viewer watches a user for as long as at least one of their
/// watches includes that user. The viewers of a user are found without iterating over all viewers. A viewer without an
/// id watches no user.
///
/// @code
/// Watches watches;
/// watches.watch_users(Viewer("john"), std::vector<std::string>{"mary", "ann"});  // john's friends
/// watches.watch_channel(Viewer("john"), Channel{"match", "eu-17", {"mary", "jack"}, {}});
/// assert(watches.is_watching(Viewer("john"), "jack") && !watches.is_watching(Viewer("jack"), "john"));
/// watches.update(Channel{"match", "eu-17", {"bob"}, {}});  // mary and jack left, bob joined
/// assert(!watches.is_watching(Viewer("john"), "jack") && watches.is_watching(Viewer("john"), "bob"));
/// assert(watches.is_watching(Viewer("john"), "mary"));  // still a friend
/// watches.unwatch(Viewer("john"));  // logged out
/// assert(!watches.is_watched("mary") && watches == Watches());
/// @endcode
class Watches {
 public:
  Watches() = default;
  /// Creates an object without watches. `hash_seed` seeds the hash of the ids; see Rules::hash_seed.
  explicit Watches(const WatchLimits& limits, std::uint64_t hash_seed = 0)
      : limits_(limits), viewers_(hash_seed), users_(hash_seed), channels_(hash_seed) {}

  /// Watches the channel's members and follows later joins and leaves, which `update` passes in. O(members).
  void watch_channel(Viewer viewer, const Channel& channel) {
    if (viewer.id().empty()) return;
    const std::uint32_t v = viewers_.add(viewer.id()), c = channels_.add(channel.cid());
    set_members(c, channel.members);
    ChannelWatch& watch = watch_of(v, c);
    if (watch.is_following) return;
    watch.is_following = true;
    channels_[c].followers.insert(v);
    for (const std::uint32_t user : channels_[c].members) add_reason(user, v);
  }

  /// Watches the channel's current members, which is what a channel query returns. Replaces the member list of an
  /// earlier query for the same channel. Later joins and leaves are not followed; see `watch_channel`. O(members).
  void watch_members(Viewer viewer, const Channel& channel) {
    if (viewer.id().empty()) return;
    const std::uint32_t v = viewers_.add(viewer.id()), c = channels_.add(channel.cid());
    std::vector<std::uint32_t> found = numbers_of(channel.members);
    for (const std::uint32_t user : found) add_reason(user, v);
    std::vector<std::uint32_t>& page = watch_of(v, c).page;
    page.swap(found);
    for (const std::uint32_t user : found) drop_reason(user, v);
  }

  /// Watches the users of a range of ids, which is what a user query returns. Adds to the users of earlier calls.
  /// O(users).
  template <class Range>
  void watch_users(Viewer viewer, const Range& ids) {
    if (viewer.id().empty()) return;
    // The ids may be borrowed from viewers_, whose strings move when a viewer is added.
    std::vector<std::uint32_t> users;
    for (const auto& id : ids) {
      if (users.size() == limits_.max_users_per_watch) break;
      users.push_back(users_.add(std::string_view(id)));
    }
    const std::uint32_t v = viewers_.add(viewer.id());
    for (const std::uint32_t user : users) {
      if (viewers_[v].users.find(user) != nullptr) continue;
      viewers_[v].users.insert(user);
      add_reason(user, v);
    }
    forget_if_idle(v);
  }

  /// Updates the members of a channel. Does nothing if no viewer watches the channel. O(members + changes * viewers),
  /// where changes are the members who joined or left, and viewers are those who watch the channel.
  void update(const Channel& channel) {
    const std::uint32_t c = channels_.find(channel.cid());
    if (c != Table::none) set_members(c, channel.members);
  }
  /// Removes a channel and ends all watches of it.
  void remove_channel(std::string_view cid) {
    const std::uint32_t c = channels_.find(cid);
    if (c == Table::none) return;
    for (std::size_t left = channels_[c].viewers.size(); left > 0; --left) {
      unwatch_channel(channels_[c].viewers.back(), c);  // the last one erases the channel
    }
  }

  /// Ends the viewer's watches of the channel.
  void unwatch(Viewer viewer, std::string_view cid) {
    const std::uint32_t v = viewers_.find(viewer.id()), c = channels_.find(cid);
    if (v != Table::none && c != Table::none) unwatch_channel(v, c);
  }
  /// Ends all watches of the viewer.
  void unwatch(Viewer viewer) {
    const std::uint32_t v = viewers_.find(viewer.id());
    if (v == Table::none) return;
    Numbers users;
    users.swap(viewers_[v].users);
    for (const std::uint32_t user : users) drop_reason(user, v);
    // The last call may erase the viewer.
    std::size_t left = viewers_[v].channels.size();
    for (; left > 0; --left) unwatch_channel(v, viewers_[v].channels.back().channel);
    if (viewers_.has(v)) forget_if_idle(v);
  }
  /// Ends all watches of all viewers.
  void clear() noexcept {
    viewers_.clear();
    users_.clear();
    channels_.clear();
    ++version_;
  }

  /// Returns whether the viewer watches the user. O(log n) for n viewers of the user.
  bool is_watching(Viewer viewer, std::string_view user) const noexcept {
    const std::uint32_t v = viewers_.find(viewer.id()), u = users_.find(user);
    return v != Table::none && u != Table::none && find_watcher(u, v) != nullptr;
  }
  /// The former name of `is_watching`.
  bool hears(Viewer viewer, std::string_view user) const noexcept { return is_watching(viewer, user); }
  /// Returns whether at least one viewer watches the user. O(1).
  bool is_watched(std::string_view user) const noexcept {
    const std::uint32_t u = users_.find(user);
    return u != Table::none && !users_[u].watchers.empty();
  }
  /// Calls `visit(Viewer)` for each viewer who watches the user. Each Viewer is valid until the watches are modified.
  /// `visit` may modify them. It is then not called for viewers who no longer watch the user, and it may be called for
  /// viewers who started to. O(viewers of the user).
  template <class Visit>
  void each_viewer_of(std::string_view user, Visit&& visit) const {
    const std::uint32_t u = users_.find(user);
    if (u == Table::none) return;
    const std::string id(user);
    std::vector<std::uint32_t> viewers;
    viewers.reserve(users_[u].watchers.size());
    for (const Watcher& watcher : users_[u].watchers) viewers.push_back(watcher.viewer);
    const std::uint64_t version = version_;
    for (const std::uint32_t v : viewers) {
      if (version_ != version) {
        const std::uint32_t known = users_.find(id);
        if (known == Table::none || find_watcher(known, v) == nullptr) continue;
      }
      visit(Viewer(viewers_.id_of(v)));
    }
  }
  /// Returns whether the same viewers watch the same users and channels through the same kinds of watches.
  friend bool operator==(const Watches& a, const Watches& b) {
    if (a.viewers_.size() != b.viewers_.size()) return false;
    for (auto it = a.viewers_.begin(); it != a.viewers_.end(); ++it) {
      const std::uint32_t v = b.viewers_.find(a.viewers_.id_of(it.number()));
      if (v == Table::none || a.all_of(it.number()) != b.all_of(v)) return false;
    }
    return true;
  }
  friend bool operator!=(const Watches& a, const Watches& b) { return !(a == b); }

  std::size_t viewer_count() const noexcept { return viewers_.size(); }  ///< number of viewers with a watch
  /// Returns the number of users who are watched. O(users).
  std::size_t watched_count() const noexcept {
    std::size_t count = 0;
    for (const WatchedUser& user : users_) count += user.watchers.empty() ? 0u : 1u;
    return count;
  }

 private:
  friend class Store;

  struct NumberItself {
    static std::uint32_t of(std::uint32_t number) noexcept { return number; }
  };
  /// Ascending, without duplicates.
  using Numbers = detail::SortedChunks<std::uint32_t, NumberItself>;

  /// A viewer who watches a user: through how many watches, and from which value of now_ on.
  struct Watcher {
    std::uint32_t viewer = 0, reasons = 0;
    std::uint64_t since = 0;
  };
  struct ViewerOfWatcher {
    static std::uint32_t of(const Watcher& watcher) noexcept { return watcher.viewer; }
  };
  struct WatchedUser {
    detail::SortedChunks<Watcher, ViewerOfWatcher> watchers;
    std::uint32_t memberships = 0;  // number of watched channels that have the user as a member
  };
  struct WatchedChannel {
    std::vector<std::uint32_t> members;  // up to the limit, ascending, without duplicates
    Numbers followers, viewers;          // those who follow joins and leaves; all who watch
  };
  struct ChannelWatch {
    std::uint32_t channel = 0;
    bool is_following = false;
    std::vector<std::uint32_t> page;  // members that the last query returned
  };
  struct ChannelOfWatch {
    static std::uint32_t of(const ChannelWatch& watch) noexcept { return watch.channel; }
  };
  struct WatchingViewer {
    detail::SortedChunks<ChannelWatch, ChannelOfWatch> channels;
    Numbers users;  // users that queries returned
  };
  using Table = detail::IdMap<WatchedUser>;

  /// Returns all watches of a viewer by ids instead of numbers, so that two Watches can be compared. One list has the
  /// queried users; each other list has the users of a channel.
  std::vector<std::vector<std::string>> all_of(std::uint32_t v) const {
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
  std::vector<std::string> ids_of(const Range& users) const {
    std::vector<std::string> ids;
    for (const std::uint32_t user : users) ids.push_back(users_.id_of(user));
    detail::sort(ids, [](const std::string& x, const std::string& y) { return x < y; });
    return ids;
  }

  /// Returns the numbers of the users of a watch, ascending, without duplicates. Adds users who are not known yet.
  std::vector<std::uint32_t> numbers_of(const std::vector<std::string>& ids) {
    std::vector<std::uint32_t> numbers;
    if (ids.size() > limits_.max_users_per_watch) {
      Numbers first;
      std::size_t left = limits_.max_users_per_watch;
      for (const std::string& id : ids) {
        if (left == 0) break;
        const std::uint32_t user = users_.add(id);
        if (first.find(user) != nullptr) continue;
        first.insert(user);
        --left;
      }
      for (const std::uint32_t user : first) numbers.push_back(user);
      return numbers;
    }
    for (const std::string& id : ids) numbers.push_back(users_.add(id));
    detail::sort(numbers, [](std::uint32_t a, std::uint32_t b) { return a < b; });
    std::size_t kept = 0;
    for (const std::uint32_t number : numbers) {
      if (kept == 0 || numbers[kept - 1] != number) numbers[kept++] = number;
    }
    numbers.resize(kept);
    return numbers;
  }

  void set_members(std::uint32_t c, const std::vector<std::string>& ids) {
    std::vector<std::uint32_t> members = numbers_of(ids);
    WatchedChannel& channel = channels_[c];
    for (const std::uint32_t user : members) ++users_[user].memberships;
    channel.members.swap(members);
    // Reasons are added before others are dropped, so that members who stay always have one.
    const std::vector<std::uint32_t>&now = channel.members, &before = members;
    for (const std::uint32_t user : now) {
      if (has(before, user)) continue;
      for (const std::uint32_t v : channel.followers) add_reason(user, v);
    }
    for (const std::uint32_t user : before) {
      --users_[user].memberships;
      if (!has(now, user)) {
        for (const std::uint32_t v : channel.followers) drop_reason(user, v);
      }
      forget_if_unwatched(user);
    }
  }
  static bool has(const std::vector<std::uint32_t>& ascending, std::uint32_t number) noexcept {
    const auto place = detail::not_less(ascending.begin(), ascending.end(), number);
    return place != ascending.end() && *place == number;
  }

  ChannelWatch& watch_of(std::uint32_t v, std::uint32_t c) {
    if (ChannelWatch* const known = viewers_[v].channels.find(c)) return *known;
    channels_[c].viewers.insert(v);
    ChannelWatch fresh;
    fresh.channel = c;
    return viewers_[v].channels.insert(std::move(fresh));
  }

  void unwatch_channel(std::uint32_t v, std::uint32_t c) {
    ChannelWatch* const watch = viewers_[v].channels.find(c);
    if (watch == nullptr) return;
    const ChannelWatch ended = std::move(*watch);
    viewers_[v].channels.erase(c);
    for (const std::uint32_t user : ended.page) drop_reason(user, v);
    WatchedChannel& channel = channels_[c];
    if (ended.is_following) {
      for (const std::uint32_t user : channel.members) drop_reason(user, v);
      channel.followers.erase(v);
    }
    channel.viewers.erase(v);
    if (channel.viewers.empty()) {
      const std::vector<std::uint32_t> members = std::move(channel.members);
      for (const std::uint32_t user : members) {
        --users_[user].memberships;
        forget_if_unwatched(user);
      }
      channels_.erase(c);
    }
    forget_if_idle(v);
  }

  const Watcher* find_watcher(std::uint32_t user, std::uint32_t v) const noexcept {
    return users_[user].watchers.find(v);
  }
  void add_reason(std::uint32_t user, std::uint32_t v) {
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
  void drop_reason(std::uint32_t user, std::uint32_t v) noexcept {
    ++version_;
    Watcher* const watcher = users_[user].watchers.find(v);
    if (watcher != nullptr && --watcher->reasons == 0) users_[user].watchers.erase(v);
    forget_if_unwatched(user);
  }
  void forget_if_unwatched(std::uint32_t user) noexcept {
    if (users_[user].watchers.empty() && users_[user].memberships == 0 && users_.has(user)) users_.erase(user);
  }
  void forget_if_idle(std::uint32_t v) noexcept {
    if (viewers_[v].channels.empty() && viewers_[v].users.empty()) viewers_.erase(v);
  }

  WatchLimits limits_;
  detail::IdMap<WatchingViewer> viewers_;
  detail::IdMap<WatchedUser> users_;
  detail::IdMap<WatchedChannel> channels_;
  std::uint64_t version_ = 0;  // counts modifications
  std::uint64_t now_ = 0;      // counts a Store's changes: viewers receive none from before their watch
};

}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_LIVE_WATCHES_HPP
