// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief What a client of another program may name: classes, methods, creators.
 */
#pragma once

#include <cstdint>      // for std::uint32_t, std::uint64_t
#include <string>       // for std::string
#include <string_view>  // for std::string_view
#include <vector>       // for std::vector

#include "royong/detail/manager/proxy_base.hpp"
#include "royong/detail/manager/registry.hpp"
#include "royong/detail/object.hpp"

namespace royong::inline v0::manager {

/// The body of `find`.
struct Wanted {
  std::string name;
  std::string class_name;  ///< for the text of an error
  std::uint64_t hash = 0;
  std::uint64_t signature = 0;
  detail::RegisteredNames registered;
};

/// An answer that is a target.
struct TargetReply {
  detail::TargetRef target;

  template <class Archive>
  void serialize(Archive& archive) {
    if constexpr (Archive::is_saving) detail::write_target(archive, target);
  }
};

/// The answer to `find`.
struct FoundReply {
  detail::TargetRef target;
  std::vector<std::uint32_t> operations;

  template <class Archive>
  void serialize(Archive& archive) {
    archive(operations);
    if constexpr (Archive::is_saving) detail::write_target(archive, target);
  }
};

/// The answer to the hello of a process of the family.
struct Welcome {
  detail::ObjectRef server;
  std::string address;

  template <class Archive>
  void serialize(Archive& archive) {
    archive(address);
    if constexpr (Archive::is_saving) {
      archive.write_object(server);
    } else {
      server = archive.read_object(detail::ObjectKind::manager, 0);
    }
  }
};

/** @brief Whether the object is what a client wants.
 *  @return of a registered class: the server's number of each method that the client has registered
 *  @throws TransferError it is not, and why
 */
std::vector<std::uint32_t> match(const Wanted& wanted, const detail::ServedObject& object,
                                 bool is_foreign);

/// An operation of an object, by number. @throws TransferError there is none
detail::ServedOperation operation_of(const detail::ServedObject& object, std::uint32_t number);

/// Whether the object keeps what the operation is given; of a registered method nobody knows.
bool keeps_arguments(const detail::ServedObject& object, std::uint32_t number) noexcept;

/// Reads the name of a creator, for a client of another program. @throws UsageError, TransferError
detail::Creator foreign_creator(detail::Reader& in);

/// The class with this hash, whose objects can be restored. @throws TransferError
const detail::ServedType& restorable_type(std::uint64_t hash, std::string_view name);

}  // namespace royong::inline v0::manager
