// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief The map family: many calls of one function in few tasks.
 *
 *  A chunk of elements is one task. In general its call is: thunk | callable | count | arguments of
 *  each element, and its result the results one after the other. Where elements and results are
 *  plain and lie in a row, both lie in one arena block, and the worker computes from its one half
 *  to the other: one copy in, one copy out.
 */
#pragma once

#include <algorithm>    // for std::min
#include <cstring>      // for std::memcpy
#include <deque>        // for std::deque
#include <iterator>     // for std::begin, std::contiguous_iterator
#include <memory>       // for std::to_address
#include <new>          // for placement new
#include <tuple>        // for std::apply
#include <type_traits>  // for std::is_void_v
#include <utility>      // for std::forward
#include <vector>       // for std::vector

#include "royong/detail/call.hpp"
#include "royong/detail/pool_core.hpp"
#include "royong/progress.hpp"

namespace royong::inline v0 {

/// What the functions of the map family may be told.
struct MapOptions {
  int chunksize = 0;  ///< elements of one task; 0: a quarter of each worker's share
  int buffersize =
      0;  ///< lazy forms: elements that may be ahead of the reader; 0: four chunks for each worker
  TaskOptions task{};  ///< `timeout` and `retries` count for each element
  Progress progress{};
};

namespace detail {

/// How many elements a chunk has. @throws UsageError the option is negative
ROYONG_API std::size_t chunk_size(std::size_t elements, int chunksize, int workers);

/** @brief The same for map_reduce, whose inputs differ more, and whose chunks should not be so long
 *  that a death costs
 *  much where deaths are reckoned with.
 */
ROYONG_API std::size_t reduce_chunk_size(std::size_t elements, const MapOptions& options,
                                         int workers);

/// A chunk under way: the task, and how many elements it is for.
struct Chunk {
  StateRef<ResultState<void>> state;
  std::size_t elements = 0;
};

/** @brief Submits the chunks of one call and collects them in order, as the arena's room allows.
 *
 *  Lives on the stack of the caller. `collect(chunk)` gets each chunk that ended with a value.
 */
template <class Collect>
class ChunkRun {
 public:
  ChunkRun(PoolCore& pool, const MapOptions& options, std::size_t elements, Collect collect)
      : pool_(pool), options_(options), collect_(std::move(collect)) {
    options_.progress.start(elements);
  }

  /// An arena block for a chunk; waits for earlier chunks where there is no room. @throws ArenaFull
  TaskBlock block(std::size_t bytes) {
    for (;;) {
      try {
        return TaskBlock(bytes);
      } catch (const ArenaFull&) {
        if (under_way_.empty()) throw;
      }
      collect_first();
    }
  }

  void submit(std::size_t elements, Writer& call, TaskBlock block = {}) {
    for (;;) {
      auto state = make_state<void>(&options_.task);
      if (block.offset() != 0) {
        state->extra().blocks.push_back(std::move(block));
        state->extra().keep_blocks = true;
      }
      try {
        pool_.submit(*state, call);
        under_way_.push_back({std::move(state), elements});
        break;
      } catch (const ArenaFull&) {
        if (under_way_.empty()) throw;
        auto& blocks = state->extra().blocks;  // for the next attempt
        if (!blocks.empty()) block = std::move(blocks.front());
      }
      collect_first();
    }
    while (!under_way_.empty() && under_way_.front().state->has_ended()) collect_first();
  }

  /// Waits for all. @throws the first error
  void finish() {
    while (!under_way_.empty()) collect_first();
    options_.progress.finish();
    if (error_) std::rethrow_exception(error_);
  }

 private:
  void collect_first() {
    Chunk chunk = std::move(under_way_.front());
    under_way_.pop_front();
    chunk.state->wait(forever);
    try {
      if (chunk.state->ending() != Ending::value) chunk.state->rethrow();
      if (!error_) collect_(chunk);
    } catch (...) {
      if (!error_) error_ = std::current_exception();
    }
    done_ += chunk.elements;
    options_.progress.update(done_);
  }

  PoolCore& pool_;
  const MapOptions& options_;
  Collect collect_;
  std::deque<Chunk> under_way_;
  std::size_t done_ = 0;
  std::exception_ptr error_;
};

/// Whether somebody has to know which element is being worked on.
inline bool is_tracked(const TaskOptions& options) {
  return options.retries != 0 || !options.timeout.is_forever();
}

template <class F, class... A>
void run_chunk(Reader& in, Writer& out) {
  F function = decode_callable<F>(in);
  std::uint64_t count = 0;
  in.read_plain(count);
  for (std::uint64_t i = 0; i < count; ++i) {
    begin_element(static_cast<std::uint32_t>(i));
    if constexpr (std::is_void_v<CallResult<F, A...>>) {
      invoke_from<A...>(in, function);
    } else {
      encode(out, invoke_from<A...>(in, function));
    }
  }
}

/// Where the results begin in a block with `count` elements.
template <class In>
constexpr std::size_t results_offset(std::size_t count) {
  return (count * sizeof(In) + 63) & ~std::size_t{63};
}

struct PlainChunk {
  std::uint64_t block;
  std::uint64_t count;
  std::uint64_t tracked;
};

template <class F, class In, class R>
void run_plain_chunk(Reader& in, Writer&) {
  F function = decode_callable<F>(in);
  PlainChunk chunk;
  in.read_plain(chunk);
  const std::size_t size = results_offset<In>(chunk.count) + chunk.count * sizeof(R);
  std::byte* const bytes = task_block(chunk.block, size).data();
  const In* from = reinterpret_cast<const In*>(bytes);
  R* to = reinterpret_cast<R*>(bytes + results_offset<In>(chunk.count));
  if (chunk.tracked == 0) {
    for (std::uint64_t i = 0; i < chunk.count; ++i)
      ::new (static_cast<void*>(to + i)) R(function(from[i]));
  } else {
    for (std::uint64_t i = 0; i < chunk.count; ++i) {
      begin_element(static_cast<std::uint32_t>(i));
      ::new (static_cast<void*>(to + i)) R(function(from[i]));
    }
  }
}

template <class Iterator, class F, class In, class R>
concept BlockwiseMap = std::contiguous_iterator<Iterator> && is_plain<In> && is_plain<R> &&
                       std::is_invocable_v<F&, const In&>;

template <class F, class In, class R>
std::vector<R> map_plain(PoolCore& pool, const MapOptions& options, const F& function,
                         const In* data, std::size_t count) {
  std::vector<R> results;
  results.reserve(count);
  ChunkRun run(pool, options, count, [&](const Chunk& chunk) {
    const std::byte* bytes = chunk.state->extra().blocks.front().data();
    const R* from = reinterpret_cast<const R*>(bytes + results_offset<In>(chunk.elements));
    results.insert(results.end(), from, from + chunk.elements);
  });
  const std::size_t size = chunk_size(count, options.chunksize, pool.size());
  for (std::size_t first = 0; first < count; first += size) {
    const std::size_t elements = std::min(size, count - first);
    TaskBlock block = run.block(results_offset<In>(elements) + elements * sizeof(R));
    std::memcpy(block.data(), data + first, elements * sizeof(In));
    Writer call(Transit::argument);
    call.write_plain(thunk_id<&run_plain_chunk<F, In, R>>().bits);
    encode_callable(call, function);
    call.write_plain(PlainChunk{block.offset(), elements, is_tracked(options.task) ? 1U : 0U});
    run.submit(elements, call, std::move(block));
  }
  run.finish();
  return results;
}

/// What collects the results of a map: a vector, or nothing.
template <class R>
struct Collected {
  using type = std::vector<R>;
};
template <>
struct Collected<void> {
  using type = void;
};

/** @brief The general form: `write(writer, element)` writes the arguments of one element, which are
 *  of the types `A`.
 *  @param count elements between begin and end
 */
template <class F, class... A, class Iterator, class Write>
typename Collected<CallResult<F, A...>>::type map_elements(PoolCore& pool,
                                                           const MapOptions& options,
                                                           const F& function, Iterator element,
                                                           std::size_t count, Write write) {
  using R = CallResult<F, A...>;
  constexpr bool is_void = std::is_void_v<R>;
  std::conditional_t<is_void, std::tuple<>,
                     typename Collected<std::conditional_t<is_void, int, R>>::type>
      results;
  if constexpr (!is_void) results.reserve(count);
  ChunkRun run(pool, options, count, [&](const Chunk& chunk) {
    if constexpr (!is_void) {
      Reader in(chunk.state->bytes());
      for (std::size_t i = 0; i < chunk.elements; ++i) results.push_back(in.read<R>());
    }
  });
  const std::size_t size = chunk_size(count, options.chunksize, pool.size());
  for (std::size_t first = 0; first < count; first += size) {
    const std::size_t elements = std::min(size, count - first);
    Writer call(Transit::argument);
    call.write_plain(thunk_id<&run_chunk<F, A...>>().bits);
    encode_callable(call, function);
    call.write_plain(static_cast<std::uint64_t>(elements));
    for (std::size_t i = 0; i < elements; ++i, ++element) write(call, *element);
    run.submit(elements, call);
  }
  run.finish();
  if constexpr (!is_void) return results;
}

template <class Range>
using ElementOf = std::iter_value_t<decltype(std::begin(std::declval<Range&>()))>;

/// Calls `use(begin, count)`; a range that can be walked once only, or does not know its length, is
/// copied before.
template <class Range, class Use>
decltype(auto) with_elements(Range& range, Use use) {
  using Iterator = decltype(std::begin(range));
  if constexpr (requires { std::size(range); } && std::forward_iterator<Iterator>) {
    return use(std::begin(range), static_cast<std::size_t>(std::size(range)));
  } else {
    std::vector<ElementOf<Range>> copy;
    auto end = std::end(range);
    for (auto i = std::begin(range); i != end; ++i) copy.push_back(*i);
    return use(copy.cbegin(), copy.size());
  }
}

template <class F, class Range>
auto map_range(PoolCore& pool, const MapOptions& options, const F& function, Range& range) {
  using In = ElementOf<Range>;
  if constexpr (require_call<F, const In&>()) {
    return with_elements(range, [&](auto begin, std::size_t count) {
      using R = CallResult<F, const In&>;
      if constexpr (BlockwiseMap<decltype(begin), F, In, R>) {
        return map_plain<F, In, R>(pool, options, function, std::to_address(begin), count);
      } else {
        return map_elements<F, const In&>(
            pool, options, function, begin, count,
            [](Writer& call, const In& in) { write_arguments<F>(call, in); });
      }
    });
  }
}

template <class F, class Tuple>
struct StarCall;
template <class F, template <class...> class Tuple, class... Ts>
struct StarCall<F, Tuple<Ts...>> {
  static auto run(PoolCore& pool, const MapOptions& options, const F& function, auto begin,
                  std::size_t count) {
    return map_elements<F, const Ts&...>(
        pool, options, function, begin, count, [](Writer& call, const Tuple<Ts...>& in) {
          std::apply([&](const auto&... a) { write_arguments<F>(call, a...); }, in);
        });
  }
  static consteval bool allowed() { return require_call<F, const Ts&...>(); }
};

template <class F, class Range>
auto starmap_range(PoolCore& pool, const MapOptions& options, const F& function, Range& range) {
  using Call = StarCall<F, ElementOf<Range>>;
  if constexpr (Call::allowed()) {
    return with_elements(range, [&](auto begin, std::size_t count) {
      return Call::run(pool, options, function, begin, count);
    });
  }
}

template <class F, class... Args>
void run_parallel_for(PoolCore& pool, const MapOptions& options, std::size_t count,
                      const F& function, const Args&... args) {
  ChunkRun run(pool, options, count, [](const Chunk&) {});
  const std::size_t size = chunk_size(count, options.chunksize, pool.size());
  for (std::size_t first = 0; first < count; first += size) {
    const std::size_t elements = std::min(size, count - first);
    Writer call(Transit::argument);
    write_call(call, function, first, first + elements, args...);
    run.submit(elements, call);
  }
  run.finish();
}

}  // namespace detail

}  // namespace royong::inline v0
