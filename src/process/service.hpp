// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief The service thread: sees every child's end, also when nobody waits for it.
 */
#pragma once

#include <cstdint>  // for std::uint64_t

#include "memory/slots.hpp"

namespace royong::inline v0::detail {

/** @brief Starts the service thread of this process, once; a detached thread that never ends.
 *  @param life the slot whose alive token the thread takes, because the main thread may end before the process;
 *              nobody where another thread is the life already
 *  @throws std::system_error
 */
void start_service(memory::Owner life = {});

/// Watches a pidfd; when it is readable, the child with this number is finished. @throws std::system_error
void watch_child(std::uint64_t number, int pidfd);

/// Must come before the descriptor is closed: a copy in a forked process would keep the entry alive, naming a closed number.
void unwatch_child(int pidfd) noexcept;

/// Runs `work` on the service thread, soon. It must not throw.
void run_in_service(void (*work)());

/// For the fork handlers.
void lock_service();
void unlock_service();

/// In a fork: this process has no service thread.
void forget_service() noexcept;

}  // namespace royong::inline v0::detail
