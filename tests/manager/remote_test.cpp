// SPDX-License-Identifier: Apache-2.0
// Managers that other programs use: two executables that share no ancestor but this test, and clients of this one that the manager takes for strangers.
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "channel/address.hpp"
#include "channel/certificates.hpp"
#include "channel/frame.hpp"
#include "manager/protocol.hpp"
#include "manager/raw_frames.hpp"
#include "os/stream_socket.hpp"
#include "royong/connection.hpp"
#include "royong/error.hpp"
#include "royong/manager.hpp"
#include "royong/manager/dict.hpp"
#include "royong/manager/lock.hpp"
#include "royong/manager/queue.hpp"
#include "royong/process.hpp"
#include "support/eventually.hpp"
#include "support/matchers.hpp"
#include "support/program.hpp"
#include "support/temp_dir.hpp"

namespace {

using namespace std::chrono_literals;
using royong::Manager;
using royong::ManagerDict;
using royong::ManagerLock;
using royong::ManagerQueue;
using royong::Proxy;
using royong_test::expect_hang_up;
using royong_test::frame;
using royong_test::hello_frame;
using royong_test::hello_head;
using royong_test::is_answered;
using royong_test::Program;
using royong_test::TempDir;
using royong_test::together;
using royong_test::write_raw;
using Table = ManagerDict<std::string, int>;

// ---- Two programs ----

void expect_shared(const std::string& address, const std::string& key,
                   const std::vector<std::string>& server_tls = {},
                   const std::vector<std::string>& client_tls = {}) {
  std::vector<std::string> arguments{"keeper", address, key};
  arguments.insert(arguments.end(), server_tls.begin(), server_tls.end());
  Program keeper(arguments);
  arguments = {"visitor", "work", keeper.line(), key};
  arguments.insert(arguments.end(), client_tls.begin(), client_tls.end());
  Program visitor(arguments);
  EXPECT_EQ(visitor.line(), "42 51 not enough");
  EXPECT_EQ(visitor.wait(), 0);
  EXPECT_EQ(keeper.ask("look"), "100 51");
  keeper.end_input();
  EXPECT_EQ(keeper.wait(), 0);
}

TEST(TwoPrograms, ShareADictThroughAUnixSocket) {
  const TempDir folder;
  expect_shared((folder / "socket").string(), "secret");
}

TEST(TwoPrograms, ShareADictOverTcp) { expect_shared("127.0.0.1:0", "secret"); }

TEST(TwoPrograms, ShareADictOverTcpWithTlsAndCertificates) {
  const TempDir folder;
  royong_test::Authority authority(folder.path());
  const auto server = authority.sign("server", "IP:127.0.0.1");
  expect_shared("127.0.0.1:0", "secret", {server.certificate, server.key}, {authority.file()});
}

TEST(TwoPrograms, ShareADictOverTcpWithTlsAndTheKeyAlone) {
  expect_shared("127.0.0.1:0", "secret", {"psk"}, {"psk"});
}

TEST(TwoPrograms, AnotherVersionOfAClassIsRefusedAndBothAreNamed) {
  Program keeper({"keeper", "", "-"});
  Program visitor({"visitor", "outdated", keeper.line(), "-"});
  EXPECT_EQ(visitor.line(),
            "the object \"account\" is not what was asked for: the manager has version 2 of "
            "\"Account\", the client version 1");
  EXPECT_EQ(visitor.wait(), 0);
  EXPECT_EQ(keeper.ask("look"), "0 0");
}

TEST(TwoPrograms, AMethodWithOtherParametersIsRefused) {
  Program keeper({"keeper", "", "-"});
  Program visitor({"visitor", "mistaken", keeper.line(), "-"});
  EXPECT_EQ(
      visitor.line(),
      "the object \"account\" is not what was asked for: the method \"deposit\" of \"Account\" "
      "has other parameters or another result");
  EXPECT_EQ(visitor.wait(), 0);
  EXPECT_EQ(keeper.ask("look"), "0 0");
}

TEST(TwoPrograms, AVisitorIsKilledInEachBlockingOperation) {
  Program keeper({"keeper", "", "-"});
  const auto address = keeper.line();
  auto manager = Manager::connect({.address = address});
  const auto jobs = manager.find<ManagerQueue<int>>("jobs");
  const auto lock = manager.find<ManagerLock>("lock");
  {
    Program visitor({"visitor", "get", address, "-"});
    EXPECT_EQ(visitor.line(), "ready");
    visitor.kill();
  }
  {
    Program holder({"visitor", "hold", address, "-"});
    EXPECT_EQ(holder.line(), "ready");
    EXPECT_FALSE(lock.acquire(false));
    Program waiter({"visitor", "acquire", address, "-"});
    EXPECT_EQ(waiter.line(), "ready");
    waiter.kill();
    holder.kill();
  }
  EXPECT_TRUE(lock.acquire());
  lock.release();
  // A get that was never sent again must not have taken this: it would if the dead visitor's call still waited.
  jobs.put(7);
  EXPECT_EQ(jobs.get(), 7);
}

TEST(TwoPrograms, TheKeeperIsKilled) {
  Program keeper({"keeper", "", "-"});
  auto manager = Manager::connect({.address = keeper.line()});
  const auto jobs = manager.find<ManagerQueue<int>>("jobs");
  std::thread waiting([&] { EXPECT_THROW(jobs.get(), royong::EndOfFile); });
  // Whether it waits already when the keeper dies or calls afterwards: it is told.
  keeper.kill();
  waiting.join();
  EXPECT_THROW(jobs.qsize(), royong::EndOfFile);
}

TEST(TwoPrograms, ASnapshotIsThereAfterTheKeeperWasKilled) {
  const TempDir folder;
  const std::string snapshot = "snapshot=" + (folder / "state").string();
  {
    Program keeper({"keeper", "", "-", snapshot});
    auto manager = Manager::connect({.address = keeper.line()});
    const auto table = manager.find<Table>("table");
    table.set("kept", 1);
    EXPECT_EQ(keeper.ask("snapshot"), "1 0");
    table.set("lost", 2);
    keeper.kill();
  }
  // What a death in the middle of writing leaves beside it means nothing.
  std::ofstream(folder / "state.new") << "torn";
  {
    Program keeper({"keeper", "", "-", snapshot});
    auto manager = Manager::connect({.address = keeper.line()});
    const auto table = manager.find<Table>("table");
    EXPECT_EQ(table.size(), 1U);
    EXPECT_EQ(table.at("kept"), 1);
    table.set("orderly", 3);
    keeper.end_input();
    EXPECT_EQ(keeper.wait(), 0);
  }
  Program keeper({"keeper", "", "-", snapshot});
  auto manager = Manager::connect({.address = keeper.line()});
  EXPECT_EQ(manager.find<Table>("table").size(), 2U);
}

// ---- Strangers of this program ----

struct Counter {
  int add(int amount) { return value += amount; }
  int peek() const { return value; }
  int value = 0;
};

struct RemoteManager : testing::Test {
  static Manager make(royong::ServeOptions options = {}) {
    return Manager::serve(std::move(options));
  }
  Manager connect() { return Manager::connect({.address = server.address()}); }
  Manager server = make();
};

TEST_F(RemoteManager, WrongKeysAreRefused) {
  auto guarded = make({.authkey = "right"});
  EXPECT_THROW(Manager::connect({.address = guarded.address(), .authkey = "wrong"}),
               royong::AuthenticationError);
  EXPECT_THROW(Manager::connect({.address = guarded.address()}), royong::AuthenticationError);
  const auto right = Manager::connect({.address = guarded.address(), .authkey = "right"});
  EXPECT_TRUE(right.names().empty());
}

TEST_F(RemoteManager, FindTellsWhatIsWrong) {
  const auto table = server.make_proxy<Table>();
  server.publish("table", table);
  EXPECT_THROW_MESSAGE(server.publish("table", table), royong::UsageError, "already");
  auto client = connect();
  EXPECT_EQ(client.names(), std::vector<std::string>{"table"});
  EXPECT_THROW_MESSAGE(client.find<Table>("chair"), std::out_of_range, "\"chair\"");
  using Other = ManagerDict<int, int>;
  EXPECT_THROW_MESSAGE(client.find<Other>("table"), royong::TransferError, "not what was asked");
  EXPECT_THROW_MESSAGE(server.find<Other>("table"), royong::TransferError, "not what was asked");
  client.find<Table>("table").set("a", 1);
  EXPECT_EQ(server.find<Table>("table").at("a"), 1);
  EXPECT_TRUE(server.unpublish("table"));
  EXPECT_FALSE(server.unpublish("table"));
  EXPECT_THROW(client.find<Table>("table"), std::out_of_range);
}

TEST_F(RemoteManager, UnregisteredTypesAndMethodsAreRefused) {
  const auto counter = server.make<Counter>();
  server.publish("counter", counter);
  auto client = connect();
  EXPECT_THROW_MESSAGE(client.find<Proxy<Counter>>("counter"), royong::TransferError,
                       "not registered");
  EXPECT_THROW(client.make<Counter>(), royong::UsageError);
}

TEST_F(RemoteManager, StrangersRunNoFunctionsAndEndNothing) {
  server.publish("table", server.make_proxy<Table>());
  auto client = connect();
  const auto table = client.find<Table>("table");
  EXPECT_THROW_MESSAGE(table.update("a", [](int value) { return value; }), royong::UsageError,
                       "another program");
  EXPECT_THROW(client.publish("mine", table), royong::UsageError);
  EXPECT_THROW(client.unpublish("table"), royong::UsageError);
  EXPECT_THROW(client.snapshot(), royong::UsageError);
  client.shutdown();
  EXPECT_THROW(table.size(), royong::EndOfFile);
  EXPECT_EQ(server.names().size(), 1U);
}

TEST_F(RemoteManager, StrangersMakeObjectsThatEndWithThem) {
  using Numbers = ManagerDict<int, int>;
  {
    auto client = connect();
    const auto numbers = client.make_proxy<Numbers>();
    numbers.set(1, 2);
    EXPECT_EQ(numbers.at(1), 2);
    std::vector<royong::Future<std::optional<int>>> futures;
    auto batch = client.pipeline();
  }
  EXPECT_TRUE(server.names().empty());
}

TEST_F(RemoteManager, ProxiesGoToTheirOwnManagerAndNowhereElse) {
  using Inner = ManagerDict<int, int>;
  using Outer = ManagerDict<int, Inner>;
  server.publish("outer", server.make_proxy<Outer>());
  auto client = connect();
  const auto outer = client.find<Outer>("outer");
  outer.set(1, client.make_proxy<Inner>());
  outer.at(1).set(5, 6);
  EXPECT_EQ(server.find<Outer>("outer").at(1).at(5), 6);
  auto other = make();
  EXPECT_THROW(outer.set(2, other.make_proxy<Inner>()), royong::TransferError);
  auto other_client = Manager::connect({.address = other.address()});
  EXPECT_THROW(outer.set(2, other_client.make_proxy<Inner>()), royong::TransferError);
  EXPECT_EQ(outer.size(), 1U);
}

TEST_F(RemoteManager, ASessionTooManyIsRefused) {
  auto small = make({.limits = {.sessions = 3}});  // the owner's is one
  std::optional<Manager> one(Manager::connect({.address = small.address()}));
  const auto two = Manager::connect({.address = small.address()});
  EXPECT_THROW_MESSAGE(Manager::connect({.address = small.address()}), royong::UsageError,
                       "as many clients as it may have");
  EXPECT_TRUE(two.names().empty());
  one.reset();
  royong_test::eventually([&] {
    try {
      return Manager::connect({.address = small.address()}).names().empty();
    } catch (const royong::UsageError&) {
      return false;  // the other one has not been seen to go
    }
  });
}

TEST_F(RemoteManager, ObjectsTooManyAreRefused) {
  auto small = make({.limits = {.objects = 2}});
  const auto one = small.make<Counter>();
  {
    const auto two = small.make<Counter>();
    EXPECT_THROW(small.make<Counter>(), royong::UsageError);
  }
  royong_test::eventually([&] {
    try {
      small.make<Counter>();
      return true;
    } catch (const royong::UsageError&) {
      return false;
    }
  });
}

TEST_F(RemoteManager, WaitingCallsTooManyAreRefused) {
  auto small = make({.limits = {.waiting_calls = 2}});
  small.publish("jobs", small.make_proxy<ManagerQueue<int>>(0));
  auto client = Manager::connect({.address = small.address()});
  const auto jobs = client.find<ManagerQueue<int>>("jobs");
  std::vector<std::thread> threads;
  std::atomic<int> refused{0};
  for (int i = 0; i < 5; ++i) {
    threads.emplace_back([&] {
      try {
        jobs.get();
      } catch (const royong::UsageError&) {
        ++refused;
      }
    });
  }
  royong_test::eventually([&] { return refused == 2; });
  for (int i = 0; i < 3; ++i) small.find<ManagerQueue<int>>("jobs").put(i);
  for (auto& thread : threads) thread.join();
}

// ---- Bytes that nobody vouches for ----

struct HostileClients : RemoteManager {
  void SetUp() override {
    server.publish("table", server.make_proxy<Table>());
    good.emplace(connect());
  }
  void TearDown() override {
    const auto table = good->find<Table>("table");
    table.set("still", 1);
    EXPECT_EQ(table.at("still"), 1);
  }
  std::optional<Manager> good;
};

TEST_F(HostileClients, GarbageEndsTheSession) {
  const auto client = royong::Client(server.address());
  const std::string garbage(1000, 'x');
  write_raw(client, std::as_bytes(std::span(garbage)));
  expect_hang_up(client);
}

TEST_F(HostileClients, AFrameOfAnotherKindEndsTheSession) {
  const auto client = royong::Client(server.address());
  client.send(std::string("hello"));
  expect_hang_up(client);
}

TEST_F(HostileClients, ARequestBeforeTheHelloEndsTheSession) {
  const auto client = royong::Client(server.address());
  const royong::manager::RequestHead names{
      .call = 1, .verb = static_cast<std::uint32_t>(royong::manager::Verb::names)};
  write_raw(client, frame(together(names)));
  expect_hang_up(client);
}

TEST_F(HostileClients, AnotherVersionIsTold) {
  const auto client = royong::Client(server.address());
  royong::manager::Hello old;
  old.version = 0;
  write_raw(client, frame(together(hello_head, old)));
  // Its answer is an exception; the session is not greeted, and the next request ends it.
  write_raw(client, frame(together(hello_head)));
  royong::manager::RequestHead names{
      .call = 2, .verb = static_cast<std::uint32_t>(royong::manager::Verb::names)};
  write_raw(client, frame(together(names)));
  expect_hang_up(client);
}

TEST_F(HostileClients, AMessageThatIsTooLongEndsTheSession) {
  const auto client = royong::Client(server.address());
  write_raw(client, together(royong::channel::encode_frame_header(
                        {.length = std::uint64_t{1} << 39, .type = royong::manager::frame_type})));
  expect_hang_up(client);
}

TEST_F(HostileClients, HalfAFrameDisturbsNobody) {
  const auto client = royong::Client(server.address());
  const auto whole = hello_frame();
  write_raw(client, std::span(whole).first(30));
  const auto table = good->find<Table>("table");
  for (int i = 0; i < 100; ++i) table.set("key", i);
  write_raw(client, std::span(whole).subspan(30));
  EXPECT_TRUE(is_answered(client));  // whole now
}

TEST_F(HostileClients, WhoGoesInTheMiddleOfAFrameLeavesHisPlace) {
  auto small = make({.limits = {.sessions = 2}});  // the owner's is one
  {
    const auto client = royong::Client(small.address());
    write_raw(client, hello_frame());
    ASSERT_TRUE(is_answered(client));  // it is let in
    const auto next = frame(together(hello_head, std::array<char, 100>{}));
    write_raw(client, std::span(next).first(70));
    EXPECT_THROW(Manager::connect({.address = small.address()}), royong::UsageError);
  }
  royong_test::eventually([&] {
    try {
      return Manager::connect({.address = small.address()}).names().empty();
    } catch (const royong::UsageError&) {
      return false;
    }
  });
}

TEST_F(HostileClients, NumbersOfObjectsCannotBeGuessed) {
  const auto client = royong::Client(server.address());
  write_raw(client, hello_frame());
  for (std::uint64_t place = 0; place < 10; ++place) {
    royong::manager::RequestHead call{
        .call = 2 + place,
        .object = std::uint64_t{1} << 32 | place,
        .verb = static_cast<std::uint32_t>(royong::manager::Verb::call)};
    write_raw(client, frame(together(call)));
    call.verb = static_cast<std::uint32_t>(royong::manager::Verb::function);
    write_raw(client, frame(together(call, std::uint64_t{0x1234})));
    call.verb = 0xffff;
    write_raw(client, frame(together(call)));
    call.verb = static_cast<std::uint32_t>(royong::manager::Verb::shutdown);
    write_raw(client, frame(together(call)));
  }
  EXPECT_EQ(server.find<Table>("table").size(), 0U);
}

TEST_F(HostileClients, AFloodOfConnectionsIsOutlived) {
  for (int i = 0; i < 2000; ++i) {
    const auto client = royong::Client(server.address());
    if (i % 2 == 0) write_raw(client, hello_frame());
    if (i % 3 == 0) write_raw(client, frame(together(hello_head)));
  }
}

TEST_F(HostileClients, AreHungUpThoughAProcessOfTheManagerHasTheirSockets) {
  const auto before = royong::get_start_method();
  royong::set_start_method(royong::StartMethod::fork, true);
  auto manager = make();
  const auto client = royong::Client(manager.address());
  write_raw(client, hello_frame());
  ASSERT_TRUE(is_answered(client));   // it is let in
  const auto pool = manager.pool(1);  // by fork
  EXPECT_GT(pool.apply([] { return ::getpid(); }), 0);
  const std::string garbage(1000, 'x');
  write_raw(client, std::as_bytes(std::span(garbage)));
  expect_hang_up(client);
  royong::set_start_method(before, true);
}

TEST_F(HostileClients, ThatConnectAndSayNothingKeepNobodyOut) {
  auto guarded = make({.authkey = "key"});
  std::vector<royong::os::Fd> silent;
  const auto at = royong::channel::resolve(guarded.address(), false).front();
  for (int i = 0; i < 50; ++i) {
    silent.push_back(*royong::os::connect_to(at, royong::os::Deadline::max(), guarded.address()));
  }
  const auto client = Manager::connect({.address = guarded.address(), .authkey = "key"});
  EXPECT_TRUE(client.names().empty());
}

}  // namespace
