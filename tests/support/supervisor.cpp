// SPDX-License-Identifier: Apache-2.0
#include "support/supervisor.hpp"

#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>        // for errno
#include <chrono>        // for std::chrono::steady_clock
#include <cstdio>        // for std::fprintf
#include <cstdlib>       // for ::setenv
#include <new>           // for placement new
#include <optional>      // for std::optional
#include <system_error>  // for std::system_error

#include "support/fail.hpp"
#include "support/hang_report.hpp"
#include "support/leak_check.hpp"
#include "support/process_tree.hpp"
#include "support/run_state.hpp"

namespace royong_test {
namespace {

std::filesystem::path make_temporary_folder() {
  std::string name = std::filesystem::temp_directory_path() / "royong-test-XXXXXX";
  if (::mkdtemp(name.data()) == nullptr) fail("cannot create a temporary folder");
  return name;
}

// Tests that run beside this one have their own, so nobody finds the other's files. Needs privileges: without them
// all share the system's. @return whether it is private now
bool make_private_shared_memory_folder() {
  if (::unshare(CLONE_NEWNS) != 0) return false;
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return false;
  return ::mount("tmpfs", "/dev/shm", "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777") == 0;
}

void make_run_state() {
  void* page =
      ::mmap(nullptr, sizeof(RunState), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) fail("cannot map the page of the watchdog");
  run_state = new (page) RunState;
}

bool expired() {
  const auto deadline = run_state->deadline.load(std::memory_order_acquire);
  return deadline != 0 && std::chrono::steady_clock::now().time_since_epoch().count() > deadline;
}

void kill_all(pid_t root) {
  // Whoever forks meanwhile is found by the next look.
  for (auto left = descendants(root); !left.empty(); left = descendants(root)) {
    for (const auto& process : left) ::kill(process.pid, SIGKILL);
    while (::waitpid(-1, nullptr, WNOHANG) > 0) {
    }
    ::usleep(1000);
  }
}

// Buries orphans. @return how the test process ended, once it has
std::optional<int> bury(pid_t test_process) {
  int status = 0;
  for (pid_t pid; (pid = ::waitpid(-1, &status, WNOHANG)) != 0;) {
    if (pid == test_process) return status;
    if (pid < 0 && errno != EINTR) break;
  }
  return std::nullopt;
}

int wait_for_tests(pid_t test_process) {
  sigset_t signals;
  ::sigemptyset(&signals);
  for (const int signal : {SIGCHLD, SIGTERM, SIGHUP, SIGINT, SIGQUIT})
    ::sigaddset(&signals, signal);
  ::sigprocmask(SIG_BLOCK, &signals, nullptr);
  for (;;) {
    if (const auto status = bury(test_process)) return *status;
    const timespec tick{0, 100'000'000};
    const int signal = ::sigtimedwait(&signals, nullptr, &tick);
    // The terminal tells the test process itself.
    if (signal == SIGTERM || signal == SIGHUP) ::kill(test_process, signal);
    if (!expired()) continue;
    report_hang(stderr, test_process);
    kill_all(::getpid());
    return SIGABRT;
  }
}

[[noreturn]] void end_as(int status) {
  if (WIFEXITED(status)) ::_exit(WEXITSTATUS(status));
  const rlimit no_core{0, 0};
  ::setrlimit(RLIMIT_CORE, &no_core);
  ::signal(WTERMSIG(status), SIG_DFL);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::raise(WTERMSIG(status));
  ::_exit(1);
}

}  // namespace

Run prepare_run() {
  Run run;
  run.supervisor = ::getpid();
  run.temporary = make_temporary_folder();
  run.own_shared_memory = make_private_shared_memory_folder();
  make_run_state();
  ::setenv("TMPDIR", run.temporary.c_str(), 1);
  ::setenv("ROYONG_TEST_RUN", run.temporary.filename().c_str(), 1);
  if (::prctl(PR_SET_CHILD_SUBREAPER, 1) != 0) fail("cannot become a subreaper");
  return run;
}

LeakScope Run::scope() const {
  LeakScope scope{.family = supervisor, .own_folders = {temporary}};
  (own_shared_memory ? scope.own_folders : scope.shared_folders).push_back("/dev/shm");
  return scope;
}

void supervise(const Run& run, pid_t test_process) {
  LeakScope scope = run.scope();
  scope.forkserver_stays = false;
  LeakCheck at_the_end(scope);
  const int status = wait_for_tests(test_process);
  // From here on the kernel buries.
  ::signal(SIGCHLD, SIG_IGN);
  bury(0);
  const auto left = at_the_end.leftovers();
  for (const auto& line : left)
    std::fprintf(stderr, "left behind after the end of the program: %s\n", line.c_str());
  kill_all(::getpid());
  std::error_code ignored;
  std::filesystem::remove_all(run.temporary, ignored);
  end_as(left.empty() || status != 0 ? status : W_EXITCODE(1, 0));
}

}  // namespace royong_test
