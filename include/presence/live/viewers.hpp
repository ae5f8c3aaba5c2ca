// SPDX-License-Identifier: MIT
#ifndef PRESENCE_LIVE_VIEWERS_HPP
#define PRESENCE_LIVE_VIEWERS_HPP

#include <presence/model/user.hpp>

#include <cstddef>      // for size_t
#include <string>       // for string
#include <string_view>  // for string_view
#include <vector>       // for vector

namespace presence {
inline namespace PRESENCE_ABI {

class Store;

/// The viewers who are notified about a change. Owns their ids, so a copy may be kept. The object that a Store passes
/// to a callback is valid until that callback returns.
///
/// @code
/// #include <presence/live/store.hpp>
///
/// Store store;
/// store.watch_users(Viewer("ann"), std::vector<std::string>{"john"});
/// store.watch_users(Viewer("bob", "tv"), std::vector<std::string>{"john"});
/// std::string sent;
/// const Subscription all = store.on_delivery([&](const UserPresenceChanged& change, const Viewers& viewers) {
///   for (const Viewer to : viewers) sent += change.id + " to " + std::string(to.id()) + "; ";
/// });
/// store.dispatch(PresenceEvent::connect("john", "phone", *parse_timestamp("2019-01-07T13:17:42.375Z")));
/// assert(sent == "john to ann; john to bob; ");
/// @endcode
class Viewers {
 public:
  /// A minimal iterator for range-based for loops.
  class const_iterator {
   public:
    /// Points to the viewer at the index.
    const_iterator(const Viewers& all, std::size_t at) noexcept : all_(&all), at_(at) {}
    const_iterator(const Viewers&&, std::size_t) = delete;
    Viewer operator*() const noexcept { return (*all_)[at_]; }  ///< borrows from the Viewers
    /// Moves to the next viewer.
    const_iterator& operator++() noexcept {
      ++at_;
      return *this;
    }
    friend bool operator!=(const const_iterator& a, const const_iterator& b) noexcept { return a.at_ != b.at_; }

   private:
    const Viewers* all_;
    std::size_t at_;
  };

  /// @{
  /// Each viewer once, in the order in which they are notified. They borrow their ids. Valid until this object is
  /// modified or destroyed. A temporary is rejected.
  std::size_t size() const noexcept { return ends_.size(); }
  Viewer operator[](std::size_t i) const& noexcept {
    const std::size_t begin = i == 0 ? 0 : ends_[i - 1].session;
    const std::string_view ids = ids_;
    return Viewer(ids.substr(begin, ends_[i].user - begin),
                  ids.substr(ends_[i].user, ends_[i].session - ends_[i].user));
  }
  const_iterator begin() const& noexcept { return const_iterator(*this, 0); }
  const_iterator end() const& noexcept { return const_iterator(*this, size()); }
  Viewer operator[](std::size_t) const&& = delete;
  const_iterator begin() const&& = delete;
  const_iterator end() const&& = delete;
  /// @}

 private:
  friend class Store;
  /// Where the ids of a viewer end in `ids_`.
  struct Ends {
    std::size_t user = 0, session = 0;
  };
  void clear() noexcept {
    ids_.clear();
    ends_.clear();
  }
  void add(Viewer viewer) {
    Ends ends;
    ids_ += viewer.id();
    ends.user = ids_.size();
    ids_ += viewer.session();
    ends.session = ids_.size();
    ends_.push_back(ends);
  }

  std::string ids_;  // concatenated
  std::vector<Ends> ends_;
};

}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_LIVE_VIEWERS_HPP
