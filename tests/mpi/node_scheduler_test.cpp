// SPDX-License-Identifier: Apache-2.0
// The scheduler of nodes against a model of them, with events in any order: every task ends exactly once.
#include "mpi/node_scheduler.hpp"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <deque>
#include <map>
#include <memory>
#include <set>
#include <vector>

namespace {

using namespace royong::mpi;

/// Stands for the nodes. What they say travels: it is in `mail` until it is delivered, in the order in which one node said it.
class Model final : public NodeActions {
 public:
  struct Entry {
    Task* task;  // for the model's eyes only: a node knows the ticket
    std::uint64_t ticket;
    bool bound;
  };
  struct Letter {
    enum class What { result, returned, recalled } what;
    std::uint64_t ticket = 0;
  };
  struct Node {
    bool lost = false;
    std::uint32_t workers = 1;
    std::deque<Entry> has;  // the first `workers` of them may have begun
    std::size_t begun = 0;
    std::deque<Letter> mail;
  };

  Model(std::uint32_t count, NodeScheduler::Limits limits)
      : scheduler(*this, count, limits), nodes(count) {}

  void give(NodeId id, std::span<Task* const> batch) override {
    Node& node = nodes.at(id);
    RC_ASSERT(scheduler.state(id) == NodeState::joined);
    RC_ASSERT(!batch.empty());
    for (Task* task : batch) {
      RC_ASSERT(live.count(task) == 1U);
      RC_ASSERT(task->phase == TaskPhase::given);
      RC_ASSERT(task->worker == id);
      RC_ASSERT(tickets.insert(task->end).second);  // never used before
      ++runs[task];
      if (bound.count(task) != 0) RC_ASSERT(bound[task] == id);
      node.has.push_back({task, task->end, task->bound});
    }
    if (batch.front()->bound) return;  // whatever it has
    RC_ASSERT(scheduler.tasks_of(id).size() <= std::max(scheduler.window(id), 2 * node.workers));
  }
  void recall(NodeId id, std::uint32_t count) override {
    Node& node = nodes.at(id);
    RC_ASSERT(scheduler.state(id) == NodeState::joined);
    RC_ASSERT(count > 0U);
    for (std::size_t i = node.has.size(); count != 0 && i-- > node.begun;) {
      if (node.has[i].bound) continue;
      node.mail.push_back({Letter::What::returned, node.has[i].ticket});
      node.has.erase(node.has.begin() + static_cast<std::ptrdiff_t>(i));
      --count;
    }
    node.mail.push_back({Letter::What::recalled});
  }
  void end_task(Task& task) override {
    RC_ASSERT(live.erase(&task) == 1U);  // once, and only once
    if (task.phase == TaskPhase::lost) RC_ASSERT(task.bound || task.deaths > task.retries);
    ++ended[task.phase];
  }
  void lost(NodeId id) override {
    RC_ASSERT(!nodes.at(id).lost);
    nodes.at(id).lost = true;
  }

  // What can happen.

  void submit(int retries, std::uint32_t bytes = 10) {
    tasks.push_back(std::make_unique<Task>());
    tasks.back()->retries = retries;
    live.insert(tasks.back().get());
    scheduler.submit(*tasks.back(), bytes, now);
  }
  void submit_bound(NodeId id, int retries) {
    tasks.push_back(std::make_unique<Task>());
    Task& task = *tasks.back();
    task.retries = retries;
    task.bound = true;
    task.worker = id;
    live.insert(&task);
    bound[&task] = id;
    scheduler.submit_bound(task, 10, now);
  }
  void begin(NodeId id) {
    Node& node = nodes[id];
    if (node.begun < std::min<std::size_t>(node.workers, node.has.size())) ++node.begun;
  }
  /// Any of those that have begun ends.
  void finish(NodeId id, std::size_t which) {
    Node& node = nodes[id];
    if (node.begun == 0) return;
    const auto place = node.has.begin() + static_cast<std::ptrdiff_t>(which % node.begun);
    node.mail.push_back({Letter::What::result, place->ticket});
    node.has.erase(place);
    --node.begun;
  }
  /// The next letters arrive: also those of a node that is thought lost.
  void deliver(NodeId id, std::size_t count) {
    Node& node = nodes[id];
    std::uint32_t results = 0;
    for (; count != 0 && !node.mail.empty(); --count) {
      const Letter letter = node.mail.front();
      node.mail.pop_front();
      if (!node.lost) scheduler.heard(id, now);
      switch (letter.what) {
        case Letter::What::result: {
          Task* task = scheduler.completed(id, letter.ticket);
          if (node.lost) RC_ASSERT(task == nullptr);
          if (task == nullptr) break;
          ++results;
          scheduler.end(*task, task->aborted            ? TaskPhase::cancelled
                               : letter.ticket % 5 == 0 ? TaskPhase::failed
                                                        : TaskPhase::done);
          break;
        }
        case Letter::What::returned: scheduler.returned(id, letter.ticket); break;
        case Letter::What::recalled: scheduler.recalled(id); break;
      }
    }
    if (results != 0) scheduler.drained(id, results, now);
  }

  void check() const {
    RC_ASSERT(scheduler.live() == live.size());
    const auto& counts = scheduler.counts();
    RC_ASSERT(counts.submitted == tasks.size());
    RC_ASSERT(counts.submitted == counts.done + counts.failed + counts.cancelled + live.size());
    std::size_t held = scheduler.backlog().size();
    for (NodeId id = 0; id < nodes.size(); ++id) held += scheduler.tasks_of(id).size();
    RC_ASSERT(held == live.size());
  }

  /// Nodes that live run everything that is left.
  void settle() {
    for (int round = 0; round < 10000 && !live.empty(); ++round) {
      now += 1000;
      for (NodeId id = 0; id < nodes.size(); ++id) {
        if (!nodes[id].lost) scheduler.heard(id, now);
        for (std::uint32_t i = 0; i < nodes[id].workers; ++i) begin(id);
        finish(id, 0);
        deliver(id, 1000);
      }
      scheduler.tick(now);
    }
    RC_ASSERT(live.empty());
  }

  NodeScheduler scheduler;
  std::vector<Node> nodes;
  std::vector<std::unique_ptr<Task>> tasks;
  std::set<Task*> live;
  std::set<std::uint64_t> tickets;
  std::map<Task*, int> runs;
  std::map<Task*, NodeId> bound;
  std::map<TaskPhase, int> ended;
  std::int64_t now = 1;
};

Task& any_live(Model& model) {
  auto task = model.live.begin();
  std::advance(task, *rc::gen::inRange<std::size_t>(0, model.live.size()));
  return **task;
}

void any_event(Model& model) {
  const auto node = *rc::gen::inRange<NodeId>(0, static_cast<NodeId>(model.nodes.size()));
  switch (*rc::gen::weightedElement<int>({{40, 0},
                                          {20, 1},
                                          {40, 2},
                                          {40, 3},
                                          {10, 4},
                                          {1, 5},
                                          {4, 6},
                                          {2, 7},
                                          {6, 8},
                                          {1, 9},
                                          {1, 10},
                                          {6, 11}})) {
    case 0: return model.submit(*rc::gen::inRange(0, 3), *rc::gen::inRange(1U, 100U));
    case 1: return model.begin(node);
    case 2: return model.finish(node, *rc::gen::inRange<std::size_t>(0, 8));
    case 3: return model.deliver(node, *rc::gen::inRange<std::size_t>(1, 20));
    case 4: model.now += *rc::gen::inRange(1, 1000000); return model.scheduler.tick(model.now);
    case 5:
      if (node != 0) model.scheduler.lose(node);
      return;
    case 6: {
      const auto workers = *rc::gen::inRange(1U, 5U);
      if (model.scheduler.state(node) == NodeState::absent) model.nodes[node].workers = workers;
      return model.scheduler.join(node, workers, model.now);
    }
    case 7:
      if (!model.live.empty()) model.scheduler.cancel(any_live(model));
      return;
    case 8: return model.scheduler.rebalance(model.now);
    case 9:
      if (!model.live.empty()) {
        Task& task = any_live(model);
        if (task.phase == TaskPhase::given) task.aborted = true;
      }
      return;
    case 10: return model.scheduler.end_pending(TaskPhase::cancelled);
    case 11: return model.submit_bound(node, *rc::gen::inRange(0, 3));
    default: return;
  }
}

TEST(NodeScheduler, EveryTaskEndsExactlyOnceWhateverHappens) {
  EXPECT_TRUE(rc::check("every task ends exactly once", [] {
    NodeScheduler::Limits limits;
    limits.max_window = *rc::gen::element(2U, 8U, 8192U);
    limits.max_bytes = *rc::gen::element<std::uint64_t>(50, 1000, 1U << 30);
    Model model(*rc::gen::inRange(1U, 6U), limits);
    const int events = *rc::gen::inRange(0, 400);
    for (int i = 0; i < events; ++i) {
      any_event(model);
      model.check();
    }
    // The first node is never lost: it is the one that the program runs on.
    model.scheduler.join(0, model.nodes[0].workers, model.now);
    model.settle();
    model.check();
  }));
}

NodeScheduler::Limits plain() { return {}; }

/// Each node ends so many of its tasks, and it is delivered.
void one_round(Model& model, std::int64_t took, std::size_t tasks) {
  model.now += took;
  for (NodeId id = 0; id < model.nodes.size(); ++id) {
    model.scheduler.heard(id, model.now);
    for (std::size_t i = 0; i < tasks; ++i) {
      model.begin(id);
      model.finish(id, 0);
    }
    model.deliver(id, tasks);
  }
  model.scheduler.tick(model.now);
}

TEST(NodeScheduler, TinyTasksTravelInLargeBatches) {
  Model model(2, plain());
  model.scheduler.join(0, 1, model.now);
  model.scheduler.join(1, 1, model.now);
  for (int i = 0; i < 20000; ++i) model.submit(0);
  // A node that has many ends many between two looks.
  for (int round = 0; round < 20; ++round) one_round(model, 10'000, 100);
  EXPECT_GT(model.scheduler.window(1), 1000U);
  EXPECT_LT(model.scheduler.counts().batches, 1000U);
  model.settle();
}

TEST(NodeScheduler, LongTasksTravelTwoForEachWorker) {
  Model model(2, plain());
  model.scheduler.join(0, 2, model.now);
  model.scheduler.join(1, 2, model.now);
  for (int i = 0; i < 200; ++i) model.submit(0);
  for (int round = 0; round < 20; ++round) one_round(model, 50'000'000, 2);
  EXPECT_EQ(model.scheduler.window(1), 4U);
  EXPECT_EQ(model.scheduler.tasks_of(1).size(), 4U);
  model.settle();
}

TEST(NodeScheduler, WhatWaitsOnASlowNodeIsTakenBackForAnIdleOne) {
  Model model(2, plain());
  model.scheduler.join(0, 1, model.now);
  model.scheduler.join(1, 1, model.now);
  for (int i = 0; i < 4; ++i) model.submit(0);
  model.begin(0);  // and it is at it for ever
  for (int i = 0; i < 100 && model.live.size() > 1; ++i) {
    model.now += 1'000'000;
    model.begin(1);
    model.finish(1, 0);
    for (const NodeId id : {0U, 1U}) {
      model.deliver(id, 100);
      model.scheduler.heard(id, model.now);
    }
    model.scheduler.tick(model.now);
  }
  EXPECT_EQ(model.live.size(), 1U);
  EXPECT_GE(model.scheduler.counts().taken_back, 1U);
  model.settle();
}

TEST(NodeScheduler, WhatWaitsBehindATaskThatProvesLongIsTakenBack) {
  Model model(2, plain());
  model.scheduler.join(0, 1, model.now);
  model.scheduler.join(1, 1, model.now);
  for (int i = 0; i < 20000; ++i) model.submit(0);
  for (int round = 0; round < 200; ++round) one_round(model, 10'000, 100);
  ASSERT_TRUE(model.live.empty());
  ASSERT_LT(model.scheduler.task_length(0), 1000.0);  // so far
  for (int i = 0; i < 8; ++i) model.submit(0);
  model.scheduler.dispatch(model.now);
  const auto there = model.nodes[0].has.size();
  ASSERT_GE(there, 2U);
  model.begin(0);  // and it is at it for ever
  for (int i = 0; i < 100 && model.live.size() > 1; ++i) {
    model.now += 1'000'000;
    model.begin(1);
    model.finish(1, 0);
    for (const NodeId id : {0U, 1U}) {
      model.deliver(id, 100);
      model.scheduler.heard(id, model.now);
    }
    model.scheduler.tick(model.now);
  }
  EXPECT_EQ(model.live.size(), 1U);
  model.settle();
}

TEST(NodeScheduler, ANodeThatIsSilentIsLostAndItsTasksRunElsewhereOrAreLost) {
  Model model(2, plain());
  model.scheduler.join(0, 4, model.now);
  model.scheduler.join(1, 4, model.now);
  for (int i = 0; i < 8; ++i) model.submit(i % 2);
  const std::uint32_t there = model.scheduler.tasks_of(1).size();
  ASSERT_GT(there, 0U);
  for (int i = 0; i < 11; ++i) {
    model.now += 1'000'000'000;
    model.scheduler.heard(0, model.now);
    model.scheduler.tick(model.now);
  }
  EXPECT_TRUE(model.nodes[1].lost);
  EXPECT_FALSE(model.nodes[0].lost);
  model.settle();
  const auto lost = static_cast<std::uint32_t>(model.ended[TaskPhase::lost]);
  EXPECT_EQ(lost + model.scheduler.counts().retried, there);
}

TEST(NodeScheduler, ABoundTaskIsGivenToItsNodeWhateverItHas) {
  Model model(2, plain());
  model.scheduler.join(0, 1, model.now);
  model.scheduler.join(1, 1, model.now);
  for (int i = 0; i < 100; ++i) model.submit(0);
  for (int i = 0; i < 5; ++i) model.submit_bound(1, 0);
  EXPECT_EQ(model.nodes[1].has.size(), 7U);
  model.recall(1, 100);
  EXPECT_EQ(model.nodes[1].has.size(), 5U);  // those that are bound stay
  model.settle();
  EXPECT_EQ(model.ended[TaskPhase::lost], 0);
}

TEST(NodeScheduler, ABoundTaskIsLostWithItsNodeHoweverManyRetriesItHas) {
  Model model(2, plain());
  model.scheduler.join(0, 1, model.now);
  model.scheduler.join(1, 1, model.now);
  model.submit_bound(1, 100);
  model.scheduler.lose(1);
  EXPECT_EQ(model.ended[TaskPhase::lost], 1);
  model.submit_bound(1, 100);  // it is known to be gone
  EXPECT_EQ(model.ended[TaskPhase::lost], 2);
  EXPECT_TRUE(model.live.empty());
}

TEST(NodeScheduler, WhoLookedAwayDoesNotTakeOthersForSilent) {
  Model model(2, plain());
  model.scheduler.join(0, 1, model.now);
  model.scheduler.join(1, 1, model.now);
  model.scheduler.tick(model.now);
  model.now += 3'600'000'000'000;  // the machine slept for an hour
  model.scheduler.tick(model.now);
  EXPECT_FALSE(model.nodes[0].lost || model.nodes[1].lost);
}

TEST(NodeScheduler, ALateResultOfALostNodeMeansNothing) {
  Model model(2, plain());
  model.scheduler.join(1, 1, model.now);
  model.submit(1);
  model.begin(1);
  model.scheduler.lose(1);
  model.scheduler.join(0, 1, model.now);
  model.finish(1, 0);
  model.deliver(1, 1);  // asserts that nobody takes it
  EXPECT_EQ(model.live.size(), 1U);
  model.settle();
  EXPECT_EQ(model.runs.begin()->second, 2);
}

}  // namespace
