// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief Addresses of listeners as users write them: a path, "@name", "host:port".
 */
#pragma once

#include <string>       // for std::string
#include <string_view>  // for std::string_view
#include <vector>       // for std::vector

#include "os/stream_socket.hpp"

namespace royong::inline v0::channel {

enum class AddressKind { path, abstract_name, inet };

/// What a text says; nothing is looked up. Whatever has a slash is a path.
AddressKind kind_of_address(std::string_view text) noexcept;

/// The host of "host:port", without the brackets of an IPv6 address.
std::string host_of(std::string_view text);

/** @brief The sockets' addresses that a text stands for: several where a host has several.
 *  @param passive  to listen there: an empty host means every interface
 *  @throws UsageError it makes no sense, or a path is too long
 *  @throws std::system_error the host is not known
 */
std::vector<os::SocketAddress> resolve(const std::string& text, bool passive);

/// The text for a socket's address. Empty: it has none.
std::string to_text(const os::SocketAddress& address);

/// What a listener's address is to other machines: "every interface" becomes the name of this one.
std::string public_address(const std::string& text);

/// A fresh abstract name that nobody can guess.
std::string generate_address();

}  // namespace royong::inline v0::channel
