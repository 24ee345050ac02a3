// SPDX-License-Identifier: Apache-2.0
// Two programs that share no ancestor but this test, which only starts them.
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>  // for std::filesystem::exists
#include <string>      // for std::string
#include <vector>      // for std::vector

#include "channel/certificates.hpp"
#include "support/eventually.hpp"
#include "support/program.hpp"
#include "support/temp_dir.hpp"

namespace royong_test {
namespace {

void expect_conversation(const std::string& address, const std::string& key,
                         std::vector<std::string> listener_tls = {},
                         const std::vector<std::string>& client_tls = {}) {
  std::vector<std::string> arguments{"speaker", "listen", address, key};
  arguments.insert(arguments.end(), listener_tls.begin(), listener_tls.end());
  Program listener(arguments);
  arguments = {"speaker", "call", listener.line(), key};
  arguments.insert(arguments.end(), client_tls.begin(), client_tls.end());
  Program client(arguments);
  EXPECT_EQ(client.line(), "2 42 1000000");
  EXPECT_EQ(client.wait(), 0);
  EXPECT_EQ(listener.line(), "the end");
  EXPECT_EQ(listener.wait(), 0);
}

TEST(TwoPrograms, talk_over_a_unix_path_and_leave_no_file) {
  const TempDir folder;
  expect_conversation((folder / "sock").string(), "key");
  EXPECT_FALSE(std::filesystem::exists(folder / "sock"));
}

TEST(TwoPrograms, talk_over_an_abstract_name) { expect_conversation("", "-"); }

TEST(TwoPrograms, talk_over_tcp) {
  expect_conversation("127.0.0.1:0", "key");
  expect_conversation("[::1]:0", "-");
}

TEST(TwoPrograms, talk_over_tls) {
  const TempDir folder;
  Authority authority(folder.path());
  const auto server = authority.sign("server", "IP:127.0.0.1");
  expect_conversation("127.0.0.1:0", "key", {server.certificate, server.key}, {authority.file()});
  expect_conversation("127.0.0.1:0", "key", {"psk"}, {"psk"});
}

TEST(TwoPrograms, with_different_keys_do_not_talk) {
  Program listener({"speaker", "listen", "", "one"});
  Program client({"speaker", "call", listener.line(), "two"});
  EXPECT_EQ(client.wait(), 3);
  EXPECT_EQ(listener.wait(), 3);
}

TEST(TwoPrograms, leave_no_file_when_the_listener_or_its_whole_family_is_killed) {
  const TempDir folder;
  const std::string path = (folder / "sock").string();
  for (const char* who : {"root", "massacre"}) {
    Program killed({"speaker", who, path});
    EXPECT_EQ(killed.line(), "1") << who;
    EXPECT_EQ(killed.wait(), -SIGKILL) << who;
    eventually([&] { return !std::filesystem::exists(path); });
  }
}

TEST(TwoPrograms, the_next_listener_need_not_wait_for_the_file_of_one_that_was_killed) {
  const TempDir folder;
  const std::string path = (folder / "sock").string();
  for (int round = 0; round < 20; ++round) {
    {
      Program killed({"speaker", "listen", path, "-"});
      EXPECT_EQ(killed.line(), path);
    }
    // The keeper of the killed one is at work, and leaves alone what is not its file.
    expect_conversation(path, "-");
    EXPECT_FALSE(std::filesystem::exists(path));
  }
}

}  // namespace
}  // namespace royong_test
