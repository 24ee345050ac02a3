// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief Line: one end of a session, through shared memory or a socket. Messages are bytes, and nothing but `wait` waits.
 */
#pragma once

#include <atomic>   // for std::atomic
#include <cstddef>  // for std::byte, std::size_t
#include <cstdint>  // for std::uint32_t, std::uint64_t
#include <memory>   // for std::unique_ptr
#include <span>     // for std::span
#include <vector>   // for std::vector

#include "channel/stream.hpp"
#include "royong/connection.hpp"
#include "royong/detail/archive.hpp"
#include "royong/detail/object.hpp"
#include "royong/timeout.hpp"

namespace royong::inline v0::manager {

/// How often either end looks before it sleeps. As the pipe's own ends: outlasts a sleep and a wake-up.
inline constexpr int spin_rounds = 200;

/** @brief Posting, flushing and receiving may be done by two threads: one at a time posts and flushes, one at a time receives and waits. */
class Line {
 public:
  Line() = default;
  Line(const Line&) = delete;
  Line& operator=(const Line&) = delete;
  virtual ~Line() = default;

  /// Writes what goes over this line.
  virtual detail::Writer writer() = 0;
  /// Adds a message, in two parts, to what leaves next. @throws std::bad_alloc: nothing was added
  virtual void post(std::span<const std::byte> head, std::span<const std::byte> body) = 0;
  /** @brief Sends what there is room for.
   *  @return whether nothing is left
   *  @throws BrokenPipe nobody reads any more, and nothing is left
   *  @throws ArenaFull  the first message that is left finds no memory: see take_back
   */
  virtual bool flush() = 0;
  /// The first message that is left, which is posted no longer. After ArenaFull.
  virtual std::vector<std::byte> take_back() { return {}; }
  /// Bytes that were posted and have not left.
  virtual std::size_t unsent() const noexcept = 0;
  /// A request of which nothing has left becomes `nothing`. As posting. @return whether there was one of this number
  virtual bool withdraw(std::uint64_t call) noexcept = 0;

  /// Whoever gets the messages.
  class Receiver {
   public:
    virtual void message(std::span<const std::byte> bytes) = 0;
    /// Asked after each: it wants no more for now.
    virtual bool has_enough() const noexcept { return false; }
    /// The end of a message of which only the first bytes were kept: see drop_rest.
    virtual void dropped(std::span<const std::byte> /*begin*/) {}

   protected:
    ~Receiver() = default;
  };
  /** @brief Takes messages that are there, about `most`; of a message that comes without end, a part.
   *  @return how many
   *  @throws EndOfFile the peer is gone and all was received; TransferError what came is malformed; what the receiver throws
   */
  virtual std::size_t receive(std::size_t most, Receiver& receiver) = 0;
  /// Bytes that are kept of a message that is not wholly here.
  virtual std::size_t incomplete() const noexcept { return 0; }
  /// Of that message so many bytes are kept, no more than there are; the rest is taken and dropped.
  virtual void drop_rest(std::size_t /*kept*/) {}
  /// Whether `receive` may find something: for a pipe a few loads, for a socket always true.
  virtual bool may_receive() noexcept = 0;
  /// Something is here of which `fd` does not tell.
  virtual bool has_buffered() noexcept { return false; }

  /// Waits, awake and then asleep, until something may be received or (if anything is unsent) sent, `flag` is set, or `wake` is called; or for no reason.
  virtual void wait(const std::atomic<std::uint32_t>& flag,
                    Timeout::Clock::time_point deadline) = 0;
  virtual void wake() noexcept = 0;

  /// Of a socket; -1 of a pipe.
  virtual int fd() const noexcept { return -1; }
  /// Does nothing more for anybody: in the child of a fork.
  virtual void abandon() noexcept = 0;
};

/** @brief Through a pipe of the family.
 *  @param server  the record to `tell` after sending: at the client's end, once it is known
 */
class PipeLine;
std::unique_ptr<Line> make_pipe_line(Connection end);
/// The client's end learns whom to wake. @throws nothing
void set_server(Line& pipe_line, detail::ObjectRef server) noexcept;

/// Through a socket. @param longest_message  of the peer's: a longer one is a TransferError
std::unique_ptr<Line> make_stream_line(std::unique_ptr<channel::Stream> stream,
                                       std::uint64_t longest_message);

}  // namespace royong::inline v0::manager
