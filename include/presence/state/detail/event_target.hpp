// SPDX-License-Identifier: MIT
#ifndef PRESENCE_STATE_DETAIL_EVENT_TARGET_HPP
#define PRESENCE_STATE_DETAIL_EVENT_TARGET_HPP

#include <presence/base/detail/shared_string.hpp>
#include <presence/base/detail/user_key.hpp>
#include <presence/model/event.hpp>
#include <presence/table/detail/page.hpp>
#include <presence/table/detail/user_row.hpp>
#include <presence/table/detail/user_table.hpp>

#include <cstdint>      // for uint32_t
#include <string_view>  // for string_view

/// Finding the user and the session of an event.
namespace presence {
inline namespace PRESENCE_ABI {
namespace detail {

/// The user and session of an event in the form of lookup keys, and the result of the lookup.
struct EventTarget {
  UserKey key;
  LookupKey session;
  UserTable::Way way;
  std::uint32_t at;  // row in the page; Page::none if there is none

  EventTarget() noexcept {}  // uninitialised, for arrays

  /// Sets the key of the user. The table must not be empty.
  void start(const UserTable& table, std::string_view user) noexcept {
    table.make_key(user, key);
    way = table.start(key);
    at = Page::none;
  }
  void set(const UserTable& table, const PresenceEventView& event) noexcept {
    start(table, event.user);
    session.set(event.session);
  }
  /// Sets the keys and looks up the row at once. It follows the path itself instead of copying the result of `way_to`,
  /// and sets the session last. So CPU registers hold only what is needed next, which saves 4 to 9 % of the
  /// instructions of a heartbeat.
  void find(const UserTable& table, const PresenceEventView& event) noexcept {
    find(table, event.user);
    session.set(event.session);
  }
  /// The same without the session.
  void find(const UserTable& table, std::string_view user) noexcept {
    start(table, user);
    if (table.size() == 0) return;
    while (!way.step(key)) {
    }
    at = way.find(key);
  }
  /// Advances by one node and prefetches what is read next: the next node, or the probable row in the page. Returns
  /// whether it has arrived at the page.
  bool step() noexcept { return way.step_ahead(key, at); }
  /// Makes sure of the row that `step` found: two users of a page may have the same tag.
  void confirm() noexcept {
    if (at != Page::none && !way.page()->is_of(at, key)) at = way.find(key);
  }
  RowView row() const noexcept { return way.page()->row(at); }
  /// Returns whether the event may be a heartbeat of the session in the head of the row: if so, no more of the user is
  /// read. Compares only the first bytes of the session's id.
  bool may_be_of_first_session(EventType type) const noexcept {
    return type == EventType::heartbeat && row().first_session().id.low_word() == session.low();
  }
  /// Returns the page for changing the row in place; null if there is no row, or if it is shared.
  Page* own_page() const noexcept { return at != Page::none ? way.own_page() : nullptr; }
};

}  // namespace detail
}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_STATE_DETAIL_EVENT_TARGET_HPP
