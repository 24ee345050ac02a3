// SPDX-License-Identifier: Apache-2.0
#include "support/exec_image.hpp"

#include <signal.h>
#include <unistd.h>

#include <cerrno>   // for errno
#include <cstring>  // for std::strerror, std::strlen

namespace royong_test {
namespace {

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> found;
  for (auto& text : texts) found.push_back(text.data());
  found.push_back(nullptr);
  return found;
}

}  // namespace

ExecImage::ExecImage(const Command& command)
    : limits_(command.limits), arguments_(command.arguments) {
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string text = *entry;
    if (!command.environment.contains(text.substr(0, text.find('=')))) environment_.push_back(text);
  }
  for (const auto& [name, value] : command.environment) {
    if (value) environment_.push_back(name + "=" + *value);
  }
  argv_ = pointers(arguments_);
  envp_ = pointers(environment_);
}

void ExecImage::execute() {
  for (const auto& [resource, value] : limits_) {
    const rlimit limit{value, value};
    ::setrlimit(static_cast<__rlimit_resource_t>(resource), &limit);
  }
  // The signals of a program that a shell starts.
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::execvpe(argv_[0], argv_.data(), envp_.data());
  const char* reason = std::strerror(errno);
  for (const char* text :
       {"cannot execute ", static_cast<const char*>(argv_[0]), ": ", reason, "\n"})
    if (::write(STDERR_FILENO, text, std::strlen(text)) < 0) break;
  ::_exit(127);
}

}  // namespace royong_test
