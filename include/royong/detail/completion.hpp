// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief as_completed, wait and gather: many futures at once. Part of <royong/future.hpp>.
 */
#pragma once

#include <initializer_list>  // for std::initializer_list
#include <iterator>          // for std::default_sentinel_t, std::input_iterator_tag
#include <span>              // for std::span
#include <string>            // for std::to_string
#include <tuple>             // for std::tuple
#include <type_traits>       // for std::conditional_t
#include <unordered_set>     // for std::unordered_set
#include <variant>           // for std::monostate
#include <vector>            // for std::vector

#include "royong/detail/gate.hpp"
#include "royong/future.hpp"
#include "royong/progress.hpp"

namespace royong::inline v0 {

namespace detail {

template <class F>
inline constexpr bool is_future = false;
template <class T>
inline constexpr bool is_future<Future<T>> = true;

/// A range of futures of one type.
template <class Range>
concept FutureRange = requires(Range& range) {
  requires is_future<std::remove_cvref_t<decltype(*std::begin(range))>>;
  std::end(range);
};

template <class Range>
using FutureOf = std::remove_cvref_t<decltype(*std::begin(std::declval<Range&>()))>;

/// The futures of a range, each task once.
template <class Range>
std::vector<FutureOf<Range>> distinct(Range& range) {
  std::vector<FutureOf<Range>> futures;
  std::unordered_set<const TaskState*> seen;
  for (const auto& future : range) {
    if (seen.insert(&FutureAccess::state(future)).second) futures.push_back(future);
  }
  return futures;
}

template <class F>
std::vector<TaskState*> states_of(const std::vector<F>& futures) {
  std::vector<TaskState*> states;
  states.reserve(futures.size());
  for (const F& future : futures) states.push_back(&FutureAccess::state(future));
  return states;
}

}  // namespace detail

/** @brief The futures of a range in the order in which their tasks end: what `as_completed`
 *  returns.
 *
 *  An input range: walked once, by one thread.
 */
template <class T>
class AsCompleted {
 public:
  AsCompleted(std::vector<Future<T>> futures, Timeout timeout, Progress progress)
      : futures_(std::move(futures)),
        gate_(detail::states_of(futures_)),
        deadline_(timeout.deadline()),
        progress_(std::move(progress)) {
    progress_.start(futures_.size());
  }

  class iterator {
   public:
    using iterator_concept = std::input_iterator_tag;
    using iterator_category = std::input_iterator_tag;
    using value_type = Future<T>;
    using difference_type = std::ptrdiff_t;
    using pointer = Future<T>*;
    using reference = Future<T>&;

    explicit iterator(AsCompleted* range) : range_(range) { ++*this; }
    Future<T>& operator*() const { return *current_; }
    Future<T>* operator->() const { return current_; }
    iterator& operator++() {
      current_ = range_->next();
      return *this;
    }
    void operator++(int) { ++*this; }
    bool operator==(std::default_sentinel_t) const { return current_ == nullptr; }

   private:
    AsCompleted* range_;
    Future<T>* current_ = nullptr;
  };

  iterator begin() { return iterator(this); }
  std::default_sentinel_t end() const { return {}; }

 private:
  Future<T>* next() {
    const auto index = gate_.next(deadline_);
    progress_.update(futures_.size() - gate_.remaining());
    if (index) return &futures_[*index];
    if (gate_.remaining() == 0) {
      progress_.finish();
      return nullptr;
    }
    throw TimeoutError(std::to_string(gate_.remaining()) + " (of " +
                       std::to_string(futures_.size()) + ") futures unfinished");
  }

  std::vector<Future<T>> futures_;
  detail::Gate gate_;
  Timeout::Clock::time_point deadline_;
  Progress progress_;
};

/** @brief Yields futures as their tasks end; those that have ended come first. Each task once.
 *
 *      for (auto& future : as_completed(futures)) use(future.get());
 *
 *  @param futures a range of futures of one type, of any pools
 *  @param timeout for the whole of it, from this call on
 *  @param progress shows how many have ended
 *  @throws TimeoutError  while walking: "2 (of 4) futures unfinished"
 *
 *  Example: examples/pool_futures.cpp
 */
template <detail::FutureRange Range>
auto as_completed(Range&& futures, Timeout timeout = forever, const Progress& progress = {}) {
  using T = typename detail::FutureOf<Range>::value_type;
  return AsCompleted<T>(detail::distinct(futures), timeout, progress);
}
/// The same for a list in braces: `as_completed({a, b})`.
template <class T>
auto as_completed(std::initializer_list<Future<T>> futures, Timeout timeout = forever,
                  const Progress& progress = {}) {
  return as_completed(std::span(futures.begin(), futures.size()), timeout, progress);
}

/// When `wait` returns.
enum class ReturnWhen {
  all_completed,    ///< every task has ended
  first_completed,  ///< one has
  first_exception,  ///< one has with an exception (cancelled is none), or all have
};

/// What `wait` returns.
template <class F>
struct WaitResult {
  std::vector<F> done;
  std::vector<F> not_done;
};

/** @brief Waits for futures of any pools.
 *  @param futures of one type
 *  @param when    which of them must have ended
 *  @param timeout it returns after that time at the latest, and throws nothing
 *  @return those whose tasks have ended and those whose have not; each task once, in the order
 *  given
 */
template <detail::FutureRange Range>
auto wait(Range&& futures, Timeout timeout = forever, ReturnWhen when = ReturnWhen::all_completed) {
  using F = detail::FutureOf<Range>;
  const std::vector<F> all = detail::distinct(futures);
  const auto deadline = timeout.deadline();
  {
    detail::Gate gate(detail::states_of(all));
    while (const auto index = gate.next(deadline)) {
      const auto ending = detail::FutureAccess::state(all[*index]).ending();
      if (when == ReturnWhen::first_completed) break;
      if (when == ReturnWhen::first_exception && ending != detail::Ending::value &&
          ending != detail::Ending::cancelled)
        break;
    }
  }
  WaitResult<F> result;
  for (const F& future : all) {
    (detail::FutureAccess::state(future).has_ended() ? result.done : result.not_done)
        .push_back(future);
  }
  return result;
}

/// The same for a list in braces: `wait({a, b}, 1s)`.
template <class T>
auto wait(std::initializer_list<Future<T>> futures, Timeout timeout = forever,
          ReturnWhen when = ReturnWhen::all_completed) {
  return wait(std::span(futures.begin(), futures.size()), timeout, when);
}

/** @brief Waits for all of the futures and returns their values; nothing (`void`) becomes
 *  `std::monostate`.
 *  @throws what the first of them, in the order given, throws that has no value
 */
template <class... T>
auto gather(const Future<T>&... futures) {
  [[maybe_unused]] const auto value = []<class U>(const Future<U>& future) {
    if constexpr (std::is_void_v<U>) {
      future.get();
      return std::monostate{};
    } else {
      return future.get();
    }
  };
  (static_cast<void>(futures.wait()), ...);
  return std::tuple<std::conditional_t<std::is_void_v<T>, std::monostate, T>...>{value(futures)...};
}

}  // namespace royong::inline v0
