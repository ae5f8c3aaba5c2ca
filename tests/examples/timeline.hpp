// Draws who was online when: a row per user and a step chart of their number, as SVG or as a page of HTML.
#ifndef PRESENCE_EXAMPLES_TIMELINE_HPP
#define PRESENCE_EXAMPLES_TIMELINE_HPP

#include <presence/presence.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace timeline {

/// How a user who is online appears to the viewer. An invisible user appears so only to themselves.
enum class State : std::uint8_t { available, busy, away, idle, invisible };
inline constexpr State states[] = {State::available, State::busy, State::away, State::idle, State::invisible};

/// From `begin` to `end`, the user had one state and one status text.
struct Span {
  presence::Timestamp begin, end;
  State state;
  std::string status;
};

/// The spans of one user in order of time, without overlaps.
struct Track {
  std::vector<Span> spans;
  bool is_open = false;  ///< the last span has not ended yet
};

/// Records what a viewer sees of all users while a log is replayed. O(changes) memory.
class Recorder {
 public:
  /// An empty id stands for a viewer who is none of the users.
  explicit Recorder(std::string viewer) : viewer_(std::move(viewer)) {}

  /// Records a change that others see. Call it from the library's callback.
  void add(const presence::UserPresenceChangedView& change) {
    // The viewer has a truer view of themselves, see `step`.
    if (change.id != viewer_) set(change.id, change.after, change.at);
  }

  /// Call this after each step of the replay, with the snapshots before and after it.
  void step(const presence::Snapshot& before, const presence::Snapshot& after) {
    if (!after.now()) return;
    if (!first_) first_ = after.now();
    last_ = after.now();
    if (viewer_.empty()) return;
    // The library emits no change that only an invisible user sees. So the view is read at each of their deadlines.
    presence::Snapshot passing = before;
    for (auto next = own_deadline(passing); next && *next < *last_; next = own_deadline(passing)) {
      presence::apply(passing, *next);
      set(viewer_, passing.view(viewer_, presence::Viewer(viewer_)), *next);
    }
    set(viewer_, after.view(viewer_, presence::Viewer(viewer_)), *last_);
  }

  const std::string& viewer() const { return viewer_; }
  /// The users that the viewer knows of, in order of their ids.
  const std::map<std::string, Track, std::less<>>& tracks() const { return tracks_; }
  presence::Timestamp first() const { return first_.value_or(presence::Timestamp()); }
  presence::Timestamp last() const { return last_.value_or(presence::Timestamp()); }

 private:
  /// Returns when the viewer's own view may change next without an event.
  std::optional<presence::Timestamp> own_deadline(const presence::Snapshot& snapshot) const {
    const auto state = snapshot.inspect(viewer_);
    std::optional<presence::Timestamp> next;
    if (!state || !snapshot.now()) return next;
    const auto consider = [&next, now = *snapshot.now()](std::optional<presence::Timestamp> at) {
      if (at && *at > now && (!next || *at < *next)) next = at;
    };
    consider(state->choice_until);
    consider(state->status_until);
    for (const presence::Session& session : state->sessions) {
      consider(session.online_until);
      if (session.active) consider(*session.active + snapshot.rules().idle_after);
    }
    return next;
  }

  static std::optional<State> state_of(const std::optional<presence::UserView>& user) {
    if (!user || !user->online) return std::nullopt;
    if (user->invisible) return State::invisible;
    switch (user->availability) {
      case presence::Availability::busy: return State::busy;
      case presence::Availability::away: return State::away;
      case presence::Availability::idle: return State::idle;
      case presence::Availability::offline:
      case presence::Availability::available: break;
    }
    return State::available;
  }

  void set(std::string_view id, const std::optional<presence::UserView>& user, presence::Timestamp at) {
    auto found = tracks_.find(id);
    if (found == tracks_.end()) {
      if (!user) return;
      found = tracks_.emplace(std::string(id), Track()).first;
    }
    Track& track = found->second;
    const std::optional<State> state = state_of(user);
    if (track.is_open) {
      Span& last = track.spans.back();
      if (state == last.state && user->status == last.status) return;
      last.end = at;
      if (last.begin == at) track.spans.pop_back();  // two changes with one timestamp
    }
    track.is_open = state.has_value();
    if (state) track.spans.push_back(Span{at, at, *state, std::string(user->status)});
  }

  std::string viewer_;
  std::map<std::string, Track, std::less<>> tracks_;
  std::optional<presence::Timestamp> first_, last_;
};

namespace detail {

// All lengths are in tenths of a pixel.
using Length = std::int64_t;

constexpr Length width = 9600, plot_left = 1440, plot_width = 8000, plot_right = plot_left + plot_width;
constexpr Length row_height = 180, chart_height = 900;
constexpr Length least_width = 10;  // of a bar, so that short spans remain visible
constexpr std::size_t most_rows = 60, most_name_cells = 18;

constexpr const char* drawing_style = R"(
text{font:11px system-ui,"Segoe UI",Roboto,"DejaVu Sans",sans-serif;fill:#1f2328}
.heading{font-size:15px;font-weight:600}
.muted{fill:#57606a}
.name{font-family:ui-monospace,Menlo,Consolas,"DejaVu Sans Mono",monospace}
.self{font-weight:700}
.paper{fill:#fff}
.stripe{fill:#f3f5f8}
.grid,.day,.available,.busy,.away,.idle,.invisible{fill:none}
.grid{stroke:#d0d7de}
.day{stroke:#8c959f}
.grid,.day{shape-rendering:crispEdges}
.available{stroke:#0072b2;stroke-width:12}
.busy{stroke:#c14a00;stroke-width:5}
.away{stroke:#a04a83;stroke-width:6}
.idle{stroke:#8f6200;stroke-width:3}
.invisible{stroke:#57606a;stroke-width:2}
.count{fill:#0072b2;fill-opacity:.2;stroke:#0072b2;stroke-width:1}
@media (prefers-color-scheme:dark){
text{fill:#e6edf3}
.muted{fill:#9da7b3}
.paper{fill:#0d1117}
.stripe{fill:#161b22}
.grid{stroke:#30363d}
.day{stroke:#6e7681}
.available{stroke:#56b4e9}
.busy{stroke:#f0743a}
.away{stroke:#dd8fbd}
.idle{stroke:#e69f00}
.invisible{stroke:#9da7b3}
.count{fill:#56b4e9;stroke:#56b4e9}
}
)";

constexpr const char* page_style = R"(
:root{color-scheme:light dark}
body{margin:1rem;background:#fff}
svg{display:block;max-width:100%;height:auto}
#detail{position:sticky;bottom:0;max-width:960px;box-sizing:border-box;margin:0;padding:.5rem;
font:14px/1.4 system-ui,sans-serif;overflow-wrap:anywhere;background:#f3f5f8;color:#1f2328;border-top:1px solid #8c959f}
.target{fill:none;pointer-events:all}
.row:focus,.span:focus{outline:2px solid #c14a00}
.span:hover{opacity:.6}
@media (prefers-color-scheme:dark){
body{background:#0d1117}
#detail{background:#161b22;color:#e6edf3}
.row:focus,.span:focus{outline-color:#f0743a}
}
)";

// Without it, the titles still show on hover.
constexpr const char* page_script = R"(
'use strict';
const detail = document.getElementById('detail');
function show(event) {
  const item = event.target.closest('.span, .row');
  if (item) detail.textContent = item.querySelector('title').textContent;
}
document.addEventListener('pointerover', show);
document.addEventListener('focusin', show);
document.addEventListener('keydown', function (event) {
  const by = {ArrowRight: 1, ArrowLeft: -1}[event.key];
  const row = event.target.closest('.row');
  if (!by || !row) return;
  const spans = Array.from(row.querySelectorAll('.span'));
  const next = spans[spans.indexOf(event.target) + by];
  if (next) next.focus();
  event.preventDefault();
});
)";

// The SHA-256 of the three above, which allow them and nothing else. The test of this file computes them again.
constexpr const char* content_security_policy =
    "default-src 'none'; base-uri 'none'; form-action 'none'; "
    "style-src 'sha256-qO98QOgCyhulaKQ0fGneVRqZ/mItjmJIKTYlE3PYzvA=' "
    "'sha256-s6+OgIYtbqWQIa6G7P9nYD+4NuYAraPOb2m49nAv06o='; "
    "script-src 'sha256-ds4t/hOrQ92w+WaQCCendUJCuTLr2tizT9uee39KRg4='";

/// A string that grows by `<<`. Takes no numbers: `decimal` and std::to_string write them.
class Markup {
 public:
  Markup& operator<<(std::string_view part) {
    text_ += part;
    return *this;
  }
  operator std::string_view() const { return text_; }
  bool empty() const { return text_.empty(); }
  std::string take() { return std::move(text_); }

 private:
  std::string text_;
};

inline std::string decimal(Length tenths) {
  return std::to_string(tenths / 10) + (tenths % 10 == 0 ? "" : "." + std::to_string(tenths % 10));
}

struct Character {
  std::uint32_t code;
  std::size_t size;  ///< in bytes
};
constexpr std::uint32_t replacement = 0xFFFD;

/// Returns the first character of a text that is not empty. A byte that is not UTF-8 reads as U+FFFD.
inline Character first_character(std::string_view text) {
  const auto byte = [text](std::size_t i) { return std::uint32_t{static_cast<unsigned char>(text[i])}; };
  const std::uint32_t lead = byte(0);
  if (lead < 0x80) return {lead, 1};
  const std::size_t size = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4 || text.size() < size) return {replacement, 1};
  std::uint32_t code = lead & (0x7Fu >> size);
  for (std::size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return {replacement, 1};
    code = code << 6 | (byte(i) & 0x3F);
  }
  const std::uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
  if (code < least[size] || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF)) return {replacement, 1};
  return {code, size};
}

/// Returns whether a character is a control, is forbidden in XML, or changes the direction of the text around it.
constexpr bool is_hidden(std::uint32_t code) {
  return code < 0x20 || (code >= 0x7F && code < 0xA0) || code == 0x61C || (code >= 0x200E && code <= 0x200F) ||
         (code >= 0x2028 && code <= 0x202E) || (code >= 0x2066 && code <= 0x2069) || (code & 0xFFFE) == 0xFFFE;
}

/// Returns the text as the content of an element of XML or HTML, or as the value of an attribute. Tabs and line breaks
/// read as spaces, and other hidden characters as U+FFFD.
inline std::string escaped(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const Character next = first_character(text);
    if (next.code == '\t' || next.code == '\n' || next.code == '\r') {
      out += ' ';
    } else if (next.code == replacement || is_hidden(next.code)) {
      out += "\xEF\xBF\xBD";
    } else if (next.code == '<') {
      out += "&lt;";
    } else if (next.code == '>') {
      out += "&gt;";
    } else if (next.code == '&') {
      out += "&amp;";
    } else if (next.code == '"') {
      out += "&quot;";
    } else if (next.code == '\'') {
      out += "&#39;";
    } else {
      out += text.substr(0, next.size);
    }
    text.remove_prefix(next.size);
  }
  return out;
}

/// Returns the text, or its beginning with an ellipsis if it is wider than `cells` digits. From Hangul and Chinese on,
/// a character counts as two.
inline std::string shortened(std::string_view text, std::size_t cells) {
  std::size_t used = 0, kept = 0;
  for (std::size_t at = 0; at < text.size();) {
    const Character next = first_character(text.substr(at));
    used += next.code >= 0x1100 && next.code != replacement ? 2 : 1;
    at += next.size;
    if (used > cells) return std::string(text.substr(0, kept)) + "\xE2\x80\xA6";
    if (used < cells) kept = at;  // leaves a cell for the ellipsis
  }
  return std::string(text);
}

inline const char* name(State state) {
  switch (state) {
    case State::available: return "online";
    case State::busy: return "busy";
    case State::away: return "away";
    case State::idle: return "idle";
    case State::invisible: return "invisible";
  }
  return "";
}
inline const char* style_class(State state) { return state == State::available ? "available" : name(state); }

/// Appends the bar of a state to the data of a path. Heights differ too, so that no state needs its colour.
inline void put_bar(Markup& path, State state, Length left, Length bar_width) {
  const auto line = [&](const char* y) { path << "M" << decimal(left) << " " << y << "h" << decimal(bar_width); };
  switch (state) {
    case State::available: return line("9");
    case State::busy: return line("5.5"), line("12.5");
    case State::away: return line("12");
    case State::idle: return line("13.5");
    case State::invisible: return line("4"), line("14");
  }
}

inline std::string duration_text(presence::Duration duration) {
  const std::int64_t s = duration.s();
  const auto two = [](std::int64_t large, const char* unit, std::int64_t small, const char* small_unit) {
    return std::to_string(large) + unit + (small == 0 ? "" : " " + std::to_string(small) + small_unit);
  };
  if (s >= 86400) return two(s / 86400, " d", s / 3600 % 24, " h");
  if (s >= 3600) return two(s / 3600, " h", s / 60 % 60, " min");
  if (s >= 60) return two(s / 60, " min", s % 60, " s");
  if (s >= 1) return std::to_string(s) + " s";
  return std::to_string(duration.ms()) + " ms";
}

/// A number of things, such as "1 user" or "2 users".
inline std::string counted(std::size_t number, const char* thing) {
  return std::to_string(number) + " " + thing + (number == 1 ? "" : "s");
}

// ---- the time axis ----

struct Date {
  std::int64_t year, month, day;
  std::string time;  ///< such as 12:34:56
};
inline Date date_of(std::int64_t seconds) {
  const std::string text = to_string(presence::Timestamp::from_s(seconds));
  const auto number = [&text](std::size_t at, std::size_t size) {
    std::int64_t value = 0;
    for (std::size_t i = at; i < at + size; ++i) value = value * 10 + (text[i] - '0');
    return value;
  };
  return {number(0, 4), number(5, 2), number(8, 2), text.substr(11, 8)};
}
inline std::string month_name(const Date& date) {
  const char* const names[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  return names[(date.month - 1) % 12];
}
inline std::string weekday(std::int64_t seconds) {
  const char* const names[] = {"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"};
  const std::int64_t monday = 345600;  // 1970-01-05
  return names[((seconds - monday) / 86400 % 7 + ((seconds - monday) % 86400 < 0 ? 6 : 7)) % 7];
}
inline std::string date_text(const Date& date) {
  return std::to_string(date.day) + " " + month_name(date) + " " + std::to_string(date.year);
}

/// The distance of two ticks: a fixed number of seconds, or a number of months.
struct Step {
  std::int64_t seconds, months;
  std::int64_t rough_seconds() const { return months == 0 ? seconds : months * 30 * 86400; }
};
inline constexpr Step steps[] = {
    {1, 0},   {2, 0},    {5, 0},    {10, 0},   {15, 0},    {30, 0},    {60, 0},    {120, 0},   {300, 0},    {600, 0},
    {900, 0}, {1800, 0}, {3600, 0}, {7200, 0}, {10800, 0}, {21600, 0}, {43200, 0}, {86400, 0}, {172800, 0}, {604800, 0},
    {0, 1},   {0, 3},    {0, 6},    {0, 12},   {0, 24},    {0, 60},    {0, 120},   {0, 240},   {0, 600},    {0, 1200}};

struct Tick {
  Length x;
  std::string label;
  std::string context;  ///< the day, month or year that begins with this tick; empty: none does
};

class Axis {
 public:
  Axis(presence::Timestamp first, presence::Timestamp last)
      : begin_(first.ms()), end_(std::max(last.ms(), first.ms() + 10000)) {
    choose_step();
    context_ = context_of(begin_second());
    std::string context = context_;
    each_tick([&](std::int64_t second) {
      std::string next = context_of(second);
      ticks_.push_back(
          Tick{x(presence::Timestamp::from_s(second)), label_of(second), next == context ? std::string() : next});
      context = std::move(next);
    });
  }

  /// Milliseconds, because a number of nanoseconds times the width of the plot may overflow.
  Length x(presence::Timestamp at) const { return plot_left + (at.ms() - begin_) * plot_width / (end_ - begin_); }
  const std::vector<Tick>& ticks() const { return ticks_; }
  /// The day, month or year in which the axis begins.
  const std::string& context() const { return context_; }

 private:
  std::int64_t begin_second() const { return presence::Timestamp::from_ms(begin_).s(); }

  void choose_step() {
    for (const Step& step : steps) {
      step_ = step;
      const Length label_width = step.months == 0 && step.seconds < 60 ? 600 : 460;
      if (plot_width * step.rough_seconds() >= label_width * ((end_ - begin_) / 1000)) return;
    }
  }

  template <class OnTick>
  void each_tick(OnTick on_tick) const {
    const std::int64_t begin = begin_second() + (begin_ % 1000 == 0 ? 0 : 1);
    const std::int64_t end = presence::Timestamp::from_ms(end_).s();
    if (step_.months == 0) {
      const std::int64_t origin = step_.seconds > 86400 ? 345600 : 0;  // weeks begin on Monday
      const std::int64_t rest = (begin - origin) % step_.seconds;
      for (std::int64_t at = begin - rest + (rest > 0 ? step_.seconds : 0); at <= end; at += step_.seconds) on_tick(at);
      return;
    }
    const Date date = date_of(begin);
    const std::int64_t first_month = date.year * 12 + date.month - 1;
    for (std::int64_t month = first_month / step_.months * step_.months;; month += step_.months) {
      std::string text = std::to_string(month / 12) + (month % 12 < 9 ? "-0" : "-") + std::to_string(month % 12 + 1);
      const auto at = presence::parse_timestamp(text + "-01T00:00:00Z");
      if (at ? at->s() > end : month > first_month) return;
      if (at && at->s() >= begin) on_tick(at->s());
    }
  }

  std::string label_of(std::int64_t second) const {
    const Date date = date_of(second);
    if (step_.months >= 12) return std::to_string(date.year);
    if (step_.months != 0) return month_name(date);
    if (step_.seconds >= 86400) return weekday(second) + " " + std::to_string(date.day);
    return date.time.substr(0, step_.seconds >= 60 ? 5 : 8);
  }
  std::string context_of(std::int64_t second) const {
    const Date date = date_of(second);
    if (step_.months >= 12) return {};
    if (step_.months != 0) return std::to_string(date.year);
    if (step_.seconds >= 86400) return month_name(date) + " " + std::to_string(date.year);
    return weekday(second) + " " + std::to_string(date.day) + " " + month_name(date);
  }

  std::int64_t begin_, end_;
  Step step_{};
  std::vector<Tick> ticks_;
  std::string context_;
};

// ---- what is drawn ----

struct Row {
  const std::string* id;
  const Track* track;
  presence::Duration online;
};

/// One bar: a span, or several of one state that are too narrow to be drawn side by side.
struct Bar {
  State state;
  Length left, right;
  const Span* first;
  const Span* last;
  std::size_t spans;
};

/// The number of users online, after each time it changed.
struct Count {
  presence::Timestamp at;
  std::int64_t users;
};

class Drawing {
 public:
  explicit Drawing(const Recorder& recorder)
      : recorder_(recorder), axis_(recorder.first(), recorder.last()), counts_(count_users()) {
    for (const auto& [id, track] : recorder.tracks()) {
      presence::Duration online;
      for (const Span& span : track.spans) online += end_of(track, span) - span.begin;
      rows_.push_back(Row{&id, &track, online});
    }
    if (rows_.size() <= most_rows) return;
    // Of users who were online equally long, the lesser id is drawn.
    std::sort(rows_.begin(), rows_.end(),
              [](const Row& a, const Row& b) { return a.online != b.online ? a.online > b.online : *a.id < *b.id; });
    rows_.erase(rows_.begin() + most_rows, rows_.end());
    std::sort(rows_.begin(), rows_.end(), [](const Row& a, const Row& b) { return *a.id < *b.id; });
  }

  std::string title() const {
    if (rows_.empty()) return "Presence";
    const auto minute = [](presence::Timestamp at) {
      const Date date = date_of(at.s());
      return date_text(date) + " " + date.time.substr(0, 5);
    };
    return "Presence from " + minute(recorder_.first()) + " to " + minute(recorder_.last()) + " UTC";
  }

  std::string svg(bool is_page) const {
    constexpr Length rows_top = 1060;
    const Length rows_bottom = rows_top + static_cast<Length>(rows_.size()) * row_height;
    const bool all_drawn = rows_.size() == recorder_.tracks().size();
    const Length chart_top = rows_bottom + (all_drawn ? 360 : 540), chart_bottom = chart_top + chart_height;
    const std::string height = decimal(rows_.empty() ? 1200 : chart_bottom + 420);

    Markup out;
    out << "<svg xmlns='http://www.w3.org/2000/svg' width='" << decimal(width) << "' height='" << height
        << "' viewBox='0 0 " << decimal(width) << " " << height << "' role='" << (is_page ? "group" : "img")
        << "' aria-labelledby='title description'>\n<title id='title'>" << title()
        << "</title>\n<desc id='description'>" << escaped(description()) << "</desc>\n<style>" << drawing_style
        << "</style>\n<rect class='paper' width='" << decimal(width) << "' height='" << height << "'/>\n";
    put_text(out, 120, 260, "heading", title());
    if (rows_.empty()) {
      put_text(out, 120, 600, "muted", "There is no user to draw.");
      out << "</svg>\n";
      return out.take();
    }
    put_text(out, 120, 440, "muted", escaped(subtitle()));
    put_legend(out, 640);
    for (std::size_t i = 1; i < rows_.size(); i += 2) {
      out << "<rect class='stripe' y='" << decimal(rows_top + static_cast<Length>(i) * row_height) << "' width='"
          << decimal(width) << "' height='" << decimal(row_height) << "'/>\n";
    }
    put_grid(out, rows_top, rows_bottom, chart_top, chart_bottom);
    put_axis_labels(out, rows_top - 60, rows_top - 200);
    for (std::size_t i = 0; i < rows_.size(); ++i)
      put_row(out, rows_[i], rows_top + static_cast<Length>(i) * row_height, is_page);
    if (!all_drawn) {
      put_text(out, plot_left, rows_bottom + 150, "muted",
               "Not drawn: " + counted(recorder_.tracks().size() - rows_.size(), "user") +
                   " with less time online. The chart below counts them.");
    }
    put_chart(out, chart_top, chart_bottom);
    put_axis_labels(out, chart_bottom + 150, chart_bottom + 290);
    out << "</svg>\n";
    return out.take();
  }

 private:
  presence::Timestamp end_of(const Track& track, const Span& span) const {
    return track.is_open && &span == &track.spans.back() ? recorder_.last() : span.end;
  }

  std::vector<Count> count_users() const {
    std::vector<Count> turns;  // in `users`: how many more
    for (const auto& [id, track] : recorder_.tracks()) {
      for (const Span& span : track.spans) {
        turns.push_back(Count{span.begin, 1});
        if (!track.is_open || &span != &track.spans.back()) turns.push_back(Count{span.end, -1});
      }
    }
    std::sort(turns.begin(), turns.end(), [](const Count& a, const Count& b) { return a.at < b.at; });
    std::vector<Count> counts;
    std::int64_t users = 0;
    for (const Count& turn : turns) {
      users += turn.users;
      if (!counts.empty() && counts.back().at == turn.at) {
        counts.back().users = users;
      } else {
        counts.push_back(Count{turn.at, users});
      }
    }
    return counts;
  }

  /// Returns the first of the greatest counts.
  Count peak() const {
    Count peak{recorder_.first(), 0};
    for (const Count& count : counts_) {
      if (count.users > peak.users) peak = count;
    }
    return peak;
  }

  std::string viewer_text() const {
    return recorder_.viewer().empty() ? "as others see them" : "as " + shortened(recorder_.viewer(), 40) + " sees them";
  }
  std::string subtitle() const {
    return counted(recorder_.tracks().size(), "user") + ", " + viewer_text() + "; at most " +
           std::to_string(peak().users) + " online at once";
  }
  std::string description() const {
    if (rows_.empty()) return "A timeline without users.";
    Markup text;
    text << "A timeline of " << subtitle();
    if (peak().users != 0) text << ", first at " << to_string(peak().at);
    text << ". Each row is a user, and each bar a time online.";
    const auto longest =
        std::max_element(rows_.begin(), rows_.end(), [](const Row& a, const Row& b) { return a.online < b.online; });
    if (longest->online != presence::Duration())
      text << " Longest online: " << *longest->id << ", for " << duration_text(longest->online) << ".";
    return text.take();
  }

  static void put_text(Markup& out, Length x, Length y, const std::string& style, const std::string& markup) {
    out << "<text" << (style.empty() ? "" : " class='" + style + "'") << " x='" << decimal(x) << "' y='" << decimal(y)
        << "'>" << markup << "</text>\n";
  }

  void put_legend(Markup& out, Length baseline) const {
    Length x = plot_left;
    for (const State state : states) {
      const auto has_state = [state](const Span& span) { return span.state == state; };
      const bool is_drawn = std::any_of(rows_.begin(), rows_.end(), [&](const Row& row) {
        return std::any_of(row.track->spans.begin(), row.track->spans.end(), has_state);
      });
      if (!is_drawn && state != State::available) continue;
      Markup path;
      put_bar(path, state, 0, 240);
      const std::string label =
          state == State::invisible ? "invisible (online, but others see them offline)" : name(state);
      out << "<path class='" << style_class(state) << "' transform='translate(" << decimal(x) << ","
          << decimal(baseline - 130) << ")' d='" << path << "'/>";
      put_text(out, x + 300, baseline, "muted", label);
      x += 300 + static_cast<Length>(label.size()) * 60 + 240;
    }
  }

  void put_grid(Markup& out, Length rows_top, Length rows_bottom, Length chart_top, Length chart_bottom) const {
    Markup grid, day;
    for (const Tick& tick : axis_.ticks()) {
      (tick.context.empty() ? grid : day)
          << "M" << decimal(tick.x) << " " << decimal(rows_top) << "V" << decimal(rows_bottom) << "M" << decimal(tick.x)
          << " " << decimal(chart_top) << "V" << decimal(chart_bottom);
    }
    if (!grid.empty()) out << "<path class='grid' d='" << grid << "'/>\n";
    if (!day.empty()) out << "<path class='day' d='" << day << "'/>\n";
  }

  void put_axis_labels(Markup& out, Length label_y, Length context_y) const {
    constexpr Length context_width = 800, character_width = 65;
    const auto put_label = [&out](Length x, Length y, const char* style, const std::string& label) {
      if (x + static_cast<Length>(label.size()) * character_width <= width) put_text(out, x + 20, y, style, label);
    };
    Length first_context = plot_right;
    for (const Tick& tick : axis_.ticks()) {
      if (!tick.context.empty()) first_context = std::min(first_context, tick.x);
    }
    if (!axis_.context().empty() && first_context >= plot_left + context_width)
      put_label(plot_left, context_y, "", axis_.context());
    for (const Tick& tick : axis_.ticks()) {
      if (!tick.context.empty()) put_label(tick.x, context_y, "", tick.context);
      put_label(tick.x, label_y, "muted", tick.label);
    }
  }

  std::vector<Bar> bars_of(const Track& track, bool keeps_spans) const {
    constexpr std::size_t none = static_cast<std::size_t>(-1);
    std::vector<Bar> bars;
    std::size_t latest[] = {none, none, none, none, none};  // by state
    for (const Span& span : track.spans) {
      const Length left = std::min(axis_.x(span.begin), plot_right - least_width);
      const Length right = std::max(axis_.x(end_of(track, span)), left + least_width);
      std::size_t& last = latest[static_cast<std::size_t>(span.state)];
      // Bars that only touch have their own titles, in a page.
      if (last != none && left < bars[last].right + (keeps_spans ? 0 : 1)) {
        bars[last].right = std::max(bars[last].right, right);
        bars[last].last = &span;
        ++bars[last].spans;
      } else {
        last = bars.size();
        bars.push_back(Bar{span.state, left, right, &span, &span, 1});
      }
    }
    return bars;
  }

  std::string bar_title(const Row& row, const Bar& bar) const {
    const presence::Timestamp end = end_of(*row.track, *bar.last);
    Markup text;
    text << *row.id << ": " << name(bar.state);
    if (bar.spans != 1) text << ", " << counted(bar.spans, "time");
    text << ", " << to_string(bar.first->begin) << " to " << to_string(end);
    if (bar.spans != 1) return text.take();
    text << " (" << duration_text(end - bar.first->begin) << ")";
    if (!bar.first->status.empty()) text << ", status: " << bar.first->status;
    return text.take();
  }

  void put_row(Markup& out, const Row& row, Length y, bool is_page) const {
    out << "<g class='row'" << (is_page ? " tabindex='0' role='group'" : "") << " transform='translate(0," << decimal(y)
        << ")'><title>" << escaped(*row.id) << ": "
        << (row.track->spans.empty() ? "never online" : "online for " + duration_text(row.online)) << "</title>";
    if (is_page) out << "<path class='target' d='M0 0H" << decimal(width) << "V" << decimal(row_height) << "H0z'/>";
    out << "<text class='name" << (*row.id == recorder_.viewer() ? " self" : "") << "' text-anchor='end' x='"
        << decimal(plot_left - 80) << "' y='13'>" << escaped(shortened(*row.id, most_name_cells)) << "</text>";
    const std::vector<Bar> bars = bars_of(*row.track, is_page);
    if (is_page) {
      for (const Bar& bar : bars) put_bar_with_title(out, row, bar);
    } else {
      for (const State state : states) {
        Markup path;
        for (const Bar& bar : bars) {
          if (bar.state == state) put_bar(path, state, bar.left, bar.right - bar.left);
        }
        if (!path.empty()) out << "\n<path class='" << style_class(state) << "' d='" << path << "'/>";
      }
    }
    out << "</g>\n";
  }

  void put_bar_with_title(Markup& out, const Row& row, const Bar& bar) const {
    Markup path;
    put_bar(path, bar.state, bar.left, bar.right - bar.left);
    // The pointer need not hit the lines of the bar.
    out << "\n<g class='span' tabindex='-1' role='img'><title>" << escaped(bar_title(row, bar))
        << "</title><path class='" << style_class(bar.state) << "' d='" << path << "'/><path class='target' d='M"
        << decimal(bar.left) << " 0H" << decimal(bar.right) << "V" << decimal(row_height) << "H" << decimal(bar.left)
        << "z'/></g>";
  }

  void put_chart(Markup& out, Length top, Length bottom) const {
    const Count most = peak();
    std::int64_t step = 1;
    for (std::int64_t factor = 1; step * 4 < most.users; factor *= 10) {
      for (const std::int64_t digit : {1, 2, 5}) {
        step = digit * factor;
        if (step * 4 >= most.users) break;
      }
    }
    const std::int64_t highest = std::max((most.users + step - 1) / step * step, step);
    const auto y = [&](std::int64_t users) { return bottom - users * (bottom - top) / highest; };

    put_text(out, plot_left, top - 80, "", "Users online");
    Markup grid;
    for (std::int64_t users = 0; users <= highest; users += step) {
      grid << "M" << decimal(plot_left) << " " << decimal(y(users)) << "H" << decimal(plot_right);
      out << "<text class='muted' text-anchor='end' x='" << decimal(plot_left - 80) << "' y='" << decimal(y(users) + 40)
          << "'>" << std::to_string(users) << "</text>\n";
    }
    out << "<path class='grid' d='" << grid << "'/>\n";

    Markup path;
    path << "M" << decimal(plot_left) << " " << decimal(bottom);
    std::int64_t drawn = 0;
    for (std::size_t i = 0; i < counts_.size();) {
      // Of counts that are too close to be drawn side by side, the highest and the last one.
      const Length x = axis_.x(counts_[i].at);
      std::int64_t highest_here = 0, last = 0;
      for (; i < counts_.size() && axis_.x(counts_[i].at) == x; ++i) {
        last = counts_[i].users;
        highest_here = std::max(highest_here, last);
      }
      if (last == drawn && highest_here == drawn) continue;
      path << "H" << decimal(x);
      if (highest_here > std::max(drawn, last)) path << "V" << decimal(y(highest_here));
      if (last != drawn || highest_here > last) path << "V" << decimal(y(last));
      drawn = last;
    }
    path << "H" << decimal(axis_.x(recorder_.last())) << "V" << decimal(bottom);
    out << "<path class='count' d='" << path << "'><title>At most " << std::to_string(most.users) << " online at once"
        << (most.users == 0 ? "" : ", first at " + to_string(most.at)) << "</title></path>\n";
  }

  const Recorder& recorder_;
  const Axis axis_;
  const std::vector<Count> counts_;
  std::vector<Row> rows_;  // in order of their ids
};

}  // namespace detail

/// Returns the picture as an SVG file. The same record gives the same bytes.
inline std::string to_svg(const Recorder& recorder) { return detail::Drawing(recorder).svg(false); }

/// Returns a page of HTML with the picture. It shows names, status texts and exact times on hover and focus, and loads
/// nothing from elsewhere.
inline std::string to_html(const Recorder& recorder) {
  const detail::Drawing drawing(recorder);
  detail::Markup out;
  out << "<!DOCTYPE html>\n<html lang='en'>\n<head>\n<meta charset='utf-8'/>\n"
      << "<meta http-equiv='Content-Security-Policy' content=\"" << detail::content_security_policy << "\"/>\n"
      << "<meta name='viewport' content='width=device-width'/>\n<title>" << drawing.title() << "</title>\n"
      << "<style>" << detail::page_style << "</style>\n</head>\n<body>\n"
      << drawing.svg(true)
      << "<p id='detail'>Point at a bar, or move to a row with Tab and along it with the arrow keys.</p>\n"
      << "<script>" << detail::page_script << "</script>\n</body>\n</html>\n";
  return out.take();
}

}  // namespace timeline

#endif  // PRESENCE_EXAMPLES_TIMELINE_HPP
