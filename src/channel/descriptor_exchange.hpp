// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief How a descriptor gets from one process of the family to another: shared memory cannot carry it.
 *
 *  An object in the arena stands for it. The process that sends the object *offers* the descriptor: it keeps a copy, and hands it out over an abstract unix socket whose
 *  name, with a random token, it writes into the object. Who receives the object *fetches* the descriptor there. A stranger can see the name of the socket (the
 *  system lists them), so the keeper asks for the token, which only the arena tells, and for the same user.
 *
 *  The thread that hands out runs while something is on offer. An offer ends when it has been fetched as often as it was sent, or when its object is gone:
 *  then nobody can receive it any more. If the keeper's process ends before that, the receiver gets a `TransferError` that says so.
 */
#pragma once

#include <array>    // for std::array
#include <cstddef>  // for std::byte
#include <cstdint>  // for std::uint32_t

#include "os/fd.hpp"
#include "royong/detail/object.hpp"

namespace royong::inline v0::channel {

using Token = std::array<std::byte, 16>;

/// In the state of the object. Guarded by the record's `inner`.
struct Offer {
  Token keeper;  ///< in the name of its socket
  Token token;
  std::uint32_t pid;  ///< the keeper's; 0: never offered
};

/** @brief Keeps a copy of the descriptor to be fetched once more.
 *  @throws std::system_error no descriptor or thread is left
 */
void offer_descriptor(const detail::ObjectRef& object, Offer& offer, int descriptor);

/// A copy of the descriptor, close-on-exec. @throws TransferError its keeper is gone or does not answer
os::Fd fetch_descriptor(const detail::ObjectRef& object, Offer& offer);

/// Says that one copy fewer will be fetched: who received the object has the descriptor already.
void decline_descriptor(const detail::ObjectRef& object, Offer& offer) noexcept;

}  // namespace royong::inline v0::channel
