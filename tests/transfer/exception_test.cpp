// SPDX-License-Identifier: Apache-2.0
#include "royong/exception.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pthread.h>
#include <unistd.h>

#include <filesystem>  // for std::filesystem::filesystem_error
#include <future>      // for std::future_error
#include <regex>       // for std::regex_error
#include <thread>      // for std::thread

#include "support/matchers.hpp"
#include "types.hpp"

namespace royong::detail {
namespace {

using testing::HasSubstr;

/// Throws inside a traced call, sends what is caught to ourselves.
template <class F>
std::exception_ptr send(F f) {
  const Caught caught = call_with_trace(f);
  EXPECT_TRUE(caught);
  Writer writer;
  write_exception(writer, caught.error, caught.traceback, "loader");
  Reader reader(writer.bytes());
  std::exception_ptr error = read_exception(reader);
  reader.expect_end();
  return error;
}

/// What is nested, as type `E`.
template <class E>
E nested_in(const std::exception& error) {
  try {
    std::rethrow_if_nested(error);
  } catch (const E& nested) {
    return nested;
  }
  throw std::logic_error("nothing is nested");
}

/// Throws a copy of `error` over there; expects to catch an `E` of the same text, with its
/// RemoteError.
template <class E, class Thrown>
E expect_caught_as(const Thrown& thrown, const std::string& type_name) {
  try {
    std::rethrow_exception(send([&] { throw Thrown(thrown); }));
  } catch (const E& caught) {
    EXPECT_STREQ(caught.what(), thrown.what());
    EXPECT_EQ(nested_in<RemoteError>(caught).type_name(), type_name);
    return caught;
  }
}

template <class E>
void expect_itself(const E& thrown, const std::string& type_name) {
  expect_caught_as<E>(thrown, type_name);
}

TEST(Exception, ComesBackAsTheSameStandardType) {
  expect_itself(std::runtime_error("text"), "std::runtime_error");
  expect_itself(std::logic_error("text"), "std::logic_error");
  expect_itself(std::invalid_argument("text"), "std::invalid_argument");
  expect_itself(std::domain_error("text"), "std::domain_error");
  expect_itself(std::length_error("text"), "std::length_error");
  expect_itself(std::out_of_range("text"), "std::out_of_range");
  expect_itself(std::range_error("text"), "std::range_error");
  expect_itself(std::overflow_error("text"), "std::overflow_error");
  expect_itself(std::underflow_error("text"), "std::underflow_error");
  expect_itself(std::bad_alloc(), "std::bad_alloc");
  expect_itself(std::bad_array_new_length(), "std::bad_array_new_length");
  expect_itself(std::bad_cast(), "std::bad_cast");
  expect_itself(std::bad_typeid(), "std::bad_typeid");
  expect_itself(std::bad_function_call(), "std::bad_function_call");
  expect_itself(std::bad_weak_ptr(), "std::bad_weak_ptr");
  expect_itself(std::bad_optional_access(), "std::bad_optional_access");
  expect_itself(std::bad_variant_access(), "std::bad_variant_access");
  expect_itself(std::exception(), "std::exception");
}

TEST(Exception, KeepsItsErrorCode) {
  const std::system_error thrown(ENOENT, std::generic_category(), "cannot open /x");
  const auto caught = expect_caught_as<std::system_error>(thrown, "std::system_error");
  EXPECT_EQ(caught.code(), std::errc::no_such_file_or_directory);
  expect_itself(std::system_error(EPERM, std::system_category()), "std::system_error");
  EXPECT_EQ(expect_caught_as<std::future_error>(std::future_error(std::future_errc::no_state),
                                                "std::future_error")
                .code(),
            std::future_errc::no_state);
  EXPECT_EQ(expect_caught_as<std::regex_error>(std::regex_error(std::regex_constants::error_brack),
                                               "std::regex_error")
                .code(),
            std::regex_constants::error_brack);
  expect_itself(std::ios_base::failure("stream"), "std::ios_base::failure[abi:cxx11]");
}

TEST(Exception, KeepsThePathsOfAFilesystemError) {
  const std::filesystem::filesystem_error thrown("cannot rename", "/a", "/b",
                                                 std::make_error_code(std::errc::file_exists));
  const auto caught = expect_caught_as<std::filesystem::filesystem_error>(
      thrown, "std::filesystem::filesystem_error");
  EXPECT_EQ(caught.path2(), "/b");
  EXPECT_EQ(caught.code(), std::errc::file_exists);
}

class OtherCategory : public std::error_category {
 public:
  const char* name() const noexcept override { return "other"; }
  std::string message(int) const override { return "it went wrong"; }
};

TEST(Exception, KeepsTheTextOfACategoryThatIsNotKnown) {
  static const OtherCategory other;
  const auto caught = expect_caught_as<std::system_error>(std::system_error(7, other, "prefix"),
                                                          "std::system_error");
  EXPECT_EQ(caught.code().value(), 7);
  EXPECT_STREQ(caught.code().category().name(), "other");
}

TEST(Exception, OfRoyongComesBackAsItself) {
  expect_itself(UsageError("text"), "royong::UsageError");
  expect_itself(TimeoutError("text"), "royong::TimeoutError");
  expect_itself(TransferError("text"), "royong::TransferError");
  expect_itself(ArenaFull("text"), "royong::ArenaFull");
  expect_itself(BrokenProcessPool("text"), "royong::BrokenProcessPool");
  const auto died = expect_caught_as<WorkerDied>(WorkerDied("died", 42, -9, "task 7", "node1"),
                                                 "royong::WorkerDied");
  EXPECT_EQ(died.pid(), 42);
  EXPECT_EQ(died.exitcode(), -9);
  EXPECT_EQ(died.task(), "task 7");
  EXPECT_EQ(died.node(), "node1");
  EXPECT_EQ(expect_caught_as<BufferTooShort>(BufferTooShort("short", "all of it"),
                                             "royong::BufferTooShort")
                .message(),
            "all of it");
}

class UsersError : public std::range_error {
 public:
  using range_error::range_error;
};
struct Side {
  virtual ~Side() = default;
};
class TwoBases : public Side, public std::out_of_range {
 public:
  TwoBases() : out_of_range("two") {}
};
class UsersBadAlloc : public std::bad_alloc {
 public:
  const char* what() const noexcept override { return "no room in the pool"; }
};
class Ambiguous : public std::runtime_error, public std::logic_error {
 public:
  Ambiguous() : runtime_error("run"), logic_error("think") {}
};

TEST(Exception, OfAnotherTypeComesBackAsItsNearestBase) {
  expect_caught_as<std::range_error>(UsersError("text"),
                                     "royong::detail::(anonymous namespace)::UsersError");
  expect_caught_as<std::out_of_range>(TwoBases(),
                                      "royong::detail::(anonymous namespace)::TwoBases");
  expect_caught_as<std::bad_alloc>(UsersBadAlloc(),
                                   "royong::detail::(anonymous namespace)::UsersBadAlloc");
  EXPECT_THROW_MESSAGE(std::rethrow_exception(send([] { throw Ambiguous(); })), std::runtime_error,
                       "run");
}

TEST(Exception, WithoutStandardBaseComesBackAsRemoteError) {
  EXPECT_THROW_MESSAGE(std::rethrow_exception(send([] { throw 42; })), RemoteError,
                       "int: 42 [process loader, pid " + std::to_string(::getpid()) + "]");
  EXPECT_THROW_MESSAGE(std::rethrow_exception(send([] { throw "literal"; })), RemoteError,
                       "literal");
  EXPECT_THROW_MESSAGE(std::rethrow_exception(send([] { throw std::string("str"); })), RemoteError,
                       "std::string: str");
  struct Nothing {};
  EXPECT_THROW_MESSAGE(std::rethrow_exception(send([] { throw Nothing(); })), RemoteError,
                       "Nothing");
}

TEST(Exception, KeepsWhatIsNestedInIt) {
  const auto error = send([] {
    try {
      throw std::out_of_range("the cause");
    } catch (...) {
      std::throw_with_nested(std::runtime_error("the effect"));
    }
  });
  try {
    std::rethrow_exception(error);
  } catch (const std::runtime_error& effect) {
    EXPECT_STREQ(effect.what(), "the effect");
    try {
      std::rethrow_if_nested(effect);
    } catch (const RemoteError& remote) {
      EXPECT_EQ(remote.type_name(), "std::runtime_error");
      try {
        std::rethrow_if_nested(remote);
      } catch (const std::out_of_range& cause) {
        EXPECT_STREQ(cause.what(), "the cause");
        EXPECT_EQ(nested_in<RemoteError>(cause).type_name(), "std::out_of_range");
        return;
      }
    }
  }
  ADD_FAILURE() << "the chain is shorter than it was";
}

__attribute__((noinline)) void throw_at_the_bottom(int depth) {
  if (depth == 0) throw UsersError("deep");
  throw_at_the_bottom(depth - 1);
  asm volatile("");  // no tail call
}

std::string traceback_of(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const std::exception& caught) {
    return nested_in<RemoteError>(caught).remote_traceback();
  }
}

#ifdef __x86_64__
TEST(Traceback, BeginsAtTheThrow) {
  const std::string trace = traceback_of(send([] { throw_at_the_bottom(3); }));
  EXPECT_THAT(trace, testing::StartsWith("  at ")) << trace;
  EXPECT_THAT(trace, HasSubstr("+0x"));  // for addr2line
  EXPECT_GE(std::count(trace.begin(), trace.end(), '\n'), 3) << trace;
  EXPECT_THAT(trace, testing::Not(HasSubstr("cxa_throw")));
  EXPECT_THAT(trace, testing::Not(HasSubstr("gtest")));
}

TEST(Traceback, IsOfTheExceptionThatEscapes) {
  const Caught caught = call_with_trace([] {
    try {
      throw std::runtime_error("caught inside");
    } catch (const std::exception&) {
    }
    throw_at_the_bottom(1);
  });
  EXPECT_FALSE(caught.traceback.empty());
}

TEST(Traceback, OfACallInsideACallIsItsOwn) {
  std::string inner;
  const Caught outer = call_with_trace([&] {
    inner = call_with_trace([] { throw_at_the_bottom(1); }).traceback;
    throw std::runtime_error("outer");
  });
  EXPECT_FALSE(inner.empty());
  EXPECT_FALSE(outer.traceback.empty());
  EXPECT_NE(inner, outer.traceback);
}

TEST(Traceback, SurvivesASecondJourney) {
  const std::exception_ptr first = send([] { throw_at_the_bottom(2); });
  const std::exception_ptr second = send([&] { std::rethrow_exception(first); });
  EXPECT_EQ(traceback_of(second), traceback_of(first));
}
#endif

TEST(CallWithTrace, ReturnsNothingWhenNothingEscapes) {
  int calls = 0;
  const Caught caught = call_with_trace([&] { ++calls; });
  EXPECT_FALSE(caught);
  EXPECT_EQ(calls, 1);
}

TEST(CallWithTrace, LetsTheEndOfAThreadPass) {
  bool returned = false;
  std::thread([&] {
    call_with_trace([] { ::pthread_exit(nullptr); });
    returned = true;
  }).join();
  EXPECT_FALSE(returned);
}

class ParseError : public std::runtime_error {
 public:
  ParseError(const std::string& text, int line) : runtime_error(text), line_(line) {}
  int line() const { return line_; }

 private:
  int line_;
};
struct ParseErrorCodec {
  auto encode(const ParseError& e) const { return std::pair(std::string(e.what()), e.line()); }
  auto decode(const std::pair<std::string, int>& p) const {
    if (p.second < 0) throw std::runtime_error("a codec that fails");
    return ParseError(p.first, p.second);
  }
};
struct Code {
  int number;
};

TEST(RegisterException, BringsUsersTypesBackAsThemselves) {
  register_exception<ParseError>(ParseErrorCodec());
  try {
    std::rethrow_exception(send([] { throw ParseError("bad", 12); }));
  } catch (const ParseError& caught) {
    EXPECT_STREQ(caught.what(), "bad");
    EXPECT_EQ(caught.line(), 12);
    EXPECT_THAT(nested_in<RemoteError>(caught).type_name(), HasSubstr("ParseError"));
  }
}

TEST(RegisterException, FallsBackToTheBaseWhenTheCodecFails) {
  register_exception<ParseError>(ParseErrorCodec());
  EXPECT_THROW_MESSAGE(std::rethrow_exception(send([] { throw ParseError("bad", -1); })),
                       std::runtime_error, "bad");
}

TEST(RegisterException, TakesTwoFunctionsAndTypesWithoutStandardBase) {
  register_exception<Code>([](const Code& c) { return c.number; }, [](int n) { return Code{n}; });
  try {
    std::rethrow_exception(send([] { throw Code{5}; }));
  } catch (const Code& caught) {
    EXPECT_EQ(caught.number, 5);
  }
}

TEST(Exception, OfMalformedBytesIsATransferError) {
  const Caught caught = call_with_trace([] { throw std::runtime_error("text"); });
  Writer writer;
  write_exception(writer, caught.error, caught.traceback);
  for (std::size_t size = 0; size < writer.size(); ++size) {
    Reader reader(writer.bytes().first(size));
    EXPECT_THROW(read_exception(reader), TransferError);
  }
  Writer empty;
  empty(std::vector<int>());
  Reader reader(empty.bytes());
  EXPECT_THROW(rethrow_exception_from(reader), TransferError);
}

}  // namespace
}  // namespace royong::detail
