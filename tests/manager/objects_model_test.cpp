// SPDX-License-Identifier: Apache-2.0
/** @file
 *  @brief Served objects against models of a few lines: any sequence of calls and of ends of clients, shrunk to the shortest that fails.
 */
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>  // for std::find, std::stable_sort
#include <deque>      // for std::deque
#include <map>        // for std::map
#include <optional>   // for std::optional
#include <set>        // for std::set
#include <stdexcept>  // for std::out_of_range
#include <vector>     // for std::vector

#include "manager/objects/condition.hpp"
#include "manager/objects/lock.hpp"
#include "manager/objects/semaphore.hpp"
#include "manager/sink.hpp"
#include "royong/detail/manager/objects/dict.hpp"
#include "royong/detail/manager/objects/list.hpp"
#include "royong/detail/manager/objects/set.hpp"
#include "royong/error.hpp"

namespace royong {
namespace {

using detail::ServedBoundedSemaphore;
using detail::ServedCondition;
using detail::ServedDict;
using detail::ServedList;
using detail::ServedSet;
using test::Client;

/// A call: what, by or on whom, and two numbers for it.
struct Call {
  int what = 0;
  int who = 0;
  int x = 0;
  int y = 0;
};

std::ostream& operator<<(std::ostream& out, const Call& call) {
  return out << "{" << call.what << " by " << call.who << ": " << call.x << ", " << call.y << "}";
}

std::vector<Call> any_calls(int kinds) {
  return *rc::gen::container<std::vector<Call>>(
      rc::gen::build<Call>(rc::gen::set(&Call::what, rc::gen::inRange(0, kinds)),
                           rc::gen::set(&Call::who, rc::gen::inRange(0, 3)),
                           rc::gen::set(&Call::x, rc::gen::inRange(-5, 6)),
                           rc::gen::set(&Call::y, rc::gen::inRange(-5, 6))));
}

/// The result, or nothing where the exception that stands for "not there" comes.
template <class E, class F>
auto unless(F f) -> std::optional<decltype(f())> {
  try {
    return f();
  } catch (const E&) {
    return std::nullopt;
  }
}

TEST(ServedModel, dict) {
  EXPECT_TRUE(rc::check("dict", [] {
    using Item = std::pair<int, int>;
    ServedDict<int, int> dict;
    std::vector<Item> model;
    for (const Call& call : any_calls(8)) {
      const auto at = std::find_if(model.begin(), model.end(),
                                   [&](const Item& item) { return item.first == call.x; });
      const auto there = at == model.end() ? std::nullopt : std::optional(at->second);
      switch (call.what) {
        case 0:
          dict.set(call.x, call.y);
          if (there) {
            at->second = call.y;
          } else {
            model.emplace_back(call.x, call.y);
          }
          break;
        case 1: RC_ASSERT(dict.get(call.x) == there); break;
        case 2:
          RC_ASSERT(unless<std::out_of_range>([&] { return dict.pop(call.x); }) == there);
          if (there) model.erase(at);
          break;
        case 3: {
          const auto last = model.empty() ? std::nullopt : std::optional(model.back());
          RC_ASSERT(unless<std::out_of_range>([&] { return dict.popitem(); }) == last);
          if (last) model.pop_back();
          break;
        }
        case 4:
          RC_ASSERT(dict.setdefault(call.x, call.y) == there.value_or(call.y));
          if (!there) model.emplace_back(call.x, call.y);
          break;
        case 5:
          RC_ASSERT(dict.erase(call.x) == there.has_value());
          if (there) model.erase(at);
          break;
        case 6:
          RC_ASSERT(dict.update(call.x, [&](int& value) { return value += call.y; }) ==
                    there.value_or(0) + call.y);
          if (there) {
            at->second += call.y;
          } else {
            model.emplace_back(call.x, call.y);
          }
          break;
        default:
          if (call.y == 0) {
            dict.clear();
            model.clear();
          }
      }
      RC_ASSERT(dict.items() == model);
    }
  }));
}

/// Whether the index is inside, and where.
std::optional<std::size_t> inside(int index, std::size_t size) {
  const auto at = index < 0 ? index + static_cast<int>(size) : index;
  if (at < 0 || at >= static_cast<int>(size)) return std::nullopt;
  return static_cast<std::size_t>(at);
}

TEST(ServedModel, list) {
  EXPECT_TRUE(rc::check("list", [] {
    ServedList<int> list;
    std::vector<int> model;
    for (const Call& call : any_calls(11)) {
      const auto at = inside(call.x, model.size());
      const auto place = [&](std::size_t i) {
        return model.begin() + static_cast<std::ptrdiff_t>(i);
      };
      const auto found = std::find(model.begin(), model.end(), call.y);
      switch (call.what) {
        case 0:
          list.append(call.y);
          model.push_back(call.y);
          break;
        case 1: {
          list.insert(call.x, call.y);
          const int size = static_cast<int>(model.size());
          const int before = std::min(std::max(call.x < 0 ? call.x + size : call.x, 0), size);
          model.insert(place(static_cast<std::size_t>(before)), call.y);
          break;
        }
        case 2:
          RC_ASSERT(unless<std::out_of_range>([&] { return list.pop(call.x); }) ==
                    (at ? std::optional(model[*at]) : std::nullopt));
          if (at) model.erase(place(*at));
          break;
        case 3:
          RC_ASSERT(unless<std::out_of_range>([&] { return list.get(call.x); }) ==
                    (at ? std::optional(model[*at]) : std::nullopt));
          break;
        case 4:
          RC_ASSERT(unless<std::out_of_range>([&] {
                      list.set(call.x, call.y);
                      return true;
                    }).has_value() == at.has_value());
          if (at) model[*at] = call.y;
          break;
        case 5:
          RC_ASSERT(unless<UsageError>([&] {
                      list.remove(call.y);
                      return true;
                    }).has_value() == (found != model.end()));
          if (found != model.end()) model.erase(found);
          break;
        case 6:
          RC_ASSERT(unless<UsageError>([&] { return list.index(call.y, 0, INT64_MAX); }) ==
                    (found == model.end()
                         ? std::nullopt
                         : std::optional(static_cast<std::size_t>(found - model.begin()))));
          break;
        case 7:
          list.reverse();
          std::reverse(model.begin(), model.end());
          break;
        case 8:
          list.sort(call.x < 0);
          std::sort(model.begin(), model.end());
          if (call.x < 0) std::reverse(model.begin(), model.end());
          break;
        case 9: {
          list.set_slice({call.x, call.y}, {7, 8});
          const auto positions = detail::resolve_slice({call.x, call.y}, model.size());
          const auto first = place(static_cast<std::size_t>(positions.first));
          const auto after = model.erase(first, first + static_cast<int>(positions.count));
          model.insert(after, {7, 8});
          break;
        }
        default: {
          const int step = call.y == 0 ? 1 : call.y;
          list.erase_slice({.start = call.x, .step = step});
          const auto positions =
              detail::resolve_slice({.start = call.x, .step = step}, model.size());
          std::set<std::size_t> gone;
          for (std::size_t i = 0; i < positions.count; ++i) gone.insert(positions[i]);
          std::vector<int> left;
          for (std::size_t i = 0; i < model.size(); ++i) {
            if (!gone.contains(i)) left.push_back(model[i]);
          }
          model = left;
        }
      }
      RC_ASSERT(list.copy() == model);
    }
  }));
}

TEST(ServedModel, set) {
  EXPECT_TRUE(rc::check("set", [] {
    ServedSet<int> set;
    std::set<int> model;
    for (const Call& call : any_calls(8)) {
      const std::vector<int> other{call.x, call.y, call.x + 1};
      const std::set<int> others(other.begin(), other.end());
      std::set<int> result;
      switch (call.what) {
        case 0: RC_ASSERT(set.add(call.x) == model.insert(call.x).second); break;
        case 1: RC_ASSERT(set.discard(call.x) == (model.erase(call.x) != 0)); break;
        case 2: {
          const auto popped = unless<std::out_of_range>([&] { return set.pop(); });
          RC_ASSERT(popped.has_value() == !model.empty());
          if (popped) RC_ASSERT(model.erase(*popped) == 1U);
          break;
        }
        case 3:
          set.update(other);
          model.insert(others.begin(), others.end());
          break;
        case 4:
          set.intersection_update(other);
          std::erase_if(model, [&](int x) { return !others.contains(x); });
          break;
        case 5:
          set.difference_update(other);
          std::erase_if(model, [&](int x) { return others.contains(x); });
          break;
        case 6:
          set.symmetric_difference_update(other);
          for (const int x : others) {
            if (model.erase(x) == 0) model.insert(x);
          }
          break;
        default:
          RC_ASSERT(set.issubset(other) ==
                    std::includes(others.begin(), others.end(), model.begin(), model.end()));
          RC_ASSERT(set.issuperset(other) ==
                    std::includes(model.begin(), model.end(), others.begin(), others.end()));
      }
      const auto elements = set.copy();
      RC_ASSERT(elements.size() == model.size());
      RC_ASSERT(std::set<int>(elements.begin(), elements.end()) == model);
    }
  }));
}

TEST(ServedModel, bounded_semaphore) {
  EXPECT_TRUE(rc::check("bounded semaphore", [] {
    constexpr int permits = 2;
    ServedBoundedSemaphore semaphore(permits);
    detail::Timers timers;
    std::deque<Client> clients;
    for (detail::SessionId id = 1; id <= 3; ++id) clients.emplace_back(id, timers);
    detail::SessionId last = 3;
    std::map<detail::SessionId, int> held;
    struct Waiting {
      Client* client;
      std::uint64_t call;
      detail::SessionId session;
    };
    std::deque<Waiting> line;
    int free = permits;
    const auto hand_out = [&] {
      while (free > 0 && !line.empty()) {
        RC_ASSERT(line.front().client->result<bool>(line.front().call));
        ++held[line.front().session];
        --free;
        line.pop_front();
      }
      for (const Waiting& waiting : line) RC_ASSERT(!waiting.client->is_answered(waiting.call));
      RC_ASSERT(semaphore.get_value() == free);
    };
    std::vector<Client*> alive{&clients[0], &clients[1], &clients[2]};
    for (const Call& call : any_calls(3)) {
      Client*& client = alive[static_cast<std::size_t>(call.who)];
      if (call.what == 0) {
        const auto id = client->call<&ServedBoundedSemaphore::acquire>(semaphore, forever);
        line.push_back({client, id, client->session()});
      } else if (call.what == 1) {
        const int n = std::abs(call.x) % 3;
        const bool done = unless<UsageError>([&] {
                            client->get<&ServedBoundedSemaphore::release>(semaphore, n);
                            return true;
                          }).has_value();
        RC_ASSERT(done == (n <= permits - free));
        if (!done) continue;
        for (int i = 0; i < n; ++i) {
          auto holder = held.find(client->session());
          if (holder == held.end()) holder = held.begin();
          if (--holder->second == 0) held.erase(holder);
        }
        free += n;
      } else {
        const auto gone = client->session();
        semaphore.forget(gone);
        std::erase_if(line, [&](const Waiting& waiting) { return waiting.session == gone; });
        free += held[gone];
        held.erase(gone);
        clients.emplace_back(++last, timers);
        client = &clients.back();
      }
      hand_out();
    }
  }));
}

/// What an RLock and the waiters of its condition do, said once more.
struct ConditionModel {
  struct Waiting {
    Client* client;
    std::uint64_t call;
    int depth;
    bool answer;
    std::optional<int> notified_before;  ///< the first number that came later than the notification
    int number;
  };

  void hand_on() {
    owner = nullptr;
    depth = 0;
    owner_notified_before.reset();
    if (line.empty()) return;
    const Waiting next = line.front();
    line.pop_front();
    owner = next.client;
    depth = next.depth;
    owner_notified_before = next.notified_before;
    RC_ASSERT(next.client->result<bool>(next.call) == next.answer);
  }
  /// The longest waiting of those that came before `end` goes to the lock, which somebody owns or which is free.
  void notify(int end) {
    const auto it = std::find_if(room.begin(), room.end(),
                                 [&](const Waiting& waiting) { return waiting.number < end; });
    if (it == room.end()) return;
    Waiting notified = *it;
    room.erase(it);
    notified.answer = true;
    notified.notified_before = end;
    line.push_back(notified);
    if (owner == nullptr) hand_on();
  }
  void forget(const Client* gone) {
    std::erase_if(room, [&](const Waiting& waiting) { return waiting.client == gone; });
    std::vector<int> lost;
    std::erase_if(line, [&](const Waiting& waiting) {
      if (waiting.client != gone) return false;
      if (waiting.notified_before) lost.push_back(*waiting.notified_before);
      return true;
    });
    if (owner == gone) {
      if (owner_notified_before) lost.push_back(*owner_notified_before);
      abandoned = true;
      hand_on();
    }
    for (const int end : lost) notify(end);
  }

  const Client* owner = nullptr;
  int depth = 0;
  std::optional<int> owner_notified_before;
  bool abandoned = false;
  std::deque<Waiting> line;
  std::deque<Waiting> room;
  int next_number = 0;
};

TEST(ServedModel, condition_and_its_lock) {
  EXPECT_TRUE(rc::check("condition", [] {
    ServedCondition condition;
    detail::Timers timers;
    std::deque<Client> clients;
    detail::SessionId last = 0;
    std::vector<Client*> alive;
    for (int i = 0; i < 3; ++i) alive.push_back(&clients.emplace_back(++last, timers));
    ConditionModel model;
    for (const Call& call : any_calls(7)) {
      Client*& client = alive[static_cast<std::size_t>(call.who)];
      const bool owns = model.owner == client;
      const auto refused = [&](auto f) {
        return !unless<UsageError>([&] {
                  f();
                  return true;
                }).has_value();
      };
      switch (call.what) {
        case 0:
        case 1: {
          const auto id = client->call<&ServedCondition::acquire>(condition, forever);
          if (owns) {
            ++model.depth;
            RC_ASSERT(client->result<bool>(id));
          } else {
            model.line.push_back({client, id, 1, true, {}, 0});
            if (model.owner == nullptr) model.hand_on();
          }
          break;
        }
        case 2:
          RC_ASSERT(refused([&] { client->get<&ServedCondition::release>(condition); }) == !owns);
          if (owns && --model.depth == 0) model.hand_on();
          break;
        case 3:
        case 4: {
          const auto id = client->call<&ServedCondition::wait>(condition, forever);
          if (owns) {
            model.room.push_back({client, id, model.depth, false, {}, model.next_number++});
            model.hand_on();
          } else {
            RC_ASSERT(refused([&] { client->result<bool>(id); }));
          }
          break;
        }
        case 5: {
          const int n = std::abs(call.x);
          RC_ASSERT(refused([&] { client->get<&ServedCondition::notify>(condition, n); }) == !owns);
          const int end = model.next_number;
          for (int i = 0; owns && i < n; ++i) model.notify(end);
          break;
        }
        default:
          condition.forget(client->session());
          model.forget(client);
          client = &clients.emplace_back(++last, timers);
      }
      RC_ASSERT(condition.locked() == (model.owner != nullptr));
      RC_ASSERT(condition.abandoned() == model.abandoned);
      for (const auto& waiting : model.line) {
        RC_ASSERT(!waiting.client->is_answered(waiting.call));
      }
      for (const auto& waiting : model.room) {
        RC_ASSERT(!waiting.client->is_answered(waiting.call));
      }
    }
  }));
}

}  // namespace
}  // namespace royong
