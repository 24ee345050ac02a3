// SPDX-License-Identifier: Apache-2.0
// What a pool says about itself: numbers, and a trace.
#include <gmock/gmock.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "pool/functions.hpp"
#include "pool/held.hpp"
#include "pool/trace.hpp"
#include "process/every_start_method.hpp"
#include "royong/pool.hpp"
#include "support/eventually.hpp"
#include "support/subprocess.hpp"
#include "support/temp_dir.hpp"

namespace royong_test {
namespace {

using namespace std::chrono_literals;

TEST(PoolStats, count_each_task_once) {
  mp::Pool pool(2);
  std::vector<mp::Future<int>> futures;
  for (int i = 0; i < 100; ++i) futures.push_back(pool.apply_async(square, i));
  futures.push_back(pool.apply_async(throw_out_of_range, 1));
  futures.push_back(pool.apply_async(die));
  futures.push_back(pool.apply_async({.retries = 2}, die));
  for (const auto& future : futures) future.wait();
  const mp::PoolStats stats = pool.stats();
  EXPECT_EQ(stats.submitted, 103U);
  EXPECT_EQ(stats.done, 100U);
  EXPECT_EQ(stats.failed, 3U);
  EXPECT_EQ(stats.cancelled, 0U);
  EXPECT_EQ(stats.retried, 2U);
  EXPECT_EQ(stats.deaths, 4U);
  EXPECT_EQ(stats.queue_depth, 0U);
  EXPECT_EQ(stats.running, 0U);
  EXPECT_EQ(stats.busy.size(), 2U);
}

int announced(const mp::Event& began, const mp::Event& until) {
  began.set();
  return held(until, 1);
}

TEST(PoolStats, tell_what_waits_and_what_runs) {
  mp::Pool pool(1);
  const mp::Event began;
  const mp::Event open;
  const auto running = pool.apply_async(announced, began, open);
  std::vector<mp::Future<int>> pending;
  for (int i = 0; i < 20; ++i) pending.push_back(pool.apply_async(square, i));
  began.wait();
  const mp::PoolStats stats = pool.stats();
  EXPECT_EQ(stats.running, 1U);
  EXPECT_EQ(stats.queue_depth, 20U);
  for (const auto& future : pending) EXPECT_TRUE(future.cancel());
  EXPECT_EQ(pool.stats().cancelled, 20U);
  open.set();
  EXPECT_EQ(running.get(), 1);
}

TEST(PoolStats, busy_time_is_that_of_work_also_of_workers_that_are_gone) {
  mp::Pool pool(1);
  EXPECT_EQ(pool.apply(sleep_ms, 60), 60);
  EXPECT_THROW(pool.apply([] {
    sleep_ms(60);
    die();
  }),
               mp::WorkerDied);
  EXPECT_GE(pool.stats().busy.at(0), 120ms);
  // A worker without work counts nothing.
  pool.apply(square, 1);
  std::chrono::nanoseconds before{};
  eventually([&] {
    const auto last = std::exchange(before, pool.stats().busy.at(0));
    std::this_thread::sleep_for(5ms);
    return last == before;
  });
}

TEST(PoolStats, of_recycled_workers_are_no_deaths) {
  mp::Pool pool(1, {.maxtasksperchild = 1});
  for (int i = 0; i < 3; ++i) EXPECT_EQ(pool.apply(square, i), i * i);
  EXPECT_EQ(pool.stats().done, 3U);
  EXPECT_EQ(pool.stats().deaths, 0U);
}

/** What the readers of the format need: of each event its phase and its process; of a slice its lane, beginning and length; names of lanes and
 *  process. Their order in the file means nothing to them, but slices of one lane that overlapped would be drawn as one inside of the other.
 */
constexpr const char* trace_reader = R"(
import decimal, json, sys
text = open(sys.argv[1]).read().rstrip()
if sys.argv[2] == 'unfinished': text = text.rstrip(',') + ']'
events = json.loads(text, parse_float=decimal.Decimal)
lanes = {}
for event in events:
  assert type(event['pid']) is int and type(event['name']) is str, event
  if event['ph'] == 'M':
    assert event['name'] in ('thread_name', 'process_name') and event['args']['name'], event
    assert event['name'] == 'process_name' or type(event['tid']) is int, event
    continue
  assert event['ph'] == 'X' and type(event['tid']) is int, event
  assert event['ts'] > 0 and event['dur'] >= 0, event
  lanes.setdefault(event['tid'], []).append((event['ts'], event['dur']))
for slices in lanes.values():
  slices.sort()
  for (begin, length), (after, _) in zip(slices, slices[1:]):
    assert begin + length <= after, (begin, length, after)
print(len(events))
)";

/// A trace is whole records, each a JSON object; Python is the judge where there is one.
std::vector<std::string> check_trace(const std::string& file, bool finished) {
  const std::string text = read_text(file);
  EXPECT_EQ(text.size() % mp::detail::Trace::record, 0U);
  std::vector<std::string> records;
  for (std::size_t at = 0; at < text.size(); at += mp::detail::Trace::record) {
    std::string record = text.substr(at, mp::detail::Trace::record);
    EXPECT_EQ(record.back(), '\n');
    record.erase(record.find_last_not_of(" \n") + 1);
    if (at == 0) {
      EXPECT_EQ(record, "[");
      continue;
    }
    const bool last = finished && at + mp::detail::Trace::record == text.size();
    EXPECT_EQ(record.back(), last ? ']' : ',');
    record.pop_back();
    EXPECT_EQ(record.front(), '{');
    EXPECT_EQ(record.back(), '}');
    records.push_back(record);
  }
  if (std::filesystem::exists("/usr/bin/python3")) {
    // What was read here: a pool that runs may have written more since.
    const std::string copy = file + ".read";
    std::ofstream(copy) << text;
    const Finished json =
        run({{"/usr/bin/python3", "-c", trace_reader, copy, finished ? "finished" : "unfinished"}});
    EXPECT_EQ(json.output, std::to_string(records.size()) + "\n") << json.error;
  }
  return records;
}

std::size_t count(const std::vector<std::string>& records, const std::string& part) {
  return static_cast<std::size_t>(std::ranges::count_if(
      records, [&](const std::string& one) { return one.find(part) != std::string::npos; }));
}

TEST(PoolTrace, has_a_lane_for_each_worker_and_a_slice_for_each_task) {
  const TempDir folder;
  const std::string file = (folder / "trace.json").string();
  {
    mp::Pool pool(2, {.name = "tracer", .trace = file});
    std::vector<mp::Future<int>> futures;
    for (int i = 0; i < 20; ++i)
      futures.push_back(pool.apply_async({.name = "say \"" + std::to_string(i) + "\""}, square, i));
    for (const auto& future : futures) future.wait();
    EXPECT_THROW(pool.apply(throw_out_of_range, 1), std::out_of_range);
    pool.map(square, std::vector<int>(1000, 2));
    EXPECT_THROW(pool.apply({.name = std::string(300, 'x')}, die), mp::WorkerDied);
  }
  const auto records = check_trace(file, true);
  EXPECT_EQ(count(records, R"("args":{"name":"tracer-1"})"), 1U);
  EXPECT_EQ(count(records, R"("args":{"name":"tracer-2"})"), 1U);
  EXPECT_EQ(count(records, R"({"name":"say \")"), 20U);
  EXPECT_EQ(count(records, R"("ph":"M")"), 4U);  // two workers, the replacement of one, the process
  EXPECT_EQ(count(records, R"("ph":"X","pid":1,"tid":)") + 4, records.size());
  EXPECT_EQ(count(records, R"("ended":"exception")"), 1U);
  EXPECT_EQ(count(records, R"("ended":"WorkerDied")"), 1U);
  EXPECT_EQ(count(records, std::string(79, 'x') + "\""), 1U);
}

TEST(PoolTrace, of_killed_workers_loads) {
  const TempDir folder;
  const std::string file = (folder / "trace.json").string();
  mp::Pool pool(2, {.restarts = {.count = 1'000}, .trace = file});
  std::vector<mp::Future<int>> futures;
  for (int i = 0; i < 400; ++i) {
    futures.push_back(pool.apply_async({.retries = 100}, square, i));
    if (i % 40 == 0) {
      for (const auto& child : mp::active_children()) child.kill();
    }
  }
  for (int i = 0; i < 400; ++i) EXPECT_EQ(futures[static_cast<std::size_t>(i)].get(), i * i);
  const auto records = check_trace(file, false);
  EXPECT_GE(count(records, R"("ended":"value")"), 400U);
}

TEST(PoolTrace, of_a_killed_program_loads) {
  const TempDir folder;
  const std::string file = (folder / "trace.json").string();
  const Finished end = run({{std::string(ROYONG_TEST_PROGRAMS) + "/killed_tracer", file}});
  EXPECT_EQ(end.exit_code, -SIGKILL);
  EXPECT_GE(count(check_trace(file, false), R"("ended":"value")"), 50U);
}

TEST(PoolTrace, that_cannot_be_written_fails_the_constructor) {
  EXPECT_THROW(mp::Pool(1, {.trace = "/nowhere/at/all.json"}), std::system_error);
}

TEST(PoolTrace, of_tasks_in_this_process) {
  const TempDir folder;
  const std::string file = (folder / "trace.json").string();
  {
    mp::Pool pool(1, {.trace = file, .inline_tasks = true});
    EXPECT_EQ(pool.apply({.name = "here"}, square, 3), 9);
    pool.close();
    pool.join();
  }
  EXPECT_EQ(count(check_trace(file, true), R"({"name":"here")"), 1U);
}

TEST(JsonText, is_printable_and_quoted) {
  EXPECT_EQ(mp::detail::json_quoted("a\"b\\c\nd\xc3"), "\"a\\\"b\\\\c?d?\"");
}

}  // namespace
}  // namespace royong_test
