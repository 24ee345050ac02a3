// SPDX-License-Identifier: Apache-2.0
#include "support/descriptors.hpp"

#include <dirent.h>
#include <unistd.h>

#include <array>        // for std::array
#include <climits>      // for PATH_MAX
#include <cstdlib>      // for std::atoi
#include <map>          // for std::map
#include <memory>       // for std::unique_ptr
#include <string_view>  // for std::string_view

namespace royong_test {
namespace {

struct Allowance {
  std::string_view kind;
  int with_arena;       // what init and the service thread keep
  int with_forkserver;  // what the forkserver adds
};

constexpr std::array<Allowance, 6> kAllowances{{
    {"memfd:royong", 1, 0},  // the arena
    {"eventpoll", 1, 0},     // the service thread's
    {"eventfd", 1, 0},       // wakes it
    {"pipe", 2, 2},          // the death pipes
    {"socket", 0, 1},        // requests to the forkserver
    {"pidfd", 0, 1},         // the forkserver itself
}};

// "pipe:[17]" is a pipe, "anon_inode:[eventpoll]" an eventpoll, "/memfd:royong-arena (deleted)" a memfd:royong.
std::string_view kind_of(std::string_view target) {
  if (target.starts_with("/memfd:royong")) return "memfd:royong";
  constexpr std::string_view anonymous = "anon_inode:";
  if (target.starts_with(anonymous)) {
    target.remove_prefix(anonymous.size());
    if (target.starts_with('[')) target = target.substr(1, target.find(']') - 1);
    return target;
  }
  return target.substr(0, target.find(':'));
}

int allowed(std::string_view kind, PermanentParts parts) {
  for (const auto& allowance : kAllowances) {
    if (allowance.kind != kind) continue;
    return (parts.arena ? allowance.with_arena : 0) +
           (parts.forkserver ? allowance.with_forkserver : 0);
  }
  return 0;
}

}  // namespace

std::set<Descriptor> open_descriptors() {
  std::set<Descriptor> found;
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(::opendir("/proc/self/fd"), ::closedir);
  if (!directory) return found;
  while (const dirent* entry = ::readdir(directory.get())) {
    std::array<char, PATH_MAX> target{};
    const int number = std::atoi(entry->d_name);
    if (entry->d_name[0] == '.' || number == ::dirfd(directory.get())) continue;
    const auto size =
        ::readlinkat(::dirfd(directory.get()), entry->d_name, target.data(), target.size());
    if (size > 0) found.insert({number, std::string(target.data(), static_cast<size_t>(size))});
  }
  return found;
}

std::vector<Descriptor> unexpected_descriptors(const std::set<Descriptor>& before,
                                               const std::set<Descriptor>& now,
                                               PermanentParts parts) {
  std::map<std::string_view, int> spent;
  std::vector<Descriptor> found;
  for (const auto& descriptor : now) {
    if (before.contains(descriptor)) continue;
    const auto kind = kind_of(descriptor.target);
    if (++spent[kind] > allowed(kind, parts)) found.push_back(descriptor);
  }
  return found;
}

}  // namespace royong_test
