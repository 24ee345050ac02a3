// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief The builtin objects of a manager, used over a socket: nothing but bytes crosses, and no function.
 */
#include <gtest/gtest.h>

#include <chrono>     // for std::chrono_literals
#include <mutex>      // for std::scoped_lock
#include <stdexcept>  // for std::out_of_range
#include <string>     // for std::string
#include <thread>     // for std::thread

#include "royong/error.hpp"
#include "royong/manager.hpp"
#include "royong/process.hpp"
#include "royong/sync.hpp"
#include "support/matchers.hpp"

namespace royong_test {
namespace {

namespace mp = royong;
using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::Pair;

/// A server, and a client that knows its address alone.
class RemoteObjects : public testing::Test {
 protected:
  mp::Manager server = mp::Manager::serve({.address = "127.0.0.1:0", .authkey = "secret"});
  mp::Manager client = mp::Manager::connect({.address = server.address(), .authkey = "secret"});
};

using Ages = mp::ManagerDict<std::string, int>;

TEST_F(RemoteObjects, are_found_by_name_and_shared) {
  const auto ages = server.dict<std::string, int>();
  server.publish("ages", ages);
  const auto found = client.find<Ages>("ages");
  found["Wati"] = 31;
  found.update({{"Budi", 12}});
  EXPECT_THAT(ages.items(), ElementsAre(Pair("Wati", 31), Pair("Budi", 12)));
  EXPECT_THROW_MESSAGE(found.at("Sari"), std::out_of_range, "the key 'Sari' is not there");
  EXPECT_THROW((client.find<mp::ManagerDict<std::string, long>>("ages")), mp::TransferError);
}

TEST_F(RemoteObjects, can_be_made_by_a_client) {
  const auto list = client.list<int>({3, 1, 2});
  list.sort();
  list += {5};
  EXPECT_THAT(list.copy(), ElementsAre(1, 2, 3, 5));
  const auto set = client.set<int>({1, 2});
  EXPECT_THAT(set | std::vector<int>{3}, ElementsAre(1, 2, 3));
  const auto array = client.array<double>(2);
  array[1] = 2.5;
  EXPECT_EQ(array.load(-1), 2.5);
  const auto value = client.value<std::string>("a");
  EXPECT_EQ(value.exchange("b"), "a");
  const auto queue = client.queue<int>(1);
  queue.put(1);
  EXPECT_THROW(queue.put(2, 1ms), mp::Full);
  EXPECT_EQ(queue.get(), 1);
}

TEST_F(RemoteObjects, take_no_functions) {
  const auto ages = client.dict<std::string, int>();
  EXPECT_THROW(ages.update("x", [](int& n) { ++n; }), mp::UsageError);
  EXPECT_THROW(client.list<int>().sort([](int a, int b) { return a > b; }), mp::UsageError);
  EXPECT_THROW_MESSAGE(client.barrier(2, [] {}), mp::TransferError, "another program");
  EXPECT_EQ(client.barrier(1).wait(), 0);
  EXPECT_EQ(ages.size(), 0U);
}

TEST_F(RemoteObjects, keep_attributes_that_mean_the_same_everywhere) {
  const auto ns = server.ns();
  server.publish("ns", ns);
  const auto found = client.find<mp::Namespace>("ns");
  found["x"] = 7;
  EXPECT_EQ(ns.get<int>("x"), 7);
  EXPECT_THROW_MESSAGE(found.set("lock", mp::Lock()), mp::TransferError, "another program");
  ns["lock"] = mp::Lock();
  EXPECT_THROW_MESSAGE(found.get<mp::Lock>("lock"), mp::TransferError, "another program");
  EXPECT_EQ(found.get<int>("x"), 7);
}

TEST_F(RemoteObjects, hold_proxies_of_their_own_server) {
  const auto lists = client.dict<std::string, mp::ManagerList<int>>();
  lists["a"] = client.list<int>({1});
  lists.at("a").append(2);
  EXPECT_THAT(lists.at("a").copy(), ElementsAre(1, 2));
  const auto lock = client.rlock();
  const auto condition = client.condition(lock);
  const std::scoped_lock guard(condition);
  EXPECT_TRUE(lock.locked());
  EXPECT_FALSE(condition.wait(1ms));
}

void visit_and_stay(std::string address, mp::Event taken) {
  const mp::Manager client = mp::Manager::connect({.address = address, .authkey = "secret"});
  client.find<mp::ManagerLock>("lock").acquire();
  client.find<mp::ManagerBoundedSemaphore>("permits").acquire();
  taken.set();
  mp::Event().wait();
}

TEST_F(RemoteObjects, give_back_what_a_killed_client_held) {
  const auto lock = server.lock();
  const auto permits = server.bounded_semaphore(1);
  server.publish("lock", lock);
  server.publish("permits", permits);
  const mp::Event taken;
  mp::Process process(visit_and_stay, server.address(), taken);
  process.start();
  taken.wait();
  EXPECT_FALSE(lock.acquire(false));
  EXPECT_EQ(permits.get_value(), 0);
  process.kill();
  EXPECT_TRUE(lock.acquire());
  EXPECT_TRUE(lock.abandoned());
  EXPECT_TRUE(permits.acquire());
  process.join();
}

}  // namespace
}  // namespace royong_test
