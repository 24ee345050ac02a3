// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief Processes that are killed while a call of theirs waits in a manager's server.
 *
 *  A client starts its waiting call without waiting for it and then sets an event: both go through one session, so the call waits in the server when the event is
 *  set.
 */
#pragma once

#include <gtest/gtest.h>

#include <csignal>  // for SIGKILL
#include <utility>  // for std::forward

#include "royong/future.hpp"
#include "royong/manager.hpp"
#include "royong/process.hpp"
#include "royong/sync.hpp"

namespace royong_test {

/// A proxy whose calls may be started without waiting for them.
template <class P>
struct Parked : P {
  using Object = typename P::ServedClass;
  explicit Parked(const P& proxy) : P(proxy) {}
  template <auto Member, class... A>
  auto start(A&&... arguments) const {
    return this->template invoke_async<Member>(std::forward<A>(arguments)...);
  }
};

/// Tells that the call waits, waits with it, and then for ever.
template <class R>
void stay(const royong::ManagerEvent& parked, const royong::Future<R>& call) {
  parked.set();
  call.wait();
  royong::Event().wait();
}

/// A process that has a call parked in the server.
class Victim {
 public:
  template <class F, class... A>
  Victim(const royong::Manager& manager, F f, A... arguments)
      : parked_(manager.event()), process_(f, parked_, arguments...) {
    process_.start();
    parked_.wait();
  }
  void kill() {
    process_.kill();
    process_.join();
    EXPECT_EQ(process_.exitcode(), -SIGKILL);
  }

 private:
  royong::ManagerEvent parked_;
  royong::Process process_;
};

}  // namespace royong_test
