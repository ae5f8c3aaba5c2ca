// SPDX-License-Identifier: MIT
#include "tokens.hpp"

#include "json.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include <stdexcept>
#include <vector>

namespace service {
namespace {

constexpr std::string_view digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

std::string base64url(std::string_view bytes) {
  std::string out;
  unsigned bits = 0;
  int count = 0;
  for (const char c : bytes) {
    bits = (bits << 8 | static_cast<unsigned char>(c)) & 0xFFFF;
    for (count += 8; count >= 6; count -= 6) out += digits[bits >> (count - 6) & 63];
  }
  if (count > 0) out += digits[bits << (6 - count) & 63];
  return out;
}

/// Reads base64url, and plain base64, whose padding is skipped.
std::optional<std::string> from_base64(std::string_view text) {
  std::string out;
  unsigned bits = 0;
  int count = 0;
  while (!text.empty() && text.back() == '=') text.remove_suffix(1);
  for (const char c : text) {
    const std::size_t digit = digits.find(c == '+' ? '-' : c == '/' ? '_' : c);
    if (digit == std::string_view::npos) return std::nullopt;
    bits = (bits << 6 | static_cast<unsigned>(digit)) & 0xFFFF;
    count += 6;
    if (count < 8) continue;
    count -= 8;
    out += static_cast<char>(bits >> count & 0xFF);
  }
  return out;
}

Json read_part(std::string_view part) {
  const std::optional<std::string> text = from_base64(part);
  Json json = text ? parse_json_or_discard(*text) : Json(Json::value_t::discarded);
  if (!json.is_object()) throw BadToken{5, "the token is not a JSON Web Token"};
  return json;
}

}  // namespace

Token Tokens::read(std::string_view token, double now_s) const {
  if (token.substr(0, 7) == "Bearer ") token.remove_prefix(7);
  if (token.empty()) throw BadToken{5, "there is no token"};
  const std::size_t first = token.find('.'), last = token.rfind('.');
  if (first == last) throw BadToken{5, "the token is not a JSON Web Token"};
  const Json header = read_part(token.substr(0, first));
  const Json payload = read_part(token.substr(first + 1, last - first - 1));
  if (!secret_.empty()) {
    const auto algorithm = header.find("alg");
    if (algorithm == header.end() || *algorithm != "HS256") throw BadToken{5, "the token is not signed with HS256"};
    const std::string expected = signature_of(token.substr(0, last));
    const std::string_view given = token.substr(last + 1);
    if (given.size() != expected.size() || CRYPTO_memcmp(given.data(), expected.data(), expected.size()) != 0)
      throw BadToken{43, "the signature of the token is invalid"};
  }
  const auto time_of = [&payload](const char* name) -> std::optional<double> {
    const auto found = payload.find(name);
    if (found == payload.end()) return std::nullopt;
    if (!found->is_number()) throw BadToken{5, std::string("the ") + name + " of the token is not a number"};
    return found->get<double>();
  };
  constexpr double leeway_s = 5;  // clocks of two machines differ
  if (const auto end = time_of("exp"); end && *end <= now_s) throw BadToken{40, "the token has expired"};
  if (const auto begin = time_of("nbf"); begin && *begin > now_s + leeway_s)
    throw BadToken{41, "the token is not valid yet"};
  if (const auto issued = time_of("iat"); issued && *issued > now_s + leeway_s)
    throw BadToken{42, "the token is used before it was issued"};
  const auto user = payload.find("user_id");
  if (user == payload.end()) {
    const auto server = payload.find("server");
    if (server == payload.end() || *server != true) throw BadToken{5, "the token has no user_id"};
    return Token{"", true, false};
  }
  if (!user->is_string() || user->get_ref<const std::string&>().empty())
    throw BadToken{5, "the user_id of the token is not a string"};
  return Token{user->get<std::string>(), false, false};
}

std::string Tokens::make(const std::string& user) const {
  const std::string head =
      base64url(R"({"alg":"HS256","typ":"JWT"})") + '.' + base64url(Json{{"user_id", user}}.dump());
  return head + '.' + (secret_.empty() ? std::string("devtoken") : signature_of(head));
}

std::string Tokens::signature_of(std::string_view signed_part) const {
  unsigned char bytes[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  if (HMAC(EVP_sha256(), secret_.data(), static_cast<int>(secret_.size()),
           reinterpret_cast<const unsigned char*>(signed_part.data()), signed_part.size(), bytes, &size) == nullptr)
    throw std::runtime_error("OpenSSL cannot sign");
  return base64url(std::string_view(reinterpret_cast<const char*>(bytes), size));
}

Sha256::Sha256() : state_(EVP_MD_CTX_new()) {
  if (state_ == nullptr || EVP_DigestInit_ex(static_cast<EVP_MD_CTX*>(state_), EVP_sha256(), nullptr) != 1)
    throw std::runtime_error("OpenSSL cannot hash");
}
Sha256::~Sha256() { EVP_MD_CTX_free(static_cast<EVP_MD_CTX*>(state_)); }
void Sha256::add(std::string_view piece) {
  if (EVP_DigestUpdate(static_cast<EVP_MD_CTX*>(state_), piece.data(), piece.size()) != 1)
    throw std::runtime_error("OpenSSL cannot hash");
}
std::string Sha256::finish() {
  unsigned char bytes[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  if (EVP_DigestFinal_ex(static_cast<EVP_MD_CTX*>(state_), bytes, &size) != 1)
    throw std::runtime_error("OpenSSL cannot hash");
  return base64url(std::string_view(reinterpret_cast<const char*>(bytes), size));
}

std::string random_hex(std::size_t bytes) {
  std::vector<unsigned char> random(bytes);
  if (RAND_bytes(random.data(), static_cast<int>(bytes)) != 1) throw std::runtime_error("OpenSSL has no random bytes");
  std::string out;
  for (const unsigned char byte : random) {
    out += "0123456789abcdef"[byte >> 4];
    out += "0123456789abcdef"[byte & 15];
  }
  return out;
}

}  // namespace service
