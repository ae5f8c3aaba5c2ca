// SPDX-License-Identifier: MIT
#ifndef PRESENCE_REPLICA_HPP
#define PRESENCE_REPLICA_HPP

/// The module `replica`: the same presence on several nodes, over a log that all of them append to and read. Opt-in:
/// <presence/presence.hpp> does not include it. The log is that of the host, such as a Redis stream or a Kafka topic.
///
/// Includes `base`, `model`, `registers`, `state` and `binary`.
#include <presence/replica/checkpoint.hpp>
#include <presence/replica/inbox.hpp>
#include <presence/replica/outbox.hpp>

#endif  // PRESENCE_REPLICA_HPP
