// SPDX-License-Identifier: Apache-2.0
// A million connections to one manager from processes that say nothing, nonsense, half of something or the right thing, and are killed in the middle of it. Beside them one client works.
#include <gtest/gtest.h>
#include <signal.h>

#include <atomic>      // for std::atomic_ref
#include <chrono>      // for std::chrono_literals
#include <cstdint>     // for std::uint64_t
#include <filesystem>  // for std::filesystem::directory_iterator
#include <fstream>
#include <iostream>
#include <iterator>  // for std::distance
#include <memory>    // for std::unique_ptr
#include <string>    // for std::string
#include <thread>    // for std::this_thread
#include <vector>    // for std::vector

#include "manager/raw_frames.hpp"
#include "royong/error.hpp"
#include "royong/logging.hpp"
#include "royong/manager.hpp"
#include "royong/shared.hpp"
#include "support/eventually.hpp"
#include "support/member.hpp"
#include "support/random.hpp"
#include "support/watchdog.hpp"

namespace royong_test {
namespace {

using namespace std::chrono_literals;
using royong::Manager;
using Table = royong::ManagerDict<std::string, int>;

constexpr std::uint64_t most_connections = 1'000'000;

/// What the flooding processes count, in shared memory.
struct Account {
  royong::RawValue<std::uint64_t> connections{0};
  royong::RawValue<std::uint64_t> answered{0};
  royong::RawValue<std::uint64_t> turned_away{0};
};

void add_one(const royong::RawValue<std::uint64_t>& count) {
  std::atomic_ref(*count).fetch_add(1, std::memory_order_relaxed);
}

void behave(const royong::Connection& client, std::uint64_t how, const Account& account) {
  const auto hello = hello_frame();
  switch (how) {
    case 0: return;
    case 1: return write_raw(client, std::vector(100, std::byte{0x58}));
    case 2: return write_raw(client, std::span(hello).first(hello.size() / 2));
    case 3: write_raw(client, hello); break;
    default: {
      write_raw(client, hello);
      const royong::manager::RequestHead names{
          .call = 2, .verb = static_cast<std::uint32_t>(royong::manager::Verb::names)};
      write_raw(client, frame(together(names)));
    }
  }
  if (is_answered(client)) add_one(account.answered);
}

/// Until it is killed.
[[noreturn]] void flood(const std::string& address, const Account& account, std::uint64_t stream) {
  auto random = random_engine(stream);
  for (;;) {
    try {
      behave(royong::Client(address), random() % 5, account);
    } catch (const std::exception&) {
      add_one(account.turned_away);
    }
    add_one(account.connections);
  }
}

pid_t server_of(const std::string& address) {
  const auto client = royong::Client(address);
  ucred peer{};
  socklen_t length = sizeof peer;
  EXPECT_EQ(::getsockopt(client.fileno(), SOL_SOCKET, SO_PEERCRED, &peer, &length), 0);
  return peer.pid;
}

auto descriptors_of(pid_t process) {
  return std::distance(
      std::filesystem::directory_iterator("/proc/" + std::to_string(process) + "/fd"), {});
}

std::uint64_t pages_of(pid_t process) {
  std::ifstream file("/proc/" + std::to_string(process) + "/statm");
  std::uint64_t all = 0;
  std::uint64_t resident = 0;
  file >> all >> resident;
  return resident;
}

TEST(ManagerStorm, a_million_connections_of_killed_clients_disturb_nobody) {
  allow_time(20min);
  royong::log_to_stderr(royong::LogLevel::error);  // not a warning for each of them
  auto manager = Manager::serve({});
  const auto address = manager.address();
  manager.publish("table", manager.make_proxy<Table>());
  auto client = Manager::connect({.address = address});
  const auto table = client.find<Table>("table");
  table.set("calls", 0);
  const pid_t server = server_of(address);
  const auto descriptors = descriptors_of(server);
  const auto pages = pages_of(server);

  const Account account;
  auto random = random_engine(0);
  std::uint64_t kills = 0;
  int calls = 0;
  while (std::atomic_ref(*account.connections).load() < most_connections) {
    std::vector<std::unique_ptr<Member>> flooders;
    for (std::uint64_t i = 0; i < 2; ++i) {
      flooders.push_back(
          std::make_unique<Member>([&] { flood(address, account, 2 * kills + i + 1); }));
    }
    const auto until =
        std::chrono::steady_clock::now() + std::chrono::microseconds(random() % 400'000);
    do {
      table.set("calls", ++calls);
      ASSERT_EQ(table.at("calls"), calls);
    } while (std::chrono::steady_clock::now() < until);
    for (const auto& flooder : flooders) {
      flooder->kill();
      ASSERT_EQ(flooder->wait(), -SIGKILL);
      ++kills;
    }
  }
  std::cout << kills << " kills, " << *account.connections << " connections, " << *account.answered
            << " answered, " << *account.turned_away << " turned away, " << calls
            << " calls of a client beside them\n";
  EXPECT_GT(*account.answered, most_connections / 10);
  eventually([&] { return descriptors_of(server) <= descriptors; });
  EXPECT_LT(pages_of(server), pages + 64 * 256);  // 64 MiB
}

}  // namespace
}  // namespace royong_test
