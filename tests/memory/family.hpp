// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief What the tests of this floor share: membership, children that are members, a check of the
 * page table.
 */
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>      // for std::array
#include <cstdio>     // for std::fprintf
#include <exception>  // for std::exception
#include <new>        // for placement new
#include <random>     // for std::mt19937
#include <string>     // for std::string
#include <utility>    // for std::exchange

#include "memory/arena.hpp"
#include "memory/blocks.hpp"
#include "memory/layout.hpp"
#include "memory/objects.hpp"
#include "memory/pages.hpp"
#include "memory/slabs.hpp"
#include "memory/slots.hpp"
#include "royong/error.hpp"

namespace royong_test {

namespace memory = royong::memory;

/// Makes this process a member of a family, unless `init` did.
inline void join_family() {
  if (!memory::has_arena()) memory::create_arena();
  if (!memory::self()) memory::claim_slot(memory::reserve_slot());
}

/// In a child: as if the arena had never been made. The mapping stays, nobody uses it.
inline void forget_arena() {
  memory::forget_self();
  memory::mapping.base = nullptr;
}

/// What `body` returns, or throws, in a forked child; "signal N" when it dies of that.
template <class Body>
std::string in_child(Body body) {
  std::array<int, 2> ends{};
  EXPECT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
  const pid_t pid = ::fork();
  if (pid == 0) {
    std::string text;
    try {
      text = body();
    } catch (const std::exception& error) {
      text = error.what();
    }
    const ssize_t written = ::write(ends[1], text.data(), text.size());
    ::_exit(written == static_cast<ssize_t>(text.size()) ? 0 : 1);
  }
  ::close(ends[1]);
  std::string text;
  std::array<char, 512> part;
  for (ssize_t got; (got = ::read(ends[0], part.data(), part.size())) > 0;) {
    text.append(part.data(), static_cast<std::size_t>(got));
  }
  ::close(ends[0]);
  int status = 0;
  ::waitpid(pid, &status, 0);
  return WIFSIGNALED(status) ? "signal " + std::to_string(WTERMSIG(status)) : text;
}

/// A forked child that is a member of the family. Its body returns whether all was right.
class ForkedMember {
 public:
  template <class Body>
  explicit ForkedMember(Body body) : slot_(memory::reserve_slot()) {
    memory::grant_shares(slot_);
    pid_ = ::fork();
    if (pid_ != 0) return;
    bool right = false;
    try {
      memory::claim_slot(slot_);
      memory::inherit_shares();
      right = body();
    } catch (const std::exception& error) {
      std::fprintf(stderr, "member %d: %s\n", ::getpid(), error.what());
    }
    ::_exit(right ? 0 : 1);
  }
  ForkedMember(const ForkedMember&) = delete;
  ForkedMember& operator=(const ForkedMember&) = delete;
  ~ForkedMember() {
    kill();
    bury();
  }

  memory::Owner slot() const { return slot_; }
  pid_t pid() const { return pid_; }
  void kill() const {
    if (pid_ > 0) ::kill(pid_, SIGKILL);
  }
  /// Waits for the end. @return whether its body said that all was right
  bool wait() {
    int status = 0;
    if (pid_ > 0) ::waitpid(std::exchange(pid_, -1), &status, 0);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
  }
  /// Waits for the end and sweeps.
  bool bury() {
    const bool right = wait();
    memory::sweep(slot_);
    return right;
  }

 private:
  memory::Owner slot_;
  pid_t pid_ = -1;
};

/// Sleeps for a random time of up to `most` microseconds.
inline void nap(std::mt19937& random, unsigned most) {
  ::usleep(std::uniform_int_distribution<unsigned>(0, most)(random));
}

/// Pages of memory that processes share, zero-filled, beside the arena.
template <class T>
class Shared {
 public:
  Shared() {
    void* page =
        ::mmap(nullptr, sizeof(T), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    value_ = new (page) T{};
  }
  ~Shared() { ::munmap(value_, sizeof(T)); }
  Shared(const Shared&) = delete;
  Shared& operator=(const Shared&) = delete;
  T* operator->() const { return value_; }
  T& operator*() const { return *value_; }

 private:
  T* value_;
};

/// Every violation of the page table's invariants, in words; nothing where it is sound.
inline std::string page_problems() {
  using memory::PageHead;
  using memory::PageKind;
  std::string problems;
  const auto complain = [&](std::uint64_t page, const char* what) {
    problems += "page " + std::to_string(page) + ": " + what + "\n";
  };
  const auto plausible = [](std::uint64_t owner) {
    const std::uint64_t tag = owner & 0xffff;
    return owner == 0 || (tag >= 1 && tag <= memory::max_processes) || tag >= 0xfffe;
  };
  memory::Runs runs;
  const memory::Header& header = memory::header();
  const std::uint64_t high = header.pages_high;
  std::uint64_t used = 0, warm = 0, page = 0;
  while (page < high) {
    const PageHead head = memory::head_of(page);
    if (head.kind == PageKind::none || head.kind > PageKind::cooling || head.length == 0 ||
        head.length > high - page) {
      complain(page, "is not the head of a run");
      break;
    }
    for (std::uint64_t inside = page + 1; inside < page + head.length; ++inside) {
      const PageHead stale = memory::head_of(inside);
      if (stale.kind != PageKind::none && !stale.is_free()) complain(inside, "lives inside a run");
    }
    if (head.is_free() && page < header.lowest_free) complain(page, "is free below the lowest");
    if (head.kind == PageKind::warm) warm += head.length;
    if (head.kind == PageKind::large || head.kind == PageKind::slab) used += head.length;
    const std::uint64_t owner = memory::page_table()[page].owner;
    if (head.kind == PageKind::large && (owner == 0 || !plausible(owner))) {
      complain(page, "is a block without an owner");
    }
    if (head.kind == PageKind::slab) {
      if (head.length != 1 || head.size_class >= memory::small_classes || !plausible(owner)) {
        complain(page, "is a slab that cannot be");
      } else {
        for (std::uint32_t i = 0; i < memory::slab_shapes[head.size_class].count; ++i) {
          if (!plausible(memory::slab_words(page)[i])) complain(page, "has a wild owner word");
        }
      }
    }
    page += head.length;
  }
  if (used != header.used_pages) complain(high, "the count of used pages is wrong");
  if (warm != header.warm_pages) complain(high, "the count of warm pages is wrong");
  return problems;
}

/// Joins the family; every test leaves the arena as it found it.
class MemoryTest : public testing::Test {
 protected:
  void SetUp() override {
    join_family();
    memory::release_empty_slabs();
    used_ = memory::arena_usage().used;
    objects_ = memory::live_objects();
  }
  void TearDown() override {
    memory::release_empty_slabs();
    EXPECT_EQ(memory::arena_usage().used, used_) << "blocks were left";
    EXPECT_EQ(memory::live_objects(), objects_) << "objects were left";
    EXPECT_EQ(page_problems(), "");
  }

  /// Bytes in use since the test began, without what empty slabs keep.
  std::uint64_t used() const {
    memory::release_empty_slabs();
    return memory::arena_usage().used - used_;
  }

 private:
  std::uint64_t used_ = 0;
  std::uint64_t objects_ = 0;
};

/// Sets the quota, and puts back the old one.
class Quota {
 public:
  explicit Quota(std::uint64_t bytes) : before_(memory::arena_usage().quota) {
    memory::set_arena_quota(bytes);
  }
  ~Quota() { memory::set_arena_quota(before_); }
  Quota(const Quota&) = delete;
  Quota& operator=(const Quota&) = delete;

 private:
  std::uint64_t before_;
};

}  // namespace royong_test
