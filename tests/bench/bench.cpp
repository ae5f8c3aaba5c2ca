// SPDX-License-Identifier: MIT

// All that is timed. Names are topic/what/.../users, so that --benchmark_filter can pick out what belongs together.

#include "harness.hpp"

#if defined(__GLIBC__)
#include <malloc.h>  // for mallopt
#endif

namespace {

/// Keeps what the system has given, as a server that has been up for long has it: what is measured is not how long it
/// takes to get memory from there anew, for the library or for what it is measured against.
void keep_memory() {
#if defined(__GLIBC__)
  mallopt(M_TRIM_THRESHOLD, -1);
  mallopt(M_MMAP_MAX, 0);
#endif
}

}  // namespace

int main(int argc, char** argv) {
  keep_memory();
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return EXIT_FAILURE;
  bench::register_heartbeat();
  bench::register_mix();
  bench::register_snapshots();
  bench::register_passing();
  bench::register_merging();
  bench::register_queries();
  bench::register_reads();
  bench::register_sharing();
  bench::register_live();
  bench::register_text();
  bench::register_wire();
  benchmark::RunSpecifiedBenchmarks();
  return EXIT_SUCCESS;
}
