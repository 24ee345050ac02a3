// SPDX-License-Identifier: Apache-2.0
// More than 5,000 SIGKILLs over those who send and receive through pipes; the account of every message is printed. With each death
// somebody else must see the end of the pipe.
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>

#include <algorithm>   // for std::min
#include <atomic>      // for std::atomic_ref
#include <chrono>      // for std::chrono_literals
#include <cstdint>     // for std::uint32_t, std::uint64_t
#include <functional>  // for std::function
#include <iostream>
#include <memory>  // for std::unique_ptr
#include <string>  // for std::string
#include <thread>  // for std::thread
#include <vector>  // for std::vector

#include "memory/arena.hpp"
#include "memory/objects.hpp"
#include "os/poll.hpp"
#include "os/process.hpp"
#include "royong/connection.hpp"
#include "royong/error.hpp"
#include "royong/shared.hpp"
#include "support/member.hpp"
#include "support/random.hpp"
#include "support/watchdog.hpp"

namespace royong_test {
namespace {

using namespace std::chrono_literals;
using royong::Connection;

constexpr std::size_t longest = 64 * 1024;
/// Messages of one direction whose takings are counted one by one; later ones are only checked.
constexpr std::uint32_t most_marks = 1U << 17;
/// Nobody takes this long to see an end, but for a bug.
constexpr auto stall = 30s;

struct Message {
  std::uint32_t number = 0;
  std::uint64_t sum = 0;
  std::string filling;
};

std::uint64_t checksum(const Message& message) {
  std::uint64_t sum = 14695981039346656037U ^ message.number;
  for (const char c : message.filling) sum = (sum ^ static_cast<unsigned char>(c)) * 1099511628211U;
  return sum;
}

/// What both sides of one direction write down, in shared memory.
struct Direction {
  royong::RawArray<std::uint8_t> taken = royong::RawArray<std::uint8_t>(
      std::int64_t{most_marks});                ///< how often each message was taken
  royong::RawValue<std::uint32_t> returned{0};  ///< sends that returned
  royong::RawValue<std::uint64_t> torn{0};

  void begin() const {
    const auto used = std::min(most_marks, *returned + 1);
    std::fill_n(taken.begin(), used, std::uint8_t{0});
    *returned = 0;
    *torn = 0;
  }
};

struct Result {
  std::uint64_t kills = 0;
  std::uint64_t messages = 0;
  std::uint64_t torn = 0;
  std::uint64_t duplicated = 0;
  std::uint64_t lost = 0;            ///< sent, never taken, although somebody who received lived
  std::uint64_t readers_killed = 0;  ///< of pipes that had another one
  std::uint64_t without_reader = 0;  ///< sent into pipes whose last reader was killed
  std::uint64_t ends_seen = 0;       ///< EndOfFile and BrokenPipe
  std::uint64_t stalls = 0;          ///< somebody who did not see the end
};

std::ostream& operator<<(std::ostream& out, const Result& r) {
  return out << r.kills << " kills, " << r.messages << " messages, " << r.torn << " torn, "
             << r.duplicated << " duplicated, " << r.lost << " lost in the hands of "
             << r.readers_killed << " killed readers, " << r.without_reader
             << " in pipes without a reader, " << r.ends_seen << " ends seen, " << r.stalls
             << " stalls";
}

/// Until the last reader is gone.
void send_all(const Connection& out, const Direction& account, std::uint64_t stream) {
  auto random = random_engine(stream);
  for (std::uint32_t number = 0;; ++number) {
    // Mostly short: the instants that matter are those between messages.
    const std::size_t length = random() % (random() % 8 == 0 ? longest + 1 : longest / 64 + 1);
    Message message{number, 0, std::string(length, static_cast<char>(random()))};
    message.sum = checksum(message);
    try {
      out.send(message);
    } catch (const royong::BrokenPipe&) {
      return;
    }
    std::atomic_ref(*account.returned).store(number + 1);
  }
}

/// Until the last writer is gone, and everything has been received.
void receive_all(const Connection& in, const Direction& account) {
  for (;;) {
    Message message;
    try {
      message = in.recv<Message>();
    } catch (const royong::EndOfFile&) {
      return;
    }
    if (message.sum != checksum(message)) std::atomic_ref(*account.torn) += 1;
    if (message.number < most_marks) std::atomic_ref(account.taken[message.number]) += 1;
  }
}

/// Processes of which some are killed; the others must end by themselves.
class Party {
 public:
  explicit Party(Result& result) : result_(result) {}

  void add(const std::function<void()>& body) {
    members_.push_back(std::make_unique<Member>(body));
  }

  void kill(std::size_t i) {
    members_[i]->kill();
    EXPECT_EQ(members_[i]->wait(), -SIGKILL) << "it ended while everybody lived";
    members_[i].reset();
    ++result_.kills;
  }

  void expect_ends() {
    for (auto& member : members_) {
      if (!member) continue;
      const royong::os::Fd process = royong::os::pidfd_open(member->pid());
      pollfd end{process.get(), POLLIN, 0};
      if (royong::os::poll({&end, 1}, std::chrono::steady_clock::now() + stall) == 0) {
        ++result_.stalls;
      } else {
        EXPECT_EQ(member->wait(), 0);
        ++result_.ends_seen;
      }
    }
    members_.clear();
  }

 private:
  Result& result_;
  std::vector<std::unique_ptr<Member>> members_;
};

/// @param readers_killed of those that there were; the messages in their hands may be lost
void settle(Result& result, const Direction& account, bool reader_left,
            std::uint64_t readers_killed) {
  const auto returned = std::min(*account.returned, most_marks);
  std::uint64_t missing = 0;
  for (std::uint32_t number = 0; number < std::min(returned + 1, most_marks); ++number) {
    const auto taken = account.taken[number];
    result.messages += taken;
    if (taken > 1) ++result.duplicated;
    if (taken == 0 && number < returned) ++missing;
  }
  result.torn += *account.torn;
  if (!reader_left) {
    result.without_reader += missing;
    return;
  }
  result.readers_killed += readers_killed;
  result.lost += missing;
  EXPECT_LE(missing, readers_killed);
}

template <class Random>
void live_for_a_moment(Random& random) {
  std::this_thread::sleep_for(std::chrono::microseconds(random() % 4'000));
}

/// One writer and two readers that share an end; two of the three die.
void simplex_round(Result& result, const Direction& account, std::uint64_t round) {
  auto random = random_engine(round);
  account.begin();
  auto [reader, writer] = royong::Pipe(false);
  Party party(result);
  party.add([&] {
    reader.close();
    send_all(writer, account, round);
  });
  for (int i = 0; i < 2; ++i) {
    party.add([&] {
      writer.close();
      receive_all(reader, account);
    });
  }
  reader.close();
  writer.close();
  live_for_a_moment(random);
  const std::size_t first = random() % 3;
  party.kill(first);
  if (first == 0) {  // the readers see the end of it: there is no second to be killed
    party.expect_ends();
    return settle(result, account, true, 0);
  }
  live_for_a_moment(random);
  const std::size_t second = (first + 1 + random() % 2) % 3;
  party.kill(second);
  party.expect_ends();
  settle(result, account, second == 0, 1);
}

/// Two that both send and receive all the time; one dies.
void duplex_round(Result& result, const Direction& there, const Direction& back,
                  std::uint64_t round) {
  auto random = random_engine(round);
  there.begin();
  back.begin();
  auto [a, b] = royong::Pipe();
  Party party(result);
  const auto talk = [&](const Connection& mine, const Connection& other, const Direction& out,
                        const Direction& in) {
    party.add([&] {
      other.close();
      std::thread sender([&] { send_all(mine, out, round); });
      receive_all(mine, in);
      sender.join();
    });
  };
  talk(a, b, there, back);
  talk(b, a, back, there);
  a.close();
  b.close();
  live_for_a_moment(random);
  const std::size_t victim = random() % 2;
  party.kill(victim);
  party.expect_ends();
  settle(result, there, victim == 0, 0);
  settle(result, back, victim == 1, 0);
}

template <class Round>
void storm(std::uint64_t kills, Round round) {
  allow_time(std::chrono::minutes(10));
  const auto objects = royong::memory::live_objects();
  const auto used = royong::memory::arena_usage().used;
  Result total;
  for (std::uint64_t i = 0; total.kills < kills && total.stalls == 0; ++i) round(total, i);
  std::cout << total << "\n";
  EXPECT_GE(total.kills, kills);
  EXPECT_GT(total.messages, total.kills);
  EXPECT_EQ(total.torn, 0u);
  EXPECT_EQ(total.duplicated, 0u);
  EXPECT_EQ(total.stalls, 0u);
  EXPECT_EQ(royong::memory::live_objects(), objects);
  EXPECT_LE(royong::memory::arena_usage().used, used + 1024 * 1024);
}

TEST(PipeStorm, kills_of_writers_and_readers_tear_double_and_stall_nothing) {
  const Direction account;
  storm(3000, [&](Result& result, std::uint64_t i) { simplex_round(result, account, i); });
}

TEST(PipeStorm, nor_where_both_sides_send_and_receive) {
  const Direction there;
  const Direction back;
  storm(2500, [&](Result& result, std::uint64_t i) { duplex_round(result, there, back, i); });
}

}  // namespace
}  // namespace royong_test
