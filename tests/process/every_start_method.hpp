// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief The suite that every start method must pass: the parameter, and what its functions write to.
 */
#pragma once

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>
#include <string>

#include "royong/error.hpp"
#include "royong/init.hpp"
#include "royong/process.hpp"
#include "support/temp_dir.hpp"

namespace royong_test {

namespace mp = royong;

class EveryStartMethod : public testing::TestWithParam<mp::StartMethod> {
 protected:
  mp::Context context() const { return mp::get_context(GetParam()); }
  std::string file(const char* name) const { return (folder_ / name).string(); }

 private:
  TempDir folder_;
};

inline std::string method_name(const testing::TestParamInfo<mp::StartMethod>& info) {
  switch (info.param) {
    case mp::StartMethod::fork: return "fork";
    case mp::StartMethod::spawn: return "spawn";
    case mp::StartMethod::forkserver: return "forkserver";
  }
  return "unknown";
}

#define ROYONG_EVERY_START_METHOD(Suite)                                                          \
  INSTANTIATE_TEST_SUITE_P(Methods, Suite,                                                        \
                           testing::Values(royong::StartMethod::fork, royong::StartMethod::spawn, \
                                           royong::StartMethod::forkserver),                      \
                           royong_test::method_name)

inline void write_text(const std::string& path, const std::string& text) {
  std::ofstream(path) << text;
}

inline std::string read_text(const std::string& path) {
  std::stringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

}  // namespace royong_test

namespace royong::inline v0 {

/// For googletest's messages.
inline void PrintTo(StartMethod method, std::ostream* out) {
  *out << royong_test::method_name({method, 0});
}

}  // namespace royong::inline v0
