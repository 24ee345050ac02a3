// SPDX-License-Identifier: Apache-2.0
// Rows L3 (a shared counter, alone and by two processes), S1 (a worker sums an array of 1 GiB) and S2 (an array of 1 MiB from its making to its end).
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>  // for std::ranges::copy
#include <atomic>     // for std::atomic
#include <chrono>     // for std::chrono::steady_clock
#include <cstdint>    // for std::int64_t, std::uint64_t
#include <cstring>    // for std::memset
#include <new>        // for std::bad_alloc
#include <numeric>    // for std::accumulate, std::iota
#include <ranges>     // for std::views::iota
#include <span>       // for std::span
#include <string>     // for std::string

#include "contest.hpp"
#include "peers/workers.hpp"
#include "support.hpp"

#include "royong/init.hpp"
#include "royong/pool.hpp"
#include "royong/shared.hpp"

namespace {

using royong_bench::add_row;
using royong_bench::Kind;
namespace mp = royong;
using Clock = std::chrono::steady_clock;

// ---- L3 ----

struct BareAtomic {
  alignas(128) std::atomic<std::uint64_t> value{0};
  void increment(std::uint64_t&) { value.fetch_add(1); }
  std::uint64_t count() const { return value.load(); }
};

/// What a counter that is guarded by a lock costs: Python's Value is one.
struct LockedCounter {
  royong_bench::PthreadLock<PTHREAD_MUTEX_ROBUST> lock;
  void increment(std::uint64_t& counter) {
    lock.lock();
    ++counter;
    lock.unlock();
  }
};

struct RoyongValue {
  mp::Value<std::uint64_t> value;
  void increment(std::uint64_t&) { value += 1; }
  std::uint64_t count() const { return value.load(); }
};

template <class Place>
void add_counter(Kind kind, const std::string& name) {
  add_row("L3", kind, name, royong_bench::alone<Place>)->UseRealTime();
  add_row("L3_2", kind, name, [](benchmark::State& state) {
    royong_bench::contended<Place>(state, 2);
  })->UseManualTime();
}

// ---- S1 ----

using Number = std::uint64_t;
constexpr std::size_t kLarge = (std::size_t{1} << 30) / sizeof(Number);
constexpr Number kSum = Number{kLarge} * (kLarge - 1) / 2;

Number sum_of(std::span<const Number> numbers) {
  return std::accumulate(numbers.begin(), numbers.end(), Number{0});
}

void check(benchmark::State& state, Number sum) {
  if (sum != kSum) state.SkipWithError("the sum is wrong");
}

Number sum_of_array(mp::RawArray<Number> array) { return sum_of(array); }
int answer() { return 42; }

void sum_locally(benchmark::State& state) {
  const mp::RawArray<Number> array(std::int64_t{kLarge});
  std::iota(array.begin(), array.end(), Number{0});
  for (auto _ : state) check(state, sum_of(array));
}

/// The worker has seen the array before.
void sum_again(benchmark::State& state) {
  const mp::RawArray<Number> array(std::int64_t{kLarge});
  std::iota(array.begin(), array.end(), Number{0});
  mp::Pool pool(1);
  check(state, pool.apply(sum_of_array, array));
  for (auto _ : state) check(state, pool.apply(sum_of_array, array));
}

/// The worker runs, and has never seen the array.
void sum_first(benchmark::State& state) {
  const mp::RawArray<Number> array(std::int64_t{kLarge});
  std::iota(array.begin(), array.end(), Number{0});
  for (auto _ : state) {
    mp::Pool pool(1);
    pool.apply(answer);
    const auto start = Clock::now();
    check(state, pool.apply(sum_of_array, array));
    state.SetIterationTime(std::chrono::duration<double>(Clock::now() - start).count());
  }
}

/// A memfd, filled; each worker maps it, or has it mapped.
class LargeFile {
 public:
  LargeFile() : fd_(::memfd_create("royong-bench", MFD_CLOEXEC)) {
    if (fd_ < 0 || ::ftruncate(fd_, bytes) != 0) throw std::bad_alloc();
    const auto numbers = map(0);
    std::iota(numbers.begin(), numbers.end(), Number{0});
    mapped_ = numbers;
  }
  ~LargeFile() {
    ::munmap(mapped_.data(), bytes);
    ::close(fd_);
  }
  LargeFile(const LargeFile&) = delete;
  LargeFile& operator=(const LargeFile&) = delete;

  static constexpr std::size_t bytes = kLarge * sizeof(Number);
  std::span<Number> mapped() const { return mapped_; }
  std::span<Number> map(int flags) const {
    void* memory = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | flags, fd_, 0);
    if (memory == MAP_FAILED) throw std::bad_alloc();
    return {static_cast<Number*>(memory), kLarge};
  }

 private:
  int fd_;
  std::span<Number> mapped_;
};

struct Answer {
  std::atomic<Number> sum;
};

/// A child that was forked for it, which sums what `numbers()` gives it.
template <class Numbers>
void sum_in_child(benchmark::State& state, Numbers numbers) {
  const royong_bench::InSharedMemory<Answer> result;
  for (auto _ : state) {
    const pid_t child = ::fork();
    if (child == 0) {
      result->sum = sum_of(numbers());
      ::_exit(0);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    check(state, result->sum.load());
  }
}

void sum_mapped_on_arrival(benchmark::State& state) {
  const LargeFile file;
  sum_in_child(state, [&] { return file.map(0); });
}
void sum_mapped_populated(benchmark::State& state) {
  const LargeFile file;
  sum_in_child(state, [&] { return file.map(MAP_POPULATE); });
}
void sum_in_fork(benchmark::State& state) {
  const LargeFile file;
  sum_in_child(state, [&] { return file.mapped(); });
}

// ---- S2 ----

constexpr std::size_t kSmall = (std::size_t{1} << 20) / sizeof(Number);

void fill(std::span<Number> numbers, Number first) {
  std::ranges::copy(std::views::iota(first, first + kSmall), numbers.begin());
  benchmark::DoNotOptimize(numbers.data());
  benchmark::ClobberMemory();
}

void check_filled(benchmark::State& state, std::span<const Number> numbers, Number first) {
  if (numbers.front() != first || numbers.back() != first + kSmall - 1) {
    state.SkipWithError("the array is wrong");
  }
}

void fill_warm(benchmark::State& state, bool zero_first) {
  const royong_bench::Shared<Number> warm(kSmall);
  const std::span<Number> numbers(warm.data(), kSmall);
  Number first = 0;
  for (auto _ : state) {
    ++first;
    if (zero_first) {
      std::memset(numbers.data(), 0, numbers.size_bytes());
      benchmark::ClobberMemory();
    }
    fill(numbers, first);
    check_filled(state, numbers, first);
  }
}

void fill_array_of_zeros(benchmark::State& state) {
  Number first = 0;
  for (auto _ : state) {
    const mp::RawArray<Number> array(std::int64_t{kSmall});
    fill(array, ++first);
    check_filled(state, array, first);
  }
}

void array_from_range(benchmark::State& state) {
  Number first = 0;
  for (auto _ : state) {
    ++first;
    const mp::RawArray<Number> array(std::views::iota(first, first + kSmall));
    check_filled(state, array, first);
  }
}

void memfd_per_object(benchmark::State& state) {
  Number first = 0;
  for (auto _ : state) {
    ++first;
    const int fd = ::memfd_create("royong-bench", MFD_CLOEXEC);
    constexpr std::size_t bytes = kSmall * sizeof(Number);
    if (fd < 0 || ::ftruncate(fd, bytes) != 0) return state.SkipWithError("cannot create a memfd");
    void* memory = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (memory == MAP_FAILED) return state.SkipWithError("cannot map a memfd");
    const std::span<Number> numbers(static_cast<Number*>(memory), kSmall);
    fill(numbers, first);
    check_filled(state, numbers, first);
    ::munmap(memory, bytes);
    ::close(fd);
  }
}

void add_rows() {
  using enum Kind;
  add_counter<royong_bench::InSharedMemory<BareAtomic>>(limit, "fetch_add");
  add_counter<royong_bench::InSharedMemory<LockedCounter>>(peer, "pthread_robust");
  add_counter<royong_bench::AsHandle<RoyongValue>>(royong, "Value");

  add_row("S1", limit, "summed_locally", sum_locally)->UseRealTime();
  add_row("S1", peer, "mapped_on_arrival", sum_mapped_on_arrival)->UseRealTime();
  add_row("S1", peer, "mapped_populated", sum_mapped_populated)->UseRealTime();
  add_row("S1", peer, "fork", sum_in_fork)->UseRealTime();
  add_row("S1", royong, "first_time", sum_first)->UseManualTime();
  add_row("S1_again", limit, "summed_locally", sum_locally)->UseRealTime();
  add_row("S1_again", royong, "RawArray", sum_again)->UseRealTime();

  add_row("S2", limit, "warm_memory", [](auto& state) { fill_warm(state, false); })->UseRealTime();
  add_row("S2", peer, "memfd_per_object", memfd_per_object)->UseRealTime();
  add_row("S2", royong, "RawArray", array_from_range)->UseRealTime();
  add_row("S2_zeros", limit, "zeros_in_warm_memory", [](auto& state) {
    fill_warm(state, true);
  })->UseRealTime();
  add_row("S2_zeros", royong, "RawArray", fill_array_of_zeros)->UseRealTime();
}

}  // namespace

int main(int argc, char** argv) {
  mp::init(argc, argv);
  add_rows();
  return royong_bench::run_benchmarks(argc, argv);
}
