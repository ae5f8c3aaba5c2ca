// SPDX-License-Identifier: MIT
#include <presence/replica/checkpoint.hpp>

#include "../rich.hpp"
#include "../second_writer.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace support;
using namespace support::second_writer;

namespace {

Checkpoint checkpoint_of(const Rules& rules, std::string position) {
  Checkpoint checkpoint;
  checkpoint.snapshot = reduce(Snapshot(rules), at(5));
  checkpoint.snapshot = reduce(std::move(checkpoint.snapshot), connect("john", "phone", at(0)));
  checkpoint.snapshot = reduce(std::move(checkpoint.snapshot), says("mary", "hi", at(1)));
  checkpoint.position = std::move(position);
  return checkpoint;
}
std::string judged(std::string_view bytes, const Rules& rules = {}) {
  const Result<Checkpoint> found = decode_checkpoint(bytes, rules);
  if (found) return "accepted";
  CHECK(found.error().offset <= bytes.size());
  return std::string(to_string(found.error().code)) + " at " + std::to_string(found.error().offset);
}
constexpr std::size_t head = 6 + 4 + 8;

}  // namespace

TEST_CASE("a checkpoint is read as it was, and with its position") {
  for (const std::string& position : {std::string(), std::string("1526919030474-55"), std::string(20000, 'p')}) {
    const Checkpoint checkpoint = checkpoint_of(Rules(), position);
    const std::string bytes = encode_checkpoint(checkpoint);
    const Result<Checkpoint> found = decode_checkpoint(bytes, Rules());
    REQUIRE(found.has_value());
    CHECK(found->snapshot == checkpoint.snapshot);
    CHECK(found->position == position);
    CHECK(encode_checkpoint(*found) == bytes);
  }
  CHECK(decode_checkpoint(encode_checkpoint(Checkpoint()), Rules())->snapshot == Snapshot());
}

TEST_CASE("the bytes are a head with a fingerprint and the position, then the encoded snapshot") {
  const Checkpoint checkpoint = checkpoint_of(Rules(), "41");
  const std::string bytes = encode_checkpoint(checkpoint), snapshot = encode(checkpoint.snapshot);
  const std::string body = bytes.substr(head, bytes.size() - head - snapshot.size());
  CHECK(bytes == "PRSN" + octet(1) + octet(5) + words(body.size(), 4) + bytes.substr(10, 8) + body + snapshot);
  CHECK(body.substr(8) == text_bytes("41"));
  CHECK(detail::fingerprint_of(Rules()) == 12657250217343321427u);
  CHECK(checksum_after(0, bytes) == 4545568419716132618u);
}

TEST_CASE("the pieces that a sink receives are the bytes of the string, whatever the sizes are") {
  Snapshot users = reduce(Snapshot(), at(5));
  for (std::size_t count = 0; count < 2000; count = 5 * count + 1) {
    while (users.size() < count) apply(users, connect(user_id(users.size()), "phone", at(0)));
    for (const std::size_t size : {0u, 127u, 128u, 16384u, 40000u}) {
      const Checkpoint checkpoint{users, std::string(size, 'p')};
      std::string joined;
      std::vector<std::size_t> sizes;
      encode_checkpoint(checkpoint, [&](std::string_view piece) {
        joined += piece;
        sizes.push_back(piece.size());
      });
      CAPTURE(count);
      CAPTURE(size);
      CHECK(joined == encode_checkpoint(checkpoint));
      std::vector<std::size_t> expected{head + 8 + number(size).size() + size};  // the position, then what `encode` writes
      encode(users, [&expected](std::string_view piece) { expected.push_back(piece.size()); });
      CHECK(sizes == expected);
      for (std::size_t i = 1; i < sizes.size(); ++i) CHECK(sizes[i] < 17000);
    }
  }
}

TEST_CASE("what happens between two pieces is not in the checkpoint") {
  Snapshot s;
  for (std::size_t i = 0; i < 3000; ++i) s = reduce(std::move(s), connect(user_id(i), "phone", at(0)));
  Checkpoint checkpoint{s, "41"};
  const std::string before = encode_checkpoint(checkpoint);
  struct Sink {
    void operator()(std::string_view piece) {
      bytes += piece;
      apply(live, says(user_id(bytes.size() % 3000), "hi", at(static_cast<double>(++pieces))));
    }
    Snapshot& live;
    std::string bytes;
    int pieces;
  } sink{s, {}, 0};
  encode_checkpoint(checkpoint, sink);  // an lvalue is not copied
  CHECK(sink.bytes == before);
  CHECK(sink.pieces > 4);
  CHECK(s != checkpoint.snapshot);
}

TEST_CASE("rules that decide otherwise are refused; limits may differ") {
  const std::string bytes = encode_checkpoint(checkpoint_of(Rules(), "41"));
  const std::string refused = "wrong_type at " + std::to_string(head);
  for (Duration Rules::*const length :
       {&Rules::session_timeout, &Rules::offline_grace, &Rules::last_active_refresh, &Rules::idle_after,
        &Rules::report_timeout, &Rules::reorder_window, &Rules::forget_after}) {
    Rules rules;
    rules.*length = seconds(7);
    CHECK(judged(bytes, rules) == refused);
  }
  Rules rules;
  rules.heartbeat_is_activity = false;
  CHECK(judged(bytes, rules) == refused);
  rules = Rules();
  rules.session_fold = SessionFold::latest;
  CHECK(judged(bytes, rules) == refused);
  rules = Rules();
  rules.ranking = {Availability::idle};
  CHECK(judged(bytes, rules) == refused);

  rules = Rules();
  rules.max_clock_skew = seconds(1);
  rules.max_users = 1;
  rules.max_status_bytes = 100;
  rules.show_devices = true;
  rules.hash_seed = 7;
  rules.offline_grace = seconds(-1);  // as 0
  CHECK(judged(bytes, rules) == "accepted");
  CHECK(decode_checkpoint(bytes, rules)->snapshot.rules() == Snapshot(rules).rules());
}

TEST_CASE("damaged and foreign bytes are refused") {
  const Checkpoint checkpoint = checkpoint_of(Rules(), "41");
  const std::string bytes = encode_checkpoint(checkpoint);
  for (std::size_t size = 0; size < bytes.size(); ++size)
    CHECK(judged(bytes.substr(0, size)) == "truncated at " + std::to_string(size));
  for (std::size_t bit = 0; bit < 8 * bytes.size(); ++bit) {
    std::string changed = bytes;
    changed[bit / 8] = static_cast<char>(static_cast<unsigned char>(changed[bit / 8]) ^ 1u << bit % 8);
    CHECK(judged(changed) != "accepted");
  }
  CHECK(judged(bytes + "x") == "trailing_bytes at " + std::to_string(bytes.size()));
  CHECK(judged(encode(checkpoint.snapshot)) == "wrong_type at 5");
  CHECK(judged("{}") == "syntax at 0");
  std::string other = bytes;
  other[4] = '\2';
  CHECK(judged(other) == "unknown_version at 4");
  other = bytes;
  other[head + 9] = '5';  // of the position
  CHECK(judged(other) == "bad_checksum at 6");
  CHECK(decode(bytes, Rules()).error() == Error{ErrorCode::wrong_type, 5, ""});
  DecodeOptions options;
  options.max_users = 1;
  CHECK(decode_checkpoint(bytes, Rules(), options).error().code == ErrorCode::over_limit);
}
