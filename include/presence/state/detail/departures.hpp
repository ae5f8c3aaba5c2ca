// SPDX-License-Identifier: MIT
#ifndef PRESENCE_STATE_DETAIL_DEPARTURES_HPP
#define PRESENCE_STATE_DETAIL_DEPARTURES_HPP

#include <presence/base/detail/memory.hpp>
#include <presence/base/detail/sorted_chunks.hpp>
#include <presence/model/rules.hpp>
#include <presence/registers/detail/derived.hpp>
#include <presence/registers/detail/normal_form.hpp>
#include <presence/state/detail/root.hpp>
#include <presence/state/snapshot.hpp>
#include <presence/table/detail/user_row.hpp>

#include <cstddef>  // for size_t

namespace presence {
inline namespace PRESENCE_ABI {
namespace detail {

/// The number of users that others know of, and of users that no other user knows of.
struct Count {
  std::size_t known = 0, unknown = 0;
};

/// The times until which others know of a user, and until which anything is kept of the user, if no event arrives.
struct Lasting {
  Timestamp known_until = absent, kept_until = absent;

  static Lasting of(const RegistersView& user, const Rules& rules) noexcept {
    Lasting lasting;
    lasting.known_until = forgotten_at(user, invisible_since(user.visibility_changes), rules);
    lasting.kept_until = vanishes_at(user, rules);
    return lasting;
  }
  static Lasting of(const RowView& row, const Rules& rules) noexcept {
    return row == nullptr ? Lasting() : of(row.registers(), rules);
  }
  friend bool operator==(const Lasting& a, const Lasting& b) noexcept {
    return a.known_until == b.known_until && a.kept_until == b.kept_until;
  }
};

/// The number of users at any later time, while events change some of them. A query is O(log n + chunks), see
/// SortedChunks; `count_at` iterates over all expired users instead.
class Departures {
 public:
  /// O(n log n) for n users who are removed by time alone.
  PRESENCE_DETAIL_RARE explicit Departures(const Root& root) : known_(root.known), kept_(root.table.size()) {
    Vector<Timestamp> forgotten, gone;
    for (const RowView row : root.table) {
      const Lasting lasting = Lasting::of(row, root.rules);
      if (lasting.known_until > root.now && lasting.known_until != never) forgotten.push_back(lasting.known_until);
      if (lasting.kept_until != never) gone.push_back(lasting.kept_until);
    }
    add_all(forgotten, forgotten_);
    add_all(gone, gone_);
  }

  /// `now` must not be before the root's timestamp.
  Count at(Timestamp now) const noexcept {
    const std::size_t known = known_ - forgotten_.count_up_to(now);
    return Count{known, kept_ - gone_.count_up_to(now) - known};
  }

  /// Replaces the times of a user. Pass `Lasting()` if nothing was kept before, or is kept now. `now` is the root's
  /// timestamp.
  PRESENCE_DETAIL_RARE void change(const Lasting& before, const Lasting& after, Timestamp now) {
    if (before == after) return;
    remove(before.known_until, known_, forgotten_, now);
    remove(before.kept_until, kept_, gone_, now);
    add(after.known_until, known_, forgotten_, now);
    add(after.kept_until, kept_, gone_, now);
  }

 private:
  using Times = SortedChunks<Timestamp, ByItself>;

  static void add_all(Vector<Timestamp>& unsorted, Times& to) {
    detail::sort(unsorted, [](Timestamp a, Timestamp b) { return a < b; });
    for (const Timestamp at : unsorted) to.insert(at);
  }
  /// A time that has passed needs no update: the user is counted and subtracted again, and this does not change.
  static void remove(Timestamp until, std::size_t& count, Times& times, Timestamp now) noexcept {
    if (until <= now) return;
    --count;
    if (until != never) times.erase(until);
  }
  static void add(Timestamp until, std::size_t& count, Times& times, Timestamp now) {
    if (until <= now) return;
    if (until != never) times.insert(until);
    ++count;
  }

  std::size_t known_, kept_;
  Times forgotten_, gone_;
};

}  // namespace detail
}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_STATE_DETAIL_DEPARTURES_HPP
