// SPDX-License-Identifier: Apache-2.0
#include "support/queue_storm.hpp"

#include <algorithm>  // for std::min
#include <array>      // for std::array
#include <chrono>     // for std::chrono_literals
#include <memory>     // for std::unique_ptr
#include <string>     // for std::string
#include <thread>     // for std::this_thread::sleep_for
#include <vector>     // for std::vector

#include "royong/queue.hpp"
#include "royong/shared.hpp"
#include "support/member.hpp"
#include "support/random.hpp"

namespace royong_test {

namespace {

using namespace std::chrono_literals;

/// Messages that one life of a producer may send; then it waits to be killed.
constexpr std::uint32_t per_life = 200'000;

struct Message {
  std::uint32_t life = 0;
  std::uint32_t number = 0;
  std::uint64_t sum = 0;
  std::string filling;
};

std::uint64_t checksum(const Message& message) {
  std::uint64_t sum = 14695981039346656037U ^ message.life ^ std::uint64_t{message.number} << 32;
  for (const char c : message.filling) sum = (sum ^ static_cast<unsigned char>(c)) * 1099511628211U;
  return sum;
}

/// What everybody writes down, in shared memory. A life of a producer has `per_life` marks.
struct Account {
  explicit Account(std::uint64_t lives)
      : returned(static_cast<std::int64_t>(lives)),
        taken(static_cast<std::int64_t>(lives * per_life)),
        torn(0),
        takes(0) {}
  royong::RawArray<std::uint32_t> returned;  ///< puts of that life that returned
  royong::RawArray<std::uint8_t> taken;      ///< how often each message was taken
  royong::Value<std::uint64_t> torn;
  royong::Value<std::uint64_t> takes;
};

void produce(const royong::Queue<Message>& queue, const Account& account, std::uint32_t life,
             std::size_t longest, int batch) {
  auto random = random_engine(life);
  std::vector<Message> messages;
  for (std::uint32_t number = 0; number < per_life;) {
    messages.clear();
    for (int i = 0; i < batch && number < per_life; ++i, ++number) {
      // Mostly short: the instants that matter are those between messages.
      const std::size_t length = random() % (random() % 8 == 0 ? longest + 1 : longest / 64 + 1);
      Message message{life, number, 0, std::string(length, static_cast<char>(random()))};
      message.sum = checksum(message);
      messages.push_back(std::move(message));
    }
    if (batch == 1) {
      queue.put(messages.front());
    } else {
      queue.put_many(messages);
    }
    std::atomic_ref(account.returned[life]).store(number);
  }
  for (;;) std::this_thread::sleep_for(1h);
}

void note(const Account& account, const Message& message) {
  account.takes += 1;
  if (message.sum != checksum(message)) account.torn += 1;
  std::atomic_ref(account.taken[std::size_t{message.life} * per_life + message.number]) += 1;
}

void consume(const royong::Queue<Message>& queue, const Account& account, int batch) {
  for (;;) {
    if (batch == 1) {
      note(account, queue.get());
    } else {
      for (const auto& message : queue.get_many(batch)) note(account, message);
    }
  }
}

/// Whether messages go on being taken: a stall is nothing for this long.
class Progress {
 public:
  explicit Progress(const royong::Value<std::uint64_t>& takes) : takes_(takes) {}

  /// @return whether this look completes a stall
  bool has_stalled() {
    const auto now = std::chrono::steady_clock::now();
    const auto takes = takes_.load();
    const bool stalled = takes == seen_ && now - since_ > 10s;
    if (takes != seen_ || stalled) since_ = now;
    seen_ = takes;
    return stalled;
  }

 private:
  royong::Value<std::uint64_t> takes_;
  std::uint64_t seen_ = 0;
  std::chrono::steady_clock::time_point since_ = std::chrono::steady_clock::now();
};

}  // namespace

QueueStormResult queue_storm(std::uint64_t kills, std::size_t longest, int maxsize, int batch) {
  const royong::Queue<Message> queue(maxsize);
  const Account account(kills + 2);
  std::uint32_t lives = 0;
  std::array<std::unique_ptr<Member>, 4> members;  // the first two produce
  const auto start = [&](std::size_t i) {
    const auto life = lives;
    if (i < 2) {
      ++lives;
      members[i] =
          std::make_unique<Member>([&, life] { produce(queue, account, life, longest, batch); });
    } else {
      members[i] = std::make_unique<Member>([&] { consume(queue, account, batch); });
    }
  };
  for (std::size_t i = 0; i < members.size(); ++i) start(i);

  QueueStormResult result;
  Progress progress(account.takes);
  auto random = random_engine();
  while (result.kills < kills) {
    std::this_thread::sleep_for(std::chrono::microseconds(random() % 2'000));
    const std::size_t victim = random() % members.size();
    members[victim]->kill();
    members[victim]->wait();
    ++result.kills;
    if (victim >= 2) ++result.consumers_killed;
    if (progress.has_stalled()) ++result.stalls;
    start(victim);
  }
  for (std::size_t i : {0U, 1U}) members[i].reset();
  while (!queue.empty()) {
    std::this_thread::sleep_for(1ms);
    if (!progress.has_stalled()) continue;
    ++result.stalls;
    break;
  }
  for (std::size_t i : {2U, 3U}) {
    members[i].reset();
    ++result.consumers_killed;
  }

  result.torn = account.torn.load();
  for (std::size_t life = 0; life < lives; ++life) {
    // Nothing beyond the put in which that life ended can have been taken.
    const auto end = std::min(per_life, account.returned[life] + static_cast<std::uint32_t>(batch));
    for (std::uint32_t number = 0; number < end; ++number) {
      const auto taken = account.taken[life * per_life + number];
      result.messages += taken;
      if (taken > 1) ++result.duplicated;
      const bool returned = number < account.returned[life];
      if (taken == 0 && returned) ++result.lost;
      if (taken != 0 && !returned) ++result.committed_unreturned;
    }
  }
  return result;
}

}  // namespace royong_test
