// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief PackedValue: a value as bytes, with its type's name, that is kept by a process which does not know the type.
 */
#pragma once

#include <concepts>     // for std::same_as
#include <cstddef>      // for std::byte
#include <cstdint>      // for std::uint64_t
#include <span>         // for std::span
#include <string>       // for std::string
#include <string_view>  // for std::string_view
#include <vector>       // for std::vector

#include "royong/detail/archive.hpp"
#include "royong/detail/config.hpp"
#include "royong/detail/manager/served.hpp"
#include "royong/detail/type_hash.hpp"

namespace royong::inline v0::detail {

/** @brief A value of any transferable type, which travels and waits without being looked at.
 *
 *  The bytes name the objects behind their handles; the references beside them keep those alive, and travel as handles do. So it can be unpacked any number of times, in any
 *  process that got it. What holds no handle and no function pointer is `portable`: it may go to other programs. That is found out when it is packed, where the
 *  type is known.
 */
class ROYONG_API PackedValue {
 public:
  /// Nothing: to be read over.
  PackedValue() = default;

  /// @throws TransferError, ArenaFull as Writer
  template <class T>
  static PackedValue pack(const T& value) {
    PackedValue packed(type_name<T>(), type_hash<T>());
    packed.write([](Writer& out, const void* what) { out(*static_cast<const T*>(what)); }, &value);
    return packed;
  }

  /// @param what names the value in errors: "attribute 'x'" @throws TransferError it is of another type
  template <class T>
  T unpack(std::string_view what) const {
    require_type(what, type_name<T>(), type_hash<T>());
    Reader in(bytes_, Limits{.foreign = portable_});
    T value = in.read<T>();
    in.expect_end();
    return value;
  }

  /// The name of the type, as the compiler writes it.
  const std::string& type() const noexcept { return type_; }

  template <class Archive>
  void serialize(Archive& ar) {
    ar(type_, hash_, portable_, bytes_);
    if constexpr (Archive::is_saving) {
      write_objects(ar);
    } else {
      read_objects(ar);
    }
  }

 private:
  PackedValue(std::string_view type, std::uint64_t hash) : type_(type), hash_(hash) {}
  void write(void (*encode)(Writer&, const void*), const void* value);
  void require_type(std::string_view what, std::string_view type, std::uint64_t hash) const;
  void write_objects(Writer& out) const;
  void read_objects(Reader& in);

  std::string type_;        // for errors: another unit may write it in another way
  std::uint64_t hash_ = 0;  // tells
  bool portable_ = true;
  std::vector<std::byte> bytes_;
  std::vector<ObjectRef> objects_;  // behind the handles in bytes_
};

/** @brief Bytes that only those who wrote them can read, with the references behind the handles in them. For processes of one family. */
class ROYONG_API PackedBytes {
 public:
  PackedBytes() = default;
  /// What was written, with `Transit::argument`.
  explicit PackedBytes(Writer& out);
  /// Likewise, with the references to hold.
  PackedBytes(std::span<const std::byte> bytes, std::vector<ObjectRef> objects);

  std::span<const std::byte> bytes() const noexcept { return bytes_; }

  template <class Archive>
  void serialize(Archive& ar) {
    refuse_foreign(ar);
    ar(bytes_);
    if constexpr (Archive::is_saving) {
      write_objects(ar);
    } else {
      read_objects(ar);
    }
  }

 private:
  static void refuse_foreign(Writer& out);
  static void refuse_foreign(Reader& in);
  void write_objects(Writer& out) const;
  void read_objects(Reader& in);

  std::vector<std::byte> bytes_;
  std::vector<ObjectRef> objects_;
};

}  // namespace royong::inline v0::detail
