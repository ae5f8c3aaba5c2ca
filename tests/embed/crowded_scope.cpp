// SPDX-License-Identifier: MIT

// A host that has taken every good name already, and all of std's besides.
#include <algorithm>
#include <any>
#include <chrono>
#include <cmath>
#include <functional>
#include <iterator>
#include <map>
#include <memory>
#include <numeric>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

using namespace std;

namespace detail {
struct Root {};
struct SmallVector {};
struct Digest {};
void trap() {}
void allocate(int) {}
template <class T>
void swap_all(T&) {}
const int absent = 1, never = 2;
}  // namespace detail

namespace json {
struct Reader {};
}  // namespace json

struct Rules {};
struct User {};
struct UserView {};
struct Channel {};
struct Store {};
struct Value {};
struct ValueView {};
struct Snapshot {};
struct Filter {};
struct Error {};
struct Session {};
struct Viewer {};
struct Duration {};
struct Timestamp {};
struct Subscription {};
template <class T>
struct Result {};
template <class T>
struct Fields {};
enum class Order { up, down };
enum Verdict { applied, unchanged };
const int nobody = 0;

template <class... All>
void apply(All&&...) {}
template <class... All>
void reduce(All&&...) {}
template <class... All>
void merge(All&&...) {}
template <class... All>
void query(All&&...) {}
template <class... All>
void diff(All&&...) {}
template <class... All>
void encode(All&&...) {}
template <class... All>
void decode(All&&...) {}
template <class... All>
void to_json(All&&...) {}
template <class... All>
void matches(All&&...) {}
template <class... All>
void field(All&&...) {}
template <class... All>
void fields(All&&...) {}
template <class... All>
void sort_by(All&&...) {}

#include <presence/presence.hpp>
#include <presence/std.hpp>

#include <presence/chrono.hpp>
#include <presence/json_hooks.hpp>

namespace game {

// A type of the host's with operators that take anything, in a namespace where ours are looked for.
struct Player {
  string id;
  presence::Timestamp since;
};
template <class A, class B>
bool operator==(const A&, const B&) {
  return false;
}
template <class T>
const T& move(const T& value) {
  return value;
}

}  // namespace game

template <>
struct presence::Fields<game::Player> {
  static constexpr auto list = fields(field("id", &game::Player::id), field("since", &game::Player::since));
};

int main() {
  presence::Snapshot s;
  const auto at = presence::Timestamp(chrono::system_clock::from_time_t(1000));
  int told = 0;
  presence::apply(s, presence::PresenceEvent::connect("john", "phone", at),
                  [&](const presence::UserPresenceChangedView&) { ++told; });
  s = presence::merge(presence::reduce(move(s), at), s);
  const presence::Result<presence::Snapshot> decoded = presence::decode(presence::encode(s), s.rules());
  if (told != 1 || !decoded || *decoded != s) return 1;

  const vector<game::Player> players = {{"john", at}, {"mary", at}};
  presence::Query asked;
  asked.filter = presence::in("id", {"mary"}) && presence::lte("since", at);
  asked.sort = {{"since", presence::Order::descending}};
  if (presence::query(players, asked).size() != 1) return 2;

  presence::Store store(s);
  const presence::Subscription heard = store.subscribe<presence::UserPresenceChanged>(
      presence::Viewer("sam"), [](const presence::UserPresenceChanged&) {});
  if (!heard.is_active() || presence::to_json(*s.find("john")).empty()) return 3;
  return 0;
}
