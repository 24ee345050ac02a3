// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief ManagerPool: a pool of workers in a manager's server.
 */
#pragma once

#include <algorithm>    // for std::min, std::max
#include <cstddef>      // for std::size_t
#include <ranges>       // for std::ranges::input_range
#include <type_traits>  // for std::is_void_v
#include <utility>      // for std::forward
#include <vector>       // for std::vector

#include "royong/detail/call.hpp"
#include "royong/detail/config.hpp"
#include "royong/detail/manager/objects/packed.hpp"
#include "royong/detail/manager/objects/snapshot.hpp"
#include "royong/detail/manager/proxy_base.hpp"
#include "royong/future.hpp"
#include "royong/timeout.hpp"

namespace royong::inline v0 {

namespace detail {

class ROYONG_API ServedPool;  // in the server: src/manager/objects/pool.hpp
template <>
struct ROYONG_API Kind<ServedPool> {
  static const ServedType& type() noexcept;
  static TargetRef make(StateRef<Session> session, int processes);
};

/// The state behind the future of a task in a manager's pool: its result comes as bytes within the answer's.
template <class R>
class PooledState final : public AnswerState<R> {
 protected:
  R produce() override {
    const auto packed = this->read_answer(&decode<PackedBytes>);
    Reader in(packed.bytes());
    return in.template read<R>();
  }
};
template <>
class PooledState<void> final : public AnswerState<void> {};

/// What `ManagerPool::map` sends: some elements of the range at a time.
template <class F, class T>
struct MapPart {
  F function;
  auto operator()(const std::vector<T>& elements) const {
    using R = std::decay_t<std::invoke_result_t<const F&, const T&>>;
    if constexpr (std::is_void_v<R>) {
      for (const T& element : elements) function(element);
    } else {
      std::vector<R> results;
      results.reserve(elements.size());
      for (const T& element : elements) results.push_back(function(element));
      return results;
    }
  }
};

}  // namespace detail

/** @brief A pool of workers that processes share: it lives in a manager's server, and ends with the last proxy. Made by `Manager::pool(n)`.
 *
 *  A proxy: a value whose copies refer to the one pool. Functions, arguments and results travel as with Pool; the program is one, so a pool of another program's manager is `UsageError` or
 *  `TransferError` to use. A Pool of one's own is faster: here each task passes through the server.
 *
 *  **Errors.** As ManagerDict's. After `close` or `terminate` tasks are `UsageError`. What a task throws its caller gets as itself.
 *
 *  **Threads and processes.** Every member may be called by any thread of any process at any time. A future belongs to the process that made it; `cancel` takes away a task that no worker has begun.
 *
 *  **If the peer dies.** A worker's death fails the task that it was running with `WorkerDied`, and the worker is replaced. A client's death does not stop its tasks; their results are dropped. The server's death
 *  ends its workers and every call with `EndOfFile`.
 *
 *  Example: examples/manager_pool.cpp
 */
class ROYONG_API ManagerPool : public detail::ProxyOf<detail::ServedPool> {
 public:
  using detail::ProxyOf<detail::ServedPool>::ProxyOf;

  /// Runs `f(args...)` in a worker. @return its result @throws what it throws; WorkerDied
  template <class F, class... A>
  auto apply(const F& f, A&&... arguments) const {
    return apply_async(f, std::forward<A>(arguments)...).get();
  }
  /// Hands `f(args...)` to a worker.
  template <class F, class... A>
  auto apply_async(const F& f, A&&... arguments) const {
    using Function = std::decay_t<const F>;
    if constexpr (detail::require_call<Function, A...>()) {
      using R = detail::CallResult<Function, A...>;
      detail::Writer task(detail::Transit::argument);
      detail::write_call(task, f, std::forward<A>(arguments)...);
      detail::StateRef<detail::ResultState<R>> state(new detail::PooledState<R>);
      start(task, *state);
      return detail::FutureAccess::make<R>(std::move(state));
    }
  }
  /** @brief Calls `f` for each element of a range, in the workers, some elements at a time.
   *  @return the results in order; void for a function that returns nothing
   *  @throws the first exception in the order of the elements
   */
  template <class F, std::ranges::input_range Range>
  auto map(const F& f, Range&& range) const {
    using Function = std::decay_t<const F>;
    using T = std::ranges::range_value_t<Range>;
    if constexpr (detail::require_call<Function, const T&>()) {
      using R = detail::CallResult<Function, const T&>;
      const detail::MapPart<Function, T> part{f};
      using Part = detail::CallResult<detail::MapPart<Function, T>, std::vector<T>>;
      std::vector<T> elements = detail::collect<T>(std::forward<Range>(range));
      std::vector<Future<Part>> parts;
      // A few for each worker: their lengths even out.
      const std::size_t wanted = static_cast<std::size_t>(size()) * 4;
      const std::size_t length = std::max<std::size_t>(1, (elements.size() + wanted - 1) / wanted);
      for (std::size_t begin = 0; begin < elements.size(); begin += length) {
        const std::size_t end = std::min(elements.size(), begin + length);
        const auto first = elements.begin() + static_cast<std::ptrdiff_t>(begin);
        parts.push_back(apply_async(
            part, std::vector<T>(first, first + static_cast<std::ptrdiff_t>(end - begin))));
      }
      if constexpr (std::is_void_v<R>) {
        for (auto& done : parts) done.get();
      } else {
        std::vector<R> results;
        for (auto& done : parts) {
          for (auto&& result : std::move(done).get()) results.push_back(std::move(result));
        }
        return results;
      }
    }
  }

  /// No more tasks. What was submitted runs to its end; then the workers end. Repeatable.
  void close() const;
  /// Ends the workers at once; tasks that have not ended are cancelled. Does not wait.
  void terminate() const;
  /// Waits until all tasks have ended. @return whether they have @throws UsageError neither closed nor terminated
  bool join(Timeout timeout = forever) const;
  /// Number of workers.
  int size() const;

 private:
  /// Sends a task, whose answer `state` gets.
  void start(detail::Writer& task, detail::TaskState& state) const;
};

}  // namespace royong::inline v0
