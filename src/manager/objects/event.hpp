// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief ServedEvent: what a ManagerEvent stands for, in the server. Used by the server's one thread.
 */
#pragma once

#include "royong/detail/config.hpp"
#include "royong/detail/manager/served.hpp"
#include "royong/detail/manager/waiting_line.hpp"
#include "royong/manager/event.hpp"
#include "royong/timeout.hpp"

namespace royong::inline v0::detail {

/// A flag. Nobody waits while it is set.
class ROYONG_API ServedEvent : public Served<ServedEvent> {
 public:
  void set();
  void clear() noexcept { is_set_ = false; }
  bool is_set() const noexcept { return is_set_; }
  /// Answers whether it was set in time.
  void wait(Answer<bool> answer, Timeout timeout);
  void forget(SessionId gone) noexcept override { line_.forget(gone); }
  void cancel(const CallId& call) noexcept override { line_.cancel(call); }

  using Keeping = OperationList<>;
  using Operations = OperationList<&ServedEvent::set, &ServedEvent::clear, &ServedEvent::is_set,
                                   &ServedEvent::wait>;

 private:
  bool is_set_ = false;
  WaitingLine<bool> line_;
};

}  // namespace royong::inline v0::detail
