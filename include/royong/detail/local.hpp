// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief Tasks that run in this process: the call is part of the task's state, nothing is encoded.
 */
#pragma once

#include <deque>        // for std::deque
#include <exception>    // for std::exception_ptr
#include <functional>   // for std::invoke
#include <memory>       // for std::make_unique
#include <optional>     // for std::optional
#include <tuple>        // for std::tuple, std::apply
#include <type_traits>  // for std::invoke_result_t, std::is_void_v
#include <utility>      // for std::move
#include <vector>       // for std::vector

#include "royong/detail/map.hpp"
#include "royong/detail/task_state.hpp"

namespace royong::inline v0::detail {

/// A state whose value is there when it ends.
template <class T>
class LocalState : public ResultState<T> {
 protected:
  T produce() override { throw_taken(); }  // never called
};
template <>
class LocalState<void> : public ResultState<void> {};

/// A state that runs `Call`, a callable without arguments that returns T.
template <class T, class Call>
class LocalTask final : public LocalState<T> {
 public:
  explicit LocalTask(Call call) : call_(std::move(call)) {}

  bool run_here() override {
    try {
      if constexpr (std::is_void_v<T>) {
        (*call_)();
      } else {
        this->emplace([this]() -> decltype(auto) { return (*call_)(); });
      }
      call_.reset();  // what it holds ends in the thread that used it
      return true;
    } catch (...) {
      error_ = std::current_exception();
      call_.reset();
      return false;
    }
  }
  std::exception_ptr take_error() noexcept override { return std::move(error_); }

 private:
  std::optional<Call> call_;
  std::exception_ptr error_;
};

/// Both counts are the caller's, as of `make_state`.
template <class T, class Call>
StateRef<ResultState<T>> make_local(const TaskOptions* options, Call call) {
  auto state = std::make_unique<LocalTask<T, Call>>(std::move(call));
  if (options != nullptr && needs_extra(*options)) apply_options(*options, *state);
  return StateRef<ResultState<T>>(state.release());
}

/// The decayed result of `f(args...)` in a thread, which gets decayed arguments.
template <class F, class... Args>
using LocalResult = std::decay_t<std::invoke_result_t<F&, std::decay_t<Args>...>>;

template <class F, class... Args>
auto submit_local(PoolCore& pool, const TaskOptions* options, F&& f, Args&&... args) {
  using R = LocalResult<std::decay_t<F>, Args...>;
  auto call = [function = std::decay_t<F>(std::forward<F>(f)),
               arguments =
                   std::tuple<std::decay_t<Args>...>(std::forward<Args>(args)...)]() mutable -> R {
    return std::apply([&](auto&... each) { return std::invoke(function, std::move(each)...); },
                      arguments);
  };
  auto state = make_local<R>(options, std::move(call));
  Writer none(Transit::argument);
  pool.submit(*state, none);
  return FutureAccess::make(std::move(state));
}

/// What a chunk in a thread returns.
template <class R>
struct LocalChunk {
  ChunkTime time = 0;
  std::vector<R> results;
};
template <>
struct LocalChunk<void> {
  ChunkTime time = 0;
};

/// Runs `each(i)` for the elements of a chunk.
template <class R, class Each>
LocalChunk<R> run_local_chunk(std::size_t elements, Each each) {
  LocalChunk<R> chunk;
  const auto began = Timeout::Clock::now();
  if constexpr (!std::is_void_v<R>) chunk.results.reserve(elements);
  for (std::size_t i = 0; i < elements; ++i) {
    if constexpr (std::is_void_v<R>) {
      each(i);
    } else {
      chunk.results.push_back(each(i));
    }
  }
  chunk.time = std::chrono::nanoseconds(Timeout::Clock::now() - began).count();
  return chunk;
}

/** @brief A map in threads; see the forms of map.hpp. `call(function, element)` calls.
 *  @tparam Elements what holds the elements: `chunk(n)` returns the next n, as a callable of i
 */
template <class R, class F, class Elements, class Call>
struct LocalForm {
  using Results = typename Collected<R>::type;
  static constexpr std::size_t limit = ~std::size_t{0};
  static constexpr bool borrows = true;  // chunks read what lives as long as the call
  std::shared_ptr<const F> function;
  Elements elements;
  Call call;

  void submit(auto& run, const MapOptions& options, std::size_t count) {
    auto state = make_local<LocalChunk<R>>(
        &options.task, [of = function, chunk = elements.chunk(count), how = call, count]() mutable {
          F own = *of;  // each thread a copy, as each process has
          return run_local_chunk<R>(count, [&](std::size_t i) -> R { return how(own, chunk(i)); });
        });
    run.submit(count, StateRef<TaskState>(state.take()));
  }
  /// The chunk is nobody else's: its results may be moved out.
  static LocalChunk<R>& chunk_of(const TaskState& state) {
    auto& own = static_cast<ResultState<LocalChunk<R>>&>(const_cast<TaskState&>(state));
    return const_cast<LocalChunk<R>&>(own.value());
  }
  static void collect(auto& results, const Chunk& chunk) {
    for (auto&& result : chunk_of(*chunk.state).results) results.push_back(std::move(result));
  }
  static void collect(const Chunk&) {}
  static ChunkTime time(const TaskState& state) { return chunk_of(state).time; }
};

/// Elements of a range that outlives the call.
template <class Iterator>
struct BorrowedElements {
  Iterator next;
  auto chunk(std::size_t count) {
    auto begin = next;
    std::advance(next, static_cast<std::ptrdiff_t>(count));
    if constexpr (std::random_access_iterator<Iterator>) {
      return [begin](std::size_t i) -> decltype(auto) {
        return begin[static_cast<std::ptrdiff_t>(i)];
      };
    } else {
      // In a chunk the elements are asked for one after the other.
      return [begin, at = std::size_t{0}](std::size_t i) mutable -> decltype(auto) {
        for (; at < i; ++at) ++begin;
        return *begin;
      };
    }
  }
};

/// Elements that the tasks keep alive.
template <class In>
struct SharedElements {
  std::shared_ptr<const std::vector<In>> all;
  std::size_t next = 0;
  auto chunk(std::size_t count) {
    const std::size_t first = next;
    next += count;
    return [kept = all, first](std::size_t i) -> const In& { return (*kept)[first + i]; };
  }
};

template <class F, class In, class Call>
using LocalElementResult = std::decay_t<std::invoke_result_t<const Call&, F&, const In&>>;

/// `parallel_for` in threads.
template <class F, class Args>
struct LocalIndexForm {
  using Results = void;
  static constexpr std::size_t limit = ~std::size_t{0};
  static constexpr bool borrows = true;
  const F& function;
  Args args;  // a tuple of references to what outlives the call
  std::size_t first = 0;

  void submit(auto& run, const MapOptions& options, std::size_t elements) {
    auto state = make_local<LocalChunk<void>>(
        &options.task, [this_function = &function, bound = args, begin = first, elements] {
          LocalChunk<void> chunk;
          const auto began = Timeout::Clock::now();
          std::apply(
              [&](const auto&... each) {
                std::invoke(*this_function, begin, begin + elements, each...);
              },
              bound);
          chunk.time = std::chrono::nanoseconds(Timeout::Clock::now() - began).count();
          return chunk;
        });
    first += elements;
    run.submit(elements, StateRef<TaskState>(state.take()));
  }
  static void collect(const Chunk&) {}
  static ChunkTime time(const TaskState& state) {
    return static_cast<ResultState<LocalChunk<void>>&>(const_cast<TaskState&>(state)).value().time;
  }
};

/// How calls travel to threads: not at all. See process_lane.hpp.
struct ThreadLane {
  template <class F, class... Args>
  static auto submit(PoolCore& pool, const TaskOptions* options, F&& f, Args&&... args) {
    return submit_local(pool, options, std::forward<F>(f), std::forward<Args>(args)...);
  }

  template <class How, class F, class Range, class Use>
  static auto map(const F& function, Range& range, Use use) {
    if constexpr (accepts_elements<How, Range>()) {
      using R = LocalElementResult<F, ElementOf<Range>, How>;
      return with_elements(range, [&](auto begin, std::size_t count) {
        using Elements = BorrowedElements<decltype(begin)>;
        return use(LocalForm<R, F, Elements, How>{std::make_shared<const F>(function),
                                                  Elements{begin}, How{}},
                   count);
      });
    }
  }
  template <class How, class F, class Range, class Use>
  static auto map_later(const F& function, Range&& range, Use use) {
    if constexpr (accepts_elements<How, Range>()) {
      using In = ElementOf<Range>;
      using Form = LocalForm<LocalElementResult<F, In, How>, F, SharedElements<In>, How>;
      auto all = std::make_shared<std::vector<In>>();
      for (auto&& element : range) all->push_back(std::forward<decltype(element)>(element));
      const std::size_t count = all->size();
      return use(Form{std::make_shared<const F>(function), {std::move(all)}, How{}}, count);
    }
  }

  template <class F, class... Args>
  static void parallel_for(PoolCore& pool, const MapOptions& options, std::size_t n,
                           const F& function, const Args&... args) {
    using Bound = std::tuple<const Args&...>;
    run_form(pool, options, n, LocalIndexForm<F, Bound>{function, Bound(args...)});
  }

  template <class, class>
  static consteval bool accepts() {
    return true;
  }
  template <class F, class In>
  using Result = LocalElementResult<F, In, CallWithElement>;

  template <class F, class In>
  static StateRef<TaskState> submit_chunk(PoolCore& pool, const TaskOptions& options,
                                          const F& function, std::vector<In>&& elements) {
    using R = Result<F, In>;
    auto state =
        make_local<LocalChunk<R>>(&options, [own = function, all = std::move(elements)]() mutable {
          return run_local_chunk<R>(all.size(),
                                    [&](std::size_t i) -> R { return std::invoke(own, all[i]); });
        });
    Writer none(Transit::argument);
    pool.submit(*state, none);
    return StateRef<TaskState>(state.take());
  }
  template <class R>
  static void take(const Chunk& chunk, std::deque<R>& results) {
    auto& own = static_cast<ResultState<LocalChunk<R>>&>(*chunk.state);
    auto all = own.take();
    for (auto&& result : all.results) results.push_back(std::move(result));
  }

 private:
  template <class How, class Range>
  static consteval bool accepts_elements() {
    if constexpr (std::is_same_v<How, CallWithTuple>) {
      return require_tuple<ElementOf<Range>>();
    } else {
      return true;
    }
  }
};

}  // namespace royong::inline v0::detail
