// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief The critical sections of a queue, and what repairs them. The protocol is in queue_state.hpp.
 */
#pragma once

#include <cstddef>   // for std::byte, std::size_t
#include <optional>  // for std::optional
#include <span>      // for std::span

#include "channel/queue_chain.hpp"
#include "channel/queue_state.hpp"
#include "memory/objects.hpp"
#include "royong/detail/byte_queue.hpp"
#include "royong/timeout.hpp"

namespace royong::inline v0::channel {

using detail::MessageBatch;
using detail::ObjectRecord;
using Deadline = Timeout::Clock::time_point;

/// Makes a fresh record a queue. @param window  bytes that it holds before puts wait; 0: no limit @throws ArenaFull
void create_queue(ObjectRecord& record, std::uint32_t maxsize, std::uint32_t window = 0);

/// Whether the window leaves no room at this instant. True by mistake only while a get is moving the head, which then wakes.
bool is_window_full(const QueueState& state) noexcept;

/// A large message in a block of this process's, until the queue has taken it over.
class NewBlock {
 public:
  /// Copies the message, which may come in two parts. @throws ArenaFull
  explicit NewBlock(std::span<const std::byte> message, std::span<const std::byte> more = {});
  NewBlock(const NewBlock&) = delete;
  NewBlock& operator=(const NewBlock&) = delete;
  ~NewBlock();

  LargeMessage message() const noexcept { return message_; }
  void release() noexcept { message_.block = 0; }

 private:
  LargeMessage message_;
};

/** @brief Puts what fits under one lock: `block` alone if there is one, else the first messages up to a large one.
 *  @param lock_until  how long to wait for the lock, which a process may hold that is stopped
 *  @return how many; 0: the queue is full, or the lock was not to be had
 *  @throws ShutDown; ArenaFull: nothing was put
 */
std::size_t put_some(ObjectRecord& record, std::span<const std::byte> bytes,
                     std::span<const std::size_t> sizes, std::optional<NewBlock>& block,
                     Deadline lock_until = Deadline::max());

/** @brief Takes up to `max` messages under one lock.
 *  @param lock_until  as for `put_some`
 *  @return how many; 0: the queue is empty, or the lock was not to be had
 *  @throws ShutDown and there is nothing left
 */
std::size_t take_some(ObjectRecord& record, std::size_t max, MessageBatch& out,
                      Deadline lock_until = Deadline::max());

/** @brief One message of a JoinableQueue is done.
 *  @return whether that was the last one that was put
 *  @throws UsageError more often than messages were put
 */
bool finish_one(ObjectRecord& record);

/// From now on nothing can be put; with `immediate` nothing taken either, and what is there is dropped.
void shut(ObjectRecord& record, bool immediate);

/// The same from a hook of another object, under the directory's lock; can be done twice. What cannot be dropped now goes with the queue.
void hang_up(ObjectRecord& record, bool immediate) noexcept;

}  // namespace royong::inline v0::channel
