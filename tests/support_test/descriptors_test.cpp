// SPDX-License-Identifier: Apache-2.0
#include "support/descriptors.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

namespace {

using royong_test::Descriptor;
using royong_test::unexpected_descriptors;
using Set = std::set<Descriptor>;

TEST(Descriptors, are_found_with_their_targets) {
  const int fd = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  EXPECT_TRUE(royong_test::open_descriptors().contains({fd, "/dev/null"}));
  ::close(fd);
  EXPECT_FALSE(royong_test::open_descriptors().contains({fd, "/dev/null"}));
}

TEST(Descriptors, another_target_of_the_same_number_is_another_descriptor) {
  EXPECT_EQ(unexpected_descriptors(Set{{5, "pipe:[1]"}}, Set{{5, "pipe:[2]"}}, {}).size(), 1u);
}

TEST(Descriptors, the_library_keeps_one_death_pipe) {
  const Set one{{5, "pipe:[1]"}, {6, "pipe:[1]"}};
  EXPECT_EQ(unexpected_descriptors({}, one, {}).size(), 2u);
  EXPECT_EQ(unexpected_descriptors({}, one, {.arena = true}).size(), 0u);
  const Set two{{5, "pipe:[1]"}, {6, "pipe:[1]"}, {7, "pipe:[2]"}, {8, "pipe:[2]"}};
  EXPECT_EQ(unexpected_descriptors({}, two, {.arena = true}),
            (std::vector<Descriptor>{{7, "pipe:[2]"}, {8, "pipe:[2]"}}));
}

TEST(Descriptors, one_end_of_a_pipe_is_no_death_pipe) {
  EXPECT_EQ(unexpected_descriptors({}, Set{{5, "pipe:[1]"}}, {.arena = true}).size(), 1u);
}

TEST(Descriptors, the_library_keeps_one_socket_to_its_forkserver) {
  const Set now{{7, "socket:[1]"}, {8, "socket:[2]"}};
  EXPECT_EQ(unexpected_descriptors({}, now, {.arena = true}).size(), 2u);
  EXPECT_EQ(unexpected_descriptors({}, now, {.arena = true, .forkserver = true}),
            (std::vector<Descriptor>{{8, "socket:[2]"}}));
}

TEST(Descriptors, of_a_file_no_kind_is_allowed) {
  EXPECT_EQ(unexpected_descriptors({}, Set{{5, "/etc/passwd"}}, {.arena = true, .forkserver = true})
                .size(),
            1u);
}

}  // namespace
