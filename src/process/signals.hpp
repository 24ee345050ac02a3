// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief What a worker does with Ctrl-C.
 */
#pragma once

namespace royong::inline v0::detail {

/** @brief Installs the worker's policy for SIGINT.
 *
 *  The terminal sends Ctrl-C to the whole foreground group. The first one a worker ignores: the parent decides (and when the parent dies of
 *  it, the death pipe ends the worker). The second one kills. A SIGINT that a process sent (`Process::interrupt`, kill) acts at
 *  once, as the default disposition does.
 */
void install_worker_signals();

/** @brief In the child of a fork: signals act again, but for SIGINT, which stays as it is.
 *
 *  The library's own threads block all signals, and a pool replaces its dead workers on one of them. What such a worker inherits would make it
 *  deaf to SIGTERM. The other start methods begin with an empty mask, too.
 */
void forget_blocked_signals() noexcept;

/// SIGINT waits until it is allowed; children inherit that.
void block_interrupts() noexcept;
/// What has waited is handled now.
void allow_interrupts() noexcept;

}  // namespace royong::inline v0::detail
