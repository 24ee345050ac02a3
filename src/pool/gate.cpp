// SPDX-License-Identifier: Apache-2.0
#include "royong/detail/gate.hpp"

#include <utility>

namespace royong::inline v0::detail {

Gate::Gate(std::vector<TaskState*> states)
    : states_(std::move(states)),
      hooks_(std::make_unique<Hook[]>(states_.size())),
      remaining_(states_.size()) {
  ended_.reserve(states_.size());  // `note` must not throw
  for (std::size_t i = 0; i < states_.size(); ++i) {
    TaskState& state = *states_[i];
    hooks_[i].gate = this;
    if (state.has_ended() || !state.engine()->add_hook(state, hooks_[i])) note(hooks_[i]);
  }
}

Gate::~Gate() {
  for (std::size_t i = 0; i < states_.size(); ++i) {
    // Also one that has ended: its engine may be about to call the hook.
    if (remaining_ != 0) states_[i]->engine()->remove_hook(*states_[i], hooks_[i]);
  }
}

void Gate::note(const Hook& hook) noexcept {
  std::lock_guard lock(mutex_);
  ended_.push_back(static_cast<std::size_t>(&hook - hooks_.get()));
  flag_.store(1, std::memory_order_release);
  if (waiting_in_ != nullptr) waiting_in_->nudge();
}

std::optional<std::size_t> Gate::next(Timeout::Clock::time_point deadline) {
  while (remaining_ != 0) {
    TaskEngine* engine = some_engine();
    {
      std::lock_guard lock(mutex_);
      if (told_ != ended_.size()) {
        --remaining_;
        return ended_[told_++];
      }
      flag_.store(0, std::memory_order_relaxed);
      waiting_in_ = engine;
    }
    const bool more = engine == nullptr || engine->wait(flag_, nullptr, deadline);
    std::lock_guard lock(mutex_);
    waiting_in_ = nullptr;
    if (!more && told_ == ended_.size()) return std::nullopt;
  }
  return std::nullopt;
}

/// The engine of the first task that has not ended.
TaskEngine* Gate::some_engine() {
  while (first_live_ < states_.size() && states_[first_live_]->has_ended()) ++first_live_;
  return first_live_ < states_.size() ? states_[first_live_]->engine() : nullptr;
}

}  // namespace royong::inline v0::detail
