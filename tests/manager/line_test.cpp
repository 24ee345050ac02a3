// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief Lines hand out what their receiver wants, and no more at once than leaves others a turn.
 */
#include "manager/line.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>  // for std::min
#include <cstring>    // for std::memcpy
#include <memory>     // for std::make_unique
#include <span>       // for std::span
#include <utility>    // for std::exchange, std::move
#include <vector>     // for std::vector

#include "channel/frame.hpp"
#include "manager/memory.hpp"
#include "manager/protocol.hpp"
#include "os/limits.hpp"
#include "royong/connection.hpp"

namespace royong {
namespace {

using manager::Line;
using royong_test::MiB;
/// Takes messages of one number each, so many at once.
struct Collector final : Line::Receiver {
  explicit Collector(std::size_t at_once) : most(at_once) {}
  void message(std::span<const std::byte> bytes) override {
    int number = 0;
    std::memcpy(&number, bytes.data(), sizeof number);
    numbers.push_back(number);
  }
  bool has_enough() const noexcept override { return numbers.size() >= most; }
  std::vector<int> next(Line& line) {
    numbers.clear();
    line.receive(64, *this);
    return numbers;
  }
  std::size_t most;
  std::vector<int> numbers;
};

std::span<const std::byte> bytes_of(const int& number) {
  return std::as_bytes(std::span(&number, 1));
}

TEST(PipeLine, KeepsWhatItsReceiverDoesNotWantYet) {
  const auto [mine, theirs] = Pipe();
  const auto from = manager::make_pipe_line(mine);
  const auto to = manager::make_pipe_line(theirs);
  for (int i = 0; i < 5; ++i) from->post(bytes_of(i), {});
  EXPECT_TRUE(from->flush());
  Collector collector(2);
  EXPECT_EQ(collector.next(*to), (std::vector{0, 1}));
  const int last = 5;
  from->post(bytes_of(last), {});
  EXPECT_TRUE(from->flush());
  for (const auto& expected : {std::vector{2, 3}, std::vector{4}, std::vector{5}}) {
    EXPECT_TRUE(to->may_receive());
    EXPECT_EQ(collector.next(*to), expected);
  }
  EXPECT_FALSE(to->may_receive());
}

TEST(PipeLine, CostsNoMoreThanWhatIsUnsent) {
  if (!royong_test::gives_memory_back) GTEST_SKIP() << "the sanitizer keeps what is freed";
  const auto [mine, theirs] = Pipe();
  const auto from = manager::make_pipe_line(mine);
  const auto to = manager::make_pipe_line(theirs);
  const std::vector<std::byte> body(MiB / 4);
  const auto before = os::own_memory();
  Collector collector(1);
  for (int i = 0; i < 800; ++i) {
    from->post(bytes_of(i), body);
    from->flush();
    // The reader is never quite up with the writer.
    if (i < 16) continue;
    EXPECT_GT(from->unsent(), 0U);
    EXPECT_EQ(collector.next(*to), std::vector{i - 16});
  }
  EXPECT_LT(os::own_memory(), before + 64 * MiB);
}

/// A peer that has sent all of this.
class Sent final : public channel::Stream {
 public:
  explicit Sent(std::vector<std::byte> bytes) : Stream(os::Fd()), bytes_(std::move(bytes)) {}
  channel::Progress begin() override { return {}; }
  channel::Progress read_some(std::span<std::byte> room, os::Fd*) override {
    const auto count = std::min(room.size(), bytes_.size() - at_);
    if (count == 0) return {0, false, POLLIN};
    std::memcpy(room.data(), bytes_.data() + at_, count);
    at_ += count;
    return {count, false, 0};
  }
  channel::Progress write_some(std::span<iovec> parts, int) override {
    const auto count = std::min(parts.front().iov_len, std::exchange(room_, 0));
    return {count, false, POLLOUT};
  }
  /// Takes so many bytes more.
  void make_room(std::size_t bytes) { room_ = bytes; }
  bool has_buffered() noexcept override { return at_ != bytes_.size(); }
  bool can_travel() const noexcept override { return false; }
  void end() noexcept override {}

 private:
  std::vector<std::byte> bytes_;
  std::size_t at_ = 0;
  std::size_t room_ = 0;
};

void add_frame(std::vector<std::byte>& stream, int number, std::size_t length) {
  const auto header = channel::encode_frame_header({.length = length, .type = manager::frame_type});
  stream.insert(stream.end(), header.begin(), header.end());
  const auto body = bytes_of(number);
  stream.insert(stream.end(), body.begin(), body.end());
  stream.resize(stream.size() + length - body.size());
  const auto padding = channel::padding_behind(length);
  stream.insert(stream.end(), padding.begin(), padding.end());
}

TEST(StreamLine, LeavesWhatItsReceiverDoesNotWantYet) {
  std::vector<std::byte> stream;
  for (int i = 0; i < 5; ++i) add_frame(stream, i, 1000);
  const auto line = manager::make_stream_line(std::make_unique<Sent>(stream), MiB);
  Collector collector(2);
  EXPECT_EQ(collector.next(*line), (std::vector{0, 1}));
  EXPECT_TRUE(line->has_buffered());
  EXPECT_EQ(collector.next(*line), (std::vector{2, 3}));
  EXPECT_EQ(collector.next(*line), (std::vector{4}));
  EXPECT_FALSE(line->has_buffered());
}

TEST(StreamLine, TakesOfALongMessageOnlyAPartAtOnce) {
  std::vector<std::byte> stream;
  add_frame(stream, 1, 16 * MiB);
  add_frame(stream, 2, 100);
  const auto line = manager::make_stream_line(std::make_unique<Sent>(stream), 32 * MiB);
  Collector collector(64);
  int parts = 0;
  for (std::size_t before = 0; collector.next(*line).empty(); ++parts) {
    EXPECT_LE(line->incomplete(), before + 2 * MiB);
    before = line->incomplete();
  }
  EXPECT_GE(parts, 7);
  EXPECT_THAT(collector.numbers, testing::Contains(1));
  if (collector.numbers.size() == 1) collector.next(*line);
  EXPECT_EQ(collector.numbers.back(), 2);
}

TEST(StreamLine, CostsNoMoreThanWhatIsUnsent) {
  if (!royong_test::gives_memory_back) GTEST_SKIP() << "the sanitizer keeps what is freed";
  auto owned = std::make_unique<Sent>(std::vector<std::byte>());
  Sent& peer = *owned;
  const auto line = manager::make_stream_line(std::move(owned), MiB);
  const std::vector<std::byte> body(MiB / 4);
  const auto before = os::own_memory();
  line->post(bytes_of(0), body);
  for (int i = 1; i < 800; ++i) {
    line->post(bytes_of(i), body);
    const auto unsent = line->unsent();
    peer.make_room(unsent / 2);
    EXPECT_FALSE(line->flush());
    EXPECT_EQ(line->unsent(), unsent - unsent / 2);
  }
  EXPECT_LT(os::own_memory(), before + 64 * MiB);
}

}  // namespace
}  // namespace royong
