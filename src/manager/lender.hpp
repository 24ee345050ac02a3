// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief Lender: the tickets of a server, and the objects that it keeps for them.
 */
#pragma once

#include <cstdint>        // for std::uint64_t
#include <string>         // for std::string
#include <unordered_map>  // for std::unordered_map

#include "manager/ticket.hpp"
#include "royong/detail/manager/timers.hpp"
#include "royong/detail/object.hpp"

namespace royong::inline v0::manager {

/// Used by the server's loop alone.
class Lender {
 public:
  /// @param most how long an object is kept for whoever comes with the ticket
  Lender(detail::Timers& timers, Timeout most);
  Lender(const Lender&) = delete;
  Lender& operator=(const Lender&) = delete;

  /// Of the object with this number, as long as the server lives.
  Token token_of(std::uint64_t object) const;
  /// @throws TransferError the ticket was not written by this server
  void check(const Ticket& ticket) const;
  /// Keeps the object once more.
  void keep(std::uint64_t object, detail::ObjectRef record);
  /// Somebody came with the ticket.
  void let_go(std::uint64_t object) noexcept;

 private:
  struct Kept {
    detail::ObjectRef record;
    std::uint64_t count = 0;
    detail::Timers::Id timer = 0;
  };

  detail::Timers& timers_;
  const Timeout most_;
  const std::string secret_;  ///< nobody else knows it
  std::unordered_map<std::uint64_t, Kept> kept_;
};

}  // namespace royong::inline v0::manager
