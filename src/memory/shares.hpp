// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief The fork handlers' access to the shares of this process. Private to this floor.
 */
#pragma once

namespace royong::inline v0::memory {

/// Around a fork: nobody is changing the table of shares when it is copied.
void lock_shares();
void unlock_shares();

}  // namespace royong::inline v0::memory
