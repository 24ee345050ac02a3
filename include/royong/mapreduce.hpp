// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief map_reduce: keys and values from many inputs, combined in the workers first.
 */
#pragma once

#include <algorithm>      // for std::max, std::min
#include <deque>          // for std::deque
#include <exception>      // for std::exception
#include <functional>     // for std::invoke
#include <iterator>       // for std::next
#include <map>            // for std::map
#include <span>           // for std::span
#include <type_traits>    // for std::is_same_v
#include <unordered_map>  // for std::unordered_map
#include <utility>        // for std::exchange, std::move
#include <vector>         // for std::vector

#include "royong/detail/local.hpp"
#include "royong/pool.hpp"

namespace royong::inline v0 {

namespace detail {
struct EmitterAccess;
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
  friend struct detail::EmitterAccess;
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
template <class Map, class Combine>
void combine_into(Map& map, typename Map::key_type&& key, typename Map::mapped_type&& value,
                  const Combine& combine) {
  const auto [place, is_new] = map.try_emplace(std::move(key), std::move(value));
  if (!is_new) place->second = combine(std::move(place->second), std::move(value));
}

/// Makes emitters and opens them.
struct EmitterAccess {
  /// @param combine lives as long as the emitter
  template <class K, class V, class Combine>
  static Emitter<K, V> make(const Combine& combine) {
    return Emitter<K, V>(
        [](Emitter<K, V>& self, K&& key, V&& value) {
          combine_into(self.values_, std::move(key), std::move(value),
                       *static_cast<const Combine*>(self.combine_));
        },
        &combine);
  }
  template <class K, class V>
  static std::unordered_map<K, V>& values(Emitter<K, V>& emitter) {
    return emitter.values_;
  }
};

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

/// Inputs of a map_reduce that one task was for.
struct InputRange {
  std::size_t first = 0;
  std::size_t count = 0;
  int retries = 0;  ///< how often they may be run again
};

/** @brief Combines what the tasks of a map_reduce return.
 *
 *  Little of it is combined here, where it arrives. Much of it is combined by the workers, some
 *  results to one, as long as that makes it less (many tasks emit the same keys); the results lie in
 *  blocks of the arena and go to the next worker where they are, without a copy. What the workers
 *  cannot do, because one died or there is no room, is done here.
 *
 *  In a cluster there is an arena on every node. Large results stay where they are, and are combined
 *  there; what is left of a node in the end travels. A part of the whole is in exactly one of: the pile
 *  of a node, a merge under way, `result_`, `lost_`. When a node is lost, so are its parts, and the
 *  inputs that they are of are run again: nothing is counted twice.
 */
template <class K, class V, class Combine>
class PairMerger {
 public:
  PairMerger(PoolCore& pool, const MapOptions& options, const Combine& combine)
      : pool_(pool), options_(options), combine_(combine) {}
  PairMerger(const PairMerger&) = delete;
  PairMerger& operator=(const PairMerger&) = delete;
  /// After an error. Nothing that a worker still reads may be freed.
  ~PairMerger() {
    for (const Merge& merge : merges_) {
      try {
        pool_.cancel(*merge.state);
        merge.state->wait(forever);
      } catch (const std::exception&) {
        // A fork of the process has no part in the tasks.
      }
    }
  }

  /// For a chunk that is about to be submitted.
  void prepare(TaskState& state, const InputRange& range) const {
    state.retries = range.retries;
    state.extra().keep_result = pays_;
  }
  /// It was. `add` comes in the order of these calls.
  void submitted(const InputRange& range) { submitted_.push_back(range); }
  void add(const Chunk& chunk) {
    InputRange range = submitted_.front();
    submitted_.pop_front();
    range.retries = std::max(range.retries - chunk.state->deaths, 0);
    take({chunk.state, {range}});
    take_merged(false);
  }

  /// Combines what lies in arenas, once every chunk has been added. @return inputs to be run again
  std::vector<InputRange> gather() {
    take_merged(true);
    for (auto& [node, pile] : piles_) {
      if (pile.empty()) continue;
      if (pile.front().state->is_kept()) {
        merge(node, pile.size(), false);
      } else if (pays_ && pile.size() >= 4) {
        const auto workers = static_cast<std::size_t>(pool_.size());
        const std::size_t each = std::max<std::size_t>((pile.size() + workers - 1) / workers, 2);
        while (pile.size() >= 2) merge(node, std::min(each, pile.size()), true);
      }
    }
    take_merged(true);
    return std::exchange(lost_, {});
  }

  std::unordered_map<K, V> finish() {
    for (const auto& [node, pile] : piles_) {
      for (const Part& part : pile) read_pairs(part.state->bytes(), result_, combine_);
    }
    return std::move(result_);
  }

 private:
  static constexpr std::size_t large_result = std::size_t{64} << 10;
  static constexpr std::size_t width = 8;

  /// A result, and what it is of.
  struct Part {
    StateRef<TaskState> state;
    std::vector<InputRange> ranges;
  };
  struct Merge {
    StateRef<TaskState> state;
    std::vector<Part> inputs;
  };

  /// thunk | combine | count | blocks
  static void run(Reader& in, Writer& out) {
    ChunkClock clock(out);
    const auto combine = decode_callable<Combine>(in);
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

  void take(Part part) {
    const ResultPlace place = part.state->place();
    if (!part.state->is_kept() && (!pays_ || place.block == 0 || place.bytes < large_result))
      return read_pairs(part.state->bytes(), result_, combine_);
    auto& pile = piles_[place.node];
    pile.push_back(std::move(part));
    if (pays_ && pile.size() >= width) merge(place.node, width, true);
  }

  /// @param keep what comes of it may stay there
  void merge(std::uint32_t node, std::size_t count, bool keep) {
    auto& pile = piles_[node];
    Merge merge;
    for (; count != 0; --count) {
      merge.inputs.push_back(std::move(pile.back()));
      pile.pop_back();
    }
    CallWriter call(pool_);
    call.write_plain(thunk_id<&PairMerger::run>().bits);
    encode_callable(call, combine_);
    call.write_plain(static_cast<std::uint64_t>(merge.inputs.size()));
    for (const Part& input : merge.inputs) {
      const ResultPlace place = input.state->place();
      const std::uint64_t block[2] = {place.block, place.bytes};
      call.write_plain(block);
    }
    auto state = make_state<void>(&options_.task);
    if (merge.inputs.front().state->is_kept()) {
      state->bound = true;
      state->worker = node;
      state->extra().keep_result = keep;
    }
    pool_.submit(*state, call);
    merge.state = StateRef<TaskState>(state.take());
    merges_.push_back(std::move(merge));
  }

  /// @param all wait for every one; else only those that have ended
  void take_merged(bool all) {
    for (std::size_t i = 0; i < merges_.size();) {
      if (!all && !merges_[i].state->has_ended()) {
        ++i;
        continue;
      }
      merges_[i].state->wait(forever);
      Merge merge = std::move(merges_[i]);
      merges_.erase(merges_.begin() + static_cast<std::ptrdiff_t>(i));
      take_merged(merge);
    }
  }

  void take_merged(Merge& merge) {
    const bool here = !merge.inputs.front().state->is_kept();
    try {
      if (merge.state->ending() != Ending::value) merge.state->rethrow();
    } catch (const NodeLost&) {
      return run_again(merge);
    } catch (const WorkerDied&) {
      if (!here) throw;
      return take_back(merge);
    } catch (const ArenaFull&) {
      if (!here) throw;
      return take_back(merge);
    }
    Part part{std::move(merge.state), {}};
    std::size_t before = 0;
    for (const Part& input : merge.inputs) {
      before += input.state->place().bytes;
      part.ranges.insert(part.ranges.end(), input.ranges.begin(), input.ranges.end());
    }
    // Keys that hardly any two tasks share: to combine them once more would be for nothing.
    if (merge.inputs.size() > 1 && part.state->place().bytes > before / 4 * 3) pays_ = false;
    take(std::move(part));
  }

  void take_back(const Merge& merge) {
    for (const Part& input : merge.inputs) read_pairs(input.state->bytes(), result_, combine_);
  }

  /// While the NodeLost is handled that says why.
  void run_again(const Merge& merge) {
    for (const Part& input : merge.inputs) {
      for (InputRange range : input.ranges) {
        if (range.retries == 0) throw;
        --range.retries;
        lost_.push_back(range);
      }
    }
  }

  PoolCore& pool_;
  const MapOptions& options_;
  const Combine& combine_;
  std::unordered_map<K, V> result_;
  std::deque<InputRange> submitted_;
  std::map<std::uint32_t, std::vector<Part>> piles_;  // by node
  std::vector<Merge> merges_;
  std::vector<InputRange> lost_;
  bool pays_ = true;
};

/// One chunk: thunk | mapper | combine | count | inputs, and back: keys and values.
template <class K, class V, class In, class Mapper, class Combine>
struct MapReduceCall {
  static void run(Reader& in, Writer& out) {
    ChunkClock clock(out);
    auto mapper = decode_callable<Mapper>(in);
    const auto combine = decode_callable<Combine>(in);
    Emitter<K, V> emitter = EmitterAccess::make<K, V>(combine);
    std::uint64_t count = 0;
    in.read_plain(count);
    for (std::uint64_t i = 0; i < count; ++i) {
      begin_element(static_cast<std::uint32_t>(i));
      invoke_from<const In&>(in, mapper, emitter);
    }
    write_pairs(out, EmitterAccess::values(emitter));
    clock.stop();
  }

  struct Collect {
    void collect(const Chunk& chunk) { merger.add(chunk); }
    ChunkTime time(const TaskState& state) { return time_of(state); }
    PairMerger<K, V, Combine>& merger;
  };

  static std::unordered_map<K, V> execute(PoolCore& pool, const MapOptions& options,
                                          const Mapper& mapper, const Combine& combine, auto begin,
                                          std::size_t count) {
    PairMerger<K, V, Combine> merger(pool, options, combine);
    ChunkRun run_all(pool, options, count, reduce_chunk_limit(count, options, pool.size()),
                     Collect{merger});
    const auto thunk = thunk_id<&MapReduceCall::run>().bits;
    using Iterator = decltype(begin);
    const auto submit = [&](const InputRange& range, Iterator& element, std::size_t new_elements) {
      CallWriter call(pool);
      call.write_plain(thunk);
      encode_callable(call, mapper);
      encode_callable(call, combine);
      call.write_plain(static_cast<std::uint64_t>(range.count));
      for (std::size_t i = 0; i < range.count; ++i, ++element) {
        write_arguments<Mapper>(call, static_cast<const In&>(*element));
      }
      run_all.submit(new_elements, call, {},
                     [&](TaskState& state) { merger.prepare(state, range); });
      merger.submitted(range);
    };
    auto element = begin;
    std::size_t first = 0;
    while (const std::size_t elements = run_all.next()) {
      submit({first, elements, options.task.retries}, element, elements);
      first += elements;
    }
    run_all.drain();
    while (!run_all.failed()) {
      const auto lost = merger.gather();
      if (lost.empty()) break;
      for (const InputRange& range : lost) {
        auto again = std::next(begin, static_cast<std::ptrdiff_t>(range.first));
        submit(range, again, 0);
      }
      run_all.drain();
    }
    run_all.finish();
    return merger.finish();
  }
};

/// What a chunk in a thread returns.
template <class K, class V>
struct ReducedChunk {
  ChunkTime time = 0;
  std::unordered_map<K, V> values;
};

/// The chunks of a map_reduce in threads; see the forms of map.hpp.
template <class K, class V, class Mapper, class Combine, class Elements>
struct LocalReduceForm {
  using State = ResultState<ReducedChunk<K, V>>;
  static constexpr bool borrows = true;
  const Mapper& mapper;
  const Combine& combine;
  Elements elements;

  void submit(auto& run, const MapOptions& options, std::size_t count) {
    auto state = make_local<ReducedChunk<K, V>>(
        &options.task, [this, own = mapper, chunk = elements.chunk(count), count]() mutable {
          const auto began = Timeout::Clock::now();
          Emitter<K, V> emitter = EmitterAccess::make<K, V>(combine);
          for (std::size_t i = 0; i < count; ++i) std::invoke(own, chunk(i), emitter);
          const ChunkTime time = std::chrono::nanoseconds(Timeout::Clock::now() - began).count();
          return ReducedChunk<K, V>{time, std::move(EmitterAccess::values(emitter))};
        });
    run.submit(count, StateRef<TaskState>(state.take()));
  }

  struct Collect {
    void collect(const Chunk& chunk) {
      ReducedChunk<K, V> reduced = static_cast<State&>(*chunk.state).take();
      while (!reduced.values.empty()) {
        auto pair = reduced.values.extract(reduced.values.begin());
        combine_into(result, std::move(pair.key()), std::move(pair.mapped()), combine);
      }
    }
    ChunkTime time(TaskState& state) { return static_cast<State&>(state).value().time; }
    std::unordered_map<K, V>& result;
    const Combine& combine;
  };

  static std::unordered_map<K, V> execute(PoolCore& pool, const MapOptions& options,
                                          const Mapper& mapper, const Combine& combine, auto begin,
                                          std::size_t count) {
    std::unordered_map<K, V> result;
    LocalReduceForm form{mapper, combine, {begin}};
    ChunkRun run(pool, options, count, reduce_chunk_limit(count, options, pool.size()),
                 Collect{result, combine});
    submit_form(run, options, form);
    run.finish();
    return result;
  }
};

}  // namespace detail

/** @brief Runs `mapper(input, out)` for every input in the workers, and combines the values of each
 *  key.
 *
 *      auto words = map_reduce<std::string, long>(pool, files, count_words, std::plus<>());
 *
 *  @param executor any pool or executor
 *  @param inputs   any range; for processes, of transferable elements
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
 *  **If the peer dies.** As Pool: with retries the result is the same as without a death. In a cluster large results stay on their
 *  node and are combined there; when the node is lost, what they were of is run again if it has retries, and is NodeLost else.
 *
 *  Example: examples/wordcount
 */
template <class K, class V, class Lane, class Range, class Mapper, class Combine>
std::unordered_map<K, V> map_reduce(const MapFamily<Lane>& executor, Range&& inputs,
                                    const Mapper& mapper, const Combine& combine,
                                    const MapOptions& options = {}) {
  using In = detail::ElementOf<Range>;
  using Function = std::decay_t<const Mapper>;
  using Combiner = std::decay_t<const Combine>;
  detail::PoolCore& pool = detail::PoolAccess::core(executor);
  if constexpr (std::is_same_v<Lane, detail::ThreadLane>) {
    return detail::with_elements(inputs, [&](auto begin, std::size_t count) {
      using Elements = detail::BorrowedElements<decltype(begin)>;
      return detail::LocalReduceForm<K, V, Function, Combiner, Elements>::execute(
          pool, options, mapper, combine, begin, count);
    });
  } else if constexpr (detail::require_arguments<Function, const In&>() &&
                       detail::require_transferable<K>() && detail::require_transferable<V>() &&
                       detail::require_transferable<Combiner>()) {
    using Call = detail::MapReduceCall<K, V, In, Function, Combiner>;
    return detail::with_elements(inputs, [&](auto begin, std::size_t count) {
      return Call::execute(pool, options, mapper, combine, begin, count);
    });
  }
}

}  // namespace royong::inline v0
