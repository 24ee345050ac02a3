// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief ServedNamespace: what a Namespace stands for, in the server. Used by the server's one thread.
 */
#pragma once

#include "royong/detail/config.hpp"
#include "royong/detail/manager/objects/attributes.hpp"
#include "royong/detail/manager/served.hpp"
#include "royong/manager/namespace.hpp"

namespace royong::inline v0::detail {

/// Attributes that clients may call.
class ROYONG_API ServedNamespace : public Served<ServedNamespace>, public Attributes {
 public:
  using Keeping = OperationList<&ServedNamespace::set>;
  using Operations =
      OperationList<&ServedNamespace::set, &ServedNamespace::get, &ServedNamespace::has,
                    &ServedNamespace::find, &ServedNamespace::erase, &ServedNamespace::remove,
                    &ServedNamespace::size, &ServedNamespace::names>;
};

}  // namespace royong::inline v0::detail
