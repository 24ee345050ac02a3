// SPDX-License-Identifier: Apache-2.0
#include "manager/tracebacks.hpp"

#include <utility>  // for std::move, std::exchange

#include "logging/log.hpp"
#include "os/quiet_thread.hpp"

namespace royong::inline v0::manager {

Tracebacks::Tracebacks(std::function<void()> wake, Describe describe)
    : wake_(std::move(wake)), describe_(std::move(describe)) {}

Tracebacks::~Tracebacks() { stop(); }

void Tracebacks::describe(Frames frames, Answer answer) {
  if (const auto found = known_.find(frames); found != known_.end()) return answer(found->second);
  if (waiting_answers_ == most_waiting) return answer({});
  try {
    if (!thread_.joinable()) thread_ = os::start_quiet_thread([this] { work(); });
    const auto [entry, is_new] = waiting_.try_emplace(frames);
    if (is_new) {
      const std::lock_guard lock(mutex_);
      wanted_.push_back(std::move(frames));
      changed_.notify_all();
    }
    entry->second.push_back(answer);
    ++waiting_answers_;
  } catch (const std::exception& error) {
    detail::warn("an exception goes without its traceback: {}", error.what());
    answer({});
  }
}

bool Tracebacks::run_answers() {
  // acquire is the lock's: this is only the hint that it is worth taking.
  if (!has_made_.load(std::memory_order_relaxed)) return false;
  std::vector<std::pair<Frames, std::string>> made;
  {
    const std::lock_guard lock(mutex_);
    made.swap(made_);
    has_made_.store(false, std::memory_order_relaxed);
  }
  for (auto& [frames, text] : made) {
    auto entry = waiting_.extract(frames);
    if (entry.empty()) continue;
    waiting_answers_ -= entry.mapped().size();
    for (const Answer& answer : entry.mapped()) answer(text);
    if (known_.size() == most_known) known_.clear();
    known_.insert_or_assign(std::move(frames), std::move(text));
  }
  return true;
}

void Tracebacks::finish() {
  stop();
  run_answers();
}

void Tracebacks::stop() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
    changed_.notify_all();
  }
  thread_.join();
  ending_ = false;
}

void Tracebacks::work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [&] { return ending_ || !wanted_.empty(); });
    if (wanted_.empty()) return;
    for (auto& frames : std::exchange(wanted_, {})) {
      lock.unlock();
      std::string text;
      try {
        text = describe_(frames);
      } catch (const std::exception& error) {
        detail::warn("an exception goes without its traceback: {}", error.what());
      }
      lock.lock();
      made_.emplace_back(std::move(frames), std::move(text));
      has_made_.store(true, std::memory_order_relaxed);
      lock.unlock();
      wake_();
      lock.lock();
    }
  }
}

}  // namespace royong::inline v0::manager
