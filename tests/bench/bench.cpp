// SPDX-License-Identifier: MIT

// All that is timed. Names are topic/what/.../users, so that --benchmark_filter can pick out what belongs together.

#include "harness.hpp"

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return EXIT_FAILURE;
  bench::register_heartbeat();
  bench::register_mix();
  bench::register_snapshots();
  bench::register_passing();
  bench::register_merging();
  bench::register_queries();
  bench::register_text();
  bench::register_wire();
  benchmark::RunSpecifiedBenchmarks();
  return EXIT_SUCCESS;
}
