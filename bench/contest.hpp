// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief Processes that fight for one thing in shared memory; and what a process alone pays for it.
 *
 *  A `Place` points to something with `increment(counter)`, which adds 1, to `counter` or to what it holds itself.
 */
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>  // for std::min
#include <atomic>     // for std::atomic
#include <chrono>     // for std::chrono::steady_clock
#include <cstddef>    // for std::size_t
#include <cstdint>    // for std::uint64_t
#include <new>        // for std::bad_alloc
#include <vector>     // for std::vector

#include "peers/locks.hpp"
#include "support.hpp"

#include "royong/process.hpp"

namespace royong_bench {

// What processes share lies in a mapping; a handle of royong's is copied by fork instead.
template <class T>
class InSharedMemory {
 public:
  InSharedMemory() {
    void* memory = ::mmap(nullptr, sizeof(T), PROT_READ | PROT_WRITE,
                          MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (memory == MAP_FAILED) throw std::bad_alloc();
    value_ = new (memory) T;
  }
  ~InSharedMemory() { ::munmap(static_cast<void*>(value_), sizeof(T)); }
  InSharedMemory(const InSharedMemory&) = delete;
  InSharedMemory& operator=(const InSharedMemory&) = delete;
  T& operator*() const { return *value_; }
  T* operator->() const { return value_; }

 private:
  T* value_;
};

template <class T>
class AsHandle {
 public:
  T& operator*() { return value_; }
  T* operator->() { return &value_; }

 private:
  T value_;
};

/// Children that run until `end`: all contenders are started alike, whoever made what they share.
template <class F>
std::vector<royong::Process> start_processes(int count, F body) {
  std::vector<royong::Process> processes;
  for (int i = 0; i < count; ++i) {
    processes.push_back(royong::fork_context().process({.daemon = true}, [body, i] {
      BareLock::identify();
      body(static_cast<std::size_t>(i));
    }));
    processes.back().start();
  }
  return processes;
}

inline void end(std::vector<royong::Process>& processes) {
  for (auto& process : processes) process.kill();
  for (auto& process : processes) process.join();
}

/// What was counted: by the thing itself, if it counts.
template <class Thing>
std::uint64_t counted(Thing& thing, const std::uint64_t& counter) {
  if constexpr (requires { thing.count(); }) {
    return thing.count();
  } else {
    return counter;
  }
}

template <class Place>
void alone(benchmark::State& state) {
  Place place;
  const InSharedMemory<std::uint64_t> counter;
  *counter = 0;
  for (auto _ : state) place->increment(*counter);
  if (counted(*place, *counter) != static_cast<std::uint64_t>(state.iterations())) {
    state.SkipWithError("the counter is wrong");
  }
}

struct Contest {
  static constexpr std::size_t most_processes = 4;
  static constexpr useconds_t window = 200'000;

  alignas(128) std::atomic<std::uint32_t> round{0};  // odd: increment
  alignas(128) std::uint64_t counter = 0;
  struct alignas(128) Count {
    std::uint64_t turns = 0;
    std::atomic<std::uint32_t> round{0};  // of which `turns` is the result
  };
  Count counts[most_processes];
};

template <class Place>
void contended(benchmark::State& state, int count) {
  using Clock = std::chrono::steady_clock;
  Place place;
  const InSharedMemory<Contest> contest;
  auto processes = start_processes(count, [&](std::size_t i) {
    auto& mine = contest->counts[i];
    for (;;) {
      const auto round = contest->round.load();
      if (round % 2 == 0) {
        ::usleep(50);
        continue;
      }
      std::uint64_t turns = 0;
      for (; contest->round.load(std::memory_order_relaxed) == round; ++turns) {
        place->increment(contest->counter);
      }
      mine.turns = turns;
      mine.round = round;
    }
  });
  std::uint64_t all = 0;
  double least_share = 1;
  for (auto _ : state) {
    const auto before = counted(*place, contest->counter);
    const auto start = Clock::now();
    const auto round = contest->round.fetch_add(1) + 1;
    ::usleep(Contest::window);
    contest->round.fetch_add(1);
    state.SetIterationTime(std::chrono::duration<double>(Clock::now() - start).count());
    std::uint64_t sum = 0;
    std::uint64_t least = UINT64_MAX;
    for (std::size_t i = 0; i < processes.size(); ++i) {
      while (contest->counts[i].round.load() != round) ::usleep(50);
      sum += contest->counts[i].turns;
      least = std::min(least, contest->counts[i].turns);
    }
    if (sum != counted(*place, contest->counter) - before) {
      state.SkipWithError("the counter is wrong");
    }
    all += sum;
    least_share =
        std::min(least_share, static_cast<double>(least) * count / static_cast<double>(sum));
  }
  end(processes);
  state.SetItemsProcessed(static_cast<std::int64_t>(all));
  state.counters["least_share"] = least_share;
}

}  // namespace royong_bench
