// SPDX-License-Identifier: Apache-2.0
// Connections as arguments, messages and results, in every start method; and a short storm over a pipe.
#include <gtest/gtest.h>

#include <chrono>   // for std::chrono_literals
#include <map>      // for std::map
#include <memory>   // for std::unique_ptr
#include <numeric>  // for std::accumulate
#include <string>   // for std::string
#include <thread>   // for std::this_thread::sleep_for
#include <vector>   // for std::vector

#include "channel/met.hpp"
#include "memory/arena.hpp"
#include "memory/objects.hpp"
#include "process/every_start_method.hpp"
#include "royong/connection.hpp"
#include "royong/error.hpp"
#include "royong/pool.hpp"
#include "support/member.hpp"
#include "support/random.hpp"

namespace royong {
namespace {

using namespace std::chrono_literals;
using royong_test::meet;
using royong_test::Member;

class ConnectionEveryStartMethod : public royong_test::EveryStartMethod {};
ROYONG_EVERY_START_METHOD(ConnectionEveryStartMethod);

void serve(Connection connection) {
  try {
    for (;;) {
      const auto numbers = connection.recv<std::vector<int>>();
      connection.send(std::accumulate(numbers.begin(), numbers.end(), 0));
    }
  } catch (const EndOfFile&) {
  }
}

TEST_P(ConnectionEveryStartMethod, a_pipe_is_an_argument) {
  auto [mine, theirs] = Pipe();
  auto process = context().process(serve, theirs);
  process.start();
  theirs.close();
  mine.send(std::vector{1, 2, 3});
  EXPECT_EQ(mine.recv<int>(), 6);
  process.kill();
  process.join();
  EXPECT_THROW(mine.recv<int>(), EndOfFile);
  EXPECT_THROW(mine.send(1), BrokenPipe);
}

TEST_P(ConnectionEveryStartMethod, a_socket_is_an_argument) {
  for (const char* address : {"", "127.0.0.1:0"}) {
    Listener listener({.address = address});
    auto [mine, theirs] = meet(listener);
    auto process = context().process(serve, theirs);
    process.start();
    theirs.close();
    mine.send(std::vector{1, 2, 3});
    EXPECT_EQ(mine.recv<int>(), 6);
    process.kill();
    process.join();
    EXPECT_THROW(mine.recv<int>(), EndOfFile);
  }
}

void pass_on(Connection to, Connection what) {
  to.send(what);
  to.recv<int>();
}

TEST_P(ConnectionEveryStartMethod, both_kinds_are_messages) {
  Listener listener;
  auto [near, far] = meet(listener);
  auto [mine, theirs] = Pipe();
  auto process = context().process(pass_on, theirs, far);
  process.start();
  theirs.close();
  far.close();
  const auto back = mine.recv<Connection>();
  near.send(5);
  EXPECT_EQ(back.recv<int>(), 5);
  mine.send(0);
  process.join();
  EXPECT_EQ(process.exitcode(), 0);
  near.send(6);
  EXPECT_EQ(back.recv<int>(), 6);
}

Connection make_pipe(int number) {
  auto [inner, other] = Pipe();
  inner.send(number);
  return other;
}

TEST(ConnectionInPool, is_a_result) {
  Pool pool(1);
  const auto connection = pool.apply(make_pipe, 7);
  EXPECT_EQ(connection.recv<int>(), 7);
  EXPECT_THROW(connection.recv<int>(), EndOfFile);
}

struct Message {
  std::uint32_t life = 0;
  std::uint32_t number = 0;
  std::uint64_t sum = 0;
  std::string filling;
};

std::uint64_t checksum(const Message& message) {
  std::uint64_t sum = message.life * 31 + message.number;
  for (const char c : message.filling) sum = sum * 1099511628211U + static_cast<unsigned char>(c);
  return sum;
}

TEST(PipeStorm, kills_of_writers_and_readers_tear_nothing_and_stop_nobody) {
  const auto objects = memory::live_objects();
  {
    auto [reader, writer] = Pipe(false);
    const auto write = [&](std::uint32_t life) {
      auto random = royong_test::random_engine(life);
      for (std::uint32_t number = 0;; ++number) {
        Message message{life, number, 0,
                        std::string(random() % (random() % 8 == 0 ? 60'000 : 500), 'x')};
        message.sum = checksum(message);
        writer.send(message);
      }
    };
    const auto read = [&] {
      for (;;) {
        const auto message = reader.recv<Message>();
        if (message.sum != checksum(message)) std::abort();
      }
    };
    auto random = royong_test::random_engine();
    std::uint32_t lives = 0;
    std::unique_ptr<Member> members[3];
    const auto start = [&](std::size_t i) {
      members[i] = i < 2 ? std::make_unique<Member>([&, life = lives++] { write(life); })
                         : std::make_unique<Member>(read);
    };
    for (std::size_t i = 0; i < 3; ++i) start(i);
    for (int kill = 0; kill < 100; ++kill) {
      std::this_thread::sleep_for(std::chrono::microseconds(random() % 2'000));
      const std::size_t victim = random() % 3;
      members[victim]->kill();
      EXPECT_EQ(members[victim]->wait(), -SIGKILL);
      start(victim);
    }
    members[2]->kill();
    EXPECT_EQ(members[2]->wait(), -SIGKILL);
    for (auto& member : members) member.reset();
    writer.close();
    // What is left: of each life in order, and whole.
    std::map<std::uint32_t, std::uint32_t> last;
    try {
      for (;;) {
        const auto message = reader.recv<Message>();
        EXPECT_EQ(message.sum, checksum(message));
        const auto found = last.find(message.life);
        if (found != last.end()) {
          EXPECT_EQ(message.number, found->second + 1);
        }
        last[message.life] = message.number;
      }
    } catch (const EndOfFile&) {
    }
  }
  EXPECT_EQ(memory::live_objects(), objects);
}

}  // namespace
}  // namespace royong
