// SPDX-License-Identifier: Apache-2.0
// The scheduler against a model of workers, with events in any order: every task ends exactly once.
#include "pool/scheduler.hpp"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <deque>
#include <map>
#include <memory>
#include <set>
#include <vector>

namespace {

using namespace royong::detail;

/// Stands for processes and rings. Remembers what it was told, and that it may be told.
class Model final : public SchedulerActions {
 public:
  enum class Entry { pending, running };
  struct Worker {
    bool alive = false;
    bool ready = false;
    bool stop = false;
    bool kill = false;
    std::deque<std::pair<Task*, Entry>> ring;
  };

  Model(std::uint32_t count, Scheduler::Limits limits)
      : scheduler(*this, count, limits), workers(count) {}

  bool give(std::uint32_t worker, Task& task) override {
    Worker& w = workers.at(worker);
    RC_ASSERT(w.alive || starting.count(worker) != 0);
    RC_ASSERT(!w.stop);
    if (w.ring.size() >= ring_size) return false;
    task.sequence = ++sequence;
    w.ring.emplace_back(&task, Entry::pending);
    return true;
  }
  bool take_back(std::uint32_t worker, Task& task) override {
    auto& ring = workers.at(worker).ring;
    for (auto i = ring.begin(); i != ring.end(); ++i) {
      if (i->first != &task) continue;
      if (i->second == Entry::running) return false;
      ring.erase(i);
      return true;
    }
    RC_FAIL("a task was taken back from a worker that does not have it");
    return false;
  }
  bool had_begun(std::uint32_t worker, const Task& task, std::uint32_t& element) override {
    element = 0;
    for (const auto& [in_ring, entry] : workers.at(worker).ring) {
      if (in_ring == &task) return entry == Entry::running;
    }
    RC_FAIL("a dead worker is asked for a task that it does not have");
    return false;
  }
  void start_worker(std::uint32_t worker) override {
    RC_ASSERT(!workers.at(worker).alive);
    workers.at(worker) = Worker{};
    RC_ASSERT(starting.insert(worker).second);
    RC_ASSERT(worker < scheduler.size());
    used.insert(worker);
  }
  void stop_worker(std::uint32_t worker) override { workers.at(worker).stop = true; }
  void kill_worker(std::uint32_t worker) override { workers.at(worker).kill = true; }
  void end_task(Task& task) override {
    RC_ASSERT(live.erase(&task) == 1U);  // once, and only once
    if (task.aborted) RC_ASSERT(task.phase == TaskPhase::cancelled);
    ++ended[task.phase];
    // After `terminate` a worker may still be at it: its late result means nothing.
    for (auto& worker : workers) {
      std::erase_if(worker.ring, [&](const auto& entry) { return entry.first == &task; });
    }
  }

  // What can happen to workers.

  Task& submit(int retries = 0) {
    tasks.push_back(std::make_unique<Task>());
    Task& task = *tasks.back();
    task.retries = retries;
    live.insert(&task);
    const bool gets_a_worker = scheduler.backlog().empty() && has_unused();
    scheduler.submit(task);
    if (gets_a_worker) {
      RC_ASSERT(task.phase == TaskPhase::given);
      RC_ASSERT(workers.at(task.worker).ring.size() == 1U);
    }
    return task;
  }
  bool has_unused() const {
    for (std::uint32_t i = 0; i < scheduler.size(); ++i) {
      if (used.count(i) == 0) return true;
    }
    return false;
  }
  void start_one(std::uint32_t worker) {
    if (starting.erase(worker) == 0) return;
    workers[worker].alive = true;
  }
  void become_ready(std::uint32_t worker) {
    Worker& w = workers[worker];
    if (!w.alive || w.ready) return;
    w.ready = true;
    scheduler.ready(worker);
  }
  void begin(std::uint32_t worker) {
    Worker& w = workers[worker];
    if (!w.ready || w.ring.empty()) return;
    w.ring.front().second = Entry::running;
  }
  void finish(std::uint32_t worker, bool fine, std::int64_t took = 1000) {
    Worker& w = workers[worker];
    if (w.ring.empty() || w.ring.front().second != Entry::running) return;
    Task* task = w.ring.front().first;
    w.ring.pop_front();
    const bool due = scheduler.completed(worker, task->sequence) == task;
    RC_ASSERT(due);
    scheduler.end(*task, fine ? TaskPhase::done : TaskPhase::failed);
    scheduler.drained(worker, 1, now += took);
  }
  void die(std::uint32_t worker) {
    if (!workers[worker].alive) return;
    workers[worker].alive = false;
    scheduler.died(worker, now += 1000);
    if (starting.count(worker) == 0) workers[worker] = Worker{};
  }
  /// As the pool does it: what has begun is killed, and nothing else may be hit.
  void abort(Task& task) {
    if (scheduler.cancel(task)) return;
    if (task.phase != TaskPhase::given || !scheduler.abort(task)) return;
    RC_ASSERT(task.aborted);
    RC_ASSERT(scheduler.state(task.worker) == WorkerState::stopping);
    for (const auto& [in_ring, entry] : workers[task.worker].ring) RC_ASSERT(in_ring == &task);
    workers[task.worker].kill = true;
  }
  /// A worker that was asked to stop and has nothing left, or is to be killed, ends at last.
  void obey(std::uint32_t worker) {
    const Worker& w = workers[worker];
    if (w.kill || (w.stop && w.ring.empty())) die(worker);
  }

  /// Lets everything run to its end.
  void settle() {
    for (int round = 0; round < 10000; ++round) {
      for (std::uint32_t i = 0; i < workers.size(); ++i) {
        start_one(i);
        become_ready(i);
        begin(i);
        finish(i, true);
        obey(i);
      }
      scheduler.dispatch();
      scheduler.rebalance();
      if (live.empty() && (scheduler.mode() == Scheduler::Mode::open || scheduler.alive() == 0))
        return;
    }
    RC_FAIL("something never ended");
  }

  static constexpr std::size_t ring_size = 5;
  Scheduler scheduler;
  std::vector<Worker> workers;
  std::set<std::uint32_t> starting;
  std::set<std::uint32_t> used;  // have been started
  std::vector<std::unique_ptr<Task>> tasks;
  std::set<Task*> live;
  std::map<TaskPhase, int> ended;
  std::uint64_t sequence = 0;
  std::int64_t now = 1;
};

std::uint32_t any_worker(const Model& model) {
  return *rc::gen::inRange<std::uint32_t>(0, static_cast<std::uint32_t>(model.workers.size()));
}

void any_event(Model& model) {
  switch (*rc::gen::weightedElement<int>({{30, 0},
                                          {10, 1},
                                          {10, 2},
                                          {30, 3},
                                          {30, 4},
                                          {4, 5},
                                          {6, 6},
                                          {3, 7},
                                          {6, 8},
                                          {1, 9},
                                          {1, 10},
                                          {2, 11},
                                          {1, 12},
                                          {4, 13}})) {
    case 0:
      if (model.scheduler.mode() == Scheduler::Mode::open) model.submit(*rc::gen::inRange(0, 3));
      return;
    case 1: return model.start_one(any_worker(model));
    case 2: return model.become_ready(any_worker(model));
    case 3: return model.begin(any_worker(model));
    case 4:
      return model.finish(any_worker(model), *rc::gen::arbitrary<bool>(),
                          *rc::gen::inRange(1, 1000000));
    case 5: return model.die(any_worker(model));
    case 6:
      if (!model.live.empty()) {
        auto task = model.live.begin();
        std::advance(task, *rc::gen::inRange<std::size_t>(0, model.live.size()));
        model.scheduler.cancel(**task);
      }
      return;
    case 7:
      if (!model.live.empty()) model.scheduler.expire(**model.live.begin());
      return;
    case 8: model.scheduler.slept(); return model.scheduler.rebalance();
    case 9: return model.scheduler.close();
    case 10: return model.scheduler.terminate();
    case 11:
      if (model.scheduler.mode() == Scheduler::Mode::open) {
        const auto size = *rc::gen::inRange<std::uint32_t>(1, 6);
        if (size > model.workers.size()) model.workers.resize(size);
        model.scheduler.resize(size);
      }
      return;
    case 12: return model.scheduler.break_pool();
    case 13:
      if (!model.live.empty()) {
        auto task = model.live.begin();
        std::advance(task, *rc::gen::inRange<std::size_t>(0, model.live.size()));
        model.abort(**task);
      }
      return;
    default: return;
  }
}

Scheduler::Limits generous() {
  Scheduler::Limits limits;
  limits.early_deaths = 1000000;
  return limits;
}

TEST(Scheduler, EveryTaskEndsExactlyOnceWhateverHappens) {
  EXPECT_TRUE(rc::check("every task ends exactly once", [] {
    auto limits = generous();
    limits.tasks_per_worker = *rc::gen::element(0U, 0U, 1U, 3U);
    limits.early_deaths = *rc::gen::element(1000000, 3);
    Model model(*rc::gen::inRange(1U, 5U), limits);
    if (*rc::gen::arbitrary<bool>()) model.scheduler.start();
    const int events = *rc::gen::inRange(0, 300);
    for (int i = 0; i < events; ++i) {
      any_event(model);
      RC_ASSERT(model.scheduler.live() == model.live.size());
      const auto& counts = model.scheduler.counts();
      RC_ASSERT(counts.submitted == model.tasks.size());
      RC_ASSERT(counts.submitted ==
                counts.done + counts.failed + counts.cancelled + model.live.size());
    }
    // Workers that were recycled end by themselves.
    for (std::uint32_t i = 0; i < model.workers.size(); ++i) {
      if (limits.tasks_per_worker != 0) model.die(i);
    }
    if (limits.tasks_per_worker != 0) model.scheduler.close();
    if (limits.tasks_per_worker != 0 && !model.live.empty()) model.scheduler.terminate();
    model.settle();
    RC_ASSERT(model.live.empty());
  }));
}

void start(Model& model) {
  model.scheduler.start();
  for (std::uint32_t i = 0; i < model.workers.size(); ++i) {
    model.start_one(i);
    model.become_ready(i);
  }
}

TEST(Scheduler, IdleWorkersGetTasksFirst) {
  Model model(3, generous());
  start(model);
  for (int i = 0; i < 3; ++i) model.submit();
  for (const auto& worker : model.workers) EXPECT_EQ(worker.ring.size(), 1U);
}

TEST(Scheduler, AWorkerIsStartedForATaskThatFindsNoneIdle) {
  Model model(3, generous());
  EXPECT_EQ(model.scheduler.alive(), 0U);
  for (int i = 0; i < 5; ++i) {  // one after the other: one worker does for all
    model.submit();
    model.start_one(0);
    model.become_ready(0);
    model.begin(0);
    model.finish(0, true);
    EXPECT_EQ(model.scheduler.alive(), 1U);
  }
  model.submit();
  EXPECT_EQ(model.scheduler.alive(), 1U);
  model.submit();
  EXPECT_EQ(model.scheduler.alive(), 2U);
  for (int i = 0; i < 10; ++i) model.submit();
  EXPECT_EQ(model.scheduler.alive(), 3U);
  for (const auto& worker : model.workers) EXPECT_GE(worker.ring.size(), 1U);
  model.settle();
}

TEST(Scheduler, AWorkerThatIsStillStartingIsIdleToo) {
  Model model(4, generous());
  Task& task = model.submit();
  model.scheduler.cancel(task);
  const Task& next = model.submit();
  EXPECT_EQ(next.worker, 0U);
  EXPECT_EQ(model.scheduler.alive(), 1U);
  model.settle();
}

TEST(Scheduler, ResizeStartsAllThatAreMissing) {
  Model model(3, generous());
  model.submit();
  model.scheduler.resize(3);
  EXPECT_EQ(model.scheduler.alive(), 3U);
  model.settle();
}

TEST(Scheduler, APlaceThatWasUsedOnceStaysFilledAndTheOthersStayEmpty) {
  Model model(3, generous());
  model.submit();
  model.start_one(0);
  model.become_ready(0);
  model.die(0);
  EXPECT_EQ(model.scheduler.state(0), WorkerState::starting);
  EXPECT_EQ(model.scheduler.alive(), 1U);
  model.settle();
}

TEST(Scheduler, AClosedPoolThatNeverHadATaskIsGone) {
  Model model(3, generous());
  model.scheduler.close();
  EXPECT_EQ(model.scheduler.alive(), 0U);
}

TEST(Scheduler, ADeathLosesTheRunningTaskOnly) {
  Model model(1, generous());
  start(model);
  for (int i = 0; i < 4; ++i) model.submit();
  model.begin(0);
  model.die(0);
  EXPECT_EQ(model.tasks[0]->phase, TaskPhase::lost);
  model.settle();
  for (std::size_t i = 1; i < 4; ++i) EXPECT_EQ(model.tasks[i]->phase, TaskPhase::done);
}

TEST(Scheduler, ATimeLimitHitsTheTaskThatIsOverItAndNoOther) {
  Model model(1, generous());
  start(model);
  for (int i = 0; i < 2; ++i) model.submit();
  model.begin(0);
  model.scheduler.expire(*model.tasks[0]);
  EXPECT_TRUE(model.workers[0].kill);
  EXPECT_EQ(model.workers[0].ring.size(), 1U);  // the next one cannot begin any more
  model.die(0);
  EXPECT_EQ(model.tasks[0]->phase, TaskPhase::lost);
  model.settle();
  EXPECT_EQ(model.tasks[1]->phase, TaskPhase::done);
}

TEST(Scheduler, ATaskThatEndedJustInTimeCostsNobodyHisWorker) {
  Model model(1, generous());
  start(model);
  for (int i = 0; i < 2; ++i) model.submit();
  // The first has ended and the second has begun, but nobody has read the result yet.
  model.workers[0].ring[0].second = Model::Entry::running;
  model.workers[0].ring[1].second = Model::Entry::running;
  model.scheduler.expire(*model.tasks[0]);
  EXPECT_FALSE(model.workers[0].kill);
  EXPECT_FALSE(model.scheduler.abort(*model.tasks[0]));
  model.settle();
  EXPECT_EQ(model.ended[TaskPhase::done], 2);
}

TEST(Scheduler, AnAbortedTaskIsCancelledWhateverItsWorkerSays) {
  for (const bool returns : {false, true}) {
    Model model(1, generous());
    start(model);
    Task& task = model.submit(5);
    model.begin(0);
    model.abort(task);
    if (returns) model.finish(0, true);
    model.die(0);
    EXPECT_EQ(task.phase, TaskPhase::cancelled);
    model.settle();
    EXPECT_EQ(model.scheduler.counts().cancelled, 1U);
    EXPECT_EQ(model.scheduler.counts().retried, 0U);
    EXPECT_EQ(model.scheduler.counts().deaths, 0U);
  }
}

TEST(Scheduler, ARetryRunsAgainAndTheLimitHolds) {
  Model model(1, generous());
  start(model);
  const Task& task = model.submit(2);
  for (int death = 0; death < 3; ++death) {
    EXPECT_EQ(task.phase, TaskPhase::given) << death;
    model.start_one(0);
    model.become_ready(0);
    model.begin(0);
    model.die(0);
  }
  EXPECT_EQ(task.phase, TaskPhase::lost);
}

TEST(Scheduler, TheWindowGrowsWhileAWorkerRunsDry) {
  Model model(1, generous());
  start(model);
  for (int i = 0; i < 100; ++i) model.submit();
  const auto before = model.scheduler.window(0);
  while (!model.workers[0].ring.empty()) {
    model.begin(0);
    Task* task = model.workers[0].ring.front().first;
    model.workers[0].ring.pop_front();
    model.scheduler.completed(0, task->sequence);
    model.scheduler.end(*task, TaskPhase::done);
  }
  model.scheduler.drained(0, before, 1000);
  EXPECT_GT(model.scheduler.window(0), before);
  model.settle();
}

TEST(Scheduler, AnIdleWorkerGetsWhatWaitsBehindARunningTask) {
  Model model(2, generous());
  start(model);
  for (int i = 0; i < 4; ++i) model.submit();
  model.begin(0);
  for (int i = 0; i < 2; ++i) {
    model.begin(1);
    model.finish(1, true);
  }
  ASSERT_EQ(model.workers[0].ring.size(), 2U);
  model.scheduler.rebalance();
  EXPECT_EQ(model.workers[0].ring.size(), 1U);
  EXPECT_EQ(model.workers[1].ring.size(), 1U);
  model.settle();
}

TEST(Scheduler, WorkersThatDieBeforeTheyAreReadyBreakThePoolInTheEnd) {
  Scheduler::Limits limits;
  limits.early_deaths = 3;
  Model model(1, limits);
  model.scheduler.start();
  const Task& task = model.submit();
  for (int i = 0; i < 4; ++i) {
    EXPECT_EQ(model.scheduler.mode(), Scheduler::Mode::open);
    model.start_one(0);
    model.die(0);
  }
  EXPECT_EQ(model.scheduler.mode(), Scheduler::Mode::broken);
  EXPECT_EQ(task.phase, TaskPhase::failed);
}

}  // namespace
