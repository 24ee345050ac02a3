// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief The sessions of this process: one with each server of its family, for all proxies.
 */
#pragma once

#include <cstdint>  // for std::uint32_t

#include "manager/client_session.hpp"
#include "manager/ticket.hpp"

namespace royong::inline v0::manager {

/// Forks that this process is away from the first one.
std::uint32_t fork_generation() noexcept;

/// This process's session with the server of the record: the one that there is, or a new one. @throws EndOfFile
detail::StateRef<detail::Session> session_with(const detail::ObjectRef& server);
/// Likewise with a server elsewhere: one that this process has, by whatever address, or a new one, which is kept. @throws as read_ticket
detail::StateRef<detail::Session> session_at(const ServerPlace& place);
/// From now on it is the one of its server.
void enter_session(ClientSession& session);
/// It is no longer, if it was. Its destructor's.
void leave_session(const ClientSession& session) noexcept;

}  // namespace royong::inline v0::manager
