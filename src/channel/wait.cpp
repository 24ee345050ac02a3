// SPDX-License-Identifier: Apache-2.0
#include "royong/detail/wait.hpp"

#include <string>  // for std::to_string

#include "os/poll.hpp"
#include "royong/error.hpp"

namespace royong::inline v0::detail {

namespace {

[[noreturn]] void throw_not_open(int descriptor) {
  throw UsageError("cannot wait for descriptor " + std::to_string(descriptor) + ": it is not open");
}

}  // namespace

std::vector<bool> wait_for_ready(std::span<const Waitable> things, Timeout timeout) {
  const auto deadline = timeout.is_poll() ? os::Deadline::min() : timeout.deadline();
  std::vector<bool> ready(things.size());
  std::vector<pollfd> fds;
  for (const auto& thing : things) {
    // poll would take no notice of it, and the wait might have no end.
    if (thing.descriptor < 0) throw_not_open(thing.descriptor);
    fds.push_back({thing.descriptor, POLLIN, 0});
  }
  if (things.empty() && timeout.is_forever()) return ready;  // nothing could ever end this wait
  for (auto until = os::Deadline::min();; until = deadline) {
    const bool over = os::poll(fds, until) == 0 && until == deadline;
    bool any = false;
    for (std::size_t i = 0; i < things.size(); ++i) {
      if ((fds[i].revents & POLLNVAL) != 0) throw_not_open(fds[i].fd);
      // What can be asked is believed more than its descriptor, which may be late.
      const bool shown = fds[i].revents != 0;
      ready[i] = things[i].is_ready == nullptr
                     ? shown
                     : things[i].is_ready(things[i].object) || (things[i].either && shown);
      any = any || ready[i];
    }
    if (any || over || timeout.is_poll()) return ready;
  }
}

}  // namespace royong::inline v0::detail
