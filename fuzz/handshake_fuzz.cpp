// SPDX-License-Identifier: Apache-2.0
// A peer that says anything whatever to either side of the handshake: it is never let in where there is a key, and never makes a side read beyond its limit.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <span>
#include <string>

#include "channel/handshake.hpp"
#include "royong/error.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace royong::channel;
  if (size < 2) return 0;
  const Side side = (data[0] & 1) != 0 ? Side::client : Side::listener;
  std::optional<std::string> key;
  if ((data[0] & 2) != 0) key = "key";
  const std::size_t piece = data[1] + std::size_t{1};
  auto rest = std::as_bytes(std::span(data, size)).subspan(2);
  // Always the same nonce, so that the corpus may hold whole conversations.
  const std::array<std::byte, nonce_size> nonce{};
  Handshake handshake(side, key, nonce);
  std::size_t said = 0;
  try {
    while (handshake.wanted() != 0 && !rest.empty()) {
      if (handshake.wanted() > longest_handshake) std::abort();
      const auto part = rest.first(std::min({rest.size(), handshake.wanted(), piece}));
      handshake.input(part);
      rest = rest.subspan(part.size());
      said += part.size();
      if (said > 3 * longest_handshake) std::abort();
    }
  } catch (const royong::TransferError&) {
  } catch (const royong::AuthenticationError&) {
  }
  (void)handshake.output();
  return 0;
}
