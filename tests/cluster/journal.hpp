// SPDX-License-Identifier: MIT
// What a node writes to a local file, so that the test can judge it afterwards. A real node needs nothing like it.
#ifndef CLUSTER_JOURNAL_HPP
#define CLUSTER_JOURNAL_HPP

#include <fcntl.h>
#include <unistd.h>

#include <cstdint>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>

namespace cluster {

enum class Record : char {
  applied = 'A',   ///< a batch of the events that the node has applied in a tick
  sending = 'S',   ///< a batch that it is about to append, with the number of the entry
  appended = 'K',  ///< the number of an entry that Redis has acknowledged
};

/// A file that has everything that was written when the process is killed.
class Journal {
 public:
  explicit Journal(const std::string& path) : file_(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600)) {}
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;
  ~Journal() { ::close(file_); }

  void write(Record record, std::uint64_t number, std::string_view bytes = {}) {
    const std::uint64_t size = bytes.size();
    std::string text(1, static_cast<char>(record));
    text.append(reinterpret_cast<const char*>(&number), sizeof number);
    text.append(reinterpret_cast<const char*>(&size), sizeof size);
    text.append(bytes);
    if (::write(file_, text.data(), text.size()) != static_cast<ssize_t>(text.size())) ::_exit(9);
  }

  /// Calls `on_record(Record, std::uint64_t number, std::string_view bytes)`. A last record may be cut off.
  template <class Fn>
  static void read(const std::string& path, Fn&& on_record) {
    constexpr std::size_t head = 1 + 2 * sizeof(std::uint64_t);
    std::ifstream file(path, std::ios::binary);
    const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
    for (std::size_t at = 0; at + head <= text.size();) {
      std::uint64_t number = 0, size = 0;
      std::memcpy(&number, &text[at + 1], sizeof number);
      std::memcpy(&size, &text[at + 1 + sizeof number], sizeof size);
      if (size > text.size() - at - head) return;
      on_record(static_cast<Record>(text[at]), number, std::string_view(text).substr(at + head, size));
      at += head + size;
    }
  }

 private:
  int file_;
};

}  // namespace cluster

#endif  // CLUSTER_JOURNAL_HPP
