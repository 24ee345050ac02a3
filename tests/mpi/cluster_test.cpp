// SPDX-License-Identifier: Apache-2.0
// Whole programs, alone and under mpirun.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "support/subprocess.hpp"
#include "support/temp_dir.hpp"

namespace {

using royong_test::Finished;
using royong_test::TempDir;
using testing::HasSubstr;
using testing::Not;

const std::string programs = ROYONG_TEST_PROGRAMS "/";

/// Runs `arguments` by mpirun, with what it needs on one machine: also as root, and without any network but loopback.
Finished mpirun(const TempDir& folder, std::vector<std::string> arguments) {
  std::vector<std::string> line = {"mpirun",
                                   "--oversubscribe",
                                   "--enable-recovery",
                                   "--mca",
                                   "orte_tmpdir_base",
                                   folder.path().string(),
                                   "--mca",
                                   "btl",
                                   "tcp,self",
                                   "--mca",
                                   "btl_tcp_if_include",
                                   "lo"};
  line.insert(line.end(), arguments.begin(), arguments.end());
  return royong_test::run({.arguments = line,
                           .environment = {{"OMPI_ALLOW_RUN_AS_ROOT", "1"},
                                           {"OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1"},
                                           {"OMPI_MCA_btl_vader_single_copy_mechanism", "none"},
                                           // What MPI does not free is no leak of ours.
                                           {"LSAN_OPTIONS", "detect_leaks=0"}}});
}

/// The program came to its last line, and everything holds.
void expect_yes(const Finished& finished, const std::string& last) {
  EXPECT_EQ(finished.exit_code, 0) << finished.output << finished.error;
  EXPECT_THAT(finished.output, HasSubstr(last + ": yes"));
  EXPECT_THAT(finished.output, Not(HasSubstr("NO")));
}

/// Under ThreadSanitizer nothing is known of the threads of an MPI that was built without it.
class UnderMpirun : public testing::Test {
 protected:
  void SetUp() override {
#if defined(__SANITIZE_THREAD__)
    GTEST_SKIP() << "Open MPI is not instrumented";
#endif
  }
};

TEST(Cluster, WithoutMpirunItIsASingleNode) {
  const Finished finished = royong_test::run({.arguments = {programs + "features"}});
  expect_yes(finished, "terminate ends everything");
}

TEST_F(UnderMpirun, DoesTheSameOverSeveralRanks) {
  const TempDir folder;
  const Finished finished = mpirun(folder, {"-n", "3", programs + "features"});
  expect_yes(finished, "terminate ends everything");
}

TEST(Cluster, WithoutMpirunProxiesTravelAsInAPool) {
  const Finished finished = royong_test::run({.arguments = {programs + "shares_proxies"}});
  expect_yes(finished, "and it goes on");
}

TEST_F(UnderMpirun, WhatAManagerKeepsIsUsedFromEveryRank) {
  const TempDir folder;
  const Finished finished = mpirun(folder, {"-n", "3", programs + "shares_proxies"});
  expect_yes(finished, "and it goes on");
}

TEST_F(UnderMpirun, AKilledAgentLosesOnlyWhatItHadBeenGiven) {
  const TempDir folder;
  const Finished finished =
      mpirun(folder, {"-n", "3", programs + "loses_a_node", folder.path().string(), "kill"});
  EXPECT_EQ(finished.exit_code, 0) << finished.output << finished.error;
  EXPECT_EQ(finished.output, "lost: yes\nretried: yes\nsum: 2668667000\nalive: no\n")
      << finished.error;
  EXPECT_THAT(finished.error, HasSubstr("was lost with rank 2 on "));
}

TEST_F(UnderMpirun, AnAgentThatAnswersLateIsFencedAndEnds) {
  const TempDir folder;
  const Finished finished =
      mpirun(folder, {"-n", "3", programs + "loses_a_node", folder.path().string(), "stop"});
  EXPECT_EQ(finished.exit_code, 0) << finished.output << finished.error;
  EXPECT_EQ(finished.output, "lost: yes\nretried: yes\nsum: 2668667000\nalive: no\n")
      << finished.error;
  EXPECT_THAT(finished.error, HasSubstr("nothing was heard of it for 4 s"));
}

/// What combines_at_nodes says with this victim.
Finished combine(const std::string& victim) {
  const TempDir folder;
  return mpirun(folder,
                {"-n", "3", programs + "combines_at_nodes", folder.path().string(), victim});
}

TEST_F(UnderMpirun, MapReduceCombinesOnEachNodeBeforeAnythingTravels) {
  const Finished finished = combine("nobody");
  EXPECT_EQ(finished.exit_code, 0) << finished.error;
  EXPECT_EQ(finished.output,
            "the counts are right: yes\nkept at nodes: yes\nwhat travelled is small: yes\n"
            "nothing is kept any more\n")
      << finished.error;
}

TEST_F(UnderMpirun, ResultsThatWereKeptOnALostNodeAreComputedAgain) {
  const Finished finished = combine("map");
  EXPECT_EQ(finished.exit_code, 0) << finished.error;
  EXPECT_THAT(finished.output, HasSubstr("the counts are right: yes")) << finished.error;
  EXPECT_THAT(finished.output, HasSubstr("nothing is kept any more"));
}

TEST_F(UnderMpirun, ANodeThatIsLostWhileItCombinesIsCountedOnce) {
  const Finished finished = combine("merge");
  EXPECT_EQ(finished.exit_code, 0) << finished.error;
  EXPECT_THAT(finished.output, HasSubstr("the counts are right: yes")) << finished.error;
  EXPECT_THAT(finished.output, HasSubstr("nothing is kept any more"));
}

TEST_F(UnderMpirun, ResultsThatWereKeptOnALostNodeAreLostWithoutRetries) {
  const Finished finished = combine("fragile");
  EXPECT_EQ(finished.exit_code, 0) << finished.error;
  EXPECT_THAT(finished.output, HasSubstr("NodeLost: ")) << finished.error;
  EXPECT_THAT(finished.output, HasSubstr("was lost with rank 2 on "));
}

TEST_F(UnderMpirun, AnotherExecutableTakesNoPart) {
  const TempDir folder;
  const Finished finished =
      mpirun(folder, {"-n", "2", programs + "squares", ":", "-n", "1", programs + "other_squares"});
  EXPECT_EQ(finished.exit_code, 0) << finished.output << finished.error;
  EXPECT_EQ(finished.output, "2 nodes, sum 333833500\n") << finished.error;
  EXPECT_THAT(finished.error, HasSubstr("it runs another executable: build-id"));
}

TEST_F(UnderMpirun, AnotherVersionTakesNoPart) {
  const TempDir folder;
  const Finished finished = mpirun(
      folder, {"-n", "2", programs + "squares", ":", "-n", "1", programs + "stranger", "version"});
  EXPECT_EQ(finished.exit_code, 0) << finished.output << finished.error;
  EXPECT_THAT(finished.output, HasSubstr("2 nodes, sum 333833500\n")) << finished.error;
  EXPECT_THAT(finished.output, HasSubstr("refused: its royong is of version"));
  EXPECT_THAT(finished.error, HasSubstr("takes no part: its royong is of version"));
}

TEST_F(UnderMpirun, WhoTalksNonsenseIsLostAndTheOthersGoOn) {
  const TempDir folder;
  const Finished finished = mpirun(
      folder, {"-n", "2", programs + "squares", ":", "-n", "1", programs + "stranger", "nonsense"});
  EXPECT_THAT(finished.output, HasSubstr("2 nodes, sum 333833500\n")) << finished.error;
  EXPECT_THAT(finished.error, HasSubstr("is lost: what it sent makes no sense"));
}

}  // namespace
