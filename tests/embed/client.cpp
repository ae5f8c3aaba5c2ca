// SPDX-License-Identifier: MIT

// One of three files of a program: first the declarations alone, then some headers, without the umbrella.
#include <presence/fwd.hpp>

#include <presence/binary/codec.hpp>
#include <presence/query/query.hpp>
#include <presence/live/store.hpp>

#include <cstddef>
#include <string_view>

namespace {

presence::Store mirror_of(std::string_view bytes) {
  const presence::Result<presence::Snapshot> decoded = presence::decode(bytes, presence::Rules::mirror());
  return presence::Store(decoded ? *decoded : presence::Snapshot());
}

}  // namespace

std::size_t client(std::string_view bytes);
std::size_t client(std::string_view bytes) {
  presence::Store store = mirror_of(bytes);
  presence::UserQuery online;
  online.filter = presence::eq("online", true);
  online.limit = 1000;
  return store.query_users(online, presence::nobody).size();
}
