// SPDX-License-Identifier: Apache-2.0
#include "support/limits.hpp"

#include <gtest/gtest-spi.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>        // for errno
#include <cstdio>        // for std::fflush
#include <exception>     // for std::exception
#include <system_error>  // for std::system_error

#include "support/fail.hpp"

namespace royong_test {
namespace {

std::string failures_of(const std::function<void()>& body) {
  testing::TestPartResultArray results;
  std::string text;
  {
    // This thread may have a reporter of its own already, so both kinds are needed.
    using Reporter = testing::ScopedFakeTestPartResultReporter;
    const Reporter all_threads(Reporter::INTERCEPT_ALL_THREADS, &results);
    const Reporter this_thread(Reporter::INTERCEPT_ONLY_CURRENT_THREAD, &results);
    try {
      body();
    } catch (const std::exception& e) {
      text = std::string("exception: ") + e.what() + "\n";
    } catch (...) {
      text = "exception of an unknown type\n";
    }
  }
  for (int i = 0; i < results.size(); ++i) {
    const auto& result = results.GetTestPartResult(i);
    if (!result.failed()) continue;
    const char* file = result.file_name() == nullptr ? "" : result.file_name();
    text += file + (":" + std::to_string(result.line_number())) + ": " + result.message() + "\n";
  }
  return text;
}

// Where the child leaves its texts: memory needs no descriptor, and no limit of the child's stops it.
class SharedText {
 public:
  SharedText() {
    void* page = ::mmap(nullptr, kSize, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED) fail("cannot map a page");
    text_ = static_cast<char*>(page);
  }
  ~SharedText() { ::munmap(text_, kSize); }
  SharedText(const SharedText&) = delete;
  SharedText& operator=(const SharedText&) = delete;

  void store(const std::string& text) { text.copy(text_, kSize - 1); }
  std::string load() const { return text_; }

 private:
  static constexpr std::size_t kSize = 65536;
  char* text_;
};

}  // namespace

ChildEnd in_child(const std::function<void()>& body) {
  SharedText text;
  std::fflush(nullptr);
  const pid_t pid = ::fork();
  if (pid < 0) fail("cannot fork");
  if (pid == 0) {
    const std::string failures = failures_of(body);
    text.store(failures);
    std::fflush(nullptr);
    ::_exit(failures.empty() ? 0 : 1);
  }
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0) {
    if (errno != EINTR) fail("cannot wait for the child");
  }
  return {WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status), text.load()};
}

ScopedLimit::ScopedLimit(int resource, rlim_t soft) : resource_(resource) {
  const auto kind = static_cast<__rlimit_resource_t>(resource_);
  if (::getrlimit(kind, &old_) != 0) fail("cannot read a limit");
  const rlimit limit{soft, old_.rlim_max};
  if (::setrlimit(kind, &limit) != 0) fail("cannot set a limit");
}

ScopedLimit::~ScopedLimit() { ::setrlimit(static_cast<__rlimit_resource_t>(resource_), &old_); }

}  // namespace royong_test
