// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief The exception types that come back as themselves.
 */
#pragma once

#include <cstdint>    // for std::int32_t
#include <exception>  // for std::exception_ptr
#include <optional>   // for std::optional
#include <string>     // for std::string
#include <vector>     // for std::vector

#include "royong/detail/exception.hpp"

namespace royong::inline v0::transfer {

/// One exception of a chain, as it travels.
struct ErrorLink {
  std::string type;                 ///< the type as thrown, for humans
  std::string text;                 ///< what()
  std::string process;              ///< name of the process that threw; may be empty
  std::int32_t pid = 0;             ///< its pid
  std::string traceback;            ///< the stack at the throw; may be empty
  std::uint32_t kind = 0;           ///< number of the nearest known type; 0: none
  std::int32_t code = 0;            ///< of errors that carry one
  std::string category;             ///< of that code
  std::vector<std::string> fields;  ///< what else the known type keeps
  std::string registered;           ///< mangled name of the registered type; may be empty
  std::string state;                ///< what its codec wrote

  bool operator==(const ErrorLink&) const = default;
};

/// Fills kind, code, category and fields from the most derived type of the table that the exception
/// is.
void save_known_type(const std::exception& error, ErrorLink& link);

/// The same for an exception that is no std::exception, or an ambiguous one: by trying to catch it.
/// Fills the text as well, for strings and numbers too.
void save_unknown(const std::exception_ptr& error, ErrorLink& link);

/// The exception that `link` tells of, with `cause` nested in it. Kind 0 is for the caller. @throws
/// TransferError no such kind, or fields are missing
std::exception_ptr make_known_type(const ErrorLink& link, const std::exception_ptr& cause);

/// Whether the link is a RemoteError, which needs no other RemoteError nested in it.
bool is_remote_error(const ErrorLink& link);

}  // namespace royong::inline v0::transfer
