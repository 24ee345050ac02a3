// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief The client's side of a manager, below the types: sessions, calls and what came back.
 */
#pragma once

#include <array>        // for std::array
#include <cstddef>      // for std::byte, std::size_t
#include <cstdint>      // for std::uint32_t, std::uint64_t
#include <memory>       // for std::shared_ptr
#include <optional>     // for std::optional
#include <span>         // for std::span
#include <type_traits>  // for std::is_void_v
#include <vector>       // for std::vector

#include "royong/detail/archive.hpp"
#include "royong/detail/config.hpp"
#include "royong/detail/exception.hpp"
#include "royong/detail/function_id.hpp"
#include "royong/detail/manager/served.hpp"
#include "royong/detail/object.hpp"
#include "royong/detail/task_state.hpp"
#include "royong/future.hpp"

namespace royong::inline v0::detail {

/** @brief This process's line to one server, shared by all its threads and proxies.
 *
 *  Whoever waits for an answer receives and hands out what comes for the others, so no answer passes through a second thread. In the server's own
 *  process there is no line: a call runs at once (`Session::own`).
 */
class ROYONG_API Session : public TaskEngine {
 public:
  /// Whether the server may be another program: then handles cannot cross.
  virtual bool is_foreign() const noexcept = 0;
  /// Writes what goes to this server.
  virtual Writer writer() = 0;

  /** @brief While it lives, this thread writes and reads for this session: proxies of a foreign server are told by number. */
  class ROYONG_API Scope {
   public:
    explicit Scope(Session& session) noexcept;
    ~Scope();
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    Session* outer_;
  };

 protected:
  ~Session() override = default;
};

/// What came back of a call that returned.
class ROYONG_API Reply {
 public:
  Reply() noexcept = default;
  Reply(const Reply&) = delete;
  Reply& operator=(const Reply&) = delete;

  std::span<const std::byte> bytes() const noexcept {
    return heap_.empty() ? std::span(inline_).first(size_) : std::span<const std::byte>(heap_);
  }
  /// Decodes the result. @throws TransferError
  template <class R>
  R read() const {
    const Session::Scope scope(*session_);
    Reader reader(bytes(), {.foreign = session_->is_foreign()});
    if constexpr (std::is_void_v<R>) {
      reader.expect_end();
    } else {
      R value = decode<R>(reader);
      reader.expect_end();
      return value;
    }
  }

  // For sessions.
  void assign(std::span<const std::byte> bytes);
  StateRef<Session> session_;
  std::vector<ObjectRef> handles_;  ///< in the bytes: held until they have been read

 private:
  std::size_t size_ = 0;
  alignas(16) std::array<std::byte, 256> inline_;  // not initialised
  std::vector<std::byte> heap_;
};

/// The state behind the future of a call.
template <class R>
class CallState final : public ResultState<R> {
 public:
  std::exception_ptr exception() const override {
    if (this->ending() != Ending::exception) return TaskState::exception();
    Session& session = static_cast<Session&>(*this->engine());
    const Session::Scope scope(session);
    Reader reader(this->bytes(), {.foreign = session.is_foreign()});
    try {
      return read_exception(reader);
    } catch (...) {
      return std::current_exception();
    }
  }

 protected:
  R produce() override {
    Session& session = static_cast<Session&>(*this->engine());
    const Session::Scope scope(session);
    Reader reader(this->bytes(), {.foreign = session.is_foreign()});
    return decode<R>(reader);
  }
};
template <>
class CallState<void> final : public ResultState<void> {};

/** @brief What a proxy refers to: an object of a server. Shared by the copies of a proxy in this process.
 *
 *  Inside a family it holds a share in an object of the arena, whose end tells the server; with a foreign server the session counts.
 */
class ROYONG_API ProxyTarget {
 public:
  virtual ~ProxyTarget() = default;
  ProxyTarget(const ProxyTarget&) = delete;
  ProxyTarget& operator=(const ProxyTarget&) = delete;

  /// This process's line to the server; after a fork, or when the first proxy came to this process, a new one. @throws EndOfFile the server is gone
  virtual StateRef<Session> session() const = 0;
  /// The object's number at its server.
  virtual std::uint64_t id() const noexcept = 0;
  /// The same object, whichever process asks.
  virtual bool equals(const ProxyTarget& other) const noexcept = 0;
  /// The server's number of an operation of a registered class; the same number for any other.
  virtual std::uint32_t operation(std::uint32_t own) const { return own; }
  /// The arena object, or none.
  virtual ObjectRef object() const noexcept = 0;

 protected:
  ProxyTarget() = default;
};

using TargetRef = std::shared_ptr<const ProxyTarget>;

/// Writes what names the object. @throws TransferError it is not of the server that this goes to, in another program
ROYONG_API void write_target(Writer& out, const TargetRef& target);
/// @param type  type_hash of the served class. @throws TransferError
ROYONG_API TargetRef read_target(Reader& in, std::uint64_t type);

/** @brief A call on its way out: made, its arguments written, and then performed or started, once. Used by one thread. */
class ROYONG_API OutgoingCall {
 public:
  /// Calls operation number `operation` of the target's class.
  OutgoingCall(const TargetRef& target, std::uint32_t operation);
  /// Calls `thunk` for the target. @throws UsageError the server is another program
  OutgoingCall(const TargetRef& target, FunctionId thunk);
  /// Asks the server for something; `verb` as in src/manager/protocol.hpp.
  OutgoingCall(StateRef<Session> session, std::uint32_t verb);
  OutgoingCall(const OutgoingCall&) = delete;
  OutgoingCall& operator=(const OutgoingCall&) = delete;
  ~OutgoingCall();

  /// For the arguments.
  Writer& writer() noexcept { return writer_; }
  Session& session() const noexcept { return *session_; }

  /** @brief Sends it and waits for the answer.
   *  @throws EndOfFile the server is gone; what the call threw
   */
  void perform(Reply& reply);
  /// Sends it: `state` will get the answer. `state` has no engine yet. What goes wrong here is thrown.
  void start(TaskState& state);

 private:
  StateRef<Session> session_;
  Session::Scope scope_;
  Writer writer_;
};

/// Calls of asynchronous kind of this thread are kept back while it lives, and sent together.
class ROYONG_API SendLater {
 public:
  explicit SendLater(StateRef<Session> session);
  ~SendLater();
  SendLater(const SendLater&) = delete;
  SendLater& operator=(const SendLater&) = delete;
  /// Sends what was kept back. @throws EndOfFile
  void flush();

 private:
  StateRef<Session> session_;
};

}  // namespace royong::inline v0::detail
