// SPDX-License-Identifier: MIT
// JSON Web Tokens, signed with HS256.
#ifndef SERVICE_TOKENS_HPP
#define SERVICE_TOKENS_HPP

#include <optional>
#include <string>
#include <string_view>

namespace service {

/// Who a token speaks for.
struct Token {
  std::string user;        ///< its user_id; empty: the server side, which may act for every user
  bool is_server = false;  ///< it has no user_id
  bool is_anonymous = false;
};

/// Why a token is refused: a code of the service, and a message.
struct BadToken {
  int code = 5;
  std::string message;
};

/// Reads tokens. With a secret, their signature and their times are checked. Without one, only the times are.
class Tokens {
 public:
  explicit Tokens(std::string secret) : secret_(std::move(secret)) {}
  /// Throws BadToken. `now_s`: seconds since 1970.
  Token read(std::string_view token, double now_s) const;
  /// Returns a token for a user.
  std::string make(const std::string& user) const;

 private:
  std::string signature_of(std::string_view signed_part) const;
  std::string secret_;
};

/// Hashes consecutive pieces of a text.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;
  void add(std::string_view piece);
  /// Returns the hash as base64url. Call it once.
  std::string finish();

 private:
  void* state_;
};
/// Returns `bytes` random bytes as hexadecimal digits.
std::string random_hex(std::size_t bytes);

}  // namespace service

#endif  // SERVICE_TOKENS_HPP
