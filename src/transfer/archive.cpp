// SPDX-License-Identifier: Apache-2.0
#include "royong/detail/archive.hpp"

#include <algorithm>  // for std::max, std::min
#include <exception>  // for std::exception
#include <string>     // for std::string
#include <utility>    // for std::exchange

#include "memory/blocks.hpp"
#include "memory/objects.hpp"
#include "royong/error.hpp"

namespace royong::inline v0::detail {

Writer::Writer(const ObjectRef& carrier) noexcept
    : transit_(Transit::message), carrier_(memory::owner_of_object(carrier.record()).bits) {}

Writer::Writer(const ObjectRef& carrier, std::span<std::byte> storage) noexcept
    : Writer(Transit::message, storage) {
  carrier_ = memory::owner_of_object(carrier.record()).bits;
}

Writer::~Writer() {
  drop_pins();
  free_memory();
}

void Writer::free_memory() noexcept {
  if (block_ != 0) {
    memory::free_block(std::exchange(block_, 0));
  } else if (begin_ != borrowed_) {
    delete[] begin_;
  }
}

std::uint64_t Writer::take_block() noexcept {
  const std::uint64_t block = std::exchange(block_, 0);
  if (block != 0) begin_ = cursor_ = end_ = borrowed_;
  return block;
}

void Writer::drop_objects() noexcept {
  drop_pins();
  kept_.clear();
  held_.clear();
}

void Writer::grow(std::size_t size) {
  const std::size_t needed = this->size() + size;
  const std::size_t capacity = std::max(2 * static_cast<std::size_t>(end_ - begin_), needed);
  if (needed < large_.from || !grow_in_arena(capacity)) move_to(new std::byte[capacity], capacity);
}

/// @return false: there is no room, or this process has no arena
bool Writer::grow_in_arena(std::size_t capacity) noexcept {
  try {
    const memory::Offset block = memory::allocate(capacity);
    move_to(memory::block(block).data(), capacity);
    block_ = block;
    return true;
  } catch (const std::exception&) {
    return false;
  }
}

void Writer::move_to(std::byte* memory, std::size_t capacity) noexcept {
  const std::size_t used = this->size();
  if (used > 0) std::memcpy(memory, begin_, used);
  free_memory();
  begin_ = memory;
  cursor_ = memory + used;
  end_ = memory + capacity;
}

void Writer::write_long_count(std::size_t count) {
  *extend(1) = static_cast<std::byte>(long_count);
  write_plain(std::uint64_t{count});
}

void Writer::write_aligned(const void* data, std::size_t size, std::size_t alignment) {
  const std::size_t place = this->size() + 1;  // behind the byte that says how much is skipped
  const std::size_t rest = place % std::min(alignment, max_alignment);
  const std::size_t skip = rest == 0 ? 0 : std::min(alignment, max_alignment) - rest;
  std::byte* to = extend(1 + skip + size);
  *to = static_cast<std::byte>(skip);
  std::memset(to + 1, 0, skip);
  std::memcpy(to + 1 + skip, data, size);
}

// A pin is given back as a reader would: by taking a share and letting it go.
void Writer::drop_pins() noexcept {
  for (const Pinned& pinned : pinned_) {
    try {
      memory::acquire_pinned(pinned.object.name(), pinned.pin);
    } catch (const std::exception&) {
      // Nothing is lost but the pin, which goes with this process.
    }
  }
  pinned_.clear();
}

void Writer::write_object(const ObjectRef& object) {
  if (!object) fail("a handle without an object (moved from?) cannot be sent");
  if (is_foreign()) fail("a handle means nothing to another program");
  if (is_abroad()) {
    fail(
        "a handle (a queue, a lock, an array) means nothing on another machine: pass the value, or "
        "let a "
        "manager that can be reached from there keep the object (Manager::serve), whose proxies "
        "travel");
  }
  const ObjectName name = object.name();
  std::uint32_t pin = no_pin;
  if (transit_ == Transit::argument) {
    kept_.push_back(object);
  } else if (carrier_ == 0 || memory::owner_of_object(object.record()).bits != carrier_) {
    // Not for what carries it: its own handle would keep a queue that nobody else holds alive for ever.
    pinned_.reserve(pinned_.size() +
                    1);  // so that nothing can fail between the pin and the note of it
    pin = memory::pin(object, memory::Owner{carrier_});
    pinned_.push_back({object, pin, size()});
  }
  write_plain(name.index);
  write_plain(name.serial);
  write_plain(pin);
}

// message | position of each handle, eight bytes | their number, eight bytes
bool Writer::write_handle_list() {
  if (pinned_.empty()) return false;
  for (const Pinned& pinned : pinned_) write_plain(std::uint64_t{pinned.position});
  write_plain(std::uint64_t{pinned_.size()});
  return true;
}

std::vector<ObjectRef> hold_handles(std::span<std::byte>& message) {
  const auto check = [](bool holds) {
    if (!holds) throw TransferError("malformed message: its list of handles makes no sense");
  };
  constexpr std::size_t word = sizeof(std::uint64_t);
  constexpr std::size_t name_size = sizeof(ObjectName::index) + sizeof(ObjectName::serial);
  const auto word_at = [&](std::size_t place) {
    std::uint64_t value = 0;
    std::memcpy(&value, message.data() + place, word);
    return value;
  };
  check(message.size() >= word);
  const std::size_t end = message.size() - word;
  const std::uint64_t count = word_at(end);
  check(count <= end / word);
  const std::size_t list = end - count * word;
  std::vector<ObjectRef> held;
  held.reserve(count);
  for (std::size_t place = list; place < end; place += word) {
    const std::uint64_t position = word_at(place);
    check(list >= name_size + sizeof no_pin && position <= list - name_size - sizeof no_pin);
    std::byte* const handle = message.data() + position;
    ObjectName name;
    std::uint32_t pin = no_pin;
    std::memcpy(&name.index, handle, sizeof name.index);
    std::memcpy(&name.serial, handle + sizeof name.index, sizeof name.serial);
    std::memcpy(&pin, handle + name_size, sizeof pin);
    held.push_back(memory::acquire_pinned(name, pin));
    std::memcpy(handle + name_size, &no_pin, sizeof no_pin);
  }
  message = message.first(list);
  return held;
}

ObjectRef Reader::read_object(ObjectKind kind, std::uint64_t type_hash) {
  if (is_foreign()) fail("handle that may come from another program");
  ObjectName name;
  std::uint32_t pin = no_pin;
  read_plain(name.index);
  read_plain(name.serial);
  read_plain(pin);
  return pin == no_pin ? ObjectRef::acquire(name, kind, type_hash)
                       : memory::acquire_pinned(name, pin, kind, type_hash);
}

void Writer::fail(std::string_view text) {
  drop_pins();
  throw TransferError("cannot send: " + std::string(text));
}

void Writer::fail_depth() {
  --depth_;  // the guard that called is not complete, so nobody else will
  fail("nested more than " + std::to_string(max_depth) + " levels deep");
}

std::size_t Reader::read_long_count(std::string_view what) {
  std::uint64_t count = 0;
  std::memcpy(&count, take(sizeof count, what), sizeof count);
  if (count < Writer::long_count) fail(what);
  return count;
}

void Reader::fail(std::string_view what) const { fail_because(what, ""); }

void Reader::fail_elements(std::size_t count, std::string_view what) const {
  fail_because(what, ": " + std::to_string(count) + " elements are announced, " +
                         std::to_string(remaining()) + " bytes are left");
}

/// The message may be well-formed: it is only too much.
void Reader::fail_allocation(std::size_t count, std::size_t memory, std::string_view what) const {
  std::string text =
      "the message needs more memory than its reader may use: " + std::to_string(count) +
      " elements of " + std::to_string(memory) + " bytes in " + std::string(what) + " at byte " +
      std::to_string(position()) + " of " +
      std::to_string(static_cast<std::size_t>(end_ - begin_)) + ", where " +
      std::to_string(limits_.allocation) + " bytes are left";
  if (!limits_.allocation_option.empty()) {
    text += "; see " + std::string(limits_.allocation_option);
  }
  throw TransferError(text);
}

void Reader::fail_empties(std::string_view what) const {
  fail_because(what, ": too many elements without bytes");
}

void Reader::fail_because(std::string_view what, std::string_view reason) const {
  throw TransferError("malformed message: no " + std::string(what) + " at byte " +
                      std::to_string(position()) + " of " +
                      std::to_string(position() + remaining()) + std::string(reason));
}

void Reader::fail_depth() const { fail_because("value", ": nested too deep"); }

}  // namespace royong::inline v0::detail
