// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief OwnSession: calls that a server makes of its own objects, while it runs something else.
 *
 *  A served object may hold proxies of others of its server, and a function that runs there may use them: such a call runs at once, on the loop, in the middle of the one that makes it.
 *  One that is not answered at once never could be: `UsageError`.
 */
#pragma once

#include "royong/detail/manager/session.hpp"

namespace royong::inline v0::manager {

class Server;

/// The caller's session of such calls; those of clients come after it.
inline constexpr detail::SessionId own_session_id = 1;

detail::StateRef<detail::Session> make_own_session(Server& server);

}  // namespace royong::inline v0::manager
