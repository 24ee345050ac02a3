// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief MapFamily: map and its relatives, as every pool and executor has them.
 */
#pragma once

#include <exception>    // for std::uncaught_exceptions
#include <type_traits>  // for std::decay_t
#include <utility>      // for std::forward, std::swap

#include "royong/detail/imap.hpp"
#include "royong/detail/map.hpp"
#include "royong/detail/map_async.hpp"
#include "royong/detail/pool_core.hpp"

namespace royong::inline v0 {

namespace detail {

struct PoolAccess;

/// Something to be called, where options may stand in front of it.
template <class F>
concept Callee = !std::is_same_v<std::remove_cvref_t<F>, TaskOptions> &&
                 !std::is_same_v<std::remove_cvref_t<F>, MapOptions>;

}  // namespace detail

/** @brief What pools and executors have in common: their engine, and the map family. Move-only.
 *  @tparam Lane how calls reach the workers (a detail)
 *
 *  Its end is that of every pool: it closes the pool and waits until every task has ended and every callback has run; while an
 *  exception unwinds the stack it terminates instead.
 *
 *  **Errors, threads and processes, if the peer dies:** as the pool whose base it is.
 */
template <class Lane>
class MapFamily {
 public:
  MapFamily(MapFamily&& other) noexcept = default;
  MapFamily& operator=(MapFamily&& other) noexcept {
    std::swap(core_, other.core_);
    std::swap(unwinding_, other.unwinding_);
    return *this;
  }

  /** @brief Runs `f(x)` for every element x of the range.
   *
   *  Elements travel in chunks (MapOptions::chunksize). When some fail, the others run all the
   *  same; then the first failure, in the order of the elements' chunks, is thrown.
   *  @return the results in the order of the elements; nothing when f returns nothing
   */
  template <detail::Callee F, class Range>
  auto map(const F& f, Range&& range) {
    return map(MapOptions{}, f, std::forward<Range>(range));
  }
  template <class F, class Range>
  auto map(const MapOptions& options, const F& f, Range&& range) {
    return run<detail::CallWithElement>(options, f, range);
  }

  /** @brief As `map`, without waiting: one future for all results.
   *
   *  All elements are read and encoded before it returns, in chunks whose sizes shrink towards the
   *  end. Nothing is measured: to encode is the caller's code, and afterwards no thread is there to run it.
   *  Where the arena has no room for all elements, it waits for the first chunks and takes their results
   *  out of it. `cancel()` succeeds while no worker has begun the first chunk;
   *  `abort()` stops those that run; `progress()` counts elements.
   *  @return a Future of what `map` returns. Its error is the first one in the order of the elements
   *  @throws what reading the range and encoding throws; ArenaFull. What was submitted is cancelled
   *
   *  **If the peer dies.** As `map`.
   *
   *  Example: examples/pool_futures.cpp
   */
  template <detail::Callee F, class Range>
  auto map_async(const F& f, Range&& range) {
    return map_async(MapOptions{}, f, std::forward<Range>(range));
  }
  template <class F, class Range>
  auto map_async(const MapOptions& options, const F& f, Range&& range) {
    return start<detail::CallWithElement>(options, f, std::forward<Range>(range));
  }

  /// As `map`, for elements that are tuples, pairs or arrays of arguments: `f(get<0>(x), get<1>(x),
  /// ...)`.
  template <detail::Callee F, class Range>
  auto starmap(const F& f, Range&& range) {
    return starmap(MapOptions{}, f, std::forward<Range>(range));
  }
  template <class F, class Range>
  auto starmap(const MapOptions& options, const F& f, Range&& range) {
    return run<detail::CallWithTuple>(options, f, range);
  }

  /// As `map_async`, for elements that are tuples, pairs or arrays of arguments.
  template <detail::Callee F, class Range>
  auto starmap_async(const F& f, Range&& range) {
    return starmap_async(MapOptions{}, f, std::forward<Range>(range));
  }
  template <class F, class Range>
  auto starmap_async(const MapOptions& options, const F& f, Range&& range) {
    return start<detail::CallWithTuple>(options, f, std::forward<Range>(range));
  }

  /** @brief As `map`, lazily: a range of results in the order of the elements, which are read as
   *  results are taken.
   *
   *      for (auto& result : pool.imap(f, inputs)) use(result);
   *
   *  The range may be any input range, also an infinite one; an lvalue must live as long as the
   *  results are walked. Of the options, `chunksize` is 1 by default, and `buffersize` limits how
   *  many elements are ahead of the reader.
   */
  template <detail::Callee F, class Range>
  auto imap(const F& f, Range&& range) {
    return imap(MapOptions{}, f, std::forward<Range>(range));
  }
  template <class F, class Range>
  auto imap(const MapOptions& options, const F& f, Range&& range) {
    return lazy<true>(options, f, std::forward<Range>(range));
  }

  /// As `imap`, but each result as soon as it is there.
  template <detail::Callee F, class Range>
  auto imap_unordered(const F& f, Range&& range) {
    return imap_unordered(MapOptions{}, f, std::forward<Range>(range));
  }
  template <class F, class Range>
  auto imap_unordered(const MapOptions& options, const F& f, Range&& range) {
    return lazy<false>(options, f, std::forward<Range>(range));
  }

  /// How many workers there may be.
  int size() const { return core().size(); }

 protected:
  explicit MapFamily(detail::StateRef<detail::PoolCore> core) : core_(std::move(core)) {}
  ~MapFamily() {
    if (core_) detail::end_pool(*core_, std::uncaught_exceptions() > unwinding_);
  }

  detail::PoolCore& core() const { return *shared_core(); }
  const detail::StateRef<detail::PoolCore>& shared_core() const {
    if (!core_) throw UsageError("the pool was moved away");
    return core_;
  }

 private:
  friend struct detail::PoolAccess;

  template <class How, class F, class Range>
  auto run(const MapOptions& options, const F& f, Range& range) {
    return Lane::template map<How, std::decay_t<const F>>(
        f, range, [&](auto form, std::size_t count) {
          return detail::run_form(core(), options, count, std::move(form));
        });
  }
  template <class How, class F, class Range>
  auto start(const MapOptions& options, const F& f, Range&& range) {
    core();
    return Lane::template map_later<How, std::decay_t<const F>>(
        f, std::forward<Range>(range), [&](auto form, std::size_t count) {
          return detail::start_form(core_, options, count, std::move(form));
        });
  }
  template <bool Ordered, class F, class Range>
  auto lazy(const MapOptions& options, const F& f, Range&& range) {
    using Function = std::decay_t<const F>;
    if constexpr (Lane::template accepts<Function, detail::ElementOf<Range>>()) {
      return LazyResults<Function, Range, Ordered, Lane>(shared_core(), options, f,
                                                         std::forward<Range>(range));
    }
  }

  detail::StateRef<detail::PoolCore> core_;
  int unwinding_ = std::uncaught_exceptions();
};

}  // namespace royong::inline v0
