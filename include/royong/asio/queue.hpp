// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief async_get and async_put of queues: messages as asynchronous operations of Boost.Asio.
 */
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/compose.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include <fcntl.h>

#include <algorithm>     // for std::min
#include <cerrno>        // for errno
#include <chrono>        // for std::chrono::milliseconds
#include <memory>        // for std::unique_ptr
#include <optional>      // for std::optional
#include <system_error>  // for std::system_error
#include <utility>       // for std::move

#include "royong/asio/detail/pending.hpp"
#include "royong/error.hpp"
#include "royong/queue.hpp"

namespace royong::inline v0::asio {

namespace detail {

/// A descriptor that an event loop watches, its own copy of one that belongs to somebody else: no loop takes one number twice.
inline std::unique_ptr<net::posix::stream_descriptor> watch(const net::any_io_executor& executor,
                                                            int descriptor) {
  const int copy = ::fcntl(descriptor, F_DUPFD_CLOEXEC, 0);
  if (copy < 0)
    throw std::system_error(errno, std::system_category(), "cannot duplicate a descriptor");
  return std::make_unique<net::posix::stream_descriptor>(executor, copy);
}

inline std::exception_ptr cancelled_operation() {
  return std::make_exception_ptr(CancelledError("the operation was cancelled"));
}

/// Tries to take; waits until the descriptor says that a look is worth while; tries again.
template <class Q>
struct GetMessage {
  Q queue;
  std::unique_ptr<net::posix::stream_descriptor> descriptor = nullptr;
  std::optional<typename Q::value_type> message = std::nullopt;
  std::exception_ptr error = nullptr;
  bool begun = false;

  bool look(const net::any_io_executor& executor, boost::system::error_code code) {
    try {
      if (code == net::error::operation_aborted) {
        error = cancelled_operation();
      } else if (code) {
        throw boost::system::system_error(code, "cannot wait for a message");
      } else if (take(); !message && !descriptor) {
        descriptor = watch(executor, queue.fileno());
      }
    } catch (...) {
      error = std::current_exception();
    }
    return message || error;
  }

  void take() {
    if constexpr (requires { queue.try_get(); }) {
      message = queue.try_get();
    } else if (!queue.empty()) {  // a SimpleQueue
      try {
        message = queue.get(std::chrono::seconds(0));
      } catch (const Empty&) {
        // Another consumer was faster.
      }
    }
  }

  template <class Self>
  void operator()(Self& self, boost::system::error_code code = {}) {
    const bool first = !std::exchange(begun, true);
    if (first) self.reset_cancellation_state(net::enable_total_cancellation());
    if (!message && !error && !look(self.get_executor(), code)) {
      auto& source = *descriptor;
      source.async_wait(net::posix::stream_descriptor::wait_read, std::move(self));
    } else if (first) {
      // A handler is never called by the function that begins its operation.
      const auto executor = self.get_executor();
      net::post(executor, std::move(self));
    } else if (error) {
      descriptor.reset();
      self.complete(error, typename Q::value_type{});
    } else {
      descriptor.reset();
      self.complete(std::exception_ptr(), std::move(*message));
    }
  }
};

/// Tries to put; if there is no room, again after a while that grows.
template <class Q>
struct PutMessage {
  static constexpr std::chrono::milliseconds longest{20};

  Q queue;
  typename Q::value_type message;
  std::unique_ptr<net::steady_timer> timer = nullptr;
  std::chrono::milliseconds pause{1};
  std::exception_ptr error = nullptr;
  bool done = false;
  bool begun = false;

  template <class Self>
  void operator()(Self& self, boost::system::error_code code = {}) {
    const bool first = !std::exchange(begun, true);
    if (first) self.reset_cancellation_state(net::enable_total_cancellation());
    if (!done && !error) {
      try {
        if (code == net::error::operation_aborted) {
          error = cancelled_operation();
        } else {
          done = put();
        }
      } catch (...) {
        error = std::current_exception();
      }
    }
    if (!done && !error) {
      if (!timer) timer = std::make_unique<net::steady_timer>(self.get_executor());
      timer->expires_after(pause);
      pause = std::min(2 * pause, longest);
      auto& clock = *timer;
      clock.async_wait(std::move(self));
    } else if (first) {
      const auto executor = self.get_executor();
      net::post(executor, std::move(self));
    } else {
      timer.reset();
      self.complete(error);
    }
  }

  bool put() {
    if constexpr (requires { queue.try_put(message); }) {
      return queue.try_put(message);
    } else {
      queue.put(message);  // a SimpleQueue has no bound
      return true;
    }
  }
};

/// A queue: Queue, JoinableQueue, SimpleQueue.
template <class Q>
concept AnyQueue = requires(const Q& queue, const typename Q::value_type& value) {
  queue.put(value);
  queue.fileno();
};

}  // namespace detail

/** @brief Takes the first message of a queue; completes when there is one.
 *
 *      while (true) handle(co_await mp::async_get(queue, use_awaitable));
 *
 *  **Completion signature.** `void(std::exception_ptr, T)`. T is default-constructible. The handler runs on its associated
 *  executor, which belongs to an event loop (`io_context`, `thread_pool`); without one, on the system's.
 *
 *  It waits by the queue's `fileno()`: no thread sleeps, and other processes may put and take meanwhile as they like.
 *
 *  **Cancellation.** `terminal`, `partial`, `total`: `CancelledError`, and no message was taken.
 *
 *  **Errors.** `CancelledError`; `UsageError`, the queue was closed; `ShutDown`.
 *
 *  Example: examples/asio_loops.cpp
 */
template <detail::AnyQueue Q, class Token>
decltype(auto) async_get(const Q& queue, Token&& token) {
  using T = typename Q::value_type;
  static_assert(detail::require_default<T>());
  return detail::net::async_compose<Token, detail::Signature<T>>(detail::GetMessage<Q>{queue},
                                                                 token);
}

/** @brief Appends a message to a queue; completes when it is there.
 *
 *  A queue without `maxsize` never makes it wait. In front of a full one no event tells that there is room again, since that would
 *  cost those who take; so it tries again, after 1 ms at first and every 20 ms in the end. Many who put so are not served in turn.
 *
 *  **Completion signature.** `void(std::exception_ptr)`. Executor, cancellation and errors as of `async_get`; `ArenaFull`: the
 *  message is larger than the quota.
 */
template <detail::AnyQueue Q, class Token>
decltype(auto) async_put(const Q& queue, typename Q::value_type value, Token&& token) {
  return detail::net::async_compose<Token, detail::Signature<void>>(
      detail::PutMessage<Q>{queue, std::move(value)}, token);
}

}  // namespace royong::inline v0::asio

namespace royong::inline v0 {
using asio::async_get;
using asio::async_put;
}  // namespace royong::inline v0
