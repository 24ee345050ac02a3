// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief ServedSemaphore, ServedBoundedSemaphore: permits, in the server. Used by the server's one thread.
 */
#pragma once

#include <map>  // for std::map

#include "royong/detail/config.hpp"
#include "royong/detail/manager/served.hpp"
#include "royong/detail/manager/waiting_line.hpp"
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

 private:
  const char* const name_;
  int free_;
  WaitingLine<bool> line_;
};

/// A Semaphore: who releases need not have acquired, and nothing comes back by itself.
class ROYONG_API ServedSemaphore : public Served<ServedSemaphore> {
 public:
  /// @throws UsageError the value is negative
  explicit ServedSemaphore(int value) : permits_(value, "ManagerSemaphore") {}

  void acquire(Answer<bool> answer, Timeout timeout);
  /// @throws UsageError n is negative, or there would be too many
  void release(int n);
  int get_value() const noexcept { return permits_.free(); }
  void forget(SessionId gone) noexcept override { permits_.forget(gone); }

  using Operations = OperationList<&ServedSemaphore::acquire, &ServedSemaphore::release,
                                   &ServedSemaphore::get_value>;

 private:
  Permits permits_;
};

/** @brief A BoundedSemaphore: knows how many permits each client holds.
 *
 *  The free ones and those in `held_` are always as many as at the beginning. A permit is a client's from the moment its answer is given.
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

  using Operations =
      OperationList<&ServedBoundedSemaphore::acquire, &ServedBoundedSemaphore::release,
                    &ServedBoundedSemaphore::get_value>;

 private:
  void hand_out();

  Permits permits_;
  const int value_;
  std::map<SessionId, int> held_;  // more than 0 each
};

}  // namespace royong::inline v0::detail
