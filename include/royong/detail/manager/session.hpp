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

class ProxyTarget;
class Reply;
using TargetRef = std::shared_ptr<const ProxyTarget>;

/// What a call is, beside its arguments.
struct CallHead {
  std::uint64_t object = 0;
  std::uint32_t verb = 0;
  std::uint32_t operation = 0;
};

/** @brief The other side of a line between two programs: knows objects of the server by number. */
class ROYONG_API ForeignPeer {
 public:
  /// @throws TransferError the object is of another server
  virtual void write(Writer& out, const TargetRef& target) = 0;
  virtual TargetRef read(Reader& in, std::uint64_t type) = 0;

  /// While it lives, this thread writes and reads for that peer; null: for nobody.
  class ROYONG_API Scope {
   public:
    explicit Scope(ForeignPeer* peer) noexcept;
    ~Scope();
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    ForeignPeer* outer_;
  };
  static ForeignPeer* current() noexcept;

 protected:
  ~ForeignPeer() = default;
};

/** @brief This process's line to one server, shared by all its threads and proxies.
 *
 *  Whoever waits for an answer receives and hands out what comes for the others, so no answer passes through a second thread. In the server's own
 *  process there is no line: a call runs at once.
 */
class ROYONG_API Session : public TaskEngine {
 public:
  /// Not null: the server may be another program, and handles cannot cross.
  virtual ForeignPeer* foreign() noexcept = 0;
  /// Writes what goes to this server.
  virtual Writer writer() = 0;
  /// Sends a call and waits for its answer. @throws EndOfFile the server is gone; what the call threw
  virtual void perform(const CallHead& head, Writer& body, Reply& reply) = 0;
  /// Sends a call whose answer `state` gets. @throws EndOfFile
  virtual void start(const CallHead& head, Writer& body, TaskState& state) = 0;
  /// From now on what this thread starts is kept back until the next flush, if `keep`.
  virtual void keep_back(bool keep) noexcept = 0;
  virtual void flush() = 0;

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
    return {heap_.empty() ? inline_.data() : heap_.data(), size_};
  }
  /// Decodes the result. @throws TransferError
  template <class R>
  R read() const {
    ForeignPeer* const foreign = session_->foreign();
    const ForeignPeer::Scope scope(foreign);
    Reader reader(bytes(), {.foreign = foreign != nullptr});
    if constexpr (std::is_void_v<R>) {
      reader.expect_end();
    } else {
      R value = decode<R>(reader);
      reader.expect_end();
      return value;
    }
  }

  // For sessions.

  /// Room for so many bytes, to be filled.
  std::span<std::byte> make_room(std::size_t size);
  void shrink(std::size_t size) noexcept { size_ = size; }
  StateRef<Session> session_;
  std::vector<ObjectRef> handles_;  ///< in the bytes: held until they have been read

 private:
  std::size_t size_ = 0;
  alignas(16) std::array<std::byte, 256> inline_;  // not initialised
  std::vector<std::byte> heap_;
};

/// What the states behind the futures of calls have in common: they read what came as coming from the session's server.
template <class R>
class AnswerState : public ResultState<R> {
 public:
  std::exception_ptr exception() const override {
    if (this->ending() != Ending::exception) return TaskState::exception();
    return read_answer([](Reader& reader) {
      try {
        return read_exception(reader);
      } catch (...) {
        return std::current_exception();
      }
    });
  }

 protected:
  template <class Read>
  auto read_answer(Read read) const {
    ForeignPeer* const foreign = static_cast<Session&>(*this->engine()).foreign();
    const ForeignPeer::Scope scope(foreign);
    Reader reader(this->bytes(), {.foreign = foreign != nullptr});
    return read(reader);
  }
};

/// The state behind the future of a call.
template <class R>
class CallState final : public AnswerState<R> {
 protected:
  R produce() override { return this->read_answer(&decode<R>); }
};
/// Whatever the call returns is not looked at.
template <>
class CallState<void> final : public AnswerState<void> {};

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

/** @brief Writes what names the object.
 *  @param type  type_hash of the served class, for a reader on another machine
 *  @throws TransferError it is not of the server that this goes to, in another program; or of one that nobody on another machine can reach
 *  @throws EndOfFile     the server would have to be asked, and is gone
 */
ROYONG_API void write_target(Writer& out, const TargetRef& target, std::uint64_t type = 0);
/// @param type  type_hash of the served class. @throws TransferError; of what came from another machine also EndOfFile, AuthenticationError
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
  ~OutgoingCall() = default;

  /// For the arguments.
  Writer& writer() noexcept { return writer_; }
  Session& session() const noexcept { return *session_; }

  /** @brief Sends it and waits for the answer.
   *  @throws EndOfFile the server is gone; what the call threw
   */
  void perform(Reply& reply) { session_->perform(head_, writer_, reply); }
  /// Sends it: `state` will get the answer. `state` has no engine yet. What goes wrong here is thrown.
  void start(TaskState& state) { session_->start(head_, writer_, state); }

 private:
  StateRef<Session> session_;
  CallHead head_;
  ForeignPeer::Scope scope_;
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
