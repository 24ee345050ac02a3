// SPDX-License-Identifier: Apache-2.0
// Rows L1 (a lock that nobody contends for), L2 (one that 2 and 4 processes fight for) and L4 (one process tells another "now", or meets it at a
// barrier).
#include <sched.h>
#include <unistd.h>

#include <atomic>   // for std::atomic
#include <chrono>   // for std::chrono::steady_clock
#include <cstdint>  // for std::uint64_t
#include <fstream>  // for std::ifstream
#include <mutex>    // for std::scoped_lock
#include <string>   // for std::to_string

#include "contest.hpp"
#include "peers/barriers.hpp"
#include "peers/locks.hpp"
#include "peers/signals.hpp"
#include "support.hpp"

#include "royong/init.hpp"
#include "royong/shared.hpp"
#include "royong/sync.hpp"

namespace {

using royong_bench::add_row;
using royong_bench::alone;
using royong_bench::AsHandle;
using royong_bench::BareLock;
using royong_bench::contended;
using royong_bench::end;
using royong_bench::InSharedMemory;
using royong_bench::Kind;
using royong_bench::start_processes;
namespace mp = royong;
using Clock = std::chrono::steady_clock;

template <class L>
struct Locked {
  L lock;
  void increment(std::uint64_t& counter) {
    lock.lock();
    ++counter;
    lock.unlock();
  }
};

/// What needs no lock.
struct FetchAdd {
  static void increment(std::uint64_t& counter) {
    std::atomic_ref<std::uint64_t>(counter).fetch_add(1, std::memory_order_relaxed);
  }
};

// ---- L4 ----

struct EventSignal {
  mp::Event event;
  void set() const { event.set(); }
  void wait() const {
    event.wait();
    event.clear();
  }
};

/// A flag under a condition's lock.
struct RoyongConditionSignal {
  mp::Condition condition;
  mp::RawValue<bool> is_set;
  void set() const {
    const std::scoped_lock guard(condition);
    *is_set = true;
    condition.notify();
  }
  void wait() const {
    const std::scoped_lock guard(condition);
    condition.wait_for([&] { return *is_set; });
    *is_set = false;
  }
};

template <class S>
struct PingPong {
  alignas(128) S ping;
  alignas(128) S pong;
};

/// This thread, and what it starts, on one processor; as before at the end.
class Pinned {
 public:
  Pinned() {
    ::sched_getaffinity(0, sizeof before_, &before_);
    cpu_set_t one;
    CPU_ZERO(&one);
    for (int i = 0; i < CPU_SETSIZE; ++i) {
      if (CPU_ISSET(i, &before_)) {
        CPU_SET(i, &one);
        break;
      }
    }
    ::sched_setaffinity(0, sizeof one, &one);
  }
  ~Pinned() { ::sched_setaffinity(0, sizeof before_, &before_); }
  Pinned(const Pinned&) = delete;
  Pinned& operator=(const Pinned&) = delete;

 private:
  cpu_set_t before_;
};

/// There and back, both awake if they can be.
template <class Place>
void round_trips(benchmark::State& state) {
  Place place;
  auto processes = start_processes(1, [&](std::size_t) {
    for (;;) {
      place->ping.wait();
      place->pong.set();
    }
  });
  royong_bench::Latencies latencies;
  for (int i = 0; i < 10'000; ++i) {
    latencies.time([&] {
      place->ping.set();
      place->pong.wait();
    });
  }
  for (auto _ : state) {
    place->ping.set();
    place->pong.wait();
  }
  latencies.report(state);
  end(processes);
}

/// The same where one has to sleep for the other to run.
template <class Place>
void round_trips_on_one_core(benchmark::State& state) {
  const Pinned pinned;
  round_trips<Place>(state);
}

bool is_asleep(int pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string line;
  std::getline(file, line);
  const auto after_name = line.rfind(") ");
  return after_name != std::string::npos && line[after_name + 2] == 'S';
}

struct Stamp {
  std::atomic<std::int64_t> woken{0};
};

/// From `set` to the waiter's first instruction, when it was asleep on another processor.
template <class Place>
void wake_ups(benchmark::State& state) {
  Place place;
  const InSharedMemory<Stamp> stamp;
  auto processes = start_processes(1, [&](std::size_t) {
    for (;;) {
      place->ping.wait();
      stamp->woken = Clock::now().time_since_epoch().count();
    }
  });
  royong_bench::Latencies latencies;
  for (auto _ : state) {
    stamp->woken = 0;
    while (!is_asleep(*processes[0].pid())) ::usleep(20);
    const auto start = Clock::now();
    place->ping.set();
    while (stamp->woken.load(std::memory_order_relaxed) == 0) royong_bench::spin_pause();
    const Clock::duration taken{stamp->woken.load() - start.time_since_epoch().count()};
    latencies.add(taken);
    state.SetIterationTime(std::chrono::duration<double>(taken).count());
  }
  latencies.report(state);
  end(processes);
}

/// What the two parties of a barrier have passed, to check each other.
struct Passed {
  alignas(128) std::atomic<std::uint64_t> here{0};
  alignas(128) std::atomic<std::uint64_t> there{0};
};

/// Two processes pass a barrier again and again: neither ever finds the other more than one arrival away.
template <class Place>
void passes(benchmark::State& state) {
  Place place;
  const InSharedMemory<Passed> passed;
  auto processes = start_processes(1, [&](std::size_t) {
    for (std::uint64_t n = 1;; ++n) {
      passed->there.store(n, std::memory_order_relaxed);
      place->wait();
    }
  });
  std::uint64_t n = 0;
  bool in_step = true;
  const auto pass = [&] {
    passed->here.store(++n, std::memory_order_relaxed);
    place->wait();
    const auto there = passed->there.load(std::memory_order_relaxed);
    in_step = in_step && (there == n || there == n + 1);
  };
  royong_bench::Latencies latencies;
  for (int i = 0; i < 10'000; ++i) latencies.time(pass);
  for (auto _ : state) pass();
  if (!in_step) state.SkipWithError("a party has passed without the other");
  latencies.report(state);
  end(processes);
}

template <class Place>
void passes_on_one_core(benchmark::State& state) {
  const Pinned pinned;
  passes<Place>(state);
}

struct RoyongBarrier {
  mp::Barrier barrier{2};
  void wait() const { barrier.wait(); }
};

// ---- The table ----

template <class L>
void add_lock(Kind kind, const std::string& name) {
  using Place =
      std::conditional_t<std::is_same_v<L, Locked<mp::Lock>>, AsHandle<L>, InSharedMemory<L>>;
  add_row("L1", kind, name, alone<Place>)->UseRealTime();
  for (const int count : {2, 4}) {
    add_row("L2_" + std::to_string(count), kind, name, [count](benchmark::State& state) {
      contended<Place>(state, count);
    })->UseManualTime();
  }
}

template <class S>
inline constexpr bool is_handle =
    std::is_same_v<S, EventSignal> || std::is_same_v<S, RoyongConditionSignal>;

template <class S>
using SignalPlace =
    std::conditional_t<is_handle<S>, AsHandle<PingPong<S>>, InSharedMemory<PingPong<S>>>;

/// @param row "L4", or "L4_condition"
template <class S>
void add_signal_awake(Kind kind, const std::string& name, const std::string& row = "L4") {
  add_row(row + "_awake", kind, name, round_trips<SignalPlace<S>>)->UseRealTime();
}

template <class S>
void add_signal_asleep(Kind kind, const std::string& name, const std::string& row = "L4") {
  add_row(row + "_one_core", kind, name, round_trips_on_one_core<SignalPlace<S>>)->UseRealTime();
  add_row(row + "_asleep", kind, name, wake_ups<SignalPlace<S>>)->MinTime(0.02)->UseManualTime();
}

template <class S>
void add_signal(Kind kind, const std::string& name, const std::string& row = "L4") {
  add_signal_awake<S>(kind, name, row);
  add_signal_asleep<S>(kind, name, row);
}

template <class Place>
void add_barrier_awake(Kind kind, const std::string& name) {
  add_row("L4_barrier_awake", kind, name, passes<Place>)->UseRealTime();
}

template <class Place>
void add_barrier_asleep(Kind kind, const std::string& name) {
  add_row("L4_barrier_one_core", kind, name, passes_on_one_core<Place>)->UseRealTime();
}

void add_rows() {
  using namespace royong_bench;
  using enum Kind;
  add_lock<Locked<BareLock>>(limit, "owner_in_word_futex");
  add_lock<FetchAdd>(peer, "bare_fetch_add");
  add_lock<Locked<PthreadLock<PTHREAD_MUTEX_STALLED>>>(peer, "pthread_plain");
  add_lock<Locked<PthreadLock<PTHREAD_MUTEX_ROBUST>>>(peer, "pthread_robust");
#ifdef HAVE_BOOST_INTERPROCESS
  add_lock<Locked<BoostLock>>(peer, "Boost_interprocess_mutex");
#endif
  add_lock<Locked<SemaphoreLock>>(peer, "sem_t");
  add_lock<Locked<mp::Lock>>(royong, "Lock");

  add_signal_awake<SpinSignal>(limit, "spinning_word");
  add_signal_asleep<FutexSignal>(limit, "futex");
  add_signal<ConditionSignal>(peer, "pthread_cond");
  add_signal<SemaphoreSignal>(peer, "sem_t");
#ifdef HAVE_BOOST_INTERPROCESS
  add_signal<BoostSignal>(peer, "Boost_interprocess_condition");
#endif
  add_signal<EventSignal>(royong, "Event");

  const std::string condition = "L4_condition";
  add_signal_awake<SpinSignal>(limit, "spinning_word", condition);
  add_signal_asleep<FutexSignal>(limit, "futex", condition);
  add_signal<ConditionSignal>(peer, "pthread_cond", condition);
#ifdef HAVE_BOOST_INTERPROCESS
  add_signal<BoostSignal>(peer, "Boost_interprocess_condition", condition);
#endif
  add_signal<RoyongConditionSignal>(royong, "Condition", condition);

  add_barrier_awake<InSharedMemory<SpinBarrier>>(limit, "spinning_word");
  add_barrier_asleep<InSharedMemory<FutexBarrier>>(limit, "futex");
  add_barrier_awake<InSharedMemory<PthreadBarrier>>(peer, "pthread_barrier");
  add_barrier_asleep<InSharedMemory<PthreadBarrier>>(peer, "pthread_barrier");
  add_barrier_awake<AsHandle<RoyongBarrier>>(royong, "Barrier");
  add_barrier_asleep<AsHandle<RoyongBarrier>>(royong, "Barrier");
}

}  // namespace

int main(int argc, char** argv) {
  mp::init(argc, argv);
  BareLock::identify();
  add_rows();
  return royong_bench::run_benchmarks(argc, argv);
}
