// SPDX-License-Identifier: MIT
// Several nodes receive events and exchange messages over a link that loses, duplicates, reorders and delays them. In
// the end all nodes equal a single node that received all events, with a bounded number of messages.
#include "history.hpp"
#include "shrink.hpp"

#include <presence/binary/anti_entropy.hpp>
#include <presence/binary/codec.hpp>
#include <presence/presence.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

using namespace property;

namespace {

struct Seen {
  std::size_t events = 0, begun = 0, messages = 0, lost = 0, rounds = 0, most_rounds = 0, unequal = 0, late = 0;
  std::size_t taken = 0, behind = 0, refused = 0;
};

/// The most messages of one exchange, with so few users that no larger sketch is needed: three sketches, each answered
/// by missing updates; the requested updates come too late twice and are sent in the end.
constexpr std::size_t longest_exchange = 7;

/// Of the longest lead: four times the first.
Duration longest_lead(const Rules& rules) {
  const Duration remembered = rules.session_timeout + (std::max)(rules.reorder_window, rules.offline_grace);
  const Duration most = Duration::from_s(40);
  return remembered == Duration() ? most : (std::min)(most, remembered);
}

struct Message {
  enum class Kind { exchange, delta, whole } kind;
  std::size_t from, to, hops;
  std::string bytes;
  std::optional<Timestamp> sent = std::nullopt;  ///< by the sender's clock, if it has one
};

/// Whether the snapshot holds a timestamp so late that peers still reject it.
bool is_ahead(const Snapshot& s, Timestamp by) {
  presence::Store store{Snapshot(s.rules())};
  return store.merge(s, s.now().value_or(by)).has_value();
}

class Nodes {
 public:
  /// `about` is the time of clocks that are not set yet.
  Nodes(std::size_t count, const Snapshot& base, std::uint64_t seed, Seen& seen, Timestamp about)
      : node(count, base), before_(node), chance_(seed), seen_(seen), about_(about) {}

  std::vector<Snapshot> node;

  void begin(std::size_t from, std::size_t to) {
    ++seen_.begun;
    send({Message::Kind::exchange, from, to, 1, presence::sketch(node[from])});
  }
  void begin_some() {
    const std::size_t from = chance_.below(node.size());
    begin(from, (from + 1 + chance_.below(node.size() - 1)) % node.size());
  }
  /// Sends the changes since an earlier snapshot, or everything.
  void tell_some() {
    const std::size_t from = chance_.below(node.size()), to = chance_.below(node.size());
    if (chance_.one_in(2)) {
      send({Message::Kind::whole, from, to, 1, encode(node[from])});
    } else {
      send({Message::Kind::delta, from, to, 1, encode_delta(before_[from], node[from])});
      if (chance_.one_in(2)) before_[from] = node[from];
    }
  }

  /// Delivers one of the messages. Returns the error, if there is one.
  Wrong arrive() {
    if (link_.empty()) return std::nullopt;
    const std::size_t which = lossy && chance_.one_in(3) ? chance_.below(link_.size()) : 0;
    Message message = link_[which];
    if (!lossy || !chance_.one_in(8))
      link_.erase(link_.begin() + static_cast<std::ptrdiff_t>(which));  // or it is delivered once more
    return take(message);
  }
  Wrong arrive_all() {
    while (!link_.empty()) {
      if (Wrong wrong = arrive()) return wrong;
    }
    return std::nullopt;
  }

  bool lossy = true;
  bool clocks_differ = true;  ///< by what a peer may be ahead; else hosts are never behind
  std::size_t most_hops = longest_exchange;

  /// Whether the nodes are equal from that timestamp on.
  bool agree(Timestamp at) const {
    const Snapshot first = reduce(node[0], at);
    for (const Snapshot& each : node) {
      const Snapshot other = reduce(each, at);
      if (other.digest() != first.digest() || other != first) return false;
    }
    return true;
  }

 private:
  void send(Message message) {
    ++seen_.messages;
    message.sent = node[message.from].now();
    if (lossy && chance_.one_in(5)) {
      ++seen_.lost;
    } else {
      link_.push_back(std::move(message));
    }
  }

  /// What the host's clock shows when the message arrives.
  Timestamp clock_at(const Message& message) {
    Timestamp now = message.sent ? *message.sent : about_;
    if (!node[message.to].now() && now < about_) now = about_;
    const std::int64_t skew = node[message.to].rules().max_clock_skew.ns();
    if (clocks_differ) now = now - Duration::from_ns(chance_.between(0, (std::min)(skew, std::int64_t{10})));
    if (node[message.to].now() && *node[message.to].now() > now && chance_.one_in(2)) now = *node[message.to].now();
    return now == Timestamp::lowest() ? now + Duration::from_ns(1) : now;
  }

  Wrong take(const Message& message) {
    Snapshot& here = node[message.to];
    const Snapshot before = here;
    Changes changes;
    std::string answer;
    const Timestamp now = clock_at(message);
    std::optional<presence::Error> error;
    ++seen_.taken;
    if (message.kind == Message::Kind::exchange) {
      const presence::Result<std::string> result = reconcile(here, message.bytes, now, into(changes));
      if (result) answer = *result;
      if (!result) error = result.error();
    } else if (message.kind == Message::Kind::delta) {
      error = apply_delta(here, message.bytes, now, into(changes));
    }
    if (error) {
      if (error->code != presence::ErrorCode::too_early) return std::string("a message was refused: ") + error->message;
      if (here != before || here.digest() != before.digest() || here.now() != before.now() || !changes.empty())
        return "what is too early leaves something";
      ++seen_.refused;
      return std::nullopt;
    }
    if (message.kind != Message::Kind::whole) {
      if (here.now() != (before.now() && *before.now() > now ? before.now() : std::optional<Timestamp>(now)))
        return "a message moves time to another than the host's";
      seen_.behind += message.sent && *message.sent > *here.now() ? 1u : 0u;
    } else {
      const presence::Result<Snapshot> whole = decode(message.bytes, here.rules());
      if (!whole) return "a snapshot was refused";
      merge_into(here, *whole, into(changes));
    }
    Views views = views_of(before);
    if (Wrong wrong = follow(views, changes)) return wrong;
    if (views != views_of(here)) return "the changes told do not lead to what is seen\n" + told(changes);
    if (answer.empty()) return std::nullopt;
    if (message.hops == most_hops) return "an exchange does not end";
    send({Message::Kind::exchange, message.to, message.from, message.hops + 1, std::move(answer)});
    return std::nullopt;
  }

  std::vector<Snapshot> before_;
  std::vector<Message> link_;
  Chance chance_;
  Seen& seen_;
  Timestamp about_;
};

struct Delivery {
  PresenceEvent event;
  std::size_t node = 0;
  Timestamp at;  ///< when it arrives there
  std::uint64_t tie = 0;
};

Wrong differ(const Snapshot& a, const Snapshot& b, const std::string& what) {
  if (a == b && a.digest() == b.digest() && all_of(a) == all_of(b)) return std::nullopt;
  return what + " differ:\n" + all_of(a) + "\n" + all_of(b);
}

/// Under the premise of law 3: every event that a node lacks is inside the window.
Wrong come_to_agree(const History& h, std::size_t count, Seen& seen) {
  Snapshot base(h.rules);
  for (const Step& step : h.steps) {
    Changes unread;
    perform(base, step, unread);
  }
  const Rules rules = base.rules();
  // No timestamp is later, so in the end no clock is too far behind for the updates of another node.
  Timestamp last = (std::max)(h.last, base.now().value_or(h.last));
  for (const Step& step : h.steps) {
    if (step.at) last = (std::max)(last, *step.at);
    for (const PresenceEvent& e : step.events) {
      if (e.at != Timestamp::highest()) last = (std::max)(last, e.at);
    }
  }
  for (const PresenceEvent& e : h.events) last = (std::max)(last, e.at);

  // Each event goes to at least one node, at a time at which that node accepts it.
  std::vector<Delivery> deliveries;
  std::vector<PresenceEvent> all;
  Chance chance(mixed(h.seed, 1));
  for (const PresenceEvent& e : h.events) {
    if (e.at < last - rules.reorder_window) continue;
    Timestamp low = e.at - rules.max_clock_skew;
    if (base.now() && low < *base.now()) low = *base.now();
    if (low < last - Duration::from_s(60)) low = last - Duration::from_s(60);
    if (low > last) continue;
    Changes unread;
    Snapshot probe = base;
    if (!probe.now() || *probe.now() < low) probe = reduce(std::move(probe), low);
    if (!accepted(apply(probe, e, into(unread)))) continue;
    const std::size_t nodes = 1 + chance.below((std::size_t{1} << count) - 1);
    for (std::size_t node = 0; node < count; ++node) {
      if ((nodes >> node & 1) == 0) continue;
      const Timestamp at = chance.one_in(3) ? low : Timestamp::from_ns(chance.between(low.ns(), last.ns()));
      deliveries.push_back({e, node, at, chance.bits()});
    }
    all.push_back(e);
  }
  std::sort(deliveries.begin(), deliveries.end(),
            [](const Delivery& a, const Delivery& b) { return a.at != b.at ? a.at < b.at : a.tie < b.tie; });
  seen.events += all.size();

  Nodes nodes(count, base, mixed(h.seed, 2), seen, last);
  const std::size_t begun = seen.begun, messages = seen.messages;
  for (const Delivery& d : deliveries) {
    Snapshot& here = nodes.node[d.node];
    if (!here.now() || *here.now() < d.at) here = reduce(std::move(here), d.at);
    Changes unread;
    if (!accepted(apply(here, d.event, into(unread))))
      return "an event was refused that no timestamp refuses: " + told(d.event);
    if (chance.one_in(3)) nodes.begin_some();
    if (chance.one_in(8)) nodes.tell_some();
    for (std::size_t n = chance.below(4); n > 0; --n) {
      if (Wrong wrong = nodes.arrive()) return wrong;
    }
  }
  for (Snapshot& n : nodes.node) {
    if (chance.one_in(2)) n = reduce(std::move(n), last);
  }

  Snapshot one = base;
  std::sort(all.begin(), all.end(), [](const PresenceEvent& a, const PresenceEvent& b) { return a.at < b.at; });
  for (const PresenceEvent& e : all) {
    if (one.now() && e.at > *one.now() + rules.max_clock_skew)
      one = reduce(std::move(one), e.at - rules.max_clock_skew);
    one = reduce(std::move(one), e);
  }
  // The states are compared as of this time, the longest lead after `last`.
  const Timestamp then = last + longest_lead(rules);
  if (!nodes.agree(then)) ++seen.unequal;
  std::size_t rounds = 0;
  for (; !nodes.agree(then); ++rounds) {
    if (rounds == 100) return "the nodes do not come to agree\n" + all_of(nodes.node[0]) + "\n" + all_of(nodes.node[1]);
    for (std::size_t from = 0; from < count; ++from) nodes.begin(from, (from + 1 + rounds % (count - 1)) % count);
    for (Snapshot& n : nodes.node) {
      if (chance.one_in(6)) n = reduce(std::move(n), last);
    }
    for (std::size_t n = chance.below(12); n > 0; --n) {
      if (Wrong wrong = nodes.arrive()) return wrong;
    }
  }
  seen.rounds += rounds;
  seen.most_rounds = (std::max)(seen.most_rounds, rounds);
  one = reduce(reduce(std::move(one), last), then);
  for (const Snapshot& n : nodes.node) {
    if (Wrong wrong = differ(reduce(n, then), one, "a node and one that heard everything")) return wrong;
  }
  // Messages still on the link, of any age, change nothing and start no endless exchange.
  if (Wrong wrong = nodes.arrive_all()) return wrong;
  if (!nodes.agree(then)) return "old messages made the nodes differ";
  if (Wrong wrong = differ(reduce(nodes.node[0], then), one, "after old messages a node and one that heard everything"))
    return wrong;
  // Some duplicated messages are answered twice.
  const std::size_t sent = seen.messages - messages, asked = seen.begun - begun;
  if (sent > 4 * longest_exchange * (asked + deliveries.size() + 1)) return "there are too many messages";
  return std::nullopt;
}

/// Whatever the nodes have forgotten: if clocks do not advance and no message is lost, a few exchanges are enough.
Wrong few_exchanges_are_enough(const History& h, const Mix& mix, Seen& seen) {
  Snapshot left(h.rules), right(h.rules);
  for (const Step& step : h.steps) {
    Changes unread;
    perform(left, step, unread);
  }
  for (const PresenceEvent& e : h.events) right = reduce(std::move(right), e);
  Chance chance(mixed(h.seed, 3));
  if (chance.one_in(2)) right = reduce(std::move(right), h.last);
  for (Snapshot* const s : {&left, &right}) {
    if (is_ahead(*s, h.last)) *s = reduce(*s, (std::max)(h.last, s->now().value_or(h.last) + Duration::from_s(60)));
  }
  Nodes nodes(2, left, mixed(h.seed, 4), seen, h.last);
  nodes.node[1] = right;
  nodes.lossy = nodes.clocks_differ = false;
  Timestamp then = (std::max)(left.now().value_or(h.last), right.now().value_or(h.last)) + longest_lead(left.rules());
  if (!nodes.agree(then)) ++seen.unequal;
  std::size_t exchanges = 0;
  for (; !nodes.agree(then); ++exchanges) {
    if (exchanges == 3)
      return "after some exchanges the nodes differ\n" + all_of(reduce(nodes.node[0], then)) + "\n" +
             all_of(reduce(nodes.node[1], then));
    // A user forgotten by age before the comparison is a difference again to a node that still remembers them.
    if (mix.forgetting && exchanges > 0) {
      for (Snapshot& n : nodes.node) n = reduce(std::move(n), then + left.rules().forget_after);
      then = then + left.rules().forget_after + longest_lead(left.rules());
    }
    nodes.begin(exchanges % 2, 1 - exchanges % 2);
    if (Wrong wrong = nodes.arrive_all()) return wrong;
  }
  seen.rounds += exchanges;
  seen.most_rounds = (std::max)(seen.most_rounds, exchanges);
  return std::nullopt;
}

/// Clocks advance far between messages: every exchange still ends and does no harm.
Wrong every_exchange_ends(const History& h, Seen& seen) {
  Snapshot left(h.rules), right(h.rules);
  for (const Step& step : h.steps) {
    Changes unread;
    perform(left, step, unread);
  }
  for (const PresenceEvent& e : h.events) right = reduce(std::move(right), e);
  Nodes nodes(2, left, mixed(h.seed, 5), seen, h.last);
  nodes.node[1] = right;
  Chance chance(mixed(h.seed, 6));
  const Duration lead = Duration::from_ns(longest_lead(left.rules()).ns() / 4);
  const std::size_t messages = seen.messages, begun = seen.begun;
  for (std::size_t i = 0; i < 40; ++i) {
    if (i < 20) nodes.begin_some();
    for (Snapshot& n : nodes.node) {
      if (!n.now() || chance.one_in(2)) continue;
      n = reduce(n, *n.now() + Duration::from_ns(chance.between(0, 2 * lead.ns())));
      ++seen.late;
    }
    if (Wrong wrong = nodes.arrive()) return wrong;
  }
  if (Wrong wrong = nodes.arrive_all()) return wrong;
  if (seen.messages - messages > 4 * longest_exchange * (seen.begun - begun)) return "there are too many messages";
  return std::nullopt;
}

/// With so many users that the sketches must grow.
Wrong many_users_agree(std::uint64_t seed, Seen& seen) {
  Chance chance(seed);
  const Timestamp start = Timestamp::from_ms(1546858800000);
  const auto name = [](std::size_t i) { return "user-" + std::to_string(i); };
  const std::size_t users = 50 + chance.below(350), changed = chance.below(chance.one_in(2) ? 20 : 2 * users);
  Snapshot base = reduce(Snapshot(Rules()), start);
  for (std::size_t i = 0; i < users; ++i) base = reduce(std::move(base), PresenceEvent::connect(name(i), "1", start));
  Nodes nodes(3, base, mixed(seed, 1), seen, start);
  nodes.most_hops = longest_exchange + 9;  // three more for each restart, from 32 cells to 2048
  Snapshot one = base;
  Timestamp now = start;
  for (std::size_t i = 0; i < changed; ++i) {
    const std::string user = name(chance.below(users + users / 4));
    const Timestamp at = now - Duration::from_ms(chance.between(0, 20000));
    PresenceEvent e = PresenceEvent::heartbeat(user, "1", at);
    switch (chance.below(7)) {
      case 0:
        e = PresenceEvent::set_status(user, "busy", at);
        if (chance.one_in(2)) e.until = at + Duration::from_ms(chance.between(1, 40000));
        break;
      case 5: e = PresenceEvent::set_visible(user, chance.one_in(2), at); break;
      case 6:
        if (chance.one_in(3)) e = PresenceEvent::remove(user, at);
        break;
      case 1: e = PresenceEvent::disconnect(user, "1", at); break;
      case 2:
        e.type = EventType::connect;
        e.invisible = chance.one_in(2);
        break;
      default: break;
    }
    one = reduce(std::move(one), e);
    Snapshot& here = nodes.node[chance.below(3)];
    here = reduce(std::move(here), e);
    if (chance.one_in(8)) {
      now = now + Duration::from_ms(chance.between(0, 400));
      here = reduce(std::move(here), now);
    }
    if (chance.one_in(40)) nodes.begin_some();
    if (chance.one_in(4)) {
      if (Wrong wrong = nodes.arrive()) return wrong;
    }
  }
  const Timestamp then = now + longest_lead(base.rules());
  if (!nodes.agree(then)) ++seen.unequal;
  std::size_t rounds = 0;
  for (; !nodes.agree(then); ++rounds) {
    if (rounds == 60) return "the nodes do not come to agree";
    for (std::size_t from = 0; from < 3; ++from) nodes.begin(from, (from + 1 + rounds % 2) % 3);
    for (std::size_t n = 12; n > 0; --n) {
      if (Wrong wrong = nodes.arrive()) return wrong;
    }
  }
  seen.rounds += rounds;
  seen.most_rounds = (std::max)(seen.most_rounds, rounds);
  if (Wrong wrong = nodes.arrive_all()) return wrong;
  if (reduce(nodes.node[0], then) != reduce(one, then)) return "a node and one that heard everything differ";
  if (!nodes.agree(then)) return "old messages made the nodes differ";
  return std::nullopt;
}

void tell(std::size_t tried, const Seen& seen) {
  MESSAGE(tried << " histories, " << seen.events << " events, " << seen.unequal << " times unequal, " << seen.begun
                << " exchanges, " << seen.messages << " messages, " << seen.lost << " lost, " << seen.refused << " of "
                << seen.taken << " too early, " << seen.behind << " taken by a host that was behind, " << seen.rounds
                << " rounds, at most " << seen.most_rounds);
  CHECK_REACHED(seen.refused * 2 < seen.taken);
  CHECK_REACHED(seen.messages <= 4 * seen.begun + 100);
}

void expect_agreement(std::size_t histories, const Mix& mix, std::size_t nodes, std::uint64_t salt) {
  Seen seen;
  const std::size_t tried = try_histories(histories_to_try(histories), mix, salt,
                                          [&](const History& h) { return come_to_agree(h, nodes, seen); });
  tell(tried, seen);
  CHECK_REACHED(seen.unequal * 4 > tried);
  CHECK_REACHED(seen.lost * 10 > seen.messages);
  CHECK_REACHED(seen.behind * 100 > seen.taken);
}

void expect_few_exchanges(std::size_t histories, const Mix& mix, std::uint64_t salt) {
  Seen seen;
  const std::size_t tried = try_histories(histories_to_try(histories), mix, salt,
                                          [&](const History& h) { return few_exchanges_are_enough(h, mix, seen); });
  tell(tried, seen);
  CHECK_REACHED(seen.unequal * 2 > tried);
}

}  // namespace

TEST_CASE("anti-entropy: two nodes over a lossy link converge to the state of a single node") {
  Mix mix;
  mix.steps = 16;
  expect_agreement(2000, mix, 2, 31);
}

TEST_CASE("anti-entropy: three nodes over a lossy link converge to the state of a single node") {
  Mix mix;
  mix.steps = 16;
  expect_agreement(2000, mix, 3, 32);
}

TEST_CASE("anti-entropy: three nodes with invisible users converge to the state of a single node") {
  Mix mix;
  mix.users = 2;
  mix.hiding = true;
  expect_agreement(1500, mix, 3, 33);
}

TEST_CASE("anti-entropy: three nodes with unlimited acceptance windows converge to the state of a single node") {
  Mix mix;
  mix.users = 4;
  mix.steps = 12;
  mix.without_limits = true;
  expect_agreement(1500, mix, 3, 34);
}

TEST_CASE("anti-entropy: a few exchanges are enough, whatever the nodes have forgotten") {
  Mix mix;
  mix.users = 4;
  expect_few_exchanges(3000, mix, 35);
}

TEST_CASE("anti-entropy: a few exchanges are enough if users are forgotten by age") {
  Mix mix;
  mix.forgetting = true;
  expect_few_exchanges(3000, mix, 36);
}

TEST_CASE("anti-entropy: a few exchanges are enough with small limits and invisible users") {
  Mix mix;
  mix.small_limits = true;
  mix.hiding = true;
  expect_few_exchanges(3000, mix, 37);
}

TEST_CASE("anti-entropy: every exchange ends, however late its messages arrive") {
  Seen seen;
  Mix mix;
  const std::size_t tried =
      try_histories(histories_to_try(1500), mix, 38, [&](const History& h) { return every_exchange_ends(h, seen); });
  tell(tried, seen);
  CHECK_REACHED(seen.late > tried);
}

TEST_CASE("anti-entropy: three nodes with many users converge to the state of a single node") {
  Seen seen;
  const std::size_t count = (std::max)(histories_to_try(1500) / 15, std::size_t{1});
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint64_t seed = first_seed() + i;  // PRESENCE_SEED begins with it
    INFO("PRESENCE_SEED=" << seed);
    const Wrong wrong = many_users_agree(seed, seen);
    CHECK_MESSAGE(!wrong, wrong.value_or(""));
    if (wrong) break;
  }
  tell(count, seen);
}
