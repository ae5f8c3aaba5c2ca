// SPDX-License-Identifier: MIT
#ifndef PRESENCE_TESTS_TOOLS_FRAMEWORKS_FAILING_HPP
#define PRESENCE_TESTS_TOOLS_FRAMEWORKS_FAILING_HPP

// Two different values of several types, for assertions that fail. The framework is included before: the order of the
// includes must not matter. PRINTED says whether <presence/std.hpp> is included.
#include <presence/presence.hpp>
#if PRINTED
#include <presence/std.hpp>
#endif

inline presence::Timestamp made_time() { return presence::Timestamp::from_s(1546867062); }
inline presence::Timestamp other_time() { return presence::Timestamp::from_s(1546867063); }
inline presence::Duration made_length() { return presence::Duration::from_ms(1500); }
inline presence::Duration other_length() { return presence::Duration::from_ms(1501); }
inline presence::User made_user() { return {"john", true, "brb", made_time(), false}; }
inline presence::User other_user() { return {"mary", false, "", {}, false}; }
inline presence::PresenceEvent made_event() { return presence::PresenceEvent::connect("john", "phone", made_time()); }
inline presence::PresenceEvent other_event() { return presence::PresenceEvent::report("mary", true, other_time()); }
inline presence::Verdict made_verdict() { return presence::Verdict::too_late; }
inline presence::Verdict other_verdict() { return presence::Verdict::too_early; }
inline presence::Error made_error() { return {presence::ErrorCode::bad_utf8, 17, "not UTF-8"}; }
inline presence::Error other_error() { return {presence::ErrorCode::syntax, 4, "expected a comma"}; }
inline presence::Value made_value() { return presence::array({1, "two"}); }
inline presence::Value other_value() { return presence::Value("three"); }
inline presence::Tally made_tally() { return presence::Tally(); }
inline presence::Tally other_tally() {
  presence::Tally tally;
  tally.count(presence::Verdict::invalid);
  return tally;
}

#endif  // PRESENCE_TESTS_TOOLS_FRAMEWORKS_FAILING_HPP
