// SPDX-License-Identifier: MIT
#ifndef PRESENCE_MODEL_FIELDS_HPP
#define PRESENCE_MODEL_FIELDS_HPP

#include <presence/model/user.hpp>
#include <presence/model/value.hpp>

#include <cstddef>      // for size_t
#include <cstdint>      // for uint8_t
#include <string>       // for string
#include <string_view>  // for string_view
#include <type_traits>  // for decay, invoke_result, is_member_function_pointer, is_member_object_pointer, void_t
#include <utility>      // for declval, move

/// How objects of a type are filtered and sorted: what fields they have.
namespace presence {
inline namespace PRESENCE_ABI {

/// A name and what reads it: a pointer to a data member, a pointer to a member function without parameters, or anything
/// callable with the object. It may return a reference or a temporary, of anything a ValueView is made of.
template <class Getter>
struct Field {
  std::string_view name;  ///< by which filters ask for it; a literal, as a rule
  Getter get;             ///< what reads it of an object
};

/// Names a field. `get` is anything that Field describes.
template <class Getter>
constexpr Field<Getter> field(std::string_view name, Getter get) {
  return Field<Getter>{name, std::move(get)};
}

/// Fields one after the other. Made by `fields`.
template <class... All>
struct FieldList;
/// None.
template <>
struct FieldList<> {
  static constexpr std::size_t size = 0;  ///< how many there are
};
/// One, and those behind it.
template <class First, class... Rest>
struct FieldList<First, Rest...> {
  static constexpr std::size_t size = 1 + sizeof...(Rest);  ///< how many there are
  First first;                                              ///< a Field
  FieldList<Rest...> rest;                                  ///< the others
};

/// @{
/// The fields of a type, for its specialization of Fields. The first of two with one name counts.
constexpr FieldList<> fields() { return {}; }
template <class First, class... Rest>
constexpr FieldList<First, Rest...> fields(First first, Rest... rest) {
  return FieldList<First, Rest...>{std::move(first), presence::fields(std::move(rest)...)};
}
/// @}

/// Specialize it to filter and sort a type of your own, without copying any of it:
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
/// Fields that are known only at run time are read by an optional member of it,
/// `static ValueView other(const Player&, std::string_view name)`.
///
/// A field that an object lacks is absent: an empty optional, or ValueView{} from `other`. `other` is asked for names
/// that are not in the list. Ties of a sort are decided by a field named "id", where there is one.
template <class T>
struct Fields;

namespace detail {

template <class AnyUser>
struct UserFields {
  static constexpr auto list = fields(field("id", &AnyUser::id), field("online", &AnyUser::online),
                                      field("status", &AnyUser::status), field("last_active", &AnyUser::last_active));
};

}  // namespace detail

/// `id`, `online`, `status` and `last_active`. That somebody is invisible is no field.
template <>
struct Fields<User> : detail::UserFields<User> {};
/// The same.
template <>
struct Fields<UserView> : detail::UserFields<UserView> {};

/// Which end comes first.
enum class Order : std::uint8_t {
  ascending,  ///< the least first, what is absent last
  descending  ///< the other way round
};

/// A field to sort by.
struct SortKey {
  std::string field;               ///< one that the objects lack decides nothing
  Order order = Order::ascending;  ///< of this field alone

  /// Whether both sort alike.
  friend bool operator==(const SortKey& a, const SortKey& b) noexcept {
    return a.field == b.field && a.order == b.order;
  }
  friend bool operator!=(const SortKey& a, const SortKey& b) noexcept { return !(a == b); }
};

namespace detail {

/// Calls `use` with what the field reads of the object, which lives for that call.
template <class Getter, class T, class Use>
decltype(auto) with_raw(const Field<Getter>& field, const T& object, Use&& use) {
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

/// What the field reads, without its reference.
template <class Getter, class T>
using RawOf = std::decay_t<std::invoke_result_t<const Getter&, const T&>>;

template <std::size_t i, class List>
constexpr const auto& field_at(const List& list) noexcept {
  if constexpr (i == 0) {
    return list.first;
  } else {
    return detail::field_at<i - 1>(list.rest);
  }
}

/// As many as there are where none is called so.
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

template <class List, class T, class Use>
auto with_field_of(const List& list, const T& object, std::string_view name, Use& use) {
  if constexpr (List::size == 0) {
    if constexpr (has_other<T>) {
      return use(Fields<T>::other(object, name));
    } else {
      return use(ValueView());
    }
  } else {
    if (list.first.name != name) return detail::with_field_of(list.rest, object, name, use);
    return detail::with_raw(list.first, object, [&](const auto& raw) { return use(ValueView(raw)); });
  }
}

/// Calls `use` with a ValueView of the field of that name.
template <class T, class Use>
auto with_field(const T& object, std::string_view name, Use&& use) {
  return detail::with_field_of(Fields<T>::list, object, name, use);
}

}  // namespace detail
}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_MODEL_FIELDS_HPP
