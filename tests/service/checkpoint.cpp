// SPDX-License-Identifier: MIT
// The format: a line with a name, the version and the size of the JSON; the JSON of channels and dates; the snapshot,
// as the library encodes it; the SHA-256 of all of it.
#include "checkpoint.hpp"

#include "tokens.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <sstream>
#include <stdexcept>

using namespace presence;

namespace service {
namespace {

constexpr std::size_t hash_size = 43;
constexpr std::string_view first_line = "presence service checkpoint 1 ";

Timestamp timestamp_of(const Json& json) {
  return parse_timestamp(json.get_ref<const std::string&>()).value_or(Timestamp());
}

}  // namespace

bool write_checkpoint(const std::string& path, const SavedState& state) {
  Json json;
  json["channels"] = Json::array();
  json["users"] = Json::object();
  json["position"] = state.position;
  for (const Channel& channel : state.channels) json["channels"].push_back(to_json(channel));
  for (const auto& [user, dates] : state.dates) {
    json["users"][user] = {to_string(dates.created), to_string(dates.updated)};
  }
  const std::string head = json.dump();
  const std::string beside = path + ".new";
  std::FILE* const file = std::fopen(beside.c_str(), "wb");
  bool is_written = file != nullptr;
  Sha256 hash;
  const auto put = [&](std::string_view bytes) {
    is_written = is_written && std::fwrite(bytes.data(), 1, bytes.size(), file) == bytes.size();
  };
  const auto write = [&](std::string_view bytes) {
    hash.add(bytes);
    put(bytes);
  };
  write(std::string(first_line) + std::to_string(head.size()) + '\n');
  write(head);
  if (is_written) encode(state.snapshot, write);
  put(hash.finish());
  is_written = is_written && std::fflush(file) == 0 && fsync(fileno(file)) == 0;
  if (file != nullptr) is_written = std::fclose(file) == 0 && is_written;
  is_written = is_written && std::rename(beside.c_str(), path.c_str()) == 0;
  if (!is_written) log("cannot write the checkpoint " + path + ": " + std::strerror(errno));
  return is_written;
}

SavedState read_checkpoint(const std::string& path, const Rules& rules) {
  SavedState state;
  state.snapshot = Snapshot(rules);
  std::ifstream file(path, std::ios::binary);
  if (!file && errno == ENOENT) return state;
  const auto fail = [&path](const std::string& why) {
    throw std::runtime_error("the checkpoint " + path + ": " + why);
  };
  if (!file) fail(std::strerror(errno));
  std::ostringstream content;
  content << file.rdbuf();
  std::string bytes = content.str();
  if (bytes.size() < hash_size) fail("it is truncated");
  Sha256 hash;
  hash.add(std::string_view(bytes).substr(0, bytes.size() - hash_size));
  if (std::string_view(bytes).substr(bytes.size() - hash_size) != hash.finish()) fail("it is damaged, or is none");
  bytes.resize(bytes.size() - hash_size);
  const std::size_t end = bytes.find('\n');
  if (bytes.compare(0, first_line.size(), first_line) != 0 || end == std::string::npos) fail("this is none");
  const std::size_t size = std::strtoull(bytes.c_str() + first_line.size(), nullptr, 10);
  if (size > bytes.size() - end - 1) fail("it is truncated");
  try {
    const Json json = Json::parse(bytes.substr(end + 1, size));
    for (const Json& text : json.at("channels")) {
      Result<Channel> channel = parse_channel(text.get_ref<const std::string&>());
      if (!channel) fail(channel.error().message);
      state.channels.push_back(*std::move(channel));
    }
    for (const auto& [user, dates] : json.at("users").items())
      state.dates[user] = {timestamp_of(dates.at(0)), timestamp_of(dates.at(1))};
    state.position = json.at("position").get<std::string>();
  } catch (const Json::exception& error) {
    fail(error.what());
  }
  Result<Snapshot> snapshot = decode(std::string_view(bytes).substr(end + 1 + size), rules);
  if (!snapshot) fail(snapshot.error().message);
  state.snapshot = *std::move(snapshot);
  return state;
}

}  // namespace service
