// SPDX-License-Identifier: Apache-2.0
#include "memory/objects.hpp"

#include <array>          // for std::array
#include <exception>      // for std::exception
#include <memory>         // for std::unique_ptr
#include <mutex>          // for std::mutex
#include <string>         // for std::string
#include <unordered_map>  // for std::unordered_map

#include "memory/directory.hpp"
#include "memory/shares.hpp"
#include "os/error.hpp"
#include "royong/error.hpp"

namespace royong::inline v0::detail {

using memory::Directory;
using memory::Owner;

// What this process holds of one object, however many ObjectRefs it has.
struct ObjectRef::Share {
  std::atomic<std::uint64_t> count{1};
  ObjectName name;
  ObjectRecord* record;
  ObjectKind kind;
  std::uint64_t type_hash;
};

/** @brief The shares of this process, by serial.
 *
 *  Order of locks: `mutex`, then the directory, then slabs or runs. While a share is in the table
 * its count is at least one, and this process's bit is set in the record.
 */
struct Shares {
  using Share = ObjectRef::Share;

  std::mutex mutex;
  std::unordered_map<std::uint64_t, std::unique_ptr<Share>> table;

  // Never destroyed: handles are dropped in static destructors too.
  static Shares& instance() {
    static auto& shares = *new Shares;
    return shares;
  }

  static ObjectRef ref(Share* share) noexcept { return ObjectRef(share); }

  // The share that this process has already.
  Share* find(ObjectName name) {
    const auto found = table.find(name.serial);
    if (found == table.end() || found->second->name.index != name.index) return nullptr;
    Share* share = found->second.get();
    share->count.fetch_add(1, std::memory_order_relaxed);
    return share;
  }

  // Likewise. @throws TransferError it is of another kind or type
  Share* find(ObjectName name, ObjectKind kind, std::uint64_t type_hash) {
    Share* share = find(name);
    if (share != nullptr && (share->kind != kind || share->type_hash != type_hash)) {
      share->count.fetch_sub(1, std::memory_order_relaxed);  // not the last one: the table has it
      throw TransferError("a handle of one kind or type came where another was expected");
    }
    return share;
  }

  // Enters a share in the object that `make(directory)` returns, in one critical section with it.
  // What can fail for want of memory comes first.
  template <class Make>
  Share* enter(Make make) {
    auto entry = table.extract(table.emplace(0, std::make_unique<Share>()).first);
    Share* share = entry.mapped().get();
    table.reserve(table.size() + 1);
    Directory directory;
    ObjectRecord& record = make(directory);
    share->name = {record.index, record.serial.load()};
    share->record = &record;
    share->kind = record.kind.load();
    share->type_hash = record.type_hash.load();
    entry.key() = share->name.serial;
    table.insert(std::move(entry));
    return share;
  }

  // Drops one reference. Only the last one takes the lock, under which nobody can find the share
  // any more.
  void drop(Share* share) {
    std::uint64_t count = share->count.load(std::memory_order_relaxed);
    while (count > 1) {
      if (share->count.compare_exchange_weak(count, count - 1, std::memory_order_acq_rel)) return;
    }
    const std::lock_guard lock(mutex);
    if (share->count.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
    const auto entry = table.extract(share->name.serial);
    const Owner me = memory::self();
    if (!me) return;  // a child of the user's own fork: the bit is its parent's
    Directory directory;
    if (share->record->serial == share->name.serial) directory.let_go(*share->record, me);
  }
};

namespace {

Owner member() {
  if (!memory::has_arena()) memory::throw_no_arena();
  if (const Owner me = memory::self()) return me;
  throw UsageError("this process is no member of the family: it cannot hold shared objects");
}

}  // namespace

ObjectRef::ObjectRef(const ObjectRef& other) noexcept : share_(other.share_) {
  if (share_) share_->count.fetch_add(1, std::memory_order_relaxed);
}

ObjectRef::~ObjectRef() {
  if (!share_) return;
  try {
    Shares::instance().drop(share_);
  } catch (const std::exception& error) {
    os::report_error(std::string("cannot let go of a shared object: ") + error.what());
  }
}

ObjectRef ObjectRef::create(ObjectKind kind, std::uint64_t type_hash) {
  const Owner me = member();
  Shares& shares = Shares::instance();
  const std::lock_guard lock(shares.mutex);
  return ObjectRef(shares.enter([&](Directory& directory) -> ObjectRecord& {
    return directory.create(kind, type_hash, me);
  }));
}

ObjectRef ObjectRef::acquire(ObjectName name, ObjectKind kind, std::uint64_t type_hash) {
  const Owner me = member();
  Shares& shares = Shares::instance();
  const std::lock_guard lock(shares.mutex);
  if (Share* share = shares.find(name, kind, type_hash)) return ObjectRef(share);
  return ObjectRef(shares.enter([&](Directory& directory) -> ObjectRecord& {
    ObjectRecord& record = directory.find(name, kind, type_hash);
    directory.hold(record, me);
    return record;
  }));
}

ObjectName ObjectRef::name() const noexcept { return share_->name; }
ObjectKind ObjectRef::kind() const noexcept { return share_->kind; }
std::uint64_t ObjectRef::type_hash() const noexcept { return share_->type_hash; }
ObjectRecord& ObjectRef::record() const noexcept { return *share_->record; }

}  // namespace royong::inline v0::detail

namespace royong::inline v0::memory {
namespace {

using detail::Shares;

constinit std::array<KindHooks, 32> kind_hooks{};  // set from static initialisers too

}  // namespace

std::uint32_t pin(const ObjectRef& object, Owner carrier) {
  if (!object) throw UsageError("an empty handle cannot be sent");
  const Owner me = detail::member();
  return Directory().add_pin(object.record(), carrier ? carrier : me);
}

namespace {

// `type`: nothing, or the kind and the type that are expected.
template <class... Type>
ObjectRef acquire_and_unpin(ObjectName name, std::uint32_t pin, Type... type) {
  const Owner me = detail::member();
  Shares& shares = Shares::instance();
  ObjectRef object;  // outlives the lock, which its destructor may want
  const std::lock_guard lock(shares.mutex);
  if (Shares::Share* share = shares.find(name, type...)) {
    object = Shares::ref(share);
    Directory directory;
    directory.drop_pin(directory.find_pin(pin, name));
    return object;
  }
  return Shares::ref(shares.enter([&](Directory& directory) -> ObjectRecord& {
    ObjectRecord& record = directory.find(name, type...);
    Pin& sent = directory.find_pin(pin, name);
    directory.hold(record, me);
    directory.drop_pin(sent);
    return record;
  }));
}

}  // namespace

ObjectRef acquire_pinned(ObjectName name, std::uint32_t pin, ObjectKind kind,
                         std::uint64_t type_hash) {
  return acquire_and_unpin(name, pin, kind, type_hash);
}

ObjectRef acquire_pinned(ObjectName name, std::uint32_t pin) {
  return acquire_and_unpin(name, pin);
}

void set_kind_hooks(ObjectKind kind, KindHooks hooks) {
  kind_hooks.at(static_cast<std::size_t>(kind)) = hooks;
}

const KindHooks& hooks_of(ObjectKind kind) noexcept {
  const auto index = static_cast<std::size_t>(kind);
  return kind_hooks[index < kind_hooks.size() ? index : 0];
}

void wake_all_objects() noexcept {
  if (!has_arena()) return;
  try {
    Directory().for_each_live([](ObjectRecord& record) {
      if (const auto hook = hooks_of(record.kind).wake) hook(record);
    });
  } catch (const std::exception& error) {
    os::report_error(std::string("cannot wake the sleepers of shared objects: ") + error.what());
  }
}

std::uint64_t live_objects() noexcept { return has_arena() ? header().objects_live.load() : 0; }

void grant_shares(Owner child) {
  detail::member();
  Shares& shares = Shares::instance();
  const std::lock_guard lock(shares.mutex);
  Directory directory;
  for (const auto& [serial, share] : shares.table) directory.hold(*share->record, child);
}

void inherit_shares() {
  const Owner me = detail::member();
  Shares& shares = Shares::instance();
  const std::lock_guard lock(shares.mutex);
  Directory directory;
  for (const auto& [serial, share] : shares.table) {
    if (share->record->serial == serial) {
      directory.hold(*share->record, me);
    } else {
      os::report_error("a shared object that this process was forked with is gone");
    }
  }
}

void lock_shares() { Shares::instance().mutex.lock(); }
void unlock_shares() { Shares::instance().mutex.unlock(); }

}  // namespace royong::inline v0::memory
