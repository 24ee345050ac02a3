// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief ServedQueue, ServedJoinableQueue: what a ManagerQueue and a ManagerJoinableQueue stand for, in the server. Used by the server's one thread.
 */
#pragma once

#include <cstddef>  // for std::size_t
#include <deque>    // for std::deque
#include <map>      // for std::map
#include <memory>   // for std::unique_ptr
#include <utility>  // for std::move
#include <vector>   // for std::vector

#include "royong/detail/config.hpp"
#include "royong/detail/manager/served.hpp"
#include "royong/detail/manager/waiting_line.hpp"
#include "royong/error.hpp"
#include "royong/timeout.hpp"

namespace royong::inline v0::detail {

/// @throws UsageError it is negative
ROYONG_API std::size_t require_maxsize(int maxsize);
ROYONG_API ShutDown shut_down_error();

/// What of a JoinableQueue has to do with done and not done.
class ROYONG_API UndoneMessages {
 public:
  void put(std::size_t n) noexcept { undone_ += n; }
  /// A client took so many.
  void take(SessionId taker, std::size_t n) { taken_[taker] += n; }
  /// What was dropped is done.
  void drop(std::size_t n) noexcept;
  /// @throws UsageError more often than messages were put
  void task_done(const Caller& caller);
  void join(Answer<bool> answer, Timeout timeout);
  std::size_t lost() const noexcept { return lost_; }
  void forget(SessionId gone) noexcept;
  void cancel(const CallId& call) noexcept { joining_.cancel(call); }

 private:
  void done(std::size_t n) noexcept;

  std::size_t undone_ = 0;
  std::size_t lost_ = 0;
  std::map<SessionId, std::size_t>
      taken_;  // and not done; with what is in the queue always undone_
  WaitingLine<bool> joining_;
};

/// In its place where nobody asks.
struct UncountedMessages {
  void put(std::size_t) noexcept {}
  void take(SessionId, std::size_t) noexcept {}
  void drop(std::size_t) noexcept {}
  void forget(SessionId) noexcept {}
  void cancel(const CallId&) noexcept {}
};

/** @brief The queue. A message is in it, or with a call that waits for room, or was taken: of a call that ends, all or a first part is in it.
 *
 *  Nobody waits for a message while there is one, and nobody for room while there is some.
 */
template <class T, class Derived, class Count>
class ServedQueueOf : public Served<Derived> {
 public:
  explicit ServedQueueOf(int maxsize) : maxsize_(require_maxsize(maxsize)) {}

  /// Answers whether it was put in time. Fails with ShutDown.
  void put(Answer<std::size_t> answer, T value, Timeout timeout) {
    if (shut_) return answer.fail(shut_down_error());
    if (putters_.empty() && has_room()) {
      append(std::move(value));
      return answer.answer(std::size_t{1});
    }
    std::vector<T> values;
    values.push_back(std::move(value));
    wait_for_room(std::move(answer), std::move(values), timeout);
  }
  /// Answers how many were put in time. Fails with ShutDown if that is none.
  void put_many(Answer<std::size_t> answer, std::vector<T> values, Timeout timeout) {
    if (shut_) return answer.fail(shut_down_error());
    if (values.empty()) return answer.answer(std::size_t{0});
    wait_for_room(std::move(answer), std::move(values), timeout);
  }
  /// Answers up to `max` messages, none when none came in time. Fails with ShutDown when there will be none.
  void get(Answer<std::vector<T>> answer, std::size_t max, Timeout timeout) {
    if (!messages_.empty()) return give(std::move(answer), max);
    if (shut_) return answer.fail(shut_down_error());
    if (timeout.is_poll() || max == 0) return answer.answer(std::vector<T>());
    getters_.wait(std::move(answer), timeout,
                  [](typename Getters::Parked late) { late.answer.answer(std::vector<T>()); },
                  {max});
  }

  std::size_t qsize() const noexcept { return messages_.size(); }
  bool full() const noexcept { return maxsize_ != 0 && messages_.size() >= maxsize_; }
  void shutdown(bool immediate) {
    shut_ = true;
    while (auto putter = putters_.take_first()) {
      if (putter->extra->done != 0) {
        putter->answer.answer(putter->extra->done);
      } else {
        putter->answer.fail(shut_down_error());
      }
    }
    while (auto getter = getters_.take_first()) getter->answer.fail(shut_down_error());
    if (!immediate) return;
    undone_.drop(messages_.size());
    messages_.clear();
  }

  void forget(SessionId gone) noexcept override {
    putters_.forget(gone);
    getters_.forget(gone);
    undone_.forget(gone);
  }
  /// Not a put of many of which a part is in the queue.
  void cancel(const CallId& call) noexcept override {
    auto putter = putters_.take_first_of([&](const typename Putters::Parked& parked) {
      return parked.answer.id() == call && parked.extra->done == 0;
    });
    if (putter) return putter->answer.cancel();
    if (!getters_.cancel(call)) undone_.cancel(call);
  }

 protected:
  [[no_unique_address]] Count undone_;

 private:
  struct Batch {
    std::vector<T> values;
    std::size_t done = 0;
  };
  struct Wish {
    std::size_t max = 1;
  };
  using Putters = WaitingLine<std::size_t, std::unique_ptr<Batch>>;
  using Getters = WaitingLine<std::vector<T>, Wish>;

  bool has_room() const noexcept { return !full(); }

  void append(T value) {
    messages_.push_back(std::move(value));
    undone_.put(1);
    if (auto getter = getters_.take_first()) give(std::move(getter->answer), getter->extra.max);
  }

  void give(Answer<std::vector<T>> answer, std::size_t max) {
    std::vector<T> taken;
    while (taken.size() < max && !messages_.empty()) {
      taken.push_back(std::move(messages_.front()));
      messages_.pop_front();
    }
    undone_.take(answer.caller().session, taken.size());
    answer.answer(taken);
    fill();
  }

  /// Puts what there is room for. @return whether that is all
  bool put_some(Batch& batch) {
    while (batch.done < batch.values.size() && has_room()) {
      append(std::move(batch.values[batch.done++]));
    }
    return batch.done == batch.values.size();
  }

  void wait_for_room(Answer<std::size_t> answer, std::vector<T> values, Timeout timeout) {
    auto batch = std::make_unique<Batch>(Batch{std::move(values)});
    // Not past those who wait already.
    if ((putters_.empty() && put_some(*batch)) || timeout.is_poll()) {
      return answer.answer(batch->done);
    }
    putters_.wait(
        std::move(answer), timeout,
        [](typename Putters::Parked late) { late.answer.answer(late.extra->done); },
        std::move(batch));
  }

  /// Lets in who waits for room, each wholly before the next.
  void fill() {
    while (!putters_.empty() && has_room()) {
      if (!put_some(*putters_.first().extra)) continue;
      auto putter = putters_.take_first();
      putter->answer.answer(putter->extra->done);
    }
  }

  const std::size_t maxsize_;
  bool shut_ = false;
  std::deque<T> messages_;
  Putters putters_;
  Getters getters_;
};

template <class T>
class ServedQueue : public ServedQueueOf<T, ServedQueue<T>, UncountedMessages> {
 public:
  using ServedQueueOf<T, ServedQueue, UncountedMessages>::ServedQueueOf;
  using Keeping = OperationList<&ServedQueue::put, &ServedQueue::put_many>;
  using Operations = OperationList<&ServedQueue::put, &ServedQueue::put_many, &ServedQueue::get,
                                   &ServedQueue::qsize, &ServedQueue::full, &ServedQueue::shutdown>;
};

template <class T>
class ServedJoinableQueue : public ServedQueueOf<T, ServedJoinableQueue<T>, UndoneMessages> {
 public:
  using ServedQueueOf<T, ServedJoinableQueue, UndoneMessages>::ServedQueueOf;

  void task_done(const Caller& caller) { this->undone_.task_done(caller); }
  void join(Answer<bool> answer, Timeout timeout) {
    this->undone_.join(std::move(answer), timeout);
  }
  std::size_t lost() const noexcept { return this->undone_.lost(); }

  using Keeping = OperationList<&ServedJoinableQueue::put, &ServedJoinableQueue::put_many>;
  using Operations = OperationList<
      &ServedJoinableQueue::put, &ServedJoinableQueue::put_many, &ServedJoinableQueue::get,
      &ServedJoinableQueue::qsize, &ServedJoinableQueue::full, &ServedJoinableQueue::shutdown,
      &ServedJoinableQueue::task_done, &ServedJoinableQueue::join, &ServedJoinableQueue::lost>;
};

}  // namespace royong::inline v0::detail
