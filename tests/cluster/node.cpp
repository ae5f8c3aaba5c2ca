// SPDX-License-Identifier: MIT
// A node of a cluster that shares its presence over Redis Streams, see README.md. Each shard of the users has a thread,
// a Store, an Outbox, an Inbox, a connection and a stream: shards share nothing.
//
// usage: node KEY=VALUE...   (run.py starts it; `mode` is node, reader, oracle or rates)
#include "clients.hpp"
#include "journal.hpp"
#include "redis_log.hpp"

#include <presence/chrono.hpp>
#include <presence/presence.hpp>
#include <presence/replica.hpp>

#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

using namespace presence;
using namespace cluster;
namespace files = std::filesystem;

namespace {

constexpr int retry_ms = 500;  // between two attempts to reach Redis
constexpr int views = 5;

/// The durations of the cluster. README.md has the formulas. With many users, all of them are `slowdown` times as long,
/// as are those of the clients and the faults. So there are fewer events per user and second, in the same proportions.
class Durations {
 public:
  explicit Durations(std::int64_t slowdown) : slowdown_(slowdown) {}

  Duration tick() const { return from_ms(50); }
  /// For an answer of Redis. If it is too short for a large checkpoint, a node loses its connection, and on its return
  /// it reads the checkpoint again.
  int patience_ms() const { return static_cast<int>(from_ms(500).ms()); }
  /// Since the last one. The delay by the node's number keeps all of them from writing one at once; if they do, it does
  /// no harm.
  Duration checkpoint_due(std::size_t node) const { return from_ms(6000 + 500 * static_cast<std::int64_t>(node)); }
  std::int64_t kept_ms() const { return from_ms(3000).ms(); }  ///< of the log before a checkpoint
  std::int64_t read_again_ms(bool is_other_server) const { return from_ms(is_other_server ? 5000 : 1000).ms(); }
  /// A node that was away so much less than resend_window sends its state as well.
  Duration state_margin() const { return from_ms(1000); }
  Duration until_view(int number) const { return from_ms(3000 * number); }
  Duration until_all_ended() const { return from_ms(60000); }

  Rules rules() const {
    Rules rules;
    rules.session_timeout = from_ms(8000);
    rules.reorder_window = from_ms(16000);
    rules.last_active_refresh = from_ms(10000);
    rules.offline_grace = from_ms(1000);
    rules.max_clock_skew = from_ms(60000);
    return rules;
  }
  OutboxOptions outbox_options() const {
    OutboxOptions options;
    options.heartbeat_period = from_ms(3000);
    options.resend_window = rules().reorder_window;
    return options;
  }

 private:
  Duration from_ms(std::int64_t ms) const { return Duration::from_ms(slowdown_ * ms); }

  std::int64_t slowdown_;
};

class Settings {
 public:
  Settings(int count, char** words) {
    for (int i = 1; i < count; ++i) {
      const std::string word = words[i];
      const std::size_t at = word.find('=');
      all_[word.substr(0, at)] = word.substr(at + 1);
    }
  }
  const std::string& text(const std::string& key) const { return all_.at(key); }
  std::int64_t number(const std::string& key) const { return std::stoll(all_.at(key)); }
  std::size_t size(const std::string& key) const { return static_cast<std::size_t>(number(key)); }

 private:
  std::map<std::string, std::string> all_;
};

std::string stream_of(std::size_t shard) { return "presence:" + std::to_string(shard); }

/// Returns how many entries a node reads at once: those of about 25,000 events. A merge of many more of the store's
/// users would take a pass over all of them, each time.
int entries_per_read(std::size_t users) {
  return static_cast<int>(std::clamp<std::size_t>(5'000'000 / std::max<std::size_t>(users, 1), 5, 500));
}

/// When all nodes have sent everything, run.py writes up to where to read and what time to compare at.
struct Finish {
  Timestamp at;
  std::vector<std::string> positions;  ///< the last of each shard

  static std::optional<Finish> read(const std::string& path) {
    std::ifstream file(path);
    std::int64_t ns = 0;
    if (!(file >> ns)) return std::nullopt;
    Finish finish{Timestamp::from_ns(ns), {}};
    for (std::string position; file >> position;) finish.positions.push_back(position);
    return finish;
  }
};

/// Writes what others see, at several times while sessions time out. Returns the digest of all that is kept, in the
/// end.
std::uint64_t write_views(Store& store, const Durations& durations, const std::string& folder, std::size_t shard,
                          Timestamp at) {
  for (int i = 0; i < views; ++i) {
    store.advance(at + durations.until_view(i));
    const Snapshot snapshot = store.snapshot();
    std::ofstream file(folder + "/views-" + std::to_string(shard) + "-" + std::to_string(i));
    file << to_string(*snapshot.now()) << '\n';
    for (const UserView& user : snapshot) file << to_json(user) << '\n';
  }
  store.advance(at + durations.until_all_ended());
  return store.snapshot().digest();
}

void write_file(const std::string& path, const std::string& text) {
  std::ofstream(path + ".new") << text;
  files::rename(path + ".new", path);
}

/// What a shard counts, for run.py.
class Counts {
 public:
  std::size_t& operator[](const std::string& name) { return all_[name]; }
  void add_lag(double ms) { lags_.push_back(ms); }

  std::string json() {
    std::ostringstream text;
    text << "{";
    for (const auto& [name, count] : all_) text << '"' << name << "\":" << count << ',';
    std::sort(lags_.begin(), lags_.end());
    for (const auto& [name, part] : {std::pair("lag_50", 0.5), std::pair("lag_99", 0.99)})
      text << '"' << name
           << "\":" << (lags_.empty() ? 0 : lags_[static_cast<std::size_t>(part * double(lags_.size() - 1))]) << ',';
    text << "\"end\":0}\n";
    return text.str();
  }

 private:
  std::map<std::string, std::size_t> all_;
  std::vector<double> lags_;
};

/// One shard of a node, on a thread of its own.
class Shard {
 public:
  Shard(const Settings& settings, std::size_t shard)
      : shard_(shard),
        is_reader_(settings.text("mode") == "reader"),
        name_(settings.text("name")),
        node_(name_.substr(0, name_.find('.'))),
        folder_(settings.text("folder")),
        finish_(settings.text("finish")),
        began_(Timestamp::from_ms(settings.number("began_ms"))),
        offset_(Duration::from_ms(settings.number("offset_ms"))),
        silent_ms_(settings.number("seconds") * 1000),
        number_(settings.size("node")),
        durations_(settings.number("slowdown")),
        rules_(durations_.rules()),
        most_entries_(entries_per_read(settings.size("users"))),
        log_(static_cast<int>(settings.number("port")), stream_of(shard), durations_.patience_ms()),
        outbox_(rules_, durations_.outbox_options()),
        inbox_(rules_),
        journal_(folder_ + "/journal-" + std::to_string(shard)) {
    if (is_reader_) return;
    Clients::Options options;
    options.seed = static_cast<std::uint64_t>(settings.number("seed"));
    options.users = settings.size("users");
    options.shard = shard;
    options.shards = settings.size("shards");
    options.node = number_;
    options.nodes = settings.size("nodes");
    options.name = name_;
    options.start = static_cast<std::uint64_t>(settings.number("start"));
    options.begin_ms = std::max<std::int64_t>(0, since_began_us() / 1000);
    options.end_ms = silent_ms_;
    options.slowdown = settings.number("slowdown");
    options.steady_from_ms = settings.number("steady_from_ms");
    options.steady_until_ms = settings.number("steady_until_ms");
    clients_.emplace(options);
  }

  void run() {
    while (!start()) pause(100);
    std::optional<Finish> finish;
    while (!finish || !has_read(finish->positions[shard_])) {
      tick();
      // What is appended after the node has reported itself drained may be read by no process.
      if (!is_drained_ && is_checkpoint_due()) put_checkpoint();
      if (!is_drained_ && are_clients_silent() && is_all_sent()) {
        write_file(folder_ + "/drained-" + std::to_string(shard_), "");
        is_drained_ = true;
      }
      pause_until_tick();
      if (!finish && is_drained_ && (finish = Finish::read(finish_))) latest_ = finish->at;
    }
    counts_["loading"] = log_.times_loading();
    counts_["ahead"] += store_->snapshot().now() > finish->at ? 1 : 0;
    const std::uint64_t digest = write_views(*store_, durations_, folder_, shard_, finish->at);
    counts_["digest"] = static_cast<std::size_t>(digest);
    std::ostringstream seen;
    for (const auto& [from, last] : seen_) seen << from << ' ' << last << '\n';
    write_file(folder_ + "/seen-" + std::to_string(shard_), seen.str());
    write_file(folder_ + "/result-" + std::to_string(shard_), counts_.json());
  }

 private:
  // ---- time

  /// This machine's time, as this node's clock shows it.
  Timestamp now() const { return std::min(clock_.now() + offset_, latest_); }
  std::int64_t since_began_us() const { return (clock_.now() - began_).ns() / 1000; }
  static void pause(std::int64_t ms) { std::this_thread::sleep_for(std::chrono::milliseconds(ms)); }
  void pause_until_tick() const {
    const std::int64_t left = (next_tick_ - clock_.now()).ns();
    if (left > 0) std::this_thread::sleep_for(std::chrono::nanoseconds(left));
  }

  // ---- start

  /// Continues from the latest checkpoint and the entries after it. No time passes before all of them are read: else
  /// sessions would time out whose heartbeats are in the log.
  bool start() {
    if (!log_.open(server_)) return false;
    Snapshot snapshot(rules_);
    position_ = "0-0";
    bool is_newer = false;
    const bool is_read = log_.get_checkpoint("newest", [&](std::string_view bytes) {
      Result<Checkpoint> found = decode_checkpoint(bytes, rules_);
      is_newer = !found && found.error().code == ErrorCode::unknown_version;
      if (!found) return refuse(found.error());
      snapshot = std::move(found->snapshot);
      position_ = found->position;
      ++counts_["started_from_checkpoint"];
    });
    if (!is_read || is_newer) return false;
    store_.emplace(std::move(snapshot), StoreOptions());
    inbox_ = Inbox(rules_, position_);
    Snapshot tail(rules_);
    const auto keep = [&tail](const Snapshot& news) { merge_into(tail, news); };
    do {
      if (!read(keep)) return false;
    } while (!has_caught_up_);
    merge(tail);
    checkpoint_seen_ = clock_.now();
    last_contact_ = now();
    return true;
  }

  // ---- a tick

  void tick() {
    const Timestamp begun = clock_.now();
    next_tick_ = std::max(next_tick_ + durations_.tick(), begun);
    const Timestamp now = this->now();
    if (clients_) serve_clients();
    if (std::string batch = outbox_.take(now); !batch.empty()) {
      is_sent_ = log_.is_open() && append(batch);
      if (is_sent_) sent_at_ = now;
    }
    if (!log_.is_open()) return_to_log(now);
    const auto take_in = [this](const Snapshot& news) { merge(news); };
    // After an interruption there are many entries. Those that remain when the next tick is due are read in it, so that
    // the clients are served meanwhile, and the others receive their events.
    while (log_.is_open()) {
      if (read(take_in)) last_contact_ = now;
      if (has_caught_up_ || clock_.now() >= next_tick_) break;
    }
    if (has_caught_up_ && returning_since_) {
      std::size_t& most = counts_["back_ms"];
      most = std::max(most, static_cast<std::size_t>((clock_.now() - *returning_since_).ms()));
      returning_since_.reset();
    }
    store_->advance(now);
    std::size_t& longest = counts_["tick_ms"];
    longest = std::max(longest, static_cast<std::size_t>((clock_.now() - begun).ms()));
  }

  void serve_clients() {
    applied_.clear();
    const auto date = [this](std::int64_t us) { return began_ + Duration::from_ns(1000 * us) + offset_; };
    clients_->run(since_began_us(), date, [this](const PresenceEvent& event) {
      const Dispatched done = store_->dispatch(event);
      count_rejected("of own clients", done.verdict);
      done.each_applied(event, [this](const PresenceEventView& applied) {
        outbox_.add(applied);
        applied_.push_back(static_cast<PresenceEvent>(applied));
      });
    });
    counts_["events"] += applied_.size();
    if (!applied_.empty()) journal_.write(Record::applied, 0, encode_events(applied_.begin(), applied_.end()));
  }

  void count_rejected(const char* origin, Verdict verdict) {
    if (accepted(verdict)) return;
    ++counts_["rejected"];
    ++counts_["rejected " + std::string(origin) + ", " + std::string(to_string(verdict))];
  }

  bool append(std::string_view batch) {
    const std::uint64_t number = ++last_number_;
    journal_.write(Record::sending, number, batch);
    if (!log_.append(name_, number, "events", batch)) return false;
    journal_.write(Record::appended, number);
    ++counts_["entries"];
    counts_["bytes"] += batch.size();
    return true;
  }

  /// Reads the next entries. Returns false if the connection was lost.
  ///
  /// Redis skips trimmed entries without an error. A node that was away, that starts or that is slow looks whether this
  /// has happened, and then merges the newest checkpoint, which contains them. It looks after it has read: before,
  /// others could still put a checkpoint and trim.
  template <class Fn>
  bool read(Fn&& on_news) {
    const Timestamp now = this->now();
    const double ms = static_cast<double>(clock_.now().ns()) / 1e6;
    const bool is_steady = has_caught_up_ && now - last_contact_ < Duration::from_ms(durations_.kept_ms() / 2);
    const std::string before = position_;
    bool is_stopped = false;
    std::size_t taken = 0;
    const std::optional<std::size_t> count = log_.read_after(position_, most_entries_, [&](const Entry& entry) {
      if (is_stopped) return;
      if (entry.kind == "events") {
        const Result<Tally> tally = inbox_.add(entry.position, entry.body, now, [this](std::size_t, Verdict verdict) {
          count_rejected("of others", verdict);
        });
        if (!tally) refuse(tally.error());
        is_stopped = !tally && tally.error().code == ErrorCode::unknown_version;
        if (is_steady) counts_["read_events"] += tally ? tally->total() : 0;
      } else if (entry.kind == "checkpoint") {
        checkpoint_seen_ = clock_.now();
      } else if (entry.kind == "state" && entry.body != node_) {
        is_stopped = !get_checkpoint(std::string(entry.body), on_news);
      }
      if (is_stopped) return;
      position_ = entry.position;
      std::uint64_t& seen = seen_[std::string(entry.from)];
      seen = std::max(seen, entry.number);
      if (is_steady) counts_.add_lag(ms - static_cast<double>(ms_of(entry.position)));
      ++taken;
    });
    on_news(inbox_.take());
    has_caught_up_ = count && taken < static_cast<std::size_t>(most_entries_) && !is_stopped;
    if (count && !is_steady && !is_gap_closed(before, on_news)) {
      position_ = before;
      has_caught_up_ = false;
    }
    return count && log_.is_open();
  }

  /// Returns false if the connection was lost, or if the checkpoint has a newer version: reading stops there as well.
  template <class Fn>
  bool get_checkpoint(const std::string& name, Fn&& on_news) {
    bool is_newer = false;
    const bool is_read = log_.get_checkpoint(name, [&](std::string_view bytes) {
      const Result<Checkpoint> found = decode_checkpoint(bytes, rules_);
      is_newer = !found && found.error().code == ErrorCode::unknown_version;
      if (!found) return refuse(found.error());
      on_news(found->snapshot);
      ++counts_["merged_checkpoints"];
    });
    return is_read && !is_newer;
  }

  template <class Fn>
  bool is_gap_closed(const std::string& position, Fn&& on_news) {
    const std::optional<std::string> first = log_.first_position();
    if (!first) return false;
    if (!first->empty() && !is_later(*first, position)) return true;
    return get_checkpoint("newest", [&](const Snapshot& news) {
      on_news(news);
      ++counts_["gaps"];
    });
  }

  void merge(const Snapshot& news) {
    if (const std::optional<Error> error = store_->merge(news, now())) refuse(*error);
  }
  void refuse(const Error& error) {
    ++counts_["errors"];
    std::fprintf(stderr, "%s: %s\n", name_.c_str(), error.message);
  }

  // ---- after a lost connection

  /// Merges the newest checkpoint, sends the last seconds again, and reads them again.
  void return_to_log(Timestamp now) {
    const Timestamp begun = clock_.now();
    if (begun < retry_at_) return;
    std::string server;
    const bool is_open = log_.open(server);
    retry_at_ = clock_.now() + Duration::from_ms(retry_ms);  // the attempt may have taken all of its patience
    if (!is_open) return;
    const bool is_other = server != server_;  // the end of the log may be lost
    const Duration away = now - last_contact_;
    // One of a newer version keeps this node from reading on, but not from sending.
    if (!get_checkpoint("newest", [this](const Snapshot& news) { merge(news); }) && !log_.is_open()) return;
    is_sent_ = true;
    outbox_.resend(is_other ? Timestamp::lowest() : sent_at_, [this](std::string_view batch) {
      is_sent_ = is_sent_ && append(batch);
      ++counts_["resent"];
    });
    // What the outbox no longer has, and what nodes had sent that are gone by now, is in the state only.
    const Duration window = durations_.outbox_options().resend_window;
    if (is_other || away + durations_.state_margin() >= window) wants_to_send_state_ = true;
    if (!is_sent_) return log_.close();
    position_ = earlier(position_, durations_.read_again_ms(is_other));
    has_caught_up_ = false;
    sent_at_ = last_contact_ = now;
    server_ = server;
    returning_since_ = begun;
    ++counts_["returns"];
  }

  // ---- checkpoints

  /// Any node writes the next one. Everything that was applied has been sent, but for heartbeats that wait.
  bool is_checkpoint_due() const {
    if (!log_.is_open() || !has_caught_up_ || !is_sent_) return false;
    return wants_to_send_state_ ||
           (!is_reader_ && clock_.now() - checkpoint_seen_ > durations_.checkpoint_due(number_));
  }

  /// Takes a copy, which is O(1), and encodes it in pieces. Between two pieces the ticks go on, with the store.
  void put_checkpoint() {
    const Checkpoint checkpoint{store_->snapshot(), position_};
    std::string bytes;
    Timestamp due = next_tick_;
    encode_checkpoint(checkpoint, [&](std::string_view piece) {
      bytes.append(piece);
      if (clock_.now() < due) return;
      tick();
      ++counts_["ticks_inside_checkpoints"];
      // A node that is behind has a tick due at once. With one after each piece, the checkpoint would take very long.
      due = std::max(next_tick_, clock_.now() + Duration::from_ns(durations_.tick().ns() / 2));
    });
    const bool is_state = wants_to_send_state_;
    const char* const kind = is_state ? "state" : "checkpoint";
    const std::uint64_t number = ++last_number_;
    if (!is_state) checkpoint_seen_ = clock_.now();
    if (!log_.put_checkpoint(name_, number, kind, is_state ? node_ : "newest", bytes)) return;
    journal_.write(Record::appended, number);
    ++counts_[is_state ? "states" : "checkpoints"];
    counts_["checkpoint_bytes"] = bytes.size();
    wants_to_send_state_ = false;
    if (!is_state) log_.trim(earlier(checkpoint.position, durations_.kept_ms()));
  }

  // ---- the end

  /// Returns whether all events of the clients were applied. When their time is over, some may be left for the next
  /// tick.
  bool are_clients_silent() const {
    return since_began_us() > silent_ms_ * 1000 && (!clients_ || clients_->are_silent());
  }
  bool is_all_sent() const { return log_.is_open() && is_sent_ && !outbox_.next_take() && !wants_to_send_state_; }
  bool has_read(const std::string& position) const { return log_.is_open() && !is_later(position, position_); }

  const std::size_t shard_;
  const bool is_reader_;
  const std::string name_, node_, folder_, finish_;
  const Timestamp began_;
  const Duration offset_;
  const std::int64_t silent_ms_;
  const std::size_t number_;
  const Durations durations_;
  const Rules rules_;
  const int most_entries_;
  const HostClock clock_;
  Timestamp latest_ = Timestamp::highest();  ///< the time to compare at, in the end

  RedisLog log_;
  std::string server_;
  std::optional<Store> store_;
  Outbox outbox_;
  Inbox inbox_;
  std::string position_;
  Timestamp next_tick_ = Timestamp::from_s(0), retry_at_ = Timestamp::from_s(0), checkpoint_seen_, last_contact_;
  std::optional<Timestamp> returning_since_;
  Timestamp sent_at_;    ///< when the last batch was taken that Redis has acknowledged
  bool is_sent_ = true;  ///< whether Redis has acknowledged all that was taken from the outbox
  bool has_caught_up_ = false;
  bool wants_to_send_state_ = false;
  bool is_drained_ = false;
  std::uint64_t last_number_ = 0;

  std::optional<Clients> clients_;
  std::vector<PresenceEvent> applied_;
  Journal journal_;
  std::map<std::string, std::uint64_t> seen_;
  Counts counts_;
};

int run_node(const Settings& settings) {
  std::vector<std::unique_ptr<Shard>> shards;
  for (std::size_t i = 0; i < settings.size("shards"); ++i) shards.push_back(std::make_unique<Shard>(settings, i));
  std::vector<std::thread> threads;
  for (const auto& shard : shards) threads.emplace_back([&shard] { shard->run(); });
  for (std::thread& thread : threads) thread.join();
  return 0;
}

/// A single process that receives every event in its order. Of a start that was killed, only what it has sent exists:
/// all entries up to the last one that any process has read.
int run_oracle(const Settings& settings) {
  const std::optional<Finish> finish = Finish::read(settings.text("finish"));
  if (!finish) return 1;
  const std::string folder = settings.text("folder");
  const Durations durations(settings.number("slowdown"));
  for (std::size_t shard = 0; shard < settings.size("shards"); ++shard) {
    const std::string suffix = "-" + std::to_string(shard);
    std::map<std::string, std::uint64_t> seen;
    std::vector<std::string> starts;
    for (const files::directory_entry& one : files::directory_iterator(settings.text("all"))) {
      if (files::exists(one.path() / ("journal" + suffix))) starts.push_back(one.path().filename().string());
      std::ifstream file(one.path() / ("seen" + suffix));
      std::uint64_t last = 0;
      for (std::string from; file >> from >> last;) seen[from] = std::max(seen[from], last);
    }
    std::vector<PresenceEvent> events;
    Counts counts;
    for (const std::string& name : starts) {
      const files::path start = files::path(settings.text("all")) / name;
      const bool is_killed = !files::exists(start / ("result" + suffix));
      Journal::read((start / ("journal" + suffix)).string(),
                    [&](Record record, std::uint64_t number, std::string_view bytes) {
                      if (record == Record::appended && number > seen[name]) ++counts["lost_" + name];
                      if (is_killed ? record != Record::sending || number > seen[name] : record != Record::applied)
                        return;
                      decode_events(bytes, [&events](const PresenceEventView& event) {
                        events.emplace_back(event);
                      }).value_or(Tally());
                    });
    }
    std::stable_sort(events.begin(), events.end(),
                     [](const PresenceEvent& a, const PresenceEvent& b) { return a.at < b.at; });
    StoreOptions options;
    options.keep_order_of_frame = false;  // their timestamps are those with which they were applied
    Store store(durations.rules(), options);
    const Tally tally = store.dispatch(events.begin(), events.end());
    counts["events"] = events.size();
    counts["rejected"] = tally.refused();
    counts["digest"] = static_cast<std::size_t>(write_views(store, durations, folder, shard, finish->at));
    write_file(folder + "/result" + suffix, counts.json());
  }
  return 0;
}

/// How fast entries are appended and read with Outbox, Inbox and Store, beside the bare commands, on the entries that
/// are in the log at the end.
int run_rates(const Settings& settings) {
  using Clock = std::chrono::steady_clock;
  RedisLog log(static_cast<int>(settings.number("port")), stream_of(0)),
      scratch(static_cast<int>(settings.number("port")), "scratch");
  std::string server;
  if (!log.open(server) || !scratch.open(server)) return 1;
  const Durations durations(settings.number("slowdown"));
  const Rules rules = durations.rules();
  std::vector<std::string> batches;
  std::vector<std::vector<PresenceEvent>> all;
  std::size_t events = 0;
  std::string position = "0-0";
  std::optional<std::size_t> count;
  while ((count = log.read_after(position, 500, [&](const Entry& entry) {
           position = entry.position;
           if (entry.kind != "events") return;
           batches.emplace_back(entry.body);
           all.emplace_back();
           decode_events(entry.body, [&](const PresenceEventView& event) {
             all.back().emplace_back(event);
           }).value_or(Tally());
           events += all.back().size();
         })).value_or(0) != 0) {
  }
  if (!count || batches.empty()) return 1;

  // Repeats `pass` for a while. Returns entries per second.
  const auto rate_of = [&](const std::function<void()>& pass) {
    const Clock::time_point begin = Clock::now();
    std::size_t passes = 0;
    std::chrono::duration<double> taken{};
    while (taken.count() < 0.5) {
      pass();
      ++passes;
      taken = Clock::now() - begin;
    }
    return static_cast<double>(passes * batches.size()) / taken.count();
  };
  const auto clear = [&] { scratch.run("DEL scratch"); };
  const double raw_append = rate_of([&] {
    clear();
    for (const std::string& batch : batches) scratch.append("node", 1, "events", batch);
  });
  const double append = rate_of([&] {
    clear();
    Outbox outbox(rules, durations.outbox_options());
    Timestamp now = all[0].empty() ? Timestamp() : all[0][0].at;
    for (const std::vector<PresenceEvent>& one : all) {
      for (const PresenceEvent& event : one) outbox.add(event);
      now += durations.tick();
      scratch.append("node", 1, "events", outbox.take(now));
    }
  });
  clear();
  for (const std::string& batch : batches) scratch.append("node", 1, "events", batch);
  const double raw_read = rate_of([&] {
    std::string at = "0-0";
    while (scratch.read_after(at, 100, [&at](const Entry& entry) { at = entry.position; }).value_or(0) != 0) {
    }
  });
  const Timestamp now = Timestamp(std::chrono::system_clock::now()) + Duration::from_s(2);
  const double read = rate_of([&] {
    Store store(rules);
    Inbox inbox(rules, "0-0");
    while (scratch
               .read_after(inbox.position(), 100,
                           [&](const Entry& entry) { static_cast<void>(inbox.add(entry.position, entry.body, now)); })
               .value_or(0) != 0) {
      static_cast<void>(store.merge(inbox.take(), now));
    }
  });
  clear();
  std::printf("{\"append\":%.0f,\"raw_append\":%.0f,\"read\":%.0f,\"raw_read\":%.0f,\"events_per_entry\":%.1f}\n",
              append, raw_append, read, raw_read, static_cast<double>(events) / static_cast<double>(batches.size()));
  return scratch.is_open() ? 0 : 1;
}

}  // namespace

int main(int count, char** words) {
  std::signal(SIGPIPE, SIG_IGN);  // hiredis writes to a socket that Redis may have closed
  const Settings settings(count, words);
  const std::string mode = settings.text("mode");
  return mode == "oracle" ? run_oracle(settings) : mode == "rates" ? run_rates(settings) : run_node(settings);
}
