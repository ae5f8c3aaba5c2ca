// Records who was online when, for a picture of the last hour.
#ifndef PRESENCE_SERVICE_LAST_HOUR_HPP
#define PRESENCE_SERVICE_LAST_HOUR_HPP

#include <presence/presence.hpp>

#include <algorithm>
#include <cstddef>
#include <deque>
#include <functional>
#include <iterator>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace service {

/// What others saw of each user in the last hour, and when a user was invisible, for that user alone.
///
/// Memory is bounded. If there are more than `most_users`, further users are recorded when earlier ones have left the
/// hour. If a user changed more than `most_spans` times, the oldest spans are dropped. Invisible users take no capacity
/// from others.
class LastHour {
 public:
  static constexpr std::size_t most_users = 10'000, most_spans = 120;

  /// Records from `start` on.
  explicit LastHour(presence::Timestamp start) : start_(start) {}

  /// Records a change that others see. Call it from `Store::on_change`.
  void add(const presence::UserPresenceChanged& change) {
    if (!change.after) {
      seen_.erase(change.id);
      return;
    }
    set(seen_, change.id, state_of(*change.after), change.at);
  }

  /// Records whether a user is online and invisible. No change is emitted for what an invisible user does, so call it
  /// after each event of the user, when one of their sessions has ended, and before `to_json`.
  void set_own(std::string_view id, const std::optional<presence::UserView>& own, presence::Timestamp at) {
    const bool is_hidden = own && own->online && own->invisible;
    set(hidden_, id, is_hidden ? "invisible" : "", at);
  }

  /// Returns the last hour before `now` as the viewer saw it:
  /// `{"now":…,"from":…,"users":[{"id":…,"spans":[{"from":…,"to":…,"state":"away"}]}]}`. `from` is when the hour or
  /// the record began. States are online, busy, away and idle; the viewer alone has invisible. A user is offline
  /// between two spans. Lists `ids`, or if there are none, the first `limit` users in order of their ids.
  std::string to_json(std::string_view viewer, presence::Timestamp now, const std::vector<std::string>& ids = {},
                      std::size_t limit = 100) {
    forget_before(now - hour);
    const presence::Timestamp from = std::max(start_, now - hour);
    std::string out =
        R"({"now":")" + presence::to_string(now) + R"(","from":")" + presence::to_string(from) + R"(","users":[)";
    std::size_t count = 0;
    const auto put = [&](std::string_view id) {
      std::vector<Span> spans;
      const auto take = [&](const Tracks& tracks) {
        const auto found = tracks.find(id);
        if (found != tracks.end()) spans.insert(spans.end(), found->second.begin(), found->second.end());
      };
      take(seen_);
      if (id == viewer) take(hidden_);
      if (spans.empty() || count == limit) return;
      std::stable_sort(spans.begin(), spans.end(), [](const Span& a, const Span& b) { return a.from < b.from; });
      out += count++ == 0 ? R"({"id":)" : R"(,{"id":)";
      append_json(out, presence::Value(std::string(id)));
      out += R"(,"spans":[)";
      for (std::size_t i = 0; i < spans.size(); ++i) {
        const Span& span = spans[i];
        out += i == 0 ? "" : ",";
        out += R"({"from":")" + presence::to_string(std::max(span.from, from)) + R"(","to":")";
        out += presence::to_string(std::clamp(span.is_open ? now : span.to, from, now));
        out += R"(","state":")" + std::string(span.state) + R"("})";
      }
      out += "]}";
    };
    if (ids.empty()) {
      // The viewer may be in neither record or in both.
      put(viewer);
      for (const auto& [id, spans] : seen_) {
        if (id != viewer) put(id);
      }
    } else {
      for (const std::string& id : ids) put(id);
    }
    return out + "]}";
  }

 private:
  static constexpr presence::Duration hour = presence::Duration::from_s(3600);

  struct Span {
    presence::Timestamp from, to;
    std::string_view state;  // a literal
    bool is_open = false;
  };
  using Tracks = std::map<std::string, std::deque<Span>, std::less<>>;

  static std::string_view state_of(const presence::User& user) {
    if (!user.online) return "";
    switch (user.availability) {
      case presence::Availability::busy: return "busy";
      case presence::Availability::away: return "away";
      case presence::Availability::idle: return "idle";
      case presence::Availability::offline:
      case presence::Availability::available: break;
    }
    return "online";
  }

  /// Begins a span, unless the last one already has the state. An empty state only ends the last one.
  void set(Tracks& tracks, std::string_view id, std::string_view state, presence::Timestamp at) {
    auto found = tracks.find(id);
    if (found == tracks.end()) {
      if (state.empty()) return;
      if (tracks.size() >= most_users) forget_before(tracks, at - hour);
      if (tracks.size() >= most_users) return;
      found = tracks.emplace(std::string(id), std::deque<Span>()).first;
    }
    std::deque<Span>& spans = found->second;
    if (!spans.empty() && spans.back().is_open) {
      Span& last = spans.back();
      if (last.state == state) return;
      last.is_open = false;
      last.to = std::max(at, last.from);
      if (last.to == last.from) spans.pop_back();
    }
    if (!state.empty()) spans.push_back(Span{at, at, state, true});
    if (spans.size() > most_spans) spans.pop_front();
    if (spans.empty()) tracks.erase(found);
  }

  void forget_before(presence::Timestamp time) {
    forget_before(seen_, time);
    forget_before(hidden_, time);
  }
  static void forget_before(Tracks& tracks, presence::Timestamp time) {
    for (auto it = tracks.begin(); it != tracks.end();) {
      std::deque<Span>& spans = it->second;
      while (!spans.empty() && !spans.front().is_open && spans.front().to <= time) spans.pop_front();
      it = spans.empty() ? tracks.erase(it) : std::next(it);
    }
  }

  presence::Timestamp start_;
  Tracks seen_, hidden_;
};

}  // namespace service

#endif  // PRESENCE_SERVICE_LAST_HOUR_HPP
