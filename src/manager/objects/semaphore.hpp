// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief ServedSemaphore, ServedBoundedSemaphore: permits, in the server. Used by the server's one thread.
 */
#pragma once

#include <map>  // for std::map

#include "royong/detail/config.hpp"
#include "royong/detail/manager/served.hpp"
#include "royong/detail/manager/waiting_line.hpp"
#include "royong/manager/semaphore.hpp"
#include "royong/semaphore.hpp"
#include "royong/timeout.hpp"

namespace royong::inline v0::detail {

/// A counter that may be waited for. Nobody waits while a permit is free.
class ROYONG_API Permits {
 public:
  /// @throws UsageError it is negative
  Permits(int value, const char* name);

  int free() const noexcept { return free_; }
  const char* name() const noexcept { return name_; }
  /// Takes one if there is one.
  bool take() noexcept;
  /// Parks a call until there is one.
  void wait(Answer<bool> answer, Timeout timeout);
  /// Gives the first in line a permit, while both are there. @return who got it; 0: nobody
  SessionId hand_out();
  void add(int n) noexcept { free_ += n; }
  void forget(SessionId gone) noexcept { line_.forget(gone); }
  void cancel(const CallId& call) noexcept { line_.cancel(call); }

 private:
  const char* const name_;
  int free_;
  WaitingLine<bool> line_;
};

/// How many permits each client holds: a permit is a client's from the moment its answer is given.
class ROYONG_API Holders {
 public:
  void take(SessionId taker) { ++held_[taker]; }
  /// Up to `n` of those that this client holds are given back. @return how many
  int give(SessionId holder, int n) noexcept;
  /// Likewise, of the client that came first.
  int give_oldest(int n) noexcept { return held_.empty() ? 0 : give(held_.begin()->first, n); }
  /// All that this client holds. @return how many
  int forget(SessionId gone) noexcept;

 private:
  std::map<SessionId, int> held_;  // more than 0 each
};

/// A Semaphore: who releases need not have acquired, and nothing comes back by itself, unless it was made so.
class ROYONG_API ServedSemaphore : public Served<ServedSemaphore> {
 public:
  /// @throws UsageError the value is negative
  explicit ServedSemaphore(int value, SemaphoreOptions options = {})
      : permits_(value, "ManagerSemaphore"), return_on_death_(options.return_on_death) {}

  void acquire(Answer<bool> answer, Timeout timeout);
  /// With `return_on_death` the caller's own permits go back first; what is beyond them is new. @throws UsageError n is negative, or there would be too many
  void release(const Caller& caller, int n);
  int get_value() const noexcept { return permits_.free(); }
  void forget(SessionId gone) noexcept override;
  void cancel(const CallId& call) noexcept override { permits_.cancel(call); }

  using Keeping = OperationList<>;
  using Operations = OperationList<&ServedSemaphore::acquire, &ServedSemaphore::release,
                                   &ServedSemaphore::get_value>;

 private:
  void took(SessionId taker);
  void hand_out();

  Permits permits_;
  const bool return_on_death_;
  Holders holders_;  // of nobody without `return_on_death`
};

/** @brief A BoundedSemaphore: knows how many permits each client holds.
 *
 *  The free ones and those that are held are always as many as at the beginning.
 */
class ROYONG_API ServedBoundedSemaphore : public Served<ServedBoundedSemaphore> {
 public:
  /// @throws UsageError the value is negative
  explicit ServedBoundedSemaphore(int value)
      : permits_(value, "ManagerBoundedSemaphore"), value_(value) {}

  void acquire(Answer<bool> answer, Timeout timeout);
  /// Of the caller's own permits first, then of the oldest other client's. @throws UsageError n is negative, or more than are taken
  void release(const Caller& caller, int n);
  int get_value() const noexcept { return permits_.free(); }
  void forget(SessionId gone) noexcept override;
  void cancel(const CallId& call) noexcept override { permits_.cancel(call); }

  using Keeping = OperationList<>;
  using Operations =
      OperationList<&ServedBoundedSemaphore::acquire, &ServedBoundedSemaphore::release,
                    &ServedBoundedSemaphore::get_value>;

 private:
  void hand_out();

  Permits permits_;
  const int value_;
  Holders holders_;
};

}  // namespace royong::inline v0::detail
