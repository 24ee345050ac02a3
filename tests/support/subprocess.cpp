// SPDX-License-Identifier: Apache-2.0
#include "support/subprocess.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>         // for std::array
#include <cerrno>        // for errno
#include <chrono>        // for std::chrono::steady_clock
#include <system_error>  // for std::system_error

#include "support/exec_image.hpp"

namespace royong_test {
namespace {

using Clock = std::chrono::steady_clock;

// Both ends, close-on-exec.
struct Pipe {
  Pipe() {
    if (::pipe2(ends.data(), O_CLOEXEC) != 0)
      throw std::system_error(errno, std::generic_category(), "cannot create a pipe");
  }
  ~Pipe() {
    close(0);
    close(1);
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  int read_end() const { return ends[0]; }
  int write_end() const { return ends[1]; }
  void close(std::size_t end) {
    if (ends[end] >= 0) ::close(ends[end]);
    ends[end] = -1;
  }
  std::array<int, 2> ends{-1, -1};
};

// Reads what is there. @return false at the end of the stream
bool drain(int fd, std::string& text) {
  std::array<char, 16384> buffer;
  for (;;) {
    const auto size = ::read(fd, buffer.data(), buffer.size());
    if (size == 0) return false;
    if (size < 0) return errno == EAGAIN || errno == EINTR;
    text.append(buffer.data(), static_cast<std::size_t>(size));
  }
}

void feed(int fd, std::string& rest) {
  // A program that reads nothing must not kill us.
  sigset_t pipe_signal, old;
  ::sigemptyset(&pipe_signal);
  ::sigaddset(&pipe_signal, SIGPIPE);
  ::pthread_sigmask(SIG_BLOCK, &pipe_signal, &old);
  const auto size = ::write(fd, rest.data(), rest.size());
  if (size < 0 && errno == EPIPE) {
    const timespec at_once{};
    ::sigtimedwait(&pipe_signal, nullptr, &at_once);
    rest.clear();
  }
  ::pthread_sigmask(SIG_SETMASK, &old, nullptr);
  if (size > 0) rest.erase(0, static_cast<std::size_t>(size));
}

}  // namespace

Finished run(const Command& command) {
  Pipe input, output, error;
  ExecImage image(command);
  const pid_t pid = ::fork();
  if (pid < 0) throw std::system_error(errno, std::generic_category(), "cannot fork");
  if (pid == 0) {
    ::dup2(input.read_end(), STDIN_FILENO);
    ::dup2(output.write_end(), STDOUT_FILENO);
    ::dup2(error.write_end(), STDERR_FILENO);
    image.execute();
  }
  input.close(0);
  output.close(1);
  error.close(1);
  for (const int fd : {input.write_end(), output.read_end(), error.read_end()})
    ::fcntl(fd, F_SETFL, O_NONBLOCK);

  const int pidfd = static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
  Finished finished;
  std::string rest = command.input;
  auto give_up = Clock::time_point::max();
  bool output_open = true, error_open = true;
  while ((output_open || error_open) && Clock::now() < give_up) {
    if (rest.empty()) input.close(1);
    std::array<pollfd, 4> events{{{output_open ? output.read_end() : -1, POLLIN, 0},
                                  {error_open ? error.read_end() : -1, POLLIN, 0},
                                  {input.write_end(), POLLOUT, 0},
                                  {give_up == Clock::time_point::max() ? pidfd : -1, POLLIN, 0}}};
    ::poll(events.data(), events.size(), give_up == Clock::time_point::max() ? -1 : 100);
    if (events[0].revents != 0) output_open = drain(output.read_end(), finished.output);
    if (events[1].revents != 0) error_open = drain(error.read_end(), finished.error);
    if (events[2].revents != 0) feed(input.write_end(), rest);
    if (events[3].revents != 0) give_up = Clock::now() + std::chrono::seconds(1);
  }
  ::close(pidfd);
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  finished.exit_code = WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
  return finished;
}

Finished run_this_program(Command command) {
  // The link itself: in a changed root its text may name what cannot be reached.
  command.arguments.insert(command.arguments.begin(), "/proc/self/exe");
  return run(command);
}

}  // namespace royong_test
