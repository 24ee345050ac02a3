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
    std::size_t came = 0;  // of this frame
    while (size > 0) {
      const auto room = reader.room();
      if (room.empty() || room.size() > std::max<std::size_t>(64 * 1024, came)) std::abort();
      const std::size_t count = std::min({room.size(), size, piece});
      std::memcpy(room.data(), data, count);
      data += count;
      size -= count;
      came += count;
      if (!reader.advance(count)) continue;
      // Complete: all of it and nothing of the next one.
      const auto length = reader.header().length;
      if (length > longest) std::abort();
      if (came != std::max<std::size_t>(24 + length, royong::channel::shortest_frame)) std::abort();
      if (reader.take_body().size() != length) std::abort();
      reader = royong::channel::FrameReader(longest);
      came = 0;
    }
  } catch (const royong::TransferError&) {
  } catch (const royong::AuthenticationError&) {
  }
  return 0;
}
