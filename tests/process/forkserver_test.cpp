// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <sstream>
#include <string>

#include "process/clone_sibling.hpp"
#include "process/every_start_method.hpp"
#include "process/forkserver.hpp"
#include "royong/error.hpp"
#include "support/matchers.hpp"
#include "support/process_tree.hpp"
#include "support/temp_dir.hpp"

namespace royong_test {
namespace {

mp::Process in_forkserver(void (*f)()) {
  return mp::get_context(mp::StartMethod::forkserver).process(f);
}

int run_once() {
  auto process = in_forkserver([] { std::exit(7); });
  process.start();
  process.join();
  return process.exitcode().value_or(-1000);
}

TEST(Forkserver, is_kept_and_used_again) {
  EXPECT_EQ(run_once(), 7);
  const pid_t server = own_forkserver();
  EXPECT_NE(server, 0);
  EXPECT_EQ(run_once(), 7);
  EXPECT_EQ(own_forkserver(), server);
}

TEST(Forkserver, that_was_killed_is_replaced) {
  EXPECT_EQ(run_once(), 7);
  const pid_t server = own_forkserver();
  ::kill(server, SIGKILL);
  EXPECT_EQ(run_once(), 7);
  EXPECT_NE(own_forkserver(), server);
}

TEST(Forkserver, that_was_killed_leaves_its_workers_alive) {
  auto process = in_forkserver([] {
    for (;;) ::pause();
  });
  process.start();
  ::kill(own_forkserver(), SIGKILL);
  EXPECT_EQ(run_once(), 7);
  EXPECT_TRUE(process.is_alive());
  process.terminate();
  process.join();
  EXPECT_EQ(process.exitcode(), -SIGTERM);
}

TEST(Forkserver, makes_direct_children) {
  auto process =
      in_forkserver([] { std::exit(::getppid() == mp::parent_process()->pid() ? 7 : 8); });
  process.start();
  process.join();
  EXPECT_EQ(process.exitcode(), 7);
}

TEST(Forkserver, leaves_no_variable_in_the_environment) {
  if (std::getenv("LD_BIND_NOW") != nullptr) return;  // the user's own stays
  auto process = in_forkserver([] { std::exit(std::getenv("LD_BIND_NOW") == nullptr ? 7 : 8); });
  process.start();
  process.join();
  EXPECT_EQ(process.exitcode(), 7);
}

TEST(Forkserver, is_not_among_the_children) {
  EXPECT_EQ(run_once(), 7);
  EXPECT_TRUE(mp::active_children().empty());
}

TEST(Forkserver, makes_processes_whose_threads_are_sound) {
  auto process =
      in_forkserver([] { std::exit(royong::detail::is_thread_identity_sound() ? 7 : 8); });
  process.start();
  process.join();
  EXPECT_EQ(process.exitcode(), 7);
}

/// What a process finds around it: a variable and the umask.
void describe_surroundings(const std::string& path) {
  const char* const season = std::getenv("SEASON");
  std::ostringstream text;
  text << (season != nullptr ? season : "none") << ' ' << std::oct << ::umask(0);
  write_text(path, text.str());
}

TEST(Forkserver, keeps_the_environment_and_the_umask_of_its_own_start) {
  const TempDir folder;
  const auto surroundings = [&](mp::StartMethod method) {
    const std::string path = folder / "surroundings";
    auto process = mp::get_context(method).process(describe_surroundings, path);
    process.start();
    process.join();
    return read_text(path);
  };
  royong::detail::stop_forkserver();
  ::setenv("SEASON", "rain", 1);
  const mode_t before = ::umask(027);
  EXPECT_EQ(surroundings(mp::StartMethod::forkserver), "rain 27");
  ::setenv("SEASON", "sun", 1);
  ::umask(077);
  EXPECT_EQ(surroundings(mp::StartMethod::forkserver), "rain 27");
  EXPECT_EQ(surroundings(mp::StartMethod::spawn), "sun 77");
  EXPECT_EQ(surroundings(mp::StartMethod::fork), "sun 77");
  royong::detail::stop_forkserver();
  EXPECT_EQ(surroundings(mp::StartMethod::forkserver), "sun 77");
  ::unsetenv("SEASON");
  ::umask(before);
  royong::detail::stop_forkserver();
}

int preloaded = 0;

/// Each case begins without a server, and leaves none that has preloaded something.
class Preload : public testing::Test {
 protected:
  void SetUp() override { royong::detail::stop_forkserver(); }
  void TearDown() override {
    royong::detail::stop_forkserver();
    royong::detail::set_forkserver_preload({});
  }
};

TEST_F(Preload, is_run_once_and_every_process_has_it) {
  mp::set_forkserver_preload([] { ++preloaded; });
  for (int i = 0; i < 2; ++i) {
    auto process = in_forkserver([] { std::exit(preloaded); });
    process.start();
    process.join();
    EXPECT_EQ(process.exitcode(), 1);
  }
  EXPECT_EQ(preloaded, 0);
}

void print_into(const std::string& path) {
  // Never closed: what it buffers is written by a flush, or by the exit of each copy of it.
  static std::FILE* const file = std::fopen(path.c_str(), "a");
  std::fputs("loaded\n", file);
}

TEST_F(Preload, that_prints_has_printed_once) {
  const TempDir folder;
  const std::string path = folder / "printed";
  mp::set_forkserver_preload(mp::bind_front(print_into, path));
  for (int i = 0; i < 2; ++i) EXPECT_EQ(run_once(), 7);
  royong::detail::stop_forkserver();
  EXPECT_EQ(read_text(path), "loaded\n");
}

TEST_F(Preload, that_throws_does_not_stop_the_server) {
  mp::set_forkserver_preload([] { throw std::runtime_error("expected by the test"); });
  EXPECT_EQ(run_once(), 7);
}

TEST_F(Preload, comes_before_the_first_process) {
  EXPECT_EQ(run_once(), 7);
  EXPECT_THROW_MESSAGE(mp::set_forkserver_preload([] {}), mp::UsageError, "runs already");
}

}  // namespace
}  // namespace royong_test
