// SPDX-License-Identifier: Apache-2.0
// Rows P1 to P4: start and join an empty process.
#include <fcntl.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>      // for std::memset
#include <filesystem>   // for std::filesystem::read_symlink
#include <string>       // for std::string
#include <string_view>  // for std::string_view
#include <thread>       // for std::thread

#include "peers/zygote.hpp"
#include "process/spares.hpp"
#include "royong/init.hpp"
#include "royong/process.hpp"
#include "support.hpp"

namespace {

using royong_bench::add_row;
using royong_bench::Kind;
using royong_bench::Latencies;
using royong_bench::Zygote;
namespace mp = royong;

// Runs `start_and_join` as often as wanted; it returns whether the process ended well.
template <class F>
void measure(benchmark::State& state, F start_and_join) {
  Latencies latencies;
  for (auto _ : state) {
    bool good = false;
    latencies.time([&] { good = start_and_join(); });
    if (!good) {
      state.SkipWithError("the process did not end with exit code 0");
      return;
    }
  }
  latencies.report(state);
}

bool fork_and_wait() {
  const pid_t pid = ::fork();
  if (pid == 0) ::_exit(0);
  int status = -1;
  return ::waitpid(pid, &status, 0) == pid && status == 0;
}

constexpr const char* kEndAtOnce = "--end-at-once";

bool spawn_and_wait(const std::string& path) {
  char* arguments[] = {const_cast<char*>(path.c_str()), const_cast<char*>(kEndAtOnce), nullptr};
  pid_t pid = 0;
  if (::posix_spawn(&pid, path.c_str(), nullptr, nullptr, arguments, environ) != 0) return false;
  int status = -1;
  return ::waitpid(pid, &status, 0) == pid && status == 0;
}

// The smallest C++ program, with no library but the standard ones.
bool spawn_empty_program() {
  static const std::string path =
      std::filesystem::read_symlink("/proc/self/exe").parent_path() / "empty_main";
  return spawn_and_wait(path);
}

// This program, with the libraries that it needs. Its main returns at once.
bool spawn_this_program() {
  static const std::string path = std::filesystem::read_symlink("/proc/self/exe");
  return spawn_and_wait(path);
}

bool thread_and_join() {
  bool ran = false;
  std::thread([&] { ran = true; }).join();
  return ran;
}

void empty() {}

bool process_and_join(mp::StartMethod method) {
  mp::Process process({.start_method = method}, empty);
  process.start();
  return process.join() && process.exitcode() == 0;
}

// Touched memory of this process, page by page, as long as it lives.
class Ballast {
 public:
  Ballast() {
    memory_ = ::mmap(nullptr, kSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory_ == MAP_FAILED) return;
    ::madvise(memory_, kSize, MADV_NOHUGEPAGE);
    std::memset(memory_, 1, kSize);
  }
  ~Ballast() {
    if (memory_ != MAP_FAILED) ::munmap(memory_, kSize);
  }
  Ballast(const Ballast&) = delete;
  Ballast& operator=(const Ballast&) = delete;
  explicit operator bool() const { return memory_ != MAP_FAILED; }

 private:
  static constexpr std::size_t kSize = std::size_t{1} << 30;
  void* memory_;
};

template <class F>
auto with_ballast(F f) {
  return [f](benchmark::State& state) {
    const Ballast ballast;
    if (!ballast) return state.SkipWithError("no memory");
    f(state);
  };
}

enum class Until { answer, end };

void run_spares(benchmark::State& state, Zygote& zygote, Until until) {
  Latencies latencies;
  for (auto _ : state) {
    const auto spare = zygote.start_spare();
    ::usleep(100);  // Until it waits.
    bool good = false;
    const auto taken = latencies.time([&] {
      wake(spare);
      if (until == Until::answer) return wait_for_answer(spare);
      good = join(spare);
    });
    if (until == Until::answer) good = join(spare);
    if (!good) return state.SkipWithError("the spare process did not end with exit code 0");
    state.SetIterationTime(std::chrono::duration<double>(taken).count());
  }
  latencies.report(state);
}

// As with the bare spare, the process is there before the clock starts.
void run_warm(benchmark::State& state) {
  constexpr int wanted = 2;
  mp::set_warm_processes(wanted);
  Latencies latencies;
  for (auto _ : state) {
    while (mp::detail::ready_spares() < wanted) ::usleep(100);
    bool good = false;
    const auto taken =
        latencies.time([&] { good = process_and_join(mp::StartMethod::forkserver); });
    if (!good) return state.SkipWithError("the process did not end with exit code 0");
    state.SetIterationTime(std::chrono::duration<double>(taken).count());
  }
  latencies.report(state);
  mp::set_warm_processes(0);
}

void add_rows(Zygote& zygote) {
  const auto by_zygote = [&zygote](benchmark::State& state) {
    measure(state, [&] { return join(zygote.start()); });
  };
  const auto by_fork = [](benchmark::State& state) { measure(state, fork_and_wait); };
  const auto by_spawn = [](benchmark::State& state) { measure(state, spawn_empty_program); };
  const auto by_spawn_of_this = [](benchmark::State& state) { measure(state, spawn_this_program); };
  const auto by_thread = [](benchmark::State& state) { measure(state, thread_and_join); };
  const auto by_royong = [](mp::StartMethod method) {
    return [method](benchmark::State& state) {
      measure(state, [&] { return process_and_join(method); });
    };
  };
  using enum Kind;
  add_row("P1", limit, "zygote", by_zygote)->UseRealTime();
  add_row("P1", peer, "posix_spawn", by_spawn)->UseRealTime();
  add_row("P1", peer, "fork", by_fork)->UseRealTime();
  add_row("P1", peer, "std_thread", by_thread)->UseRealTime();
  add_row("P1", royong, "forkserver", by_royong(mp::StartMethod::forkserver))->UseRealTime();

  add_row("P2", limit, "zygote", with_ballast(by_zygote))->UseRealTime();
  add_row("P2", peer, "fork", with_ballast(by_fork))->UseRealTime();
  add_row("P2", royong, "forkserver", with_ballast(by_royong(mp::StartMethod::forkserver)))
      ->UseRealTime();

  const auto by_spare = [&zygote](Until until) {
    return [&zygote, until](benchmark::State& state) { run_spares(state, zygote, until); };
  };
  add_row("P3", limit, "spare", by_spare(Until::end))->UseManualTime();
  add_row("P3", peer, "spare_until_it_answers", by_spare(Until::answer))->UseManualTime();
  add_row("P3", peer, "std_thread", by_thread)->UseRealTime();
  add_row("P3", royong, "warm", run_warm)->UseManualTime();

  add_row("P4", limit, "posix_spawn", by_spawn_of_this)->UseRealTime();
  add_row("P4", peer, "posix_spawn_of_an_empty_program", by_spawn)->UseRealTime();
  add_row("P4", royong, "spawn", by_royong(mp::StartMethod::spawn))->UseRealTime();
  add_row("P4", royong, "fork", by_royong(mp::StartMethod::fork))->UseRealTime();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 2 && std::string_view(argv[1]) == kEndAtOnce) return 0;
  if (mp::is_worker()) mp::init(argc, argv);  // Never returns; the zygote is the user's alone.
  Zygote zygote;                              // First: it must be small, and of one thread.
  mp::init(argc, argv);
  add_rows(zygote);
  return royong_bench::run_benchmarks(argc, argv);
}
