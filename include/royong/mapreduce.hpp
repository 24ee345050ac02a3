// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief map_reduce: keys and values from many inputs, combined in the workers first.
 */
#pragma once

#include <unordered_map>  // for std::unordered_map

#include "royong/pool.hpp"

namespace royong::inline v0 {

namespace detail {
template <class K, class V, class In, class Mapper, class Combine>
struct MapReduceCall;
}

/** @brief What a mapper gives its keys and values to: `out(key, value)`. Made in the worker.
 *
 *  Values of one key are combined as they come, so that a key of which there are many takes one
 *  place.
 */
template <class K, class V>
class Emitter {
 public:
  void operator()(K key, V value) { add_(*this, std::move(key), std::move(value)); }

 private:
  template <class, class, class, class, class>
  friend struct detail::MapReduceCall;
  using Add = void (*)(Emitter&, K&&, V&&);
  Emitter(Add add, const void* combine) : add_(add), combine_(combine) {}

  Add add_;
  const void* combine_;
  std::unordered_map<K, V> values_;
};

namespace detail {

template <class K, class V>
inline constexpr bool is_worker_side_parameter<Emitter<K, V>> = true;

/// Adds a value to a map, with what is there already.
template <class K, class V, class Combine>
void combine_into(std::unordered_map<K, V>& map, K&& key, V&& value, const Combine& combine) {
  const auto [place, is_new] = map.try_emplace(std::move(key), std::move(value));
  if (!is_new) place->second = combine(std::move(place->second), std::move(value));
}

/// One chunk: thunk | mapper | combine | count | inputs, and back: count | keys and values.
template <class K, class V, class In, class Mapper, class Combine>
struct MapReduceCall {
  static void run(Reader& in, Writer& out) {
    Mapper mapper = decode_callable<Mapper>(in);
    const Combine combine = decode_callable<Combine>(in);
    Emitter<K, V> emitter(
        [](Emitter<K, V>& self, K&& key, V&& value) {
          combine_into(self.values_, std::move(key), std::move(value),
                       *static_cast<const Combine*>(self.combine_));
        },
        &combine);
    std::uint64_t count = 0;
    in.read_plain(count);
    for (std::uint64_t i = 0; i < count; ++i) {
      begin_element(static_cast<std::uint32_t>(i));
      invoke_from<const In&>(in, mapper, emitter);
    }
    out.write_plain(static_cast<std::uint64_t>(emitter.values_.size()));
    for (const auto& [key, value] : emitter.values_) out(key, value);
  }

  static std::unordered_map<K, V> execute(PoolCore& pool, MapOptions options, const Mapper& mapper,
                                          const Combine& combine, auto element, std::size_t count) {
    std::unordered_map<K, V> result;
    ChunkRun run_all(pool, options, count, [&](const Chunk& chunk) {
      Reader in(chunk.state->bytes());
      std::uint64_t pairs = 0;
      in.read_plain(pairs);
      for (; pairs != 0; --pairs) {
        K key = in.read<K>();
        combine_into(result, std::move(key), in.read<V>(), combine);
      }
    });
    const std::size_t size = reduce_chunk_size(count, options, pool.size());
    for (std::size_t first = 0; first < count; first += size) {
      const std::size_t elements = std::min(size, count - first);
      Writer call(Transit::argument);
      call.write_plain(thunk_id<&MapReduceCall::run>().bits);
      encode_callable(call, mapper);
      encode_callable(call, combine);
      call.write_plain(static_cast<std::uint64_t>(elements));
      for (std::size_t i = 0; i < elements; ++i, ++element) {
        write_arguments<Mapper>(call, static_cast<const In&>(*element));
      }
      run_all.submit(elements, call);
    }
    run_all.finish();
    return result;
  }
};

}  // namespace detail

/** @brief Runs `mapper(input, out)` for every input in the workers, and combines the values of each
 *  key.
 *
 *      auto words = map_reduce<std::string, long>(pool, files, count_words, std::plus<>());
 *
 *  @param executor a Pool or a ProcessPoolExecutor
 *  @param inputs   any range of transferable elements
 *  @param mapper `void(const In&, Emitter<K, V>& out)`: calls `out(key, value)` as often as it
 *  likes
 *  @param combine `V(V, V)`, associative and commutative: the order in which values meet is not
 *  fixed. Runs in the workers for what one
 *                  task emits, then here
 *  @param options `chunksize` is the number of inputs of one task. With `retries`, a task whose
 *  worker dies is run
 *                  again as a whole; what its first run emitted is not counted
 *  @return all keys with their values
 *  @throws what the mapper throws, or combine; else as Pool::map. Nothing is returned then
 *
 *  **If the peer dies.** As Pool: with retries the result is the same as without a death.
 *
 *  Example: examples/wordcount
 */
template <class K, class V, class Executor, class Range, class Mapper, class Combine>
std::unordered_map<K, V> map_reduce(Executor&& executor, Range&& inputs, const Mapper& mapper,
                                    const Combine& combine, const MapOptions& options = {}) {
  using In = detail::ElementOf<Range>;
  using Function = std::decay_t<const Mapper>;
  if constexpr (detail::require_arguments<Function, const In&>() &&
                detail::require_transferable<K>() && detail::require_transferable<V>() &&
                detail::require_transferable<std::decay_t<const Combine>>()) {
    using Call = detail::MapReduceCall<K, V, In, Function, std::decay_t<const Combine>>;
    return detail::with_elements(inputs, [&](auto begin, std::size_t count) {
      return Call::execute(detail::PoolAccess::core(executor), options, mapper, combine, begin,
                           count);
    });
  }
}

}  // namespace royong::inline v0
