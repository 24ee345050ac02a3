// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief Waiting until a thread waits: for tests that end the waits of others.
 */
#pragma once

#include <sys/types.h>
#include <unistd.h>

#include <atomic>    // for std::atomic
#include <fstream>   // for std::ifstream
#include <iterator>  // for std::istreambuf_iterator
#include <string>    // for std::string
#include <thread>    // for std::thread
#include <utility>   // for std::move

#include "support/eventually.hpp"

namespace royong_test {

/// Whether the thread (or the first one of a process) is asleep in the kernel, or has ended.
inline bool is_asleep(pid_t thread) {
  std::ifstream file("/proc/" + std::to_string(thread) + "/stat");
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  const auto end_of_name = text.rfind(") ");
  return end_of_name == std::string::npos || text[end_of_name + 2] == 'S' ||
         text[end_of_name + 2] == 'Z';
}

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
    eventually([&] { return id_ != 0 && is_asleep(id_); });
  }
  void join() { thread_.join(); }
  std::thread::native_handle_type native_handle() { return thread_.native_handle(); }

 private:
  std::atomic<pid_t> id_{0};
  std::thread thread_;
};

}  // namespace royong_test
