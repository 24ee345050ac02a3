// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief WaitingThread: a thread that is about to wait, for tests that end the waits of others.
 */
#pragma once

#include <sys/types.h>
#include <unistd.h>

#include <atomic>   // for std::atomic
#include <thread>   // for std::thread
#include <utility>  // for std::move

#include "support/eventually.hpp"
#include "support/process_tree.hpp"

namespace royong_test {

/// A thread that is about to wait for something.
class WaitingThread {
 public:
  template <class F>
  explicit WaitingThread(F body)
      : thread_([this, body = std::move(body)] {
          id_ = ::gettid();
          body();
        }) {}
  WaitingThread(const WaitingThread&) = delete;
  WaitingThread& operator=(const WaitingThread&) = delete;
  ~WaitingThread() {
    if (thread_.joinable()) thread_.join();
  }

  /// It waits, or has ended by mistake, which its own expectations tell.
  void until_asleep() const {
    eventually([&] { return id_ != 0; });
    royong_test::until_asleep(id_);
  }
  void join() { thread_.join(); }
  std::thread::native_handle_type native_handle() { return thread_.native_handle(); }

 private:
  std::atomic<pid_t> id_{0};
  std::thread thread_;
};

}  // namespace royong_test
