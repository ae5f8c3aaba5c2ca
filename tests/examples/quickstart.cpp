// A user comes online, falls silent, and comes back invisible.
#include <presence/presence.hpp>

#include <iostream>

int main() {
  using namespace presence;
  const Timestamp monday = *parse_timestamp("2019-01-07T13:17:42.375Z"),
                  friday = monday + Duration::from_s(4 * 24 * 3600);
  const auto print_change = [](const UserPresenceChangedView& change) {
    std::cout << "changed  " << to_json(change) << '\n';
  };
  const auto print_user = [](const char* who, const Snapshot& s, Viewer viewer) {
    std::cout << who << to_json(s.find("unique_user_id", viewer).value()) << '\n';
  };
  const Viewer jack{"jack"}, self{"unique_user_id"};

  Snapshot s;
  PresenceEvent hello = PresenceEvent::connect("unique_user_id", "phone", monday);
  hello.status = "Eating a veggie burger...";
  apply(s, hello, print_change);
  print_user("jack sees ", s, jack);

  // The phone went into a tunnel. Nobody has to notice: time is an input, and the deadline is known beforehand.
  std::cout << "deadline " << to_string(s.next_deadline().value()) << '\n';
  apply(s, monday + Duration::from_s(3600), print_change);
  const Snapshot monday_evening = s;  // a value: costs nothing, and stays what it is

  // On Friday the same user connects invisible, and changes the text. For everyone else only the text is new.
  PresenceEvent quietly = PresenceEvent::connect("unique_user_id", "laptop", friday);
  quietly.invisible = true;
  s = reduce(std::move(s), friday);
  apply(s, quietly, print_change);
  apply(s, PresenceEvent::set_status("unique_user_id", "On a diet", friday), print_change);
  print_user("jack sees ", s, jack);
  print_user("the user  ", s, self);

  std::cout << "since monday\n";
  diff(monday_evening, s, print_change);
}
