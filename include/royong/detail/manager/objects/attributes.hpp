// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief Attributes: what a Namespace keeps in the server. Used by the server's one thread.
 */
#pragma once

#include <cstddef>      // for std::size_t
#include <map>          // for std::map
#include <optional>     // for std::optional
#include <string>       // for std::string
#include <string_view>  // for std::string_view
#include <utility>      // for std::move
#include <vector>       // for std::vector

#include "royong/detail/config.hpp"
#include "royong/detail/manager/objects/packed.hpp"

namespace royong::inline v0::detail {

/// Attributes of any types, by name. The server does not know the types: it keeps bytes.
class ROYONG_API Attributes {
 public:
  void set(std::string name, PackedValue value);
  /// @throws std::out_of_range it is not there
  PackedValue get(const std::string& name) const;
  std::optional<PackedValue> find(const std::string& name) const;
  bool has(const std::string& name) const;
  /// @return whether it was there
  bool erase(const std::string& name);
  /// @throws std::out_of_range it is not there
  void remove(const std::string& name);
  std::size_t size() const noexcept { return attributes_.size(); }
  /// In alphabetical order.
  std::vector<std::string> names() const;

  template <class T, class F>
  decltype(auto) update(const std::string& name, F&& function) {
    const std::string what = "attribute '" + name + "'";
    T value = get(name).template unpack<T>(what);
    if constexpr (std::is_void_v<std::invoke_result_t<F, T&>>) {
      std::forward<F>(function)(value);
      set(name, PackedValue::pack(value));
    } else {
      auto result = std::forward<F>(function)(value);
      set(name, PackedValue::pack(value));
      return result;
    }
  }

  /// For snapshots: only of attributes that mean something to another program. @throws TransferError there are others
  void save(Writer& out) const;
  void load(Reader& in);

 private:
  std::map<std::string, PackedValue, std::less<>> attributes_;
};

}  // namespace royong::inline v0::detail
