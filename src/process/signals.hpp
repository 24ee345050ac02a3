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

/// SIGINT waits until it is allowed; children inherit that.
void block_interrupts() noexcept;
/// What has waited is handled now.
void allow_interrupts() noexcept;

}  // namespace royong::inline v0::detail
