// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief Queue, JoinableQueue, SimpleQueue: messages from any process to any other, through shared memory.
 */
#pragma once

#include <algorithm>         // for std::min
#include <cstddef>           // for std::size_t
#include <cstdint>           // for std::uintptr_t
#include <cstring>           // for std::memcpy
#include <initializer_list>  // for std::initializer_list
#include <iterator>          // for std::input_iterator_tag
#include <memory>            // for std::make_shared
#include <optional>          // for std::optional
#include <ranges>            // for std::ranges::input_range
#include <span>              // for std::span
#include <utility>           // for std::move
#include <vector>            // for std::vector

#include "royong/detail/archive.hpp"
#include "royong/detail/byte_queue.hpp"
#include "royong/detail/codec.hpp"
#include "royong/detail/config.hpp"
#include "royong/detail/object.hpp"
#include "royong/detail/type_hash.hpp"
#include "royong/error.hpp"  // IWYU pragma: export
#include "royong/timeout.hpp"

namespace royong::inline v0 {

namespace detail {
template <class T, ObjectKind kind>
class TypedQueue;
}

/** @brief A message of plain elements, read and changed where it lies: what `get_view` gives.
 *
 *  A long message stays in its block of shared memory until the view ends: it is never copied. A short one, which shared its memory with others, lies in the view. Nobody else
 *  sees the elements, so they may be changed. The view does not need the queue any more. Move-only, and at home in one process.
 *
 *  **If the process dies,** its views end with it, and the memory returns.
 */
template <class E>
class MessageView {
 public:
  using value_type = E;

  MessageView(MessageView&&) noexcept = default;
  MessageView& operator=(MessageView&&) noexcept = default;

  E* data() const noexcept { return reinterpret_cast<E*>(message_.bytes().data()); }
  std::size_t size() const noexcept { return message_.bytes().size() / sizeof(E); }
  bool empty() const noexcept { return size() == 0; }
  E* begin() const noexcept { return data(); }
  E* end() const noexcept { return data() + size(); }
  E& operator[](std::size_t i) const noexcept { return data()[i]; }

 private:
  template <class, detail::ObjectKind>
  friend class detail::TypedQueue;
  explicit MessageView(detail::MessageBatch& batch) : message_(batch) {
    if (message_.bytes().size() % sizeof(E) != 0) {
      detail::throw_wrong_length(message_.bytes().size(), sizeof(E));
    }
  }

  detail::Message message_;
};

namespace detail {

/// A vector or string of plain elements: its message is the elements and nothing else.
template <class T>
concept PlainMessage = PlainContiguous<T> && alignof(typename T::value_type) <= 16 &&
                       requires(T& range, const typename T::value_type* p) { range.assign(p, p); };

/// What the queues have in common: all of it but `task_done` and `join`.
template <class T, ObjectKind kind>
class TypedQueue {
 public:
  using value_type = T;

  /// Appends a message; waits for room: for ever if nobody takes any more, see "If the peer dies". @throws Full there was none in time
  void put(const T& value, Timeout timeout = forever) const {
    if (!try_put(value, timeout)) throw_full();
  }
  /// Appends a message. @throws Full there is no room at this instant
  void put_nowait(const T& value) const { put(value, std::chrono::seconds(0)); }
  /// Appends a message if there is room, now or within the time. @return whether it did
  bool try_put(const T& value, Timeout timeout = std::chrono::seconds(0)) const {
    if constexpr (is_plain<T>) {
      return bytes_.put(std::as_bytes(std::span(&value, 1)), timeout, end_->closed());
    } else if constexpr (PlainMessage<T>) {
      return bytes_.put(std::as_bytes(std::span(value.data(), value.size())), timeout,
                        end_->closed());
    } else {
      Writer writer(object_);
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
    Writer writer(object_);
    std::vector<std::size_t> sizes;
    std::vector<std::size_t> pins;  // that the writer had made after each message
    auto it = std::ranges::begin(values);
    const auto end = std::ranges::end(values);
    try {
      while (it != end) {
        writer.clear();
        sizes.clear();
        pins.clear();
        for (; it != end && writer.size() < batch_bytes; ++it) {
          const std::size_t before = writer.size();
          write(writer, static_cast<const T&>(*it));
          sizes.push_back(writer.size() - before);
          if constexpr (may_carry_handles) pins.push_back(writer.pins());
        }
        const std::size_t put = bytes_.put_many(writer.bytes(), sizes, left(), end_->closed());
        // The pins of what was not put are dropped by the writer.
        if constexpr (may_carry_handles) {
          if (put != 0) writer.commit(pins[put - 1]);
        }
        done += put;
        if (put < sizes.size()) break;
      }
    } catch (...) {
      if (done == 0) throw;
    }
    return done;
  }

  /// The same for a list in braces: `put_many({1, 2, 3})`.
  std::size_t put_many(std::initializer_list<T> values, Timeout timeout = forever) const {
    return put_many(std::span(values.begin(), values.size()), timeout);
  }

  /// Takes the first message; waits for one. @throws Empty none came in time
  T get(Timeout timeout = forever) const {
    MessageBatch batch;
    if (!bytes_.get(batch, 1, timeout, end_->closed())) throw_empty();
    return decode(batch.next());
  }
  /** @brief Takes the first message without copying it out: see MessageView. For messages that are vectors or strings of plain elements.
   *
   *      auto samples = queue.get_view();          // Queue<std::vector<float>>
   *      for (float& sample : samples) ...
   *
   *  @throws Empty none came in time
   */
  auto get_view(Timeout timeout = forever) const
    requires PlainMessage<T>
  {
    MessageBatch batch;
    if (!bytes_.get(batch, 1, timeout, end_->closed())) throw_empty();
    return MessageView<typename T::value_type>(batch);
  }
  /// Takes the first message. @throws Empty there is none at this instant
  T get_nowait() const { return get(std::chrono::seconds(0)); }
  /// Takes the first message if there is one, now or within the time.
  std::optional<T> try_get(Timeout timeout = std::chrono::seconds(0)) const {
    MessageBatch batch;
    if (!bytes_.get(batch, 1, timeout, end_->closed())) return std::nullopt;
    return decode(batch.next());
  }
  /** @brief Waits for a message and takes it with what else is there.
   *  @param max how many at the most
   *  @param timeout how long to wait for the first of them
   *  @return them in their order; none when none came in time
   *
   *  If the process is killed meanwhile, all of them may be lost with it.
   *  @throws UsageError `max` is negative
   */
  std::vector<T> get_many(int max, Timeout timeout = forever) const {
    if (max < 0) throw_negative_count();
    std::vector<T> values;
    MessageBatch batch;
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
    friend class TypedQueue;
    explicit Iterator(const TypedQueue& queue) : queue_(&queue), value_(queue.next()) {}
    const TypedQueue* queue_;
    mutable std::optional<T> value_;
  };
  /// `for (auto& message : queue)`: waits for each.
  Iterator begin() const { return Iterator(*this); }
  std::default_sentinel_t end() const noexcept { return {}; }

 protected:
  friend struct HandleAccess;
  static constexpr auto kind_ = kind;
  static constexpr std::uint64_t type_hash_ = type_hash<T>();

  explicit TypedQueue(int maxsize) : TypedQueue(ByteQueue::create(kind_, type_hash_, maxsize)) {}
  explicit TypedQueue(ObjectRef object)
      : object_(std::move(object)), bytes_(object_), end_(std::make_shared<QueueEnd>()) {
    // Here, where T is complete: a message may hold a queue of such messages.
    static_assert(require_transferable<T>());
  }
  TypedQueue(const TypedQueue&) = default;
  TypedQueue& operator=(const TypedQueue&) = default;
  ~TypedQueue() = default;

  ObjectRef object_;
  ByteQueue bytes_;
  std::shared_ptr<QueueEnd> end_;

 private:
  /// How much put_many encodes before it puts.
  static constexpr std::size_t batch_bytes = 32 * 1024;
  static constexpr bool may_carry_handles = !is_plain<T> && !PlainMessage<T>;

  static void write(Writer& writer, const T& value) {
    if constexpr (PlainMessage<T>) {
      if (value.empty()) return;  // it may have no address
      writer.write_raw(value.data(), value.size() * sizeof(typename T::value_type));
    } else {
      writer(value);
    }
  }

  static T decode(std::span<const std::byte> bytes) {
    if constexpr (PlainMessage<T>) {
      using E = typename T::value_type;
      if (bytes.size() % sizeof(E) != 0) throw_wrong_length(bytes.size(), sizeof(E));
      T value;
      if (reinterpret_cast<std::uintptr_t>(bytes.data()) % alignof(E) == 0) {
        // Not resized first: that would write every element twice.
        const auto* first = reinterpret_cast<const E*>(bytes.data());
        value.assign(first, first + bytes.size() / sizeof(E));
      } else {
        value.resize(bytes.size() / sizeof(E));
        if (!value.empty()) std::memcpy(value.data(), bytes.data(), bytes.size());
      }
      return value;
    } else {
      Reader reader(bytes);
      T value = reader.read<T>();
      reader.expect_end();
      return value;
    }
  }

  std::optional<T> next() const {
    MessageBatch batch;
    if (!bytes_.get_or_end(batch, end_->closed())) return std::nullopt;
    return decode(batch.next());
  }
};

}  // namespace detail

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
 *  **Its own handle** as a message keeps nothing alive: when no process has a handle any more, the queue ends with its messages. Two queues that carry each other's
 *  handles keep each other alive until one of the messages is taken, or the program ends.
 *
 *  **Errors.** Every member that puts or takes throws `UsageError` after `close()`, `ShutDown` after `shutdown()`.
 *
 *  **Threads and processes.** Every member may be called by any thread of any process at any time.
 *
 *  **If the peer dies.** A producer or consumer that is killed at any instant neither stops nor damages the queue. A put that was killed has put its message or has
 *  not (one that was retried by a restarted producer may so be there twice). A get that was killed takes at most the messages that it was about to return with it.
 *
 *  A queue does not know who will ever take from it. So a put without timeout into a full queue waits **for ever** when the last consumer died and nobody else takes, as a get does
 *  when the last producer died: give a timeout, or have whoever sees the death (`Process::join`, `sentinel`) call `shutdown()`, which ends both waits with `ShutDown`.
 *
 *  A process that is stopped (SIGSTOP) just while it puts or takes holds up the others that do the same. Who has given a time limit gives up in time; who has none, or only looks,
 *  goes on when the process does, or is killed.
 *
 *  Example: examples/queue.cpp
 */
template <class T>
class Queue : public detail::TypedQueue<T, detail::ObjectKind::queue> {
  using Base = detail::TypedQueue<T, detail::ObjectKind::queue>;

 public:
  /// An empty queue, without limit but the quota. @throws UsageError before `init`; ArenaFull
  Queue() : Base(0) {}
  /** @brief An empty queue.
   *  @param maxsize messages that it holds at the most; 0: no limit but the quota
   *  @throws UsageError `maxsize` is negative, or before `init`; ArenaFull
   */
  explicit Queue(int maxsize) : Base(maxsize) {}

 private:
  friend struct detail::HandleAccess;
  explicit Queue(detail::ObjectRef object) : Base(std::move(object)) {}
};

/** @brief A Queue that knows when all of its messages are not only taken but done.
 *
 *  Each message counts from its put until some process has called `task_done` for it; `join` waits until none counts.
 *
 *  **If the peer dies.** What a process had taken and not reported when it was killed counts as done, so that no `join` waits for
 *  a dead process; `lost()` tells how much that was, and the log has a warning. So `task_done` should be called by the process that took the message: of what another process
 *  reported, the queue cannot know whose it was.
 *
 *  Everything else as with Queue. Example: examples/joinable_queue.cpp
 */
template <class T>
class JoinableQueue : public detail::TypedQueue<T, detail::ObjectKind::joinable_queue> {
  using Base = detail::TypedQueue<T, detail::ObjectKind::joinable_queue>;

 public:
  /// As Queue's.
  JoinableQueue() : Base(0) {}
  /// As Queue's.
  explicit JoinableQueue(int maxsize) : Base(maxsize) {}

  /// One message that was taken is done. @throws UsageError called too many times: more often than messages were put
  void task_done() const { this->bytes_.task_done(this->end_->closed()); }

  /** @brief Waits until every message that was put is done. What `shutdown(true)` drops is done.
   *  @return false: not within the time
   */
  bool join(Timeout timeout = forever) const {
    return this->bytes_.join(timeout, this->end_->closed());
  }

  /// How many messages died in the hands of consumers, since the beginning.
  std::size_t lost() const noexcept { return this->bytes_.lost(); }

 private:
  friend struct detail::HandleAccess;
  explicit JoinableQueue(detail::ObjectRef object) : Base(std::move(object)) {}
};

/** @brief Queue with four members: for those who want no more.
 *
 *  Unbounded: a put never waits. Everything else as with Queue.
 *
 *  Example: examples/simple_queue.cpp
 */
template <class T>
class SimpleQueue : private detail::TypedQueue<T, detail::ObjectKind::simple_queue> {
  using Base = detail::TypedQueue<T, detail::ObjectKind::simple_queue>;

 public:
  using value_type = T;

  /// An empty queue. @throws UsageError before `init`; ArenaFull
  SimpleQueue() : Base(0) {}

  /// Appends a message.
  void put(const T& value) const { Base::put(value); }
  /// Takes the first message; waits for one. @throws Empty none came in time
  T get(Timeout timeout = forever) const { return Base::get(timeout); }
  /// Whether there is none, at one instant. @throws UsageError after `close()`
  bool empty() const {
    this->end_->require_open();
    return Base::empty();
  }
  using Base::close;
  using Base::fileno;

 private:
  friend struct detail::HandleAccess;
  explicit SimpleQueue(detail::ObjectRef object) : Base(std::move(object)) {}
};

}  // namespace royong::inline v0
