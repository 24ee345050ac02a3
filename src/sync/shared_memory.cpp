// SPDX-License-Identifier: Apache-2.0
#include "royong/shared_memory.hpp"

#include <sys/stat.h>

#include <atomic>        // for std::atomic
#include <system_error>  // for std::system_error

#include "memory/arena.hpp"
#include "os/error.hpp"
#include "os/file_identity.hpp"
#include "os/memory.hpp"
#include "os/random.hpp"
#include "os/shm.hpp"
#include "os/syscalls.hpp"
#include "royong/error.hpp"
#include "sync/kept_files.hpp"

namespace royong::inline v0 {

struct SharedMemory::State {
  State(std::string its_name, os::FileIdentity its_file, std::byte* base, std::size_t bytes)
      : name(std::move(its_name)), file(its_file), size(bytes), where(base) {}
  ~State() { close(); }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  void close() const noexcept {
    if (std::byte* const mapped = where.exchange(nullptr)) os::unmap(mapped, size);
  }

  const std::string name;
  const os::FileIdentity file;
  const std::size_t size;
  mutable std::atomic<std::byte*> where;  ///< null: closed
};

namespace {

void check_name(std::string_view name) {
  using namespace std::string_view_literals;
  if (name.empty() || name.size() > 255 || name == "." || name == ".." ||
      name.find_first_of("/\0"sv) != std::string_view::npos) {
    throw UsageError(
        "a name of shared memory has 1 to 255 bytes, no '/' and no zero, and is not . or ..: \"" +
        std::string(name.substr(0, 300)) + "\"");
  }
}

std::string generated_name() {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string name = "royong-";
  for (const std::byte byte : os::random_bytes<8>()) {
    name += digits[std::to_integer<unsigned>(byte) >> 4];
    name += digits[std::to_integer<unsigned>(byte) & 15];
  }
  return name;
}

[[noreturn]] void throw_none() {
  throw UsageError(
      "this handle names no shared memory: assign one of SharedMemory::create or open");
}

}  // namespace

SharedMemory SharedMemory::create_bytes(std::int64_t size, std::optional<std::string_view> name,
                                        SharedMemoryOptions options) {
  if (size < 1) {
    throw UsageError("the size of shared memory must be positive: " + std::to_string(size));
  }
  if (name) check_name(*name);
  if (!options.persist && !memory::has_arena()) {
    throw UsageError(
        "shared memory that ends with its program needs royong::init(argc, argv) as the first line "
        "of main");
  }
  const auto bytes = static_cast<std::size_t>(size);
  const std::string called(name ? std::string(*name) : generated_name());
  const os::Fd fd = os::create_shm(bytes, called);
  const os::FileIdentity file = os::identity_of(fd.get());
  SharedMemory made(
      std::make_shared<const State>(called, file, os::map_shared(fd.get(), bytes), bytes));
  // The entry, then the name, which commits: see sync/kept_files.hpp for a death in between.
  if (!options.persist) sync::keep_file(os::shm_path(called), file, sync::KeptUntil::family_ends);
  try {
    os::name_shm(fd.get(), called);
  } catch (...) {
    if (!options.persist) sync::forget_file(file);
    throw;
  }
  return made;
}

SharedMemory SharedMemory::open(std::string_view name) {
  check_name(name);
  const os::Fd fd = os::open_shm(name);
  struct stat status{};
  if (os::sys().fstat(fd.get(), &status) == -1) os::throw_errno("cannot look at", name);
  const auto fail = [&](const char* why) {
    throw TransferError("cannot open shared memory " + std::string(name) + ": " + why);
  };
  if (!S_ISREG(status.st_mode)) fail("it is not a file");
  if (status.st_size < 1) fail("it has no size (yet)");
  const auto bytes = static_cast<std::size_t>(status.st_size);
  return SharedMemory(std::make_shared<const State>(std::string(name), os::identity_of(fd.get()),
                                                    os::map_shared(fd.get(), bytes), bytes));
}

std::span<std::byte> SharedMemory::buf() const {
  if (!state_) throw_none();
  std::byte* const where = state_->where.load(std::memory_order_acquire);
  if (!where) throw UsageError("shared memory " + state_->name + " is closed");
  return {where, state_->size};
}

const std::string& SharedMemory::name() const noexcept {
  static const auto& none = *new std::string;
  return state_ ? state_->name : none;
}

std::size_t SharedMemory::size() const noexcept { return state_ ? state_->size : 0; }

bool SharedMemory::closed() const noexcept { return !state_ || !state_->where.load(); }

void SharedMemory::close() const noexcept {
  if (state_) state_->close();
}

void SharedMemory::unlink() const {
  if (!state_) throw_none();
  const int error = os::unlink_file(os::shm_path(state_->name), state_->file);
  if (error == 0 || error == ENOENT) sync::forget_file(state_->file);
  if (error != 0) os::throw_error(error, "cannot unlink", "shared memory " + state_->name);
}

detail::SegmentTicket SharedMemory::ticket() const {
  if (!state_) throw_none();
  return {state_->name, state_->file.device, state_->file.inode};
}

int SharedMemory::reopen() const {
  os::Fd fd = os::open_shm(state_->name);
  if (!os::identity_of(fd.get()).matches(state_->file)) {
    throw TransferError("another segment has the name " + state_->name + " now");
  }
  return fd.release();
}

SharedMemory SharedMemory::take(const detail::SegmentTicket& ticket) {
  const auto fail = [&](const std::string& why) {
    throw TransferError("the shared memory " + ticket.name +
                        " of a message cannot be opened: " + why);
  };
  SharedMemory opened;
  try {
    opened = open(ticket.name);
  } catch (const std::system_error& error) {
    fail(error.code().message());
  } catch (const UsageError& error) {
    fail(error.what());
  }
  if (!opened.state_->file.matches({.device = ticket.device, .inode = ticket.inode})) {
    fail("another segment has its name now");
  }
  return opened;
}

}  // namespace royong::inline v0
