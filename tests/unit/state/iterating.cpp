// SPDX-License-Identifier: MIT
#include "../support.hpp"

#include <iterator>
#include <string>
#include <type_traits>

using namespace support;

using Iterator = Snapshot::const_iterator;
static_assert(std::is_same<std::iterator_traits<Iterator>::pointer,
                           decltype(std::declval<const Iterator&>().operator->())>::value,
              "the pointer type is what -> returns");
static_assert(std::is_same<std::iterator_traits<Iterator>::value_type, UserView>::value, "");
static_assert(std::is_same<Snapshot::size_type, decltype(Snapshot().size())>::value, "");
static_assert(std::is_same<Snapshot::const_reference, decltype(*std::declval<const Iterator&>())>::value, "");
static_assert(std::is_same<Snapshot::difference_type, std::iterator_traits<Iterator>::difference_type>::value, "");
static_assert(std::is_same<ReadNotes::const_iterator, decltype(ReadNotes().begin())>::value &&
                  std::is_same<ReadNotes::value_type, Error>::value,
              "the notes of a reader are a container too");

TEST_CASE("-> of a snapshot's iterator reads the user that * returns") {
  Snapshot s;
  apply(s, connect("john", "phone", at(0)));
  apply(s, says("mary", "hello", at(1)));
  std::string online, status;
  for (Iterator i = s.begin(); i != s.end(); ++i) {
    CHECK(i->id == (*i).id);
    if (i->online) online += i->id;
    status += i->status;
  }
  CHECK(online == "john");
  CHECK(status == "hello");
  const UserView kept = *s.begin().operator->();
  CHECK(kept == *s.begin());
}
