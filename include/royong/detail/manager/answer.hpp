// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief Answer: what a served object owes to a caller, now or later.
 */
#pragma once

#include <concepts>     // for std::convertible_to
#include <cstddef>      // for std::size_t
#include <cstdint>      // for std::uint32_t, std::uint64_t
#include <exception>    // for std::exception_ptr
#include <memory>       // for std::shared_ptr
#include <type_traits>  // for std::is_void_v
#include <utility>      // for std::exchange

#include "royong/detail/archive.hpp"
#include "royong/detail/config.hpp"
#include "royong/detail/exception.hpp"
#include "royong/detail/manager/timers.hpp"

namespace royong::inline v0::detail {

/// A client process at a server; never used again.
using SessionId = std::uint64_t;

/// Who calls: a thread of a client.
struct Caller {
  SessionId session = 0;
  std::uint32_t thread = 0;  ///< a number of its own in its process
  friend bool operator==(const Caller&, const Caller&) = default;
};

/// One call of one client.
struct CallId {
  SessionId session = 0;
  std::uint64_t call = 0;  ///< the client's number
  friend bool operator==(const CallId&, const CallId&) = default;
};

/** @brief Where the answers to one client's calls go: its session at the server, or a test.
 *
 *  Used by the server's loop alone. A session that has ended takes answers and drops them.
 */
class ROYONG_API AnswerSink : public std::enable_shared_from_this<AnswerSink> {
 public:
  /// Writes a value, given as a pointer.
  using Encode = void (*)(Writer& out, const void* value);

  AnswerSink() = default;
  AnswerSink(const AnswerSink&) = delete;
  AnswerSink& operator=(const AnswerSink&) = delete;
  virtual ~AnswerSink() = default;

  /// The result of call number `call`. What cannot be written becomes an exception at the caller.
  virtual void answer(std::uint64_t call, Encode encode, const void* value) noexcept = 0;
  /// @param frames of the throw, where they are known
  virtual void fail(std::uint64_t call, const std::exception_ptr& error,
                    Frames frames = {}) noexcept = 0;
  /// The call left its line because its caller wanted it to.
  virtual void cancel(std::uint64_t call) noexcept = 0;
  /// The loop's.
  virtual Timers& timers() noexcept = 0;

  /// Answers that are owed to this client.
  std::size_t owed() const noexcept { return owed_; }

 private:
  friend class AnswerCore;
  friend class IncomingCall;
  std::size_t owed_ = 0;
  class IncomingCall* running_ = nullptr;  ///< the call whose operation runs
};

/// An answer below its type: exactly one of `send`, `fail` and `cancel` is used, once.
class ROYONG_API AnswerCore {
 public:
  AnswerCore() noexcept = default;
  AnswerCore(std::shared_ptr<AnswerSink> sink, std::uint64_t call, Caller caller) noexcept
      : sink_(std::move(sink)), call_(call), caller_(caller) {
    if (sink_) ++sink_->owed_;
  }
  AnswerCore(AnswerCore&& other) noexcept = default;
  AnswerCore& operator=(AnswerCore&& other) noexcept;
  /// Owed still: the caller gets a CancelledError; or, while its operation runs, whatever that ends with.
  ~AnswerCore() { give_up(); }

  const Caller& caller() const noexcept { return caller_; }
  CallId id() const noexcept { return {caller_.session, call_}; }
  /// Whether the answer is still owed.
  bool is_owed() const noexcept { return sink_ != nullptr; }
  Timers& timers() const noexcept { return sink_->timers(); }

  void send(AnswerSink::Encode encode, const void* value) noexcept;
  void fail(const std::exception_ptr& error) noexcept;
  void cancel() noexcept;

 private:
  void give_up() noexcept;
  std::shared_ptr<AnswerSink> settle() noexcept;

  std::shared_ptr<AnswerSink> sink_;
  std::uint64_t call_ = 0;
  Caller caller_;
};

/** @brief The answer of one call, of type `R`: to be given once, at any time. Move-only.
 *
 *  An operation whose first parameter is an `Answer<R>` answers when it likes: it may keep the answer (see `WaitingLine`) and return.
 *  One that is destroyed unanswered gives its caller a `CancelledError`; if an exception escapes from its operation meanwhile, that. One whose caller is gone may be answered like any other: nothing happens.
 *
 *  Used by the server's loop alone, as everything that is served.
 */
template <class R>
class Answer {
 public:
  using Result = R;

  Answer() noexcept = default;
  explicit Answer(AnswerCore core) noexcept : core_(std::move(core)) {}

  /// Gives the value.
  template <std::convertible_to<const R&> U>
    requires(!std::is_void_v<R>)
  void answer(const U& value) noexcept {
    const R& given = value;
    core_.send([](Writer& out, const void* it) { encode(out, *static_cast<const R*>(it)); },
               std::addressof(given));
  }
  /// There is no value to give.
  void answer() noexcept
    requires(std::is_void_v<R>)
  {
    core_.send([](Writer&, const void*) {}, nullptr);
  }
  /// The caller's call throws this.
  void fail(const std::exception_ptr& error) noexcept { core_.fail(error); }
  template <class E>
    requires(!std::same_as<E, std::exception_ptr>)
  void fail(E error) noexcept {
    core_.fail(std::make_exception_ptr(std::move(error)));
  }
  /// The caller does not want it any more, and the call has done nothing.
  void cancel() noexcept { core_.cancel(); }

  const Caller& caller() const noexcept { return core_.caller(); }
  CallId id() const noexcept { return core_.id(); }
  bool is_owed() const noexcept { return core_.is_owed(); }
  Timers& timers() const noexcept { return core_.timers(); }

 private:
  AnswerCore core_;
};

template <class T>
inline constexpr bool is_answer = false;
template <class R>
inline constexpr bool is_answer<Answer<R>> = true;

}  // namespace royong::inline v0::detail
