// SPDX-License-Identifier: Apache-2.0
// A container that refuses system calls: a seccomp filter from the first line on. Arguments: start method, then what is refused.
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "royong/init.hpp"
#include "royong/process.hpp"

namespace {

/// Refuses a system call; with `bits`, only where its first argument has them all.
void refuse(int number, unsigned error, unsigned bits = 0) {
  const auto at = [](std::size_t offset) {
    return sock_filter BPF_STMT(BPF_LD | BPF_W | BPF_ABS, static_cast<unsigned>(offset));
  };
  std::vector<sock_filter> code{
      at(offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<unsigned>(number), 0, 4),
      at(offsetof(seccomp_data, args)),
      BPF_STMT(BPF_ALU | BPF_AND | BPF_K, bits),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, bits, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog program{static_cast<unsigned short>(code.size()), code.data()};
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
      ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) {
    std::perror("seccomp");
    std::exit(77);
  }
}

void refuse(std::string_view what) {
  if (what == "pidfd_open") refuse(SYS_pidfd_open, ENOSYS);
  if (what == "pidfd_open_eperm") refuse(SYS_pidfd_open, EPERM);
  if (what == "pidfd_send_signal") refuse(SYS_pidfd_send_signal, ENOSYS);
  if (what == "clone_parent") refuse(SYS_clone, EPERM, CLONE_PARENT);
  if (what == "clone3") refuse(SYS_clone3, ENOSYS);
  if (what == "close_range") refuse(SYS_close_range, ENOSYS);
  if (what == "tid_address") refuse(SYS_prctl, EINVAL, PR_GET_TID_ADDRESS);
  if (what == "landlock") refuse(444, ENOSYS);  // landlock_create_ruleset
}

[[noreturn]] void wait_for_ever() {
  for (;;) ::pause();
}

}  // namespace

int main(int argc, char** argv) {
  // In workers the marker comes first; they inherit the filter.
  if (!royong::is_worker())
    for (int i = 2; i < argc; ++i) refuse(argv[i]);
  royong::init(argc, argv);
  const std::string_view name = argc > 1 ? argv[1] : "";
  const auto method = name == "fork"    ? royong::StartMethod::fork
                      : name == "spawn" ? royong::StartMethod::spawn
                                        : royong::StartMethod::forkserver;
  const auto context = royong::get_context(method);

  auto ends = context.process([](int code) { std::exit(code); }, 7);
  ends.start();
  ends.join();
  std::printf("exit %d\n", ends.exitcode().value());

  auto killed = context.process(wait_for_ever);
  auto other = context.process(wait_for_ever);
  killed.start();
  other.start();
  killed.kill();
  pollfd end{killed.sentinel(), POLLIN, 0};
  std::printf("sentinel %d\n", ::poll(&end, 1, -1) == 1 && (end.revents & POLLIN) != 0);
  killed.join();
  std::printf("killed %d, other lives %d\n", killed.exitcode().value(), other.is_alive());
  other.terminate();
  other.join();
  std::printf("other %d\n", other.exitcode().value());

  auto nested = context.process(
      [](royong::StartMethod inner) {
        auto child = royong::get_context(inner).process([] {
          std::exit(royong::parent_process()->join(std::chrono::milliseconds(0)) ? 1 : 5);
        });
        child.start();
        child.join();
        std::exit(child.exitcode().value());
      },
      method);
  nested.start();
  nested.join();
  std::printf("nested %d\n", nested.exitcode().value());

  // Nobody joins it: the service thread sees its end.
  auto unwatched = context.process([] {});
  unwatched.start();
  while (!royong::active_children().empty()) ::usleep(1000);
  std::printf("seen\n");
}
