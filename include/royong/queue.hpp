// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief Queue: messages from any process to any other, through shared memory.
 */
#pragma once

#include <algorithm>  // for std::min
#include <cstddef>    // for std::size_t
#include <iterator>   // for std::input_iterator_tag
#include <memory>     // for std::make_shared
#include <optional>   // for std::optional
#include <ranges>     // for std::ranges::input_range
#include <utility>    // for std::move
#include <vector>     // for std::vector

#include "royong/detail/archive.hpp"
#include "royong/detail/byte_queue.hpp"
#include "royong/detail/config.hpp"
#include "royong/detail/object.hpp"
#include "royong/timeout.hpp"

namespace royong::inline v0 {

/** @brief A first-in, first-out queue that any process may put into and any may take from.
 *
 *  A handle: a copy names the same queue, and it may be an argument, a result or a message. `T` is any transferable type, handles included.
 *
 *  A put that returned is visible to the next get anywhere, and what one thread puts is taken in the order of its puts. There is no feeder thread: a process may
 *  end as soon as its puts have returned.
 *
 *  **Size.** `maxsize` messages at the most; 0: as many as the memory quota of the program allows. A message that does not fit the
 *  quota is `ArenaFull` at once, with nothing changed. Memory returns as the queue drains.
 *
 *  **Errors.** Every member that puts or takes throws `UsageError` after `close()`, `ShutDown` after `shutdown()`.
 *
 *  **Threads and processes.** Every member may be called by any thread of any process at any time.
 *
 *  **If the peer dies.** A producer or consumer that is killed at any instant neither stops nor damages the queue. A put that was killed has put its message or has
 *  not (one that was retried by a restarted producer may so be there twice). A get that was killed takes at most the messages that it was about to return with it.
 *
 *  Example: examples/queue.cpp
 */
template <class T>
class Queue {
  static_assert(detail::require_transferable<T>());

 public:
  using value_type = T;

  /** @brief An empty queue.
   *  @param maxsize messages that it holds at the most; 0: no limit but the quota
   *  @throws UsageError `maxsize` is negative, or before `init`; ArenaFull
   */
  explicit Queue(int maxsize = 0) : Queue(detail::ByteQueue::create(kind_, type_hash_, maxsize)) {}
  Queue(const Queue&) = default;
  Queue& operator=(const Queue&) = default;

  /// Appends a message; waits for room. @throws Full there was none in time
  void put(const T& value, Timeout timeout = forever) const {
    if (!try_put(value, timeout)) detail::throw_full();
  }
  /// Appends a message. @throws Full there is no room at this instant
  void put_nowait(const T& value) const { put(value, std::chrono::seconds(0)); }
  /// Appends a message if there is room, now or within the time. @return whether it did
  bool try_put(const T& value, Timeout timeout = std::chrono::seconds(0)) const {
    if constexpr (detail::is_plain<T>) {
      return bytes_.put(std::as_bytes(std::span(&value, 1)), timeout, end_->closed());
    } else {
      detail::Writer writer(object_);
      writer(value);
      const bool done = bytes_.put(writer.bytes(), timeout, end_->closed());
      if (done) writer.commit();
      return done;
    }
  }
  /** @brief Appends messages in their order; waits for room. Many are put under one lock: much faster than one by one.
   *  @return how many: fewer than all when the time was over, or when something happened after the first ones that the next put
   *          will throw
   *
   *  Other producers' messages may come in between. Each message is there or is not when the process is killed.
   */
  template <std::ranges::input_range R>
  std::size_t put_many(R&& values, Timeout timeout = forever) const {
    const auto deadline = timeout.deadline();
    const auto left = [&] {
      return timeout.is_forever() ? timeout : Timeout(deadline - Timeout::Clock::now());
    };
    std::size_t done = 0;
    auto it = std::ranges::begin(values);
    const auto end = std::ranges::end(values);
    while (it != end) {
      detail::Writer writer(object_);
      std::vector<std::size_t> sizes;
      for (; it != end && writer.size() < batch_bytes; ++it) {
        const std::size_t before = writer.size();
        writer(static_cast<const T&>(*it));
        sizes.push_back(writer.size() - before);
      }
      const std::size_t put = bytes_.put_many(writer.bytes(), sizes, left(), end_->closed());
      writer.commit();  // also what was not put: handles in it are held until the queue's end
      done += put;
      if (put < sizes.size()) break;
    }
    return done;
  }

  /// Takes the first message; waits for one. @throws Empty none came in time
  T get(Timeout timeout = forever) const {
    detail::MessageBatch batch;
    if (!bytes_.get(batch, 1, timeout, end_->closed())) detail::throw_empty();
    return decode(batch.next());
  }
  /// Takes the first message. @throws Empty there is none at this instant
  T get_nowait() const { return get(std::chrono::seconds(0)); }
  /// Takes the first message if there is one, now or within the time.
  std::optional<T> try_get(Timeout timeout = std::chrono::seconds(0)) const {
    detail::MessageBatch batch;
    if (!bytes_.get(batch, 1, timeout, end_->closed())) return std::nullopt;
    return decode(batch.next());
  }
  /** @brief Waits for a message and takes it with what else is there.
   *  @param max how many at the most
   *  @return them in their order; none when none came in time
   *
   *  If the process is killed meanwhile, all of them may be lost with it.
   *  @throws UsageError `max` is negative
   */
  std::vector<T> get_many(int max, Timeout timeout = forever) const {
    if (max < 0) detail::throw_negative_count();
    std::vector<T> values;
    detail::MessageBatch batch;
    if (max == 0 || !bytes_.get(batch, static_cast<std::size_t>(max), timeout, end_->closed())) {
      return values;
    }
    values.reserve(batch.size());
    for (std::size_t i = 0; i < batch.size(); ++i) values.push_back(decode(batch.next()));
    return values;
  }

  /// How many messages are in it, at one instant.
  std::size_t qsize() const noexcept { return bytes_.size(); }
  /// Whether there is none, at one instant.
  bool empty() const noexcept { return bytes_.size() == 0; }
  /// Whether `maxsize` is reached, at one instant; never when there is none.
  bool full() const noexcept { return bytes_.full(); }

  /// This handle and its copies in this process can put and take no more; waits in progress end. Others are not affected. Repeatable.
  void close() const noexcept {
    end_->close();
    bytes_.wake();
  }

  /** @brief A descriptor to be watched by poll, epoll or an event loop: readable while there is a message or the queue is shut down.
   *
   *  Never read from it: take a message by `try_get`, which may find that another consumer was faster. It belongs to this handle and its copies, and is closed with the last
   *  of them. A process that watches has one more thread; while nobody watches, the queue pays nothing for it. In a forked child it is another descriptor: ask again there.
   *  @throws UsageError after `close()`, or this process is no member of the program
   *  @throws std::system_error no descriptor is left
   */
  int fileno() const { return end_->fileno(object_); }

  /** @brief Ends the queue for all processes: nothing can be put any more, and who waits for room gets `ShutDown`.
   *
   *  What is there can still be taken, then a get is `ShutDown`. Repeatable.
   *  @param immediate  drop what is there
   */
  void shutdown(bool immediate = false) const { bytes_.shutdown(immediate); }

  /// Takes messages one by one, each when it is wanted; ends when the queue is shut down and drained.
  class Iterator {
   public:
    using iterator_concept = std::input_iterator_tag;
    using value_type = T;
    using difference_type = std::ptrdiff_t;

    T& operator*() const noexcept { return *value_; }
    Iterator& operator++() {
      value_ = queue_->next();
      return *this;
    }
    void operator++(int) { ++*this; }
    friend bool operator==(const Iterator& it, std::default_sentinel_t) noexcept {
      return !it.value_.has_value();
    }

   private:
    friend class Queue;
    explicit Iterator(const Queue& queue) : queue_(&queue), value_(queue.next()) {}
    const Queue* queue_;
    mutable std::optional<T> value_;
  };
  /// `for (auto& message : queue)`: waits for each.
  Iterator begin() const { return Iterator(*this); }
  std::default_sentinel_t end() const noexcept { return {}; }

 private:
  friend struct detail::HandleAccess;
  static constexpr auto kind_ = detail::ObjectKind::queue;
  static constexpr auto type_hash_ = detail::type_hash<T>();
  /// How much put_many encodes before it puts.
  static constexpr std::size_t batch_bytes = 32 * 1024;

  explicit Queue(detail::ObjectRef object)
      : object_(std::move(object)), bytes_(object_), end_(std::make_shared<detail::QueueEnd>()) {}

  static T decode(std::span<const std::byte> bytes) {
    detail::Reader reader(bytes);
    T value = reader.read<T>();
    reader.expect_end();
    return value;
  }

  std::optional<T> next() const {
    detail::MessageBatch batch;
    if (!bytes_.get_or_end(batch, end_->closed())) return std::nullopt;
    return decode(batch.next());
  }

  detail::ObjectRef object_;
  detail::ByteQueue bytes_;
  std::shared_ptr<detail::QueueEnd> end_;
};

}  // namespace royong::inline v0
