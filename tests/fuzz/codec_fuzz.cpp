// SPDX-License-Identifier: MIT
// Decodes the bytes as a snapshot or a delta, as they are or as bodies whose frames and checksums are made good, and
// asks of what is accepted everything that must hold of a snapshot. What does not hold is told, and ends the program.
#include "../unit/second_writer.hpp"

#include <presence/binary/codec.hpp>
#include <presence/presence.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

using namespace presence;

void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "codec_fuzz: wrong: %s\n", what);
  std::abort();
}

Rules rules_of(unsigned choice, bool is_rich) {
  Rules rules = choice % 4 == 3 ? Rules::mirror() : Rules();
  if (choice % 4 == 1) rules.session_timeout = Duration();
  if (choice % 4 == 2) rules.forget_after = Duration::from_s(100);
  if ((choice & 4) != 0) rules.offline_grace = Duration::from_s(10);
  if ((choice & 8) != 0) {
    rules.max_recent_per_user = 2;
    rules.max_sessions_per_user = 1;
    rules.max_id_bytes = 3;
    rules.max_status_bytes = 4;
    rules.max_user_data_bytes = 40;
    rules.max_data_names = 2;
    rules.max_activity_bytes = 20;
  }
  if (is_rich) {
    rules.idle_after = Duration::from_s(20);
    rules.report_timeout = Duration::from_s(30);
    rules.show_devices = true;
  }
  return rules;
}

bool in_one_form(const Result<Snapshot>& a, const Result<Snapshot>& b) {
  return a && b ? *a == *b : !a && !b && a.error() == b.error();
}

Result<Snapshot> decode_in_pieces(std::string_view bytes, const Rules& rules, std::size_t piece) {
  Decoder decoder(rules);
  bool well = true;
  for (; well && !bytes.empty(); bytes.remove_prefix(piece < bytes.size() ? piece : bytes.size()))
    well = decoder.push(bytes.substr(0, piece));
  Result<Snapshot> whole = decoder.finish();
  require(well || !whole, "a push that went wrong is an error in the end");
  return whole;
}

void judge_counts(const Snapshot& s) {
  std::size_t known = 0, online = 0;
  for (const UserView user : s) {
    ++known;
    online += user.online ? 1u : 0u;
    require(s.view(user.id) == user, "a user is found where he is passed");
  }
  require(known == s.size() && online == s.online_count(), "users are counted as they are gone over");
  const std::optional<Timestamp> due = s.next_deadline();
  require(!due || !s.now() || *due > *s.now(), "a deadline is yet to come");
}

Timestamp host_of(const Snapshot& s) { return s.now().value_or(Timestamp::from_ms(0)); }

/// Whether anything is dated so late that no peer at its own time may say it.
bool is_ahead(const Snapshot& s) {
  const detail::Root* const root = detail::SnapshotAccess::read(s);
  if (root == nullptr) return false;
  for (const detail::RowView row : root->table) {
    if (detail::latest_date(row.registers(), s.rules()) > host_of(s) + s.rules().max_clock_skew) return true;
  }
  return false;
}

/// Whether there is a last_active of a report without a report, which no history leads to: time forgets such a user, a
/// merge does not.
bool lacks_report(const Snapshot& s) {
  const detail::Root* const root = detail::SnapshotAccess::read(s);
  if (root == nullptr) return false;
  for (const detail::RowView row : root->table) {
    const detail::RegistersView user = row.registers();
    if (user.reported_at() == detail::absent && user.reported_last_active_at() != detail::absent) return true;
  }
  return false;
}

void judge_viewer(const Snapshot& s, Viewer viewer) {
  Rules roomy = Rules::mirror();
  const std::string bytes = encode_for(s, viewer);
  const Result<Snapshot> mirror = decode(bytes, roomy);
  require(mirror.has_value(), "what is encoded for somebody can be read");
  require(encode(*mirror).size() == bytes.size(), "... and is as long again");
  const detail::Root* const root = detail::SnapshotAccess::read(s);
  if (root == nullptr) return;
  for (const detail::RowView row : root->table) {
    require(mirror->view(row.name(), viewer) == s.view(row.name(), viewer), "a mirror shows what the server does");
  }
}

void judge(const Snapshot& s) {
  judge_counts(s);
  const std::string bytes = encode(s);
  const Result<Snapshot> again = decode(bytes, s.rules());
  require(again.has_value(), "what was encoded can be decoded");
  require(*again == s && again->digest() == s.digest(), "... to the same snapshot");
  require(encode(*again) == bytes, "... which is the same bytes");
  judge_counts(*again);

  require(merge(s, *again) == s, "merging with itself changes nothing");
  Snapshot whole(s.rules());
  const Timestamp host = host_of(s);
  const std::optional<Error> error = apply_delta(whole, encode_delta(Snapshot(s.rules()), s), host);
  require(error.has_value() == is_ahead(s), "a delta is refused where it is dated too late");
  if (error) {
    require(error->code == ErrorCode::too_early && whole == Snapshot(s.rules()), "... which leaves nothing");
  } else if (!lacks_report(s)) {
    require(whole == reduce(s, host), "a delta from nothing is whole");
    require(!apply_delta(whole, encode_delta(s, s), host) && whole == reduce(s, host),
            "a delta to the same is nothing");
  }

  judge_viewer(s, nobody);
  const detail::Root* const root = detail::SnapshotAccess::read(s);
  if (root != nullptr && root->table.size() > 0) judge_viewer(s, Viewer((*root->table.begin()).name()));
}

/// Whether somebody became visible where it could not have counted, which no history leads to, and no merge leaves.
bool has_impossible(const Snapshot& s) {
  const detail::Root* const root = detail::SnapshotAccess::read(s);
  if (root == nullptr) return false;
  for (const detail::RowView row : root->table) {
    const detail::UserRegisters user = row.unpacked();
    for (const detail::VisibilityChange& visibility_change : user.visibility_changes) {
      if (!visibility_change.invisible && user.dropped_range.contains(visibility_change.at)) return true;
    }
  }
  return false;
}

/// Goes on with it, as a server would.
void go_on(Snapshot s) {
  const Timestamp now = s.now() ? *s.now() : Timestamp::from_ms(0);
  const detail::Root* const root = detail::SnapshotAccess::read(s);
  const std::string user = root != nullptr && root->table.size() > 0 ? std::string((*root->table.begin()).name()) : "a";
  const Snapshot before = s;
  PresenceEvent hidden = PresenceEvent::connect(user, "p", now);
  hidden.invisible = true;
  s = reduce(std::move(s), hidden);
  s = reduce(std::move(s), PresenceEvent::disconnect(user, "q", now));
  s = reduce(std::move(s), PresenceEvent::set_status("b", "hi", now));
  judge_counts(s);
  if (const auto due = s.next_deadline()) s = reduce(std::move(s), *due);
  s = reduce(std::move(s), PresenceEvent::heartbeat(user, "p", now + Duration::from_s(1)));
  judge_counts(s);
  Snapshot replica = before;
  const Timestamp host = host_of(s);
  if (const std::optional<Error> error = apply_delta(replica, encode_delta(before, s), host)) {
    require(error->code == ErrorCode::too_early && is_ahead(s) && replica == before, "a delta can be applied");
    return;
  }
  if (has_impossible(before) || lacks_report(before)) return;
  s = reduce(std::move(s), host);
  require(replica == merge(before, s), "... and is joined as a snapshot is");
  // What has gone for want of room, or by age, another node may bring back.
  const Rules& rules = s.rules();
  const bool loses = rules.max_recent_per_user < 8 || rules.forget_after != Duration::highest();
  require(loses || replica == s, "... and leads to where it was made for");
}

void judge_all(std::string_view bytes, const Rules& rules, unsigned cut) {
  const Result<Snapshot> s = decode(bytes, rules);
  require(in_one_form(s, decode_in_pieces(bytes, rules, 1 + cut % 31)), "cut anywhere it reads the same");
  if (s) {
    judge(*s);
    go_on(*s);
  } else {
    require(s.error().offset <= bytes.size(), "an error is inside the bytes, or at their end");
  }
  Snapshot base(rules);
  base = reduce(std::move(base), PresenceEvent::connect("a", "p", Timestamp::from_ms(5)));
  base = reduce(std::move(base), Timestamp::from_ms(1000));
  Snapshot after = base;
  std::size_t told = 0;
  const Timestamp host = Timestamp::from_ms(2000);
  const auto error = apply_delta(after, bytes, host, [&told](const UserPresenceChangedView&) { ++told; });
  if (error) {
    require(after == base && after.digest() == base.digest() && told == 0, "a bad delta changes nothing");
  } else {
    require(after.now() == host, "a delta moves time to that of the host");
    judge_counts(after);
  }
}

}  // namespace

/// The first byte: 1: a body to be framed | 2: as a delta | 4 to 32: the rules | 64: in version 2 of the format, else
/// in version 1 | 128: rules of rich presence.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const unsigned mode = data[0];
  const std::string rest(data + 1, data + size);
  const Rules rules = rules_of(mode >> 2 & 15, (mode & 128) != 0);
  const unsigned version = (mode & 64) != 0 ? 2 : 1, kind = mode >> 1 & 1;
  judge_all((mode & 1) != 0 ? support::second_writer::framed_body(rest, kind, version) : rest, rules, mode >> 5 ^ static_cast<unsigned>(size));
  return 0;
}
