// SPDX-License-Identifier: Apache-2.0
#include "support/captured_stderr.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

namespace royong_test {

CapturedStderr::CapturedStderr() : saved_(::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0)) {
  int ends[2];
  EXPECT_EQ(::pipe2(ends, O_NONBLOCK | O_CLOEXEC), 0);
  read_ = ends[0];
  ::dup2(ends[1], STDERR_FILENO);
  ::close(ends[1]);
}

CapturedStderr::~CapturedStderr() {
  ::dup2(saved_, STDERR_FILENO);
  ::close(saved_);
  ::close(read_);
}

std::string CapturedStderr::text() const {
  std::string all(65536, '\0');
  const auto n = ::read(read_, all.data(), all.size());
  all.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
  return all;
}

int exit_code(pid_t child) {
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

}  // namespace royong_test
