// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief Program: one of a floor's programs that runs beside the test: lines go in and come out.
 */
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>    // for std::array
#include <cstdio>   // for ::fdopen
#include <string>   // for std::string
#include <utility>  // for std::exchange
#include <vector>   // for std::vector

extern char** environ;

namespace royong_test {

class Program {
 public:
  /// The first of the arguments is the program's name.
  explicit Program(std::vector<std::string> arguments) {
    arguments.front() = std::string(ROYONG_TEST_PROGRAMS) + "/" + arguments.front();
    std::vector<char*> pointers;
    for (auto& argument : arguments) pointers.push_back(argument.data());
    pointers.push_back(nullptr);
    std::array<int, 2> out{}, in{};
    EXPECT_EQ(::pipe2(out.data(), O_CLOEXEC), 0);
    EXPECT_EQ(::pipe2(in.data(), O_CLOEXEC), 0);
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO);
    ::posix_spawn_file_actions_adddup2(&actions, in[0], STDIN_FILENO);
    EXPECT_EQ(::posix_spawn(&pid_, pointers[0], &actions, nullptr, pointers.data(), environ), 0);
    ::posix_spawn_file_actions_destroy(&actions);
    ::close(out[1]);
    ::close(in[0]);
    output_ = ::fdopen(out[0], "r");
    input_ = in[1];
  }
  ~Program() {
    std::fclose(output_);
    end_input();
    if (pid_ > 0) {
      ::kill(pid_, SIGKILL);
      ::waitpid(pid_, nullptr, 0);
    }
  }
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  /// The next line that it writes.
  std::string line() {
    std::array<char, 4096> text{};
    if (std::fgets(text.data(), text.size(), output_) == nullptr) return {};
    std::string result = text.data();
    result.pop_back();
    return result;
  }
  /// Gives it a line. @return what it writes then
  std::string ask(std::string text) {
    text += '\n';
    EXPECT_EQ(::write(input_, text.data(), text.size()), static_cast<ssize_t>(text.size()));
    return line();
  }
  void end_input() {
    if (input_ >= 0) ::close(std::exchange(input_, -1));
  }
  void kill() {
    ::kill(pid_, SIGKILL);
    wait();
  }
  int wait() {
    int status = 0;
    ::waitpid(std::exchange(pid_, 0), &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }

 private:
  pid_t pid_ = 0;
  int input_ = -1;
  std::FILE* output_ = nullptr;
};

}  // namespace royong_test
