// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief A worker of a CoroutinePool: one event loop, and a coroutine in it for each task.
 */
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <cstddef>        // for std::byte
#include <cstdint>        // for std::uint64_t
#include <cstring>        // for std::memcpy
#include <exception>      // for std::exception_ptr
#include <memory>         // for std::unique_ptr
#include <span>           // for std::span
#include <string>         // for std::string
#include <string_view>    // for std::string_view
#include <unordered_map>  // for std::unordered_map
#include <utility>        // for std::move
#include <vector>         // for std::vector

#include "royong/asio/queue.hpp"
#include "royong/detail/call.hpp"
#include "royong/detail/exception.hpp"
#include "royong/process.hpp"
#include "royong/queue.hpp"

namespace royong::inline v0::asio::detail {

using Bytes = std::vector<std::byte>;

/// What pool and worker tell each other.
enum class Word : std::uint32_t {
  call,       ///< to the worker: the id of a thunk, the callable, its arguments
  cancel,     ///< to the worker: a cancellation_type, for the coroutine of that task
  stop,       ///< to the worker: end when all coroutines have ended
  ready,      ///< of the worker: it takes orders
  failed,     ///< of the worker: what escaped its initializer
  began,      ///< of the worker: what it does for this task from here on is not repeated if it dies
  value,      ///< of the worker: what the coroutine returned
  exception,  ///< of the worker: what escaped it
};

/// In front of every message.
struct Heading {
  std::uint64_t task;
  Word word;
  std::uint32_t unused;
};

inline Bytes make_message(Word word, std::uint64_t task, std::span<const std::byte> rest = {}) {
  Bytes message(sizeof(Heading) + rest.size());
  const Heading heading{task, word, 0};
  std::memcpy(message.data(), &heading, sizeof heading);
  if (!rest.empty()) std::memcpy(message.data() + sizeof heading, rest.data(), rest.size());
  return message;
}

/// @throws TransferError it is too short
inline Heading heading_of(const Bytes& message) {
  Heading heading;
  if (message.size() < sizeof heading)
    throw TransferError("a message between a pool of coroutines and its worker has no heading");
  std::memcpy(&heading, message.data(), sizeof heading);
  return heading;
}
inline std::span<const std::byte> rest_of(const Bytes& message) {
  return std::span(message).subspan(sizeof(Heading));
}

/// The result as it will travel. The writer lives until the bytes have been sent: then the handles in them are theirs.
using Result = std::unique_ptr<v0::detail::Writer>;
/// Reads callable and arguments from a call and runs them: what a call names.
using CoroutineThunk = net::awaitable<Result> (*)(Bytes call);

template <class T>
struct AwaitedBy {
  static constexpr bool is_awaitable = false;
  using type = void;
};
template <class R>
struct AwaitedBy<net::awaitable<R>> {
  static constexpr bool is_awaitable = true;
  using type = R;
};

template <class F, class... A>
net::awaitable<Result> run_coroutine(Bytes call) {
  namespace core = v0::detail;
  using How = core::InvocationOf<F, A...>;
  using R = typename AwaitedBy<core::CallResult<F, A...>>::type;
  // Callable and arguments live in this frame: the coroutine may have references to them.
  core::Reader in(rest_of(call));
  core::FunctionId id;
  in.read_plain(id.bits);
  F function = core::decode_callable<F>(in);
  core::StoredArgs<F, A...> values = core::decode<core::StoredArgs<F, A...>>(in);
  net::awaitable<R> coroutine = How::call(std::move(function), values);
  Result out = std::make_unique<core::Writer>(core::Transit::message);
  if constexpr (std::is_void_v<R>) {
    co_await std::move(coroutine);
  } else {
    const R result = co_await std::move(coroutine);
    core::encode(*out, result);
  }
  co_return out;
}

/// The worker's side. Everything runs on the one thread of its loop.
class CoroutineWorker {
 public:
  CoroutineWorker(Queue<Bytes> orders, Queue<Bytes> notes, std::uint64_t life)
      : orders_(std::move(orders)), notes_(std::move(notes)), life_(life) {}

  /// @return whether it succeeded; else the pool knows
  bool initialize(std::span<const std::byte> initializer) {
    if (initializer.empty()) return true;
    const auto caught = v0::detail::call_with_trace([initializer] {
      v0::detail::Reader in(initializer);
      v0::detail::Writer nothing(v0::detail::Transit::message);
      v0::detail::run_call(in, nothing);
    });
    if (caught) tell_exception(Word::failed, life_, caught.error, caught.traceback);
    return !caught;
  }

  void run() {
    net::co_spawn(loop_, take_orders(), [](std::exception_ptr error) {
      if (error) std::rethrow_exception(error);  // out of run(): the process ends by it
    });
    notes_.put(make_message(Word::ready, life_));
    loop_.run();
  }

 private:
  net::awaitable<void> take_orders() {
    for (;;) {
      Bytes order = co_await async_get(orders_, net::use_awaitable);
      const Heading heading = heading_of(order);
      switch (heading.word) {
        case Word::call: begin(heading.task, std::move(order)); break;
        case Word::cancel: cancel(heading.task, order); break;
        default: co_return;
      }
    }
  }

  void begin(std::uint64_t task, Bytes call) {
    auto& signal = running_[task];
    signal = std::make_unique<net::cancellation_signal>();
    notes_.put(make_message(Word::began, task));
    net::co_spawn(loop_, find_and_run(std::move(call)),
                  net::bind_cancellation_slot(
                      signal->slot(), [this, task](const std::exception_ptr& error, Result result) {
                        end(task, error, std::move(result));
                      }));
  }

  static net::awaitable<Result> find_and_run(Bytes call) {
    v0::detail::Reader in(rest_of(call));
    v0::detail::FunctionId id;
    in.read_plain(id.bits);
    const auto thunk = reinterpret_cast<CoroutineThunk>(v0::detail::resolve(id));
    net::awaitable<Result> coroutine = thunk(std::move(call));
    co_return co_await std::move(coroutine);
  }

  void cancel(std::uint64_t task, const Bytes& order) {
    const auto found = running_.find(task);
    net::cancellation_type type;
    if (found == running_.end() || rest_of(order).size() != sizeof type) return;
    std::memcpy(&type, rest_of(order).data(), sizeof type);
    found->second->emit(type);
  }

  void end(std::uint64_t task, const std::exception_ptr& error, Result result) {
    // Not here: what calls this may still look at the slot.
    net::post(loop_, [this, task] { running_.erase(task); });
    try {
      if (error) return tell_exception(Word::exception, task, error);
      notes_.put(make_message(Word::value, task, result->bytes()));
      result->commit();
    } catch (...) {
      tell_exception(Word::exception, task, std::current_exception());  // it does not fit the arena
    }
  }

  /// What escapes a coroutine has no traceback: its own frame has a handler, so the unwinder's search ends there and never asks a frame below.
  void tell_exception(Word word, std::uint64_t number, const std::exception_ptr& error,
                      std::string_view traceback = {}) {
    v0::detail::Writer out(v0::detail::Transit::message);
    v0::detail::write_exception(out, error, traceback, current_process().name());
    notes_.put(make_message(word, number, out.bytes()));
    out.commit();
  }

  Queue<Bytes> orders_;
  Queue<Bytes> notes_;
  const std::uint64_t life_;  // which of the workers of its pool
  net::io_context loop_{1};
  // By pointer: a signal does not move, and it must outlive the coroutine whose slot it has.
  std::unordered_map<std::uint64_t, std::unique_ptr<net::cancellation_signal>> running_;
};

inline void coroutine_worker_main(const Queue<Bytes>& orders, const Queue<Bytes>& notes,
                                  std::uint64_t life, const Bytes& initializer) {
  CoroutineWorker worker(orders, notes, life);
  if (worker.initialize(initializer)) worker.run();
}

}  // namespace royong::inline v0::asio::detail
