// SPDX-License-Identifier: Apache-2.0
#include "support/leak_listener.hpp"

#include <unistd.h>

#include <cstdio>   // for std::fprintf
#include <string>   // for std::string
#include <utility>  // for std::move

#include "support/random.hpp"
#include "support/watchdog.hpp"

namespace royong_test {

LeakListener::LeakListener(LeakScope scope) : self_(::getpid()), check_(std::move(scope)) {}

void LeakListener::OnTestProgramStart(const testing::UnitTest&) {
  std::printf("ROYONG_TEST_SEED=%llu\n", static_cast<unsigned long long>(seed()));
}

void LeakListener::OnTestStart(const testing::TestInfo& test) {
  watch(std::string(test.test_suite_name()) + "." + test.name());
}

void LeakListener::OnTestEnd(const testing::TestInfo& test) {
  if (::getpid() != self_) {
    std::fprintf(stderr, "a child of %s.%s returned from the test's body: it must end by _exit\n",
                 test.test_suite_name(), test.name());
    ::_exit(125);
  }
  watch("what follows " + std::string(test.test_suite_name()) + "." + test.name());
  for (const auto& line : check_.leftovers()) ADD_FAILURE() << line;
}

void LeakListener::OnTestProgramEnd(const testing::UnitTest&) { watch("the end of the program"); }

}  // namespace royong_test
