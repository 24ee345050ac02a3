// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief A thread pool as textbooks have it: one queue, one mutex, one condition variable, std::future.
 */
#pragma once

#include <condition_variable>  // for std::condition_variable
#include <deque>               // for std::deque
#include <functional>          // for std::function
#include <future>              // for std::future, std::packaged_task
#include <memory>              // for std::make_shared
#include <mutex>               // for std::mutex
#include <thread>              // for std::thread
#include <type_traits>         // for std::invoke_result_t
#include <utility>             // for std::move
#include <vector>              // for std::vector

namespace royong_bench {

class ThreadPool {
 public:
  explicit ThreadPool(int threads) {
    for (int i = 0; i < threads; ++i) threads_.emplace_back([this] { serve(); });
  }
  ~ThreadPool() {
    {
      const std::scoped_lock lock(mutex_);
      closed_ = true;
    }
    changed_.notify_all();
    for (auto& thread : threads_) thread.join();
  }
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  template <class F>
  std::future<std::invoke_result_t<F>> submit(F f) {
    auto task = std::make_shared<std::packaged_task<std::invoke_result_t<F>()>>(std::move(f));
    auto future = task->get_future();
    {
      const std::scoped_lock lock(mutex_);
      tasks_.emplace_back([task] { (*task)(); });
    }
    changed_.notify_one();
    return future;
  }

 private:
  void serve() {
    for (;;) {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return closed_ || !tasks_.empty(); });
      if (tasks_.empty()) return;
      const auto task = std::move(tasks_.front());
      tasks_.pop_front();
      lock.unlock();
      task();
    }
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> tasks_;
  bool closed_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace royong_bench
