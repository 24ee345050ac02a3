// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief The lazy forms of map: results while inputs are still being read.
 */
#pragma once

#include <deque>     // for std::deque
#include <iterator>  // for std::default_sentinel_t, std::input_iterator_tag
#include <optional>  // for std::optional
#include <utility>   // for std::forward
#include <vector>    // for std::vector

#include "royong/detail/gate.hpp"
#include "royong/detail/map.hpp"

namespace royong::inline v0 {

namespace detail {

/// Elements that may be ahead of the reader.
inline std::size_t buffer_size(const MapOptions& options, std::size_t chunk, int workers) {
  return options.buffersize != 0 ? static_cast<std::size_t>(options.buffersize)
                                 : static_cast<std::size_t>(workers) * 4 * chunk;
}

}  // namespace detail

/** @brief What `imap` and `imap_unordered` return: an input range of results.
 *
 *  Inputs are read as results are taken: never more than `buffersize` of them are ahead, so the
 *  range of inputs may be infinite. Walked once, by one thread. It ends early by being destroyed;
 *  tasks under way then finish unseen.
 *
 *  **Errors.** Where an element failed, `*iterator` throws; `++iterator` goes on to the next. With
 *  chunks of more than one element an error stands for its whole chunk. An exception of the input
 *  range comes at its position, and is the last; so does what the pool says that takes no more
 *  tasks, closed or terminated meanwhile (`UsageError`): behind the results of what it has taken.
 *
 *  **If the peer dies.** As for Pool::map, at the position of the element.
 */
template <class F, class Source, bool Ordered, class Lane>
class LazyResults {
  using In = detail::ElementOf<Source>;

 public:
  using value_type = typename Lane::template Result<F, In>;
  static_assert(!std::is_void_v<value_type>,
                "royong: imap yields results: use map for a function that returns nothing");

  /// For `imap`. The source is a range, which is moved in, or a reference to one that lives longer.
  LazyResults(detail::StateRef<detail::PoolCore> pool, const MapOptions& options, const F& function,
              Source&& source)
      : pool_(std::move(pool)),
        options_(options),
        function_(function),
        chunk_(options.chunksize == 0 ? 1 : static_cast<std::size_t>(options.chunksize)),
        buffer_(detail::buffer_size(options, chunk_, pool_->size())),
        source_(std::forward<Source>(source)) {
    detail::check_map(*pool_, options);
    options_.progress.start(0);
  }
  LazyResults(const LazyResults&) = delete;
  LazyResults& operator=(const LazyResults&) = delete;

  class iterator {
   public:
    using iterator_concept = std::input_iterator_tag;
    using iterator_category = std::input_iterator_tag;
    using value_type = LazyResults::value_type;
    using difference_type = std::ptrdiff_t;
    using pointer = value_type*;
    using reference = value_type&;

    explicit iterator(LazyResults* range) : range_(range) {}
    value_type& operator*() const { return range_->current(); }
    value_type* operator->() const { return &range_->current(); }
    iterator& operator++() {
      range_->advance();
      return *this;
    }
    void operator++(int) { ++*this; }
    bool operator==(std::default_sentinel_t) const { return range_->at_end(); }

   private:
    LazyResults* range_;
  };

  /// Submits the first inputs and waits for the first result. Once.
  iterator begin() {
    input_.emplace(std::begin(source_));
    advance();
    return iterator(this);
  }
  std::default_sentinel_t end() const { return {}; }

 private:
  friend class iterator;

  /// The result at hand. @throws what stands in its place
  value_type& current() {
    if (error_) std::rethrow_exception(error_);
    return results_.front();
  }
  bool at_end() const { return results_.empty() && !error_; }

  void advance() {
    if (error_) {
      error_ = nullptr;
    } else if (!results_.empty()) {
      results_.pop_front();
    }
    fill();
    while (at_end() && !under_way_.empty()) {
      take(choose());
      fill();
    }
    if (at_end()) {
      error_ = std::exchange(last_error_, nullptr);
      options_.progress.finish();
    }
  }

  /// Reads inputs and submits them, up to the buffer.
  void fill() {
    while (!exhausted_ && ahead_ < buffer_) {
      std::vector<In> elements;
      try {
        for (auto end = std::end(source_); elements.size() < chunk_; ++*input_) {
          exhausted_ = *input_ == end;
          if (exhausted_) break;
          // No room is made ahead: a chunk may be asked for that is larger than any input.
          elements.push_back(**input_);  // NOLINT(performance-inefficient-vector-operation)
        }
      } catch (...) {
        read_no_more();
      }
      try {
        if (!elements.empty()) submit(std::move(elements));
      } catch (...) {
        read_no_more();
      }
    }
  }

  /// The exception at hand stands behind all that is under way.
  void read_no_more() {
    last_error_ = std::current_exception();
    exhausted_ = true;
  }

  void submit(std::vector<In>&& elements) {
    const std::size_t count = elements.size();
    under_way_.push_back(
        {Lane::submit_chunk(*pool_, options_.task, function_, std::move(elements)), count});
    ahead_ += count;
  }

  /// The chunk whose results come next, ended.
  std::size_t choose() {
    if constexpr (!Ordered) {
      for (std::size_t i = 0; i < under_way_.size(); ++i) {
        if (under_way_[i].state->has_ended()) return i;
      }
      std::vector<detail::TaskState*> states;
      states.reserve(under_way_.size());
      for (const auto& chunk : under_way_) states.push_back(chunk.state.get());
      return detail::Gate(std::move(states)).next(forever.deadline()).value();
    }
    under_way_.front().state->wait(forever);
    return 0;
  }

  void take(std::size_t index) {
    const detail::Chunk chunk = std::move(under_way_[index]);
    under_way_.erase(under_way_.begin() + static_cast<std::ptrdiff_t>(index));
    ahead_ -= chunk.elements;
    try {
      if (chunk.state->ending() != detail::Ending::value) chunk.state->rethrow();
      Lane::take(chunk, results_);
    } catch (...) {
      results_.clear();
      error_ = std::current_exception();
    }
    options_.progress.update(done_ += chunk.elements);
  }

  detail::StateRef<detail::PoolCore> pool_;
  MapOptions options_;
  F function_;
  std::size_t chunk_;
  std::size_t buffer_;
  Source source_;  // a reference, for an lvalue
  std::optional<decltype(std::begin(std::declval<Source&>()))> input_;
  bool exhausted_ = false;
  std::exception_ptr last_error_;
  std::deque<detail::Chunk> under_way_;
  std::size_t ahead_ = 0;
  std::size_t done_ = 0;
  std::deque<value_type> results_;
  std::exception_ptr error_;
};

}  // namespace royong::inline v0
