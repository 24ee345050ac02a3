// SPDX-License-Identifier: Apache-2.0
#include "royong/detail/manager/answer.hpp"

#include <utility>  // for std::exchange

#include "royong/detail/exception.hpp"
#include "royong/detail/manager/served.hpp"
#include "royong/error.hpp"

namespace royong::inline v0::detail {

AnswerCore& AnswerCore::operator=(AnswerCore&& other) noexcept {
  if (this != &other) {
    give_up();
    sink_ = std::move(other.sink_);
    call_ = other.call_;
    caller_ = other.caller_;
  }
  return *this;
}

std::shared_ptr<AnswerSink> AnswerCore::settle() noexcept {
  if (sink_) --sink_->owed_;
  return std::exchange(sink_, nullptr);
}

void AnswerCore::send(AnswerSink::Encode encode, const void* value) noexcept {
  // Not owed any more before it is sent: the sink may run whatever it likes.
  if (const auto sink = settle()) sink->answer(call_, encode, value);
}

void AnswerCore::fail(const std::exception_ptr& error) noexcept {
  if (const auto sink = settle()) sink->fail(call_, error);
}

void AnswerCore::cancel() noexcept {
  if (const auto sink = settle()) sink->cancel(call_);
}

namespace {

std::exception_ptr dropped() {
  return std::make_exception_ptr(
      CancelledError("the manager dropped the call without an answer: its object is gone"));
}

}  // namespace

void AnswerCore::give_up() noexcept {
  const auto sink = settle();
  if (sink == nullptr) return;
  for (auto* running = sink->running_; running != nullptr; running = running->outer_) {
    if (running->call_ != call_) continue;
    running->is_settled_ = false;  // see IncomingCall::run
    return;
  }
  sink->fail(call_, dropped());
}

IncomingCall::IncomingCall(Reader& in, AnswerSink& sink, std::uint64_t call, Caller caller) noexcept
    : in_(in),
      sink_(sink),
      call_(call),
      caller_(caller),
      outer_(std::exchange(sink.running_, this)) {}

IncomingCall::~IncomingCall() { sink_.running_ = outer_; }

void IncomingCall::run(void (*body)(void*, IncomingCall&), void* context) noexcept {
  struct Bound {
    void (*body)(void*, IncomingCall&);
    void* context;
    IncomingCall& call;
  } bound{body, context, *this};
  Frames frames;
  const auto error = call_with_frames(
      [](void* all) {
        const auto& it = *static_cast<Bound*>(all);
        it.body(it.context, it.call);
      },
      &bound, frames);
  if (is_settled_) return;
  is_settled_ = true;
  sink_.fail(call_, error ? error : dropped(), std::move(frames));
}

void IncomingCall::run(ServedOperation operation, ServedObject& self) noexcept {
  struct Bound {
    ServedOperation operation;
    ServedObject& self;
  } bound{operation, self};
  run(
      [](void* context, IncomingCall& call) {
        const auto& it = *static_cast<Bound*>(context);
        it.operation(it.self, call);
      },
      &bound);
}

}  // namespace royong::inline v0::detail
