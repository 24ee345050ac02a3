// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief The critical sections of a queue, and what repairs them. The protocol is in queue_state.hpp.
 */
#pragma once

#include <cstddef>   // for std::byte, std::size_t
#include <optional>  // for std::optional
#include <span>      // for std::span

#include "channel/queue_state.hpp"
#include "memory/objects.hpp"
#include "royong/detail/byte_queue.hpp"

namespace royong::inline v0::channel {

using detail::MessageBatch;
using detail::ObjectRecord;

QueueState& state_of(ObjectRecord& record) noexcept;

/// Bytes that a message takes in a segment: its header, itself, and up to the next unit.
inline std::size_t bytes_of(std::size_t size) noexcept {
  return sizeof(MessageHeader) + (size + unit - 1) / unit * unit;
}

/// Makes a fresh record a queue. @throws ArenaFull
void create_queue(ObjectRecord& record, std::uint32_t maxsize);

/// A large message in a block of this process's, until the queue has taken it over.
class NewBlock {
 public:
  /// Copies the message. @throws ArenaFull
  explicit NewBlock(std::span<const std::byte> message);
  NewBlock(const NewBlock&) = delete;
  NewBlock& operator=(const NewBlock&) = delete;
  ~NewBlock();

  LargeMessage message() const noexcept { return message_; }
  void release() noexcept { message_.block = 0; }

 private:
  LargeMessage message_;
};

/** @brief Puts what fits under one lock: `block` alone if there is one, else the first messages up to a large one.
 *  @return how many; 0: the queue is full
 *  @throws ShutDown; ArenaFull: nothing was put
 */
std::size_t put_some(ObjectRecord& record, std::span<const std::byte> bytes,
                     std::span<const std::size_t> sizes, std::optional<NewBlock>& block);

/** @brief Takes up to `max` messages under one lock.
 *  @return how many; 0: the queue is empty
 *  @throws ShutDown and there is nothing left
 */
std::size_t take_some(ObjectRecord& record, std::size_t max, MessageBatch& out);

/// From now on nothing can be put; with `immediate` nothing taken either, and what is there is dropped.
void shut(ObjectRecord& record, bool immediate);

}  // namespace royong::inline v0::channel
