// SPDX-License-Identifier: Apache-2.0
// A stream of any bytes whatever, in pieces of any size, put together to frames: messages, or TransferError, and never more memory than twice what came.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "channel/frame.hpp"
#include "royong/error.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const std::size_t piece = data[0] + std::size_t{1};
  const std::uint64_t longest = std::uint64_t{1} << data[1] % 48;
  data += 2;
  size -= 2;
  try {
    royong::channel::FrameReader reader(longest);
    std::size_t body = 0;
    while (size > 0) {
      const auto room = reader.room();
      if (room.empty() || room.size() > std::max<std::size_t>(64 * 1024, body)) std::abort();
      const std::size_t count = std::min({room.size(), size, piece});
      std::memcpy(room.data(), data, count);
      data += count;
      size -= count;
      const bool in_body = reader.header_bytes().size() == royong::channel::frame_header_size;
      const bool complete = reader.advance(count);
      if (in_body) body += count;
      if (!complete) continue;
      if (reader.header().length > longest || reader.header().length != body) std::abort();
      if (reader.take_body().size() != body) std::abort();
      reader = royong::channel::FrameReader(longest);
      body = 0;
    }
  } catch (const royong::TransferError&) {
  } catch (const royong::AuthenticationError&) {
  }
  return 0;
}
