// SPDX-License-Identifier: Apache-2.0
#include "support/member.hpp"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>        // for std::fflush
#include <exception>     // for std::exception
#include <string>        // for std::string
#include <string_view>   // for std::string_view
#include <system_error>  // for std::system_error

#include "memory/after_fork.hpp"
#include "memory/objects.hpp"

namespace royong_test {

namespace memory = royong::memory;

namespace {

int run(memory::Owner slot, const std::function<void()>& body) {
  try {
    memory::after_fork_child();
    memory::claim_slot(slot);
    memory::inherit_shares();
    body();
  } catch (const std::exception& error) {
    ADD_FAILURE() << "escaped: " << error.what();
  }
  const bool failed = testing::Test::HasFailure();
  if (failed) {
    const auto* result = testing::UnitTest::GetInstance()->current_test_info()->result();
    for (int i = 0; i < result->total_part_count(); ++i) {
      const auto& part = result->GetTestPartResult(i);
      if (part.failed()) std::fprintf(stderr, "in a member: %s\n", part.message());
    }
  }
  return failed ? 1 : 0;
}

}  // namespace

Member::Member(const std::function<void()>& body) : slot_(memory::reserve_slot()) {
  std::fflush(nullptr);
  memory::grant_shares(slot_);
  pid_ = ::fork();
  if (pid_ < 0) {
    memory::cancel_slot(slot_);
    throw std::system_error(errno, std::generic_category(), "cannot fork");
  }
  if (pid_ == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::_exit(run(slot_, body));
  }
}

Member::~Member() {
  if (!reaped_) kill();
  wait();
}

void Member::kill() const { ::kill(pid_, SIGKILL); }

int Member::reap_without_sweep() {
  if (!reaped_) {
    int status = 0;
    ::waitpid(pid_, &status, 0);
    code_ = WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
    reaped_ = true;
  }
  return code_;
}

void Member::sweep() {
  if (swept_) return;
  swept_ = true;
  memory::sweep(slot_);
  memory::wake_all_objects();
}

int Member::wait() {
  reap_without_sweep();
  sweep();
  return code_;
}

}  // namespace royong_test
