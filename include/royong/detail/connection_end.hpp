// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief ConnectionEnd: one end of a connection in this process, below the types: messages are bytes.
 */
#pragma once

#include <atomic>       // for std::atomic
#include <cstddef>      // for std::byte, std::size_t
#include <cstdint>      // for std::uint32_t, std::uint64_t
#include <memory>       // for std::shared_ptr
#include <span>         // for std::span
#include <string_view>  // for std::string_view
#include <vector>       // for std::vector

#include "royong/detail/archive.hpp"
#include "royong/detail/byte_queue.hpp"
#include "royong/detail/config.hpp"
#include "royong/detail/object.hpp"
#include "royong/detail/type_hash.hpp"
#include "royong/timeout.hpp"

namespace royong::inline v0::detail {

/// What a message is, beside its bytes: `type_hash<T>()` of a value, or one of these.
inline constexpr std::uint64_t plain_bytes = 0;
inline constexpr std::uint64_t sent_handle = 1;

/// Every message begins with the hash of its type; then comes the value.
inline constexpr std::size_t type_bytes = sizeof(std::uint64_t);

/// A message that was received: still in the block that it came in, or in memory of its own.
class ROYONG_API IncomingMessage {
 public:
  std::uint64_t type() const noexcept { return type_; }
  /// Without the type. Valid as long as this object.
  std::span<const std::byte> body() const noexcept { return body_; }
  /// The body in memory of its own.
  std::vector<std::byte> take_bytes() &&;
  /// Whether another program may have written it.
  bool is_foreign() const noexcept { return foreign_; }

  // For the ends, which fill it.
  void adopt(std::uint64_t type, std::vector<std::byte> body, bool foreign);
  MessageBatch& batch() noexcept { return batch_; }
  void adopt_batch();

 private:
  std::uint64_t type_ = plain_bytes;
  bool foreign_ = false;
  std::span<const std::byte> body_;
  std::vector<std::byte> own_;
  MessageBatch batch_;
};

/** @brief What all handles of one connection in this process share.
 *
 *  Members may be called by several threads at a time. `close` lets go of what the end holds when the last call in progress has returned; those that wait
 *  are woken and throw `UsageError`.
 */
class ROYONG_API ConnectionEnd {
 public:
  ConnectionEnd(const ConnectionEnd&) = delete;
  ConnectionEnd& operator=(const ConnectionEnd&) = delete;
  virtual ~ConnectionEnd();

  /** @brief Sends one message: `head` and then `body`, the first eight bytes of which are its type.
   *  @throws BrokenPipe, ArenaFull, UsageError (closed, read-only)
   */
  void send(std::span<const std::byte> head, std::span<const std::byte> body);

  /** @brief Receives one message.
   *  @param longest bytes without the type; a longer one is refused and ends the reading
   *  @throws TimeoutError, EndOfFile, TransferError, UsageError (closed, write-only)
   */
  void receive(IncomingMessage& out, std::uint64_t longest, Timeout timeout);

  bool poll(Timeout timeout);
  int fileno();
  void close() noexcept;
  bool closed() const noexcept { return (users_.load() & closed_bit) != 0; }
  bool readable() const noexcept { return readable_.load(); }
  bool writable() const noexcept { return writable_; }

  /// How handles in messages travel.
  Writer writer();
  void send_handle(int descriptor);
  int receive_handle(Timeout timeout);

  /// Its object, for a message in which it travels. @throws UsageError closed; TransferError it cannot travel
  ObjectRef object();

  /// The end with this object in this process: the one that there is, or a new one. @throws TransferError
  static std::shared_ptr<ConnectionEnd> open(ObjectRef object);

 protected:
  ConnectionEnd(ObjectRef object, bool readable, bool writable);

  // Each is called while the end is held open.
  virtual void do_send(std::span<const std::byte> head, std::span<const std::byte> body) = 0;
  virtual void do_receive(IncomingMessage& out, std::uint64_t longest, Timeout timeout) = 0;
  virtual bool do_poll(Timeout timeout) = 0;
  virtual int do_fileno() = 0;
  virtual Writer do_writer() = 0;
  virtual void do_send_handle(int descriptor) = 0;
  virtual int do_receive_handle(Timeout timeout) = 0;
  /// Before the end travels. @throws TransferError it cannot
  virtual void do_share() = 0;
  /// Wakes those who wait: `closed()` is true by now.
  virtual void wake() noexcept = 0;
  /// Lets go of everything: nobody is inside, and nobody will be.
  virtual void release() noexcept = 0;

  void refuse_closed() const;
  void stop_reading() noexcept;
  const ObjectRef& held() const noexcept { return object_; }
  /// For destructors: as `close`, when nobody is inside. @return whether it was open
  bool close_for_good() noexcept { return (users_.fetch_or(closed_bit) & closed_bit) == 0; }

 private:
  class Use;
  void let_go() noexcept;

  ObjectRef object_;
  std::atomic<bool> gone_{false};
  static constexpr std::uint32_t closed_bit = 1u << 31;
  std::atomic<std::uint32_t> users_{0};  ///< calls in progress, and `closed_bit`
  std::atomic<bool> readable_;
  const bool writable_;
};

/// @throws TransferError the message does not hold what was asked for; `name` is of the type asked for
ROYONG_API void expect_type(const IncomingMessage& message, std::uint64_t type,
                            std::string_view name);
/// @throws BufferTooShort with the whole message
[[noreturn]] ROYONG_API void throw_too_short(std::span<const std::byte> message, std::size_t room);
/// @throws UsageError the number is negative
ROYONG_API std::uint64_t checked_length(std::int64_t maxlength);

}  // namespace royong::inline v0::detail
