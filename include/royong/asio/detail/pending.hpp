// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief PendingHandler: a completion handler that waits for something outside of its event loop.
 */
#pragma once

#include <boost/asio/associated_allocator.hpp>
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/bind_allocator.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/execution.hpp>
#include <boost/asio/execution_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/prefer.hpp>
#include <boost/asio/query.hpp>
#include <boost/asio/system_executor.hpp>

#include <concepts>       // for std::default_initializable
#include <exception>      // for std::exception_ptr
#include <functional>     // for std::function
#include <memory>         // for std::shared_ptr
#include <mutex>          // for std::mutex
#include <optional>       // for std::optional
#include <type_traits>    // for std::is_void_v
#include <unordered_set>  // for std::unordered_set
#include <utility>        // for std::move
#include <vector>         // for std::vector

#include "royong/detail/config.hpp"

namespace royong::inline v0::asio::detail {

namespace net = boost::asio;

/// What an operation that gives an R calls at its end: the error, or null and the result.
template <class R>
struct SignatureOf {
  using type = void(std::exception_ptr, R);
};
template <>
struct SignatureOf<void> {
  using type = void(std::exception_ptr);
};
template <class R>
using Signature = typename SignatureOf<R>::type;

/// Beside an error a handler gets some R. @return whether there is one
template <class R>
consteval bool require_default() {
  if constexpr (!std::is_void_v<R>) {
    static_assert(std::default_initializable<R>,
                  "royong: the result of an asynchronous operation must be default-constructible: "
                  "a handler gets one "
                  "beside an error (return a std::optional of it)");
  }
  return true;
}

/// Calls the handler with what `outcome` returns or throws. What the handler throws is its event loop's to see.
template <class R, class Handler, class Outcome>
void call_handler(Handler& handler, Outcome& outcome) {
  std::exception_ptr error;
  if constexpr (std::is_void_v<R>) {
    try {
      outcome();
    } catch (...) {
      error = std::current_exception();
    }
    std::move(handler)(error);
  } else {
    std::optional<R> result;
    try {
      result.emplace(outcome());
    } catch (...) {
      error = std::current_exception();
    }
    if (result) {
      std::move(handler)(std::exception_ptr(), std::move(*result));
    } else {
      std::move(handler)(error, R{});
    }
  }
}

/// Something that ends with an execution context.
class Tenant {
 public:
  /// @return what it held: to be destroyed without any lock, for that may run code of the user's
  virtual std::shared_ptr<void> evict() = 0;

 protected:
  Tenant() = default;
  ~Tenant() = default;
};

/** @brief Who must be told when an execution context ends. Outlives it: shared by the context and its tenants.
 *
 *  The mutex is held while something is posted to the context, so its end, which takes the mutex, comes before or after.
 */
struct Tenants {
  std::mutex mutex;
  bool shut = false;
  std::unordered_set<Tenant*> present;
};

/// The context's end of its tenants.
class TenantService final : public net::execution_context::service {
 public:
  using key_type = TenantService;
  inline static net::execution_context::id id;

  explicit TenantService(net::execution_context& context) : service(context) {}
  const std::shared_ptr<Tenants>& tenants() const noexcept { return tenants_; }

 private:
  void shutdown() override {
    std::vector<std::shared_ptr<void>> belongings;
    std::lock_guard lock(tenants_->mutex);  // released before the belongings go
    tenants_->shut = true;
    for (Tenant* tenant : tenants_->present) belongings.push_back(tenant->evict());
    tenants_->present.clear();
  }

  std::shared_ptr<Tenants> tenants_ = std::make_shared<Tenants>();
};

/** @brief A handler whose operation is under way in a thread or a process that knows nothing of event loops.
 *
 *  While it waits, its executor (`Default` if it has none of its own) has outstanding work: `io_context::run` does not return.
 *  When its context ends first, the handler is destroyed without being called, as those of Asio's own operations are, and
 *  what comes later is dropped.
 *
 *  Owned by whoever will deliver. Threads: `deliver` once, on any thread.
 */
template <class R, class Handler, class Default = net::system_executor>
class PendingHandler final : public Tenant {
 public:
  using Executor = std::decay_t<decltype(net::prefer(
      std::declval<net::associated_executor_t<Handler, Default>>(),
      net::execution::outstanding_work.tracked))>;

  explicit PendingHandler(Handler handler, const Default& fallback = {})
      : held_(std::make_unique<Held>(std::move(handler), fallback)) {
    if (net::execution_context* context = context_of(held_->executor)) {
      tenants_ = net::use_service<TenantService>(*context).tenants();
      std::lock_guard lock(tenants_->mutex);
      tenants_->present.insert(this);
    }
  }
  PendingHandler(const PendingHandler&) = delete;
  PendingHandler& operator=(const PendingHandler&) = delete;
  ~PendingHandler() {
    if (!tenants_) return;
    std::lock_guard lock(tenants_->mutex);
    tenants_->present.erase(this);
  }

  /// Valid until `deliver`.
  const Handler& handler() const noexcept { return held_->handler; }

  /** @brief Lets the handler be called on its executor with what `outcome` returns or throws there.
   *  @param beginning whether the operation is being begun by this very call: no handler runs inside of that
   */
  template <class Outcome>
  void deliver(Outcome outcome, bool beginning = false) {
    if (!tenants_) {
      // No context that could end: the system's, or none that the executor tells.
      const Executor executor = held_->executor;
      auto call = completion(std::move(held_), std::move(outcome));
      beginning ? net::post(executor, std::move(call)) : net::dispatch(executor, std::move(call));
      return;
    }
    std::lock_guard lock(tenants_->mutex);
    if (tenants_->shut) return;
    tenants_->present.erase(this);
    const Executor executor = held_->executor;
    net::post(executor, completion(std::move(held_), std::move(outcome)));  // never runs it here
  }

 private:
  struct Held {
    Held(Handler&& given, const Default& fallback)
        : handler(std::move(given)),
          executor(net::prefer(net::get_associated_executor(handler, fallback),
                               net::execution::outstanding_work.tracked)) {}
    Handler handler;
    Executor executor;
  };

  static net::execution_context* context_of(const Executor& executor) {
    if constexpr (net::can_query<const Executor&,
                                 net::execution::context_as_t<net::execution_context&>>::value) {
      net::execution_context& context =
          net::query(executor, net::execution::context_as<net::execution_context&>);
      net::execution_context& eternal = net::query(net::system_executor(), net::execution::context);
      return &context == &eternal ? nullptr : &context;
    } else {
      return nullptr;
    }
  }

  template <class Outcome>
  static auto completion(std::unique_ptr<Held> held, Outcome outcome) {
    const auto allocator = net::get_associated_allocator(held->handler);
    return net::bind_allocator(
        allocator, [held = std::move(held), outcome = std::move(outcome)]() mutable {
          // No cancellation from here on; and the memory goes before the handler runs, which may begin the next operation.
          if (auto slot = net::get_associated_cancellation_slot(held->handler); slot.is_connected())
            slot.clear();
          Handler handler = std::move(held->handler);
          held.reset();
          call_handler<R>(handler, outcome);
        });
  }

  /// With the context's shutdown under way, under the tenants' mutex. Nobody delivers any more.
  std::shared_ptr<void> evict() override { return std::move(held_); }

  std::unique_ptr<Held> held_;
  std::shared_ptr<Tenants> tenants_;
};

}  // namespace royong::inline v0::asio::detail
