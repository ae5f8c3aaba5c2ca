// SPDX-License-Identifier: MIT
#ifndef PRESENCE_JSON_DETAIL_PLACES_HPP
#define PRESENCE_JSON_DETAIL_PLACES_HPP

#include <presence/base/detail/algorithm.hpp>
#include <presence/config.hpp>

#include <cstddef>      // for size_t
#include <string_view>  // for string_view
#include <vector>       // for vector

namespace presence {
inline namespace PRESENCE_ABI {
namespace detail {

/// The position of a key of an object.
struct JsonPlace {
  std::string_view name;
  std::size_t offset;  ///< of its opening quote
};

/// Sorts keys of an object by name, and keys with the same name by offset.
inline void sort_places(JsonPlace* places, std::size_t count) {
  detail::sort(places, count, [](const JsonPlace& a, const JsonPlace& b) {
    const int order = a.name.compare(b.name);
    return order != 0 ? order < 0 : a.offset < b.offset;
  });
}

/// Sorts `count` keys of an object by name, and removes those that are repeated. For each of them, calls
/// `on_repeated(first, offset of the second)`. Returns the number of the others.
template <class OnRepeated>
std::size_t keep_unique(JsonPlace* places, std::size_t count, OnRepeated on_repeated) {
  sort_places(places, count);
  std::size_t kept = 0;
  for (std::size_t i = 0, next = 0; i < count; i = next) {
    next = i + 1;
    while (next < count && places[next].name == places[i].name) ++next;
    if (next - i == 1) {
      places[kept++] = places[i];
    } else {
      on_repeated(places[i], places[i + 1].offset);
    }
  }
  return kept;
}
template <class OnRepeated>
void keep_unique(std::vector<JsonPlace>& places, OnRepeated on_repeated) {
  places.resize(keep_unique(places.data(), places.size(), on_repeated));
}

}  // namespace detail
}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_JSON_DETAIL_PLACES_HPP
