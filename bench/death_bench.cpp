// SPDX-License-Identifier: Apache-2.0
// Rows D1 (how long a death holds up a pool) and D2 (what it takes with it).
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>  // for std::ranges::nth_element
#include <chrono>     // for std::chrono::milliseconds
#include <cstdlib>    // for std::abort
#include <thread>     // for std::this_thread::sleep_for
#include <vector>     // for std::vector

#include "support.hpp"

#include "royong/init.hpp"
#include "royong/pool.hpp"

namespace {

using royong_bench::add_row;
using royong_bench::Kind;
namespace mp = royong;

// ---- D1: from the SIGKILL to the replacement's first result ----

constexpr int kDeaths = 20;
constexpr std::chrono::milliseconds kNap{3};  // long enough for the worker to sleep

/// `kill_and_ask()` returns when the next process has answered. The time of an iteration is the median of its deaths.
template <class F>
void measure_deaths(benchmark::State& state, F kill_and_ask) {
  royong_bench::Latencies latencies;
  for (auto _ : state) {
    std::vector<double> times;
    for (int i = 0; i < kDeaths; ++i) {
      std::this_thread::sleep_for(kNap);
      times.push_back(std::chrono::duration<double>(latencies.time(kill_and_ask)).count());
    }
    std::ranges::nth_element(times, times.begin() + kDeaths / 2);
    state.SetIterationTime(times[kDeaths / 2]);
  }
  latencies.report(state);
}

/// A forked child that answers by one byte; its death by pidfd, then the next one.
class ForkedAnswerer {
 public:
  ForkedAnswerer() { begin(); }
  ForkedAnswerer(const ForkedAnswerer&) = delete;
  ForkedAnswerer& operator=(const ForkedAnswerer&) = delete;
  ~ForkedAnswerer() { end(); }
  void replace() {
    end();
    begin();
  }

 private:
  void begin() {
    if (::pipe(pipe_) != 0) std::abort();
    pid_ = ::fork();
    if (pid_ == 0) {
      if (::write(pipe_[1], "x", 1) != 1) ::_exit(1);
      for (;;) ::pause();
    }
    pidfd_ = static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0));
    char answer;
    if (::read(pipe_[0], &answer, 1) != 1) std::abort();
  }
  void end() {
    ::kill(pid_, SIGKILL);
    pollfd death{pidfd_, POLLIN, 0};
    ::poll(&death, 1, -1);
    ::waitpid(pid_, nullptr, 0);
    ::close(pidfd_);
    ::close(pipe_[0]);
    ::close(pipe_[1]);
  }

  pid_t pid_ = 0;
  int pidfd_ = -1;
  int pipe_[2]{};
};

void deaths_by_hand(benchmark::State& state) {
  ForkedAnswerer answerer;
  measure_deaths(state, [&] { answerer.replace(); });
}

int own_pid() { return static_cast<int>(::getpid()); }

void deaths_by_royong(benchmark::State& state) {
  mp::Pool pool(1);
  int worker = pool.apply(own_pid);
  measure_deaths(state, [&] {
    ::kill(worker, SIGKILL);
    const int next = pool.apply({.retries = 1}, own_pid);
    if (next == worker) state.SkipWithError("the worker was not killed");
    worker = next;
  });
}

// ---- D2: how many of 100 tasks under way a kill takes ----

int nap(int ms) {
  std::this_thread::sleep_for(std::chrono::milliseconds(ms));
  return own_pid();
}

void losses_by_royong(benchmark::State& state, int retries) {
  mp::Pool pool(2);
  double kills = 0, lost = 0;
  for (auto _ : state) {
    std::vector<mp::Future<int>> futures;
    for (int i = 0; i < 100; ++i) futures.push_back(pool.apply_async({.retries = retries}, nap, 1));
    ::kill(futures[10].get(), SIGKILL);  // the worker is in the middle of another one
    ++kills;
    for (const auto& future : futures) {
      try {
        future.get();
      } catch (const mp::WorkerDied&) {
        ++lost;
      }
    }
  }
  state.counters["lost"] = lost / kills;
}

void add_rows() {
  using enum Kind;
  for (auto* row : {add_row("D1", limit, "fork_by_hand", deaths_by_hand),
                    add_row("D1", royong, "pool", deaths_by_royong)})
    row->UseManualTime()->MinTime(1e-9);  // measures many deaths itself: once in each repetition
  add_row("D2", royong, "pool", [](benchmark::State& s) { losses_by_royong(s, 0); })->UseRealTime();
  add_row("D2_retried", royong, "pool", [](benchmark::State& s) {
    losses_by_royong(s, 1);
  })->UseRealTime();
}

}  // namespace

int main(int argc, char** argv) {
  mp::init(argc, argv);
  add_rows();
  return royong_bench::run_benchmarks(argc, argv);
}
