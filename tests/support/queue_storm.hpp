// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief SIGKILL over producers and consumers of one queue, and the account of every message.
 */
#pragma once

#include <cstdint>  // for std::uint64_t
#include <ostream>  // for std::ostream

namespace royong_test {

struct QueueStormResult {
  std::uint64_t kills = 0;
  std::uint64_t messages = 0;    ///< taken by anybody
  std::uint64_t torn = 0;        ///< a wrong checksum
  std::uint64_t duplicated = 0;  ///< taken more than once
  std::uint64_t lost = 0;        ///< put returned, never taken
  std::uint64_t consumers_killed = 0;
  std::uint64_t committed_unreturned = 0;  ///< taken although their put was killed
  std::uint64_t stalls = 0;  ///< no message taken for ten seconds, although everybody was alive

  QueueStormResult& operator+=(const QueueStormResult& other) {
    kills += other.kills;
    messages += other.messages;
    torn += other.torn;
    duplicated += other.duplicated;
    lost += other.lost;
    consumers_killed += other.consumers_killed;
    committed_unreturned += other.committed_unreturned;
    stalls += other.stalls;
    return *this;
  }
  friend std::ostream& operator<<(std::ostream& out, const QueueStormResult& r) {
    return out << r.kills << " kills, " << r.messages << " messages, " << r.torn << " torn, "
               << r.duplicated << " duplicated, " << r.lost << " lost in the hands of "
               << r.consumers_killed << " killed consumers, " << r.committed_unreturned
               << " put by killed puts, " << r.stalls << " stalls";
  }
};

/** @brief Two producers and two consumers, of which one dies at a random instant `kills` times and is replaced.
 *  @param longest  messages are of 0 bytes up to this
 *  @param maxsize  the queue's
 *  @param batch    messages put and taken under one lock
 */
QueueStormResult queue_storm(std::uint64_t kills, std::size_t longest, int maxsize, int batch = 1);

}  // namespace royong_test
