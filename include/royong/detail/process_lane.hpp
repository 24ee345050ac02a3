// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief Lanes: how the calls of a pool travel to its workers; here to those that are processes.
 *
 *      submit(pool, options, f, args...)       a call. @return its future
 *      map<How>(f, range, use)                 use(form, count): a map that is waited for; see Forms in map.hpp
 *      map_later<How>(f, range, use)           the same for a map that outlives the call
 *      parallel_for(pool, options, n, f, args...)
 *      accepts<F, In>()                        whether a lazy form can call f with such elements
 *      Result<F, In>, submit_chunk, take       the chunks of a lazy form
 */
#pragma once

#include <cstdint>      // for std::uint64_t
#include <deque>        // for std::deque
#include <type_traits>  // for std::is_same_v
#include <utility>      // for std::forward
#include <vector>       // for std::vector

#include "royong/detail/map.hpp"

namespace royong::inline v0::detail {

/// @tparam InBlocks elements may lie in blocks of the arena, because the workers are on this machine
template <bool InBlocks>
struct ProcessLane {
  template <class F, class... Args>
  static auto submit(PoolCore& pool, const TaskOptions* options, F&& f, Args&&... args) {
    return submit_call(pool, options, f, std::forward<Args>(args)...);
  }

  template <class How, class F, class Range, class Use>
  static auto map(const F& function, Range& range, Use use) {
    if constexpr (std::is_same_v<How, CallWithTuple>) {
      return with_starmap_form<F>(function, range, use);
    } else {
      return with_map_form<F, InBlocks>(function, range, use);
    }
  }
  template <class How, class F, class Range, class Use>
  static auto map_later(const F& function, Range&& range, Use use) {
    return map<How, F>(function, range, use);
  }

  template <class F, class... Args>
  static void parallel_for(PoolCore& pool, const MapOptions& options, std::size_t n,
                           const F& function, const Args&... args) {
    if constexpr (require_call<F, std::size_t, std::size_t, const Args&...>())
      run_form(pool, options, n, IndexForm<F, Args...>{function, {args...}});
  }

  template <class F, class In>
  static consteval bool accepts() {
    return require_call<F, const In&>();
  }
  template <class F, class In>
  using Result = CallResult<F, const In&>;

  template <class F, class In>
  static StateRef<TaskState> submit_chunk(PoolCore& pool, const TaskOptions& options,
                                          const F& function, std::vector<In>&& elements) {
    CallWriter call(pool);
    call.write_plain(thunk_id<&run_chunk<F, const In&>>().bits);
    encode_callable(call, function);
    call.write_plain(static_cast<std::uint64_t>(elements.size()));
    for (const In& element : elements) write_arguments<F>(call, element);
    auto state = make_state<void>(&options);
    pool.submit(*state, call);
    return StateRef<TaskState>(state.take());
  }
  template <class R>
  static void take(const Chunk& chunk, std::deque<R>& results) {
    read_chunk<R>(*chunk.state, chunk.elements, results);
  }
};

}  // namespace royong::inline v0::detail
