// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief Ticket: what a proxy is on its way to another machine.
 *
 *  The object's manager writes it (the verb `lend`), and takes it from whoever wants the object (`adopt`): the process that the proxy comes to connects to the manager, if it has not done so
 *  before, with a key that it knows already. The token proves that the object was lent: numbers of objects can be guessed. It says nothing of the key.
 *
 *  A ticket keeps nothing alive. In a call the sender holds the object until the call has ended; for a result the manager does (`is_kept`), until somebody comes with the ticket,
 *  and no longer than `ManagerLimits::lent`.
 */
#pragma once

#include <array>    // for std::array
#include <cstddef>  // for std::byte
#include <cstdint>  // for std::uint64_t
#include <string>   // for std::string
#include <vector>   // for std::vector

#include "royong/detail/manager/session.hpp"
#include "royong/detail/object.hpp"

namespace royong::inline v0::manager {

/// Tells a server from all others: random.
using ServerIdentity = std::array<std::uint64_t, 2>;
/// What only the server can make for one of its objects.
using Token = std::array<std::uint64_t, 2>;

/// Where a server is found.
struct ServerPlace {
  ServerIdentity identity{};
  detail::ObjectName record;  ///< for processes of its own family
  std::string address;        ///< for all others
  bool asks_for_key = false;
  bool uses_psk = false;
  bool uses_certificates = false;
};

struct Ticket {
  ServerPlace server;
  std::uint64_t object = 0;
  Token token{};
  bool is_kept = false;
  // Added by the sender, which runs the same program as the receiver.
  std::uint64_t type = 0;                   ///< type_hash of the served class
  std::vector<std::uint32_t> operations{};  ///< of a registered class of another program
};

/// Writes a proxy that may go to another machine. @throws TransferError nobody there could reach its manager; EndOfFile that is gone
void write_ticket(detail::Writer& out, const detail::TargetRef& target, std::uint64_t type);
/// Whether what comes next is one, and not the name of an object of the family.
bool is_ticket(const detail::Reader& in) noexcept;
/** @brief Goes to the manager for the object.
 *  @throws TransferError       the object is gone, or of another class
 *  @throws EndOfFile           the manager is gone, or cannot be reached from here
 *  @throws AuthenticationError it has another key
 */
detail::TargetRef read_ticket(detail::Reader& in, std::uint64_t type);

}  // namespace royong::inline v0::manager
