// SPDX-License-Identifier: Apache-2.0
#include "manager/own_session.hpp"

#include <cstring>  // for std::memcpy
#include <memory>   // for std::make_shared

#include "manager/protocol.hpp"
#include "manager/server.hpp"
#include "royong/detail/exception.hpp"
#include "royong/error.hpp"

namespace royong::inline v0::manager {

using detail::CallHead;
using detail::Ending;
using detail::ForeignPeer;
using detail::Reader;
using detail::Reply;
using detail::StateRef;
using detail::TaskState;
using detail::Writer;

namespace {

/// Keeps the one answer.
class OwnSink final : public detail::AnswerSink {
 public:
  explicit OwnSink(detail::Timers& timers) : timers_(timers) {}

  void answer(std::uint64_t, Encode encode, const void* value) noexcept override {
    if (closed) return;
    try {
      Writer out(detail::Transit::argument);
      encode(out, value);
      auto room = reply->make_room(out.size());
      if (out.size() != 0) std::memcpy(room.data(), out.bytes().data(), out.size());
      reply->handles_ = out.take_kept();
      answered = true;
    } catch (...) {
      fail(0, std::current_exception(), {});
    }
  }
  void fail(std::uint64_t, const std::exception_ptr& caught, detail::Frames) noexcept override {
    if (closed) return;
    error = caught;
    answered = true;
  }
  void cancel(std::uint64_t) noexcept override {}  // no call of these waits
  detail::Timers& timers() noexcept override { return timers_; }

  Reply* reply = nullptr;
  std::exception_ptr error;
  bool answered = false;
  bool closed = false;

 private:
  detail::Timers& timers_;
};

class OwnSession final : public detail::Session {
 public:
  explicit OwnSession(Server& server) : server_(server) {}

  ForeignPeer* foreign() noexcept override { return nullptr; }
  Writer writer() override { return Writer(detail::Transit::argument); }

  void perform(const CallHead& head, Writer& body, Reply& reply) override {
    add_reference();
    reply.session_ = StateRef<detail::Session>(this);
    const auto sink = std::make_shared<OwnSink>(server_.timers());
    sink->reply = &reply;
    const auto kept = body.take_kept();
    const ForeignPeer::Scope scope(nullptr);
    Reader in(body.bytes());
    server_.handle(
        {.call = 1, .object = head.object, .verb = head.verb, .operation = head.operation}, in,
        *sink, nullptr);
    sink->closed = true;
    sink->reply = nullptr;
    if (!sink->answered) {
      server_.forget_own(head.object);
      throw UsageError(
          "a call that waits cannot be made in the manager's own process: nobody could answer it");
    }
    if (sink->error) std::rethrow_exception(sink->error);
  }

  void start(const CallHead& head, Writer& body, TaskState& state) override {
    Reply reply;
    std::exception_ptr error;
    try {
      perform(head, body, reply);
    } catch (...) {
      error = std::current_exception();
    }
    state.set_engine(*this);
    if (error) {
      state.extra().error = error;
      state.publish(Ending::error);
    } else {
      std::byte* to = state.make_result(reply.bytes().size());
      if (!reply.bytes().empty()) std::memcpy(to, reply.bytes().data(), reply.bytes().size());
      state.extra().handles = std::move(reply.handles_);
      state.publish(Ending::value);
    }
    state.release();
  }

  void keep_back(bool) noexcept override {}
  void flush() override {}

  // Every call has ended when its future is made.
  bool wait(const std::atomic<std::uint32_t>& flag, const TaskState*,
            Timeout::Clock::time_point) override {
    return flag.load(std::memory_order_acquire) != 0;
  }
  void nudge() noexcept override {}
  bool cancel(TaskState&) override { return false; }
  bool abort(TaskState&, Timeout) override { return false; }
  bool is_running(const TaskState&) override { return false; }
  TaskProgress progress(const TaskState&) override { return {}; }
  bool add_hook(TaskState&, detail::CompletionHook&) override { return false; }
  void remove_hook(TaskState&, detail::CompletionHook&) noexcept override {}
  void add_callback(TaskState&, std::unique_ptr<detail::Callback> callback) override {
    callback->run();
  }

 private:
  Server& server_;
};

}  // namespace

StateRef<detail::Session> make_own_session(Server& server) {
  return StateRef<detail::Session>(new OwnSession(server));
}

}  // namespace royong::inline v0::manager
