// SPDX-License-Identifier: MIT
// Law 3. Merge is a join: commutative, associative and idempotent. Applying events on several nodes and merging equals
// applying all on one, if no event that a side lacks is older than the newest now minus the window. Beyond that merge
// remains commutative and idempotent, and it errs towards offline, except that a node may have forgotten a disconnect
// that is older than the window.
#include "history.hpp"
#include "oracle.hpp"
#include "shrink.hpp"

#include <presence/presence.hpp>
#include <presence/registers/detail/registers.hpp>
#include <presence/registers/detail/session.hpp>
#include <presence/state/detail/root.hpp>
#include <presence/state/detail/snapshot_access.hpp>
#include <presence/table/detail/user_row.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

using namespace property;

namespace {

struct Seen {
  std::size_t merges = 0, events = 0, unequal = 0, changes = 0, by_time = 0, late = 0, invisible = 0;
  std::size_t peers = 0, behind = 0, ahead = 0, refused = 0;
};

Wrong differ(const Snapshot& a, const Snapshot& b, const std::string& what) {
  if (a == b && a.digest() == b.digest() && all_of(a) == all_of(b)) return std::nullopt;
  return what + " differ:\n" + all_of(a) + "\n" + all_of(b) +
         (a == b ? "\n  (== says equal)" : "\n  (== says different)");
}

/// Applying the changes of a merge to the left views gives the merged views; one change per user, in order.
Wrong merge_tells(const Snapshot& left, const Snapshot& right, Seen& seen) {
  Snapshot merged = left;
  Changes changes;
  merge_into(merged, right, into(changes));
  Views views = views_of(left);
  if (Wrong wrong = follow(views, changes)) return "merge_into: " + *wrong;
  std::set<std::string> told_of;
  for (std::size_t i = 0; i < changes.size(); ++i) {
    const UserPresenceChanged& change = changes[i];
    if (!told_of.insert(change.id).second) return "merge_into tells two changes for one user\n" + told(changes);
    if (i > 0 && !in_order(changes[i - 1], change))
      return "the changes of merge_into are not in order of (timestamp, id)\n" + told(changes);
    if (merged.now() && change.at > *merged.now())
      return "merge_into dates a change later than its now: " + told(change);
    if (left.now() && change.at < *left.now())
      return "merge_into dates a change before the left side's now: " + told(change);
    if (left.now() && change.at != *left.now()) ++seen.by_time;
  }
  if (views != views_of(merged)) return "the changes of merge_into do not lead to the merged views\n" + told(changes);
  seen.changes += changes.size();
  // Into a snapshot that shares nothing: most of this merge is done in place.
  Snapshot alone = merge(Snapshot(left.rules()), left);
  Changes told_alone;
  merge_into(alone, right, into(told_alone));
  if (Wrong wrong = differ(alone, merged, "what was merged in place and into a copy")) return wrong;
  if (told(told_alone) != told(changes))
    return "merge_into tells in place\n" + told(told_alone) + "and of a copy\n" + told(changes);
  return differ(merge(left, right), merged, "merge and merge_into");
}

/// Whether any timestamp kept of any user is later than the limit; checks every timestamp.
bool holds_later(const Snapshot& s, Timestamp limit) {
  namespace detail = presence::detail;
  const detail::Root* const root = detail::SnapshotAccess::read(s);
  if (root == nullptr) return false;
  for (const detail::RowView row : root->table) {
    const detail::UserRegisters user = row.unpacked();
    std::vector<Timestamp> all = {
        user.dropped_range.from, user.dropped_range.to, user.status_at, user.reported_at,  user.reported_last_active_at,
        user.forgotten_up_to,    user.removed,          user.choice_at, user.data.latest()};
    for (const detail::SessionRegisters& session : user.sessions) {
      all.push_back(session.evidence_at());
      all.push_back(session.run_start());
      all.insert(all.end(), session.disconnects().begin(), session.disconnects().end());
      all.push_back(session.state().moment.at);
      all.push_back(session.activity().moment.at);
      all.push_back(session.active().at);
    }
    for (const detail::Activity& activity : user.activities) {
      all.push_back(activity.evidence);
      all.push_back(activity.value);
    }
    for (const detail::VisibilityChange& visibility_change : user.visibility_changes)
      all.push_back(visibility_change.at);
    for (const Timestamp at : all) {
      if (at > limit) return true;
    }
  }
  return false;
}

/// Joins a peer's message at the time of a host whose clock may be behind or ahead of the peer's. Once both clocks have
/// passed, the result equals a merge, unless limits were reached.
Wrong joins_a_peer(const Snapshot& ours, const Snapshot& theirs, bool limited, bool is_premise, Chance& chance,
                   Seen& seen) {
  const Rules rules = ours.rules();
  const Timestamp some = ours.now() ? *ours.now() : theirs.now() ? *theirs.now() : Timestamp::from_ms(0);
  const Timestamp about = theirs.now() && chance.one_in(2) ? *theirs.now() : some;
  const Duration unit = rules.session_timeout.ns() % 1000000000 == 0 && rules.session_timeout > Duration()
                            ? Duration::from_s(1)
                            : Duration::from_ns(1);
  const Timestamp host = about + unit * chance.between(-8, 8);
  const Timestamp base = ours.now() && *ours.now() > host ? *ours.now() : host;
  const Timestamp latest = base + rules.max_clock_skew;
  const bool too_early = (theirs.now() && *theirs.now() > latest) ||
                         holds_later(theirs, theirs.now() ? *theirs.now() + rules.max_clock_skew : latest);
  ++seen.peers;

  Snapshot joined = ours, in_place = merge(Snapshot(rules), ours);
  Changes changes, changes_in_place;
  const std::optional<presence::Error> error =
      apply_delta(joined, encode_delta(Snapshot(rules), theirs), host, into(changes));
  const std::optional<presence::Error> error_in_place =
      apply_delta(in_place, encode_delta(Snapshot(rules), theirs), host, into(changes_in_place));
  presence::Store store(ours);
  const std::optional<presence::Error> of_store = store.merge(theirs, host);
  if (error.has_value() != too_early || error_in_place.has_value() != too_early)
    return "a peer is judged wrongly at " + told(host) + "\n" + all_of(ours) + "\n" + all_of(theirs);
  if (error) {
    ++seen.refused;
    if (error->code != presence::ErrorCode::too_early) return std::string("another error: ") + error->message;
    if (!changes.empty() || joined.digest() != ours.digest() || joined.now() != ours.now() || joined != ours)
      return "a message that is too early leaves something";
    if (of_store && (store.snapshot() != ours || store.snapshot().now() != ours.now()))
      return "a snapshot that is too early leaves something in a store";
    // Updates that a store already has are accepted.
    if (!of_store && store.snapshot() != reduce(merge(ours, theirs), base)) return "a store took something else";
    return std::nullopt;
  }
  if (of_store) return "a store refuses what a delta may bring";
  if (joined.now() != base) return "the time after a delta is not the host's";
  seen.behind += theirs.now() && *theirs.now() > base ? 1u : 0u;
  seen.ahead += theirs.now() && *theirs.now() < base ? 1u : 0u;
  if (Wrong wrong = differ(store.snapshot(), joined, "a store and a snapshot that took the same")) return wrong;
  if (Wrong wrong = differ(in_place, joined, "what was joined in place and into a copy")) return wrong;
  if (told(changes) != told(changes_in_place)) return "changes are told otherwise in place";
  Views views = views_of(ours);
  if (Wrong wrong = follow(views, changes)) return "apply_delta: " + *wrong;
  if (views != views_of(joined)) return "the changes of apply_delta lead elsewhere\n" + told(changes);
  std::set<std::string> told_of;
  for (const UserPresenceChanged& change : changes) {
    if (!told_of.insert(change.id).second) return "apply_delta tells two changes for one user\n" + told(changes);
    if (change.at > base || (ours.now() && change.at < *ours.now()))
      return "apply_delta dates a change outside of the call: " + told(change);
  }
  if (limited) return std::nullopt;
  const Timestamp then = theirs.now() && *theirs.now() > base ? *theirs.now() : base;
  if (Wrong wrong =
          differ(reduce(joined, then), reduce(merge(ours, theirs), then), "what a peer brought and the merge"))
    return wrong;
  // Further back the host may have forgotten that a session has ended.
  if (!is_premise || !theirs.now() || *theirs.now() < base) return std::nullopt;
  Snapshot again = joined;
  if (apply_delta(again, encode_delta(Snapshot(rules), theirs), host)) return "the same message is refused later";
  return differ(again, joined, "what a peer brought once and twice");
}

std::uint64_t fingerprint(const PresenceEvent& e) { return std::hash<std::string>()(told(e)); }

struct Delivery {
  PresenceEvent event;
  std::size_t node = 0;
  Timestamp at;  ///< when it arrives there
  std::uint64_t tie = 0;
};

Wrong nodes_agree_with_one(const History& h, Seen& seen) {
  Snapshot base(h.rules);
  Oracle oracle(h.rules);
  for (const Step& step : h.steps) {
    Changes unread;
    perform(base, step, unread);
    oracle.perform(step, unread);
  }
  const Rules rules = base.rules();
  const Timestamp last = base.now() && *base.now() > h.last ? *base.now() : h.last;

  // Each event goes to at least one node, at a time at which that node accepts it. A node may lack it, so it is not
  // older than the window.
  std::vector<Delivery> deliveries;
  std::vector<PresenceEvent> all;
  for (const PresenceEvent& e : h.events) {
    if (oracle.judge(e, std::nullopt) != Verdict::applied || e.at < last - rules.reorder_window) continue;
    Timestamp low = e.at - rules.max_clock_skew;
    if (base.now() && low < *base.now()) low = *base.now();
    if (low < last - Duration::from_s(60)) low = last - Duration::from_s(60);
    if (low > last) continue;
    Chance chance(mixed(h.seed, fingerprint(e)));
    const std::size_t nodes = 1 + chance.below(7);
    for (std::size_t node = 0; node < 3; ++node) {
      if ((nodes >> node & 1) == 0) continue;
      const Timestamp at = chance.one_in(3) ? low : Timestamp::from_ns(chance.between(low.ns(), last.ns()));
      deliveries.push_back({e, node, at, chance.bits()});
    }
    all.push_back(e);
  }
  std::sort(deliveries.begin(), deliveries.end(),
            [](const Delivery& a, const Delivery& b) { return a.at != b.at ? a.at < b.at : a.tie < b.tie; });
  seen.events += all.size();

  Chance chance(mixed(h.seed, 77));
  std::vector<Snapshot> node(3, base), sent;
  for (const Delivery& d : deliveries) {
    Snapshot& here = node[d.node];
    if (!here.now() || *here.now() < d.at) here = reduce(std::move(here), d.at);
    Changes unread;
    if (!accepted(apply(here, d.event, into(unread))))
      return "an event was refused that no timestamp refuses: " + told(d.event);
    if (chance.one_in(4)) sent.push_back(here);  // may arrive later, more than once, or never
    if (!sent.empty() && chance.one_in(4)) {
      const Snapshot& delta = sent[chance.below(sent.size())];
      Snapshot& there = node[chance.below(3)];
      if (Wrong wrong = merge_tells(there, delta, seen)) return wrong;
      merge_into(there, delta);
      ++seen.merges;
    }
  }
  for (Snapshot& n : node) {
    if (chance.one_in(2)) n = reduce(std::move(n), last);
  }
  Snapshot& newest = node[chance.below(3)];
  newest = reduce(std::move(newest), last);

  Snapshot one = base;
  std::sort(all.begin(), all.end(), [](const PresenceEvent& a, const PresenceEvent& b) { return a.at < b.at; });
  for (const PresenceEvent& e : all) {
    if (one.now() && e.at > *one.now() + rules.max_clock_skew)
      one = reduce(std::move(one), e.at - rules.max_clock_skew);
    one = reduce(std::move(one), e);
  }
  one = reduce(std::move(one), last);

  const Snapshot a = node[0], b = node[1], c = node[2];
  if (a != b && b != c) ++seen.unequal;
  seen.merges += 16;
  const Snapshot merged = merge(merge(a, b), c);
  if (Wrong wrong = differ(merged, one, "the merged snapshot and that of one node")) return wrong;
  if (Wrong wrong = differ(merge(a, b), merge(b, a), "a + b and b + a")) return wrong;
  if (Wrong wrong = differ(merged, merge(a, merge(b, c)), "(a + b) + c and a + (b + c)")) return wrong;
  if (Wrong wrong = differ(merged, merge(merge(c, a), b), "(a + b) + c and (c + a) + b")) return wrong;
  if (Wrong wrong = differ(merged, merge(c, merge(b, a)), "(a + b) + c and c + (b + a)")) return wrong;
  if (Wrong wrong = differ(merged, merge(merged, a), "a + b + c and a + b + c + a")) return wrong;
  if (Wrong wrong = differ(merged, merge(b, merged), "a + b + c and b + a + b + c")) return wrong;
  if (Wrong wrong = differ(merged, merge(merged, merged), "a + b + c and twice that")) return wrong;
  if (Wrong wrong = differ(merge(a, a), a, "a + a and a")) return wrong;
  if (Wrong wrong = merge_tells(a, b, seen)) return wrong;
  if (Wrong wrong = merge_tells(merge(b, a), c, seen)) return wrong;
  for (const Snapshot& ours : {a, b, c}) {
    if (Wrong wrong = joins_a_peer(ours, b, false, true, chance, seen)) return wrong;
    if (Wrong wrong = joins_a_peer(ours, reduce(merge(a, c), last), false, true, chance, seen)) return wrong;
  }

  Changes unread;
  oracle.merge(all, last, unread);
  const Views views = oracle.views();
  if (views_of(merged) != views || merged.next_deadline() != oracle.next_deadline()) {
    std::string text = "the oracle, with next deadline " + told(oracle.next_deadline()) + ", sees otherwise:";
    for (const auto& view : views) text += " " + view.first + " " + told(std::optional<User>(view.second)) + ";";
    return text + "\n" + all_of(merged);
  }
  return std::nullopt;
}

/// Two independent nodes, whatever is too old for either of them.
Wrong stays_a_join(const History& h, const Mix& mix, Seen& seen) {
  Snapshot a(h.rules), b(h.rules);
  Oracle oracle(h.rules);
  const auto run = [&](Snapshot& s, const std::vector<Step>& steps) {
    for (const Step& step : steps) {
      Changes unread;
      if (step.what != Do::event && step.what != Do::batch) {
        perform(s, step, unread);
        continue;
      }
      for (const PresenceEvent& e : step.events) {
        if (accepted(apply(s, e, into(unread)))) oracle.merge({e}, std::nullopt, unread);
      }
    }
  };
  run(a, h.steps);
  // The second node applies the set of events and advances after some of them.
  std::vector<Step> steps;
  for (const PresenceEvent& e : h.events) {
    Step step;
    step.events.push_back(e);
    steps.push_back(step);
    if (mixed(h.seed, fingerprint(e)) % 3 == 0) {
      Step wait;
      wait.what = Do::advance;
      wait.at = e.at + Duration::from_ns(static_cast<std::int64_t>(mixed(h.seed, fingerprint(e)) / 3 % 9));
      steps.push_back(wait);
    }
  }
  run(b, steps);
  if (a != b) ++seen.unequal;
  seen.merges += 6;
  const Snapshot merged = merge(a, b);
  if (Wrong wrong = differ(merged, merge(b, a), "a + b and b + a")) return wrong;
  if (Wrong wrong = differ(merge(a, a), a, "a + a and a")) return wrong;
  if (Wrong wrong = differ(merge(b, Snapshot(b)), b, "b + b and b")) return wrong;
  if (Wrong wrong = differ(merge(merged, merged), merged, "twice the merged and the merged")) return wrong;
  if (Wrong wrong = merge_tells(a, b, seen)) return wrong;
  if (Wrong wrong = merge_tells(b, a, seen)) return wrong;
  Chance chance(mixed(h.seed, 78));
  const bool limited = mix.small_limits || mix.forgetting;
  if (Wrong wrong = joins_a_peer(a, b, limited, false, chance, seen)) return wrong;
  if (Wrong wrong = joins_a_peer(b, a, limited, false, chance, seen)) return wrong;

  // A node that lacks a removal for longer than the window brings back what was removed.
  const auto lacks_a_removal = [&](const std::string& user) {
    const std::optional<Timestamp> removed = oracle.removed_up_to(user);
    return removed && merged.now() && oracle.is_past(*removed, *merged.now());
  };
  // Invisibility is never wrong and is forgotten only by age (see oracle_fold.cpp for the rule in that case).
  for (const std::string& user : oracle.users()) {
    const std::optional<presence::PresenceState> state = merged.inspect(user);
    const bool invisible = state && state->invisible_since, truth = oracle.went_invisible(user).has_value();
    if (truth && !invisible && !mix.forgetting)
      return user + " is visible after the merge, and invisible by all that was told\n" + all_of(merged);
    // A node that forgot by age that a user became visible again may merge with one that only has earlier events.
    // So may one that removed the user, and with them how they became visible again.
    if (invisible && !truth && !mix.small_limits && !mix.forgetting && !oracle.removed_up_to(user))
      return user + " is invisible after the merge, and visible by all that was told\n" + all_of(merged);
    if (truth) ++seen.invisible;
  }
  // Towards offline: every online user is online by all events that either node received, but for disconnects that are
  // older than the window, which a node forgets. (Not with small limits: these drop events that would show otherwise.)
  if (!mix.small_limits && !mix.forgetting) {  // events later than forget_after count, whatever was forgotten
    const Oracle kept = merged.now() ? oracle.without_ends_before(*merged.now() - h.rules.reorder_window) : oracle;
    for (const presence::UserView& user : merged) {
      if (!user.online) continue;
      if (lacks_a_removal(std::string(user.id))) continue;
      const std::optional<User> truth = kept.view(std::string(user.id), merged.now());
      if (!truth || !truth->online)
        return std::string(user.id) + " is online after the merge, and by all that was told offline\n" + all_of(merged);
      ++seen.late;
    }
  }
  return std::nullopt;
}

void expect_beyond(std::size_t count, const Mix& mix, std::uint64_t salt) {
  Seen seen;
  const std::size_t tried =
      try_histories(histories_to_try(count), mix, salt, [&](const History& h) { return stays_a_join(h, mix, seen); });
  MESSAGE(tried << " histories, " << seen.merges << " merges, " << seen.unequal << " of what differs, " << seen.changes
                << " changes, " << seen.by_time << " of them by time, " << seen.late << " online, " << seen.invisible
                << " invisible, " << seen.peers << " peers, " << seen.behind << " behind whom, " << seen.ahead
                << " ahead of whom the host was, " << seen.refused << " refused");
  CHECK_REACHED(seen.behind * 20 > seen.peers);
  CHECK_REACHED(seen.ahead * 20 > seen.peers);
  CHECK_REACHED(seen.refused * 20 > seen.peers);
  CHECK_REACHED(seen.unequal * 4 > tried * 3);
  CHECK_REACHED(seen.by_time * 100 > tried);
}

void expect_one(std::size_t count, const Mix& mix, std::uint64_t salt) {
  Seen seen;
  const std::size_t tried = try_histories(histories_to_try(count), mix, salt,
                                          [&](const History& h) { return nodes_agree_with_one(h, seen); });
  MESSAGE(tried << " histories, " << seen.events << " events, " << seen.merges << " merges, " << seen.unequal
                << " times three different nodes, " << seen.changes << " changes, " << seen.by_time
                << " of them by time, " << seen.peers << " peers, " << seen.behind << " behind whom, " << seen.ahead
                << " ahead of whom the host was, " << seen.refused << " refused");
  CHECK_REACHED(seen.behind * 20 > seen.peers);
  CHECK_REACHED(seen.ahead * 20 > seen.peers);
  CHECK_REACHED(seen.refused * 50 > seen.peers);
  CHECK_REACHED(seen.unequal * 2 > tried);
  CHECK_REACHED(seen.events > tried * 2);
  CHECK_REACHED(seen.changes * 4 > tried);
}

}  // namespace

TEST_CASE("law 3: several merged nodes equal one node that received all events") {
  Mix mix;
  mix.steps = 16;
  expect_one(3000, mix, 1);
}

TEST_CASE("law 3: several merged nodes equal one node that received all events of one user") {
  Mix mix;
  mix.users = 1;
  mix.sessions = 2;
  mix.steps = 10;
  expect_one(4000, mix, 2);
}

TEST_CASE("law 3: merge is commutative and idempotent, whatever the nodes have forgotten") {
  Mix mix;
  mix.steps = 16;
  mix.resyncs = mix.forgets = mix.merges = mix.replays = false;
  expect_beyond(4000, mix, 3);
}

TEST_CASE("law 3: merge is commutative and idempotent if users are forgotten by age") {
  Mix mix;
  mix.users = 2;
  mix.steps = 16;
  mix.forgetting = true;
  mix.resyncs = mix.merges = mix.replays = false;
  expect_beyond(4000, mix, 6);
}

TEST_CASE("law 3: merge is commutative and idempotent for invisible users") {
  Mix mix;
  mix.users = 1;
  mix.sessions = 2;
  mix.hiding = true;
  mix.resyncs = mix.forgets = mix.merges = mix.replays = false;
  expect_beyond(4000, mix, 5);
}

TEST_CASE("law 3: merge is commutative and idempotent with small limits") {
  Mix mix;
  mix.steps = 16;
  mix.small_limits = true;
  mix.hiding = true;
  mix.resyncs = mix.forgets = mix.merges = mix.replays = false;
  expect_beyond(3000, mix, 4);
}
