// SPDX-License-Identifier: Apache-2.0
#include "os/socket.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <array>        // for std::array
#include <cstring>      // for std::memcpy
#include <string_view>  // for std::string_view

#include "mock.hpp"
#include "os/stream_socket.hpp"

namespace royong::os {
namespace {

using royong_test::error_of;
using royong_test::fail;
using royong_test::Mock;

std::span<const std::byte> bytes(std::string_view text) { return std::as_bytes(std::span(text)); }

std::string text_of(const std::array<std::byte, 64>& buffer, std::size_t size) {
  return {reinterpret_cast<const char*>(buffer.data()), size};
}

class SocketTest : public testing::TestWithParam<int> {
 protected:
  std::array<std::byte, 64> buffer_{};
};
INSTANTIATE_TEST_SUITE_P(Types, SocketTest, testing::Values(SOCK_STREAM, SOCK_SEQPACKET));

TEST_P(SocketTest, CarriesBytesAndDescriptors) {
  auto [left, right] = socket_pair(GetParam());
  EXPECT_EQ(::fcntl(left.get(), F_GETFD), FD_CLOEXEC);
  send_message(left.get(), bytes("hello"), std::array{0, 1});
  const Received got = receive_message(right.get(), buffer_);
  EXPECT_EQ(text_of(buffer_, got.bytes), "hello");
  ASSERT_EQ(got.descriptors.size(), 2U);
  for (const Fd& fd : got.descriptors) EXPECT_EQ(::fcntl(fd.get(), F_GETFD), FD_CLOEXEC);
}

TEST_P(SocketTest, TellsTheEnd) {
  auto [left, right] = socket_pair(GetParam());
  left.reset();
  EXPECT_EQ(receive_message(right.get(), buffer_).bytes, 0U);
}

TEST_P(SocketTest, ThrowsInsteadOfRaisingSigpipe) {
  auto [left, right] = socket_pair(GetParam());
  right.reset();
  EXPECT_EQ(error_of([&] { send_message(left.get(), bytes("x")); }),
            "cannot send a message: Broken pipe");
}

TEST_P(SocketTest, RepeatsInterruptedCalls) {
  static int sends, receives;
  sends = receives = 0;
  const Mock send(
      &Syscalls::sendmsg, +[](int fd, const msghdr* message, int flags) {
        return ++sends == 1 ? fail<ssize_t>(EINTR) : ::sendmsg(fd, message, flags);
      });
  const Mock receive(
      &Syscalls::recvmsg, +[](int fd, msghdr* message, int flags) {
        return ++receives == 1 ? fail<ssize_t>(EINTR) : ::recvmsg(fd, message, flags);
      });
  auto [left, right] = socket_pair(GetParam());
  send_message(left.get(), bytes("again"));
  EXPECT_EQ(receive_message(right.get(), buffer_).bytes, 5U);
}

TEST(StreamTest, SendsTheRestAfterAShortSendAndTheDescriptorsOnce) {
  static int calls;
  calls = 0;
  const Mock mock(
      &Syscalls::sendmsg, +[](int fd, const msghdr* message, int flags) {
        ++calls;
        iovec part = message->msg_iov[0];
        part.iov_len = std::min<std::size_t>(part.iov_len, 2);
        msghdr shorter = *message;
        shorter.msg_iov = &part;
        return ::sendmsg(fd, &shorter, flags);
      });
  auto [left, right] = socket_pair(SOCK_STREAM);
  send_message(left.get(), bytes("hello"), std::array{0});
  EXPECT_EQ(calls, 3);
  std::array<std::byte, 64> buffer{};
  std::string text;
  std::size_t fds = 0;
  while (text.size() < 5) {
    const Received got = receive_message(right.get(), buffer);
    text += text_of(buffer, got.bytes);
    fds += got.descriptors.size();
  }
  EXPECT_EQ(text, "hello");
  EXPECT_EQ(fds, 1U);
}

int open_descriptors() {
  int count = 0;
  for (int fd = 0; fd < 1024; ++fd) count += ::fcntl(fd, F_GETFD) != -1;
  return count;
}

TEST(StreamTest, TakesAPeerThatDoesNotAnswerAnyMoreForGone) {
  auto [left, right] = socket_pair(SOCK_STREAM);
  static int error = 0;
  const Mock receives(&Syscalls::recvmsg, +[](int, msghdr*, int) { return fail<ssize_t>(error); });
  const Mock sends(
      &Syscalls::sendmsg, +[](int, const msghdr*, int) { return fail<ssize_t>(error); });
  std::array<std::byte, 64> buffer{};
  std::array<iovec, 1> part{{{buffer.data(), buffer.size()}}};
  for (const int gone : {ECONNRESET, ETIMEDOUT, EHOSTUNREACH, ENETUNREACH}) {
    error = gone;
    EXPECT_TRUE(receive_some(left.get(), buffer).ended);
    EXPECT_TRUE(send_some(left.get(), part).ended);
  }
  error = EIO;
  EXPECT_EQ(error_of([&] { receive_some(left.get(), buffer); }),
            "cannot receive a message: Input/output error");
}

TEST(SeqpacketTest, RefusesCutOffDescriptorsAndClosesThoseThatCame) {
  auto [left, right] = socket_pair(SOCK_SEQPACKET);
  send_message(left.get(), bytes("x"), std::array{0, 1, 2, 0});
  const Mock mock(
      &Syscalls::recvmsg, +[](int fd, msghdr* message, int flags) {
        message->msg_controllen = CMSG_SPACE(2 * sizeof(int));
        return ::recvmsg(fd, message, flags);
      });
  const int before = open_descriptors();
  std::array<std::byte, 64> buffer{};
  EXPECT_EQ(error_of([&] { receive_message(right.get(), buffer); }),
            "cannot receive all descriptors: Message too long");
  EXPECT_EQ(open_descriptors(), before);
}

TEST(SeqpacketTest, RefusesAMessageThatIsCutOff) {
  auto [left, right] = socket_pair(SOCK_SEQPACKET);
  send_message(left.get(), bytes("much too long"));
  std::array<std::byte, 4> buffer{};
  EXPECT_EQ(error_of([&] { receive_message(right.get(), buffer); }),
            "cannot receive a whole message: Message too long");
}

TEST(SeqpacketTest, RefusesToSendMoreDescriptorsThanAReaderTakes) {
  auto [left, right] = socket_pair(SOCK_SEQPACKET);
  const std::vector<int> many(max_sent_fds + 1, 0);
  EXPECT_NE(error_of([&] { send_message(left.get(), bytes("x"), many); }), "");
  EXPECT_NE(error_of([&] { send_message(left.get(), {}, std::array{0}); }), "");
}

TEST(SeqpacketTest, SaysThatDescriptorsRanOut) {
  const Mock mock(&Syscalls::socketpair, +[](int, int, int, int*) { return fail(EMFILE); });
  EXPECT_EQ(error_of([] { socket_pair(SOCK_STREAM); }),
            "cannot create a pair of sockets: Too many open files");
}

}  // namespace
}  // namespace royong::os
