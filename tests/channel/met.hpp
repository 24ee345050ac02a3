// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief Both sides of a listener in one test: a client that connects on a thread of its own, and what became of it.
 */
#pragma once

#include <future>    // for std::async
#include <optional>  // for std::optional
#include <string>    // for std::string
#include <utility>   // for std::pair

#include "royong/connection.hpp"

namespace royong_test {

/// A client that is on its way.
inline std::future<royong::Connection> connect(std::string address,
                                               std::optional<std::string> key = std::nullopt,
                                               royong::Tls tls = {}) {
  return std::async(std::launch::async, [=] { return royong::Client(address, key, tls); });
}

/// {the listener's side, the client's}
inline std::pair<royong::Connection, royong::Connection> meet(
    royong::Listener& listener, std::optional<std::string> key = std::nullopt,
    royong::Tls tls = {}) {
  auto client = connect(listener.address(), key, tls);
  royong::Connection mine = listener.accept();
  return {std::move(mine), client.get()};
}

}  // namespace royong_test
