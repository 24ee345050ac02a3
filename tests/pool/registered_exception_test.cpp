// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <stdexcept>
#include <string>
#include <utility>

#include "process/every_start_method.hpp"
#include "royong/exception.hpp"
#include "royong/pool.hpp"

namespace royong_test {
namespace {

class ParseError : public std::runtime_error {
 public:
  ParseError(const std::string& what, int line) : std::runtime_error(what), line_(line) {}
  int line() const noexcept { return line_; }

 private:
  int line_;
};

void parse(int line) { throw ParseError("unexpected end", line); }

void register_parse_error() {
  mp::register_exception<ParseError>(
      [](const ParseError& e) { return std::pair(std::string(e.what()), e.line()); },
      [](std::pair<std::string, int> p) { return ParseError(p.first, p.second); });
}

class RegisteredException : public EveryStartMethod {
 protected:
  static void expect_line(mp::Pool& pool, int line) {
    try {
      pool.apply(parse, line);
      ADD_FAILURE() << "nothing was thrown";
    } catch (const ParseError& e) {
      EXPECT_EQ(e.line(), line);
      EXPECT_STREQ(e.what(), "unexpected end");
    }
  }
};

TEST_P(RegisteredException, comes_back_as_itself_from_workers_that_start_later) {
  register_parse_error();
  auto pool = context().pool(1);
  expect_line(pool, 17);
}

TEST_P(RegisteredException, comes_back_as_itself_from_workers_that_ran_before) {
  auto pool = context().pool(1);
  EXPECT_THROW(pool.apply(parse, 1), std::runtime_error);
  register_parse_error();
  expect_line(pool, 18);
}

TEST_P(RegisteredException, of_a_worker_is_known_to_everybody) {
  auto pool = context().pool(1);
  pool.apply(register_parse_error);
  expect_line(pool, 19);
}

ROYONG_EVERY_START_METHOD(RegisteredException);

}  // namespace
}  // namespace royong_test
