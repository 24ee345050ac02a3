// SPDX-License-Identifier: Apache-2.0
#include "royong/detail/manager/objects/packed.hpp"

#include "royong/error.hpp"

namespace royong::inline v0::detail {

void PackedValue::write(void (*encode)(Writer&, const void*), const void* value) {
  const auto write = [&](Transit transit) {
    Writer out(transit);
    encode(out, value);
    bytes_.assign(out.bytes().begin(), out.bytes().end());
    objects_ = out.take_kept();
  };
  try {
    write(Transit::foreign);
  } catch (const TransferError&) {
    // A handle or a function pointer; what cannot be sent at all is refused again.
    portable_ = false;
    write(Transit::argument);
  }
}

void PackedValue::require_type(std::string_view what, std::string_view type,
                               std::uint64_t hash) const {
  if (hash_ == hash && type_ == type) return;
  throw TransferError("cannot read " + std::string(what) + " as " + std::string(type) +
                      ": it is of type " + type_);
}

void PackedValue::write_objects(Writer& out) const {
  if (out.is_foreign() && !portable_) {
    out.fail("a value with handles or function pointers means nothing to another program");
  }
  out.write_count(objects_.size());
  for (const ObjectRef& object : objects_) {
    out.write_plain(object.kind());
    out.write_plain(object.type_hash());
    out.write_object(object);
  }
}

void PackedValue::read_objects(Reader& in) {
  // What another program calls portable is read as such; what it does not call so is refused.
  if (in.is_foreign() && !portable_) in.fail("a value for another program");
  objects_.clear();
  const std::size_t count = in.read_elements<13>(sizeof(ObjectRef), "objects of a value");
  if (portable_ && count != 0) in.fail("a value without handles");
  for (std::size_t i = 0; i < count; ++i) {
    ObjectKind kind{};
    std::uint64_t hash = 0;
    in.read_plain(kind);
    in.read_plain(hash);
    objects_.push_back(in.read_object(kind, hash));
  }
}

}  // namespace royong::inline v0::detail
