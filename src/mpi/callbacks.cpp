// SPDX-License-Identifier: Apache-2.0
#include "mpi/callbacks.hpp"

#include <spdlog/spdlog.h>

#include <functional>  // for std::function
#include <utility>     // for std::move, std::swap

#include "mpi/messages.hpp"
#include "os/quiet_thread.hpp"
#include "royong/logging.hpp"

namespace royong::inline v0::mpi {

void Callbacks::add(std::unique_ptr<royong::detail::Callback> callback) {
  std::lock_guard lock(state_->mutex);
  state_->queue.push_back(std::move(callback));
  if (!thread_.joinable()) {
    state_->stop = false;
    thread_ = os::start_quiet_thread([state = state_] { run(*state); });
  } else {
    state_->wake.notify_one();
  }
}

void Callbacks::stop() noexcept {
  std::thread thread;
  {
    std::lock_guard lock(state_->mutex);
    state_->stop = true;
    state_->wake.notify_one();
    std::swap(thread, thread_);
  }
  if (!thread.joinable()) return;
  if (thread.get_id() == std::this_thread::get_id()) {
    thread.detach();
  } else {
    thread.join();
  }
}

void Callbacks::run(State& state) {
  std::unique_lock lock(state.mutex);
  for (;;) {
    state.wake.wait(lock, [&] { return !state.queue.empty() || state.stop; });
    if (state.queue.empty()) return;
    auto callback = std::move(state.queue.front());
    state.queue.pop_front();
    lock.unlock();
    try {
      callback->run();
    } catch (...) {
      get_logger()->error("a callback of a future failed: {}", text_of(std::current_exception()));
    }
    callback.reset();
    lock.lock();
  }
}

}  // namespace royong::inline v0::mpi
