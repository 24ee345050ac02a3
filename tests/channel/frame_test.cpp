// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief Frames are put together from pieces of any size, whole or with most of their body dropped, and no byte of the next one is taken.
 */
#include "channel/frame.hpp"

#include <gtest/gtest.h>

#include <algorithm>  // for std::min, std::max, std::ranges::copy
#include <cstddef>    // for std::byte, std::size_t
#include <span>       // for std::span
#include <vector>     // for std::vector

namespace royong {
namespace {

using channel::FrameReader;
using Bytes = std::vector<std::byte>;

constexpr std::size_t header_size = channel::frame_header_size;
/// Of a body, in the first bytes of a frame.
constexpr std::size_t most_in_first = channel::shortest_frame - header_size;

/// Every byte tells its place.
Bytes body_of(std::size_t length) {
  Bytes body(length);
  for (std::size_t i = 0; i < length; ++i) body[i] = static_cast<std::byte>(i * 7 + 1);
  return body;
}

Bytes first_of(std::size_t length, std::size_t kept) {
  Bytes body = body_of(length);
  body.resize(kept);
  return body;
}

Bytes frame_of(std::size_t length) {
  const auto header = channel::encode_frame_header({.length = length, .type = 7});
  const Bytes body = body_of(length);
  const auto zeros = channel::padding_behind(length);
  Bytes frame(header.begin(), header.end());
  frame.insert(frame.end(), body.begin(), body.end());
  frame.insert(frame.end(), zeros.begin(), zeros.end());
  return frame;
}

/// A reader and the bytes that come to it.
struct Arriving {
  Bytes bytes;
  FrameReader reader{};
  std::size_t at = 0;
  bool complete = false;

  /// Until `end`, in pieces no longer than that. Whatever lies behind the frame is asked for by nobody.
  void until(std::size_t end, std::size_t piece) {
    while (at < end) {
      ASSERT_FALSE(complete);
      const auto room = reader.room();
      ASSERT_FALSE(room.empty());
      ASSERT_LE(at + room.size(), bytes.size());
      const auto count = std::min({room.size(), piece, end - at});
      std::ranges::copy(std::span(bytes).subspan(at, count), room.begin());
      at += count;
      complete = reader.advance(count);
      ASSERT_EQ(complete, at == bytes.size());
    }
  }
  void all(std::size_t piece) { until(bytes.size(), piece); }
};

const std::vector<std::size_t> frame_lengths{0, 1, 40, 103, 104, 105, 1000, 200'000};
const std::vector<std::size_t> piece_sizes{1,   2,   7,   23,   24,    25,
                                           127, 128, 129, 4096, 65536, 1 << 20};

TEST(FrameReader, reads_a_short_frame_at_once_and_nothing_of_the_next) {
  for (const std::size_t length : {0u, 1u, 40u, 103u, 104u, 105u, 1000u}) {
    Arriving it{frame_of(length)};
    int reads = 0;
    for (; !it.complete; ++reads) it.until(it.at + it.reader.room().size(), it.bytes.size());
    EXPECT_EQ(reads, length <= 104 ? 1 : 2) << length;
    EXPECT_EQ(it.reader.take_body(), body_of(length));
  }
}

TEST(FrameReader, reads_a_frame_in_pieces_of_any_size) {
  for (const std::size_t length : frame_lengths) {
    for (const std::size_t piece : piece_sizes) {
      Arriving it{frame_of(length)};
      it.all(piece);
      ASSERT_TRUE(it.complete) << length << " in pieces of " << piece;
      EXPECT_FALSE(it.reader.drops_body());
      EXPECT_EQ(it.reader.body_so_far(), length);
      EXPECT_EQ(it.reader.take_body(), body_of(length)) << "in pieces of " << piece;
    }
  }
}

TEST(FrameReader, asks_for_memory_as_bytes_arrive) {
  FrameReader reader;
  const auto header = channel::encode_frame_header({.length = channel::longest_frame});
  std::ranges::copy(header, reader.room().begin());
  EXPECT_FALSE(reader.advance(header.size()));
  std::size_t have = 0;
  for (int i = 0; i < 6; ++i) {
    EXPECT_LE(reader.room().size(), std::max<std::size_t>(64 * 1024, have));
    const auto count = reader.room().size();
    have += count;
    EXPECT_FALSE(reader.advance(count));
  }
}

// ---- Dropping ----

/// Drops when `begun` bytes of the frame are there, and keeps `kept`.
Bytes drop(std::size_t length, std::size_t begun, std::size_t kept, std::size_t piece) {
  Arriving it{frame_of(length)};
  it.until(begun, piece);
  const auto here = it.reader.body_so_far();
  it.reader.drop_body(kept);
  EXPECT_TRUE(it.reader.drops_body());
  EXPECT_EQ(it.reader.body_so_far(), std::min(kept, here));
  it.all(piece);
  EXPECT_TRUE(it.complete) << length << " in pieces of " << piece << " from " << begun;
  EXPECT_EQ(it.reader.header().length, length);
  EXPECT_EQ(it.reader.header().type, 7U);
  return it.reader.take_body();
}

TEST(FrameReader, drops_a_body_that_has_begun_but_for_its_first_bytes) {
  for (const std::size_t length : {1000u, 65'536u, 65'537u, 200'000u}) {
    for (const std::size_t piece : piece_sizes) {
      for (const std::size_t begun : {std::size_t{129}, length / 2, header_size + length - 1}) {
        EXPECT_EQ(drop(length, begun, 32, piece), first_of(length, 32))
            << length << " in pieces of " << piece << " from " << begun;
      }
    }
  }
}

TEST(FrameReader, drops_a_body_at_the_edge_of_its_first_bytes) {
  for (const std::size_t length : {105u, 1000u, 200'000u}) {
    for (const std::size_t piece : piece_sizes) {
      EXPECT_EQ(drop(length, channel::shortest_frame, 32, piece), first_of(length, 32));
      EXPECT_EQ(drop(length, channel::shortest_frame, most_in_first, piece),
                first_of(length, most_in_first));
    }
  }
}

TEST(FrameReader, drops_a_body_of_which_nothing_is_here) {
  for (const std::size_t length : frame_lengths) {
    for (const std::size_t piece : piece_sizes) {
      for (const std::size_t begun : {0u, 1u, 23u, 24u, 25u, 127u}) {
        EXPECT_EQ(drop(length, begun, 32, piece), Bytes())
            << length << " in pieces of " << piece << " from " << begun;
      }
    }
  }
}

TEST(FrameReader, keeps_of_a_dropped_body_no_more_than_is_here) {
  EXPECT_EQ(drop(200'000, 1000, 10'000, 64), first_of(200'000, 1000 - header_size));
  EXPECT_EQ(drop(200'000, channel::shortest_frame, 10'000, 64), first_of(200'000, most_in_first));
  EXPECT_EQ(drop(200'000, 1000, 0, 64), Bytes());
}

TEST(FrameReader, may_be_told_again_to_drop) {
  Arriving it{frame_of(200'000)};
  it.until(1000, 100);
  it.reader.drop_body(500);
  it.until(100'000, 4096);
  it.reader.drop_body(32);
  EXPECT_EQ(it.reader.body_so_far(), 32U);
  it.until(150'000, 4096);
  it.reader.drop_body(400);
  it.all(4096);
  EXPECT_TRUE(it.complete);
  EXPECT_EQ(it.reader.take_body(), first_of(200'000, 32));
}

TEST(FrameReader, drops_a_body_in_little_memory) {
  Arriving it{frame_of(4 << 20)};
  it.until(3 << 20, 1 << 20);
  it.reader.drop_body(32);
  while (!it.complete) {
    EXPECT_LE(it.reader.room().size(), 64U * 1024);
    it.until(it.at + it.reader.room().size(), 1 << 20);
  }
  EXPECT_EQ(it.reader.take_body(), first_of(4 << 20, 32));
}

}  // namespace
}  // namespace royong
