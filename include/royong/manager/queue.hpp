// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief ManagerQueue, ManagerJoinableQueue: queues in a manager's server.
 */
#pragma once

#include <chrono>            // for std::chrono::seconds
#include <cstddef>           // for std::size_t
#include <initializer_list>  // for std::initializer_list
#include <iterator>          // for std::input_iterator_tag
#include <optional>          // for std::optional
#include <utility>           // for std::move
#include <vector>            // for std::vector

#include "royong/detail/byte_queue.hpp"
#include "royong/detail/config.hpp"
#include "royong/detail/manager/objects/queue.hpp"
#include "royong/detail/manager/objects/snapshot.hpp"
#include "royong/detail/manager/proxy_base.hpp"
#include "royong/error.hpp"
#include "royong/future.hpp"
#include "royong/timeout.hpp"

namespace royong::inline v0 {

namespace detail {

/// The state behind the future of a message: the answer is a list of messages.
template <class T>
class MessageState final : public AnswerState<T> {
 protected:
  T produce() override {
    auto messages = this->read_answer(&decode<std::vector<T>>);
    if (messages.empty()) throw_empty();
    return std::move(messages.front());
  }
};

/// What both queues have in common. `Object` is the served class.
template <class T, class Object>
class ManagerQueueOf : public ProxyOf<Object> {
 public:
  using value_type = T;

  using ProxyOf<Object>::ProxyOf;

  /// Appends a message; waits for room. @throws Full there was none in time @throws ShutDown
  void put(const T& value, Timeout timeout = forever) const {
    if (!try_put(value, timeout)) throw_full();
  }
  /// Appends a message. @throws Full there is no room at this instant
  void put_nowait(const T& value) const { put(value, std::chrono::seconds(0)); }
  /// Appends a message if there is room, now or within the time. @return whether it did
  bool try_put(const T& value, Timeout timeout = std::chrono::seconds(0)) const {
    return this->template invoke<&Object::put>(value, timeout) != 0;
  }
  /** @brief Appends messages in their order, in one call; waits for room. Others' messages may come in between.
   *  @return how many: fewer than all when the time was over or the queue was shut down meanwhile
   */
  template <RangeOf<T> R>
  std::size_t put_many(R&& values, Timeout timeout = forever) const {
    return this->template invoke<&Object::put_many>(collect<T>(std::forward<R>(values)), timeout);
  }
  std::size_t put_many(std::initializer_list<T> values, Timeout timeout = forever) const {
    return this->template invoke<&Object::put_many>(std::vector<T>(values), timeout);
  }

  /// Takes the first message; waits for one. @throws Empty none came in time @throws ShutDown there will be none
  T get(Timeout timeout = forever) const {
    auto message = try_get(timeout);
    if (!message) throw_empty();
    return *std::move(message);
  }
  /// Takes the first message. @throws Empty there is none at this instant
  T get_nowait() const { return get(std::chrono::seconds(0)); }
  /// Takes the first message if there is one, now or within the time.
  std::optional<T> try_get(Timeout timeout = std::chrono::seconds(0)) const {
    auto messages = this->template invoke<&Object::get>(std::size_t{1}, timeout);
    if (messages.empty()) return std::nullopt;
    return std::move(messages.front());
  }
  /** @brief Begins to wait for the first message. Cancelled in time, none was taken.
   *
   *  One that was handed over is in the future: it is not in the queue any more, whether anybody asks the future for it or not.
   */
  Future<T> get_async() const {
    return this->template invoke_async_as<&Object::get, T, MessageState<T>>(std::size_t{1},
                                                                            forever);
  }
  /// Begins to wait for room, and then appends the message. Cancelled in time, it was not put.
  Future<void> put_async(const T& value) const {
    return this->template invoke_async_as<&Object::put, void>(value, forever);
  }
  /** @brief Waits for a message and takes it with what else is there, `max` at the most.
   *  @return none when none came in time
   *  @throws UsageError `max` is negative
   */
  std::vector<T> get_many(int max, Timeout timeout = forever) const {
    if (max < 0) throw_negative_count();
    if (max == 0) return {};
    return this->template invoke<&Object::get>(static_cast<std::size_t>(max), timeout);
  }

  /// How many messages are in it, at one instant.
  std::size_t qsize() const { return this->template invoke<&Object::qsize>(); }
  /// Whether there is none, at one instant.
  bool empty() const { return qsize() == 0; }
  /// Whether `maxsize` is reached, at one instant; never when there is none.
  bool full() const { return this->template invoke<&Object::full>(); }
  /** @brief Ends the queue for all: nothing can be put any more, and who waits for room gets `ShutDown`. What is there can still be taken.
   *  @param immediate drop what is there
   */
  void shutdown(bool immediate = false) const {
    this->template invoke<&Object::shutdown>(immediate);
  }

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
    friend class ManagerQueueOf;
    explicit Iterator(const ManagerQueueOf& queue) : queue_(&queue), value_(queue.next()) {}
    const ManagerQueueOf* queue_;
    mutable std::optional<T> value_;
  };
  /// `for (auto& message : queue)`: waits for each.
  Iterator begin() const { return Iterator(*this); }
  std::default_sentinel_t end() const noexcept { return {}; }

 private:
  std::optional<T> next() const {
    try {
      return get();
    } catch (const ShutDown&) {
      return std::nullopt;
    }
  }
};

}  // namespace detail

/** @brief A first-in, first-out queue in a manager's server, for processes that share no memory as well: made by `Manager::queue<T>(maxsize)`.
 *
 *  Its members are those of Queue. A process of the same program puts and takes ten times faster with a Queue; this one is for other programs and other machines.
 *
 *  A proxy: a value whose copies refer to the one queue. `T` is transferable and copyable. Who waits, waits in the server, in the order of arrival, and no thread is held for it. A queue that
 *  holds its own proxy as a message lives as long as the manager.
 *
 *  Each member is atomic, but for `put_many`, which puts one part after the other as room comes.
 *  **Errors.** As ManagerDict's; `Full`, `Empty`, `ShutDown` as with Queue. **Threads and processes.** Every member may be called by any thread of any process at any time.
 *
 *  **If the peer dies.** A client that is killed while it waits waits no more: nothing is put or taken for it once the server has seen its end. A message that was handed to it before that is lost
 *  with it. If the server dies, every call, also one in progress, is `EndOfFile` at once.
 *
 *  Example: examples/manager_remote.cpp
 */
template <class T>
class ManagerQueue : public detail::ManagerQueueOf<T, detail::ServedQueue<T>> {
 public:
  using detail::ManagerQueueOf<T, detail::ServedQueue<T>>::ManagerQueueOf;
};

/** @brief A ManagerQueue that knows when all of its messages are not only taken but done. Made by `Manager::joinable_queue<T>(maxsize)`.
 *
 *  **If the peer dies.** What a client had taken and not reported counts as done when it is gone; `lost()` tells how much that was, and the server's log has a warning. Everything else as with ManagerQueue and
 *  JoinableQueue.
 */
template <class T>
class ManagerJoinableQueue : public detail::ManagerQueueOf<T, detail::ServedJoinableQueue<T>> {
  using Object = detail::ServedJoinableQueue<T>;

 public:
  using detail::ManagerQueueOf<T, Object>::ManagerQueueOf;

  /// One message that was taken is done. @throws UsageError called too many times: more often than messages were taken
  void task_done() const { this->template invoke<&Object::task_done>(); }
  /// Waits until every message that was put is done. What `shutdown(true)` drops is done. @return false: not within the time
  bool join(Timeout timeout = forever) const {
    return this->template invoke<&Object::join>(timeout);
  }
  /// Begins to wait for that.
  Future<void> join_async() const {
    return this->template invoke_async_as<&Object::join, void>(forever);
  }
  /// How many messages died in the hands of clients, since the beginning.
  std::size_t lost() const { return this->template invoke<&Object::lost>(); }
};

}  // namespace royong::inline v0
