// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief Served objects without a server: a sink that keeps the answers, and calls of operations by their members.
 */
#pragma once

#include <cstddef>    // for std::byte
#include <exception>  // for std::exception_ptr
#include <map>        // for std::map
#include <memory>     // for std::make_shared
#include <optional>   // for std::optional
#include <stdexcept>  // for std::logic_error
#include <vector>     // for std::vector

#include "royong/detail/manager/served.hpp"
#include "royong/error.hpp"

namespace royong::test {

/// One client of a served object: calls operations, and shows what was answered.
class Client {
 public:
  explicit Client(detail::SessionId session, detail::Timers& timers)
      : session_(session), sink_(std::make_shared<Sink>(timers)) {}

  /// Calls `Member` of `object`. @return the number of the call
  template <auto Member, class Class, class... A>
  std::uint64_t call(Class& object, A&&... arguments) {
    return call_from<Member>(1, object, std::forward<A>(arguments)...);
  }
  /// The same as another thread of the client.
  template <auto Member, class Class, class... A>
  std::uint64_t call_from(std::uint32_t thread, Class& object, A&&... arguments) {
    detail::Writer out;
    detail::write_parameters(out, typename detail::SignatureOf<Member>::Travelling{},
                             std::forward<A>(arguments)...);
    detail::Reader in(out.bytes());
    const auto number = ++last_;
    detail::IncomingCall incoming(in, *sink_, number, {session_, thread});
    incoming.run(object.type().operations[detail::operation_index<Class, Member>], object);
    return number;
  }

  bool is_answered(std::uint64_t call) const { return sink_->answers.contains(call); }
  /// The value that a call was answered with; throws what it failed with.
  template <class R>
  R result(std::uint64_t call) const {
    const auto found = sink_->answers.find(call);
    if (found == sink_->answers.end()) throw std::logic_error("the call is not answered");
    if (found->second.error) std::rethrow_exception(found->second.error);
    detail::Reader reader(found->second.bytes);
    if constexpr (!std::is_void_v<R>) return reader.read<R>();
  }
  /// Calls and returns what comes at once.
  template <auto Member, class Class, class... A>
  auto get(Class& object, A&&... arguments) {
    return result<typename detail::SignatureOf<Member>::Result>(
        call<Member>(object, std::forward<A>(arguments)...));
  }

  detail::SessionId session() const { return session_; }
  detail::CallId id(std::uint64_t call) const { return {session_, call}; }

 private:
  struct Kept {
    std::vector<std::byte> bytes;
    std::exception_ptr error;
  };
  struct Sink final : detail::AnswerSink {
    explicit Sink(detail::Timers& loop) : loop_timers(loop) {}
    void answer(std::uint64_t call, Encode encode, const void* value) noexcept override {
      detail::Writer out;
      encode(out, value);
      keep(call, {{out.bytes().begin(), out.bytes().end()}, nullptr});
    }
    void fail(std::uint64_t call, const std::exception_ptr& error,
              detail::Frames) noexcept override {
      keep(call, {{}, error});
    }
    void cancel(std::uint64_t call) noexcept override {
      keep(call, {{}, std::make_exception_ptr(CancelledError("cancelled"))});
    }
    detail::Timers& timers() noexcept override { return loop_timers; }
    void keep(std::uint64_t call, Kept kept) {
      if (!answers.emplace(call, std::move(kept)).second) std::abort();  // answered twice
    }
    detail::Timers& loop_timers;
    std::map<std::uint64_t, Kept> answers;
  };

  detail::SessionId session_;
  std::uint64_t last_ = 0;
  std::shared_ptr<Sink> sink_;
};

}  // namespace royong::test
