// SPDX-License-Identifier: Apache-2.0
#include "pool/channel.hpp"

#include <new>
#include <type_traits>

namespace royong::inline v0::detail {

static_assert(std::is_standard_layout_v<ChannelMemory>);
static_assert(sizeof(sync::EventCount) <= sizeof(ObjectRecord::state));

ChannelHandle ChannelHandle::create() {
  ChannelHandle handle(ObjectRef::create(kind_, type_hash_));
  const memory::Offset block = memory::allocate(sizeof(ChannelMemory));
  // The block may have been another channel: only the words before the rings have to be zero.
  auto* channel = reinterpret_cast<ChannelMemory*>(memory::block(block).data());
  ::new (&channel->pool) ChannelMemory::PoolSide{};
  ::new (&channel->worker) ChannelMemory::WorkerSide{};
  ::new (&channel->bed) ChannelMemory::Bed{};
  ::new (&channel->report) ChannelMemory::Report{};
  // In this order a death in between leaves the block to the object, or to the sweep of this
  // process.
  memory::set_owner(block, handle.owner());
  handle.object_.record().block.store(block);
  return handle;
}

ChannelMemory& ChannelHandle::memory() const {
  return memory::at<ChannelMemory>(object_.record().block.load());
}

BellHandle BellHandle::create() { return BellHandle(ObjectRef::create(kind_, type_hash_)); }

sync::EventCount& BellHandle::events() const noexcept {
  return *reinterpret_cast<sync::EventCount*>(object_.record().state);
}

}  // namespace royong::inline v0::detail
