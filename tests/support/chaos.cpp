// SPDX-License-Identifier: Apache-2.0
#include "support/chaos.hpp"

#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>  // for std::min
#include <random>     // for std::uniform_int_distribution
#include <utility>    // for std::move

#include "support/process_tree.hpp"
#include "support/random.hpp"

namespace royong_test {
namespace {

using Clock = std::chrono::steady_clock;

// Sleeping is exact to some 60 us; the rest is waited for busily.
void wait_until(Clock::time_point instant, const std::atomic<bool>& stop) {
  using namespace std::chrono_literals;
  while (!stop.load(std::memory_order_relaxed)) {
    const auto left = instant - Clock::now();
    if (left <= 0us) return;
    if (left > 200us) std::this_thread::sleep_for(std::min<Clock::duration>(left - 150us, 10ms));
  }
}

}  // namespace

bool signal_descendant(pid_t pid, int signal) {
  if (pid <= 0) return false;
  const int pidfd = static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
  if (pidfd < 0) return false;
  // The pidfd holds the process fast; what /proc says of the number afterwards is said of it, or of nobody.
  const bool sent = is_descendant(pid, ::getpid()) &&
                    ::syscall(SYS_pidfd_send_signal, pidfd, signal, nullptr, 0) == 0;
  ::close(pidfd);
  return sent;
}

KillStorm::KillStorm(std::function<pid_t()> victim, Options options) : victim_(std::move(victim)) {
  // Drawn here: the engine asks for the running test's name.
  auto engine = random_engine(options.stream);
  thread_ = std::thread(&KillStorm::rage, this, options, engine());
}

KillStorm::~KillStorm() { stop(); }

std::uint64_t KillStorm::stop() {
  stop_ = true;
  if (thread_.joinable()) thread_.join();
  return kills();
}

void KillStorm::rage(Options options, std::uint64_t seed) {
  std::mt19937_64 engine(seed);
  std::uniform_int_distribution<std::int64_t> nanoseconds(
      std::chrono::nanoseconds(options.shortest).count(),
      std::chrono::nanoseconds(options.longest).count());
  while (!stop_ && kills_ < options.most_kills) {
    wait_until(Clock::now() + std::chrono::nanoseconds(nanoseconds(engine)), stop_);
    if (stop_) return;
    if (signal_descendant(victim_(), options.signal)) ++kills_;
  }
}

}  // namespace royong_test
