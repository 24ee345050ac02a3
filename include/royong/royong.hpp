// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief Everything of the core: one include for programs that do not count compile time.
 */
#pragma once

#include "royong/bind_front.hpp"    // IWYU pragma: export
#include "royong/connection.hpp"    // IWYU pragma: export
#include "royong/error.hpp"         // IWYU pragma: export
#include "royong/exception.hpp"     // IWYU pragma: export
#include "royong/future.hpp"        // IWYU pragma: export
#include "royong/init.hpp"          // IWYU pragma: export
#include "royong/logging.hpp"       // IWYU pragma: export
#include "royong/manager.hpp"       // IWYU pragma: export
#include "royong/mapreduce.hpp"     // IWYU pragma: export
#include "royong/pool.hpp"          // IWYU pragma: export
#include "royong/process.hpp"       // IWYU pragma: export
#include "royong/progress.hpp"      // IWYU pragma: export
#include "royong/queue.hpp"         // IWYU pragma: export
#include "royong/shared.hpp"        // IWYU pragma: export
#include "royong/sync.hpp"          // IWYU pragma: export
#include "royong/this_task.hpp"     // IWYU pragma: export
#include "royong/thread_pool.hpp"   // IWYU pragma: export
#include "royong/timeout.hpp"       // IWYU pragma: export
#include "royong/transferable.hpp"  // IWYU pragma: export
#include "royong/version.hpp"       // IWYU pragma: export
