// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief ByteQueue: the queue as it is below the types: messages are bytes.
 */
#pragma once

#include <atomic>   // for std::atomic
#include <cstddef>  // for std::byte, std::size_t
#include <cstdint>  // for std::uint64_t
#include <memory>   // for std::unique_ptr
#include <span>     // for std::span
#include <utility>  // for std::exchange
#include <vector>   // for std::vector

#include "royong/detail/config.hpp"
#include "royong/detail/object.hpp"
#include "royong/timeout.hpp"

namespace royong::inline v0::sync {
class Watch;  // src/sync/watch.hpp
}

namespace royong::inline v0::detail {

/** @brief Messages taken from a queue: copied out of it, or still in their blocks, which end with this object.
 *
 *  Used by one thread at a time. If the process dies, its blocks are swept.
 */
class ROYONG_API MessageBatch {
 public:
  MessageBatch() noexcept = default;
  MessageBatch(const MessageBatch&) = delete;
  MessageBatch& operator=(const MessageBatch&) = delete;
  ~MessageBatch() { clear(); }

  std::size_t size() const noexcept { return count_; }
  /// The next message's bytes, valid until `clear`. There must be one.
  std::span<const std::byte> next() noexcept;
  /// Frees all of it.
  void clear() noexcept;

  // For the queue, which fills it.
  void append(std::span<const std::byte> bytes, std::size_t messages);
  void reserve_block() { blocks_.reserve(blocks_.size() + 1); }
  void adopt(std::uint64_t block) noexcept { blocks_.push_back(block); }

 private:
  friend class Message;

  alignas(16) std::byte inline_[2048];  // not initialised; a message of 1 KiB needs no more
  std::byte* data_ = inline_;
  std::size_t capacity_ = sizeof inline_;
  std::size_t used_ = 0;
  std::size_t read_ = 0;
  std::size_t count_ = 0;
  std::unique_ptr<std::byte[]> heap_;
  std::vector<std::uint64_t> blocks_;
};

/** @brief One message that lies where it is until this object ends: in its block of the arena, or, if it is short, in a copy.
 *
 *  The block belongs to this process: if that dies, it is swept.
 */
class ROYONG_API Message {
 public:
  Message() noexcept = default;
  /// The next of a batch. There must be one, and it alone.
  explicit Message(MessageBatch& batch);
  Message(Message&& other) noexcept
      : bytes_(std::exchange(other.bytes_, {})),
        block_(std::exchange(other.block_, 0)),
        copy_(std::move(other.copy_)) {}
  Message& operator=(Message&& other) noexcept {
    std::swap(bytes_, other.bytes_);
    std::swap(block_, other.block_);
    std::swap(copy_, other.copy_);
    return *this;
  }
  ~Message();

  /// Aligned to 16. Nobody else sees them.
  std::span<std::byte> bytes() const noexcept { return bytes_; }

 private:
  std::span<std::byte> bytes_;
  std::uint64_t block_ = 0;
  std::unique_ptr<std::byte[]> copy_;
};

/// What the copies of one handle have in common in this process.
class ROYONG_API QueueEnd {
 public:
  QueueEnd() noexcept;
  ~QueueEnd();
  QueueEnd(const QueueEnd&) = delete;
  QueueEnd& operator=(const QueueEnd&) = delete;

  const std::atomic<bool>& closed() const noexcept { return closed_; }
  /// @throws UsageError closed
  void require_open() const;
  /// From now on members throw UsageError. Who waits must be woken.
  void close() noexcept { closed_.store(true); }
  /// A descriptor that is readable while there is a message, or no more will come. @throws UsageError closed, or no member
  int fileno(const ObjectRef& queue);

 private:
  std::atomic<bool> closed_{false};
  std::atomic<sync::Watch*> watch_{nullptr};  ///< owned; no lock that a fork could leave held
};

/** @brief A queue's operations. All may be called by any thread of any process at any time.
 *
 *  Waits return what they wait for; misuse and ends are exceptions: `ShutDown`, `ArenaFull`.
 */
class ROYONG_API ByteQueue {
 public:
  /// @throws UsageError `maxsize` is negative; ArenaFull
  static ObjectRef create(ObjectKind kind, std::uint64_t type_hash, int maxsize);

  explicit ByteQueue(const ObjectRef& object) noexcept;

  /// What ends a wait early in this process alone (`close`); looked at every 50 ms at the latest.
  using Closed = const std::atomic<bool>&;

  /** @brief Puts one message.
   *  @return false: the queue was full until the time was over
   *  @throws ShutDown, ArenaFull, UsageError (closed)
   */
  bool put(std::span<const std::byte> message, Timeout timeout, Closed closed) const;

  /** @brief Puts messages in their order, as many under one lock as fit together.
   *  @param sizes the messages' lengths; their bytes follow each other in `bytes`
   *  @return how many: fewer than all when the time was over, or on an error after the first
   */
  std::size_t put_many(std::span<const std::byte> bytes, std::span<const std::size_t> sizes,
                       Timeout timeout, Closed closed) const;

  /** @brief Waits for one message and takes it, and under the same lock what else is there, `max` in all.
   *  @return false: none came in time
   *  @throws ShutDown and all has been taken; UsageError (closed)
   */
  bool get(MessageBatch& out, std::size_t max, Timeout timeout, Closed closed) const;

  /// As `get` of one message for ever. @return false: shut down and drained
  bool get_or_end(MessageBatch& out, Closed closed) const;

  // Of a JoinableQueue.

  /// @throws UsageError more often than messages were put
  void task_done(Closed closed) const;
  /// @return false: not every message was done in time
  bool join(Timeout timeout, Closed closed) const;
  /// Messages that died in the hands of their consumers.
  std::size_t lost() const noexcept;

  /// Messages in the queue, at one instant.
  std::size_t size() const noexcept;
  bool full() const noexcept;
  void shutdown(bool immediate) const;
  /// Makes whoever waits look at its `Closed`.
  void wake() const noexcept;

 private:
  ObjectRecord* record_;
};

/// What the typed queue throws: Full, Empty, UsageError.
[[noreturn]] ROYONG_API void throw_full();
[[noreturn]] ROYONG_API void throw_empty();
[[noreturn]] ROYONG_API void throw_negative_count();
/// What came is no message of this queue's type: TransferError.
[[noreturn]] ROYONG_API void throw_wrong_length(std::size_t bytes, std::size_t element);

}  // namespace royong::inline v0::detail
