// SPDX-License-Identifier: Apache-2.0
#include "process/signals.hpp"

#include <signal.h>
#include <unistd.h>

#include <atomic>

#include "os/error.hpp"

namespace royong::inline v0::detail {
namespace {

std::atomic<bool> interrupted_by_terminal{false};

void on_interrupt(int number, siginfo_t* info, void*) {
  const bool from_terminal = info->si_code == SI_KERNEL;
  if (from_terminal && !interrupted_by_terminal.exchange(true, std::memory_order_relaxed)) return;
  // Die of the signal itself, so that the exit code says so; it is blocked until this handler returns.
  struct sigaction standard{};
  standard.sa_handler = SIG_DFL;
  ::sigaction(number, &standard, nullptr);
  ::raise(number);
}

void change_mask(int how) noexcept {
  sigset_t interrupt;
  ::sigemptyset(&interrupt);
  ::sigaddset(&interrupt, SIGINT);
  ::pthread_sigmask(how, &interrupt, nullptr);
}

}  // namespace

void forget_blocked_signals() noexcept {
  sigset_t blocked, rest;
  ::pthread_sigmask(SIG_SETMASK, nullptr, &blocked);
  ::sigemptyset(&rest);
  if (::sigismember(&blocked, SIGINT) == 1) ::sigaddset(&rest, SIGINT);
  ::pthread_sigmask(SIG_SETMASK, &rest, nullptr);
}

void block_interrupts() noexcept { change_mask(SIG_BLOCK); }
void allow_interrupts() noexcept { change_mask(SIG_UNBLOCK); }

void install_worker_signals() {
  interrupted_by_terminal = false;  // a fork of a worker begins anew
  struct sigaction action{};
  action.sa_sigaction = on_interrupt;
  action.sa_flags = SA_SIGINFO | SA_RESTART;
  if (::sigaction(SIGINT, &action, nullptr) != 0) os::throw_errno("cannot handle", "SIGINT");
}

}  // namespace royong::inline v0::detail
