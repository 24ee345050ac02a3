// SPDX-License-Identifier: Apache-2.0
#include "royong/detail/manager/objects/packed.hpp"

#include <utility>  // for std::move

#include "royong/error.hpp"

namespace royong::inline v0::detail {

namespace {

void write_all(Writer& out, const std::vector<ObjectRef>& objects) {
  out.write_count(objects.size());
  for (const ObjectRef& object : objects) {
    out.write_plain(object.kind());
    out.write_plain(object.type_hash());
    out.write_object(object);
  }
}

std::vector<ObjectRef> read_all(Reader& in) {
  std::vector<ObjectRef> objects;
  // Each is its kind, its type, its name and its pin.
  const std::size_t count = in.read_elements<28>(sizeof(ObjectRef), "objects of a value");
  for (std::size_t i = 0; i < count; ++i) {
    ObjectKind kind{};
    std::uint64_t hash = 0;
    in.read_plain(kind);
    in.read_plain(hash);
    objects.push_back(in.read_object(kind, hash));
  }
  return objects;
}

}  // namespace

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
  if (hash_ == hash) return;
  throw TransferError("cannot read " + std::string(what) + " as " + std::string(type) +
                      ": it is of type " + type_);
}

void PackedValue::write_objects(Writer& out) const {
  if (out.is_foreign() && !portable_) {
    out.fail("a value with handles or function pointers means nothing to another program");
  }
  write_all(out, objects_);
}

void PackedValue::read_objects(Reader& in) {
  // What another program calls portable is read as such; what it does not call so is refused.
  if (in.is_foreign() && !portable_) in.fail("a value for another program");
  objects_ = read_all(in);
  if (portable_ && !objects_.empty()) in.fail("a value without handles");
}

PackedBytes::PackedBytes(Writer& out) : PackedBytes(out.bytes(), out.take_kept()) {}

PackedBytes::PackedBytes(std::span<const std::byte> bytes, std::vector<ObjectRef> objects)
    : bytes_(bytes.begin(), bytes.end()), objects_(std::move(objects)) {}

void PackedBytes::refuse_foreign(Writer& out) {
  if (out.is_foreign()) out.fail("a call of a function means nothing to another program");
}
void PackedBytes::refuse_foreign(Reader& in) {
  if (in.is_foreign()) in.fail("a value of this program alone");
}
void PackedBytes::write_objects(Writer& out) const { write_all(out, objects_); }
void PackedBytes::read_objects(Reader& in) { objects_ = read_all(in); }

}  // namespace royong::inline v0::detail
