// Folds a log of presence events, one JSON object a line, and says who is online.
//
//   replay [--changes] [--at INSTANT] [--timeout S] [--grace S] [--refresh S] [--idle S]
//          [--svg FILE] [--html FILE] [--viewer ID] [FILE]
//
// --svg and --html write a picture of who was online when, as the user ID sees it. Without --viewer, invisible users
// appear offline. --idle draws users as idle after so many seconds without activity.
//
// Time follows the events; events that come up to two minutes late still count. A bad line is reported, counted and
// skipped, and makes the exit status 1. FILE is read line by line; without one, or as -, standard input.
#include <presence/presence.hpp>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "timeline.hpp"

namespace {

constexpr const char* usage =
    "usage: replay [--changes] [--at INSTANT] [--timeout S] [--grace S] [--refresh S] [--idle S]\n"
    "              [--svg FILE] [--html FILE] [--viewer ID] [FILE]\n";

struct Options {
  presence::Rules rules;
  std::optional<presence::Timestamp> until;
  bool changes = false;
  std::string file = "-";
  std::optional<std::string> svg, html, viewer;

  bool draws() const { return svg || html; }
};

std::optional<presence::Duration> parse_seconds(const char* text) {
  char* end = nullptr;
  const double seconds = std::strtod(text, &end);
  if (end == text || *end != '\0' || !(seconds >= 0)) return std::nullopt;
  return presence::Duration(std::chrono::duration<double>(seconds));
}

std::optional<Options> parse_options(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string_view option = argv[i];
    presence::Duration* duration = option == "--timeout"   ? &options.rules.session_timeout
                                   : option == "--grace"   ? &options.rules.offline_grace
                                   : option == "--refresh" ? &options.rules.last_active_refresh
                                   : option == "--idle"    ? &options.rules.idle_after
                                                           : nullptr;
    std::optional<std::string>* picture = option == "--svg"    ? &options.svg
                                          : option == "--html" ? &options.html
                                                               : nullptr;
    const bool has_value = duration != nullptr || picture != nullptr || option == "--at" || option == "--viewer";
    if (has_value && i + 1 == argc) {
      std::cerr << "replay: " << option << " needs a value\n";
      return std::nullopt;
    }
    if (duration != nullptr) {
      const auto seconds = parse_seconds(argv[++i]);
      if (!seconds) {
        std::cerr << "replay: " << option << ": not a number of seconds: " << argv[i] << '\n';
        return std::nullopt;
      }
      *duration = *seconds;
    } else if (option == "--at") {
      const auto instant = presence::parse_timestamp(argv[++i]);
      if (!instant) {
        std::cerr << "replay: --at: byte " << instant.error().offset << ": " << instant.error().message << '\n';
        return std::nullopt;
      }
      options.until = *instant;
    } else if (picture != nullptr) {
      *picture = argv[++i];
      if ((*picture)->empty() || (*picture)->front() == '-') {
        std::cerr << "replay: " << option << ": not the name of a file: \"" << **picture << "\"\n";
        return std::nullopt;
      }
    } else if (option == "--viewer") {
      options.viewer = argv[++i];
    } else if (option == "--changes") {
      options.changes = true;
    } else if (option == "-" || option.substr(0, 1) != "-") {
      options.file = option;
    } else {
      std::cerr << "replay: unknown option " << option << '\n';
      return std::nullopt;
    }
  }
  if (options.viewer && !options.draws()) {
    std::cerr << "replay: --viewer needs --svg or --html\n";
    return std::nullopt;
  }
  if (options.draws() && (options.svg == options.html || options.svg == options.file || options.html == options.file)) {
    std::cerr << "replay: the log and each picture need files of their own\n";
    return std::nullopt;
  }
  return options;
}

const char* name(presence::Verdict verdict) {
  switch (verdict) {
    case presence::Verdict::applied: return "applied";
    case presence::Verdict::unchanged: return "unchanged";
    case presence::Verdict::too_late: return "too late";
    case presence::Verdict::too_early: return "too early";
    case presence::Verdict::invalid: return "invalid: an empty id or a timestamp out of range";
    case presence::Verdict::over_limit: return "over the limit for ids, texts, sessions or users";
  }
  return "";
}

// Tells on standard error, from the second second on, that the work goes on.
class Progress {
 public:
  void line(std::size_t number) {
    if (number % 1024 != 0) return;
    const auto now = std::chrono::steady_clock::now();
    if (now - last_ < std::chrono::seconds(1)) return;
    last_ = now;
    shown_ = true;
    std::cerr << '\r' << number << " lines" << std::flush;
  }
  void end() {
    if (shown_) std::cerr << '\n';
  }

 private:
  std::chrono::steady_clock::time_point last_ = std::chrono::steady_clock::now();
  bool shown_ = false;
};

class Log {
 public:
  explicit Log(const Options& options)
      : options_(options), snapshot_(options.rules), recorder_(options.viewer.value_or("")) {}

  void read(std::istream& in) {
    Progress progress;
    std::string line;
    for (std::size_t number = 1; std::getline(in, line); ++number) {
      progress.line(number);
      if (!line.empty() && line.back() == '\r') line.pop_back();
      if (line.empty()) continue;
      auto event = presence::parse_event(line);
      if (!event) {
        report_bad_line(number, "byte " + std::to_string(event.error().offset) + ": " + event.error().message);
        continue;
      }
      ++events_;
      if (options_.until && *options_.until < event->at) {
        ++after_;
        continue;
      }
      // The events of one timestamp are folded together, so that they make one change a user.
      if (!instant_.empty() && instant_.front().at != event->at) fold_instant();
      instant_.push_back(*std::move(event));
      numbers_.push_back(number);
    }
    fold_instant();
    progress.end();
    if (!options_.until) return;
    const presence::Snapshot before = snapshot_;
    presence::apply(snapshot_, *options_.until, *this);
    if (options_.draws()) recorder_.step(before, snapshot_);
  }

  // A change that others see.
  void operator()(const presence::UserPresenceChangedView& change) {
    ++changes_;
    if (options_.draws()) recorder_.add(change);
    if (options_.changes) std::cout << presence::to_json(change) << '\n';
  }

  void print_summary() const {
    std::cout << events_ << " events: " << tally_.applied << " applied, " << tally_.unchanged << " unchanged";
    if (tally_.too_late != 0) std::cout << ", " << tally_.too_late << " too late";
    if (after_ != 0) std::cout << ", " << after_ << " after the instant asked for";
    if (bad_ != 0) std::cout << "; " << bad_ << " bad lines skipped";
    std::cout << '\n' << snapshot_.size() << " users, " << changes_ << " changes\n";
    if (!snapshot_.now()) return;
    std::cout << snapshot_.online_count() << " online at " << presence::to_string(*snapshot_.now()) << '\n';
    // A snapshot iterates over its users in an order of its own; people look for names by the alphabet.
    std::vector<presence::UserView> online;
    for (const presence::UserView user : snapshot_) {
      if (user.online) online.push_back(user);
    }
    std::sort(online.begin(), online.end(),
              [](const presence::UserView& a, const presence::UserView& b) { return a.id < b.id; });
    for (const presence::UserView& user : online) std::cout << presence::to_json(user) << '\n';
  }

  // Whether all pictures were written.
  bool draw() const {
    return (!options_.svg || write(*options_.svg, timeline::to_svg(recorder_))) &&
           (!options_.html || write(*options_.html, timeline::to_html(recorder_)));
  }

  bool clean() const { return bad_ == 0; }

 private:
  static bool write(const std::string& name, const std::string& text) {
    std::ofstream file(name, std::ios::binary);
    file << text;
    file.close();
    if (!file) std::cerr << "replay: cannot write " << name << '\n';
    return !file.fail();
  }

  void report_bad_line(std::size_t number, const std::string& what) {
    ++bad_;
    std::cerr << options_.file << ':' << number << ": " << what << '\n';
  }

  void fold_instant() {
    const presence::Snapshot before = snapshot_;
    const presence::Tally tally = presence::replay(snapshot_, instant_.begin(), instant_.end(), *this);
    tally_ += tally;
    if (options_.draws()) recorder_.step(before, snapshot_);
    if (tally.invalid + tally.over_limit != 0) report_refused(before);
    instant_.clear();
    numbers_.clear();
  }

  // Which of the events of one timestamp were refused: folded one by one onto the snapshot that they found.
  void report_refused(presence::Snapshot snapshot) {
    for (std::size_t i = 0; i < instant_.size(); ++i) {
      const presence::Verdict verdict = presence::replay(snapshot, instant_[i]);
      if (verdict == presence::Verdict::invalid || verdict == presence::Verdict::over_limit)
        report_bad_line(numbers_[i], name(verdict));
    }
  }

  const Options& options_;
  presence::Snapshot snapshot_;
  std::vector<presence::PresenceEvent> instant_;
  std::vector<std::size_t> numbers_;
  presence::Tally tally_;
  timeline::Recorder recorder_;
  std::size_t events_ = 0, after_ = 0, bad_ = 0, changes_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  std::ios::sync_with_stdio(false);
  const auto options = parse_options(argc, argv);
  if (!options) {
    std::cerr << usage;
    return 2;
  }
  Log log(*options);
  if (options->file == "-") {
    log.read(std::cin);
  } else {
    std::ifstream file(options->file, std::ios::binary);
    if (!file) {
      std::cerr << "replay: cannot read " << options->file << '\n';
      return 2;
    }
    log.read(file);
  }
  log.print_summary();
  if (!log.draw()) return 2;
  return log.clean() ? 0 : 1;
}
