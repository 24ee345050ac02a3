// SPDX-License-Identifier: Apache-2.0
// Rows Q1 to Q6: messages a second of 8 bytes, 1 KiB and 1 MiB, one producer and one consumer or two of each, round trips,
// batches; and Qsize, the rate against the size of the messages. Real processes everywhere; every message is checked.
#include <algorithm>  // for std::clamp
#include <array>      // for std::array
#include <atomic>     // for std::atomic
#include <cstdint>    // for std::uint64_t
#include <cstring>    // for std::memcpy
#include <numeric>    // for std::iota
#include <string>     // for std::string
#include <vector>     // for std::vector

#include "peers/queues.hpp"
#include "peers/spsc_ring.hpp"
#include "support.hpp"

#include "royong/init.hpp"
#include "royong/process.hpp"
#include "royong/queue.hpp"

namespace {

using royong_bench::add_row;
using royong_bench::Kind;
using royong_bench::Latencies;
namespace mp = royong;

// ---- Queue in the shape of the peers ----

class RoyongNumbers {
 public:
  explicit RoyongNumbers(std::size_t) {}
  void begin_put() {}
  void begin_get() {}
  void put(std::span<const std::byte> message) {
    std::uint64_t value;
    std::memcpy(&value, message.data(), sizeof value);
    queue_.put(value);
  }
  void get(std::span<std::byte> message) {
    const std::uint64_t value = queue_.get();
    std::memcpy(message.data(), &value, sizeof value);
  }

 private:
  mp::Queue<std::uint64_t> queue_;
};

/// Messages are vectors, made anew for every get, as a program would have them.
class RoyongVectors {
 public:
  explicit RoyongVectors(std::size_t size) : message_(size), queue_(size <= 65536 ? 1024 : 8) {}
  void begin_put() {}
  void begin_get() {}
  void put(std::span<const std::byte> message) {
    std::memcpy(message_.data(), message.data(), sizeof(std::uint64_t));
    queue_.put(message_);
  }
  void get(std::span<std::byte> message) {
    const auto got = queue_.get();
    if (got.size() != message.size()) throw std::runtime_error("a message of another size");
    std::memcpy(message.data(), got.data(), sizeof(std::uint64_t));
  }

 protected:
  const auto& queue() const { return queue_; }

 private:
  std::vector<std::byte> message_;
  mp::Queue<std::vector<std::byte>> queue_;
};

/// The same, taken as views: what the consumer wants of a message is read where it lies.
class RoyongViews : public RoyongVectors {
 public:
  using RoyongVectors::RoyongVectors;
  void get(std::span<std::byte> message) {
    const auto view = queue().get_view();
    if (view.size() != message.size()) throw std::runtime_error("a message of another size");
    std::memcpy(message.data(), view.data(), sizeof(std::uint64_t));
  }
};

// ---- Rates ----

/// In shared memory: who waits for which round, and what consumers beside this process have seen.
struct Control {
  std::atomic<std::uint64_t> round{0};
  std::atomic<std::uint64_t> ready{0};
  std::atomic<std::uint64_t> finished{0};
  std::atomic<std::uint64_t> sum{0};
};

void wait_until(const std::atomic<std::uint64_t>& word, std::uint64_t value) {
  while (word.load(std::memory_order_acquire) < value) ::sched_yield();
}

class Processes {
 public:
  ~Processes() {
    for (auto& process : processes_) {
      process.kill();
      process.join();
    }
  }
  template <class F>
  void start(F body) {
    processes_.push_back(mp::fork_context().process(mp::ProcessOptions{.daemon = true}, body));
    processes_.back().start();
  }

 private:
  std::vector<mp::Process> processes_;
};

template <class Transport>
std::uint64_t take(Transport& transport, std::vector<std::byte>& buffer, std::uint64_t count) {
  std::uint64_t sum = 0;
  for (std::uint64_t i = 0; i < count; ++i) {
    transport.get(buffer);
    std::uint64_t value;
    std::memcpy(&value, buffer.data(), sizeof value);
    sum += value;
  }
  return sum;
}

/// This process is the first consumer. In each iteration the producers put `count` numbered messages in all.
template <class Transport>
void measure_rate(benchmark::State& state, Transport& transport, std::size_t size,
                  std::uint64_t count, std::uint64_t producers, std::uint64_t consumers) {
  const royong_bench::Shared<Control> shared(1);
  Control& control = shared[0];
  Processes processes;
  for (std::uint64_t p = 0; p < producers; ++p) {
    processes.start([&, p] {
      std::vector<std::byte> message(size);
      transport.begin_put();
      control.ready.fetch_add(1);
      for (std::uint64_t round = 1;; ++round) {
        wait_until(control.round, round);
        for (std::uint64_t i = p; i < count; i += producers) {
          std::memcpy(message.data(), &i, sizeof i);
          transport.put(message);
        }
      }
    });
  }
  for (std::uint64_t c = 1; c < consumers; ++c) {
    processes.start([&] {
      std::vector<std::byte> buffer(size);
      transport.begin_get();
      control.ready.fetch_add(1);
      for (std::uint64_t round = 1;; ++round) {
        wait_until(control.round, round);
        control.sum.fetch_add(take(transport, buffer, count / consumers));
        control.finished.fetch_add(1);
      }
    });
  }
  std::vector<std::byte> buffer(size);
  transport.begin_get();
  wait_until(control.ready, producers + consumers - 1);
  std::uint64_t round = 0;
  for (auto _ : state) {
    ++round;
    control.round.store(round, std::memory_order_release);
    control.sum.fetch_add(take(transport, buffer, count / consumers));
    wait_until(control.finished, round * (consumers - 1));
  }
  if (control.sum != round * (count * (count - 1) / 2)) {
    state.SkipWithError("the sum of the messages is wrong");
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(round * count));
  state.SetBytesProcessed(static_cast<std::int64_t>(round * count * size));
}

template <class Transport, class... Arguments>
void add_rate(const std::string& row, Kind kind, const std::string& name, std::size_t size,
              std::uint64_t count, std::uint64_t parties, Arguments... arguments) {
  add_row(row, kind, name, [=](benchmark::State& state) {
    Transport transport(arguments..., size);
    measure_rate(state, transport, size, count, parties, parties);
  })->UseRealTime();
}

// ---- Batches ----

void measure_batches(benchmark::State& state) {
  constexpr std::uint64_t batch = 64;
  constexpr std::uint64_t count = 64 * 4096;
  const mp::Queue<std::uint64_t> queue;
  const royong_bench::Shared<Control> shared(1);
  Control& control = shared[0];
  Processes processes;
  processes.start([&] {
    std::vector<std::uint64_t> numbers(batch);
    for (std::uint64_t round = 1;; ++round) {
      wait_until(control.round, round);
      for (std::uint64_t first = 0; first < count; first += batch) {
        std::iota(numbers.begin(), numbers.end(), first);
        queue.put_many(numbers);
      }
    }
  });
  std::uint64_t round = 0;
  std::uint64_t sum = 0;
  for (auto _ : state) {
    control.round.store(++round, std::memory_order_release);
    for (std::uint64_t taken = 0; taken < count;) {
      const auto some = queue.get_many(static_cast<int>(batch));
      for (const auto value : some) sum += value;
      taken += some.size();
    }
  }
  if (sum != round * (count * (count - 1) / 2)) {
    state.SkipWithError("the sum of the messages is wrong");
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(round * count));
}

// ---- Round trips ----

/// Another process sends back what it gets. With a pause before each question both sides are asleep when it comes.
template <class Transport>
void measure_round_trip(benchmark::State& state, Transport& there, Transport& back,
                        std::size_t size, std::chrono::microseconds pause) {
  Processes processes;
  processes.start([&] {
    std::vector<std::byte> message(size);
    there.begin_get();
    back.begin_put();
    for (;;) {
      there.get(message);
      back.put(message);
    }
  });
  std::vector<std::byte> message(size);
  there.begin_put();
  back.begin_get();
  Latencies latencies;
  std::uint64_t number = 0;
  const auto ask = [&] {
    ++number;
    std::memcpy(message.data(), &number, sizeof number);
    there.put(message);
    back.get(message);
  };
  for (int i = 0; i < 1000; ++i) ask();
  for (auto _ : state) {
    if (pause.count() != 0) ::usleep(static_cast<useconds_t>(pause.count()));
    state.SetIterationTime(std::chrono::duration<double>(latencies.time(ask)).count());
    std::uint64_t answer;
    std::memcpy(&answer, message.data(), sizeof answer);
    if (answer != number) return state.SkipWithError("the answer is wrong");
  }
  latencies.report(state);
}

template <class Transport, class... Arguments>
void add_round_trip(const std::string& row, Kind kind, const std::string& name, std::size_t size,
                    std::chrono::microseconds pause, Arguments... arguments) {
  auto* const added = add_row(row, kind, name, [=](benchmark::State& state) {
    Transport there(arguments..., size);
    Transport back(arguments..., size);
    measure_round_trip(state, there, back, size, pause);
  });
  added->UseManualTime();
  if (pause.count() != 0) added->MinTime(0.02);  // of which the pauses are no part
}

// ---- The rows ----

constexpr std::size_t kKiB = 1024;
constexpr std::size_t kMiB = 1024 * 1024;

using royong_bench::PosixQueue;
using royong_bench::SpscRing;
using royong_bench::Stream;

template <class Royong>
void add_rates(const std::string& row, std::size_t size, std::uint64_t count) {
  add_rate<SpscRing>(row, Kind::limit, "spsc_ring", size, count, 1);
  add_rate<Royong>(row, Kind::royong, "Queue", size, count, 1);
#ifdef HAVE_BOOST_MESSAGE_QUEUE
  add_rate<royong_bench::BoostQueue>(row, Kind::peer, "Boost_message_queue", size, count, 1);
#endif
  add_rate<Stream>(row, Kind::peer, "pipe", size, count / 4, 1, Stream::Kind::pipe);
  add_rate<Stream>(row, Kind::peer, "socketpair", size, count / 4, 1, Stream::Kind::socketpair);
  if (size <= kKiB) add_rate<PosixQueue>(row, Kind::peer, "POSIX_mq", size, count / 16, 1);
#ifdef HAVE_ZEROMQ
  add_rate<royong_bench::ZeroMq>(row, Kind::peer, "ZeroMQ_ipc", size, count / 4, 1);
#endif
}

template <class Royong>
void add_round_trips(const std::string& row, std::size_t size, std::chrono::microseconds pause) {
  // The ring never sleeps.
  if (pause.count() == 0) add_round_trip<SpscRing>(row, Kind::limit, "spsc_ring", size, pause);
  add_round_trip<Royong>(row, Kind::royong, "Queue", size, pause);
  add_round_trip<Stream>(row, Kind::peer, "pipe", size, pause, Stream::Kind::pipe);
  add_round_trip<Stream>(row, Kind::peer, "socketpair", size, pause, Stream::Kind::socketpair);
}

/// The rate against the size: bench/report.py draws it.
void add_sizes() {
  for (std::size_t size = 64; size <= 4 * kMiB; size *= 4) {
    const std::string bytes = "_" + std::to_string(size);
    const std::uint64_t count = std::clamp<std::uint64_t>(64 * kMiB / size, 64, 50'000);
    add_rate<SpscRing>("Qsize", Kind::limit, "spsc_ring" + bytes, size, count, 1);
    add_rate<RoyongVectors>("Qsize", Kind::royong, "Queue" + bytes, size, count, 1);
    add_rate<RoyongViews>("Qsize", Kind::royong, "Queue_get_view" + bytes, size, count, 1);
#ifdef HAVE_BOOST_MESSAGE_QUEUE
    add_rate<royong_bench::BoostQueue>("Qsize", Kind::peer, "Boost_message_queue" + bytes, size,
                                       count, 1);
#endif
    add_rate<Stream>("Qsize", Kind::peer, "pipe" + bytes, size, count, 1, Stream::Kind::pipe);
#ifdef HAVE_ZEROMQ
    add_rate<royong_bench::ZeroMq>("Qsize", Kind::peer, "ZeroMQ_ipc" + bytes, size, count, 1);
#endif
  }
}

void add_all() {
  add_rates<RoyongNumbers>("Q1", 8, 200'000);

  add_rate<RoyongNumbers>("Q2", Kind::royong, "Queue", 8, 200'000, 2);
#ifdef HAVE_BOOST_MESSAGE_QUEUE
  add_rate<royong_bench::BoostQueue>("Q2", Kind::peer, "Boost_message_queue", 8, 100'000, 2);
#endif
  add_rate<PosixQueue>("Q2", Kind::peer, "POSIX_mq", 8, 20'000, 2);

  add_rates<RoyongVectors>("Q3", kKiB, 50'000);
  add_rates<RoyongVectors>("Q4", kMiB, 400);
  add_rate<RoyongViews>("Q4", Kind::royong, "Queue_get_view", kMiB, 400, 1);
  add_round_trips<RoyongNumbers>("Q5", 8, std::chrono::microseconds(0));
  add_round_trips<RoyongNumbers>("Q5_asleep", 8, std::chrono::microseconds(1000));
  add_round_trips<RoyongVectors>("Q5_1MiB", kMiB, std::chrono::microseconds(0));
  add_row("Q6", Kind::royong, "put_many_get_many", measure_batches)->UseRealTime();
  add_sizes();
}

}  // namespace

int main(int argc, char** argv) {
  mp::init(argc, argv);
  add_all();
  return royong_bench::run_benchmarks(argc, argv);
}
