// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief Child: one process that this process started, from its slot to its exit code.
 */
#pragma once

#include <sys/types.h>

#include <cstdint>     // for std::uint64_t
#include <exception>   // for std::exception_ptr
#include <functional>  // for std::function
#include <memory>      // for std::shared_ptr
#include <mutex>       // for std::mutex
#include <optional>    // for std::optional
#include <string>      // for std::string
#include <vector>      // for std::vector

#include "memory/slots.hpp"
#include "process/launch.hpp"
#include "royong/process.hpp"
#include "royong/timeout.hpp"

namespace royong::inline v0::detail {

/** @brief A started child. Shared by the public handles, the service thread and the pool.
 *
 *  **Its end happens once.** Whoever sees the pidfd readable first (a joiner or the service thread) calls `finish()`: reap, sweep the slot's ledgers,
 *  death broadcast, record the exit code; then the death callback. So `wait` returns when nothing of the child is left, with no hop through another thread.
 */
class Child : public std::enable_shared_from_this<Child> {
 public:
  using OnDeath = std::function<void(Child&)>;

  const std::string& name() const noexcept { return name_; }
  pid_t pid() const noexcept { return process_.pid; }
  memory::Owner slot() const noexcept { return slot_; }
  bool daemon() const noexcept { return daemon_; }
  bool detached() const noexcept { return detached_; }
  int sentinel() const noexcept { return process_.end.get(); }

  /// Whether it has not ended; ends it (finish) when the kernel says it has.
  bool is_alive();
  /// Waits for the end. @return whether it has ended
  bool wait(Timeout::Clock::time_point deadline);
  /// Exit code, -N for signal N; nothing while alive or where the kernel could not tell.
  std::optional<int> exitcode() const;
  /// Sends a signal; nothing happens after the end.
  void signal(int number) const;
  /// Sends SIGTERM, and SIGCONT so that a stopped one takes notice.
  void end_daemon() const;

  /// The end, once: idempotent and thread-safe; returns when everything is done (callback excepted, when another thread runs it).
  void finish();

  /// In a fork of the parent: the child is not ours to wait for.
  void abandon() noexcept;

 private:
  friend class ChildInStart;
  Child() = default;

  /// A thread that waits for the end: while there is one, the service thread need not wake up for it.
  class Waiter {
   public:
    explicit Waiter(Child& child);
    ~Waiter();
    Waiter(const Waiter&) = delete;
    Waiter& operator=(const Waiter&) = delete;

   private:
    Child& child_;
  };

  /// @throws UsageError in a fork of the parent
  void require_parent() const;
  bool poll_end(Timeout::Clock::time_point deadline);
  void watch();
  void unwatch() noexcept;

  std::uint64_t number_ = 0;  // key in the runtime's table
  std::string name_;
  Launched process_;
  pid_t parent_ = 0;
  memory::Owner slot_;
  bool daemon_ = false;
  bool detached_ = false;
  std::vector<ObjectRef> kept_;  // arguments' handles
  OnDeath on_death_;
  mutable std::mutex mutex_;  // guards what follows
  int waiters_ = 0;
  bool watched_ = false;
  bool ended_ = false;
  std::optional<int> exitcode_;
};

/** @brief Starts a child by the plan's method (or the default one).
 *
 *  @param on_death runs once after the child has ended and its slot was swept, on the service thread or on a thread that waits for the child; it must
 *         not throw, and must not hold a lock that a caller of `wait` holds.
 *  @throws UsageError no init, or in a child of the user's own fork
 *  @throws std::system_error, ArenaFull  nothing half-started is left
 */
std::shared_ptr<Child> start_child(ProcessPlan plan, Child::OnDeath on_death = {});

struct ChildStart {
  ProcessPlan plan;
  Child::OnDeath on_death;
};
/// Either of them.
struct StartedChild {
  std::shared_ptr<Child> child;
  std::exception_ptr error;
};
/** @brief Starts many at once, as `start_child` would one after the other: the forkserver is asked for all of them before it has answered
 *  for the first.
 *  @return one for each plan, in their order
 */
std::vector<StartedChild> start_children(std::vector<ChildStart> starts);

}  // namespace royong::inline v0::detail
