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

/// What chat services limit. Off by default.
struct WatchLimits {
  /// How many users a single watch is about: of a channel or a page the first so many.
  std::size_t max_users_per_watch = static_cast<std::size_t>(-1);
};

/// Which viewer hears about which user: a value. A viewer hears of a user for as long as any of their watches is about
/// that user. Who hears of a user is found without iterating over viewers. A viewer without an id hears of nobody.
///
/// @code
/// Watches watches;
/// watches.watch_users(Viewer("john"), std::vector<std::string>{"mary", "ann"});  // his friends
/// watches.watch_channel(Viewer("john"), Channel{"match", "eu-17", {"mary", "jack"}, {}});
/// assert(watches.hears(Viewer("john"), "jack") && !watches.hears(Viewer("jack"), "john"));
/// watches.update(Channel{"match", "eu-17", {"bob"}, {}});  // mary and jack left, bob joined
/// assert(!watches.hears(Viewer("john"), "jack") && watches.hears(Viewer("john"), "bob"));
/// assert(watches.hears(Viewer("john"), "mary"));  // still his friend
/// watches.unwatch(Viewer("john"));  // logged out
/// assert(!watches.is_watched("mary") && watches == Watches());
/// @endcode
class Watches {
 public:
  Watches() = default;
  /// The seed of the hash by which ids are found; see Rules::hash_seed.
  explicit Watches(const WatchLimits& limits, std::uint64_t hash_seed = 0)
      : limits_(limits), viewers_(hash_seed), users_(hash_seed), channels_(hash_seed) {}

  /// The members of the channel, now and later: they change when `update` is told so. O(members).
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

  /// Those who are members of the channel now, whoever joins or leaves later: what a channel query finds. Stands in the
  /// place of what an earlier query found of the same channel. O(members).
  void watch_members(Viewer viewer, const Channel& channel) {
    if (viewer.id().empty()) return;
    const std::uint32_t v = viewers_.add(viewer.id()), c = channels_.add(channel.cid());
    std::vector<std::uint32_t> found = numbers_of(channel.members);
    for (const std::uint32_t user : found) add_reason(user, v);
    std::vector<std::uint32_t>& page = watch_of(v, c).page;
    page.swap(found);
    for (const std::uint32_t user : found) drop_reason(user, v);
  }

  /// The users of a range of ids: what a user query finds. They add up. O(users).
  template <class Range>
  void watch_users(Viewer viewer, const Range& ids) {
    if (viewer.id().empty()) return;
    // The ids may be those of viewers, which move when one is added.
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

  /// The channel's members are other ones now. Nothing happens where nobody watches it. O(members, times those who
  /// watch the channel for each that joined or left).
  void update(const Channel& channel) {
    const std::uint32_t c = channels_.find(channel.cid());
    if (c != Table::none) set_members(c, channel.members);
  }
  /// The channel is gone: all watches of it end.
  void remove_channel(std::string_view cid) {
    const std::uint32_t c = channels_.find(cid);
    if (c == Table::none) return;
    for (std::size_t left = channels_[c].viewers.size(); left > 0; --left) {
      unwatch_channel(channels_[c].viewers.back(), c);  // the last takes the channel with it
    }
  }

  /// Ends what the viewer watches of that channel.
  void unwatch(Viewer viewer, std::string_view cid) {
    const std::uint32_t v = viewers_.find(viewer.id()), c = channels_.find(cid);
    if (v != Table::none && c != Table::none) unwatch_channel(v, c);
  }
  /// Ends all that the viewer watches.
  void unwatch(Viewer viewer) {
    const std::uint32_t v = viewers_.find(viewer.id());
    if (v == Table::none) return;
    Numbers users;
    users.swap(viewers_[v].users);
    for (const std::uint32_t user : users) drop_reason(user, v);
    // The last of the channels, or none of them, takes the viewer with it.
    std::size_t left = viewers_[v].channels.size();
    for (; left > 0; --left) unwatch_channel(v, viewers_[v].channels.back().channel);
    if (viewers_.has(v)) forget_if_idle(v);
  }
  /// Ends everything.
  void clear() noexcept {
    viewers_.clear();
    users_.clear();
    channels_.clear();
    ++version_;
  }

  /// Whether the viewer hears of the user. O(log of those who do).
  bool hears(Viewer viewer, std::string_view user) const noexcept {
    const std::uint32_t v = viewers_.find(viewer.id()), u = users_.find(user);
    return v != Table::none && u != Table::none && find_watcher(u, v) != nullptr;
  }
  /// Whether anybody hears of the user. Constant time.
  bool is_watched(std::string_view user) const noexcept {
    const std::uint32_t u = users_.find(user);
    return u != Table::none && !users_[u].watchers.empty();
  }
  /// Calls `visit(Viewer)` for each who hears of the user. Each viewer is valid until the watches are modified. `visit`
  /// may modify them: it is then called for no viewer who stopped hearing of the user, and perhaps for some who began
  /// to. O(those).
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
  /// Whether the same viewers watch the same, for the same reasons.
  friend bool operator==(const Watches& a, const Watches& b) {
    if (a.viewers_.size() != b.viewers_.size()) return false;
    for (auto it = a.viewers_.begin(); it != a.viewers_.end(); ++it) {
      const std::uint32_t v = b.viewers_.find(a.viewers_.id_of(it.number()));
      if (v == Table::none || a.all_of(it.number()) != b.all_of(v)) return false;
    }
    return true;
  }
  friend bool operator!=(const Watches& a, const Watches& b) { return !(a == b); }

  std::size_t viewer_count() const noexcept { return viewers_.size(); }  ///< how many viewers watch something
  /// How many users are watched. Iterates over them.
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
  /// Each once, ascending.
  using Numbers = detail::SortedChunks<std::uint32_t, NumberItself>;

  /// A viewer who hears of a user, for how many reasons, and since when.
  struct Watcher {
    std::uint32_t viewer = 0, reasons = 0;
    std::uint64_t since = 0;
  };
  struct ViewerOfWatcher {
    static std::uint32_t of(const Watcher& watcher) noexcept { return watcher.viewer; }
  };
  struct WatchedUser {
    detail::SortedChunks<Watcher, ViewerOfWatcher> watchers;
    std::uint32_t memberships = 0;  // of channels that are watched
  };
  struct WatchedChannel {
    std::vector<std::uint32_t> members;  // as far as they are watched, each once, ascending
    Numbers followers, viewers;          // those who follow the members, and all who watch
  };
  struct ChannelWatch {
    std::uint32_t channel = 0;
    bool is_following = false;
    std::vector<std::uint32_t> page;  // what a query found
  };
  struct ChannelOfWatch {
    static std::uint32_t of(const ChannelWatch& watch) noexcept { return watch.channel; }
  };
  struct WatchingViewer {
    detail::SortedChunks<ChannelWatch, ChannelOfWatch> channels;
    Numbers users;  // what queries found
  };
  using Table = detail::IdMap<WatchedUser>;

  /// All that a viewer watches, in words that mean the same in any other Watches: a user, or a channel with those of
  /// it.
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

  /// The users of a watch, each once, ascending. They may be unknown so far.
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
    // Who stays is never without a reason in between.
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
  std::uint64_t version_ = 0;  // counts what was changed
  std::uint64_t now_ = 0;      // counts what a Store has to tell, so that nobody hears of what was before they watched
};

}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_LIVE_WATCHES_HPP
