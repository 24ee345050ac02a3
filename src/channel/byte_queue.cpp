// SPDX-License-Identifier: Apache-2.0
#include "royong/detail/byte_queue.hpp"

#include <algorithm>  // for std::max, std::min
#include <cstring>    // for std::memcpy
#include <memory>     // for std::make_unique
#include <optional>   // for std::optional
#include <string>     // for std::to_string

#include "channel/queue_ends.hpp"
#include "channel/queue_state.hpp"
#include "channel/queue_wait.hpp"
#include "memory/blocks.hpp"
#include "memory/objects.hpp"
#include "os/error.hpp"
#include "royong/error.hpp"

namespace royong::inline v0::detail {

namespace {

using channel::For;
using channel::notify_after_unlock;
using channel::Position;
using channel::QueueState;

std::uint32_t messages_in(const QueueState& state) noexcept {
  for (;;) {
    // Neither end moved between the two looks at the head: so it was there while the tail was read.
    const auto head = state.head.load(std::memory_order_acquire);
    const auto tail = state.tail.load(std::memory_order_acquire);
    if (state.head.load(std::memory_order_acquire) == head) {
      return Position::of(tail).messages - Position::of(head).messages;
    }
  }
}

/// Whether a get would not wait.
bool may_get(ObjectRecord& record, std::uint32_t) noexcept {
  const QueueState& state = channel::state_of(record);
  return state.shut.load(std::memory_order_acquire) != channel::open ||
         state.head.load(std::memory_order_acquire) != state.tail.load(std::memory_order_acquire);
}

void refuse_closed(const std::atomic<bool>& closed) {
  if (closed.load(std::memory_order_relaxed)) {
    throw UsageError("the queue is closed in this process");
  }
}

}  // namespace

// ---- MessageBatch ----

void MessageBatch::append(std::span<const std::byte> bytes, std::size_t messages) {
  if (capacity_ - used_ < bytes.size()) {
    const std::size_t capacity = std::max(2 * capacity_, used_ + bytes.size());
    auto grown = std::make_unique_for_overwrite<std::byte[]>(capacity);
    std::memcpy(grown.get(), data_, used_);
    heap_ = std::move(grown);
    data_ = heap_.get();
    capacity_ = capacity;
  }
  std::memcpy(data_ + used_, bytes.data(), bytes.size());
  used_ += bytes.size();
  count_ += messages;
}

std::span<const std::byte> MessageBatch::next() noexcept {
  channel::MessageHeader header;
  std::memcpy(&header, data_ + read_, sizeof header);
  const std::byte* payload = data_ + read_ + sizeof header;
  read_ += channel::bytes_of(header.size);
  if (header.kind == 0) return {payload, header.size};
  channel::LargeMessage large;
  std::memcpy(&large, payload, sizeof large);
  return memory::block(large.block).first(large.size);
}

void MessageBatch::clear() noexcept {
  for (const auto block : blocks_) memory::free_block(block);
  blocks_.clear();
  used_ = read_ = count_ = 0;
}

// ---- Message ----

Message::Message(MessageBatch& batch) {
  const auto message = batch.next();
  if (!batch.blocks_.empty()) {
    block_ = batch.blocks_.back();
    batch.blocks_.clear();
    bytes_ = memory::block(block_).first(message.size());
  } else {
    copy_ = std::make_unique_for_overwrite<std::byte[]>(message.size());
    bytes_ = {copy_.get(), message.size()};
    std::memcpy(copy_.get(), message.data(), message.size());
  }
}

Message::~Message() {
  if (block_ == 0) return;
  try {
    // Not in a forked child, which has a copy of this object: the block is its parent's.
    if (memory::owner_of(block_) == memory::self()) memory::free_block(block_);
  } catch (const Error& error) {
    os::report_error(std::string("cannot free a message: ") + error.what());
  }
}

// ---- QueueEnd ----

QueueEnd::QueueEnd() noexcept = default;
QueueEnd::~QueueEnd() { delete watch_.load(std::memory_order_acquire); }

void QueueEnd::require_open() const { refuse_closed(closed_); }

int QueueEnd::fileno(const ObjectRef& queue) {
  refuse_closed(closed_);
  sync::Watch* watch = watch_.load(std::memory_order_acquire);
  if (watch == nullptr) {
    QueueState& state = channel::state_of(queue.record());
    auto made = std::make_unique<sync::Watch>(queue, state.filled, state.drained, &may_get);
    // release: who finds it finds it whole. Who lost the race drops its own, which watches nothing yet.
    if (watch_.compare_exchange_strong(watch, made.get(), std::memory_order_acq_rel)) {
      watch = made.release();
    }
  }
  return watch->fd();
}

// ---- ByteQueue ----

ObjectRef ByteQueue::create(ObjectKind kind, std::uint64_t type_hash, int maxsize) {
  if (maxsize < 0) {
    throw UsageError("the size of a queue cannot be negative: " + std::to_string(maxsize));
  }
  auto object = ObjectRef::create(kind, type_hash);
  channel::create_queue(object.record(), static_cast<std::uint32_t>(maxsize));
  return object;
}

ByteQueue::ByteQueue(const ObjectRef& object) noexcept : record_(&object.record()) {}

bool ByteQueue::put(std::span<const std::byte> message, Timeout timeout, Closed closed) const {
  const std::size_t size = message.size();
  return put_many(message, {&size, 1}, timeout, closed) == 1;
}

std::size_t ByteQueue::put_many(std::span<const std::byte> bytes,
                                std::span<const std::size_t> sizes, Timeout timeout,
                                Closed closed) const {
  QueueState& state = channel::state_of(*record_);
  const auto full = [&] {
    return this->full() && state.shut.load(std::memory_order_relaxed) == channel::open;
  };
  const auto deadline = timeout.deadline();
  const auto lock_until = channel::lock_deadline(timeout);
  channel::expects_answer = true;
  std::size_t done = 0;
  while (done < sizes.size()) {
    // What is large is copied into its block before the lock is taken.
    std::optional<channel::NewBlock> block;
    if (sizes[done] > channel::largest_inline) block.emplace(bytes.first(sizes[done]));
    const auto attempt = [&] {
      return channel::put_some(*record_, bytes, sizes.subspan(done), block, lock_until);
    };
    std::size_t put = 0;
    try {
      put = channel::wait_for<For::room>(attempt, full, state.not_full, timeout,
                                         [&] { refuse_closed(closed); });
    } catch (...) {
      if (done == 0)
        throw;  // else the caller learns what is in the queue, and the next put says why no more
    }
    if (put == 0) break;
    for (const auto end = done + put; done < end; ++done) bytes = bytes.subspan(sizes[done]);
    notify_after_unlock(state.not_empty, put);
    state.filled.ring(*record_);
    if (!timeout.is_forever()) timeout = Timeout(deadline - Timeout::Clock::now());
  }
  return done;
}

bool ByteQueue::get(MessageBatch& out, std::size_t max, Timeout timeout, Closed closed) const {
  QueueState& state = channel::state_of(*record_);
  const auto empty = [&] {
    return state.head.load(std::memory_order_relaxed) ==
               state.tail.load(std::memory_order_acquire) &&
           state.shut.load(std::memory_order_relaxed) == channel::open;
  };
  const auto lock_until = channel::lock_deadline(timeout);
  const auto attempt = [&] { return channel::take_some(*record_, max, out, lock_until); };
  const auto taken = channel::wait_for<For::message>(attempt, empty, state.not_empty, timeout,
                                                     [&] { refuse_closed(closed); });
  if (taken != 0 && state.maxsize.load(std::memory_order_relaxed) != 0) {
    notify_after_unlock(state.not_full, taken);
  }
  // The first look comes without a fence, which every get would have to pay: who asks at this very instant may be shown
  // a message that is gone, until its next slice.
  if (taken != 0 && state.drained.asked.load(std::memory_order_relaxed) != 0) {
    std::atomic_thread_fence(std::memory_order_seq_cst);
    if (state.head.load(std::memory_order_relaxed) == state.tail.load(std::memory_order_relaxed)) {
      state.drained.ring(*record_);
    }
  }
  return taken != 0;
}

bool ByteQueue::get_or_end(MessageBatch& out, Closed closed) const {
  try {
    return get(out, 1, forever, closed);
  } catch (const ShutDown&) {
    return false;
  }
}

std::size_t ByteQueue::size() const noexcept { return messages_in(channel::state_of(*record_)); }

bool ByteQueue::full() const noexcept {
  const auto maxsize = channel::state_of(*record_).maxsize.load(std::memory_order_relaxed);
  return maxsize != 0 && size() >= maxsize;
}

void ByteQueue::task_done(Closed closed) const {
  refuse_closed(closed);
  if (channel::finish_one(*record_)) channel::state_of(*record_).all_done.notify_all();
}

bool ByteQueue::join(Timeout timeout, Closed closed) const {
  QueueState& state = channel::state_of(*record_);
  // Both only grow, and the first is never ahead: if they are equal now, they were equal when the first was read.
  const auto attempt = [&] {
    const auto done = state.done.load(std::memory_order_acquire);
    return done == Position::of(state.tail.load(std::memory_order_acquire)).messages;
  };
  return channel::wait_for<For::end>(
      attempt, [&] { return !attempt(); }, state.all_done, timeout, [&] { refuse_closed(closed); });
}

std::size_t ByteQueue::lost() const noexcept {
  return channel::state_of(*record_).lost.load(std::memory_order_relaxed);
}

void ByteQueue::shutdown(bool immediate) const { channel::shut(*record_, immediate); }

void ByteQueue::wake() const noexcept {
  channel::state_of(*record_).not_empty.notify_all();
  channel::state_of(*record_).not_full.notify_all();
  channel::state_of(*record_).all_done.notify_all();
}

void throw_full() { throw Full("the queue is full"); }

void throw_empty() { throw Empty("the queue is empty"); }

void throw_wrong_length(std::size_t bytes, std::size_t element) {
  throw TransferError("a message of " + std::to_string(bytes) +
                      " bytes is no range of elements of " + std::to_string(element));
}

void throw_negative_count() { throw UsageError("a count of messages cannot be negative"); }

}  // namespace royong::inline v0::detail
