// SPDX-License-Identifier: Apache-2.0
// A list in memory: a head, one record for each item, and for each item two places of the same size.
//
// The item's word says which of its two places holds the value, of which type and how long it is. A writer fills the other place; its store of the word
// commits. So a death before the store leaves the old item, one after it the new one, and nobody has anything to repair. A reader reads the word, the
// place, and the word again: the same word, which counts the writes, means that nobody wrote to the place meanwhile.
//
// Offsets and sizes are fixed when the list is made. Each process checks them once and keeps its own copy; the word is checked at every use. So whatever a
// stranger writes, nothing outside the segment is ever read.
#include "royong/shareable_list.hpp"

#include <fcntl.h>

#include <algorithm>  // for std::min
#include <array>      // for std::array
#include <atomic>     // for std::atomic_thread_fence
#include <bit>        // for std::bit_cast
#include <cstring>    // for std::memcpy
#include <stdexcept>  // for std::out_of_range

#include "os/error.hpp"
#include "os/fd.hpp"
#include "os/shm.hpp"
#include "os/syscalls.hpp"
#include "royong/error.hpp"

namespace royong::inline v0 {
namespace {

constexpr std::uint64_t list_magic = 0x31'4c'53'67'6e'6f'79'72;  // "ryongSL1"

struct Head {
  std::uint64_t magic;  ///< stored last: without it there is no list yet
  std::uint64_t count;
  std::array<std::uint64_t, 6> reserved;
};
static_assert(sizeof(Head) == 64);

struct Record {
  std::uint64_t word;
  std::uint64_t offset;  ///< of the first place; the second follows
  std::uint64_t room;    ///< bytes of one place, a multiple of 8
  std::uint64_t reserved;
};
static_assert(sizeof(Record) == 32);

/// The word of an item, unpacked: length (40 bits), type (4), place (1), number of writes (19).
struct Word {
  std::uint64_t length = 0;
  std::uint64_t type = 0;
  std::uint64_t place = 0;
  std::uint64_t writes = 0;

  std::uint64_t packed() const noexcept { return length | type << 40 | place << 44 | writes << 45; }
  static Word unpacked(std::uint64_t bits) noexcept {
    return {bits & ((std::uint64_t{1} << 40) - 1), bits >> 40 & 15, bits >> 44 & 1, bits >> 45};
  }
};

constexpr std::uint64_t longest = (std::uint64_t{1} << 40) - 16;

std::uint64_t load(const std::uint64_t& word, int order) noexcept {
  return __atomic_load_n(&word, order);
}

/// By words and relaxed: who copies while another writes throws the copy away, and that is no data race.
void copy_out(std::byte* out, const std::byte* place, std::uint64_t bytes) noexcept {
  for (std::uint64_t at = 0; at < bytes; at += 8) {
    const auto word = load(*reinterpret_cast<const std::uint64_t*>(place + at), __ATOMIC_RELAXED);
    std::memcpy(out + at, &word, std::min<std::uint64_t>(8, bytes - at));
  }
}
void copy_in(std::byte* place, const std::byte* in, std::uint64_t bytes) noexcept {
  for (std::uint64_t at = 0; at < bytes; at += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, in + at, std::min<std::uint64_t>(8, bytes - at));
    __atomic_store_n(reinterpret_cast<std::uint64_t*>(place + at), word, __ATOMIC_RELAXED);
  }
}

/// An item as it lies in a place.
struct Encoded {
  std::uint64_t type;
  std::vector<std::byte> bytes;
};

template <class T>
std::vector<std::byte> bytes_of(const T& value) {
  const auto bytes = std::as_bytes(std::span(&value, 1));
  return {bytes.begin(), bytes.end()};
}

Encoded encode(const ShareableItem& item) {
  struct Visitor {
    std::vector<std::byte> operator()(std::monostate) const { return {}; }
    std::vector<std::byte> operator()(bool value) const {
      return {static_cast<std::byte>(value ? 1 : 0)};
    }
    std::vector<std::byte> operator()(std::int64_t value) const { return bytes_of(value); }
    std::vector<std::byte> operator()(double value) const { return bytes_of(value); }
    std::vector<std::byte> operator()(const std::string& value) const {
      const auto bytes = std::as_bytes(std::span(value));
      return {bytes.begin(), bytes.end()};
    }
    std::vector<std::byte> operator()(const std::vector<std::byte>& value) const { return value; }
  };
  if (item.valueless_by_exception()) throw UsageError("a std::variant without a value is no item");
  return {item.index(), std::visit(Visitor(), item)};
}

/// Nothing where type and length do not belong together.
std::optional<ShareableItem> decode(std::uint64_t type, const std::vector<std::byte>& bytes) {
  const auto number = [&]<class T>(T value) -> std::optional<ShareableItem> {
    if (bytes.size() != sizeof value) return {};
    std::memcpy(&value, bytes.data(), sizeof value);
    return value;
  };
  switch (type) {
    case 0: return bytes.empty() ? std::optional<ShareableItem>(std::monostate{}) : std::nullopt;
    case 1:
      if (bytes.size() != 1) return {};
      return bytes[0] != std::byte{0};
    case 2: return number(std::int64_t{});
    case 3: return number(double{});
    case 4: return std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    case 5: return bytes;
    default: return {};
  }
}

/// What one place has room for.
std::uint64_t room_for(const Encoded& item) noexcept {
  return item.type < 4 ? 8 : (item.bytes.size() / 8 + 1) * 8;
}

/** @brief Holds the lock of one item's writers.
 *
 *  A lock of an open file description, of one made for this write: threads of one process exclude each other as processes do, and a fork shares nothing. It is
 *  given back by name before the descriptor is closed, because a fork in between may have copied that.
 */
class WriteLock {
 public:
  WriteLock(int segment, std::size_t item) : file_(open(segment)), item_(item) {
    if (os::retry([&] { return set(F_WRLCK, F_OFD_SETLKW); }) == -1) {
      os::throw_errno("cannot lock", "an item of a ShareableList");
    }
  }
  ~WriteLock() { set(F_UNLCK, F_OFD_SETLK); }
  WriteLock(const WriteLock&) = delete;
  WriteLock& operator=(const WriteLock&) = delete;

 private:
  static os::Fd open(int segment) {
    const std::string path = "/proc/self/fd/" + std::to_string(segment);
    os::Fd fd(os::sys().open(path.c_str(), O_RDWR | O_CLOEXEC));
    if (!fd) os::throw_errno("cannot open", path);
    return fd;
  }
  int set(short type, int command) const noexcept {
    struct flock range{};
    range.l_type = type;
    range.l_whence = SEEK_SET;
    range.l_start = static_cast<off_t>(item_);
    range.l_len = 1;
    return os::sys().fcntl(file_.get(), command, reinterpret_cast<long>(&range));
  }

  os::Fd file_;
  std::size_t item_;
};

}  // namespace

namespace detail {
void throw_number_too_large() {
  throw UsageError("a ShareableList holds whole numbers up to 9223372036854775807");
}
}  // namespace detail

struct ShareableList::State {
  /// An item's fixed part, after it was checked.
  struct Slot {
    std::uint64_t offset = 0;
    std::uint64_t room = 0;
  };

  SharedMemory segment;
  os::Fd file;  ///< the segment's, to be locked
  std::vector<Slot> slots;

  static constexpr std::uint64_t record_offset(std::size_t i) noexcept {
    return sizeof(Head) + i * sizeof(Record);
  }

  std::size_t at(std::int64_t index) const {
    const auto size = static_cast<std::int64_t>(slots.size());
    const std::int64_t from_begin = index < 0 && index >= -size ? index + size : index;
    if (from_begin < 0 || from_begin >= size) {
      throw std::out_of_range("index " + std::to_string(index) + " is outside a ShareableList of " +
                              std::to_string(size) + " items");
    }
    return static_cast<std::size_t>(from_begin);
  }

  [[noreturn]] void fail(const std::string& why) const {
    throw TransferError("shared memory " + segment.name() + " is no ShareableList: " + why);
  }

  std::uint64_t& word(std::span<std::byte> bytes, std::size_t i) const noexcept {
    return reinterpret_cast<Record*>(bytes.data() + record_offset(i))->word;
  }
  std::byte* place(std::span<std::byte> bytes, std::size_t i, std::uint64_t which) const noexcept {
    return bytes.data() + slots[i].offset + which * slots[i].room;
  }

  /// One look at an item. Nothing: somebody wrote meanwhile.
  std::optional<Item> glance(std::span<std::byte> bytes, std::size_t i) const {
    const std::uint64_t& shared = word(bytes, i);
    const std::uint64_t before = load(shared, __ATOMIC_ACQUIRE);
    const Word now = Word::unpacked(before);
    if (now.length > slots[i].room) fail("an item is longer than its place");
    std::vector<std::byte> copy(now.length);
    copy_out(copy.data(), place(bytes, i, now.place), now.length);
    // acquire: whoever's bytes we may have read had changed the word before he wrote them.
    std::atomic_thread_fence(std::memory_order_acquire);
    if (load(shared, __ATOMIC_RELAXED) != before) return {};
    auto item = decode(now.type, copy);
    if (!item) fail("an item's type and length do not belong together");
    return item;
  }

  Item read(std::size_t i) const {
    const auto bytes = segment.buf();
    for (int tries = 0; tries < 100; ++tries) {
      if (auto item = glance(bytes, i)) return *std::move(item);
    }
    const WriteLock lock(file.get(), i);  // others write without end
    for (;;) {
      if (auto item = glance(bytes, i)) return *std::move(item);
    }
  }

  void write(std::size_t i, const Item& item) const {
    const Encoded encoded = encode(item);
    if (encoded.bytes.size() > slots[i].room) {
      throw UsageError("an item of " + std::to_string(encoded.bytes.size()) +
                       " bytes exceeds available storage: item " + std::to_string(i) + " has " +
                       std::to_string(slots[i].room));
    }
    const auto bytes = segment.buf();
    const WriteLock lock(file.get(), i);
    std::uint64_t& shared = word(bytes, i);
    const Word old = Word::unpacked(load(shared, __ATOMIC_RELAXED));
    const Word next{encoded.bytes.size(), encoded.type, 1 - old.place, old.writes + 1};
    // release: whoever reads bytes written below sees, when he looks again, the word of the write before.
    std::atomic_thread_fence(std::memory_order_release);
    copy_in(place(bytes, i, next.place), encoded.bytes.data(), next.length);
    __atomic_store_n(&shared, next.packed(), __ATOMIC_RELEASE);
  }

  /// Everything that is fixed, checked against the segment's size.
  void check() {
    const auto bytes = segment.buf();
    if (bytes.size() < sizeof(Head)) fail("it is too short");
    const auto& head = *reinterpret_cast<const Head*>(bytes.data());
    if (load(head.magic, __ATOMIC_ACQUIRE) != list_magic) fail("it does not begin as one (yet)");
    const std::uint64_t count = load(head.count, __ATOMIC_RELAXED);
    if (count > (bytes.size() - sizeof(Head)) / sizeof(Record)) fail("it has not so many items");
    slots.resize(count);
    for (std::size_t i = 0; i < count; ++i) {
      const auto& record = *reinterpret_cast<const Record*>(bytes.data() + record_offset(i));
      const Slot slot{load(record.offset, __ATOMIC_RELAXED), load(record.room, __ATOMIC_RELAXED)};
      const bool fits = slot.offset % 8 == 0 && slot.room % 8 == 0 && slot.room >= 8 &&
                        slot.offset >= record_offset(count) && slot.offset <= bytes.size() &&
                        slot.room <= (bytes.size() - slot.offset) / 2;
      if (!fits) fail("an item lies outside");
      slots[i] = slot;
    }
  }
};

ShareableList ShareableList::create(const std::vector<Item>& items,
                                    std::optional<std::string_view> name,
                                    SharedMemoryOptions options) {
  std::vector<Encoded> encoded;
  encoded.reserve(items.size());
  std::uint64_t size = State::record_offset(items.size());
  for (const Item& item : items) {
    encoded.push_back(encode(item));
    if (encoded.back().bytes.size() > longest) throw UsageError("an item is too long");
    size += 2 * room_for(encoded.back());
  }
  auto segment = SharedMemory::create(static_cast<std::int64_t>(size), name, options);
  std::byte* const base = segment.buf().data();
  auto& head = *reinterpret_cast<Head*>(base);
  head.count = items.size();
  std::uint64_t offset = State::record_offset(items.size());
  for (std::size_t i = 0; i < encoded.size(); ++i) {
    auto& record = *reinterpret_cast<Record*>(base + State::record_offset(i));
    record.offset = offset;
    record.room = room_for(encoded[i]);
    record.word = Word{.length = encoded[i].bytes.size(), .type = encoded[i].type}.packed();
    copy_in(base + offset, encoded[i].bytes.data(), encoded[i].bytes.size());
    offset += 2 * record.room;
  }
  __atomic_store_n(&head.magic, list_magic, __ATOMIC_RELEASE);
  return on(std::move(segment));
}

ShareableList ShareableList::open(std::string_view name) { return on(SharedMemory::open(name)); }

ShareableList ShareableList::on(SharedMemory segment) {
  auto state = std::make_shared<State>();
  state->segment = std::move(segment);
  state->check();
  state->file = os::Fd(state->segment.reopen());
  return ShareableList(std::shared_ptr<const State>(std::move(state)));
}

const ShareableList::State& ShareableList::state() const {
  if (!state_) {
    throw UsageError("this handle names no list: assign one of ShareableList::create or open");
  }
  return *state_;
}

const SharedMemory& ShareableList::shm() const { return state().segment; }

ShareableItemRef ShareableList::operator[](std::int64_t index) const {
  const std::size_t at = state().at(index);
  return {*this, at, state_->read(at)};
}

std::size_t ShareableList::size() const { return state().slots.size(); }

std::vector<ShareableItem> ShareableList::items() const {
  std::vector<Item> all;
  all.reserve(size());
  for (std::size_t i = 0; i < size(); ++i) all.push_back(state_->read(i));
  return all;
}

std::size_t ShareableList::count_item(const Item& item) const {
  std::size_t found = 0;
  for (std::size_t i = 0; i < size(); ++i) found += state_->read(i) == item ? 1 : 0;
  return found;
}

std::size_t ShareableList::index_of_item(const Item& item) const {
  for (std::size_t i = 0; i < size(); ++i) {
    if (state_->read(i) == item) return i;
  }
  throw UsageError("the value is not in the ShareableList");
}

std::size_t ShareableList::capacity(std::int64_t index) const {
  return static_cast<std::size_t>(state().slots[state().at(index)].room);
}

void ShareableItemRef::store(const ShareableItem& item) {
  list_.state_->write(index_, item);
  if (&item != this) ShareableItem::operator=(item);
}

}  // namespace royong::inline v0
