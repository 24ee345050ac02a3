// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief ClientSession: calls that are on their way over one line, and who receives their answers.
 *
 *  One thread at a time is the *leader*: it receives, hands out what it received, and waits for more. Who waits for an answer while there is a leader follows: it sleeps
 *  until its answer was handed out or the leader has what it wanted and resigns. Only where somebody wants to be called back without waiting does a thread of the session lead.
 *
 *  **Fork.** A child's sessions are its parent's: `is_usable` is false there, and nothing of them is touched any more. The child's proxies make sessions of their own.
 */
#pragma once

#include <atomic>  // for std::atomic
#include <deque>   // for std::deque
#include <memory>  // for std::unique_ptr
#include <mutex>   // for std::mutex
#include <vector>  // for std::vector

#include "manager/line.hpp"
#include "manager/protocol.hpp"
#include "manager/ticket.hpp"
#include "royong/detail/manager/session.hpp"
#include "sync/eventcount.hpp"

namespace royong::inline v0::manager {

class ClientSession final : public detail::Session,
                            private detail::ForeignPeer,
                            private Line::Receiver {
 public:
  /// The line of a family. `server` may be unknown until the answer to the first hello.
  explicit ClientSession(Connection end, detail::ObjectRef server = {});
  /// The line to another program, whose hello has been answered by the time this returns. @throws TransferError it speaks another version
  ClientSession(std::unique_ptr<channel::Stream> stream, std::string address, Timeout timeout);

  ForeignPeer* foreign() noexcept override { return is_foreign_ ? this : nullptr; }
  detail::Writer writer() override { return line_->writer(); }
  void perform(const detail::CallHead& head, detail::Writer& body, detail::Reply& reply) override;
  void start(const detail::CallHead& head, detail::Writer& body, detail::TaskState& state) override;
  void keep_back(bool keep) noexcept override;
  void flush() override;

  /// A message that gets no answer.
  void notify(const detail::CallHead& head, std::span<const std::byte> body);
  /// Sends `hello`. The answer is what the caller waits for, or not.
  void greet(detail::Reply* welcome);
  void set_server(detail::ObjectRef server);
  /// Hands out what the server sent before its end, which is near or past.
  void receive_rest(Timeout::Clock::time_point deadline);
  /// Says goodbye: every call ends with EndOfFile from now on.
  void close() noexcept;

  bool is_usable() const noexcept;
  const detail::ObjectRef& server() const noexcept { return server_; }
  const std::string& address() const noexcept { return address_; }
  /// Of another program's server.
  const ServerIdentity& identity() const noexcept { return identity_; }

  // TaskEngine
  bool wait(const std::atomic<std::uint32_t>& flag, const detail::TaskState* hint,
            Timeout::Clock::time_point deadline) override;
  void nudge() noexcept override;
  /// What was not sent is withdrawn; what was sent is asked for: the server knows whether it waits.
  bool cancel(detail::TaskState& state) override;
  bool abort(detail::TaskState& state, Timeout) override { return cancel(state); }
  /// Only once a cancellation came too late is that known.
  bool is_running(const detail::TaskState& state) override;
  TaskProgress progress(const detail::TaskState&) override { return {}; }
  bool add_hook(detail::TaskState& state, detail::CompletionHook& hook) override;
  void remove_hook(detail::TaskState& state, detail::CompletionHook& hook) noexcept override;
  void add_callback(detail::TaskState& state, std::unique_ptr<detail::Callback> callback) override;

 private:
  using Lock = std::unique_lock<std::mutex>;

  /// A caller that waits where it stands.
  struct Waiting {
    detail::Reply* reply;
    std::atomic<std::uint32_t> flag{0};
    AnswerKind kind = AnswerKind::value;
    std::exception_ptr error;
  };
  /// A call without answer: one of the two, or neither: the place is free.
  struct Pending {
    Waiting* waiting = nullptr;
    detail::TaskState* state = nullptr;
    std::uint32_t life = 0;
    std::uint64_t object = 0;
    bool has_begun = false;  ///< so far that it could not be cancelled
  };

  ~ClientSession() override;

  // ForeignPeer
  void write(detail::Writer& out, const detail::TargetRef& target) override;
  detail::TargetRef read(detail::Reader& in, std::uint64_t type) override;
  // Receiver
  void message(std::span<const std::byte> bytes) override;

  void require_own_process() const;
  // Each of these under the lock.
  void require_usable() const;
  std::uint64_t enter(Pending pending);
  void leave(std::uint64_t call) noexcept;
  Pending* pending_of(const detail::TaskState& state) noexcept;
  void post(const detail::CallHead& head, std::uint64_t call, std::span<const std::byte> body,
            bool has_list = false);
  void post(const detail::CallHead& head, std::uint64_t call, detail::Writer& body);
  void send() noexcept;
  void fail_unsent(const std::exception_ptr& error) noexcept;
  void fail(Pending& pending, const std::exception_ptr& error) noexcept;
  void make_room(Lock& lock);
  void look_for_the_end(Lock& lock);
  void hand_out(const AnswerHead& head, std::span<const std::byte> body);
  void complete(detail::TaskState& state, detail::Ending ending) noexcept;
  void complete_cancelled(detail::TaskState& state) noexcept;
  void fail_all(const std::exception_ptr& error) noexcept;
  void need_driver();

  void receive(Lock& lock);
  void lead(Lock& lock, const std::atomic<std::uint32_t>& flag,
            Timeout::Clock::time_point deadline);
  void drive();
  void run_callbacks(Lock& lock);

  const bool is_foreign_;
  const std::uint32_t generation_;  ///< forks that came before it
  std::string address_;
  ServerIdentity identity_{};
  std::unique_ptr<Line> line_;
  detail::ObjectRef server_;

  std::mutex mutex_;                ///< guards what follows; callers keep it for short
  std::atomic<bool> ended_{false};  ///< changed under the lock
  std::exception_ptr end_reason_;   ///< before `ended_`
  bool has_leader_ = false;
  /// Nothing can be sent any more; what was received last may still be looked at.
  bool is_broken_ = false;
  sync::EventCount changed_{};  ///< followers and the driver sleep here; of this process alone
  std::vector<Pending> pending_;
  std::vector<std::uint32_t> free_;
  std::size_t wanted_ = 0;  ///< calls without answer that somebody wants to be told of
  std::deque<std::unique_ptr<detail::Callback>> callbacks_;
  bool has_driver_ = false;
  std::atomic<std::uint32_t> rest_{0};  ///< 1: the driver has nothing to lead for
};

/// What calls end with when their server has.
std::exception_ptr server_is_gone();
/// Likewise when their session has, by the exception that is being handled.
std::exception_ptr reason_of_the_end() noexcept;

}  // namespace royong::inline v0::manager
