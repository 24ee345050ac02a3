// SPDX-License-Identifier: Apache-2.0
// Rows L1 (a lock that nobody contends for), L2 (one that 2 and 4 processes fight for) and L4 (one process tells another "now").
#include <sched.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>    // for std::atomic
#include <chrono>    // for std::chrono::steady_clock
#include <cstdint>   // for std::uint64_t
#include <fstream>   // for std::ifstream
#include <memory>    // for std::make_unique
#include <new>       // for std::bad_alloc
#include <optional>  // for std::optional
#include <string>    // for std::to_string
#include <vector>    // for std::vector

#include "peers/locks.hpp"
#include "peers/signals.hpp"
#include "support.hpp"

#include "royong/init.hpp"
#include "royong/process.hpp"
#include "royong/sync.hpp"

namespace {

using royong_bench::add_row;
using royong_bench::BareLock;
using royong_bench::Kind;
namespace mp = royong;
using Clock = std::chrono::steady_clock;

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

/// Children that run until this object is destroyed: all contenders are started alike, whoever made the lock.
template <class F>
std::vector<mp::Process> start_processes(int count, F body) {
  std::vector<mp::Process> processes;
  for (int i = 0; i < count; ++i) {
    processes.push_back(mp::fork_context().process({.daemon = true}, [body, i] {
      BareLock::identify();
      body(static_cast<std::size_t>(i));
    }));
    processes.back().start();
  }
  return processes;
}

void end(std::vector<mp::Process>& processes) {
  for (auto& process : processes) process.kill();
  for (auto& process : processes) process.join();
}

// ---- L1 ----

template <class Place>
void alone(benchmark::State& state) {
  Place place;
  const InSharedMemory<std::uint64_t> counter;
  *counter = 0;
  for (auto _ : state) place->increment(*counter);
  if (*counter != static_cast<std::uint64_t>(state.iterations())) {
    state.SkipWithError("the counter is wrong");
  }
}

// ---- L2 ----

constexpr std::size_t kMostProcesses = 4;
constexpr useconds_t kWindow = 200'000;

struct Contest {
  alignas(128) std::atomic<std::uint32_t> round{0};  // odd: increment
  alignas(128) std::uint64_t counter = 0;
  struct alignas(128) Count {
    std::uint64_t turns = 0;
    std::atomic<std::uint32_t> round{0};  // of which `turns` is the result
  };
  Count counts[kMostProcesses];
};

template <class Place>
void contended(benchmark::State& state, int count) {
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
    contest->counter = 0;
    const auto start = Clock::now();
    const auto round = contest->round.fetch_add(1) + 1;
    ::usleep(kWindow);
    contest->round.fetch_add(1);
    state.SetIterationTime(std::chrono::duration<double>(Clock::now() - start).count());
    std::uint64_t sum = 0;
    std::uint64_t least = UINT64_MAX;
    for (std::size_t i = 0; i < processes.size(); ++i) {
      while (contest->counts[i].round.load() != round) ::usleep(50);
      sum += contest->counts[i].turns;
      least = std::min(least, contest->counts[i].turns);
    }
    if (sum != contest->counter) state.SkipWithError("the counter is wrong");
    all += sum;
    least_share =
        std::min(least_share, static_cast<double>(least) * count / static_cast<double>(sum));
  }
  end(processes);
  state.SetItemsProcessed(static_cast<std::int64_t>(all));
  state.counters["least_share"] = least_share;
}

// ---- L4 ----

struct EventSignal {
  mp::Event event;
  void set() const { event.set(); }
  void wait() const {
    event.wait();
    event.clear();
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
using SignalPlace = std::conditional_t<std::is_same_v<S, EventSignal>, AsHandle<PingPong<S>>,
                                       InSharedMemory<PingPong<S>>>;

template <class S>
void add_signal_awake(Kind kind, const std::string& name) {
  add_row("L4_awake", kind, name, round_trips<SignalPlace<S>>)->UseRealTime();
}

template <class S>
void add_signal_asleep(Kind kind, const std::string& name) {
  add_row("L4_one_core", kind, name, round_trips_on_one_core<SignalPlace<S>>)->UseRealTime();
  add_row("L4_asleep", kind, name, wake_ups<SignalPlace<S>>)->MinTime(0.02)->UseManualTime();
}

template <class S>
void add_signal(Kind kind, const std::string& name) {
  add_signal_awake<S>(kind, name);
  add_signal_asleep<S>(kind, name);
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
}

}  // namespace

int main(int argc, char** argv) {
  mp::init(argc, argv);
  BareLock::identify();
  add_rows();
  return royong_bench::run_benchmarks(argc, argv);
}
