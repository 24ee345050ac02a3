// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief Transport: messages between ranks, over MPI point-to-point.
 *
 *  **Threads.** MPI is initialised for MPI_THREAD_SERIALIZED, and every call of it is made under the
 *  lock of whoever owns the transport: the cluster on rank 0, where each thread that waits may look
 *  for results itself; the agent elsewhere, which has one thread. MPI_THREAD_MULTIPLE would have Open
 *  MPI take locks of its own around each call, for a concurrency that nobody wants: what is to be
 *  done with a message needs our lock anyway.
 *
 *  **No collectives** after MPI_Init, not even to make a communicator: MPI knows nothing of a dead
 *  rank, and a collective with one in it never ends. Messages have tags of their own in
 *  MPI_COMM_WORLD.
 *
 *  **Pieces.** A message travels in pieces of `piece_bytes`, in order; few of them are under way to
 *  one rank at a time, so that a rank that does not read costs memory here and nothing in MPI. The
 *  receiver's memory grows with what has arrived, not with what was announced.
 *
 *  **If the peer dies.** Open MPI 4 says nothing; what is under way to it stays under way, and its
 *  buffers are kept until the end of the program, because MPI may still read them. Where MPI offers
 *  fault tolerance (ULFM), its errors are believed: `failed` tells the rank.
 */
#pragma once

#include <cstddef>  // for std::byte
#include <cstdint>  // for std::uint64_t
#include <deque>    // for std::deque
#include <memory>   // for std::unique_ptr
#include <span>     // for std::span
#include <string>   // for std::string
#include <vector>   // for std::vector

#include "mpi/messages.hpp"

namespace royong::inline v0::mpi {

/// What comes in.
class Receiver {
 public:
  /// A whole message without its head: kind and content. The bytes are the receiver's until it
  /// returns.
  virtual void received(int from, std::span<std::byte> message) = 0;
  /// The rank is gone, or says what is no message. Once for a rank.
  virtual void failed(int rank, const std::string& why) = 0;

 protected:
  ~Receiver() = default;
};

class Transport {
 public:
  virtual ~Transport() = default;
  virtual int rank() const noexcept = 0;
  virtual int size() const noexcept = 0;
  /// Sends, after what was sent to that rank before. To a rank that is given up: nothing happens.
  virtual void send(int to, MessagePtr message) = 0;
  /// Takes what has come, moves on what is to be sent. @return whether anything happened
  virtual bool poll(Receiver& receiver) = 0;
  /// Nothing is sent to the rank any more; what waits for it is dropped. What it sends is read still.
  virtual void give_up(int rank) = 0;
  /// It speaks again, so it can be spoken to.
  virtual void take_up(int rank) = 0;
  /// Whether everything has left for the ranks that are not given up.
  virtual bool is_flushed() const noexcept = 0;
  /// Ends MPI in its own way: waits for every rank.
  virtual void finalize() = 0;
};

/// Whether this process was started by an MPI launcher. @throws UsageError it was started as one of
/// many, but without MPI
bool is_launched();

/// Initialises MPI. Once. @throws Error MPI cannot be had, or not with the level of threads
std::unique_ptr<Transport> make_transport();

}  // namespace royong::inline v0::mpi
