// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief What a server shows its family in shared memory, and how it learns that one of its objects has no proxy any more.
 *
 *  **The record of a server** (kind `manager`) is held by the server and by every process that has a proxy. It carries a pin on the *door*, the writing end of a
 *  pipe through which a process that wants a session sends one end of a new pipe.
 *
 *  **The record of an object** (kind `managed`) is held by every process with a proxy, the server's among them, but not by the server's table. It carries a pin on the record of the server.
 *  So its natural end, when the last holder let go or died and no message that carries it is left, *is* the end of the last proxy. The hook
 *  `destroy`, in whichever process that happens, lays the object's number into the server's graveyard and wakes the server. Nothing
 *  is ever counted across processes.
 *
 *  The hook runs under the directory's lock, so graves are written by one process at a time. One that dies between the grave and the end of the object leaves an object without a holder,
 *  which the next sweep destroys: its number comes twice, and the second one means nothing, for numbers are never used again. When
 *  the graveyard is full, `overflow` makes the server look at all its objects.
 *
 *  **Waking.** Who did something the server should see calls `tell`. A server without listener sleeps on `work`; one with a listener in epoll, where a Watch shows it `posted`. Both
 *  announce themselves before their last look.
 */
#pragma once

#include <array>    // for std::array
#include <atomic>   // for std::atomic
#include <cstdint>  // for std::uint32_t, std::uint64_t

#include "manager/ticket.hpp"
#include "memory/objects.hpp"
#include "sync/eventcount.hpp"
#include "sync/state.hpp"
#include "sync/watch.hpp"

namespace royong::inline v0::manager {

struct ServerState {
  sync::EventCount work;
  std::atomic<std::uint32_t> sleeps_in_epoll;  ///< constant once the server has begun
  std::atomic<std::uint32_t> posted;
  std::atomic<std::uint32_t> starved;  ///< sessions that keep answers for want of room
  std::atomic<std::uint32_t> saves;  ///< 1 while a snapshot is written: nothing is heard meanwhile
  std::atomic<std::uint32_t>
      is_done;  ///< 1: the last snapshot is written, and all that was owed is answered
  sync::Bell attention;
  sync::Bell quiet;
  std::atomic<std::uint64_t> owner;  ///< memory::Owner of the server's process
  detail::ObjectName door;
  ServerIdentity identity;  ///< constant once the server has begun

  std::atomic<std::uint32_t> buried;    ///< graves ever filled; written under the directory's lock
  std::atomic<std::uint32_t> exhumed;   ///< graves ever read; the server's
  std::atomic<std::uint32_t> overflow;  ///< 1: a number found no grave
  std::array<std::atomic<std::uint64_t>, 16> graves;
};

struct ManagedState {
  std::uint64_t id;  ///< the object's number in its server
  detail::ObjectName server;
  memory::Offset server_record;
};

inline ServerState& server_state(detail::ObjectRecord& record) noexcept {
  return sync::state_of<ServerState>(record);
}
inline ManagedState& managed_state(detail::ObjectRecord& record) noexcept {
  return sync::state_of<ManagedState>(record);
}

/// The server should look. After any store.
void tell(detail::ObjectRecord& server) noexcept;

/// Whether the server's Watch should show something.
bool is_posted(detail::ObjectRecord& server, std::uint32_t) noexcept;

/// The number of an object that has no proxy any more; 0: there is none. `all` becomes true when every object must be looked at.
std::uint64_t next_grave(ServerState& state, bool& all) noexcept;

/// Whether the object of this name has come to its end.
bool is_gone(const detail::ObjectName& name, detail::ObjectRecord& record);

}  // namespace royong::inline v0::manager
