// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief The directory of objects and pins, while its lock is held. Private to this floor.
 */
#pragma once

#include <cstdint>  // for std::uint32_t

#include "memory/layout.hpp"
#include "memory/robust_mutex.hpp"

namespace royong::inline v0::memory {

class Directory {
 public:
  Directory();

  /// A record in its new life, held by `holder`. @throws ArenaFull
  ObjectRecord& create(ObjectKind kind, std::uint64_t type_hash, Owner holder);

  /// @throws TransferError the object is gone
  ObjectRecord& find(ObjectName name);
  /// @throws TransferError the object is gone, or of another kind or type
  ObjectRecord& find(ObjectName name, ObjectKind kind, std::uint64_t type_hash);

  void hold(ObjectRecord& record, Owner holder) noexcept;
  /// Takes the holder's bit away and destroys the object if that was the last that kept it.
  void let_go(ObjectRecord& record, Owner holder);

  /// @throws ArenaFull
  std::uint32_t add_pin(ObjectRecord& record, Owner carrier);
  /// @throws TransferError there is no such pin, or it is another object's
  Pin& find_pin(std::uint32_t number, ObjectName name);
  /// @return whether that destroyed the object
  bool drop_pin(Pin& pin);

  /// The sweep: see sweepers.hpp.
  void bury(Owner dead, Owner heir);

  template <class Visit>
  void for_each_live(Visit visit) {
    const std::uint32_t high = header().objects_high.load();
    for (std::uint32_t i = 0; i < high; ++i) {
      ObjectRecord& record = object_table()[i];
      if (record.serial.load() != 0) visit(record);
    }
  }

 private:
  void recount();
  ObjectRecord& find_free();
  Pin& find_free_pin();
  bool destroy_if_unheld(ObjectRecord& record);
  void destroy(ObjectRecord& record);
  void drop_pins_of_the_gone();

  template <class Visit>
  void for_each_pin(Visit visit) {
    const std::uint32_t high = header().pins_high.load();
    for (std::uint32_t i = 0; i < high; ++i) {
      Pin& pin = pin_table()[i];
      if (pin.owner.load() != 0) visit(pin);
    }
  }

  RobustGuard guard_;
};

/// The hooks of a kind; empty where its floor set none.
const KindHooks& hooks_of(ObjectKind kind) noexcept;

}  // namespace royong::inline v0::memory
