// SPDX-License-Identifier: Apache-2.0
#include "support/descriptors.hpp"

#include <dirent.h>
#include <poll.h>
#include <unistd.h>

#include <array>        // for std::array
#include <climits>      // for PATH_MAX
#include <cstdlib>      // for std::atoi
#include <map>          // for std::map
#include <memory>       // for std::unique_ptr
#include <string_view>  // for std::string_view

namespace royong_test {
namespace {

// "pipe:[17]" is a pipe, "socket:[17]" a socket.
bool is(std::string_view kind, const Descriptor& descriptor) {
  return descriptor.target.starts_with(kind) &&
         descriptor.target.substr(kind.size()).starts_with(":[");
}

// What the library opens later than init, and keeps. The rest of its descriptors are there before the first test.
class Allowance {
 public:
  explicit Allowance(PermanentParts parts)
      : death_pipes_(parts.arena ? 1 : 0), request_sockets_(parts.forkserver ? 1 : 0) {}

  // Whether the descriptor may stay; `ends` is how many new ones lead where it leads.
  bool covers(const Descriptor& descriptor, std::size_t ends) {
    if (is("socket", descriptor)) return request_sockets_-- > 0;
    if (!is("pipe", descriptor) || ends != 2) return false;
    // Made by the first start; this process keeps both ends.
    if (descriptor.target != death_pipe_ && death_pipes_-- > 0) death_pipe_ = descriptor.target;
    return descriptor.target == death_pipe_;
  }

 private:
  int death_pipes_;
  int request_sockets_;
  std::string death_pipe_;
};

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
  std::map<std::string, std::size_t> ends;
  for (const auto& descriptor : now) ends[descriptor.target] += before.contains(descriptor) ? 0 : 1;
  Allowance allowance(parts);
  std::vector<Descriptor> found;
  for (const auto& descriptor : now) {
    if (before.contains(descriptor)) continue;
    if (!allowance.covers(descriptor, ends[descriptor.target])) found.push_back(descriptor);
  }
  return found;
}

bool is_readable(int descriptor) {
  pollfd event{descriptor, POLLIN, 0};
  return ::poll(&event, 1, 0) == 1;
}

}  // namespace royong_test
