// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief Classes and methods that two programs know by the same names.
 */
#pragma once

#include <atomic>       // for std::atomic
#include <cstdint>      // for std::uint32_t, std::uint64_t
#include <string>       // for std::string
#include <string_view>  // for std::string_view
#include <vector>       // for std::vector

#include "royong/detail/config.hpp"
#include "royong/detail/manager/session.hpp"

namespace royong::inline v0::detail {

/// A method that was registered.
struct RegisteredMethod {
  std::string name;
  std::uint64_t signature = 0;
  ServedOperation run = nullptr;
};

/// Makes a class known. @return its number. @throws UsageError the class, or the name, is known with something else
ROYONG_API std::uint32_t register_class(const ServedType& type, std::string name, int version);
/// @return the number of the method in its class. @throws UsageError the name is taken by another method
ROYONG_API std::uint32_t register_method(std::uint32_t of, RegisteredMethod method);

/// A class as a client names it; both vectors belong together.
struct RegisteredNames {
  std::string name;
  int version = 0;
  std::vector<std::string> methods;
  std::vector<std::uint64_t> signatures;
};

/// The names of a class; empty ones where it is not registered.
ROYONG_API RegisteredNames registered_names(const ServedType& type);

/// Asks for a published object. @throws std::out_of_range; TransferError it is of another class
ROYONG_API TargetRef find_published(StateRef<Session> session, std::string_view name,
                                    const ServedType& type);

[[noreturn]] ROYONG_API void throw_not_registered();

/// The number that a method has in this program, less one; 0: it is not registered.
template <auto Member>
inline std::atomic<std::uint32_t> method_number{0};

}  // namespace royong::inline v0::detail
