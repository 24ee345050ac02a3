// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief The map family: many calls of one function in few tasks.
 *
 *  A chunk of elements is one task. In general its call is: thunk | callable | count | arguments of
 *  each element, and its result: the time it took | the results one after the other. Where elements and results are
 *  plain and lie in a row, both lie in one arena block, and the worker computes from its one half
 *  to the other: one copy in, one copy out.
 */
#pragma once

#include <cstdint>      // for std::uint64_t
#include <cstring>      // for std::memcpy
#include <functional>   // for std::invoke
#include <iterator>     // for std::begin, std::contiguous_iterator
#include <memory>       // for std::to_address
#include <new>          // for placement new
#include <tuple>        // for std::apply, std::tuple_size
#include <type_traits>  // for std::is_void_v
#include <utility>      // for std::forward, std::index_sequence
#include <vector>       // for std::vector

#include "royong/detail/call.hpp"
#include "royong/detail/chunk_run.hpp"

namespace royong::inline v0::detail {

/// Whether somebody has to know which element is being worked on.
inline bool is_tracked(const TaskOptions& options) {
  return options.retries != 0 || !options.timeout.is_forever();
}

template <class F, class... A>
void run_chunk(Reader& in, Writer& out) {
  ChunkClock clock(out);
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
  clock.stop();
}

/// The results of an encoded chunk, added to those there are.
template <class R>
void read_chunk(const TaskState& chunk, std::size_t elements, auto& results) {
  Reader in(chunk.bytes());
  ChunkTime time = 0;
  in.read_plain(time);
  for (std::size_t i = 0; i < elements; ++i) results.push_back(in.read<R>());
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
void run_plain_chunk(Reader& in, Writer& out) {
  ChunkClock clock(out);
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
  clock.stop();
}

template <class Iterator, class F, class In, class R>
concept BlockwiseMap = std::contiguous_iterator<Iterator> && is_plain<In> && is_plain<R> &&
                       std::is_invocable_v<F&, const In&>;

/// What collects the results of a map: a vector, or nothing.
template <class R>
struct Collected {
  using type = std::vector<R>;
};
template <>
struct Collected<void> {
  using type = void;
};

/// No chunk has more bytes of elements: so the blocks of a long map are used again while they are in
/// the cache.
inline constexpr std::size_t chunk_bytes = std::size_t{256} << 10;
template <class In>
inline constexpr std::size_t chunk_limit = sizeof(In) < chunk_bytes ? chunk_bytes / sizeof(In) : 1;

/** @name Forms
 *  How one kind of map makes its chunks and reads their results:
 *
 *      Results               what the whole call returns; void, or a container
 *      limit                 elements that a chunk has at most
 *      submit(run, options, n)   makes a chunk of the next n elements and lets `run` submit it
 *      collect(results, chunk)   what the chunk returned, in order
 *      time(state)           how long the chunk took
 *  @{
 */

/// Elements and results are plain and lie in a row: both in one block.
template <class F, class In, class R>
struct PlainForm {
  using Results = std::vector<R>;
  static constexpr std::size_t limit = chunk_limit<In>;
  F function;
  const In* data;

  void submit(auto& run, const MapOptions& options, std::size_t elements) {
    TaskBlock block = run.block(results_offset<In>(elements) + elements * sizeof(R));
    std::memcpy(block.data(), data, elements * sizeof(In));
    data += elements;
    CallWriter call(run.pool());
    call.write_plain(thunk_id<&run_plain_chunk<F, In, R>>().bits);
    encode_callable(call, function);
    call.write_plain(PlainChunk{block.offset(), elements, is_tracked(options.task) ? 1U : 0U});
    run.submit(elements, call, std::move(block));
  }
  static void collect(Results& results, const Chunk& chunk) {
    const std::byte* bytes = chunk.state->extra().blocks.front().data();
    const R* from = reinterpret_cast<const R*>(bytes + results_offset<In>(chunk.elements));
    results.insert(results.end(), from, from + chunk.elements);
  }
  static ChunkTime time(const TaskState& state) { return time_of(state); }
};

/// The general form: `write(writer, element)` writes the arguments of one element, which are of the
/// types `A`.
template <class F, class Iterator, class Write, class... A>
struct EncodedForm {
  using R = CallResult<F, A...>;
  using Results = typename Collected<R>::type;
  static constexpr std::size_t limit = chunk_limit<std::iter_value_t<Iterator>>;
  F function;
  Iterator element;
  Write write;

  void submit(auto& run, const MapOptions&, std::size_t elements) {
    CallWriter call(run.pool());
    call.write_plain(thunk_id<&run_chunk<F, A...>>().bits);
    encode_callable(call, function);
    call.write_plain(static_cast<std::uint64_t>(elements));
    for (std::size_t i = 0; i < elements; ++i, ++element) write(call, *element);
    run.submit(elements, call);
  }
  static void collect(auto& results, const Chunk& chunk) {
    read_chunk<R>(*chunk.state, chunk.elements, results);
  }
  static void collect(const Chunk&) {}
  static ChunkTime time(const TaskState& state) { return time_of(state); }
};

/// A range of indices: for `parallel_for`.
template <class F, class... Args>
struct IndexForm {
  using Results = void;
  static constexpr std::size_t limit = ~std::size_t{0};
  F function;
  std::tuple<const Args&...> args;
  std::size_t first = 0;

  static void run_indices(Reader& in, Writer& out) {
    ChunkClock clock(out);
    F call = decode_callable<F>(in);
    invoke_from<std::size_t, std::size_t, const Args&...>(in, std::move(call));
    clock.stop();
  }
  void submit(auto& run, const MapOptions&, std::size_t elements) {
    CallWriter call(run.pool());
    call.write_plain(thunk_id<&IndexForm::run_indices>().bits);
    encode_callable(call, function);
    std::apply(
        [&](const Args&... bound) {
          write_arguments<F>(call, std::size_t{first}, std::size_t{first + elements}, bound...);
        },
        args);
    first += elements;
    run.submit(elements, call);
  }
  static void collect(const Chunk&) {}
  static ChunkTime time(const TaskState& state) { return time_of(state); }
};
/// @}

template <class Form>
void submit_form(auto& run, const MapOptions& options, Form& form) {
  try {
    while (const std::size_t elements = run.next()) form.submit(run, options, elements);
  } catch (...) {
    if constexpr (requires { Form::borrows; }) run.drain();
    throw;
  }
}

/// Runs a form to its end.
template <class Form>
typename Form::Results run_form(PoolCore& pool, const MapOptions& options, std::size_t count,
                                Form form) {
  if constexpr (std::is_void_v<typename Form::Results>) {
    struct Collect {
      void collect(const Chunk& chunk) { Form::collect(chunk); }
      ChunkTime time(const TaskState& state) { return Form::time(state); }
    };
    ChunkRun run(pool, options, count, Form::limit, Collect{});
    submit_form(run, options, form);
    run.finish();
  } else {
    typename Form::Results results;
    results.reserve(count);
    struct Collect {
      void collect(const Chunk& chunk) { Form::collect(*to, chunk); }
      ChunkTime time(const TaskState& state) { return Form::time(state); }
      typename Form::Results* to;
    };
    ChunkRun run(pool, options, count, Form::limit, Collect{&results});
    submit_form(run, options, form);
    run.finish();
    return results;
  }
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

/// Calls `use(form, count)` with the form of `map(function, range)`.
/// `InBlocks`: elements may lie in blocks of the arena, because the workers are on this machine.
template <class F, bool InBlocks = true, class Range, class Use>
auto with_map_form(const F& function, Range& range, Use use) {
  using In = ElementOf<Range>;
  if constexpr (require_call<F, const In&>()) {
    return with_elements(range, [&](auto begin, std::size_t count) {
      using R = CallResult<F, const In&>;
      if constexpr (InBlocks && BlockwiseMap<decltype(begin), F, In, R>) {
        // Named by way of the iterator: clang looks into a branch that is not taken where its types do
        // not depend on the lambda's own parameters, and finds a vector<void>.
        using Form = PlainForm<F, std::iter_value_t<decltype(begin)>, R>;
        return use(Form{function, std::to_address(begin)}, count);
      } else {
        const auto write = [](Writer& call, const In& in) { write_arguments<F>(call, in); };
        using Form = EncodedForm<F, decltype(begin), decltype(write), const In&>;
        return use(Form{function, begin, write}, count);
      }
    });
  }
}

/// How `map` calls the function.
struct CallWithElement {
  template <class F, class In>
  decltype(auto) operator()(F& function, const In& element) const {
    return std::invoke(function, element);
  }
};
/// How `starmap` does.
struct CallWithTuple {
  template <class F, class In>
  decltype(auto) operator()(F& function, const In& element) const {
    return std::apply(function, element);
  }
};

/// What `starmap` takes apart: std::tuple, std::pair, std::array.
template <class T>
concept TupleLike = requires { std::tuple_size<T>::value; };

template <TupleLike Tuple, class Indices = std::make_index_sequence<std::tuple_size_v<Tuple>>>
struct StarCall;
template <class Tuple, std::size_t... I>
struct StarCall<Tuple, std::index_sequence<I...>> {
  template <class F>
  static auto form(const F& function, auto begin) {
    const auto write = [](Writer& call, const Tuple& in) {
      std::apply([&](const auto&... a) { write_arguments<F>(call, a...); }, in);
    };
    return EncodedForm<F, decltype(begin), decltype(write),
                       const std::tuple_element_t<I, Tuple>&...>{function, begin, write};
  }
  template <class F>
  static consteval bool allowed() {
    return require_call<F, const std::tuple_element_t<I, Tuple>&...>();
  }
};

/// Refuses with a readable error what `starmap` cannot take apart.
template <class Element>
consteval bool require_tuple() {
  static_assert(TupleLike<Element>,
                "royong: starmap takes each element apart into arguments: a range of std::tuple, "
                "std::pair or std::array; map passes an element as it is");
  return TupleLike<Element>;
}

/// The same for `starmap`.
template <class F, class Range, class Use>
auto with_starmap_form(const F& function, Range& range, Use use) {
  using Element = ElementOf<Range>;
  if constexpr (require_tuple<Element>()) {
    if constexpr (StarCall<Element>::template allowed<F>()) {
      return with_elements(range, [&](auto begin, std::size_t count) {
        return use(StarCall<Element>::form(function, begin), count);
      });
    }
  }
}

}  // namespace royong::inline v0::detail
