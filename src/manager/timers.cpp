// SPDX-License-Identifier: Apache-2.0
#include "royong/detail/manager/timers.hpp"

#include <utility>  // for std::move

namespace royong::inline v0::detail {

Timers::Id Timers::add(Instant when, std::function<void()> run) {
  if (when == Instant::max()) return 0;
  const Id id = ++last_;
  const auto [at, is_new] = queue_.try_emplace({when, id}, std::move(run));
  try {
    instants_.emplace(id, when);
  } catch (...) {
    queue_.erase(at);
    throw;
  }
  return id;
}

void Timers::cancel(Id id) noexcept {
  const auto found = instants_.find(id);
  if (found == instants_.end()) return;
  queue_.erase({found->second, id});
  instants_.erase(found);
}

Timers::Instant Timers::next() const noexcept {
  return queue_.empty() ? Instant::max() : queue_.begin()->first.first;
}

std::size_t Timers::run_due(Instant now) {
  std::size_t count = 0;
  while (!queue_.empty() && queue_.begin()->first.first <= now) {
    auto entry = queue_.extract(queue_.begin());
    instants_.erase(entry.key().second);
    ++count;
    entry.mapped()();
  }
  return count;
}

}  // namespace royong::inline v0::detail
