// SPDX-License-Identifier: Apache-2.0
// The pools of this process: what its exit and its forks mean for them.
#include <pthread.h>

#include <algorithm>
#include <mutex>
#include <vector>

#include "pool/core.hpp"
#include "process/exit.hpp"

namespace royong::inline v0::detail {
namespace {

std::atomic<unsigned> forks{0};

struct Registry {
  std::mutex mutex;
  std::vector<PoolImpl*> pools;
  unsigned generation = 0;
};

/// Never destroyed: pools of static storage end after everything else.
Registry& registry() {
  static auto* one = new Registry;
  return *one;
}

/// A pool that is alive when the program exits is terminated: its workers are no children to be
/// waited for.
void end_pools() noexcept {
  Registry& all = registry();
  if (all.generation != fork_generation()) return;
  std::vector<StateRef<PoolImpl>> pools;
  {
    std::lock_guard lock(all.mutex);
    for (PoolImpl* pool : all.pools) {
      if (pool->try_add_reference()) pools.emplace_back(pool);
    }
  }
  for (const auto& pool : pools) pool->end_at_exit();
}

/// In a child of a fork the parent's pools are strangers, and their locks may be held by threads
/// that are not there.
void forget_pools() noexcept { forks.fetch_add(1, std::memory_order_relaxed); }

}  // namespace

unsigned fork_generation() noexcept { return forks.load(std::memory_order_relaxed); }

void register_pool(PoolImpl& pool) {
  static const bool once = [] {
    ::pthread_atfork(nullptr, nullptr, forget_pools);
    add_exit_hook(end_pools);
    return true;
  }();
  (void)once;
  Registry& all = registry();
  if (all.generation != fork_generation()) {
    ::new (&all) Registry;  // the parent's list, and its lock, whose owner is not here
    all.generation = fork_generation();
  }
  std::lock_guard lock(all.mutex);
  all.pools.push_back(&pool);
}

void unregister_pool(PoolImpl& pool) noexcept {
  Registry& all = registry();
  if (all.generation != fork_generation()) return;
  std::lock_guard lock(all.mutex);
  std::erase(all.pools, &pool);
}

}  // namespace royong::inline v0::detail
