// SPDX-License-Identifier: Apache-2.0
#include "manager/object_table.hpp"

#include <utility>  // for std::move

#include "manager/server_state.hpp"
#include "manager/targets.hpp"
#include "memory/objects.hpp"
#include "royong/error.hpp"

namespace royong::inline v0::manager {

using detail::ObjectKind;
using detail::ObjectRef;
using detail::ServedObject;
using detail::TargetRef;

namespace {

std::uint32_t place_of(std::uint64_t id) noexcept { return static_cast<std::uint32_t>(id); }
std::uint32_t life_of(std::uint64_t id) noexcept { return static_cast<std::uint32_t>(id >> 32); }

}  // namespace

ObjectTable::ObjectTable(ObjectRef server, std::size_t most)
    : server_(std::move(server)), most_(most) {}

ServedObject* ObjectTable::find(std::uint64_t id) noexcept {
  const auto place = place_of(id);
  if (place >= entries_.size() || entries_[place].life != life_of(id)) return nullptr;
  return entries_[place].object.get();
}

ServedObject& ObjectTable::at(std::uint64_t id) {
  if (auto* object = find(id)) return *object;
  fail_gone();
}

void ObjectTable::fail_gone() { throw TransferError("the manager has no such object: it is gone"); }

ObjectRef ObjectTable::record_of(std::uint64_t id) {
  const std::uint64_t type = at(id).type().hash;
  return ObjectRef::acquire(entries_[place_of(id)].name, ObjectKind::managed, type);
}

TargetRef ObjectTable::add(std::unique_ptr<ServedObject> object) {
  if (size_ >= most_) {
    throw UsageError("the manager has as many objects as it may have; see ManagerLimits::objects");
  }
  auto ref = ObjectRef::create(ObjectKind::managed, object->type().hash);
  if (free_.empty()) {
    free_.reserve(entries_.size() + 1);  // so that `remove` never allocates
    entries_.emplace_back();
    // Lives begin with 1: no number is 0.
    free_.push_back(static_cast<std::uint32_t>(entries_.size() - 1));
  }
  const auto place = free_.back();
  ManagedState& state = managed_state(ref.record());
  // The pin first: it goes with the record if this fails in the middle. Without `server_record` the end of the record tells nobody.
  memory::pin(server_, memory::owner_of_object(ref.record()));
  Entry& entry = entries_[place];
  state.id = std::uint64_t{entry.life + 1} << 32 | place;
  state.server = server_.name();
  state.server_record = memory::offset_of(&server_.record());
  ++entry.life;
  entry.object = std::move(object);
  entry.name = ref.name();
  entry.record = &ref.record();
  free_.pop_back();
  ++size_;
  return std::make_shared<LocalTarget>(std::move(ref));
}

void ObjectTable::remove(std::uint64_t id) {
  const auto place = place_of(id);
  if (find(id) == nullptr) return;
  // Out of the table before it ends: what its end runs may come here again.
  const auto object = std::move(entries_[place].object);
  free_.push_back(place);
  --size_;
}

bool ObjectTable::clear_graves() {
  ServerState& state = server_state(server_.record());
  bool worked = false, all = false;
  while (const auto id = next_grave(state, all)) {
    remove(id);
    worked = true;
  }
  if (!all) return worked;
  for (std::uint32_t place = 0; place < entries_.size(); ++place) {
    const Entry& entry = entries_[place];
    if (entry.object && is_gone(entry.name, *entry.record)) {
      remove(std::uint64_t{entry.life} << 32 | place);
    }
  }
  return true;
}

void ObjectTable::forget(detail::SessionId gone) noexcept {
  for (auto& entry : entries_) {
    if (entry.object) entry.object->forget(gone);
  }
}

}  // namespace royong::inline v0::manager
