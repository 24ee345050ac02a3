// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief royong and Boost.Asio: tasks and queues as asynchronous operations, workers that run event loops.
 *
 *  A component of its own: the CMake target royong::asio (`find_package(royong COMPONENTS asio)`). It needs the headers of
 *  Boost 1.81 or newer; nothing of Boost has to be linked.
 */
#pragma once

#include "royong/asio/coroutine_pool.hpp"
#include "royong/asio/queue.hpp"
#include "royong/asio/submit.hpp"
