// SPDX-License-Identifier: MIT
// Folds whatever the bytes say into a few snapshots, and after each operation asks for everything that must hold of
// them: invariants, and the laws where their premises are met. What does not hold is told, and ends the program.
//
// PRESENCE_FUZZ_TRACE=1 in the environment tells each operation before it is done.
#include <presence/presence.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

using namespace presence;

// ---- telling ----------------------------------------------------------------------------------------------------

bool tracing() {
  static const bool is_on = std::getenv("PRESENCE_FUZZ_TRACE") != nullptr;
  return is_on;
}

std::string told(std::string_view text) {
  return text.size() > 8 ? std::string(1, text[0]) + "x" + std::to_string(text.size())
                         : "\"" + std::string(text) + "\"";
}
std::string told(Timestamp at) { return std::to_string(at.ns()); }
std::string told(std::optional<Timestamp> at) { return at ? told(*at) : "none"; }
std::string told(const ValueView& value) {
  const std::string text = to_json(Value(value));
  return text.size() > 60 ? text.substr(0, 20) + "... of " + std::to_string(text.size()) + " bytes" : text;
}
std::string told(const AttributesView& fields) {
  std::string text = "{";
  for (const AttributesView::Entry entry : fields) {
    if (text.size() > 60) return text + "... of " + std::to_string(fields.size()) + " fields}";
    text += (text.size() == 1 ? "" : ", ") + told(entry.name) + ": " + told(entry.value);
  }
  return text + "}";
}

std::string told(const PresenceEventView& e) {
  std::string text = "type " + std::to_string(static_cast<int>(e.type)) + " " + std::string(to_string(e.type));
  text += " " + told(e.user) + " " + told(e.session) + " at " + told(e.at);
  if (e.invisible) text += *e.invisible ? " invisibly" : " visibly";
  if (e.status) text += " status " + told(*e.status);
  if (e.online) text += " online";
  if (e.last_active) text += " last_active " + told(*e.last_active);
  if (e.until) text += " until " + told(*e.until);
  if (e.availability) text += " " + std::string(to_string(*e.availability));
  if (e.priority) text += " priority " + std::to_string(*e.priority);
  if (e.activity) text += " doing " + told(*e.activity);
  if (!e.name.empty()) text += " name " + told(e.name);
  if (!e.value.is_nothing()) text += " value " + told(e.value);
  if (e.data) text += " data " + told(*e.data);
  return text;
}

std::string told(const Rules& r) {
  return "timeout " + std::to_string(r.session_timeout.ns()) + " grace " + std::to_string(r.offline_grace.ns()) +
         " refresh " + std::to_string(r.last_active_refresh.ns()) + " window " + std::to_string(r.reorder_window.ns()) +
         " skew " + std::to_string(r.max_clock_skew.ns()) + " age " + std::to_string(r.forget_after.ns()) + " users " +
         std::to_string(r.max_users) + " sessions " + std::to_string(r.max_sessions_per_user) + " recent " +
         std::to_string(r.max_recent_per_user) + " id bytes " + std::to_string(r.max_id_bytes) + " status bytes " +
         std::to_string(r.max_status_bytes) + " idle after " + std::to_string(r.idle_after.ns()) + " report timeout " +
         std::to_string(r.report_timeout.ns()) + " fold " + std::string(to_string(r.session_fold)) +
         (r.heartbeat_is_activity ? "" : " heartbeats no activity") + (r.ranking == Ranking() ? "" : " other ranking") +
         (r.show_devices ? " devices" : "") + " data bytes " + std::to_string(r.max_user_data_bytes) + " data names " +
         std::to_string(r.max_data_names) + " activity bytes " + std::to_string(r.max_activity_bytes);
}

std::string told(const std::optional<UserView>& user) {
  if (!user) return "unknown";
  return std::string(to_string(detail::shown_availability(user->online, user->availability))) + " " +
         told(user->status) + " " + told(user->last_active) + (user->activity.empty() ? "" : " doing ") +
         (user->activity.empty() ? "" : told(user->activity)) + (user->data.empty() ? "" : " data ") +
         (user->data.empty() ? "" : told(user->data));
}

std::string told(const Snapshot& s) {
  std::string text = "now " + told(s.now()) + " deadline " + told(s.next_deadline());
  const detail::Root* const root = detail::SnapshotAccess::read(s);
  if (root == nullptr) return text;
  for (const detail::RowView row : root->table) {
    const detail::UserRegisters user = detail::normal_form_of(row, *root);
    text += "\n  " + told(row.name()) + " " + told(s.view(row.name()));
    for (const detail::SessionRegisters& session : user.sessions) {
      const auto told_moment = [](const detail::SessionMoment& moment) {
        return told(moment.at) + (moment.by_connect ? " by connect" : "");
      };
      text += "; session " + told(detail::text_of(session.id)) + " evidence " + told_moment(session.evidence()) +
              " in a run from " + told(session.run_start()) + " active " + told_moment(session.active()) + " says " +
              std::string(to_string(session.state().availability)) + " " + std::to_string(session.state().priority) +
              " at " + told_moment(session.state().moment) + " disconnects";
      for (const Timestamp at : session.disconnects()) text += " " + told(at);
      if (session.activity().moment.exists())
        text += " doing " + told(AttributesView(session.activity().value.members())) + " at " +
                told_moment(session.activity().moment);
      if (session.is_simple()) continue;
      text += " held until " + told(session.held_until()) + " runs";
      for (const detail::Run& run : session.earlier_runs()) text += " " + told(run.start) + " to " + told(run.end);
    }
    for (const detail::Activity& a : user.activities) text += "; active " + told(a.value) + " by " + told(a.evidence);
    for (const detail::VisibilityChange& f : user.visibility_changes)
      text += (f.invisible ? "; hides " : "; shows ") + told(f.at);
    text += "; crowded " + told(user.dropped_range.from) + " to " + told(user.dropped_range.to) + "; status at " +
            told(user.status_at) + " until " + told(user.status_until) + "; report at " + told(user.reported_at) +
            "; chosen " + std::string(to_string(user.choice)) + " at " + told(user.choice_at) + " until " +
            told(user.choice_until) + "; removed " + told(user.removed) + "; last_active " +
            told(user.reported_last_active) + " at " + told(user.reported_last_active_at) + "; forgotten up to " +
            told(user.forgotten_up_to);
    if (!user.data) continue;
    text += "; all data since " + told(user.data->since);
    detail::each_entry(*user.data, [&text](std::string_view name, Timestamp at, const Value* value) {
      text += "; " + told(name) + " at " + told(at) + " " + (value == nullptr ? "removed" : told(ValueView(*value)));
    });
  }
  return text;
}

void trace(const std::string& what) { std::fprintf(stderr, "%s\n", what.c_str()); }

[[noreturn]] void wrong(const char* what) {
  std::fprintf(stderr, "fold_fuzz: wrong: %s\n", what);
  std::abort();
}
[[noreturn]] void wrong(const char* what, const Snapshot& a, const Snapshot& b) {
  std::fprintf(stderr, "fold_fuzz: wrong: %s\n%s\n-- and --\n%s\n", what, told(a).c_str(), told(b).c_str());
  std::abort();
}
void require(bool holds, const char* what) {
  if (!holds) wrong(what);
}

bool have_same_rules(const Snapshot& a, const Snapshot& b) {
  Rules rules = a.rules();
  rules.hash_seed = b.rules().hash_seed;
  return rules == b.rules();
}

/// Equal in all that says so.
bool is_same(const Snapshot& a, const Snapshot& b) {
  const bool equal = a == b;
  require(equal == (b == a) && equal != (a != b), "== is symmetric, and != its opposite");
  require(equal == (have_same_rules(a, b) && a.digest() == b.digest()),
          "equal snapshots have equal digests, and different ones do not");
  return equal;
}
void require_same(const Snapshot& a, const Snapshot& b, const char* what) {
  if (!is_same(a, b)) wrong(what, a, b);
}
/// For what is asked often: digests cost more than all the rest.
void require_equal(const Snapshot& a, const Snapshot& b, const char* what) {
  if (!(a == b)) wrong(what, a, b);
}

// ---- bytes to operations ----------------------------------------------------------------------------------------

class Bytes {
 public:
  Bytes(const std::uint8_t* data, std::size_t size) noexcept : data_(data), size_(size) {}

  bool empty() const noexcept { return size_ == 0; }
  unsigned take() noexcept {
    if (size_ == 0) return 0;
    --size_;
    return *data_++;
  }
  std::int64_t word() noexcept {
    std::uint64_t bits = 0;
    for (int i = 0; i < 8; ++i) bits = bits << 8 | take();
    return static_cast<std::int64_t>(bits);
  }
  template <class T, std::size_t N>
  T any(const std::array<T, N>& of) noexcept {
    return of[take() % N];
  }

 private:
  const std::uint8_t* data_;
  std::size_t size_;
};

const std::string& long_text(std::size_t length) {
  static const std::map<std::size_t, std::string> texts = {{255, std::string(255, 'u')},
                                                           {256, std::string(256, 'u')},
                                                           {1024, std::string(1024, 't')},
                                                           {1025, std::string(1025, 't')}};
  return texts.at(length);
}

std::string_view some_user(unsigned byte) {
  static constexpr const char* few[] = {"a", "b", "c", "a", "b", "a", "a\xff", "d"};
  byte %= 32;
  return byte == 31 ? "" : byte == 30 ? long_text(256) : byte == 29 ? long_text(255) : std::string_view(few[byte % 8]);
}
std::string_view some_session(unsigned byte) {
  static constexpr const char* few[] = {"1", "2", "3", "1", "2", "1", "4", "5"};
  byte %= 32;
  return byte == 31 ? "" : byte == 30 ? long_text(256) : byte == 29 ? long_text(255) : std::string_view(few[byte % 8]);
}
std::string_view some_text(unsigned byte) {
  byte %= 16;
  if (byte >= 14) return long_text(byte == 14 ? 1024 : 1025);
  return byte < 4 ? "" : byte < 9 ? "x" : byte < 13 ? "y" : "yy";
}

Value nested(unsigned levels) {
  Value value = 1;
  for (; levels > 0; --levels) {
    Attributes outer;
    outer["o"] = std::move(value);
    value = Value::object(std::move(outer));
  }
  return value;
}
/// Values that JSON has, and at the end some that it does not have.
const std::vector<Value>& some_values() {
  static const std::vector<Value> values = [] {
    std::vector<Value> all = {Value(), 1, 2, 1.0, "x", "y", true, -0.0};
    all.push_back("2019-01-07T13:17:42Z");
    all.push_back(*parse_timestamp("2019-01-07T13:17:42Z"));
    const std::vector<int> list = {1, 2};
    all.emplace_back(list);
    all.push_back(nested(1));
    all.push_back(nested(Value::deepest - 1));
    all.push_back(nested(Value::deepest));
    all.push_back(std::string(1000, 'v'));
    all.push_back(std::string(5000, 'v'));
    all.push_back(nested(Value::deepest + 1));
    all.push_back(std::numeric_limits<double>::quiet_NaN());
    all.push_back(std::numeric_limits<double>::infinity());
    all.push_back(UINT64_MAX);
    return all;
  }();
  return values;
}
const std::vector<Attributes>& some_fields() {
  static const std::vector<Attributes> fields = [] {
    std::vector<Attributes> all(1);
    for (const char* name : {"k", "k", "l"}) {
      for (const Value& value : some_values()) all.emplace_back()[name] = value;
    }
    for (const char* name : {"online", "", "k\xff"}) all.emplace_back()[name] = 1;
    Attributes& two = all.emplace_back();
    two["k"] = 1;
    two["l"] = 2;
    Attributes& many = all.emplace_back();
    for (int i = 0; i < 70; ++i) many["n" + std::to_string(i)] = i;
    return all;
  }();
  return fields;
}
std::string_view some_name(unsigned byte) {
  static constexpr const char* few[] = {"k", "l", "k", "m", "k\xff", "activity", "", "k"};
  return byte % 32 == 31 ? std::string_view(long_text(1025)) : few[byte % 8];
}

constexpr Timestamp instant_of(std::int64_t ns) { return Timestamp::from_ns(ns); }
constexpr Duration one_ns = Duration::from_ns(1);
constexpr Timestamp last_instant = Timestamp::from_ns(INT64_MAX - 1);

class Interpreter {
 public:
  explicit Interpreter(Bytes in) : in_(in) {
    const unsigned shape = in_.take();
    unit_ = shape % 4 == 3 ? 1000000000 : 1;
    static constexpr std::array<std::int64_t, 8> origins = {
        0, 0, 100, -7, 1546867062375000000, INT64_MIN + 3, INT64_MAX - 30, 0};
    origin_ = origins[shape / 4 % 8];
    rules_.session_timeout = duration({3, 0, 4, 10, 1});
    rules_.offline_grace = duration({0, 0, 1, 2, 5});
    rules_.last_active_refresh = duration({0, 2, 5, 3, 1});
    rules_.reorder_window = duration({8, 3, 20, 2, 0});
    rules_.max_clock_skew = duration({6, 2, 20, 1, 0});
    const unsigned limits = in_.take();
    if (limits % 2 == 1) {
      static constexpr std::array<std::uint32_t, 6> few = {2, 1, 3, 4, 0, 5};
      rules_.max_users = in_.any(few);
      rules_.max_sessions_per_user = in_.any(few);
      rules_.max_recent_per_user = in_.any(few);
      if (limits & 2) rules_.max_id_bytes = in_.any(std::array<std::uint32_t, 4>{255, 1, 256, 0});
      if (limits & 4) rules_.max_status_bytes = in_.any(std::array<std::uint32_t, 4>{1, 1025, 0, 2});
    }
    if (limits % 8 == 6) rules_.forget_after = duration({6, 0, 1, 12, 30});
    if (limits & 8) {
      rules_.idle_after = duration({3, 1, 0, 7, 2});
      rules_.report_timeout = duration({0, 3, 5, 1, 0});
      const unsigned how = in_.take();
      rules_.heartbeat_is_activity = how % 2 == 0;
      rules_.show_devices = how / 2 % 2 == 1;
      static constexpr SessionFold folds[] = {SessionFold::by_rank, SessionFold::by_priority, SessionFold::latest};
      rules_.session_fold = folds[how / 4 % 3];
      if (how >= 128) rules_.ranking = {Availability::idle, Availability::available};
    }
    if (limits & 16) {
      rules_.max_user_data_bytes = in_.any(std::array<std::uint32_t, 4>{30, 12, 0, 2000});
      rules_.max_data_names = in_.any(std::array<std::uint32_t, 4>{1, 2, 0, 64});
      rules_.max_activity_bytes = in_.any(std::array<std::uint32_t, 4>{10, 2, 0, 4096});
    }
    if (tracing()) trace("rules: " + told(rules_));
    for (Slot& slot : slots_) {
      slot.s = Snapshot(rules_);
      rules_.hash_seed += 0x9E3779B97F4A7C15u;
    }
    rules_ = slots_[0].s.rules();  // as they are read: without negative durations
  }

  void run() {
    std::size_t left = 80;
    while (!in_.empty() && left-- > 0) {
      const unsigned what = in_.take();
      Slot& slot = slots_[what / 32 % slots_.size()];
      if (tracing()) trace("slot " + std::to_string(&slot - slots_.data()) + ":");
      operate(slot, what % 32);
      examine(slot);
      if (what % 32 == 21) {
        for (Slot& each : slots_) each.digest = each.s.digest();
      }
      compare(slot);
      // Many users make every check slower, and are here for the pages of the table.
      if (detail::SnapshotAccess::read(slot.s) != nullptr && detail::SnapshotAccess::read(slot.s)->table.size() > 16)
        left = (std::min)(left, std::size_t{6});
    }
    for (const Kept& kept : kept_) require(kept.s.digest() == kept.digest, "a copy keeps its digest");
    for (const Slot& slot : slots_) require(slot.s.digest() == slot.digest, "what is left alone keeps its digest");
  }

 private:
  using Views = std::map<std::string, User, std::less<>>;
  using Changes = std::vector<UserPresenceChanged>;
  using Events = std::vector<PresenceEventView>;

  struct Slot {
    Snapshot s;
    Views views;  // what somebody sees who heard of every change
    std::uint64_t digest = Snapshot().digest();
  };
  struct Kept {
    Snapshot s;
    std::uint64_t digest = Snapshot().digest();
  };

  static auto into(Changes& changes) {
    return [&changes](const UserPresenceChangedView& change) { changes.emplace_back(change); };
  }

  Duration duration(const std::array<std::int64_t, 5>& usual) {
    const unsigned byte = in_.take();
    if (byte < 230) return Duration::from_ns(usual[byte % 5] * unit_);
    switch (byte % 4) {
      case 0: return Duration::highest();
      case 1: return -Duration::from_ns(2);
      case 2: return Duration::from_ns(INT64_MAX / 2);
      default: return Duration::from_ns(in_.word());
    }
  }

  Timestamp instant(const Snapshot& s) {
    const unsigned byte = in_.take();
    const Timestamp origin = instant_of(origin_), now = s.now().value_or(origin);
    if (byte < 144) return now + Duration::from_ns(unit_ * (static_cast<std::int64_t>(byte % 16) - 6));
    if (byte < 224) return origin + Duration::from_ns(unit_ * static_cast<std::int64_t>(byte % 40));
    switch (byte - 224) {
      case 0: return now - rules_.reorder_window;
      case 1: return now - rules_.reorder_window - one_ns;
      case 2: return now + rules_.max_clock_skew;
      case 3: return now + rules_.max_clock_skew + one_ns;
      case 4:
      case 5: return s.next_deadline().value_or(now);
      case 6: return s.next_deadline().value_or(now) - one_ns;
      case 7: return now + rules_.session_timeout;
      case 8: return now + rules_.session_timeout + rules_.reorder_window;
      case 9: return now + rules_.session_timeout + (std::max)(rules_.reorder_window, rules_.offline_grace) + one_ns;
      case 10: return now + rules_.reorder_window + one_ns;
      case 11: return now + rules_.offline_grace;
      case 12: return Timestamp::lowest();
      case 13: return Timestamp::highest();
      case 14: return Timestamp::lowest() + one_ns;
      case 15: return last_instant;
      case 16: return now + one_ns;
      case 17: return now - one_ns;
      case 18: return instant_of(in_.word());
      default: return now;
    }
  }

  PresenceEventView event(const Snapshot& s) {
    static constexpr EventType types[] = {EventType::connect,   EventType::heartbeat,  EventType::disconnect,
                                          EventType::connect,   EventType::set_status, EventType::report,
                                          EventType::heartbeat, EventType::connect};
    static constexpr EventType types_of_users[] = {EventType::set_visible, EventType::remove};
    static constexpr EventType rich_types[] = {EventType::update,  EventType::update,           EventType::update,
                                               EventType::active,  EventType::set_availability, EventType::set_data,
                                               EventType::set_data};
    PresenceEventView e;
    const unsigned kind = in_.take(), who = in_.take();
    e.type = kind % 32 == 31 ? static_cast<EventType>(kind / 8) : types[kind % 8];
    if (kind / 8 >= 16 && kind / 8 < 20 && kind % 8 < 7) e.type = types_of_users[kind % 8 >= 4];
    if (kind / 8 >= 20 && kind / 8 < 28 && kind % 8 < 7) e.type = rich_types[kind % 8];
    e.user = some_user(who % 64 < 60 ? who % 8 : 28 + who % 4);
    const unsigned session = kind / 8;
    e.session = some_session(session);
    e.at = instant(s);
    const unsigned more = e.type == EventType::connect || e.type >= EventType::active || who >= 128 ? in_.take() : 0;
    if (more & 1 || (e.type == EventType::set_visible && who % 64 != 59)) e.invisible = (more & 2) != 0;
    if (more & 4 || e.type == EventType::set_status) e.status = some_text(in_.take());
    if (e.type == EventType::set_status && who % 64 == 59) e.status.reset();
    e.online = e.type == EventType::report ? (who & 64) == 0 : (more & 8) != 0;
    if (more & 16) e.last_active = instant(s);
    if ((more & 96) == 96) e.until = instant(s);
    const bool says_more = detail::says_availability(e.type) || e.type == EventType::set_availability;
    if (more & 128 || (says_more && e.type != EventType::connect && e.type != EventType::report)) say_more(e);
    if (e.type == EventType::set_data || kind % 32 == 30) {
      e.name = some_name(in_.take());
      e.value = ValueView(some_values()[in_.take() % some_values().size()]);
    }
    return e;
  }

  /// What a session is, and does. One in eight says what cannot be said.
  void say_more(PresenceEventView& e) {
    static constexpr unsigned words[] = {2, 3, 4, 1, 3, 2, 0, 77};
    const unsigned what = in_.take();
    if (what & 8) e.availability = static_cast<Availability>(words[what % 8 >= 6 && what & 16 ? 1 : what % 8]);
    if (what & 16 && (e.availability || what & 1))
      e.priority = in_.any(std::array<std::int8_t, 5>{1, 0, -1, 127, -128});
    if (what & 32) e.activity = AttributesView(some_fields()[in_.take() % some_fields().size()]);
    if (what & 64) e.data = AttributesView(some_fields()[in_.take() % some_fields().size()]);
  }

  Events events(const Snapshot& s, std::size_t most) {
    Events list(1 + in_.take() % most);
    for (PresenceEventView& e : list) e = event(s);
    return list;
  }

  static void trace_all(const char* what, const Events& list) {
    if (!tracing()) return;
    trace(std::string("  ") + what);
    for (const PresenceEventView& e : list) trace("    " + told(e));
  }

  // ---- what must hold ---------------------------------------------------------------------------------------------

  static bool sees(const Snapshot& s, const Views& views) {
    std::size_t users = 0;
    for (const UserView user : s) {
      const auto known = views.find(user.id);
      if (known == views.end() || known->second != user) return false;
      ++users;
    }
    return users == views.size();
  }

  static Views views_of(const Snapshot& s) {
    Views views;
    for (const UserView user : s) views.emplace(std::string(user.id), static_cast<User>(user));
    return views;
  }

  /// Applies changes to views; each must start from what is seen, and lead to something else.
  static void follow(Views& views, const Changes& changes) {
    for (const UserPresenceChanged& change : changes) {
      const auto known = views.find(change.id);
      const bool is_known = known != views.end();
      require(change.before.has_value() == is_known && (!is_known || *change.before == known->second),
              "a change starts from what was seen");
      require(change.before != change.after, "a change changes something");
      if (!change.after) {
        views.erase(known);
      } else {
        require(change.after->id == change.id && !change.after->invisible, "a change is about its user, as others see");
        views.insert_or_assign(change.id, *change.after);
      }
    }
  }

  /// Whether time alone may make this change: a text ends, an availability turns, and with the session that decides it
  /// the activity; somebody goes offline, or is known no more: by age, or because nothing was known but that they are
  /// online.
  static bool is_of_time(const UserPresenceChanged& change, const Rules& rules) {
    if (!change.before) return false;
    const User& before = *change.before;
    if (!change.after)
      return rules.forget_after != Duration::highest() ||
             (before.online && !before.last_active && before.status.empty() && before.data.empty());
    const bool text_ends = change.status_changed() && change.after->status.empty();
    const bool goes_offline = before.online && !change.after->online;
    const bool turns =
        before.online && change.after->online && (change.availability_changed() || change.activity_changed());
    return (text_ends || goes_offline || turns) && (text_ends || !change.status_changed()) &&
           (goes_offline || !change.online_changed()) && !change.last_active_changed() && !change.data_changed();
  }

  /// In the order of (timestamp, id), and where all are told at once, one change per user; but one for whom several
  /// things end while time passes has a change for each.
  static void require_order(const Changes& changes, bool one_per_user, const Rules* advanced_with = nullptr) {
    for (std::size_t i = 0; i < changes.size(); ++i) {
      if (i > 0) {
        const UserPresenceChanged &a = changes[i - 1], &b = changes[i];
        require(a.at < b.at || (a.at == b.at && a.id < b.id), "changes come in the order of (instant, id)");
      }
      const bool is_forgotten = changes[i].before && !changes[i].before->online && !changes[i].after;
      for (std::size_t k = 0; one_per_user && k < i; ++k)
        require(changes[i].id != changes[k].id ||
                    (changes[k].at < changes[i].at &&
                     (is_forgotten || (advanced_with != nullptr && is_of_time(changes[i], *advanced_with)))),
                "one change per user");
    }
  }

  static void examine_session(const detail::SessionRegisters& session, const Rules& rules, std::size_t room) {
    const detail::Span<Timestamp> disconnects = session.disconnects();
    require(!session.empty(), "a session has registers");
    require(disconnects.size() <= room, "disconnects are bounded");
    require(std::is_sorted(disconnects.begin(), disconnects.end()), "disconnects are in order");
    require(detail::has_runs(session, rules) && session.has_evidence() ? session.run_start() <= session.evidence_at()
                                                                       : session.run_start() == detail::absent,
            "evidence is in a run if there is a timeout");
    require(!session.has_evidence() || session.state().moment.at <= session.evidence_at(),
            "to say something is evidence");
    require(!session.has_evidence() || session.activity().moment.at <= session.evidence_at(),
            "to do something is evidence");
    require(!session.active().exists() || rules.idle_after != Duration(), "activity is kept for idleness only");
    if (session.is_simple()) return;
    if (session.activity().value)
      require(detail::json_bytes(session.activity().value.view()) <= rules.max_activity_bytes,
              "activities are bounded");
    const detail::Span<detail::Run> runs = session.earlier_runs();
    const detail::PastOfSession* const past = session.rare().past();
    const detail::RichOfSession* const rich = session.rare().rich();
    require((past == nullptr || !past->nothing()) && (rich == nullptr || !rich->nothing()),
            "what is rare is not empty");
    require(runs.size() <= room, "runs are bounded");
    for (std::size_t i = 0; i < runs.size(); ++i) {
      require(runs[i].start <= runs[i].end, "a run starts before it ends");
      require(i == 0 || runs[i - 1].end < runs[i].start, "runs are apart, and in order");
      require(!session.has_evidence() || runs[i].end < session.run_start(), "runs are before that of the evidence");
    }
  }

  /// What follows from the registers does so from their normal form as well, and there is not more than Rules allow.
  static void examine_registers(const detail::RowView& row, const detail::Root& root) {
    const Rules& rules = root.rules;
    const detail::UserRegisters kept = row.unpacked(), normal = detail::normal_form_of(row, root);
    const std::string_view id = row.name();
    require(!normal.empty(), "of whom nothing is left there is no row");
    detail::UserRegisters twice = normal;
    detail::normalise(twice, root.now, rules);
    require(twice == normal, "the normal form of a normal form is itself");
    require(detail::seen_by_others(id, kept, root.now, rules) == detail::seen_by_others(id, normal, root.now, rules) &&
                detail::seen_by_self(id, kept, root.now, rules) == detail::seen_by_self(id, normal, root.now, rules),
            "forgetting changes no view");
    require(detail::next_change(kept, root.now, rules) == detail::next_change(normal, root.now, rules),
            "forgetting moves no deadline");
    require(detail::vanishes_at(kept, rules) > root.now, "who has vanished is not kept");
    require(root.table.due() <= detail::next_change(kept, root.now, rules), "nothing changes before the table says so");
    require(root.table.cleanup() <= detail::vanishes_at(kept, rules), "nobody vanishes before the table says so");

    const std::size_t room = (std::max)(rules.max_recent_per_user, std::uint32_t{1});
    std::size_t live = 0;
    for (const detail::SessionRegisters& session : kept.sessions) {
      live += !session.is_report() && detail::live(session, root.now, rules) ? 1u : 0u;
      examine_session(session, rules, room);
    }
    require(live <= rules.max_sessions_per_user, "live sessions are bounded");
    const std::size_t reports = detail::RegistersView(kept).report() != nullptr ? 1 : 0;
    require(kept.sessions.size() - reports <= room + rules.max_sessions_per_user, "sessions are bounded");
    require(!detail::is_over_limit(kept.data, rules), "data is bounded");
    require(kept.visibility_changes.size() <= 2 * room, "flips are bounded");
    require(kept.activities.size() <= 2 * room, "activities are bounded");
    for (std::size_t i = 1; i < kept.sessions.size(); ++i)
      require(kept.sessions[i - 1].id.view() < kept.sessions[i].id.view(), "sessions are in order");
    for (std::size_t i = 1; i < kept.visibility_changes.size(); ++i)
      require(kept.visibility_changes[i - 1].at < kept.visibility_changes[i].at, "flips are in order");
    for (std::size_t i = 1; i < kept.activities.size(); ++i) {
      require(kept.activities[i - 1].value < kept.activities[i].value &&
                  kept.activities[i - 1].evidence < kept.activities[i].evidence,
              "activities are in order");
    }
  }

  void examine(const Slot& slot) const {
    const Snapshot& s = slot.s;
    std::size_t users = 0, online = 0;
    for (const UserView user : s) {
      ++users;
      online += user.online ? 1u : 0u;
      require(!user.invisible, "others do not see that somebody is invisible");
      require(s.view(user.id) == user, "view() finds what iteration shows");
      require(s.online(user.id) == user.online, "online() says what iteration shows");
      const std::optional<PresenceState> truth = s.inspect(user.id);
      require(truth.has_value() && s.find(user.id, Viewer{user.id}) == truth->user, "users see themselves as they are");
      require(truth->user.invisible == truth->invisible_since.has_value(), "who is invisible is so since an instant");
      require(truth->invisible_since ? !user.online : truth->user == user, "others see the truth of a visible user");
      require(user.online || (user.activity.empty() && user.availability == Availability::offline),
              "only somebody online is available and does something");
      require(!user.online || user.availability != Availability::offline, "whoever is online is not offline");
      examine_devices(s, user, *truth);
    }
    require(users == s.size() && online == s.online_count() && s.empty() == (users == 0),
            "the counts are what is seen");
    if (!sees(s, slot.views)) wrong("the changes told lead to what is seen", s, s);
    require(!s.view(long_text(256)) || s.rules().max_id_bytes >= 256, "nobody has too long an id");
    require(!s.view("") && !s.inspect(""), "nobody has no id");

    if (const detail::Root* const root = detail::SnapshotAccess::read(s)) {
      require(root->table.is_sound(), "everything in the table is where it has to be");
      for (const detail::RowView row : root->table) examine_registers(row, *root);
    }
    examine_deadline(s, slot.views);
  }

  /// Who has one device, and of whom nothing else is known that makes them online, is what that device is.
  static void examine_devices(const Snapshot& s, const UserView& user, const PresenceState& truth) {
    const std::vector<Device> devices = s.devices(user.id), own = s.devices(user.id, Viewer(user.id));
    require(devices.empty() || (s.rules().show_devices && user.online), "devices are shown of users who are online");
    require(truth.invisible_since ? devices.empty() : devices == own, "users see their devices as others do");
    for (std::size_t i = 0; i < devices.size(); ++i) {
      require(devices[i].availability != Availability::offline, "a device that is shown is online");
      require(i == 0 || devices[i - 1].session < devices[i].session, "devices are in order");
    }
    const detail::RowView row = detail::SnapshotAccess::read(s)->table.find(user.id);
    const bool is_reported = row->registers().report() != nullptr;
    if (s.rules().show_devices && user.online) require(!devices.empty() || is_reported, "who is online has a device");
    if (devices.size() != 1 || is_reported) return;
    require(truth.choice ? user.availability == *truth.choice : user.availability == devices[0].availability,
            "one device decides, unless its user does");
    require(user.activity == AttributesView(devices[0].activity), "one device decides what its user does");
  }

  static void examine_deadline(const Snapshot& s, const Views& views) {
    const std::optional<Timestamp> deadline = s.next_deadline(), now = s.now();
    if (!deadline) {
      if (!now || *now < last_instant) {
        Snapshot far = s;
        apply(far, last_instant,
              [](const UserPresenceChangedView&) { wrong("without a deadline time changes nothing"); });
        require(far.size() == s.size() && far.online_count() == s.online_count(), "without a deadline the counts stay");
      }
      return;
    }
    require(!now || *now < *deadline, "the next deadline is later than now");
    const Timestamp just_before = *deadline - one_ns;
    if (now ? just_before > *now : just_before != Timestamp::lowest()) {
      const Snapshot before = reduce(s, just_before);
      require(sees(before, views), "nothing changes before the next deadline");
      require(before.next_deadline() == deadline, "the next deadline stays where it is until it passes");
    }
    Snapshot at = s;
    Changes changes;
    require(apply(at, *deadline, into(changes)) == Verdict::applied && !changes.empty(),
            "something changes at the next deadline");
    for (const UserPresenceChanged& change : changes) {
      require(change.at == *deadline && is_of_time(change, s.rules()),
              "what changes at a deadline is that a text ends, or somebody turns idle, goes offline or is forgotten");
    }
  }

  /// With what it was, and with the others, of which some know nearly the same.
  void compare(Slot& slot) {
    slot.digest = slot.s.digest();
    for (const Slot& other : slots_) {
      require((slot.s == other.s) == (slot.digest == other.digest), "equal snapshots have equal digests");
    }
    const Kept& kept = kept_[compared_++ % kept_.size()];
    require(kept.s.digest() == kept.digest, "a copy keeps its digest");
    require((slot.s == kept.s) == (have_same_rules(slot.s, kept.s) && slot.digest == kept.digest),
            "equal snapshots have equal digests");
  }

  /// Whether all that is kept of the user is below the caps: then nothing was dropped for want of room just now.
  static bool has_space(const detail::UserRegisters& user, const detail::Root& root) {
    const Rules& rules = root.rules;
    std::size_t live = 0, reports = 0;
    for (const detail::SessionRegisters& session : user.sessions) {
      reports += session.is_report() ? 1u : 0u;
      live += !session.is_report() && detail::live(session, root.now, rules) ? 1u : 0u;
      if (session.disconnects().size() >= rules.max_recent_per_user ||
          session.earlier_runs().size() >= rules.max_recent_per_user)
        return false;
    }
    // Of two nodes that merge, each is far from the limits of data.
    if (user.data &&
        (user.data->names() > rules.max_data_names / 4 || user.data->bytes() > rules.max_user_data_bytes / 4))
      return false;
    return live < rules.max_sessions_per_user && user.sessions.size() - live - reports < rules.max_recent_per_user &&
           user.visibility_changes.size() < rules.max_recent_per_user &&
           user.activities.size() < rules.max_recent_per_user && user.dropped_range == detail::DroppedRange();
  }
  static bool has_space(const Snapshot& s) {
    const detail::Root* const root = detail::SnapshotAccess::read(s);
    if (root == nullptr) return true;
    if (root->rules.forget_after != Duration::highest()) return false;
    for (const detail::RowView row : root->table) {
      if (!has_space(row.unpacked(), *root)) return false;
    }
    return true;
  }
  /// Users who are just being forgotten by age may lack an event that comes in another order as well.
  static bool has_space_for(std::string_view id, const Snapshot& s) {
    const detail::Root* const root = detail::SnapshotAccess::read(s);
    const detail::RowView row = root != nullptr ? root->table.find(id) : nullptr;
    // Nothing is kept of a removal while there are too many users whom nobody knows.
    if (root != nullptr && row == nullptr && root->table.size() >= s.rules().max_users) return false;
    return s.rules().forget_after == Duration::highest() && (row == nullptr || has_space(row->unpacked(), *root));
  }

  // ---- operations -------------------------------------------------------------------------------------------------

  void operate(Slot& slot, unsigned what) {
    const unsigned how = in_.take();
    Slot& other = slots_[how % slots_.size()];
    switch (what) {
      case 8:
      case 9:
      case 10: pass(slot, instant(slot.s)); break;
      case 11:
        if (how < 128) {
          pass(slot, instant(slot.s));
        } else {
          static constexpr std::int64_t patiences[] = {3, 0, 1, 10, -2, INT64_MAX};
          come_back(slot, instant(slot.s), Duration::from_ns(patiences[how / 3 % 6]) * unit_);
        }
        break;
      case 12: fold_batch(slot, events(slot.s, 6)); break;
      case 13:
      case 14: replay_log(slot, events(slot.s, 6)); break;
      case 15:
      case 16: join(slot, other.s); break;
      case 17: forget(slot); break;
      case 18:
      case 19: take_list(slot); break;
      case 20: keep(slot); break;
      case 21: copy_and_move(slot, other); break;
      case 22: tell_differences(slot, other); break;
      case 23:
      case 24: try_orders(slot); break;
      case 25: split_time(slot); break;
      case 26:
      case 27: try_nodes(slot); break;
      case 28:
      case 29: hide(slot); break;
      case 30: meet_a_stranger(slot); break;
      case 31: crowd(slot); break;
      default: fold(slot, event(slot.s)); break;
    }
  }

  Verdict fold(Slot& slot, const PresenceEventView& e) {
    if (tracing()) trace("  " + told(e));
    const Snapshot before = slot.s;
    Changes changes;
    const Verdict verdict = apply(slot.s, e, into(changes));
    if (tracing()) trace("    verdict " + std::to_string(static_cast<int>(verdict)));
    require(is_same(before, slot.s) == (verdict != Verdict::applied),
            "the verdict says whether the snapshot is what it was");
    require(changes.size() <= (verdict == Verdict::applied ? 1u : 0u), "an event makes one change at most");
    for (const UserPresenceChanged& change : changes) {
      require(change.id == e.user && change.at == before.now().value_or(e.at), "a change is about its event");
    }
    follow(slot.views, changes);
    require(slot.s.now() == before.now(), "an event passes no time");
    Snapshot moved = before;
    moved = reduce(std::move(moved), e);
    require_equal(moved, slot.s, "reduce does what apply does");
    if (accepted(verdict) && has_space_for(e.user, slot.s)) {
      require(presence::apply(moved, e, [](const UserPresenceChangedView&) {}) == Verdict::unchanged,
              "an event counts once");
    }
    return verdict;
  }

  Verdict pass(Slot& slot, Timestamp to) {
    if (tracing()) trace("  advance to " + told(to));
    const Snapshot before = slot.s;
    Changes changes;
    const Verdict verdict = apply(slot.s, to, into(changes));
    const bool is_instant = to != Timestamp::lowest() && to != Timestamp::highest();
    require(verdict == (!is_instant                           ? Verdict::invalid
                        : before.now() && to <= *before.now() ? Verdict::unchanged
                                                              : Verdict::applied),
            "time passes forwards");
    require(is_same(before, slot.s) == (verdict != Verdict::applied), "the verdict says whether time has passed");
    require_order(changes, true, &slot.s.rules());
    for (const UserPresenceChanged& change : changes) {
      require(change.at <= to && (!before.now() || change.at > *before.now()), "what time changes, changes meanwhile");
      require(is_of_time(change, before.rules()), "time turns nobody online");
    }
    follow(slot.views, changes);
    return verdict;
  }

  /// A host that was away comes back: nobody goes offline or idle by silence before it was patient for long enough.
  void come_back(Slot& slot, Timestamp to, Duration patience) {
    if (tracing()) trace("  resume at " + told(to) + " with a patience of " + std::to_string(patience.ns()));
    const Snapshot before = slot.s;
    Snapshot no_callback = before;
    Changes changes;
    resume(slot.s, to, patience, into(changes));
    resume(no_callback, to, patience);
    require_equal(slot.s, no_callback, "who does not listen changes nothing");
    const bool is_instant = to != Timestamp::lowest() && to != Timestamp::highest();
    if (!is_instant || (before.now() && to <= *before.now())) {
      require_equal(slot.s, before, "nobody comes back before they left");
      require(changes.empty(), "nobody comes back before they left");
      return;
    }
    require(slot.s.now() == to, "whoever comes back does so now");
    require_order(changes, true, &slot.s.rules());
    for (const UserPresenceChanged& change : changes) {
      require(change.at <= to && (!before.now() || change.at > *before.now()), "what time changes, changes meanwhile");
      require(is_of_time(change, before.rules()), "time turns nobody online");
    }
    follow(slot.views, changes);
    if (patience <= Duration()) return;
    const Timestamp last = (std::min)(to + (patience - one_ns), last_instant - one_ns);
    const Snapshot patient = last > to ? reduce(slot.s, last) : slot.s;
    for (const UserView user : before) {
      const std::optional<PresenceState> state = before.inspect(user.id);
      bool is_live = false;
      for (const Session& session : state->sessions) is_live = is_live || session.alive;
      if (!is_live || state->invisible_since) continue;
      require(patient.online(user.id), "whoever has a live session is held online");
      const detail::RowView row = detail::SnapshotAccess::read(before)->table.find(user.id);
      const bool has_timeout = rules_.session_timeout != Duration();
      if (!has_timeout || state->sessions.size() != 1 || state->choice || row->registers().report() != nullptr)
        continue;
      if (user.availability != Availability::idle)
        require(patient.view(user.id)->availability == user.availability, "nobody turns idle by silence");
    }
  }

  void fold_batch(Slot& slot, const Events& list) {
    trace_all("batch", list);
    Snapshot one_by_one = slot.s, no_callback = slot.s;
    Changes told_of_one, changes;
    Tally tally_of_one;
    for (const PresenceEventView& e : list) tally_of_one.count(apply(one_by_one, e, into(told_of_one)));
    require(apply(slot.s, list.begin(), list.end(), into(changes)) == tally_of_one,
            "a batch has the verdicts of its events");
    require(changes == told_of_one, "a batch tells what its events tell");
    require_equal(slot.s, one_by_one, "a batch does what its events do");
    require(apply(no_callback, list.begin(), list.end()) == tally_of_one, "who does not listen makes no difference");
    require_equal(slot.s, no_callback, "who does not listen changes nothing");
    follow(slot.views, changes);
  }

  void replay_log(Slot& slot, const Events& list) {
    trace_all("replay", list);
    const Snapshot before = slot.s;
    Snapshot no_callback = before, expected = before;
    Tally tally;
    for (const PresenceEventView& e : list) {
      const bool is_instant = e.at != Timestamp::lowest() && e.at != Timestamp::highest();
      Snapshot there = is_instant ? reduce(expected, e.at) : expected;
      const Verdict verdict = apply(there, e, [](const UserPresenceChangedView&) {});
      tally.count(verdict);
      if (accepted(verdict)) expected = std::move(there);
    }
    Changes changes;
    require(replay(slot.s, list.begin(), list.end(), into(changes)) == tally,
            "a log has the verdicts of its events, each in its time");
    require_same(slot.s, expected, "a log is folded while time follows it");
    require(replay(no_callback, list.begin(), list.end()) == tally, "who does not listen makes no difference");
    require_equal(slot.s, no_callback, "who does not listen changes nothing");
    for (std::size_t i = 1; i < changes.size(); ++i)
      require(changes[i - 1].at <= changes[i].at, "a log is told in order");
    follow(slot.views, changes);
    if (list.size() == 1) {
      Snapshot single = before;
      Changes told_of_single;
      Tally counted;
      counted.count(replay(single, list[0], into(told_of_single)));
      require(counted == tally && told_of_single == changes, "a log of one event is one event");
      require_equal(single, slot.s, "a log of one event does what that event does");
    }
  }

  void join(Slot& slot, const Snapshot& other) {
    if (tracing()) trace("  merge " + told(other));
    const Snapshot before = slot.s, theirs = other;
    const Snapshot there = merge(theirs, before);
    Changes changes;
    merge_into(slot.s, theirs, into(changes));
    require_same(slot.s, there, "merge is commutative");
    require_equal(slot.s, merge(slot.s, Snapshot(slot.s)), "merge is idempotent");
    require_equal(before, merge(before, reseeded(before)), "merge with what is equal changes nothing");
    require_equal(before, merge(before, Snapshot(rules_)), "merge with nothing changes nothing");
    require_order(changes, true);
    for (const UserPresenceChanged& change : changes) {
      require(!slot.s.now() || change.at <= *slot.s.now(), "a merge tells nothing that is later than its now");
      require(!before.now() || change.at >= *before.now(), "a merge tells nothing of the past");
    }
    require(slot.s.now() == (std::max)(before.now(), theirs.now()), "a merge is at the later instant");
    follow(slot.views, changes);
  }

  /// The same in a snapshot of another seed, that shares nothing with it.
  static Snapshot reseeded(const Snapshot& s) {
    Rules rules = s.rules();
    rules.hash_seed ^= 0xD1B54A32D192ED03u;
    const Snapshot other = merge(Snapshot(rules), s);
    require_equal(other, s, "nothing merged with a snapshot is that snapshot, whatever the seed");
    return other;
  }

  void forget(Slot& slot) {
    if (tracing()) trace("  forget reports");
    const Snapshot before = slot.s;
    Changes changes;
    forget_reports_in(slot.s, into(changes));
    require_order(changes, true);
    for (const UserPresenceChanged& change : changes) {
      const bool forgotten = !change.after && before.rules().forget_after != Duration::highest();
      const bool decides_no_more = change.after && change.after->online && !change.online_changed();
      require(forgotten || (change.after && (!change.after->online || decides_no_more) && !change.status_changed() &&
                            !change.last_active_changed() && !change.data_changed()),
              "without reports somebody may be offline, or something else decides their availability");
      require(!before.now() || change.at == *before.now(), "what is forgotten, is so now");
    }
    follow(slot.views, changes);
    require_equal(forget_reports(before), slot.s, "forget_reports does what forget_reports_in does");
    require_equal(forget_reports(slot.s), slot.s, "forgetting twice is forgetting once");
  }

  void take_list(Slot& slot) {
    Events list = events(slot.s, 5);
    const unsigned how = in_.take();
    for (PresenceEventView& e : list) {
      if (how % 8 != 7) e.type = EventType::report;
      if (how % 4 != 3) e.online = true;
    }
    if (how / 8 % 4 == 0) list.clear();
    const Timestamp as_of = instant(slot.s);
    trace_all(tracing() ? ("resync as of " + told(as_of)).c_str() : "", list);
    const Snapshot before = slot.s;
    Snapshot no_callback = before;
    Changes changes;
    const Tally tally = resync(slot.s, list.begin(), list.end(), as_of, into(changes));
    require(tally.total() == list.size(), "every report of a list has a verdict");
    require(resync(no_callback, list.begin(), list.end(), as_of) == tally, "who does not listen makes no difference");
    require_equal(slot.s, no_callback, "who does not listen changes nothing");
    require(slot.s.now() == before.now(), "a list passes no time");
    require_order(changes, true);
    for (const UserPresenceChanged& change : changes)
      require(change.at == before.now().value_or(as_of), "a list is of now");
    follow(slot.views, changes);
  }

  void keep(const Slot& slot) {
    if (tracing()) trace("  keep a copy");
    Kept& place = kept_[next_kept_++ % kept_.size()];
    place.digest = slot.s.digest();
    place.s = slot.s;
  }

  static void copy_and_move(Slot& slot, Slot& other) {
    if (tracing()) trace("  copy and move");
    Snapshot copy = slot.s, moved = std::move(copy);
    require_same(copy, Snapshot(), "what was moved from is empty");
    require(copy.rules() == Rules() && copy.empty() && !copy.now(), "what was moved from is as new");
    require_equal(moved, slot.s, "what was moved to is what was moved");
    Snapshot& same = moved;
    moved = same;
    require_equal(moved, slot.s, "what is assigned to itself stays");
    other = slot;
  }

  static void tell_differences(const Slot& slot, const Slot& other) {
    if (tracing()) trace("  differences");
    Views views = slot.views;
    Changes changes;
    diff(slot.s, other.s, into(changes));
    require_order(changes, true);
    follow(views, changes);
    require(views == other.views, "differences lead from what one shows to what the other shows");
  }

  // ---- laws -------------------------------------------------------------------------------------------------------

  /// Law 1: a set of events, none of them refused, in several orders.
  void try_orders(Slot& slot) {
    const Events list = events(slot.s, 8);
    const unsigned how = in_.take();
    const Timestamp last = instant(slot.s), middle = instant(slot.s);
    trace_all("in several orders", list);
    const Snapshot before = slot.s;
    bool all_count = has_space(before);
    for (const PresenceEventView& e : list)
      all_count = accepted(fold(slot, e)) && has_space_for(e.user, slot.s) && all_count;
    if (!accepted(pass(slot, last)) || !all_count) return;

    if (tracing())
      trace("  which must be the same in other orders, up to " + told(last) + " by way of " + told(middle));
    for (int order = 0; order < 3; ++order) {
      Snapshot s = order == 1 ? reseeded(before) : before;
      Events arrivals = list;
      if (order != 1) std::reverse(arrivals.begin(), arrivals.end());
      if (order != 0)
        std::rotate(arrivals.begin(), arrivals.begin() + static_cast<std::ptrdiff_t>(how % list.size()),
                    arrivals.end());
      for (std::size_t i = 0; i < list.size(); ++i) {
        if (how >> i & 1) arrivals.push_back(list[i]);
      }
      std::size_t until_middle = order == 0 ? arrivals.size() : how / 8 % arrivals.size();
      bool these_count = true;
      for (const PresenceEventView& e : arrivals) {
        if (until_middle-- == 0 && middle <= last) s = reduce(std::move(s), middle);
        const Verdict verdict = apply(s, e, [](const UserPresenceChangedView&) {});
        these_count = these_count && accepted(verdict) && has_space_for(e.user, s);
      }
      if (!these_count) continue;
      s = reduce(std::move(s), last);
      require_same(s, slot.s, "order does not matter");
      require(sees(s, slot.views) && s.next_deadline() == slot.s.next_deadline(),
              "order does not matter to what is seen");
    }
  }

  /// Law 2: time in two steps is time in one.
  void split_time(Slot& slot) {
    Timestamp middle = instant(slot.s), last = instant(slot.s);
    if (last < middle) std::swap(middle, last);
    if (last == Timestamp::highest() || middle == Timestamp::lowest()) return;
    if (tracing()) trace("  time split at " + told(middle));
    Snapshot split = slot.s, whole = slot.s;
    Changes told_of_split, told_of_whole;
    apply(split, middle, into(told_of_split));
    apply(split, last, into(told_of_split));
    apply(whole, last, into(told_of_whole));
    require_same(split, whole, "time is additive");
    require(told_of_split == told_of_whole, "time split tells what time tells");
    pass(slot, last);
    require_equal(slot.s, whole, "time passes alike");
  }

  /// Law 3: two nodes that merge are one node.
  void try_nodes(Slot& slot) {
    const Snapshot before = slot.s;
    std::array<Snapshot, 2> node = {before, reseeded(before)};
    bool all_count = has_space(before);
    std::vector<std::pair<PresenceEventView, bool>> sent;  // and whether both heard of it
    const std::size_t steps = 1 + in_.take() % 8;
    for (std::size_t i = 0; i < steps; ++i) {
      const unsigned what = in_.take();
      Snapshot& one = node[what % 2];
      if (what / 2 % 4 == 3) {
        const Timestamp to = instant(one);
        if (tracing()) trace("  node " + std::to_string(what % 2) + " advances to " + told(to));
        apply(one, to, [](const UserPresenceChangedView&) {});
        continue;
      }
      const PresenceEventView e = event(one);
      const bool to_both = what / 8 % 4 == 3;
      if (tracing()) trace("  node " + std::to_string(what % 2) + (to_both ? " and the other: " : ": ") + told(e));
      for (Snapshot& s : node) {
        if (!to_both && &s != &one) continue;
        all_count =
            accepted(apply(s, e, [](const UserPresenceChangedView&) {})) && has_space_for(e.user, s) && all_count;
      }
      sent.emplace_back(e, to_both);
    }
    const std::optional<Timestamp> newest = (std::max)(node[0].now(), node[1].now());
    bool any_old = false;
    Snapshot single = before;
    for (const auto& [e, to_both] : sent) {
      const bool is_old = newest && e.at < *newest - rules_.reorder_window;
      if (is_old && !to_both) all_count = false;
      if (is_old) any_old = true;
      if (newest && single.now() && e.at > *single.now() + rules_.max_clock_skew)
        single = reduce(std::move(single), (std::min)(e.at - rules_.max_clock_skew, *newest));
      all_count = accepted(apply(single, e, [](const UserPresenceChangedView&) {})) && has_space_for(e.user, single) &&
                  all_count;
    }
    if (newest) single = reduce(std::move(single), *newest);

    join(slot, node[0]);
    join(slot, node[1]);
    if (!all_count) return;
    const Snapshot merged = merge(node[0], node[1]);
    if (!has_space(merged)) return;
    if (tracing()) trace("  which must be one node");
    require_same(merged, single, "what two nodes know together is what one would know");
    require_same(merged, merge(node[1], node[0]), "merge is commutative");
    require_same(merged, merge(merged, node[0]), "what is known already changes nothing");
    require_same(merged, merge(node[1], merged), "what is known already changes nothing");
    // Who still is where all began lacks all of it.
    if (!any_old) require_same(merged, slot.s, "merge is associative");
  }

  /// Law 4: what an invisible user does cannot be told from nothing.
  void hide(Slot& slot) {
    PresenceEventView visibility_change = event(slot.s);
    if (visibility_change.type != EventType::set_visible) visibility_change.type = EventType::connect;
    visibility_change.invisible = true;
    fold(slot, visibility_change);
    const std::optional<PresenceState> truth = slot.s.inspect(visibility_change.user);
    if (!truth || !truth->invisible_since) return;
    const Timestamp cut = *truth->invisible_since;
    if (tracing())
      trace("  what follows is not seen of " + told(visibility_change.user) + ", invisible since " + told(cut));

    const Snapshot before = slot.s;
    Slot without = slot;
    const std::size_t steps = 1 + in_.take() % 8;
    for (std::size_t i = 0; i < steps; ++i) {
      if (!slot.s.inspect(visibility_change.user)) break;  // forgotten by age: from now on a new user
      const unsigned what = in_.take();
      Changes changes, changes_without;
      if (what % 4 == 3) {
        const Timestamp to = instant(slot.s);
        if (tracing()) trace("  advance to " + told(to));
        apply(slot.s, to, into(changes));
        apply(without.s, to, into(changes_without));
      } else {
        PresenceEventView e = event(slot.s);
        if (what % 4 != 2) e.user = visibility_change.user;
        const bool is_private = e.type != EventType::report && e.type != EventType::set_status &&
                                e.type != EventType::set_data && e.type != EventType::remove;
        const bool is_hidden = is_private && e.user == visibility_change.user && e.at >= cut;
        if (is_hidden && detail::sets_visibility(e) && !*e.invisible) break;
        if (tracing()) trace((is_hidden ? "  hidden: " : "  ") + told(e));
        const Verdict verdict = apply(slot.s, e, into(changes));
        if (!is_hidden) {
          const Verdict verdict_without = apply(without.s, e, into(changes_without));
          require(accepted(verdict) == accepted(verdict_without),
                  "what an invisible user does decides over no other event");
        } else if (e.status && accepted(verdict)) {
          PresenceEventView text = PresenceEventView::set_status(e.user, *e.status, e.at);
          text.until = e.until;
          require(accepted(apply(without.s, text, into(changes_without))), "a text of an invisible user is a text");
        }
      }
      require(changes == changes_without, "nothing is told of an invisible user");
      follow(slot.views, changes);
      follow(without.views, changes_without);
      if (!sees(slot.s, without.views) || !sees(without.s, without.views))
        wrong("nothing is seen of an invisible user", slot.s, without.s);
      require(slot.s.size() == without.s.size() && slot.s.online_count() == without.s.online_count(),
              "an invisible user does not count");
      require(slot.s.devices(visibility_change.user).empty(), "an invisible user has no device");
      require(slot.s.next_deadline() == without.s.next_deadline(), "an invisible user has no deadline");
    }
    const auto differences = [](const Snapshot& from, const Snapshot& to) {
      Changes changes;
      diff(from, to, into(changes));
      return changes;
    };
    require(differences(before, slot.s) == differences(before, without.s), "an invisible user makes no difference");
    require(differences(slot.s, before) == differences(without.s, before), "an invisible user makes no difference");
    const auto told_of_merge = [](Snapshot s, const Snapshot& other) {
      Changes changes;
      merge_into(s, other, into(changes));
      return changes;
    };
    require(told_of_merge(Snapshot(rules_), slot.s) == told_of_merge(Snapshot(rules_), without.s),
            "who merges hears nothing of an invisible user");
    const auto told_of_forgetting = [](Snapshot s) {
      Changes changes;
      forget_reports_in(s, into(changes));
      return changes;
    };
    require(told_of_forgetting(slot.s) == told_of_forgetting(without.s),
            "who forgets hears nothing of an invisible user");
  }

  /// A snapshot of other rules.
  void meet_a_stranger(const Slot& slot) {
    if (tracing()) trace("  meet a stranger");
    Slot stranger{Snapshot(in_.take() % 2 ? Rules() : Rules::mirror()), {}};
    Changes changes;
    merge_into(stranger.s, slot.s, into(changes));
    require_order(changes, true);
    follow(stranger.views, changes);
    require(sees(stranger.s, stranger.views), "a stranger who merges is told of all");
    require(!(stranger.s == slot.s) || stranger.s.rules() == slot.s.rules(), "what has other rules is not equal");
    examine_deadline(stranger.s, stranger.views);
    tell_differences(slot, stranger);
    tell_differences(stranger, slot);
  }

  /// More users than a page of the table has room for.
  void crowd(Slot& slot) {
    const unsigned how = in_.take();
    const Timestamp at = instant(slot.s);
    const std::size_t count = 10 + how % 4 * 35;
    std::vector<std::string> ids(count);
    Events list(count);
    for (std::size_t i = 0; i < count; ++i) {
      const std::size_t number = how & 4 ? i : i * 37 % 191;
      ids[i] = {'m', static_cast<char>('a' + number / 20), static_cast<char>('a' + number % 20)};
      const Timestamp then = at + Duration::from_ns(how & 8 ? static_cast<std::int64_t>(i % 3) * unit_ : 0);
      list[i] = how & 16   ? PresenceEventView::disconnect(ids[i], "1", then)
                : how & 32 ? PresenceEventView::set_status(ids[i], "x", then)
                           : PresenceEventView::heartbeat(ids[i], "1", then);
    }
    if (tracing()) trace("  " + std::to_string(count) + " more users, the first: " + told(list[0]));
    Changes changes;
    apply(slot.s, list.begin(), list.end(), into(changes));
    follow(slot.views, changes);
  }

  Bytes in_;
  std::int64_t unit_ = 1, origin_ = 0;
  Rules rules_;
  std::array<Slot, 3> slots_;
  std::array<Kept, 3> kept_;
  std::size_t next_kept_ = 0, compared_ = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Interpreter(Bytes(data, size)).run();
  return 0;
}
