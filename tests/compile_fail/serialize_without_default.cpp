// SPDX-License-Identifier: Apache-2.0
// expect: royong: a class with serialize() needs a default constructor
#include "royong/transferable.hpp"

class Job {
 public:
  explicit Job(int number) : number_(number) {}
  template <class Archive>
  void serialize(Archive& ar) {
    ar(number_);
  }

 private:
  int number_;
};

void send(royong::detail::Writer& out, const Job& value) { out(value); }
