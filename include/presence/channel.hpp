// SPDX-License-Identifier: MIT
#ifndef PRESENCE_CHANNEL_HPP
#define PRESENCE_CHANNEL_HPP

#include <presence/detail/algorithm.hpp>
#include <presence/fields.hpp>
#include <presence/value.hpp>

#include <cstddef>      // for size_t, ptrdiff_t
#include <string>       // for string
#include <string_view>  // for string_view
#include <utility>      // for move
#include <vector>       // for vector

namespace presence {
inline namespace PRESENCE_ABI {

/// Fields of a channel that the host made up: names to Values, in the order of their names.
class CustomFields {
 public:
  /// A field.
  struct Entry {
    std::string name;  ///< no two fields have the same
    Value value;       ///< may be null, which is not absent

    /// Whether name and value are the same.
    friend bool operator==(const Entry& a, const Entry& b) noexcept { return a.name == b.name && a.value == b.value; }
    friend bool operator!=(const Entry& a, const Entry& b) noexcept { return !(a == b); }
  };
  /// @{
  /// As containers have them; an Entry cannot be changed in place.
  using const_iterator = std::vector<Entry>::const_iterator;
  using iterator = const_iterator;
  using value_type = Entry;
  /// @}

  /// The value, to be read or set. Null where there was none: there is one from now on. O(fields).
  Value& operator[](std::string_view name) {
    const std::ptrdiff_t place = place_of(name);
    if (!has(place, name)) all_.insert(all_.begin() + place, Entry{std::string(name), Value()});
    return all_[static_cast<std::size_t>(place)].value;
  }
  /// Null pointer: there is none. Valid until fields come or go. O(log fields).
  const Value* find(std::string_view name) const noexcept {
    const std::ptrdiff_t place = place_of(name);
    return has(place, name) ? &all_[static_cast<std::size_t>(place)].value : nullptr;
  }
  /// Takes a field away. Whether there was one.
  bool erase(std::string_view name) {
    const std::ptrdiff_t place = place_of(name);
    if (!has(place, name)) return false;
    all_.erase(all_.begin() + place);
    return true;
  }
  /// @{
  /// All of them, in the order of their names, which compare as bytes.
  const_iterator begin() const noexcept { return all_.begin(); }
  const_iterator end() const noexcept { return all_.end(); }
  std::size_t size() const noexcept { return all_.size(); }
  bool empty() const noexcept { return all_.empty(); }
  /// @}

  /// Whether both have the same names with the same values.
  friend bool operator==(const CustomFields& a, const CustomFields& b) noexcept { return a.all_ == b.all_; }
  friend bool operator!=(const CustomFields& a, const CustomFields& b) noexcept { return !(a == b); }

 private:
  /// Where the field is, or would be.
  std::ptrdiff_t place_of(std::string_view name) const noexcept {
    return detail::partition_point(all_.begin(), all_.end(), [name](const Entry& e) { return e.name < name; }) -
           all_.begin();
  }
  bool has(std::ptrdiff_t place, std::string_view name) const noexcept {
    return place != all_.end() - all_.begin() && all_[static_cast<std::size_t>(place)].name == name;
  }

  std::vector<Entry> all_;
};

/// A room whose members see each other, as chat services have it. A plain value; a `type` and an `id` together name
/// one.
///
/// @code
/// Channel match{"match", "eu-17", {"john", "mary"}, {}};
/// match.custom["map"] = "harbour";
/// match.custom["slots"] = 4;
/// assert(match.cid() == "match:eu-17");  // what the functions of a Store call it by
/// assert(*match.custom.find("slots") == Value(4) && match.custom.find("mode") == nullptr);
/// assert(match.custom.begin()->name == "map");  // in the order of their names
/// @endcode
struct Channel {
  std::string type;                  ///< what the host has rules for, such as "messaging"; has no colon
  std::string id;                    ///< tells those of one type apart
  std::vector<std::string> members;  ///< ids of users
  CustomFields custom;               ///< a custom `type`, `id`, `cid` or `members` is not found by a filter

  /// "type:id".
  std::string cid() const { return type + ':' + id; }

  /// Whether all fields are the same, the members in the same order.
  friend bool operator==(const Channel& a, const Channel& b) noexcept {
    return a.type == b.type && a.id == b.id && a.members == b.members && a.custom == b.custom;
  }
  friend bool operator!=(const Channel& a, const Channel& b) noexcept { return !(a == b); }
};

/// `type`, `id`, `cid`, `members`, and all that is custom.
template <>
struct Fields<Channel> {
  /// Those that every channel has.
  static constexpr auto list = fields(field("type", &Channel::type), field("id", &Channel::id),
                                      field("cid", &Channel::cid), field("members", &Channel::members));
  /// The custom ones.
  static ValueView other(const Channel& channel, std::string_view name) noexcept {
    const Value* const value = channel.custom.find(name);
    return value != nullptr ? ValueView(*value) : ValueView();
  }
};

}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_CHANNEL_HPP
