// SPDX-License-Identifier: Apache-2.0
#include "pool/rings.hpp"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <memory>
#include <string>
#include <vector>

namespace {

using namespace royong::detail;

struct Memory {
  std::atomic<std::uint64_t> tail;
  std::atomic<std::uint64_t> head;
  alignas(64) std::byte data[result_ring_bytes];
};

/// Shared with forked children.
class SharedMemory {
 public:
  SharedMemory()
      : memory_(static_cast<Memory*>(::mmap(nullptr, sizeof(Memory), PROT_READ | PROT_WRITE,
                                            MAP_SHARED | MAP_ANONYMOUS, -1, 0))) {}
  ~SharedMemory() { ::munmap(memory_, sizeof(Memory)); }
  Memory* operator->() const { return memory_; }

 private:
  Memory* memory_;
};

std::string payload_of(const TaskEntry& entry) {
  return {reinterpret_cast<const char*>(entry.payload()), entry.length};
}

bool put(TaskProducer& producer, std::uint64_t sequence, const std::string& text) {
  TaskEntry* entry = producer.reserve(static_cast<std::uint32_t>(text.size()));
  if (entry == nullptr) return false;
  entry->sequence = sequence;
  std::memcpy(entry->payload(), text.data(), text.size());
  producer.publish();
  return true;
}

std::string text_of(std::uint64_t i) {
  return std::string(i * 37 % 5000, static_cast<char>('a' + i % 26));
}

TEST(TaskRing, IsEmptyAtFirst) {
  SharedMemory memory;
  TaskConsumer consumer(memory->data, memory->tail, memory->head);
  EXPECT_EQ(consumer.peek(), nullptr);
}

TEST(TaskRing, EntriesComeOutInOrderAndWholeOverManyRounds) {
  SharedMemory memory;
  TaskProducer producer(memory->data, memory->tail, memory->head);
  TaskConsumer consumer(memory->data, memory->tail, memory->head);
  std::uint64_t written = 0;
  std::uint64_t read = 0;
  while (read < 5000) {
    while (written < 5000 && put(producer, written, text_of(written))) ++written;
    ASSERT_GT(written, read) << "an empty ring must take an entry";
    for (std::uint64_t i = 0; i < 3; ++i) {
      TaskEntry* entry = consumer.peek();
      if (entry == nullptr) break;
      ASSERT_EQ(entry->sequence, read);
      ASSERT_EQ(payload_of(*entry), text_of(read));
      EXPECT_TRUE(TaskConsumer::take(*entry));
      consumer.release(*entry);
      ++read;
    }
  }
}

TEST(TaskRing, AnEmptyRingTakesTheLargestPayloadWhereverItStands) {
  SharedMemory memory;
  TaskProducer producer(memory->data, memory->tail, memory->head);
  TaskConsumer consumer(memory->data, memory->tail, memory->head);
  for (int i = 0; i < 2000; ++i) {
    ASSERT_TRUE(put(producer, 1, std::string(static_cast<std::size_t>(i) % 200, 'x')));
    consumer.release(*consumer.peek());
    ASSERT_TRUE(put(producer, 2, std::string(TaskProducer::max_payload, 'y'))) << i;
    consumer.release(*consumer.peek());
    ASSERT_EQ(consumer.peek(), nullptr);
  }
}

TEST(TaskRing, AFullRingRefusesAndTakesAgainWhenThereIsRoom) {
  SharedMemory memory;
  TaskProducer producer(memory->data, memory->tail, memory->head);
  TaskConsumer consumer(memory->data, memory->tail, memory->head);
  std::uint64_t count = 0;
  while (put(producer, count, "")) ++count;
  EXPECT_EQ(count, task_ring_bytes / task_alignment);
  consumer.release(*consumer.peek());
  EXPECT_TRUE(put(producer, count, ""));
  EXPECT_FALSE(put(producer, count, ""));
}

TEST(TaskRing, OnlyOneSideGetsATask) {
  SharedMemory memory;
  TaskProducer producer(memory->data, memory->tail, memory->head);
  TaskConsumer consumer(memory->data, memory->tail, memory->head);
  put(producer, 1, "a");
  TaskEntry& first = producer.entry_at(producer.position());
  EXPECT_TRUE(withdraw(first));
  EXPECT_FALSE(TaskConsumer::take(*consumer.peek()));
  consumer.release(*consumer.peek());
  put(producer, 2, "b");
  TaskEntry& second = producer.entry_at(producer.position());
  EXPECT_TRUE(TaskConsumer::take(*consumer.peek()));
  EXPECT_FALSE(withdraw(second));
}

TEST(ResultRing, ResultsComeOutInOrderAndWholeOverManyRounds) {
  SharedMemory memory;
  ResultProducer producer(memory->data, memory->tail, memory->head);
  ResultConsumer consumer(memory->data, memory->tail, memory->head);
  std::uint64_t written = 0;
  for (std::uint64_t read = 0; read < 5000; ++read) {
    while (written < 5000 && producer.fits_inline(text_of(written).size())) {
      const std::string text = text_of(written);
      producer.put({++written, static_cast<std::uint32_t>(text.size()), 0}, text.data());
    }
    ResultHeader header;
    ASSERT_TRUE(consumer.has_news());
    ASSERT_EQ(consumer.peek(header), ResultConsumer::Look::result);
    ASSERT_EQ(header.sequence, read + 1);
    std::string text(header.length, '?');
    consumer.copy(header, text.data());
    ASSERT_EQ(text, text_of(read));
    consumer.skip(header);
    consumer.release();
  }
}

TEST(ResultRing, HasRoomForEveryOutstandingTaskByBlock) {
  SharedMemory memory;
  ResultProducer producer(memory->data, memory->tail, memory->head);
  while (producer.fits_inline(8000)) {
    const std::vector<char> bytes(8000);
    producer.put({1, 8000, 0}, bytes.data());
  }
  const BlockRange range{1, 2};
  for (std::uint64_t i = 0; i < ResultProducer::max_outstanding; ++i) {
    producer.put({2, sizeof range, 0, ResultPlacement::by_block}, &range);
  }
  EXPECT_LE(memory->tail.load() - memory->head.load(), result_ring_bytes);
}

TEST(ResultRing, NonsenseIsRecognised) {
  SharedMemory memory;
  ResultConsumer consumer(memory->data, memory->tail, memory->head);
  ResultHeader header{1, 4000, 0};
  std::memcpy(memory->data, &header, sizeof header);
  memory->tail.store(64);  // shorter than the header says
  EXPECT_EQ(consumer.peek(header), ResultConsumer::Look::nonsense);
}

TEST(ResultRing, WhatAKilledProducerCommittedIsWholeAndTheRestDoesNotExist) {
  for (int round = 0; round < 30; ++round) {
    SharedMemory memory;
    const pid_t child = ::fork();
    if (child == 0) {
      ResultProducer producer(memory->data, memory->tail, memory->head);
      for (std::uint64_t i = 0;; ++i) {
        const std::string text = text_of(i);
        while (!producer.fits_inline(text.size())) {
        }
        producer.put({i, static_cast<std::uint32_t>(text.size()), 0}, text.data());
      }
    }
    ResultConsumer consumer(memory->data, memory->tail, memory->head);
    std::uint64_t read = 0;
    const auto read_all = [&] {
      ResultHeader header;
      while (consumer.peek(header) == ResultConsumer::Look::result) {
        ASSERT_EQ(header.sequence, read);
        std::string text(header.length, '?');
        consumer.copy(header, text.data());
        ASSERT_EQ(text, text_of(read));
        consumer.skip(header);
        consumer.release();
        ++read;
      }
    };
    while (read < 200 + static_cast<std::uint64_t>(round) * 7) read_all();
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    read_all();
  }
}

TEST(TaskRing, AfterTheWorkersDeathAtMostOneEntryIsRunning) {
  for (int round = 0; round < 30; ++round) {
    SharedMemory memory;
    TaskProducer producer(memory->data, memory->tail, memory->head);
    std::vector<std::uint64_t> positions;
    while (put(producer, positions.size(), "x")) positions.push_back(producer.position());
    const pid_t child = ::fork();
    if (child == 0) {
      TaskConsumer consumer(memory->data, memory->tail, memory->head);
      for (;;) {
        TaskEntry* entry = consumer.peek();
        if (entry == nullptr || !TaskConsumer::take(*entry)) continue;
        consumer.release(*entry);
      }
    }
    while (memory->head.load() < 64 * static_cast<std::uint64_t>(round)) {
    }
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    const std::uint64_t head = memory->head.load();
    int running = 0;
    for (const std::uint64_t position : positions) {
      if (position < head) continue;
      running += producer.entry_at(position).state.load() == EntryState::running ? 1 : 0;
    }
    EXPECT_LE(running, 1);
  }
}

}  // namespace
