// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief How servers of managers end, and what of them is there afterwards.
 */
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>      // for std::atomic
#include <chrono>      // for std::chrono_literals
#include <filesystem>  // for std::filesystem::exists
#include <fstream>     // for std::ofstream
#include <optional>    // for std::optional
#include <random>      // for std::uniform_int_distribution
#include <string>      // for std::string
#include <thread>      // for std::thread
#include <utility>     // for std::move
#include <vector>      // for std::vector

#include "royong/error.hpp"
#include "royong/manager.hpp"
#include "royong/process.hpp"
#include "royong/shared.hpp"
#include "royong/sync.hpp"
#include "support/eventually.hpp"
#include "support/process_tree.hpp"
#include "support/random.hpp"
#include "support/temp_dir.hpp"

namespace royong_test {
namespace {

namespace mp = royong;
using namespace std::chrono_literals;
using Generation = mp::ManagerDict<int, int>;

pid_t server_of(const mp::Manager& manager) {
  return manager.make<int>().call([](int&) { return ::getpid(); });
}

/// There is no such process any more, or nobody has reaped it.
bool has_ended(pid_t process) {
  const auto info = process_info(process);
  return !info || info->state == 'Z';
}

// ---- Ends ----

TEST(ManagerServer, ignores_ctrl_c) {
  const mp::Manager manager;
  const auto value = manager.value<int>(1);
  for (int i = 0; i < 3; ++i) {
    ASSERT_EQ(::kill(server_of(manager), SIGINT), 0);
    EXPECT_EQ(value.load(), 1);
  }
}

void make_a_manager_and_stay(const mp::RawValue<int>& server, const mp::Event& made) {
  const mp::Manager manager;
  *server = server_of(manager);
  made.set();
  mp::Event().wait();
}

TEST(ManagerServer, ends_with_the_process_that_made_it) {
  const mp::RawValue<int> server(0);
  const mp::Event made;
  // Not a daemon: it has a child.
  mp::Process owner({.daemon = false}, make_a_manager_and_stay, server, made);
  owner.start();
  made.wait();
  EXPECT_FALSE(has_ended(*server));
  owner.kill();
  owner.join();
  eventually([&] { return has_ended(*server); });
}

/// What the server was told while it was stuck, in the memory of all.
std::atomic<int>* told = nullptr;

/// Never returns, and does not end by SIGTERM.
void get_stuck(int&, const mp::RawValue<int>& signals, const mp::Event& stuck) {
  static const mp::RawValue<int> kept = signals;
  told = reinterpret_cast<std::atomic<int>*>(&*kept);
  ::signal(SIGTERM, [](int signal) { told->store(signal); });
  stuck.set();
  for (;;) ::pause();
}

TEST(ManagerServer, that_does_not_end_when_asked_gets_sigterm_and_at_last_sigkill) {
  mp::Manager manager;
  const auto server = server_of(manager);
  const mp::RawValue<int> signals(0);
  const mp::Event stuck;
  const auto call = manager.make<int>().call_async(get_stuck, signals, stuck);
  stuck.wait();
  manager.shutdown();
  EXPECT_EQ(*signals, SIGTERM);
  EXPECT_TRUE(has_ended(server));
  EXPECT_THROW(call.get(), mp::EndOfFile);
}

TEST(ManagerServer, that_is_asked_to_end_answers_what_came_before) {
  mp::Manager manager;
  const auto value = manager.make<int>();
  const auto last = value.call_async([](int& it) { return it = 7; });
  manager.shutdown();
  EXPECT_EQ(last.get(), 7);
}

TEST(ManagerServer, that_is_asked_to_end_answers_what_came_before_though_it_is_long) {
  mp::Manager manager;
  const auto value = manager.make<int>();
  std::vector<mp::Future<std::string>> answers;
  {
    auto batch = manager.pipeline();
    for (int i = 0; i < 50; ++i) {
      answers.push_back(value.call_async([](int&) { return std::string(100'000, 'x'); }));
    }
  }
  manager.shutdown();
  for (auto& answer : answers) EXPECT_EQ(answer.get().size(), 100'000U);
}

struct Stuck {
  Stuck() = default;
  Stuck(const Stuck&) = delete;
  Stuck& operator=(const Stuck&) = delete;
  ~Stuck() {
    for (;;) ::pause();
  }
};

TEST(ManagerServer, whose_objects_do_not_end_is_ended) {
  mp::Manager manager;
  const auto server = server_of(manager);
  manager.publish("stuck", manager.make<Stuck>());
  manager.shutdown();
  EXPECT_TRUE(has_ended(server));
}

int count_threads(int&) {
  using Tasks = std::filesystem::directory_iterator;
  return static_cast<int>(std::distance(Tasks("/proc/self/task"), Tasks()));
}

TEST(ManagerServer, has_no_thread_for_a_client_nor_for_a_call_that_waits) {
  const auto manager = mp::Manager::serve({});
  const auto threads = manager.value<int>(0);
  const auto queue = manager.queue<int>();
  manager.publish("queue", queue);
  const int before = threads.update(count_threads);
  std::vector<mp::Manager> clients;
  std::vector<mp::Future<int>> waiting;
  for (int i = 0; i < 10; ++i) {
    clients.push_back(mp::Manager::connect({.address = manager.address()}));
    const auto found = clients.back().find<mp::ManagerQueue<int>>("queue");
    for (int k = 0; k < 20; ++k) waiting.push_back(found.get_async());
    EXPECT_TRUE(found.empty());  // behind them: they wait
  }
  EXPECT_EQ(threads.update(count_threads), before);
  queue.put_many(std::vector<int>(waiting.size(), 7));
  for (auto& message : waiting) EXPECT_EQ(message.get(), 7);
}

// ---- Snapshots ----

/// The entries are always of one generation: they are set together.
Generation::ServedClass::Items entries(int generation) {
  Generation::ServedClass::Items items;
  for (int key = 0; key < 2000; ++key) items.emplace_back(key, generation);
  return items;
}

TEST(Snapshot, is_the_old_one_or_the_new_one_whenever_the_server_is_killed) {
  const TempDir folder;
  const auto serve = [&] { return mp::Manager::serve({.snapshot = folder / "state"}); };
  auto random = random_engine();
  int saved = 0;
  std::chrono::steady_clock::duration taken{};
  {
    auto manager = serve();
    const auto table = manager.make_proxy<Generation>(entries(0));
    manager.publish("table", table);
    const auto begin = std::chrono::steady_clock::now();
    manager.snapshot();
    taken = std::chrono::steady_clock::now() - begin;
  }
  int kept_old = 0, kept_new = 0;
  for (int round = 1; round <= 40; ++round) {
    auto manager = serve();
    const auto server = server_of(manager);
    const auto table = manager.find<Generation>("table");
    const auto values = table.values();
    ASSERT_EQ(values.size(), 2000U) << "round " << round;
    ASSERT_THAT(values, testing::Each(values.front())) << "round " << round;
    const int now = values.front();
    ASSERT_TRUE(now == saved || now == round - 1) << now << " in round " << round;
    (now == round - 1 ? kept_new : kept_old) += 1;
    saved = now;
    table.update(entries(round));
    std::thread saving([&] {
      try {
        manager.snapshot();
      } catch (const mp::EndOfFile&) {
        return;  // killed meanwhile
      }
    });
    std::uniform_int_distribution<std::int64_t> delay(0, taken.count() * 3 / 2);
    std::this_thread::sleep_for(std::chrono::steady_clock::duration(delay(random)));
    ASSERT_EQ(::kill(server, SIGKILL), 0);
    saving.join();
  }
  RecordProperty("old", kept_old);
  RecordProperty("new", kept_new);
}

TEST(Snapshot, that_is_damaged_is_refused_and_stays) {
  const TempDir folder;
  const auto file = folder / "state";
  {
    auto manager = mp::Manager::serve({.snapshot = file});
    manager.publish("table", manager.make_proxy<Generation>(entries(1)));
  }
  std::filesystem::resize_file(file, std::filesystem::file_size(file) - 1);
  const auto size = std::filesystem::file_size(file);
  EXPECT_THROW(mp::Manager::serve({.snapshot = file}), mp::TransferError);
  EXPECT_EQ(std::filesystem::file_size(file), size);
}

TEST(Snapshot, is_written_by_itself_where_that_was_asked_for) {
  const TempDir folder;
  const auto file = folder / "state";
  const auto serve = [&] { return mp::Manager::serve({.snapshot = file, .snapshot_every = 1ms}); };
  {
    auto manager = serve();
    const auto value = manager.value<int>(0);
    manager.publish("value", value);
    eventually([&] { return std::filesystem::exists(file); });
    value.store(5);
    const auto before = std::filesystem::last_write_time(file);
    value.store(6);
    eventually([&] { return std::filesystem::last_write_time(file) != before; });
    // Written once more after the last change.
    const auto again = std::filesystem::last_write_time(file);
    value.store(7);
    eventually([&] { return std::filesystem::last_write_time(file) != again; });
    ASSERT_EQ(::kill(server_of(manager), SIGKILL), 0);
  }
  EXPECT_GE(serve().find<mp::ManagerValue<int>>("value").load(), 5);
}

TEST(Snapshot, keeps_objects_that_others_refer_to) {
  const TempDir folder;
  using Lists = mp::ManagerDict<std::string, mp::ManagerList<int>>;
  const auto serve = [&] { return mp::Manager::serve({.snapshot = folder / "state"}); };
  {
    auto manager = serve();
    const auto lists = manager.dict<std::string, mp::ManagerList<int>>();
    const auto shared = manager.list<int>({1, 2});
    lists["a"] = shared;
    lists["b"] = shared;
    manager.publish("lists", lists);
  }
  auto manager = serve();
  const auto lists = manager.find<Lists>("lists");
  lists.at("a").append(3);
  EXPECT_EQ(lists.at("a"), lists.at("b"));
  EXPECT_THAT(lists.at("b").copy(), testing::ElementsAre(1, 2, 3));
}

/// In the server: what the writing of its snapshot waits for.
struct Gate {
  mp::Event reached;
  mp::Event open;
};
std::optional<Gate> gate;

struct SlowToSave {
  int value = 0;
  template <class Archive>
  void serialize(Archive& archive) {
    if (Archive::is_saving && gate) {
      gate->reached.set();
      gate->open.wait();
    }
    archive(value);
  }
};

void be_slow(SlowToSave& object, const mp::Event& reached, const mp::Event& open) {
  object.value = 7;
  gate.emplace(reached, open);
}

/// Whether the child ends in a time that is longer than anybody's patience with it.
bool ends_soon(pid_t child) {
  for (const auto& view : mp::active_children()) {
    if (view.pid() == child) return view.join(2500ms);
  }
  return true;
}

/// A snapshot takes longer than a manager's patience with a server that does nothing.
struct SlowSnapshot : testing::Test {
  mp::Manager serve() const { return mp::Manager::serve({.snapshot = folder / "state"}); }
  void TearDown() override {
    const auto manager = serve();
    const auto object = manager.find<mp::Proxy<SlowToSave>>("object");
    EXPECT_EQ(object.call([](SlowToSave& it) { return it.value; }), 7);
  }

  const TempDir folder;
  const mp::Event reached;
  const mp::Event open;
  bool ended = false;
  std::optional<std::thread> opener;

  void make_slow(const mp::Manager& manager) {
    const auto object = manager.make<SlowToSave>();
    manager.publish("object", object);
    object.call(be_slow, reached, open);
    opener.emplace([this, server = server_of(manager)] {
      reached.wait();
      ended = ends_soon(server);
      open.set();
    });
  }
};

TEST_F(SlowSnapshot, is_written_at_the_end) {
  auto manager = serve();
  make_slow(manager);
  manager.shutdown();
  opener->join();
  EXPECT_FALSE(ended);
}

TEST_F(SlowSnapshot, that_is_being_written_is_waited_for_at_the_end) {
  auto manager = serve();
  make_slow(manager);
  std::thread saving([&] { EXPECT_NO_THROW(manager.snapshot()); });
  reached.wait();
  manager.shutdown();
  saving.join();
  opener->join();
  EXPECT_FALSE(ended);
}

TEST(Snapshot, without_a_file_or_of_what_cannot_be_saved_is_refused) {
  const TempDir folder;
  const mp::Manager nowhere;
  EXPECT_THROW(nowhere.snapshot(), mp::UsageError);
  auto manager = mp::Manager::serve({.snapshot = folder / "state"});
  const auto lock = manager.lock();
  manager.publish("lock", lock);
  EXPECT_THROW(manager.snapshot(), mp::TransferError);
  EXPECT_TRUE(lock.acquire());
  manager.unpublish("lock");
  manager.publish("list", manager.list<int>({1}));
  manager.snapshot();
  // At the orderly end nobody could be told: the last one stays, and the end is orderly.
  manager.publish("lock", lock);
  const auto last = manager.make<int>().call_async([](int& it) { return it = 7; });
  manager.shutdown();
  EXPECT_EQ(last.get(), 7);
  EXPECT_THAT(mp::Manager::serve({.snapshot = folder / "state"}).names(),
              testing::ElementsAre("list"));
}

}  // namespace
}  // namespace royong_test
