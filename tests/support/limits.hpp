// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief Runs a piece of a test in a forked child, where limits, signals and deaths harm nobody.
 *
 *      EXPECT_IN_CHILD([] {
 *        const ScopedLimit few_files(RLIMIT_NOFILE, 8);
 *        EXPECT_THROW(open_many(), std::system_error);
 *      });
 */
#pragma once

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <functional>  // for std::function
#include <ostream>     // for std::ostream
#include <string>      // for std::string

namespace royong_test {

/// How a child ended.
struct ChildEnd {
  int exit_code = 0;  ///< 0 when all held, 1 when an expectation failed; -N when signal N killed it
  std::string failures;  ///< the texts of failed expectations and of an exception that escaped

  explicit operator bool() const { return exit_code == 0 && failures.empty(); }
  friend std::ostream& operator<<(std::ostream& out, const ChildEnd& end) {
    return out << "exit code " << end.exit_code << "\n" << end.failures;
  }
};

/** @brief Forks, runs the body there, and returns how that ended.
 *
 *  A failed expectation in the child does not fail the test: its text comes back. The child ends by `_exit`.
 */
ChildEnd in_child(const std::function<void()>& body);

/// A soft limit of this process for a scope.
class ScopedLimit {
 public:
  ScopedLimit(int resource, rlim_t soft);
  ~ScopedLimit();
  ScopedLimit(const ScopedLimit&) = delete;
  ScopedLimit& operator=(const ScopedLimit&) = delete;

 private:
  int resource_;
  rlimit old_{};
};

}  // namespace royong_test

/// Expects that every expectation of the body holds in a forked child.
#define EXPECT_IN_CHILD(...)                                          \
  if (const auto royong_end = ::royong_test::in_child(__VA_ARGS__)) { \
  } else                                                              \
    ADD_FAILURE() << "in a child: " << royong_end
