// SPDX-License-Identifier: Apache-2.0
#include <cstdlib>
#include <utility>

#include "process/every_start_method.hpp"

namespace royong_test {
namespace {

class Authkey : public EveryStartMethod {
 protected:
  /// The exit code of a process that compares its key with this one, and then has another.
  int compare(const std::string& expected) {
    auto process = context().process(
        [](const std::string& key) {
          const bool same = mp::authkey() == key;
          mp::set_authkey("a child's own");
          std::exit(same && mp::authkey() == "a child's own" ? 7 : 8);
        },
        expected);
    process.start();
    process.join();
    return process.exitcode().value_or(-1);
  }
  void TearDown() override { mp::set_authkey(std::exchange(before_, {})); }
  std::string before_ = mp::authkey();
};

TEST_P(Authkey, is_random_and_inherited) {
  EXPECT_EQ(before_.size(), 32U);
  EXPECT_NE(before_, std::string(32, before_[0]));
  EXPECT_EQ(compare(before_), 7);
  EXPECT_EQ(mp::authkey(), before_);
}

TEST_P(Authkey, that_was_set_is_inherited) {
  mp::set_authkey(std::string("any\0bytes", 9));
  EXPECT_EQ(compare(std::string("any\0bytes", 9)), 7);
}

ROYONG_EVERY_START_METHOD(Authkey);

}  // namespace
}  // namespace royong_test
