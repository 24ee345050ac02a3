// SPDX-License-Identifier: Apache-2.0
#include "royong/detail/task_state.hpp"

#include "logging/log.hpp"
#include "memory/blocks.hpp"
#include "process/exit.hpp"
#include "royong/detail/exception.hpp"
#include "royong/error.hpp"

namespace royong::inline v0::detail {

void run_callback(Callback& callback) noexcept {
  try {
    callback.run();
  } catch (const std::exception& error) {
    log(LogLevel::error, "a callback of a future failed: {}", error.what());
  } catch (...) {
    log(LogLevel::error, "a callback of a future failed");
  }
}

TaskBlock::TaskBlock(std::size_t bytes) : offset_(memory::allocate(bytes)) {}

TaskBlock::~TaskBlock() {
  if (offset_ != 0) memory::free_block(offset_);
}

std::byte* TaskBlock::data() const { return memory::block(offset_).data(); }

TaskState::~TaskState() {
  drop_bytes();
  if (engine_ != nullptr) engine_->release();
}

std::byte* TaskState::make_result(std::size_t size) {
  size_ = size;
  if (size <= inline_size) return here_;
  heap_ = new std::byte[size];
  storage_ = Storage::heap;
  return heap_;
}

void TaskState::adopt_result(std::uint64_t block, std::uint64_t size) noexcept {
  size_ = size;
  block_ = block;
  storage_ = Storage::block;
}

void TaskState::adopt_result(std::unique_ptr<std::byte[]> bytes, std::uint64_t size) noexcept {
  size_ = size;
  heap_ = bytes.release();
  storage_ = Storage::heap;
}

std::span<const std::byte> TaskState::bytes() const {
  switch (storage_) {
    case Storage::here: return {here_, size_};
    case Storage::heap: return {heap_, size_};
    case Storage::block: break;
  }
  return memory::block(block_).first(size_);
}

void TaskState::drop_bytes() noexcept {
  if (storage_ == Storage::heap) delete[] heap_;
  if (storage_ == Storage::block) memory::free_block(block_);
  storage_ = Storage::here;
  size_ = 0;
  if (extra_) extra_->handles.clear();
}

std::exception_ptr TaskState::exception() const {
  switch (ending()) {
    case Ending::exception: {
      Reader reader(bytes());
      try {
        return read_exception(reader);
      } catch (...) {
        return std::current_exception();
      }
    }
    case Ending::error:
    case Ending::cancelled: return extra_->error;
    default: return nullptr;
  }
}

void TaskState::rethrow() const {
  hold_main_while_another_exits();
  std::rethrow_exception(exception());
}

std::string TaskState::name() const {
  return extra_ && !extra_->name.empty() ? extra_->name : std::to_string(sequence);
}

std::string TaskState::label() const {
  return extra_ && !extra_->name.empty() ? "task '" + extra_->name + "'" : "task " + name();
}

void throw_taken() {
  throw InvalidStateError(
      "the result was moved away by an earlier get() of this future or a copy of it");
}

void throw_no_state() { throw InvalidStateError("the future names no task"); }

}  // namespace royong::inline v0::detail
