// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief ObjectTable: the objects of a server, by their numbers.
 *
 *  The number of an object is its place in the table and how often the place was used: it never comes again. The table does not keep the object's arena record alive; proxies do, published names,
 *  and the references of foreign sessions. When the record has come to its end, the object does, by `clear_graves` (see server_state.hpp).
 */
#pragma once

#include <cstddef>  // for std::size_t
#include <cstdint>  // for std::uint64_t
#include <memory>   // for std::unique_ptr
#include <vector>   // for std::vector

#include "royong/detail/manager/served.hpp"
#include "royong/detail/manager/session.hpp"
#include "royong/detail/object.hpp"

namespace royong::inline v0::manager {

/// Used by the server's loop alone.
class ObjectTable {
 public:
  /// @param most objects at a time
  ObjectTable(detail::ObjectRef server, std::size_t most);
  ObjectTable(const ObjectTable&) = delete;
  ObjectTable& operator=(const ObjectTable&) = delete;

  /// Null: there is none of that number.
  detail::ServedObject* find(std::uint64_t id) noexcept;
  /// @throws TransferError there is none
  detail::ServedObject& at(std::uint64_t id);
  [[noreturn]] static void fail_gone();
  /// Its record. @throws TransferError there is none
  detail::ObjectRef record_of(std::uint64_t id);
  /// @throws UsageError there are as many as there may be; ArenaFull
  detail::TargetRef add(std::unique_ptr<detail::ServedObject> object);
  /// Ends those that have no proxy any more. @return whether there were any
  bool clear_graves();
  /// A client is gone: every object hears of it.
  void forget(detail::SessionId gone) noexcept;

 private:
  struct Entry {
    std::uint32_t life = 0;
    std::unique_ptr<detail::ServedObject> object;
    detail::ObjectName name;
    detail::ObjectRecord* record = nullptr;
  };
  void remove(std::uint64_t id);

  const detail::ObjectRef server_;
  const std::size_t most_;
  std::size_t size_ = 0;
  std::vector<Entry> entries_;
  std::vector<std::uint32_t> free_;
};

}  // namespace royong::inline v0::manager
