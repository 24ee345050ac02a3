// SPDX-License-Identifier: Apache-2.0
#include "memory/arena.hpp"

#include <sys/mman.h>

#include <algorithm>     // for std::min, std::max
#include <bit>           // for std::bit_ceil, std::bit_floor
#include <charconv>      // for std::from_chars
#include <cstdlib>       // for std::getenv
#include <cstring>       // for std::memcpy
#include <optional>      // for std::optional
#include <string>        // for std::string
#include <system_error>  // for std::system_error

#include "memory/after_fork.hpp"
#include "memory/layout.hpp"
#include "memory/robust_mutex.hpp"
#include "os/error.hpp"
#include "os/files.hpp"
#include "os/limits.hpp"
#include "os/memory.hpp"
#include "royong/error.hpp"

namespace royong::inline v0::memory {

constinit Mapping mapping;

namespace {

constexpr const char* quota_variable = "ROYONG_ARENA_QUOTA";

std::uint64_t parse_quota(std::string_view text) {
  const auto fail = [&] {
    throw UsageError(std::string(quota_variable) + " is \"" + std::string(text) +
                     "\": it must be a positive number of bytes, or one with K, M or G, such as "
                     "512M");
  };
  std::uint64_t number = 0;
  const char* begin = text.data();
  const char* end = begin + text.size();
  const auto [rest, error] = std::from_chars(begin, end, number);
  int shift = 0;
  if (rest + 1 == end) {
    switch (*rest) {
      case 'k':
      case 'K': shift = 10; break;
      case 'm':
      case 'M': shift = 20; break;
      case 'g':
      case 'G': shift = 30; break;
      default: fail();
    }
  } else if (rest != end) {
    fail();
  }
  if (error != std::errc() || number == 0 || number > (~std::uint64_t{0} >> shift)) fail();
  return number << shift;
}

std::uint64_t default_quota() {
  if (const char* text = std::getenv(quota_variable)) return parse_quota(text);
  const std::uint64_t machine = os::total_memory();
  return std::min(machine, os::cgroup_memory().value_or(machine)) / 2;
}

// Memcheck reads all memory that is mapped when a process ends, to find leaks; and who reads a hole of a memfd fills it. In a large
// arena that takes minutes and all memory of the machine.
bool runs_under_valgrind() {
  const char* preloaded = std::getenv("LD_PRELOAD");
  return preloaded != nullptr &&
         std::string_view(preloaded).find("vgpreload") != std::string_view::npos;
}

// The largest size worth asking for.
std::uint64_t first_size() {
  const std::uint64_t wanted = runs_under_valgrind() ? smallest_arena
                                                     : std::clamp(std::bit_ceil(os::total_memory()),
                                                                  smallest_arena, largest_arena);
  const rlimit limit = os::get_limit(RLIMIT_FSIZE);
  if (limit.rlim_cur == RLIM_INFINITY || limit.rlim_cur >= wanted) return wanted;
  if (limit.rlim_cur < smallest_arena) {
    os::throw_error(EFBIG, "cannot create",
                    "the arena: the limit on file sizes (RLIMIT_FSIZE, ulimit -f) is " +
                        std::to_string(limit.rlim_cur) + " bytes, it needs " +
                        std::to_string(smallest_arena));
  }
  return std::bit_floor(std::uint64_t{limit.rlim_cur});
}

std::uint64_t map_halving(int fd) {
  for (std::uint64_t size = first_size();; size /= 2) {
    try {
      os::resize(fd, size);
      std::byte* base = os::map_shared(fd, size);
      mapping.size = size;
      mapping.base.store(base, std::memory_order_release);
      return size;
    } catch (const std::system_error&) {
      if (size / 2 < smallest_arena) throw;
    }
  }
}

void finish_mapping(os::Fd fd) {
  mapping.pages = pages_offset(mapping.size);
  mapping.page_count = (mapping.size - mapping.pages) / page_size;
  mapping.fd = fd.release();
  // A core dump of the whole arena would take for ever; a kernel that does not know the hint loses
  // nothing else.
  os::advise(mapping.base.load(), mapping.size, MADV_DONTDUMP);
  watch_forks();
}

void write_header(std::uint64_t size, std::uint64_t quota) {
  Header& head = header();
  init_robust(head.slots_lock);
  init_robust(head.sweep_lock);
  init_robust(head.runs_lock);
  init_robust(head.objects_lock);
  head.quota = quota;
  head.identity.magic = arena_magic;
  head.identity.layout = layout_version;
  head.identity.size = size;
  const std::string& id = os::program_id();
  std::memcpy(head.identity.program.data(), id.data(),
              std::min(id.size(), head.identity.program.size() - 1));
}

std::string_view program_of(const Identity& identity) {
  return {identity.program.data(), ::strnlen(identity.program.data(), identity.program.size())};
}

// Why `fd` is no arena of ours; nothing where it is one. Reads, never maps: a file that is not
// sealed could shrink under a mapping.
std::optional<std::string> objection(int fd) {
  if (!os::size_is_sealed(fd)) return "its size is not sealed";
  Identity identity{};
  if (!os::read_at(fd, &identity, sizeof identity, 0)) return "it is too short";
  if (identity.magic != arena_magic) return "it does not begin with an arena's magic word";
  if (identity.layout != layout_version) {
    return "its layout version is " + std::to_string(identity.layout) + ", this program's is " +
           std::to_string(layout_version);
  }
  if (identity.size != os::file_size(fd) || identity.size < smallest_arena ||
      identity.size > largest_arena || !std::has_single_bit(identity.size)) {
    return "it says that it has " + std::to_string(identity.size) + " bytes, which is not true";
  }
  const std::string_view here =
      std::string_view(os::program_id()).substr(0, identity.program.size() - 1);
  if (program_of(identity) != here) {
    return "it was made by another program: build-id " + std::string(program_of(identity)) +
           ", this program's is " + std::string(here);
  }
  return {};
}

void refuse_second() {
  if (has_arena()) throw UsageError("this process has an arena already");
}

std::uint64_t page_bytes() { return mapping.page_count * page_size; }

}  // namespace

void throw_no_arena() {
  throw UsageError(
      "this process has no arena yet: make royong::init(argc, argv) the first line of main");
}

void create_arena() {
  refuse_second();
  const std::uint64_t quota = default_quota();
  os::Fd fd = os::create_memfd("royong-arena");
  const std::uint64_t size = map_halving(fd.get());
  os::seal_size(fd.get());
  finish_mapping(std::move(fd));
  write_header(size, std::min(quota, page_bytes()));
}

void attach_arena(os::Fd fd) {
  refuse_second();
  std::optional<std::string> problem;
  try {
    problem = objection(fd.get());
  } catch (const std::system_error& error) {
    problem = error.what();
  }
  if (problem) throw TransferError("cannot attach the arena: " + *problem);
  const std::uint64_t size = os::file_size(fd.get());
  std::byte* base = os::map_shared(fd.get(), size);
  mapping.size = size;
  mapping.base.store(base, std::memory_order_release);
  finish_mapping(std::move(fd));
}

bool has_arena() noexcept { return mapping.base.load(std::memory_order_acquire) != nullptr; }

int arena_fd() {
  checked_header();
  return mapping.fd;
}

std::byte* arena_base() {
  checked_header();
  return mapping.base.load(std::memory_order_relaxed);
}

std::size_t arena_size() noexcept { return mapping.size; }

std::byte* at(Offset offset, std::size_t size) {
  std::byte* base = arena_base();
  if (offset == 0 || offset > mapping.size || size > mapping.size - offset) {
    throw TransferError("offset " + std::to_string(offset) + " with " + std::to_string(size) +
                        " bytes lies outside the arena");
  }
  return base + offset;
}

Offset offset_of(const void* address) noexcept {
  return static_cast<Offset>(static_cast<const std::byte*>(address) -
                             mapping.base.load(std::memory_order_relaxed));
}

std::span<std::byte> region(Region which) {
  switch (which) {
    case Region::modules: return {arena_base() + modules_offset, modules_size};
    case Region::pins: return {arena_base() + pins_offset, pins_size};
    case Region::exceptions: return {arena_base() + exceptions_offset, exceptions_size};
    case Region::kept_files: return {arena_base() + kept_files_offset, kept_files_size};
  }
  throw UsageError("there is no such region");
}

ArenaUsage arena_usage() noexcept {
  if (!has_arena()) return {};
  const Header& head = header();
  return {head.used_pages * page_size, head.warm_pages * page_size, head.quota};
}

void set_arena_quota(std::uint64_t bytes) {
  if (bytes == 0) throw UsageError("the arena's quota must be positive");
  checked_header().quota = std::min(bytes, page_bytes());
}

}  // namespace royong::inline v0::memory
