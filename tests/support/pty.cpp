// SPDX-License-Identifier: Apache-2.0
#include "support/pty.hpp"

#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <array>         // for std::array
#include <cerrno>        // for errno
#include <stdexcept>     // for std::runtime_error
#include <system_error>  // for std::system_error

#include "support/exec_image.hpp"
#include "support/fail.hpp"

namespace royong_test {
namespace {

int wait_for(pid_t pid) {
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0) {
    if (errno != EINTR) fail("cannot wait for a program");
  }
  return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

}  // namespace

Pty::Pty(const Command& command) {
  ExecImage image(command);
  const winsize size{24, 80, 0, 0};
  pid_ = ::forkpty(&terminal_, nullptr, nullptr, &size);
  if (pid_ < 0) fail("cannot fork on a new terminal");
  if (pid_ == 0) {
    termios settings{};
    ::tcgetattr(STDIN_FILENO, &settings);
    settings.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    ::tcsetattr(STDIN_FILENO, TCSANOW, &settings);
    image.execute();
  }
  ::fcntl(terminal_, F_SETFD, FD_CLOEXEC);
}

Pty::~Pty() {
  if (pid_ > 0) {
    ::kill(-pid_, SIGKILL);
    ::kill(pid_, SIGKILL);  // It may not lead its group yet.
    ::waitpid(pid_, nullptr, 0);
  }
  ::close(terminal_);
}

void Pty::type(const std::string& keys) {
  if (::write(terminal_, keys.data(), keys.size()) < 0) fail("cannot type");
}

// The end of a terminal's stream is EIO: no process has it open.
bool Pty::read_more() {
  std::array<char, 4096> buffer;
  const auto size = ::read(terminal_, buffer.data(), buffer.size());
  if (size < 0 && errno == EINTR) return true;
  if (size <= 0) return false;
  output_.append(buffer.data(), static_cast<std::size_t>(size));
  return true;
}

const std::string& Pty::read_until(const std::string& text) {
  for (;;) {
    const auto place = output_.find(text, found_);
    if (place != std::string::npos) {
      found_ = place + text.size();
      return output_;
    }
    if (!read_more())
      throw std::runtime_error("the program ended and never wrote \"" + text + "\" but:\n" +
                               output_);
  }
}

int Pty::wait() {
  // Not merely until the stream ends: something left behind may keep the terminal open for ever.
  const int pidfd = static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0));
  for (bool ended = false, open = true; open && !ended;) {
    std::array<pollfd, 2> events{{{terminal_, POLLIN, 0}, {pidfd, POLLIN, 0}}};
    ::poll(events.data(), events.size(), -1);
    if (events[0].revents != 0)
      open = read_more();
    else
      ended = events[1].revents != 0;
  }
  ::close(pidfd);
  const int exit_code = wait_for(pid_);
  pid_ = -1;
  return exit_code;
}

}  // namespace royong_test
