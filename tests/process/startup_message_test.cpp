// SPDX-License-Identifier: Apache-2.0
#include "process/startup.hpp"

#include <gtest/gtest.h>

#include "royong/error.hpp"
#include "support/matchers.hpp"

namespace royong_test {
namespace {

using namespace royong::detail;

StartupMessage example() {
  StartupMessage message;
  message.name = "worker";
  message.daemon = true;
  message.parent_pid = 42;
  message.parent_name = "MainProcess";
  message.log_level = 20;
  message.limits.affinity = {0, 3};
  message.limits.writable_paths = {"/tmp", "/var/tmp"};
  message.call = {std::byte{1}, std::byte{2}};
  message.authkey = std::string("\0key", 4);
  return message;
}

TEST(StartupMessage, arrives_as_it_was_sent) {
  const StartupMessage got = decode_startup(encode_startup(example()));
  EXPECT_EQ(got.name, "worker");
  EXPECT_TRUE(got.daemon);
  EXPECT_EQ(got.parent_pid, 42);
  EXPECT_EQ(got.limits.affinity, (std::vector<int>{0, 3}));
  EXPECT_EQ(got.limits.writable_paths.at(1), "/var/tmp");
  EXPECT_EQ(got.call.size(), 2u);
  EXPECT_EQ(got.authkey, std::string("\0key", 4));
}

TEST(StartupMessage, cut_off_anywhere_is_refused) {
  const auto bytes = encode_startup(example());
  for (std::size_t length = 0; length < bytes.size(); ++length)
    EXPECT_THROW((void)decode_startup(std::span(bytes).first(length)), royong::TransferError)
        << length;
}

TEST(StartupMessage, may_lie_in_a_larger_block) {
  auto bytes = encode_startup(example());
  bytes.resize(bytes.size() + 100);
  EXPECT_EQ(decode_startup(bytes).name, "worker");
}

TEST(StartupMessage, that_lies_about_its_length_is_refused) {
  for (const int wrong : {1, 254, 255}) {
    auto bytes = encode_startup(example());
    bytes[4] = static_cast<std::byte>(std::to_integer<int>(bytes[4]) + wrong);
    EXPECT_THROW((void)decode_startup(bytes), royong::TransferError);
  }
}

TEST(StartupMessage, of_another_magic_is_refused) {
  auto bytes = encode_startup(example());
  bytes[0] ^= std::byte{1};
  EXPECT_THROW_MESSAGE((void)decode_startup(bytes), royong::TransferError, "magic");
}

TEST(StartupMessage, with_an_unknown_start_method_is_refused) {
  auto message = example();
  message.start_method = static_cast<royong::StartMethod>(7);
  EXPECT_THROW_MESSAGE((void)decode_startup(encode_startup(message)), royong::TransferError,
                       "start method");
}

TEST(Marker, arrives_as_it_was_written) {
  const Marker worker{.arena = 3, .death_pipe = 4, .slot = {0x50002}};
  const auto got = decode_marker(encode_marker(worker));
  ASSERT_TRUE(got);
  EXPECT_EQ(got->role, Marker::Role::worker);
  EXPECT_EQ(got->arena, 3);
  EXPECT_EQ(got->death_pipe, 4);
  EXPECT_EQ(got->slot, worker.slot);
  const Marker server{.role = Marker::Role::forkserver, .arena = 3, .socket = 9, .preload = 65536};
  EXPECT_EQ(decode_marker(encode_marker(server))->role, Marker::Role::forkserver);
  EXPECT_EQ(decode_marker(encode_marker(server))->preload, 65536u);
}

TEST(Marker, is_not_seen_in_ordinary_arguments) {
  for (const auto* argument : {"", "-v", "--help", "--royong", "worker=1,2,3,4,5"})
    EXPECT_FALSE(decode_marker(argument)) << argument;
}

TEST(Marker, malformed_is_refused) {
  for (const auto* argument :
       {"--royong-worker=", "--royong-worker=3", "--royong-worker=3,4,5,6",
        "--royong-worker=a,4,5,6,7", "--royong-worker=3,4,5,6,7,8", "--royong-worker=-1,4,5,6,7",
        "--royong-worker=99999999999999999999,4,5,6,7", "--royong-forkserver=3;4;5;6;7"})
    EXPECT_THROW((void)decode_marker(argument), royong::TransferError) << argument;
}

}  // namespace
}  // namespace royong_test
