// SPDX-License-Identifier: MIT
#ifndef PRESENCE_PRESENCE_HPP
#define PRESENCE_PRESENCE_HPP

/// Everything.
#include <presence/anti_entropy.hpp>
#include <presence/channel.hpp>
#include <presence/codec.hpp>
#include <presence/diff.hpp>
#include <presence/event.hpp>
#include <presence/fields.hpp>
#include <presence/filter.hpp>
#include <presence/fwd.hpp>
#include <presence/json.hpp>
#include <presence/json_channel.hpp>
#include <presence/json_filter.hpp>
#include <presence/merge.hpp>
#include <presence/query.hpp>
#include <presence/reduce.hpp>
#include <presence/reports.hpp>
#include <presence/result.hpp>
#include <presence/rules.hpp>
#include <presence/snapshot.hpp>
#include <presence/store.hpp>
#include <presence/time.hpp>
#include <presence/user.hpp>
#include <presence/value.hpp>
#include <presence/version.hpp>
#include <presence/watches.hpp>

#endif  // PRESENCE_PRESENCE_HPP
