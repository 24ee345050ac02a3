// SPDX-License-Identifier: Apache-2.0
#include <royong/asio.hpp>
#include <royong/init.hpp>

#include <boost/asio/use_future.hpp>

int square(int x) { return x * x; }

int main(int argc, char** argv) {
  royong::init(argc, argv);
  royong::Pool pool(1);
  return royong::async_submit(pool, boost::asio::use_future, square, 3).get() == 9 ? 0 : 1;
}
