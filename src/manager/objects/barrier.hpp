// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief ServedBarrier: what a ManagerBarrier stands for, in the server. Used by the server's one thread.
 */
#pragma once

#include "royong/detail/config.hpp"
#include "royong/detail/manager/objects/packed.hpp"
#include "royong/detail/manager/served.hpp"
#include "royong/detail/manager/waiting_line.hpp"
#include "royong/manager/barrier.hpp"
#include "royong/timeout.hpp"

namespace royong::inline v0::detail {

/** @brief Parties that wait for each other: those in line have arrived, and are never all of them.
 *
 *  The action runs while all but the last are in line. It may call anything of this server, the barrier too: what it aborts or resets is not passed.
 */
class ROYONG_API ServedBarrier : public Served<ServedBarrier> {
 public:
  /// @param timeout of each `wait` that names none @throws UsageError fewer parties than one
  ServedBarrier(int parties, Timeout timeout);
  /// @param action what write_call wrote: runs when the last has arrived
  ServedBarrier(int parties, PackedBytes action, Timeout timeout);

  /// Answers which of the parties this is, in the order of arrival. Fails with BrokenBarrierError; of the last one with what the action throws.
  void wait(Answer<int> answer);
  void wait_for(Answer<int> answer, Timeout timeout);
  void reset();
  void abort();
  int parties() const noexcept { return parties_; }
  int n_waiting() const noexcept { return static_cast<int>(line_.size()); }
  bool broken() const noexcept { return broken_; }
  /// A party that was here breaks the barrier.
  void forget(SessionId gone) noexcept override;
  void cancel(const CallId& call) noexcept override { line_.cancel(call); }

  using Keeping = OperationList<>;
  using Operations =
      OperationList<&ServedBarrier::wait, &ServedBarrier::wait_for, &ServedBarrier::reset,
                    &ServedBarrier::abort, &ServedBarrier::parties, &ServedBarrier::n_waiting,
                    &ServedBarrier::broken>;

 private:
  void send_away() noexcept;
  void run_action();

  const int parties_;
  const PackedBytes action_;  ///< empty: none
  const Timeout timeout_;
  bool broken_ = false;
  bool acting_ = false;  ///< until the action has returned, or the round it runs for is over
  WaitingLine<int> line_;
};

}  // namespace royong::inline v0::detail
