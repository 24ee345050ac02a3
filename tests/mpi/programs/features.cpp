// SPDX-License-Identifier: Apache-2.0
// Everything an executor can do, alone or under mpirun: prints one line for each, the same lines in both cases.
#include <signal.h>
#include <unistd.h>
#include <royong/bind_front.hpp>
#include <royong/init.hpp>
#include <royong/manager.hpp>
#include <royong/mpi.hpp>
#include <royong/queue.hpp>
#include <royong/shared.hpp>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <numeric>
#include <ranges>
#include <set>
#include <string>
#include <vector>

#include "mpi/yes_or_no.hpp"

namespace mp = royong;
using royong_test::failures;
using royong_test::say;
using royong_test::throws;
using namespace std::chrono_literals;

namespace {

int square(int x) { return x * x; }
int add(int a, int b) { return a + b; }
int times(int factor, int x) { return factor * x; }
int call_it(int (*function)(int), int x) { return function(x); }
int fail(int) { throw std::out_of_range("no such thing"); }
int die(int signal) {
  ::raise(signal);
  return 0;
}
std::string place() {
  const char* rank = std::getenv("OMPI_COMM_WORLD_RANK");
  return rank == nullptr ? "0" : rank;
}
std::size_t length(const std::string& text) { return text.size(); }
std::string repeat(std::size_t count, char c) { return std::string(count, c); }
mp::Queue<int> give_handle() { return mp::Queue<int>(); }
int take_handle(const mp::Queue<int>&) { return 0; }
/// A task on any machine uses what a manager keeps.
int deposit(const std::string& address, int value) {
  const auto manager = mp::Manager::connect({.address = address, .authkey = "between us"});
  manager.find<mp::ManagerQueue<int>>("results").put(value);
  return manager.find<mp::ManagerDict<std::string, int>>("settings").at("factor");
}
std::string echo(std::string text) { return text; }
int global = 0;
void set_global(int value) { global = value; }
int get_global() { return global; }
void refuse_to_start() { throw std::runtime_error("not today"); }
bool until_stopped() {
  mp::this_task::progress(3, 7);
  while (!mp::this_task::stop_requested()) ::usleep(1000);
  return true;
}
void ignore_signals() {
  ::signal(SIGTERM, SIG_IGN);
  mp::this_task::progress(1, 1);
  for (;;) ::pause();
}
void letters(const std::string& text, mp::Emitter<char, int>& out) {
  for (const char c : text) out(c, 1);
}

/// Its bytes cannot be read back: it says so itself.
struct Liar {
  int value = 0;
  template <class Archive>
  void serialize(Archive& ar) {
    if constexpr (Archive::is_saving) {
      ar(value);
    } else {
      std::string text;
      ar(text);
    }
  }
};
Liar lie() { return {0x7fffffff}; }

void plain_calls(mp::mpi::MPIPoolExecutor& nodes) {
  say("submit", nodes.submit(add, 40, 2).get() == 42);
  say("a bound value", nodes.submit(mp::bind_front(times, 6), 7).get() == 42);
  say("a pointer to a function", nodes.submit(call_it, square, 9).get() == 81);

  std::vector<int> numbers(5000);
  std::iota(numbers.begin(), numbers.end(), 0);
  const std::vector<int> squares = nodes.map(square, numbers);
  bool right = squares.size() == numbers.size();
  for (std::size_t i = 0; right && i < numbers.size(); ++i)
    right = squares[i] == static_cast<int>(i * i);
  say("map", right);
  say("map_async", nodes.map_async(square, numbers).get() == squares);

  std::vector<int> ordered;
  for (const int result : nodes.imap(square, numbers)) ordered.push_back(result);
  say("imap is in order", ordered == squares);
  std::vector<int> unordered;
  for (const int result : nodes.imap_unordered({.chunksize = 7, .buffersize = 50}, square, numbers))
    unordered.push_back(result);
  std::sort(unordered.begin(), unordered.end());
  say("imap_unordered", unordered == squares);

  const std::vector<std::string> texts(200, "abracadabra");
  const auto counts = mp::map_reduce<char, int>(nodes, texts, letters, std::plus<>());
  say("map_reduce", counts.size() == 5 && counts.at('a') == 1000 && counts.at('d') == 200);
}

void futures(mp::mpi::MPIPoolExecutor& nodes) {
  std::vector<mp::Future<int>> some;
  for (int i = 0; i < 100; ++i) some.push_back(nodes.submit(square, i));
  int sum = 0;
  for (auto& future : mp::as_completed(some)) sum += future.get();
  say("as_completed", sum == 328350);
  const auto [done, not_done] = mp::wait(some);
  say("wait", done.size() == 100 && not_done.empty());
  const auto [a, b] = mp::gather(nodes.submit(square, 3), nodes.submit(add, 1, 2));
  say("gather", a == 9 && b == 3);
  std::atomic<int> called{0};
  auto future = nodes.submit(square, 5);
  future.add_done_callback([&](auto&) {
    called = 1;
    called.notify_one();
  });
  called.wait(0);
  say("a callback", true);
}

void errors(mp::mpi::MPIPoolExecutor& nodes) {
  say("an exception comes home as itself",
      throws<std::out_of_range>([&] { nodes.submit(fail, 1).get(); }, "no such thing"));
  say("a task that kills its worker",
      throws<mp::WorkerDied>([&] { nodes.submit(die, SIGKILL).get(); }, "SIGKILL"));
  {
    // Without rank 0's own workers it happens on another machine, where there is one.
    mp::mpi::MPIPoolExecutor others({.workers_per_node = 1, .use_rank_0 = false});
    std::string node = "none";
    try {
      others.submit(die, SIGKILL).get();
    } catch (const mp::WorkerDied& died) {
      node = died.node();
    }
    const auto all = others.nodes();
    bool known = all.size() == 1 && node.empty();
    for (std::size_t i = 1; i < all.size(); ++i) known |= all[i].name == node;
    say("WorkerDied says rank and host", known);
    say("TimeoutError says them too",
        throws<mp::TimeoutError>([&] { others.submit({.timeout = 50ms}, until_stopped).get(); },
                                 all.size() == 1 ? "" : "(rank "));
  }
  say("a task that is too long",
      throws<mp::TimeoutError>(
          [&] { nodes.submit({.name = "long", .timeout = 50ms}, until_stopped).get(); }, "'long'"));
  const mp::Queue<int> queue;
  say("a handle is refused by the sender",
      throws<mp::TransferError>([&] { nodes.submit(take_handle, queue); }, "handle"));
  say("a handle is refused as a result",
      throws<mp::TransferError>([&] { nodes.submit(give_handle).get(); }, "handle"));
  say("a result that cannot be decoded",
      throws<mp::TransferError>([&] { nodes.submit(lie).get(); }, "malformed"));
  say("and it goes on", nodes.submit(square, 2).get() == 4);
}

void control(mp::mpi::MPIPoolExecutor& nodes) {
  std::vector<mp::Future<bool>> endless;
  const int workers = nodes.size();
  // More than all nodes are given at once: the last ones wait here.
  for (int i = 0; i < 4 * workers; ++i) endless.push_back(nodes.submit(until_stopped));
  bool cancelled = true;
  for (std::size_t i = endless.size(); i-- > 3 * static_cast<std::size_t>(workers);)
    cancelled &= endless[i].cancel();
  say("what waits can be cancelled", cancelled);
  std::size_t running = endless.size();
  while (running == endless.size()) {
    for (std::size_t i = 0; i < endless.size() && running == endless.size(); ++i) {
      if (endless[i].running() && endless[i].progress().total == 7) running = i;
    }
  }
  say("progress", endless[running].progress().done == 3);
  say("what runs cannot be cancelled", !endless[running].cancel());
  bool aborted = true;
  for (auto& future : endless) aborted &= future.abort(10s);
  say("what runs can be aborted", aborted);
  bool all = true;
  for (auto& future : endless) all &= throws<mp::CancelledError>([&] { future.get(); }, "task");
  say("an aborted task is a CancelledError", all);
}

void large(mp::mpi::MPIPoolExecutor& nodes) {
  const std::string text(20U << 20, 'x');
  std::vector<mp::Future<std::size_t>> lengths;
  for (int i = 0; i < nodes.size(); ++i) lengths.push_back(nodes.submit(length, text));
  bool right = true;
  for (auto& one : lengths) right &= one.get() == text.size();
  say("large arguments", right);
  std::vector<mp::Future<std::string>> texts;
  for (int i = 0; i < nodes.size(); ++i) texts.push_back(nodes.submit(repeat, text.size(), 'x'));
  for (auto& one : texts) right &= one.get() == text;
  say("large results", right);
  // As arguments and results of many pieces.
  const std::string most(64U << 20, 'y');
  mp::mpi::MPIPoolExecutor others({.workers_per_node = 1, .use_rank_0 = false});
  say("64 MiB there and back", others.submit(echo, most).get() == most);
}

/// The range never ends: what is read of it is bounded by what is taken.
void endless_range(mp::mpi::MPIPoolExecutor& nodes) {
  std::size_t drawn = 0;
  auto numbers = std::views::iota(1) |
                 std::views::transform([&](int i) { return static_cast<int>(++drawn, i); });
  std::size_t taken = 0;
  bool bounded = true;
  long sum = 0;
  for (const int result : nodes.imap_unordered({.buffersize = 20}, square, numbers)) {
    sum += result > 0 ? 1 : 0;
    bounded &= drawn <= ++taken + 20;
    if (taken == 500) break;
  }
  say("imap_unordered over a range without end", sum == 500 && bounded);
}

void remote_manager(mp::mpi::MPIPoolExecutor& nodes) {
  auto manager = mp::Manager::serve({.address = "127.0.0.1:0", .authkey = "between us"});
  auto results = manager.queue<int>();
  auto settings = manager.dict<std::string, int>();
  settings.set("factor", 7);
  manager.publish("results", results);
  manager.publish("settings", settings);
  std::vector<mp::Future<int>> some;
  for (int i = 1; i <= 30; ++i) some.push_back(nodes.submit(deposit, manager.address(), i));
  bool right = true;
  for (auto& future : some) right &= future.get() == 7;
  int sum = 0;
  for (int i = 0; i < 30; ++i) sum += results.get();
  say("a manager carries queues and dicts", right && sum == 465);
}

/// All workers but one are busy for ever: what waits behind them runs on that one.
void work_is_taken_back() {
  mp::mpi::MPIPoolExecutor nodes({.workers_per_node = 1});
  std::vector<int> numbers(2000, 3);
  (void)nodes.map(square, numbers);  // so far all tasks were short
  std::vector<mp::Future<bool>> endless;
  for (int i = 0; i < nodes.size(); ++i) endless.push_back(nodes.submit(until_stopped));
  for (const auto& future : endless) {
    while (!future.running()) ::usleep(1000);
  }
  std::vector<mp::Future<int>> short_ones;
  for (int i = 0; i < 4 * nodes.size(); ++i) short_ones.push_back(nodes.submit(square, i));
  endless.front().abort(10s);
  long sum = 0;
  for (auto& future : short_ones) sum += future.get();
  long right = 0;
  for (long i = 0; i < 4 * nodes.size(); ++i) right += i * i;
  say("what waits behind endless tasks is taken back",
      sum == right && (nodes.size() == 1 || nodes.stats().taken_back > 0));
  for (auto& future : endless) future.abort(10s);
}

void several_executors() {
  mp::mpi::MPIPoolExecutor first(
      {.workers_per_node = 1, .pool = {.initializer = mp::bind_front(set_global, 7)}});
  mp::mpi::MPIPoolExecutor second({.workers_per_node = 1});
  bool right = true;
  for (int i = 0; i < 20; ++i)
    right &= first.submit(get_global).get() == 7 && second.submit(get_global).get() == 0;
  say("each executor has workers of its own, with its initializer", right);
  second.shutdown();
  say("after shutdown nothing is taken",
      throws<mp::UsageError>([&] { second.submit(square, 1); }, "shut down"));
  const std::vector<int> none;
  int read = 0;
  const auto numbers =
      std::views::iota(0) | std::views::transform([&](int i) { return read += i + 1; });
  const auto refused = [](auto call) { return throws<mp::UsageError>(call, "shut down"); };
  say("after shutdown nothing is read",
      refused([&] { second.map(square, none); }) &&
          refused([&] { second.map_async(square, none); }) &&
          refused([&] { second.imap(square, numbers); }) &&
          refused([&] { second.imap_unordered(square, numbers); }) && refused([&] {
            mp::map_reduce<char, int>(second, std::vector<std::string>{}, letters, std::plus<>());
          }) &&
          read == 0);

  mp::mpi::MPIPoolExecutor broken(
      {.workers_per_node = 1, .pool = {.initializer = refuse_to_start}});
  say("an initializer that throws",
      throws<mp::BrokenProcessPool>([&] { broken.submit(square, 1).get(); }, "not today"));
}

void unwinding() {
  try {
    mp::mpi::MPIPoolExecutor nodes({.workers_per_node = 1});
    nodes.submit(until_stopped);
    throw std::runtime_error("out of here");
  } catch (const std::runtime_error&) {
    say("an exception terminates what runs", true);
  }
  mp::mpi::MPIPoolExecutor nodes({.workers_per_node = 1});
  std::vector<mp::Future<bool>> endless;
  for (int i = 0; i < 20 * nodes.size(); ++i) endless.push_back(nodes.submit(until_stopped));
  nodes.shutdown(false, true);
  // What has begun runs on; everything else is cancelled, wherever it was.
  std::size_t cancelled = 0;
  while (cancelled < endless.size() - static_cast<std::size_t>(nodes.size())) {
    cancelled = 0;
    for (const auto& future : endless) cancelled += future.cancelled() ? 1U : 0U;
    ::usleep(1000);
  }
  say("shutdown cancels what has not begun", true);
  {
    mp::mpi::MPIPoolExecutor killed({.workers_per_node = 1});
    auto deaf = killed.submit(ignore_signals);
    while (deaf.progress().total != 1) ::usleep(1000);
    killed.kill_workers();
    say("kill_workers ends what is deaf",
        throws<mp::CancelledError>([&] { deaf.get(); }, "terminated"));
  }
  nodes.terminate_workers();
  bool ended = true;
  for (const auto& future : endless) ended &= future.wait(mp::forever);
  say("terminate ends everything", ended);
}

}  // namespace

int main(int argc, char** argv) {
  mp::init(argc, argv);
  mp::mpi::init(argc, argv);
  {
    mp::mpi::MPIPoolExecutor nodes({.workers_per_node = 2});
    plain_calls(nodes);
    futures(nodes);
    errors(nodes);
    large(nodes);
    endless_range(nodes);
    remote_manager(nodes);
    control(nodes);
    std::set<std::string> places;
    const auto wanted = nodes.nodes().size();
    while (places.size() < wanted) places.insert(nodes.submit(place).get());
    say("every rank takes part", true);
  }
  work_is_taken_back();
  several_executors();
  unwinding();
  return failures == 0 ? 0 : 1;
}
