// SPDX-License-Identifier: Apache-2.0
#include "royong/detail/call.hpp"

#include <gtest/gtest.h>

#include <numeric>  // for std::accumulate

#include "royong/bind_front.hpp"
#include "royong/error.hpp"
#include "support/matchers.hpp"
#include "types.hpp"

namespace royong::detail {
namespace {

/// Sends a call to ourselves.
template <class R, class F, class... Args>
R call(const F& f, Args&&... args) {
  static_assert(CallableAcross<F, Args...>);
  static_assert(std::is_same_v<R, CallResult<std::decay_t<const F>, Args...>>);
  Writer request;
  write_call(request, f, std::forward<Args>(args)...);
  Reader in(request.bytes());
  Writer out;
  run_call(in, out);
  in.expect_end();
  Reader result(out.bytes());
  if constexpr (std::is_void_v<R>) {
    result.expect_end();
  } else {
    R value = result.read<R>();
    result.expect_end();
    return value;
  }
}

int twice(int x) { return 2 * x; }
std::string join(std::string_view a, const std::string& b, std::string&& c) {
  return std::string(a) + b + c;
}
double sum(std::span<const double> numbers) {
  return std::accumulate(numbers.begin(), numbers.end(), 0.0);
}
std::size_t count(std::span<const std::string> names) { return names.size(); }
int take(std::unique_ptr<int> p) { return *p; }
const std::string& longer(const std::string& a, const std::string& b) {
  return a.size() < b.size() ? b : a;
}
int never_throws(int x) noexcept { return x; }

TEST(Call, RunsFunctions) {
  EXPECT_EQ(call<int>(twice, 4), 8);
  EXPECT_EQ(call<int>(&twice, short{4}), 8);
  EXPECT_EQ(call<int>(&never_throws, 4), 4);
}

TEST(Call, RunsLambdasWithoutCaptures) {
  EXPECT_EQ(call<int>([](int a, int b) { return a - b; }, 5, 2), 3);
  EXPECT_EQ(call<int>([](int a) mutable noexcept { return ++a; }, 5), 6);
  call<void>([] {});
}

struct Scale {
  double factor;
  std::vector<double> offsets;
  double operator()(double x) const { return factor * x + offsets.at(0); }
};

TEST(Call, RunsFunctionObjects) {
  EXPECT_EQ(call<double>(Scale{2, {0.5}}, 3), 6.5);
  EXPECT_EQ(call<int>(std::plus<>(), 1, 2), 3);
  EXPECT_EQ(call<int>(std::plus<int>(), 1, 2), 3) << "an empty base class carries nothing";
}

TEST(Call, StoresWhatTheParametersSay) {
  EXPECT_EQ(call<std::string>(join, "a", "b", "c"), "abc");
  const std::string b = "b";
  EXPECT_EQ(call<std::string>(join, std::string_view("a"), b, std::string("c")), "abc");
  EXPECT_EQ(call<double>(sum, std::vector<double>{1, 2, 3}), 6);
  EXPECT_EQ(call<double>(sum, std::array<double, 2>{1, 2}), 3);
  EXPECT_EQ(call<std::size_t>(count, std::vector<std::string>{"a", "b"}), 2U);
  static_assert(std::is_same_v<StoredArgs<decltype(&sum), std::vector<double>&>,
                               std::tuple<std::vector<double>>>);
  static_assert(
      std::is_same_v<StoredArgs<decltype(&join), const char(&)[2], const char*, std::string>,
                     std::tuple<std::string, std::string, std::string>>);
}

TEST(Call, MovesWhatCanOnlyBeMoved) {
  EXPECT_EQ(call<int>(take, std::make_unique<int>(5)), 5);
  EXPECT_EQ(*call<std::unique_ptr<int>>([](int x) { return std::make_unique<int>(x); }, 7), 7);
}

TEST(Call, SendsDecayedArgumentsToGenericCallables) {
  EXPECT_EQ(call<std::string>([](auto a, const auto& b) { return a + b; }, std::string("x"), "y"),
            "xy");
  const auto size = [](auto&&... values) { return static_cast<int>(sizeof...(values)); };
  EXPECT_EQ(call<int>(size, 1, 2.5, 'c'), 3);
}

TEST(Call, CopiesAReferenceThatIsReturned) {
  EXPECT_EQ(call<std::string>(longer, "short", "much longer than the other"),
            "much longer than the other");
}

TEST(Call, PassesFunctionPointersAsValues) {
  EXPECT_EQ(call<int>([](int (*f)(int), int x) { return f(x); }, &twice, 4), 8);
  EXPECT_EQ(royong_test::there_and_back(&twice), &twice);
  EXPECT_EQ(royong_test::there_and_back(static_cast<int (*)(int)>(nullptr)), nullptr);
}

TEST(Call, LetsExceptionsThrough) {
  EXPECT_THROW(call<void>([] { throw std::out_of_range("no"); }), std::out_of_range);
}

TEST(Call, IsSmall) {
  Writer writer;
  write_call(writer, [] {});
  EXPECT_EQ(writer.size(), 8U);
  writer.clear();
  write_call(writer, &twice, 5);
  EXPECT_EQ(writer.size(), 8U + 8U + 4U);
}

TEST(Call, OfMalformedBytesIsRefused) {
  Writer writer;
  write_call(writer, &twice, 5);
  for (std::size_t size = 0; size < writer.size(); ++size) {
    Reader reader(writer.bytes().first(size));
    Writer out;
    EXPECT_THROW(run_call(reader, out), TransferError);
  }
}

TEST(Call, CanBeSentInPieces) {
  using F = Scale;
  Writer writer;
  encode_callable(writer, F{2, {1}});
  write_arguments<F>(writer, 1.0);
  write_arguments<F>(writer, 2.0F);
  Reader reader(writer.bytes());
  F f = decode_callable<F>(reader);
  EXPECT_EQ(invoke_from<double>(reader, f), 3);
  EXPECT_EQ(invoke_from<float>(reader, f), 5);
}

struct Collector {
  int sum = 0;
};

}  // namespace

template <>
inline constexpr bool is_worker_side_parameter<Collector> = true;

namespace {

TEST(Call, MakesWorkerSideParametersInTheWorker) {
  const auto collect = [](int x, Collector& out) { out.sum += x; };
  using F = std::remove_const_t<decltype(collect)>;
  Writer writer;
  write_arguments<F>(writer, 4);
  Reader reader(writer.bytes());
  Collector collector;
  invoke_from<int>(reader, collect, collector);
  EXPECT_EQ(collector.sum, 4);
}

TEST(CallableAcross, TellsWhatCannotRunElsewhere) {
  int captured = 1;
  const auto lambda = [&captured](int x) { return captured + x; };
  static_assert(!CallableAcross<decltype(lambda), int>);
  static_assert(!CallableAcross<int (*)(int&), int&>);
  static_assert(!CallableAcross<int (*)(int)>);
  static_assert(!CallableAcross<int (*)(int), int, int>);
  static_assert(!CallableAcross<int (*)(int), std::string>);
  static_assert(!CallableAcross<int* (*)()>);
  static_assert(CallableAcross<void (*)()>);
  static_assert(CallableAcross<int(int), int>);
  EXPECT_EQ(lambda(1), 2);
}

TEST(BindFront, BindsTheFirstArguments) {
  const auto bound = royong::bind_front(join, "a", std::string("b"));
  EXPECT_EQ(bound("c"), "abc");
  EXPECT_EQ(bound("d"), "abd");
  EXPECT_EQ(call<std::string>(bound, "e"), "abe");
  EXPECT_EQ(call<std::string>(royong::bind_front(royong::bind_front(join, "a"), "b"), "c"), "abc");
}

TEST(BindFront, StoresWhatViewsLookAt) {
  std::string text = "text";
  const auto bound = royong::bind_front(join, std::string_view(text));
  text = "gone";
  EXPECT_EQ(bound("", ""), "text");
  EXPECT_EQ(royong::bind_front(sum, std::vector<double>{1, 2})(), 3);
}

TEST(BindFront, MovesBoundValuesIntoASingleCall) {
  EXPECT_EQ(call<int>(royong::bind_front(take, std::make_unique<int>(7))), 7);
}

TEST(BindFront, TakesLambdasAndFunctionObjects) {
  EXPECT_EQ(call<int>(royong::bind_front([](int a, int b, int c) { return a + b * c; }, 1, 2), 3),
            7);
  EXPECT_EQ(call<double>(royong::bind_front(Scale{2, {1}}, 4.0)), 9);
  EXPECT_EQ(call<int>(royong::bind_front([](auto a, auto b) { return a * b; }, 6), 7), 42);
  static_assert(Transferable<decltype(royong::bind_front(twice, 1))>);
}

}  // namespace
}  // namespace royong::detail
