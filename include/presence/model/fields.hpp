// SPDX-License-Identifier: MIT
#ifndef PRESENCE_MODEL_FIELDS_HPP
#define PRESENCE_MODEL_FIELDS_HPP

#include <presence/base/detail/callback.hpp>
#include <presence/model/attributes.hpp>
#include <presence/model/availability.hpp>
#include <presence/model/user.hpp>
#include <presence/model/value.hpp>

#include <cstddef>      // for size_t
#include <cstdint>      // for uint8_t
#include <string>       // for string
#include <string_view>  // for string_view
#include <type_traits>  // for decay, invoke_result, is_convertible, is_invocable, is_member_function_pointer, is_member_object_pointer, void_t
#include <utility>  // for declval, index_sequence, make_index_sequence, move

/// The fields by which objects of a type are filtered and sorted.
namespace presence {
inline namespace PRESENCE_ABI {

/// A field: its name and its getter. The getter is a pointer to a data member, a pointer to a member function without
/// parameters, or a callable that takes the object. It may return a reference or a temporary, of any type that converts
/// to a ValueView.
template <class Getter>
struct Field {
  std::string_view name;  ///< the name that filters use; usually a string literal
  Getter get;             ///< reads the field from an object
};

namespace detail {

/// The type that the getter returns, decayed.
template <class Getter, class T>
using RawOf = std::decay_t<std::invoke_result_t<const Getter&, const T&>>;

/// Ends a compilation with a sentence if no ValueView can be made of a field of this type.
template <class Raw>
constexpr void expect_value() noexcept {
  static_assert(
      std::is_convertible<const Raw&, ValueView>::value,
      "presence: a field must be a bool, a number, a string, a Timestamp, an optional of these, or a contiguous "
      "container of these");
}

/// Does so early for a pointer to a member. What another getter returns is known only when an object is read.
template <class Member, class T>
constexpr void expect_value_of(Member T::*) noexcept {
  if constexpr (std::is_invocable<Member T::*, const T&>::value) detail::expect_value<RawOf<Member T::*, T>>();
}
template <class Getter>
constexpr void expect_value_of(const Getter&) noexcept {}

}  // namespace detail

/// Returns a field with that name. `get` is a getter as described at Field.
template <class Getter>
constexpr Field<Getter> field(std::string_view name, Getter get) {
  detail::expect_value_of(get);
  return Field<Getter>{name, std::move(get)};
}

/// A compile-time list of fields. Use `fields` to create one.
template <class... All>
struct FieldList;
/// The empty list.
template <>
struct FieldList<> {
  static constexpr std::size_t size = 0;  ///< number of fields
};
/// A list with at least one field.
template <class First, class... Rest>
struct FieldList<First, Rest...> {
  static constexpr std::size_t size = 1 + sizeof...(Rest);  ///< number of fields
  First first;                                              ///< the first Field
  FieldList<Rest...> rest;                                  ///< the remaining fields
};

/// @{
/// Returns the list of fields for a specialization of Fields. If two fields have the same name, the first is used.
constexpr FieldList<> fields() { return {}; }
template <class First, class... Rest>
constexpr FieldList<First, Rest...> fields(First first, Rest... rest) {
  return FieldList<First, Rest...>{std::move(first), presence::fields(std::move(rest)...)};
}
/// @}

namespace detail {

template <class T>
inline constexpr bool is_specialized = false;

}  // namespace detail

/// The fields of type T. Specialize it to filter and sort your own types. No object is copied:
///
/// @code
/// #include <presence/query/query.hpp>
///
/// struct Player {
///   std::string name;
///   int level;
///   std::vector<std::string> clans;
///   bool is_novice() const { return level < 6; }
/// };
/// template <> struct presence::Fields<Player> {
///   static constexpr auto list = fields(field("id", &Player::name), field("level", &Player::level),
///                                       field("clans", &Player::clans), field("novice", &Player::is_novice));
/// };
///
/// int main() {
///   const Player players[] = {{"ann", 3, {"red"}}, {"bob", 7, {"red"}}, {"cat", 5, {"blue", "red"}}};
///   presence::Query asked;
///   asked.filter = presence::eq("novice", true) && presence::contains("clans", "red");
///   asked.sort = {{"level", presence::Order::descending}};
///   const auto found = presence::query(players, asked);  // pointers to players
///   assert(found.size() == 2 && found[0] == &players[2] && found[1]->name == "ann");
/// }
/// @endcode
///
/// For fields whose names are known only at run time, add the optional member
/// `static ValueView other(const Player&, std::string_view name)`. It is called for names that are not in the list.
///
/// A field that an object does not have is absent: an empty optional, or ValueView{} from `other`. A field named "id",
/// if there is one, breaks ties of a sort.
///
/// To use a type without a specialization is an error that says so.
template <class T>
struct Fields {
  static_assert(detail::is_specialized<T>,
                "presence: specialize presence::Fields<T> to filter or sort objects of type T");
};

namespace detail {

/// The getter of a user's availability, by its name.
struct ShownAvailability {
  template <class AnyUser>
  constexpr std::string_view operator()(const AnyUser& user) const noexcept {
    return to_string(shown_availability(user.online, user.availability));
  }
};

/// Returns what a dotted name finds in attributes: the value whose name is the whole name, or else what the rest of the
/// name after its first dot finds inside the object that the part before it names, and so on. Absent if there is none.
/// Linear in the size of the name, up to the levels of the objects and logarithms of their sizes.
ValueView find_inside(const AttributesView& fields, std::string_view name) noexcept;

template <class AnyUser>
struct UserFields {
  static constexpr auto list =
      fields(field("id", &AnyUser::id), field("online", &AnyUser::online), field("status", &AnyUser::status),
             field("last_active", &AnyUser::last_active), field("availability", ShownAvailability{}));

  static ValueView other(const AnyUser& user, std::string_view name) noexcept {
    constexpr std::string_view activity = "activity.";
    if (name.substr(0, activity.size()) == activity)
      return find_inside(AttributesView(user.activity), name.substr(activity.size()));
    return find_inside(AttributesView(user.data), name);
  }
};

}  // namespace detail

/// The fields of a user: `id`, `online`, `status`, `last_active` and `availability`, those of the activity as
/// `activity.NAME`, and all names of the data. `availability` is a string, the name of the Availability: "offline" if
/// the user is not online, else "available", "busy", "away" or "idle". So it sorts by name: "available", "away",
/// "busy", "idle", "offline". `invisible` is not a field, nor is the whole `activity`: a test of one finds it
/// absent, and `validate` accepts it.
///
/// A dotted name descends into objects at its dots: "activity.party.size" is the `size` of the object `party` of the
/// activity, and "home.city" the `city` of the data `home`. At each level a field with the whole rest of the name takes
/// precedence. A name that begins with "activity." is never one of the data.
///
/// @code
/// User kim{"kim", true, "", {}, false};
/// kim.activity["map"] = "harbour";
/// kim.data["name"] = "Kim Jones";
/// Attributes home;
/// home["city"] = "Kyoto";
/// kim.data["home"] = Value::object(home);
/// assert(Fields<User>::other(kim, "activity.map").text() == "harbour");
/// assert(Fields<User>::other(kim, "home.city").text() == "Kyoto");
/// assert(Fields<User>::other(kim, "mood").is_absent());
/// @endcode
template <>
struct Fields<User> : detail::UserFields<User> {};
/// The same fields as for User.
template <>
struct Fields<UserView> : detail::UserFields<UserView> {};

/// The direction of a sort.
enum class Order : std::uint8_t {
  ascending,  ///< least value first, absent values last
  descending  ///< the reverse: absent values first (see SortKey::nulls_last), greatest value first
};

/// Returns the name of the enumerator, such as "ascending", or "?" for a number that is none. O(1); the string is a
/// literal.
constexpr std::string_view to_string(Order order) noexcept {
  switch (order) {
    case Order::ascending: return "ascending";
    case Order::descending: return "descending";
  }
  return "?";
}

/// A field to sort by, and its direction.
struct SortKey {
  std::string field;               ///< a field that the objects do not have does not affect the order
  Order order = Order::ascending;  ///< applies to this field only
  /// If true, absent values and nulls come last in descending order too. For `last_active` they always do: users who
  /// were never active come last.
  bool nulls_last = false;

  /// Returns true if all members are equal.
  friend bool operator==(const SortKey& a, const SortKey& b) noexcept {
    return a.field == b.field && a.order == b.order && a.nulls_last == b.nulls_last;
  }
  friend bool operator!=(const SortKey& a, const SortKey& b) noexcept { return !(a == b); }
};

namespace detail {

/// Calls `use` with the value that the getter returns for the object. The value is valid during that call.
template <class Getter, class T, class Use>
decltype(auto) with_raw(const Field<Getter>& field, const T& object, Use&& use) {
  detail::expect_value<RawOf<Getter, T>>();
  if constexpr (std::is_member_object_pointer<Getter>::value) {
    return use(object.*field.get);
  } else if constexpr (std::is_member_function_pointer<Getter>::value) {
    const auto& raw = (object.*field.get)();
    return use(raw);
  } else {
    const auto& raw = field.get(object);
    return use(raw);
  }
}

template <std::size_t i, class List>
constexpr const auto& field_at(const List& list) noexcept {
  if constexpr (i == 0) {
    return list.first;
  } else {
    return detail::field_at<i - 1>(list.rest);
  }
}

/// Returns the index of the field with that name, or the number of fields if there is none.
template <class List>
constexpr std::size_t index_of_field(const List& list, std::string_view name, std::size_t from = 0) noexcept {
  if constexpr (List::size == 0) {
    static_cast<void>(list), static_cast<void>(name);
    return from;
  } else {
    return list.first.name == name ? from : detail::index_of_field(list.rest, name, from + 1);
  }
}

template <class T, class = void>
inline constexpr bool has_other = false;
template <class T>
inline constexpr bool
    has_other<T, std::void_t<decltype(Fields<T>::other(std::declval<const T&>(), std::string_view()))>> = true;

/// The names of the listed fields of a type, and an empty one.
template <class T, class Indices = std::make_index_sequence<std::decay_t<decltype(Fields<T>::list)>::size>>
struct FieldNames;
template <class T, std::size_t... i>
struct FieldNames<T, std::index_sequence<i...>> {
  static constexpr std::size_t size = sizeof...(i);
  static constexpr std::string_view all[] = {detail::field_at<i>(Fields<T>::list).name..., std::string_view()};
};

/// Returns the index of a name among `size` names, or `size` if it is none of them.
std::size_t index_of_name(const std::string_view* names, std::size_t size, std::string_view name) noexcept;

/// Returns the address of an object, also if its type overloads `&`.
template <class T>
const void* address_of(const T& object) noexcept {
  return const_cast<const char*>(&reinterpret_cast<const volatile char&>(object));
}

template <class List, class T>
bool with_field_of(const List& list, const T& object, std::string_view name, FunctionRef<bool(const ValueView&)> use) {
  if constexpr (List::size == 0) {
    if constexpr (has_other<T>) {
      return use(Fields<T>::other(object, name));
    } else {
      return use(ValueView());
    }
  } else {
    if (list.first.name != name) return detail::with_field_of(list.rest, object, name, use);
    return detail::with_raw(list.first, object, [use](const auto& raw) { return use(ValueView(raw)); });
  }
}

/// Calls `use` with a ValueView of the field with that name.
template <class T>
bool with_field(const T& object, std::string_view name, FunctionRef<bool(const ValueView&)> use) {
  return detail::with_field_of(Fields<T>::list, object, name, use);
}

}  // namespace detail
}  // namespace PRESENCE_ABI
}  // namespace presence

#if !PRESENCE_SEPARATE
#include <presence/model/detail/fields_bodies.hpp>
#endif

#endif  // PRESENCE_MODEL_FIELDS_HPP
