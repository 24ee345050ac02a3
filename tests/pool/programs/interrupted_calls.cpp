// SPDX-License-Identifier: Apache-2.0
// A timer interrupts system calls in the program and in its workers, some thousand times a second, by a signal handler without
// SA_RESTART. Arguments: start method; what is done meanwhile. Exit code 0: everything was as it is without the timer.
#include <signal.h>
#include <sys/time.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <numeric>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "royong/init.hpp"
#include "royong/pool.hpp"
#include "royong/process.hpp"
#include "royong/queue.hpp"
#include "royong/shared.hpp"
#include "royong/sync.hpp"

namespace {

namespace mp = royong;
using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

std::atomic<int> interruptions{0};

/// From here to the end of the process.
void interrupt_this_process() {
  struct sigaction action{};
  action.sa_handler = [](int) { interruptions.fetch_add(1, std::memory_order_relaxed); };
  ::sigaction(SIGALRM, &action, nullptr);
  constexpr timeval pause{0, 300};
  const itimerval timer{pause, pause};
  ::setitimer(ITIMER_REAL, &timer, nullptr);
}

void check(bool holds, const char* what) {
  if (!holds) throw std::runtime_error(what);
}

/// A wait that an interruption ends would be too short.
template <class Wait>
void takes_at_least(std::chrono::milliseconds time, const char* what, Wait wait) {
  const auto begin = Clock::now();
  wait();
  check(Clock::now() - begin >= time, what);
}

// Processes: start, join, nesting.

void end_with(int code) {
  interrupt_this_process();
  std::this_thread::sleep_for(2ms);
  std::exit(code);
}

void start_another(int code, mp::StartMethod method) {
  interrupt_this_process();
  auto child = mp::get_context(method).process(end_with, code);
  child.start();
  child.join();
  std::exit(child.exitcode().value());
}

void wait_for_ever() {
  interrupt_this_process();
  for (;;) std::this_thread::sleep_for(1h);
}

void processes(mp::StartMethod method) {
  const auto context = mp::get_context(method);
  for (int round = 0; round < 10; ++round) {
    auto process = context.process(end_with, round);
    process.start();
    process.join();
    check(process.exitcode() == round, "a process ended with another code");
  }
  auto nested = context.process(start_another, 5, method);
  nested.start();
  nested.join();
  check(nested.exitcode() == 5, "a nested process ended with another code");

  auto stuck = context.process(wait_for_ever);
  stuck.start();
  takes_at_least(30ms, "join gave up early", [&] { check(!stuck.join(30ms), "it ended"); });
  stuck.terminate();
  stuck.join();
  check(stuck.exitcode() == -SIGTERM, "a terminated process ended otherwise");
}

// Locks, values, events.

void count(const mp::Lock& lock, const mp::RawValue<int>& number, const mp::Value<int>& sum,
           const mp::Event& go) {
  interrupt_this_process();
  go.wait();
  for (int i = 0; i < 300; ++i) {
    {
      const std::scoped_lock guard(lock);
      const int before = *number;
      // The others sleep in the kernel meanwhile.
      if (i % 20 == 0) std::this_thread::sleep_for(500us);
      *number = before + 1;
    }
    sum += 1;
  }
}

void locks(mp::StartMethod method) {
  const mp::Lock lock;
  const mp::RawValue<int> number(0);
  const mp::Value<int> sum(0);
  const mp::Event go;
  const auto context = mp::get_context(method);
  std::vector<mp::Process> workers;
  for (int i = 0; i < 2; ++i) {
    workers.push_back(context.process(count, lock, number, sum, go));
    workers.back().start();
  }
  takes_at_least(20ms, "an event came early", [&] { check(!go.wait(20ms), "it is set"); });
  go.set();
  count(lock, number, sum, go);
  for (auto& worker : workers) worker.join();
  for (auto& worker : workers) check(worker.exitcode() == 0, "a worker failed");
  check(*number == 900, "the lock let two in");
  check(sum.load() == 900, "an addition was lost");

  const std::scoped_lock held(lock);
  takes_at_least(20ms, "acquire gave up early",
                 [&] { check(!lock.acquire(20ms), "a held lock was taken"); });
}

// Queues: full, empty, with messages in the ring and in blocks of their own.

constexpr int messages = 400;

std::string message(int number) {
  return std::to_string(number) +
         std::string(number % 50 == 0 ? 200'000 : static_cast<std::size_t>(number % 90), '.');
}

void produce(const mp::Queue<std::string>& to) {
  interrupt_this_process();
  for (int i = 0; i < messages; ++i) to.put(message(i));
}

void pass_on(const mp::Queue<std::string>& from, const mp::Queue<std::string>& to) {
  interrupt_this_process();
  for (int i = 0; i < messages; ++i) {
    if (i % 40 == 0) std::this_thread::sleep_for(2ms);
    to.put(from.get());
  }
}

void queues(mp::StartMethod method) {
  const mp::Queue<std::string> first(3);
  const mp::Queue<std::string> second(3);
  takes_at_least(20ms, "get gave up early",
                 [&] { check(!first.try_get(20ms), "an empty queue had a message"); });
  const auto context = mp::get_context(method);
  auto producer = context.process(produce, first);
  auto consumer = context.process(pass_on, first, second);
  producer.start();
  consumer.start();
  for (int i = 0; i < messages; ++i) check(second.get() == message(i), "a message was changed");
  producer.join();
  consumer.join();
  check(producer.exitcode() == 0 && consumer.exitcode() == 0, "a worker failed");
  for (int i = 0; i < 3; ++i) first.put("full");
  takes_at_least(20ms, "put gave up early",
                 [&] { check(!first.try_put("more", 20ms), "a full queue took a message"); });
}

// Pools: maps, futures, all the ways to wait for them, the end.

int square(int x) { return x * x; }
int slow_square(int x) {
  std::this_thread::sleep_for(1ms);
  return x * x;
}

void pools(mp::StartMethod method) {
  mp::Pool pool(2, {.initializer = interrupt_this_process, .start_method = method});
  std::vector<int> numbers(2000);
  std::iota(numbers.begin(), numbers.end(), 0);
  std::vector<int> squares;
  for (const int x : numbers) squares.push_back(square(x));
  check(pool.map({.chunksize = 7}, square, numbers) == squares, "a map's result");

  std::vector<mp::Future<int>> futures;
  for (int i = 0; i < 60; ++i) futures.push_back(pool.apply_async(slow_square, i));
  check(mp::wait(futures).not_done.empty(), "wait came back early");
  int sum = 0;
  for (auto& future : mp::as_completed(futures)) sum += future.get();
  check(sum == std::accumulate(squares.begin(), squares.begin() + 60, 0), "a future's result");

  const mp::Event go;
  const auto slow = pool.apply_async([](const mp::Event& event) { event.wait(); }, go);
  takes_at_least(30ms, "a future's wait gave up early",
                 [&] { check(!slow.wait(30ms), "the task ended early"); });
  pool.close();
  takes_at_least(20ms, "a pool's join gave up early",
                 [&] { check(!pool.join(20ms), "the pool ended early"); });
  go.set();
  pool.join();
  slow.get();
}

}  // namespace

int main(int argc, char** argv) try {
  mp::init(argc, argv);
  if (argc < 3) return 2;
  const std::string_view name = argv[1];
  const std::string_view what = argv[2];
  const auto method = name == "fork"    ? mp::StartMethod::fork
                      : name == "spawn" ? mp::StartMethod::spawn
                                        : mp::StartMethod::forkserver;
  // The server from which processes are copied is interrupted as well.
  if (method == mp::StartMethod::forkserver) mp::set_forkserver_preload(interrupt_this_process);
  interrupt_this_process();
  do {
    if (what == "processes") processes(method);
    if (what == "locks") locks(method);
    if (what == "queues") queues(method);
    if (what == "pools") pools(method);
  } while (interruptions < 50);
  std::puts("all right");
} catch (const std::exception& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
