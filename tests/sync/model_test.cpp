// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief Each primitive against a model of a few lines: any sequence of calls by several threads, shrunk to the shortest that fails.
 *
 *  The threads take turns: one call at a time, so the model knows what it must return. A call that has to wait polls, or stays inside
 *  until a later call ends its wait: whom it ends, the model says as well.
 */
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <unistd.h>

#include <algorithm>           // for std::min, std::max
#include <array>               // for std::array
#include <atomic>              // for std::atomic
#include <condition_variable>  // for std::condition_variable
#include <deque>               // for std::deque
#include <functional>          // for std::function
#include <mutex>               // for std::mutex
#include <optional>            // for std::optional
#include <set>                 // for std::set
#include <thread>              // for std::thread
#include <vector>              // for std::vector

#include "royong/error.hpp"
#include "royong/sync.hpp"
#include "support/eventually.hpp"
#include "support/process_tree.hpp"

namespace royong {
namespace {

using namespace std::chrono_literals;
using royong_test::eventually;
using royong_test::until_asleep;

/// A call: what to do, by whom, and a number for it.
struct Call {
  int what = 0;
  int who = 0;
  int number = 0;
};

std::ostream& operator<<(std::ostream& out, const Call& call) {
  return out << "{" << call.what << " by " << call.who << ", " << call.number << "}";
}

constexpr int actors = 3;

rc::Gen<std::vector<Call>> any_calls(int kinds) {
  return rc::gen::container<std::vector<Call>>(
      rc::gen::build<Call>(rc::gen::set(&Call::what, rc::gen::inRange(0, kinds)),
                           rc::gen::set(&Call::who, rc::gen::inRange(0, actors)),
                           rc::gen::set(&Call::number, rc::gen::inRange(-1, 5))));
}

/// A thread that does what it is told, one thing after the other.
class Actor {
 public:
  Actor() : thread_([this] { run(); }) {}
  ~Actor() {
    begin(nullptr);
    thread_.join();
  }
  Actor(const Actor&) = delete;
  Actor& operator=(const Actor&) = delete;

  /// Begins something that may wait.
  void begin(std::function<void()> job) {
    const std::lock_guard lock(mutex_);
    job_ = std::move(job);
    busy_ = true;
    changed_.notify_all();
  }
  bool busy() const {
    const std::lock_guard lock(mutex_);
    return busy_;
  }
  void finish() const {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return !busy_; });
  }
  /// Does something that does not wait. @return what it returns
  template <class F>
  auto operator()(F f) {
    std::optional<decltype(f())> result;
    begin([&] { result = f(); });
    finish();
    return *result;
  }

 private:
  void run() {
    std::unique_lock lock(mutex_);
    for (;;) {
      changed_.wait(lock, [&] { return busy_; });
      if (!job_) return;
      lock.unlock();
      job_();
      lock.lock();
      busy_ = false;
      changed_.notify_all();
    }
  }

  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  std::function<void()> job_;
  bool busy_ = false;
  std::thread thread_;
};

using Cast = std::array<Actor, actors>;

/// Whether the call is refused with a UsageError.
template <class F>
bool refused(F f) {
  try {
    f();
    return false;
  } catch (const UsageError&) {
    return true;
  }
}

TEST(Model, lock) {
  EXPECT_TRUE(rc::check("Lock", [] {
    const Lock lock;
    Cast cast;
    bool taken = false;
    for (const Call& call : *any_calls(3)) {
      Actor& actor = cast.at(static_cast<std::size_t>(call.who));
      if (call.what == 0) {
        RC_ASSERT(actor([&] { return lock.acquire(false); }) == !taken);
        taken = true;
      } else if (call.what == 1) {
        RC_ASSERT(actor([&] { return refused([&] { lock.release(); }); }) == !taken);
        taken = false;
      } else {
        RC_ASSERT(actor([&] { return lock.acquire(1us); }) == !taken);
        taken = true;
      }
      RC_ASSERT(lock.locked() == taken);
    }
  }));
}

TEST(Model, rlock) {
  EXPECT_TRUE(rc::check("RLock", [] {
    const RLock lock;
    Cast cast;
    int owner = -1;
    int depth = 0;
    for (const Call& call : *any_calls(2)) {
      Actor& actor = cast.at(static_cast<std::size_t>(call.who));
      if (call.what == 0) {
        const bool can = owner == -1 || owner == call.who;
        RC_ASSERT(actor([&] { return lock.acquire(false); }) == can);
        if (can) {
          owner = call.who;
          ++depth;
        }
      } else {
        RC_ASSERT(actor([&] { return refused([&] { lock.release(); }); }) == (owner != call.who));
        if (owner == call.who && --depth == 0) owner = -1;
      }
      RC_ASSERT(lock.locked() == (owner != -1));
    }
  }));
}

/// Those of the cast who are inside a call that waits.
class Waiting {
 public:
  explicit Waiting(const Cast& cast) : cast_(cast) {}
  void add(int who) { who_.insert(who); }
  bool has(int who) const { return who_.contains(who); }
  int count() const { return static_cast<int>(who_.size()); }

  /// Returns when this many of them have returned. @return who
  std::set<int> lose(int n) {
    eventually([&] { return static_cast<int>(gone().size()) >= n; });
    const auto lost = gone();
    RC_ASSERT(static_cast<int>(lost.size()) == n);
    for (const int who : lost) who_.erase(who);
    return lost;
  }

 private:
  std::set<int> gone() const {
    std::set<int> result;
    for (const int who : who_) {
      if (!cast_.at(static_cast<std::size_t>(who)).busy()) result.insert(who);
    }
    return result;
  }

  const Cast& cast_;
  std::set<int> who_;
};

/// @param bound -1: none
template <class S>
void semaphore_model(const S& semaphore, int value, int bound) {
  Cast cast;
  Waiting waiting(cast);
  const auto release = [&](Actor& actor, int n) {
    const bool wrong = n < 0 || (bound >= 0 && value + n > bound);
    RC_ASSERT(actor([&] { return refused([&] { semaphore.release(n); }); }) == wrong);
    if (wrong) return;
    // Each permit serves one who waits, whoever that is.
    const int served = std::min(n, waiting.count());
    waiting.lose(served);
    value += n - served;
  };
  for (const Call& call : *any_calls(3)) {
    Actor& actor = cast.at(static_cast<std::size_t>(call.who));
    if (waiting.has(call.who)) continue;
    if (call.what == 0) {
      RC_ASSERT(actor([&] { return semaphore.acquire(false); }) == (value > 0));
      if (value > 0) --value;
    } else if (call.what == 1) {
      release(actor, call.number);
    } else {
      actor.begin([&] { semaphore.acquire(); });
      if (value > 0) {
        actor.finish();
        --value;
      } else {
        waiting.add(call.who);
      }
    }
    RC_ASSERT(semaphore.get_value() == value);
  }
  if (waiting.count() != 0 && value == 0) {
    Actor other;
    while (waiting.count() != 0) release(other, 1);
  }
}

TEST(Model, semaphore) {
  EXPECT_TRUE(rc::check("Semaphore", [] {
    const int value = *rc::gen::inRange(0, 4);
    semaphore_model(Semaphore(value), value, -1);
  }));
  EXPECT_TRUE(rc::check("Semaphore with return_on_death", [] {
    const int value = *rc::gen::inRange(0, 4);
    semaphore_model(Semaphore(value, {.return_on_death = true}), value, -1);
  }));
}

TEST(Model, bounded_semaphore) {
  EXPECT_TRUE(rc::check("BoundedSemaphore", [] {
    const int value = *rc::gen::inRange(1, 4);
    semaphore_model(BoundedSemaphore(value), value, value);
  }));
}

TEST(Model, event) {
  EXPECT_TRUE(rc::check("Event", [] {
    const Event event;
    Cast cast;
    Waiting waiting(cast);
    bool set = false;
    for (const Call& call : *any_calls(4)) {
      Actor& actor = cast.at(static_cast<std::size_t>(call.who));
      if (waiting.has(call.who)) continue;
      switch (call.what) {
        case 0:
          event.set();
          set = true;
          waiting.lose(waiting.count());
          break;
        case 1:
          event.clear();
          set = false;
          break;
        case 2: RC_ASSERT(actor([&] { return event.wait(0s); }) == set); break;
        default:
          if (set) {
            RC_ASSERT(actor([&] { return event.wait(); }));
          } else {
            // Inside before the next call: a set and a clear after that it must not miss.
            std::atomic<pid_t> begun{0};
            actor.begin([&event, &begun] {
              begun = ::gettid();
              event.wait();
            });
            eventually([&] { return begun.load() != 0; });
            until_asleep(begun);
            waiting.add(call.who);
          }
      }
      RC_ASSERT(event.is_set() == set);
    }
    event.set();
    waiting.lose(waiting.count());
  }));
}

/// Waiters in the order of their arrival: a notification is for the first of them.
TEST(Model, condition) {
  EXPECT_TRUE(rc::check("Condition", [] {
    const Condition condition;
    Cast cast;
    Waiting waiting(cast);
    std::deque<int> order;
    int entered = 0;
    for (const Call& call : *any_calls(4)) {
      Actor& actor = cast.at(static_cast<std::size_t>(call.who));
      if (waiting.has(call.who)) continue;
      const auto notify = [&](int n, auto how) {
        RC_ASSERT(actor([&] {
                    const std::scoped_lock guard(condition);
                    return refused(how);
                  }) == (n < 0));
        const auto first =
            std::min<std::size_t>(static_cast<std::size_t>(std::max(n, 0)), order.size());
        const auto meant = std::set<int>(order.begin(), order.begin() + static_cast<int>(first));
        order.erase(order.begin(), order.begin() + static_cast<int>(first));
        RC_ASSERT(waiting.lose(static_cast<int>(first)) == meant);
      };
      switch (call.what) {
        case 0: {
          const int before = entered;
          actor.begin([&, depth = call.number] {
            for (int i = -1; i < depth; ++i) condition.acquire();
            condition.acquire();
            ++entered;
            condition.wait();
            condition.release();
            for (int i = -1; i < depth; ++i) condition.release();
          });
          eventually([&] {
            const std::scoped_lock guard(condition);
            return entered == before + 1;
          });
          waiting.add(call.who);
          order.push_back(call.who);
          break;
        }
        case 1: notify(call.number, [&] { condition.notify(call.number); }); break;
        case 2: notify(actors, [&] { condition.notify_all(); }); break;
        default:
          RC_ASSERT(actor([&] { return refused([&] { condition.notify(); }); }));
          RC_ASSERT(!actor([&] {
            const std::scoped_lock guard(condition);
            return condition.wait(0s);
          }));
      }
    }
    {
      const std::scoped_lock guard(condition);
      condition.notify_all();
    }
    waiting.lose(waiting.count());
    RC_ASSERT(!condition.locked());
  }));
}

TEST(Model, barrier) {
  EXPECT_TRUE(rc::check("Barrier", [] {
    const int parties = *rc::gen::inRange(1, actors + 1);
    const Barrier barrier(parties);
    Cast cast;
    Waiting waiting(cast);
    std::array<std::atomic<int>, actors> results{};  // what wait returned; -1: BrokenBarrierError
    std::vector<int> order;
    bool broken = false;
    const auto send_away = [&] {
      for (const int who : waiting.lose(waiting.count())) {
        RC_ASSERT(results[static_cast<std::size_t>(who)] == -1);
      }
      order.clear();
    };
    for (const Call& call : *any_calls(4)) {
      Actor& actor = cast.at(static_cast<std::size_t>(call.who));
      std::atomic<int>& result = results[static_cast<std::size_t>(call.who)];
      if (waiting.has(call.who)) continue;
      const auto wait = [&barrier, &result](Timeout timeout) {
        try {
          result = barrier.wait(timeout);
        } catch (const BrokenBarrierError&) {
          result = -1;
        }
        return result.load();
      };
      const bool last = static_cast<int>(order.size()) + 1 == parties;
      switch (call.what) {
        case 0:
        case 1: {
          const Timeout timeout = call.what == 0 ? forever : Timeout(0s);
          if (broken) {
            RC_ASSERT(actor([&] { return wait(timeout); }) == -1);
          } else if (last) {
            RC_ASSERT(actor([&] { return wait(timeout); }) == parties - 1);
            waiting.lose(waiting.count());
            for (std::size_t i = 0; i < order.size(); ++i) {
              RC_ASSERT(results[static_cast<std::size_t>(order[i])] == static_cast<int>(i));
            }
            order.clear();
          } else if (call.what == 1) {
            RC_ASSERT(actor([&] { return wait(timeout); }) == -1);
            broken = true;
            send_away();
          } else {
            actor.begin([wait] { wait(forever); });
            order.push_back(call.who);
            waiting.add(call.who);
            eventually([&] { return barrier.n_waiting() == waiting.count(); });
          }
          break;
        }
        case 2:
          barrier.reset();
          broken = false;
          send_away();
          break;
        default:
          barrier.abort();
          broken = true;
          send_away();
      }
      RC_ASSERT(barrier.broken() == broken);
      RC_ASSERT(barrier.n_waiting() == waiting.count());
    }
    barrier.abort();
    send_away();
  }));
}

}  // namespace
}  // namespace royong
