// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include "memory/arena.hpp"
#include "os/process.hpp"
#include "process/death_pipe.hpp"
#include "process/launch.hpp"
#include "process/runtime.hpp"
#include "process/self_exec.hpp"
#include "process/startup.hpp"

namespace royong::inline v0::detail {

pid_t execute_self(const Marker& marker) {
  const auto& own = runtime();
  std::vector<std::string> arguments = own.arguments;
  if (arguments.empty()) arguments.push_back(own.executable);
  arguments.insert(arguments.begin() + 1, encode_marker(marker));
  std::vector<int> inherited{marker.arena};
  if (marker.death_pipe >= 0) inherited.push_back(marker.death_pipe);
  if (marker.socket >= 0) inherited.push_back(marker.socket);
  return os::spawn(own.executable, arguments, inherited,
                   marker.role == Marker::Role::forkserver && ::getenv("LD_BIND_NOW") == nullptr
                       ? bind_now
                       : "");
}

Launched launch_by_spawn(memory::Owner slot) {
  const os::Fd death_pipe = open_death_pipe(death_pipe_read_end());
  Lifeline line = Lifeline::make();
  const pid_t pid = execute_self({.role = Marker::Role::worker,
                                  .arena = memory::arena_fd(),
                                  .death_pipe = death_pipe.get(),
                                  .socket = line.childs(),
                                  .slot = slot});
  Launched launched = supervise(pid, std::move(line));
  tell_to_go(slot);
  return launched;
}

}  // namespace royong::inline v0::detail
