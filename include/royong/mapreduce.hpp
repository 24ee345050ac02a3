// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief map_reduce: keys and values from many inputs, combined in the workers first.
 */
#pragma once

#include <span>           // for std::span
#include <unordered_map>  // for std::unordered_map
#include <vector>         // for std::vector

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

/// Keys and values as a task returns them: time | count | keys and values.
template <class K, class V>
void write_pairs(Writer& out, const std::unordered_map<K, V>& pairs) {
  out.write_plain(static_cast<std::uint64_t>(pairs.size()));
  for (const auto& [key, value] : pairs) out(key, value);
}

/// Adds them to a map.
template <class K, class V, class Combine>
void read_pairs(std::span<const std::byte> bytes, std::unordered_map<K, V>& to,
                const Combine& combine) {
  Reader in(bytes);
  ChunkTime time = 0;
  std::uint64_t pairs = 0;
  in.read_plain(time);
  in.read_plain(pairs);
  for (; pairs != 0; --pairs) {
    K key = in.read<K>();
    combine_into(to, std::move(key), in.read<V>(), combine);
  }
}

/** @brief Combines what the tasks of a map_reduce return.
 *
 *  Little of it is combined here, where it arrives. Much of it is combined by the workers, some
 *  results to one, as long as that makes it less (many tasks emit the same keys); the results lie in
 *  blocks of the arena and go to the next worker where they are, without a copy. What the workers
 *  cannot do, because one died or there is no room, is done here.
 */
template <class K, class V, class Combine>
class PairMerger {
 public:
  PairMerger(PoolCore& pool, const MapOptions& options, const Combine& combine)
      : pool_(pool), options_(options), combine_(combine) {}

  void add(const Chunk& chunk) {
    if (!pays_ || chunk.state->result_block() == 0 || chunk.state->bytes().size() < large_result)
      return read_pairs(chunk.state->bytes(), result_, combine_);
    pile_.push_back(chunk.state);
    if (pile_.size() >= width) submit(width);
  }

  std::unordered_map<K, V> finish() {
    take_merged();
    if (pays_ && pile_.size() >= 4) {
      const auto workers = static_cast<std::size_t>(pool_.size());
      const std::size_t each = std::max<std::size_t>((pile_.size() + workers - 1) / workers, 2);
      while (pile_.size() >= 2) submit(std::min(each, pile_.size()));
      take_merged();
    }
    for (const auto& state : pile_) read_pairs(state->bytes(), result_, combine_);
    return std::move(result_);
  }

 private:
  static constexpr std::size_t large_result = std::size_t{64} << 10;
  static constexpr std::size_t width = 8;

  struct Merge {
    StateRef<TaskState> state;
    std::vector<StateRef<TaskState>> inputs;
  };

  /// thunk | combine | count | blocks
  static void run(Reader& in, Writer& out) {
    ChunkClock clock(out);
    const Combine combine = decode_callable<Combine>(in);
    std::uint64_t count = 0;
    in.read_plain(count);
    std::unordered_map<K, V> all;
    for (; count != 0; --count) {
      std::uint64_t place[2];
      in.read_plain(place);
      read_pairs(std::span<const std::byte>(task_block(place[0], place[1])), all, combine);
    }
    write_pairs(out, all);
    clock.stop();
  }

  void submit(std::size_t count) {
    Merge merge;
    for (; count != 0; --count) {
      merge.inputs.push_back(std::move(pile_.back()));
      pile_.pop_back();
    }
    CallWriter call;
    call.write_plain(thunk_id<&PairMerger::run>().bits);
    encode_callable(call, combine_);
    call.write_plain(static_cast<std::uint64_t>(merge.inputs.size()));
    for (const auto& input : merge.inputs) {
      const std::uint64_t place[2] = {input->result_block(), input->bytes().size()};
      call.write_plain(place);
    }
    auto state = make_state<void>(&options_.task);
    pool_.submit(*state, call);
    merge.state = StateRef<TaskState>(state.take());
    merges_.push_back(std::move(merge));
  }

  void take_merged() {
    for (Merge& merge : merges_) {
      merge.state->wait(forever);
      try {
        if (merge.state->ending() != Ending::value) merge.state->rethrow();
      } catch (const WorkerDied&) {
        take_back(merge);
        continue;
      } catch (const ArenaFull&) {
        take_back(merge);
        continue;
      }
      std::size_t before = 0;
      for (const auto& input : merge.inputs) before += input->bytes().size();
      // Keys that hardly any two tasks share: to combine them once more would be for nothing.
      if (merge.state->bytes().size() > before / 4 * 3) pays_ = false;
      if (merge.state->result_block() != 0) {
        pile_.push_back(std::move(merge.state));
      } else {
        read_pairs(merge.state->bytes(), result_, combine_);
      }
    }
    merges_.clear();
  }

  void take_back(Merge& merge) {
    for (const auto& input : merge.inputs) read_pairs(input->bytes(), result_, combine_);
  }

  PoolCore& pool_;
  const MapOptions& options_;
  const Combine& combine_;
  std::unordered_map<K, V> result_;
  std::vector<StateRef<TaskState>> pile_;
  std::vector<Merge> merges_;
  bool pays_ = true;
};

/// One chunk: thunk | mapper | combine | count | inputs, and back: keys and values.
template <class K, class V, class In, class Mapper, class Combine>
struct MapReduceCall {
  static void run(Reader& in, Writer& out) {
    ChunkClock clock(out);
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
    write_pairs(out, emitter.values_);
    clock.stop();
  }

  struct Collect {
    void collect(const Chunk& chunk) { merger.add(chunk); }
    ChunkTime time(const TaskState& state) { return time_of(state); }
    PairMerger<K, V, Combine>& merger;
  };

  static std::unordered_map<K, V> execute(PoolCore& pool, const MapOptions& options,
                                          const Mapper& mapper, const Combine& combine,
                                          auto element, std::size_t count) {
    PairMerger<K, V, Combine> merger(pool, options, combine);
    ChunkRun run_all(pool, options, count, reduce_chunk_limit(count, options, pool.size()),
                     Collect{merger});
    while (const std::size_t elements = run_all.next()) {
      CallWriter call;
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
    return merger.finish();
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
 *  fixed. Runs in the workers, for what one
 *  task emits and for the results of several tasks where they are many, and here for the rest
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
