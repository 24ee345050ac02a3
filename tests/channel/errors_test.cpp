// SPDX-License-Identifier: Apache-2.0
// What goes wrong between processes is caught as one type.
#include <gtest/gtest.h>

#include <array>   // for std::array
#include <chrono>  // for std::chrono_literals
#include <string>  // for std::string

#include "channel/met.hpp"
#include "royong/connection.hpp"
#include "royong/error.hpp"

namespace royong {
namespace {

using namespace std::chrono_literals;

/// Catches it as a program does that asks for no more than that.
template <class E, class F>
void expect_process_error(F does) {
  try {
    does();
    ADD_FAILURE() << "nothing was thrown";
  } catch (const ProcessError& error) {
    EXPECT_NE(dynamic_cast<const E*>(&error), nullptr) << error.what();
  }
}

TEST(ProcessErrors, are_time_limits_short_buffers_and_wrong_keys) {
  const auto [a, b] = Pipe();
  expect_process_error<TimeoutError>([&, &end = a] { end.recv<int>(0s); });
  b.send_bytes("four");
  std::array<std::byte, 2> room{};
  expect_process_error<BufferTooShort>([&, &end = a] { end.recv_bytes_into(room); });
  Listener listener({.authkey = "right"});
  auto client = royong_test::connect(listener.address(), "wrong");
  expect_process_error<AuthenticationError>([&] { listener.accept(); });
  expect_process_error<AuthenticationError>([&] { client.get(); });
}

}  // namespace
}  // namespace royong
