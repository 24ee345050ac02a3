// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief ServedPool: what a ManagerPool stands for, in the server: a Pool whose tasks are told to the server's loop when they have ended.
 */
#pragma once

#include <memory>  // for std::unique_ptr

#include "royong/detail/config.hpp"
#include "royong/detail/manager/objects/packed.hpp"
#include "royong/detail/manager/proxy_base.hpp"
#include "royong/detail/manager/served.hpp"
#include "royong/manager/pool.hpp"
#include "royong/timeout.hpp"

namespace royong::inline v0::detail {

/// Calls the loop: a proxy of the pool that its tasks hold, so that it lives until they have ended.
class ROYONG_API PoolWaker : public ProxyOf<ServedPool> {
 public:
  using ProxyOf<ServedPool>::ProxyOf;
  /// Not from the loop.
  void wake() const noexcept;
};

/** @brief A pool, in the server's process.
 *
 *  A task ends on a thread of the pool. It is laid into a list there, and who lays the first one calls `wake`, as a client of this server: so answers are given by the loop alone.
 */
class ROYONG_API ServedPool : public Served<ServedPool> {
 public:
  /// @param processes workers; 0: one for each processor @throws as Pool
  explicit ServedPool(int processes);
  ~ServedPool() override;

  /// Runs a call of this program in a worker; answers with its result. @throws UsageError the pool is closed
  void run(Answer<PackedBytes> answer, PoolWaker self, PackedBytes call);
  /// Gives the answers of what has ended.
  void wake();
  void close();
  void terminate();
  /// Answers whether all tasks had ended in time. @throws UsageError neither closed nor terminated
  void join(Answer<bool> answer, Timeout timeout);
  int size() const;
  void forget(SessionId gone) noexcept override;
  /// A task that no worker has begun.
  void cancel(const CallId& call) noexcept override;

  static constexpr bool is_for_strangers = false;
  using Operations = OperationList<&ServedPool::run, &ServedPool::wake, &ServedPool::close,
                                   &ServedPool::terminate, &ServedPool::join, &ServedPool::size>;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace royong::inline v0::detail
