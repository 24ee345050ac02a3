// SPDX-License-Identifier: Apache-2.0
// Simulates executors over 1 to 10,000 nodes. What decides is the real scheduler, src/mpi/node_scheduler.cpp; simulated are time, the way, and the
// nodes. Two forms stand beside each other: flat (rank 0 gives to every node) and a tree (rank 0 gives to dispatchers, which give to nodes).
//
//     scale_sim lengths.txt network.txt [name=value ...]     prints a line of JSON for each form and number of nodes
//
// lengths.txt: how long tasks take (record.cpp). network.txt: what was measured of the network and of rank 0, as lines name=value; the
// first two lines of it, and docs/mpi.md, say how.
//
// A process is a server with one queue: whatever comes to it waits until it is free, and what it does takes time.
#include <algorithm>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <queue>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "mpi/node_scheduler.hpp"

namespace {

using royong::mpi::NodeActions;
using royong::mpi::NodeId;
using royong::mpi::NodeScheduler;
using royong::mpi::NodeState;
using royong::mpi::Task;
using royong::mpi::TaskPhase;
using Time = std::int64_t;  // nanoseconds

/// What the world is like; see docs/mpi.md for where the figures come from.
struct World {
  double latency = 0;    ///< one way, ns
  double bandwidth = 0;  ///< bytes in a ns
  double message = 0;    ///< ns of a process, for each message it sends or takes
  double task = 0;       ///< ns of a process, for each task it is told of, and for each it gives
  double element = 60;   ///< ns of rank 0, for each element that is encoded or decoded
  double bundle = 32;    ///< tree: elements that rank 0 gives under one ticket
  double bytes = 100;    ///< of a call, and of a result
  double mean = 10e6;    ///< ns of a task, on the average
  double workers = 1;    ///< of each node
  double tasks = 800;    ///< for each worker
  double flush = 10e6;   ///< a dispatcher keeps results for so long, to send more of them at once
  double hold = 500e3;   ///< the scheduler's `min_hold`, for nodes
  double hold_tree = 400e6;  ///< the same on rank 0, for dispatchers
  double ahead = 40;         ///< elements for each worker that the program is ahead of the results
  double seed = 1;
};

struct Event {
  Time at;
  std::uint64_t number;  // of two at one time the earlier one first
  std::function<void()> run;
  bool operator<(const Event& other) const {
    return at != other.at ? at > other.at : number > other.number;
  }
};

class Clock {
 public:
  Time now() const { return now_; }
  void at(Time time, std::function<void()> run) {
    events_.push({std::max(time, now_), ++count_, std::move(run)});
  }
  bool step() {
    if (events_.empty()) return false;
    Event event = std::move(const_cast<Event&>(events_.top()));
    events_.pop();
    now_ = event.at;
    event.run();
    return true;
  }

 private:
  std::priority_queue<Event> events_;
  Time now_ = 1;
  std::uint64_t count_ = 0;
};

struct SimTask : Task {
  const Time* lengths = nullptr;  // of the elements, which are run one by one
  std::uint32_t elements = 1;
  std::uint32_t unfinished = 0;  // of those, at a dispatcher
  SimTask* above = nullptr;      // what this is one element of, at the dispatcher that runs it
};

/// Somebody who is given tasks.
class Below {
 public:
  virtual ~Below() = default;
  virtual std::uint32_t workers() const = 0;
  virtual void take(std::vector<SimTask*> tasks) = 0;
  virtual void recall(std::uint32_t count) = 0;
};

/// Rank 0, or a dispatcher between it and the nodes: a NodeScheduler, and the time that it takes.
class Dispatcher final : public NodeActions, public Below {
 public:
  Dispatcher(Clock& clock, const World& world, Dispatcher* above, NodeId number)
      : clock_(clock), world_(world), above_(above), number_(number) {}

  void add(std::unique_ptr<Below> below) { below_.push_back(std::move(below)); }
  /// @param hold nanoseconds of work that lie below for each worker, besides what it runs
  void begin(double hold) {
    NodeScheduler::Limits limits;
    limits.min_hold = static_cast<std::int64_t>(hold);
    limits.max_window = 1U << 20;
    limits.silence = std::int64_t{1} << 62;  // nobody is lost here
    scheduler_ =
        std::make_unique<NodeScheduler>(*this, static_cast<std::uint32_t>(below_.size()), limits);
    for (NodeId i = 0; i < below_.size(); ++i)
      scheduler_->join(i, below_[i]->workers(), clock_.now());
    tick();
  }
  void submit(SimTask& task) {
    work(world_.task + world_.element * task.elements);
    live_ += task.elements;
    scheduler_->submit(task, static_cast<std::uint32_t>(world_.bytes), clock_.now());
  }
  /// Elements of tasks that have not ended.
  std::uint64_t live() const { return live_; }
  double busy() const { return busy_; }
  Time free_at() const { return free_at_; }
  const NodeScheduler& scheduler() const { return *scheduler_; }
  std::uint64_t done() const { return done_; }

  /// Runs when this process is free. Whoever comes first is served first.
  void when_free(std::function<void()> run) {
    if (free_at_ <= clock_.now() && queue_.empty()) return run();
    queue_.push(std::move(run));
    if (queue_.size() == 1) clock_.at(free_at_, [this] { serve(); });
  }

  // From below.

  void results(NodeId from, std::vector<std::uint64_t> tickets) {
    when_free([this, from, tickets = std::move(tickets)] {
      work(world_.message + world_.task * static_cast<double>(tickets.size()));
      std::uint32_t count = 0;
      for (const std::uint64_t ticket : tickets) {
        Task* task = scheduler_->completed(from, ticket);
        if (task == nullptr) std::abort();
        work(world_.element * static_cast<SimTask*>(task)->elements);
        ++count;
        scheduler_->end(*task, TaskPhase::done);
      }
      scheduler_->drained(from, count, clock_.now());
      scheduler_->dispatch(clock_.now());
    });
  }
  void recalled(NodeId from, std::vector<std::uint64_t> tickets) {
    when_free([this, from, tickets = std::move(tickets)] {
      work(world_.message + world_.task * static_cast<double>(tickets.size()));
      for (const std::uint64_t ticket : tickets) scheduler_->returned(from, ticket);
      scheduler_->recalled(from);
      scheduler_->dispatch(clock_.now());
    });
  }

  // Below

  std::uint32_t workers() const override {
    std::uint32_t all = 0;
    for (const auto& below : below_) all += below->workers();
    return std::max(all / static_cast<std::uint32_t>(world_.bundle),
                    1U);  // so many bundles run at a time
  }
  void take(std::vector<SimTask*> tasks) override {
    when_free([this, tasks = std::move(tasks)] {
      work(world_.message);
      for (SimTask* task : tasks) {
        task->unfinished = task->elements;
        for (std::uint32_t i = 0; i < task->elements; ++i) {
          auto* own = new SimTask;
          own->lengths = task->lengths + i;
          own->above = task;
          submit(*own);
        }
      }
      scheduler_->dispatch(clock_.now());
    });
  }
  /// A bundle is spread over the nodes as soon as it is here: none is left to give back.
  void recall(std::uint32_t) override {
    when_free([this] {
      work(world_.message);
      Dispatcher* above = above_;
      const NodeId number = number_;
      send(0, [above, number] { above->recalled(number, {}); });
    });
  }

  // NodeActions

  void give(NodeId node, std::span<Task* const> tasks) override {
    std::vector<SimTask*> given;
    for (Task* task : tasks) given.push_back(static_cast<SimTask*>(task));
    work(world_.task * static_cast<double>(given.size()));
    Below* below = below_[node].get();
    send(given.size(), [below, given = std::move(given)] { below->take(given); });
  }
  void recall(NodeId node, std::uint32_t count) override {
    Below* below = below_[node].get();
    send(0, [below, count] { below->recall(count); });
  }
  void end_task(Task& task) override {
    ++done_;
    auto& own = static_cast<SimTask&>(task);
    live_ -= own.elements;
    if (above_ == nullptr) return;  // rank 0: its tasks are the caller's
    if (--own.above->unfinished == 0) {
      finished_.push_back(own.above->end);
      if (finished_.size() == 1) {
        clock_.at(clock_.now() + static_cast<Time>(world_.flush),
                  [this] { when_free([this] { flush(); }); });
      }
    }
    delete &own;
  }
  void lost(NodeId) override { std::abort(); }

 private:
  void serve() {
    auto run = std::move(queue_.front());
    run();
    queue_.pop();
    if (!queue_.empty()) clock_.at(free_at_, [this] { serve(); });
  }
  void work(double time) {
    busy_ += time;
    free_at_ = std::max(free_at_, clock_.now()) + static_cast<Time>(time);
  }
  void send(std::size_t tasks, std::function<void()> arrive) {
    work(world_.message);
    const double way =
        world_.latency + world_.bytes * static_cast<double>(tasks) / world_.bandwidth;
    clock_.at(free_at_ + static_cast<Time>(way), std::move(arrive));
  }
  void flush() {
    if (finished_.empty()) return;
    work(world_.task * static_cast<double>(finished_.size()));
    Dispatcher* above = above_;
    const NodeId number = number_;
    auto tickets = std::exchange(finished_, {});
    const std::size_t count = tickets.size();
    send(count, [above, number, tickets = std::move(tickets)] { above->results(number, tickets); });
  }
  void tick() {
    if (stopped_) return;
    clock_.at(clock_.now() + 5'000'000, [this] {
      if (stopped_) return;
      scheduler_->tick(clock_.now());
      tick();
    });
  }

 public:
  void stop() {
    stopped_ = true;
    for (auto& below : below_) {
      if (auto* dispatcher = dynamic_cast<Dispatcher*>(below.get())) dispatcher->stop();
    }
  }

 private:
  Clock& clock_;
  const World& world_;
  Dispatcher* const above_;
  const NodeId number_;
  std::vector<std::unique_ptr<Below>> below_;
  std::unique_ptr<NodeScheduler> scheduler_;
  std::queue<std::function<void()>> queue_;
  std::vector<std::uint64_t> finished_;
  Time free_at_ = 0;
  double busy_ = 0;
  std::uint64_t done_ = 0;
  std::uint64_t live_ = 0;
  bool stopped_ = false;
};

/// Workers that run what they are given, and say so.
class Node final : public Below {
 public:
  Node(Clock& clock, const World& world, Dispatcher& above, NodeId number)
      : clock_(clock), world_(world), above_(above), number_(number) {}

  std::uint32_t workers() const override { return static_cast<std::uint32_t>(world_.workers); }
  void take(std::vector<SimTask*> tasks) override {
    for (SimTask* task : tasks) waiting_.push_back({task->end, task->lengths[0]});
    start();
  }
  void recall(std::uint32_t count) override {
    std::vector<std::uint64_t> tickets;
    for (; count != 0 && !waiting_.empty(); --count) {
      tickets.push_back(waiting_.back().ticket);
      waiting_.pop_back();
    }
    send([this, tickets] { above_.recalled(number_, tickets); });
  }

 private:
  struct Waiting {
    std::uint64_t ticket;
    Time length;
  };
  void start() {
    while (running_ < workers() && !waiting_.empty()) {
      const Waiting next = waiting_.front();
      waiting_.pop_front();
      ++running_;
      clock_.at(clock_.now() + next.length, [this, next] {
        --running_;
        send([this, next] { above_.results(number_, {next.ticket}); });
        start();
      });
    }
  }
  void send(std::function<void()> arrive) {
    clock_.at(clock_.now() + static_cast<Time>(world_.message + world_.latency +
                                               world_.bytes / world_.bandwidth),
              std::move(arrive));
  }

  Clock& clock_;
  const World& world_;
  Dispatcher& above_;
  const NodeId number_;
  std::deque<Waiting> waiting_;
  std::uint32_t running_ = 0;
};

void simulate(const World& world, const std::vector<double>& lengths, std::uint32_t nodes,
              bool tree) {
  Clock clock;
  Dispatcher root(clock, world, nullptr, 0);
  std::vector<Dispatcher*> dispatchers;
  if (!tree) {
    for (NodeId i = 0; i < nodes; ++i) root.add(std::make_unique<Node>(clock, world, root, i));
  } else {
    // As many dispatchers as each of them has nodes.
    std::uint32_t count = 1;
    while (count * count < nodes) ++count;
    for (NodeId i = 0; i < count; ++i) {
      const std::uint32_t share = nodes / count + (i < nodes % count ? 1 : 0);
      if (share == 0) continue;
      auto dispatcher = std::make_unique<Dispatcher>(clock, world, &root,
                                                     static_cast<NodeId>(dispatchers.size()));
      for (NodeId k = 0; k < share; ++k)
        dispatcher->add(std::make_unique<Node>(clock, world, *dispatcher, k));
      dispatcher->begin(world.hold);
      dispatchers.push_back(dispatcher.get());
      root.add(std::move(dispatcher));
    }
  }
  // A dispatcher's nodes hold two tasks for each worker already: to have any left for who runs dry it needs more.
  root.begin(tree ? world.hold_tree : world.hold);

  const auto workers = static_cast<std::uint64_t>(nodes * world.workers);
  const auto count = static_cast<std::size_t>(static_cast<double>(workers) * world.tasks);
  const auto bundle = tree ? static_cast<std::size_t>(world.bundle) : 1;
  std::vector<Time> all(count);
  std::mt19937_64 random(static_cast<std::uint64_t>(world.seed));
  double mean = 0;
  for (const double length : lengths) mean += length / static_cast<double>(lengths.size());
  double work = 0;
  for (Time& length : all) {
    length = static_cast<Time>(lengths[random() % lengths.size()] / mean * world.mean);
    work += static_cast<double>(length);
  }
  std::vector<SimTask> tasks;
  for (std::size_t first = 0; first < count;) {
    // Towards the end one by one, so that the last bundle is nobody's burden.
    const std::size_t left = (count - first) / (4 * workers);
    SimTask& task = tasks.emplace_back();
    task.lengths = all.data() + first;
    task.elements = static_cast<std::uint32_t>(std::clamp<std::size_t>(left, 1, bundle));
    first += task.elements;
  }
  // The program submits as fast as rank 0 lets it, so far ahead that no node runs dry: a bounded window, as imap has it. It is
  // of elements: one of bundles would hold less and less as they shrink. And it is more than the dispatchers hold: else each has room as soon as a result comes, and
  // every bundle is a message of its own.
  std::size_t next = 0;
  const auto ahead =
      static_cast<std::uint64_t>(static_cast<double>(workers) * world.ahead) + 1000 * bundle;
  std::function<void()> submit = [&] {
    for (int i = 0; i < 64 && next < tasks.size() && root.live() < ahead; ++i)
      root.submit(tasks[next++]);
    if (next < tasks.size()) {
      const Time wait = root.live() < ahead ? 0 : 100'000;
      clock.at(std::max(root.free_at(), clock.now() + wait), [&] { root.when_free(submit); });
    }
  };
  submit();
  // The middle half of the run tells what is lost all the time, apart from its beginning and its end.
  Time middle[2] = {};
  while (root.done() < tasks.size() && clock.step()) {
    if (middle[0] == 0 && root.done() >= tasks.size() / 4) middle[0] = clock.now();
    if (middle[1] == 0 && root.done() >= tasks.size() * 3 / 4) middle[1] = clock.now();
  }
  double work_in_middle = 0;
  for (std::size_t i = tasks.size() / 4; i < tasks.size() * 3 / 4; ++i) {
    for (std::uint32_t k = 0; k < tasks[i].elements; ++k)
      work_in_middle += static_cast<double>(tasks[i].lengths[k]);
  }
  root.stop();
  const auto end = static_cast<double>(std::max(clock.now(), root.free_at()));
  double busiest = 0;
  for (const Dispatcher* dispatcher : dispatchers) busiest = std::max(busiest, dispatcher->busy());
  std::printf(
      "{\"form\": \"%s\", \"nodes\": %u, \"workers\": %llu, \"tasks\": %zu, \"seconds\": %.4f, "
      "\"efficiency\": %.4f, \"in_the_middle\": %.4f, \"rank_0_load\": %.4f, \"dispatcher_load\": "
      "%.4f, \"taken_back\": "
      "%llu}\n",
      tree ? "tree" : "flat", nodes, static_cast<unsigned long long>(workers), count, end / 1e9,
      work / (static_cast<double>(workers) * end),
      work_in_middle / (static_cast<double>(workers) * static_cast<double>(middle[1] - middle[0])),
      root.busy() / end, busiest / end,
      static_cast<unsigned long long>(root.scheduler().counts().taken_back));
  std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    std::fprintf(stderr, "usage: scale_sim lengths.txt network.txt [name=value ...]\n");
    return 2;
  }
  std::vector<double> lengths;
  std::ifstream file(argv[1]);
  for (double length = 0; file >> length;) lengths.push_back(length);
  if (lengths.empty()) {
    std::fprintf(stderr, "scale_sim: no task lengths in %s\n", argv[1]);
    return 2;
  }
  World world;
  double most = 10000;
  const std::map<std::string, double*> names = {
      {"latency", &world.latency}, {"bandwidth", &world.bandwidth},
      {"message", &world.message}, {"task", &world.task},
      {"bytes", &world.bytes},     {"mean", &world.mean},
      {"workers", &world.workers}, {"tasks", &world.tasks},
      {"flush", &world.flush},     {"seed", &world.seed},
      {"element", &world.element}, {"bundle", &world.bundle},
      {"hold", &world.hold},       {"hold_tree", &world.hold_tree},
      {"ahead", &world.ahead},     {"nodes", &most}};
  const auto set = [&](const std::string& text) {
    const auto equals = text.find('=');
    const auto place = names.find(text.substr(0, equals));
    if (equals == std::string::npos || place == names.end()) {
      std::fprintf(stderr, "scale_sim: what is %s?\n", text.c_str());
      std::exit(2);
    }
    *place->second = std::strtod(text.c_str() + equals + 1, nullptr);
  };
  std::ifstream network(argv[2]);
  for (std::string line; std::getline(network, line);) {
    if (!line.starts_with('#')) set(line);
  }
  for (int i = 3; i < argc; ++i) set(argv[i]);
  if (world.latency <= 0 || world.bandwidth <= 0 || world.message <= 0 || world.task <= 0) {
    std::fprintf(stderr, "scale_sim: %s must say latency, bandwidth, message and task\n", argv[2]);
    return 2;
  }
  for (const std::uint32_t nodes : {1U, 3U, 10U, 30U, 100U, 300U, 1000U, 3000U, 10000U}) {
    if (nodes > most) break;
    simulate(world, lengths, nodes, false);
    simulate(world, lengths, nodes, true);
  }
}
