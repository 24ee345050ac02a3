// SPDX-License-Identifier: Apache-2.0
// Numbers that several processes see. Every single operation on a Value or an Array is atomic: `+=` adds up without a lock.
#include <royong/init.hpp>
#include <royong/process.hpp>
#include <royong/shared.hpp>

#include <iostream>
#include <mutex>

namespace mp = royong;

void worker(mp::Value<int> total, mp::Array<int> array, mp::RawArray<double> plain) {
  for (int i = 0; i < 1000; ++i) total += 1;
  array[0] += 1;
  for (auto& x : plain)
    x *= 2;  // a RawArray is plain memory: here only one process uses it at a time

  // More than one operation at a time: hold the lock.
  const std::scoped_lock guard(array.get_lock());
  array[1] = array[1] + array[2];
}

int main(int argc, char** argv) {
  mp::init(argc, argv);

  const mp::Value<int> total(0);
  const mp::Array<int> array{1, 2, 3};
  const mp::RawArray<double> plain{0.5, 1.5};

  for (int i = 0; i < 2; ++i) {
    mp::Process process(worker, total, array, plain);
    process.start();
    process.join();
  }

  std::cout << "total " << total.load() << "\n";
  for (std::size_t i = 0; i < array.size(); ++i) std::cout << array[i] << " ";
  std::cout << "\n" << plain[0] << " " << plain[1] << "\n";

  total.update([](int now) { return now * 10; });
  {
    const auto guard = total.lock();  // works as a pointer, and keeps other guards and updates out
    *guard += 5;
  }
  std::cout << "then " << total.load() << "\n";
}
