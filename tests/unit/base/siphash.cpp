// SPDX-License-Identifier: MIT
#include <presence/base/detail/siphash.hpp>

#include "../support.hpp"

using namespace support;

namespace {

using Sip24 = detail::SipHash<2, 4>;
using Sip13 = detail::SipHash<1, 3>;

/// The key 00 01 02 … 0F of the published vectors.
const detail::Bits128 key{0x0706050403020100u, 0x0F0E0D0C0B0A0908u};

/// The messages of the published vectors: 00 01 02 …, so many bytes.
std::string message_of(std::size_t size) {
  std::string message;
  for (std::size_t i = 0; i < size; ++i) message += static_cast<char>(i);
  return message;
}

}  // namespace

TEST_CASE("SipHash-2-4 gives the published hashes") {
  const std::uint64_t expected[] = {
      0x726FDB47DD0E0E31u, 0x74F839C593DC67FDu, 0x0D6C8009D9A94F5Au, 0x85676696D7FB7E2Du,
      0xCF2794E0277187B7u, 0x18765564CD99A68Du, 0xCBC9466E58FEE3CEu, 0xAB0200F58B01D137u,
      0x93F5F5799A932462u, 0x9E0082DF0BA9E4B0u, 0x7A5DBBC594DDB9F3u, 0xF4B32F46226BADA7u,
      0x751E8FBC860EE5FBu, 0x14EA5627C0843D90u, 0xF723CA908E7AF2EEu, 0xA129CA6149BE45E5u,
  };
  std::size_t size = 0;
  for (const std::uint64_t hash : expected) CHECK(Sip24::hash64(message_of(size++), key) == hash);
  CHECK(Sip24::hash64(message_of(63), key) == 0x958A324CEB064572u);
}

TEST_CASE("SipHash-1-3 gives the hashes of the authors' reference implementation") {
  const std::uint64_t expected[] = {
      0xABAC0158050FC4DCu, 0xC9F49BF37D57CA93u, 0x82CB9B024DC7D44Du, 0x8BF80AB8E7DDF7FBu,
      0xCF75576088D38328u, 0xDEF9D52F49533B67u, 0xC50D2B50C59F22A7u, 0xD3927D989BB11140u,
      0x369095118D299A8Eu, 0x25A48EB36C063DE4u, 0x79DE85EE92FF097Fu, 0x70C118C1F94DC352u,
      0x78A384B157B4D9A2u, 0x306F760C1229FFA7u, 0x605AA111C0F95D34u, 0xD320D86D2A519956u,
  };
  std::size_t size = 0;
  for (const std::uint64_t hash : expected) CHECK(Sip13::hash64(message_of(size++), key) == hash);
}

TEST_CASE("SipHash-2-4 with 128 bits gives the published hashes") {
  // The sixteen bytes of each hash, as two 64-bit words, lowest byte first.
  CHECK(Sip24::hash128(message_of(0), key) == detail::Bits128{0xE6A825BA047F81A3u, 0x930255C71472F66Du});
  CHECK(Sip24::hash128(message_of(1), key) == detail::Bits128{0x44AF996BD8C187DAu, 0x45FC229B11597634u});
  CHECK(Sip24::hash128(message_of(15), key) == detail::Bits128{0x11A8B03399E99354u, 0xD9C3CF970FEC087Eu});
}
