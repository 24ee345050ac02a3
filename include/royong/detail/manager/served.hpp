// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief ServedObject: an object of a manager's server, as the server sees it. Served: how a class becomes one.
 */
#pragma once

#include <cstddef>      // for std::size_t
#include <cstdint>      // for std::uint64_t
#include <memory>       // for std::unique_ptr
#include <span>         // for std::span
#include <string_view>  // for std::string_view

#include "royong/detail/archive.hpp"
#include "royong/detail/config.hpp"
#include "royong/detail/manager/answer.hpp"
#include "royong/detail/type_name.hpp"

namespace royong::inline v0::detail {

class ServedObject;

/** @brief Says that an operation is about to hold so many elements of so many bytes, where a few bytes ask for many.
 *  @throws UsageError it is more than the server may hold, see ManagerLimits::memory
 */
ROYONG_API void require_memory(std::size_t count, std::size_t size);

/// One operation of a served class: reads the arguments, calls the member, answers. Throws what the member throws.
using ServedOperation = void (*)(ServedObject& self, class IncomingCall& call);

/// One call on its way to a served object. Lives for the call; what answers later takes an Answer.
class ROYONG_API IncomingCall {
 public:
  IncomingCall(Reader& in, AnswerSink& sink, std::uint64_t call, Caller caller) noexcept;
  IncomingCall(const IncomingCall&) = delete;
  IncomingCall& operator=(const IncomingCall&) = delete;
  ~IncomingCall();

  /// Calls `body(context, *this)`; whatever escapes, and an answer that was neither given nor kept, goes to the caller.
  void run(void (*body)(void* context, IncomingCall& call), void* context) noexcept;
  /// The same for an operation of `self`.
  void run(ServedOperation operation, ServedObject& self) noexcept;

  /// The arguments.
  Reader& in() noexcept { return in_; }
  const Caller& caller() const noexcept { return caller_; }
  /// Answers that are owed to the client already.
  std::size_t owed() const noexcept { return sink_.owed(); }

  /// Answers at once.
  template <class R>
  void reply(const R& value) noexcept {
    is_settled_ = true;
    sink_.answer(
        call_, [](Writer& out, const void* it) { encode(out, *static_cast<const R*>(it)); },
        std::addressof(value));
  }
  void reply() noexcept {
    is_settled_ = true;
    sink_.answer(call_, [](Writer&, const void*) {}, nullptr);
  }
  /// Answers later, perhaps.
  template <class R>
  Answer<R> take_answer() {
    AnswerCore core(sink_.shared_from_this(), call_, caller_);
    is_settled_ = true;
    return Answer<R>(std::move(core));
  }

 private:
  friend class AnswerCore;

  Reader& in_;
  AnswerSink& sink_;
  const std::uint64_t call_;
  const Caller caller_;
  IncomingCall* const outer_;
  bool is_settled_ = false;  ///< answered, or somebody else owes the answer
};

/// What the server knows of a class of served objects. One for each class, never destroyed.
struct ServedType {
  std::string_view name;
  std::uint64_t hash = 0;  ///< type_hash of the class: what proxies of the family compare
  /// The same in two programs whose operations and arguments have the same names.
  std::uint64_t signature = 0;
  std::span<const ServedOperation> operations;
  /// Of each operation, whether the object keeps what it is given.
  std::span<const bool> keeps;
  /// Whether clients of other programs may make and find such objects.
  bool is_for_strangers = true;
  /// Null: objects of the class cannot be in a snapshot.
  void (*save)(const ServedObject& self, Writer& out) = nullptr;
  std::unique_ptr<ServedObject> (*restore)(Reader& in) = nullptr;
};

/** @brief An object of a server. Everything of it runs on the server's loop: no operation ever meets another one. */
class ROYONG_API ServedObject {
 public:
  ServedObject() = default;
  ServedObject(const ServedObject&) = delete;
  ServedObject& operator=(const ServedObject&) = delete;
  virtual ~ServedObject() = default;

  virtual const ServedType& type() const noexcept = 0;
  /// A client is gone, by whatever: drops its waiting calls, releases what it held.
  virtual void forget(SessionId /*gone*/) noexcept {}
  /// A call is not wanted any more: if it waits here it leaves, having done nothing, and is answered as cancelled.
  virtual void cancel(const CallId& /*call*/) noexcept {}
};

/** @brief The members of a class that clients may call, in a fixed order: a call names one by its place. Say
 *
 *      using Operations = OperationList<&ServedDict::set, &ServedDict::get>;
 *
 *  Parameters are values that travel, by the rules of a callable's parameters (`T`, `const T&`, `T&&`, `std::string_view`, `std::span<const T>`), but for two
 *  that the server makes: `const Caller&` anywhere, and `Answer<R>` as the first one of a member that returns void: then the result is `R`, and
 *  comes whenever the answer is given.
 */
template <auto... Members>
struct OperationList {};

/** @brief Base of the served class `Derived`, which has a public `using Operations = OperationList<...>`.
 *
 *  With `void save(Writer&) const`, and either `void load(Reader&)` and a default constructor or `static std::unique_ptr<Derived> restore(Reader&)`, its objects can be in
 *  a snapshot. With a `using Keeping = OperationList<...>` of some of its operations, only these count as keeping what they are given (see ManagerLimits::memory), else all do. With
 *  `static constexpr bool is_for_strangers = false` its objects are for the manager's own program.
 */
template <class Derived>
class Served : public ServedObject {
 public:
  const ServedType& type() const noexcept final;
};

}  // namespace royong::inline v0::detail

#include "royong/detail/manager/operations.hpp"  // the body of type(): part of this header
