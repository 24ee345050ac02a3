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

TEST(Descriptors, the_parts_that_run_may_hold_a_fixed_number) {
  const Set now{{5, "anon_inode:[eventpoll]"}, {6, "anon_inode:[eventpoll]"}, {7, "socket:[1]"}};
  EXPECT_EQ(unexpected_descriptors({}, now, {}).size(), 3u);
  EXPECT_EQ(unexpected_descriptors({}, now, {.arena = true}).size(), 2u);
  EXPECT_EQ(unexpected_descriptors({}, now, {.arena = true, .forkserver = true}),
            (std::vector<Descriptor>{{6, "anon_inode:[eventpoll]"}}));
}

TEST(Descriptors, the_arena_is_known_by_its_name) {
  const Set now{{5, "/memfd:royong-arena (deleted)"}, {6, "/memfd:other (deleted)"}};
  EXPECT_EQ(unexpected_descriptors({}, now, {.arena = true}),
            (std::vector<Descriptor>{{6, "/memfd:other (deleted)"}}));
}

TEST(Descriptors, of_a_file_no_kind_is_allowed) {
  EXPECT_EQ(unexpected_descriptors({}, Set{{5, "/etc/passwd"}}, {.arena = true, .forkserver = true})
                .size(),
            1u);
}

}  // namespace
