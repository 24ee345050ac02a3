// SPDX-License-Identifier: Apache-2.0
#include "model/explorer.hpp"

#include <ucontext.h>

#include <algorithm>      // for std::any_of
#include <cstring>        // for std::memset
#include <memory>         // for std::make_unique
#include <unordered_set>  // for std::unordered_set
#include <utility>        // for std::move

namespace royong_model {
namespace {

constexpr std::size_t stack_bytes = 128 * 1024;
constexpr std::size_t red_zone = 1024;  // below a frame: what the call that leaves the fiber needs
constexpr int patience = 4;  // slices, after which a sleeper that finds nothing to do never will
constexpr std::size_t longest = 1'000;  // steps of one run

enum class Doing { waits_for_a_death, may_run, sleeps, is_done, is_dead };

/// Copied and copied back as bytes, together with the part of the stack that is in use.
struct Thread {
  ucontext_t context;
  std::byte* lowest;  // of its stack in use
  Doing doing;
  const void* word;  // what it sleeps on
  bool woken;
  int slices;
  int early_slices;
  std::uint64_t answers;  // hash of everything that it was answered
  const char* next;
};

struct Step {
  enum class Kind : std::uint8_t { run, kill, slice_ends } kind;
  int thread;
};

/// Everything that a step changes. Fibers go on from a copy: their stacks lie where they lay.
struct Snapshot {
  std::vector<std::byte> shared;
  std::vector<Thread> threads;
  std::vector<std::vector<std::byte>> stacks;
  int deaths;
  int dead;
};

/// What may come next in a state that was reached, and what was chosen.
struct Choice {
  std::size_t chosen;
  std::vector<Step> steps;
  Snapshot snapshot;
  const char* next;  // what the chosen thread was about to do
};

std::uint64_t mix(std::uint64_t hash, std::uint64_t value) {
  hash ^= value + 0x9e3779b97f4a7c15u + (hash << 6) + (hash >> 2);
  hash *= 0xff51afd7ed558ccdu;
  return hash ^ (hash >> 33);
}

class Explorer {
 public:
  Explorer(const Program& program, Conditions conditions)
      : program_(program), conditions_(conditions), threads_(program.threads.size() + 1) {
    for (std::size_t i = 0; i < threads_.size(); ++i) {
      stacks_.push_back(std::make_unique<std::byte[]>(stack_bytes));
    }
  }

  Outcome run() {
    current = this;
    start();
    do {
      ++outcome_.executions;
      while (outcome_.violation.empty() && go_on()) {
      }
    } while (outcome_.violation.empty() && take_back());
    current = nullptr;
    outcome_.states = seen_.size();
    return outcome_;
  }

  static inline Explorer* current = nullptr;

  Thread& running() { return threads_[static_cast<std::size_t>(running_)]; }
  int running_number() const { return running_; }
  Thread& thread(int i) { return threads_[static_cast<std::size_t>(i)]; }
  void back_to_scheduler() {
    running().lowest = static_cast<std::byte*>(__builtin_frame_address(0)) - red_zone;
    ::swapcontext(&running().context, &scheduler_);
  }

  int wake(const void* word, int count) {
    int woken = 0;
    for (auto& thread : threads_) {
      if (woken == count) break;
      if (thread.doing != Doing::sleeps || thread.word != word) continue;
      thread.doing = Doing::may_run;
      thread.woken = true;
      ++woken;
    }
    return woken;
  }

  void violated(const std::string& what) {
    if (!outcome_.violation.empty()) return;
    outcome_.violation = what;
    outcome_.trace = trace();
  }

 private:
  static void enter(unsigned number) {
    auto& self = *current;
    if (number < self.program_.threads.size()) {
      self.program_.threads[number]();
    } else {
      self.program_.sweep(self.dead_);
    }
    self.thread(static_cast<int>(number)).doing = Doing::is_done;
    self.back_to_scheduler();
  }

  int sweeper() const { return static_cast<int>(threads_.size()) - 1; }

  void prepare(int number) {
    auto& thread = threads_[static_cast<std::size_t>(number)];
    ::getcontext(&thread.context);
    const auto& stack = stacks_[static_cast<std::size_t>(number)];
    thread.context.uc_stack.ss_sp = stack.get();
    thread.context.uc_stack.ss_size = stack_bytes;
    thread.context.uc_link = nullptr;
    ::makecontext(&thread.context, reinterpret_cast<void (*)()>(&enter), 1,
                  static_cast<unsigned>(number));
    // makecontext has put what the first step needs at the top.
    thread.lowest = stack.get() + stack_bytes - red_zone;
    thread.doing = Doing::may_run;
    thread.word = nullptr;
    thread.woken = false;
    thread.slices = thread.early_slices = 0;
    thread.answers = 0;
    thread.next = "begins";
  }

  void resume(int number) {
    running_ = number;
    ::swapcontext(&scheduler_, &thread(number).context);
  }

  void start() {
    std::memset(program_.shared, 0, program_.bytes);
    for (int i = 0; i < sweeper(); ++i) {
      prepare(i);
      resume(i);  // to its first access: nothing shared happens before
    }
    prepare(sweeper());
    thread(sweeper()).doing = Doing::waits_for_a_death;
  }

  /// One step further, by the first of the possible steps. @return false: not from here
  bool go_on() {
    if (!seen_.insert(state()).second) return false;
    auto steps = possible_steps();
    // Deaths are no way out of a standstill: it counts as one whether or not somebody might yet be killed.
    if (std::all_of(steps.begin(), steps.end(),
                    [](const Step& step) { return step.kind == Step::Kind::kill; })) {
      look_at_the_end();
    }
    if (steps.empty() || !outcome_.violation.empty()) return false;
    if (path_.size() == longest) violated("it does not come to an end");
    path_.push_back({0, std::move(steps), snapshot(), ""});
    take(path_.back());
    return true;
  }

  /// Takes the next choice at the last place where there is one. @return false: there is none
  bool take_back() {
    while (!path_.empty() && path_.back().chosen + 1 == path_.back().steps.size()) path_.pop_back();
    if (path_.empty()) return false;
    ++path_.back().chosen;
    restore(path_.back().snapshot);
    take(path_.back());
    return true;
  }

  std::byte* top(std::size_t number) const { return stacks_[number].get() + stack_bytes; }

  Snapshot snapshot() const {
    const auto* bytes = static_cast<const std::byte*>(program_.shared);
    Snapshot copy{{bytes, bytes + program_.bytes}, threads_, {}, deaths_, dead_};
    for (std::size_t i = 0; i < threads_.size(); ++i) {
      copy.stacks.emplace_back(threads_[i].lowest, top(i));
    }
    return copy;
  }

  void restore(const Snapshot& copy) {
    std::memcpy(program_.shared, copy.shared.data(), copy.shared.size());
    for (std::size_t i = 0; i < threads_.size(); ++i) {
      threads_[i] = copy.threads[i];  // at the same place: a context points into itself
      std::memcpy(threads_[i].lowest, copy.stacks[i].data(), copy.stacks[i].size());
    }
    deaths_ = copy.deaths;
    dead_ = copy.dead;
  }

  void look_at_the_end() {
    const auto* bytes = static_cast<const std::byte*>(program_.shared);
    const std::vector before(bytes, bytes + program_.bytes);
    running_ = -1;
    if (const auto wrong = program_.at_the_end(); !wrong.empty()) violated(wrong);
    std::memcpy(program_.shared, before.data(), before.size());
  }

  std::vector<Step> possible_steps() {
    using enum Step::Kind;
    std::vector<Step> steps;
    for (int i = 0; i <= sweeper(); ++i) {
      if (thread(i).doing == Doing::may_run) steps.push_back({run, i});
    }
    const bool idle = steps.empty();
    for (int i = 0; i < sweeper(); ++i) {
      const auto& each = thread(i);
      if (each.doing != Doing::may_run && each.doing != Doing::sleeps) continue;
      if (each.doing == Doing::sleeps && conditions_.slices &&
          (idle ? each.slices < patience : each.early_slices < conditions_.early_slices)) {
        steps.push_back({slice_ends, i});
      }
      const bool may_die = conditions_.mortal < 0 || conditions_.mortal == i;
      if (may_die && deaths_ < conditions_.deaths) steps.push_back({kill, i});
    }
    return steps;
  }

  std::uint64_t state() const {
    std::uint64_t hash = 0;
    const auto* bytes = static_cast<const unsigned char*>(program_.shared);
    for (std::size_t i = 0; i < program_.bytes; ++i) hash = mix(hash, bytes[i]);
    for (const auto& each : threads_) {
      hash = mix(hash, static_cast<std::uint64_t>(each.doing));
      hash = mix(hash, each.answers);
      hash = mix(hash, static_cast<std::uint64_t>(each.early_slices * 16 + each.slices));
    }
    return mix(hash, static_cast<std::uint64_t>(deaths_));
  }

  bool anybody_may_run() const {
    return std::any_of(threads_.begin(), threads_.end(),
                       [](const Thread& each) { return each.doing == Doing::may_run; });
  }

  void take(Choice& choice) {
    const Step step = choice.steps[choice.chosen];
    auto& which = thread(step.thread);
    choice.next = which.next;
    switch (step.kind) {
      case Step::Kind::run: resume(step.thread); break;
      case Step::Kind::slice_ends:
        ++which.slices;
        if (anybody_may_run()) ++which.early_slices;
        which.doing = Doing::may_run;
        which.woken = false;
        break;
      case Step::Kind::kill:
        which.doing = Doing::is_dead;
        ++deaths_;
        program_.at_a_death(step.thread);
        if (conditions_.sweeper && thread(sweeper()).doing == Doing::waits_for_a_death) {
          dead_ = step.thread;
          prepare(sweeper());
          resume(
              sweeper());  // to its first access, as the others at the start: a step without one would lead to the same state
        }
        break;
    }
  }

  std::string trace() const {
    std::string text;
    for (const auto& choice : path_) {
      const Step step = choice.steps[choice.chosen];
      const char* next = choice.next;
      text += step.thread == sweeper() ? "sweeper" : "thread " + std::to_string(step.thread);
      switch (step.kind) {
        case Step::Kind::run: text += std::string(": ") + next; break;
        case Step::Kind::slice_ends: text += ": its slice ends"; break;
        case Step::Kind::kill: text += std::string(": KILLED before it ") + next; break;
      }
      text += "\n";
    }
    return text;
  }

  const Program& program_;
  Conditions conditions_;
  std::vector<Thread> threads_;  // the last one is the sweeper
  std::vector<std::unique_ptr<std::byte[]>> stacks_;
  ucontext_t scheduler_{};
  int running_ = 0;
  int deaths_ = 0;
  int dead_ = -1;
  std::vector<Choice> path_;
  std::unordered_set<std::uint64_t> seen_;
  Outcome outcome_;
};

}  // namespace

Outcome explore(const Program& program, Conditions conditions) {
  return Explorer(program, conditions).run();
}

int this_thread() { return Explorer::current->running_number(); }
bool is_dead(int thread) { return Explorer::current->thread(thread).doing == Doing::is_dead; }
bool is_asleep(int thread) { return Explorer::current->thread(thread).doing == Doing::sleeps; }

void access(const char* what) {
  if (Explorer::current->running_number() < 0) return;
  Explorer::current->running().next = what;
  Explorer::current->back_to_scheduler();
  answered(0);  // one step further, whatever it brings
}

void forget(std::uint64_t place) {
  if (Explorer::current->running_number() >= 0) Explorer::current->running().answers = place;
}

std::uint64_t answered(std::uint64_t value) {
  if (Explorer::current->running_number() < 0) return value;
  auto& answers = Explorer::current->running().answers;
  answers = mix(answers, value + 1);
  return value;
}

bool sleep_on(const void* word) {
  auto& self = Explorer::current->running();
  self.doing = Doing::sleeps;
  self.word = word;
  self.next = "wakes up";
  Explorer::current->back_to_scheduler();
  return answered(self.woken ? 1 : 0) != 0;
}

int wake(const void* word, int count) { return Explorer::current->wake(word, count); }
int slices_slept() { return Explorer::current->running().slices; }
void violated(const std::string& what) { Explorer::current->violated(what); }

}  // namespace royong_model
