// SPDX-License-Identifier: MIT
#ifndef PRESENCE_REGISTERS_DETAIL_DIGEST_HPP
#define PRESENCE_REGISTERS_DETAIL_DIGEST_HPP

#include <presence/base/detail/shared_string.hpp>
#include <presence/registers/detail/normal_form.hpp>
#include <presence/registers/detail/registers.hpp>
#include <presence/registers/detail/word_digest.hpp>

#include <cstddef>      // for size_t
#include <cstdint>      // for uint64_t
#include <string_view>  // for string_view

/// The digest of a user's registers.
namespace presence {
inline namespace PRESENCE_ABI {
namespace detail {

/// Adds a value of JSON. The depth of the recursion is at most that of a value.
inline void add_value(Digest& digest, const ValueView& value) noexcept {
  digest.add(static_cast<std::uint64_t>(value.kind()));
  switch (value.kind()) {
    case ValueKind::boolean: digest.add(std::uint64_t{value.truth()}); break;
    case ValueKind::integer: digest.add(static_cast<std::uint64_t>(value.integer())); break;
    case ValueKind::real: digest.add(bits_of(value.real())); break;
    case ValueKind::string: digest.add(value.text()); break;
    case ValueKind::array:
      digest.add(std::uint64_t{value.size()});
      for (std::size_t i = 0; i < value.size(); ++i) add_value(digest, value[i]);
      break;
    case ValueKind::object:
      digest.add(std::uint64_t{value.members().size()});
      for (const ValueMember& member : value.members()) {
        digest.add(member.name());
        add_value(digest, member.value().view());
      }
      break;
    default: break;
  }
}

inline void add_moment(Digest& digest, const SessionMoment& moment) noexcept {
  digest.add(moment.at);
  digest.add(std::uint64_t{moment.by_connect});
}

inline void add_session(Digest& digest, const SessionRegisters& session, Timestamp run_start) noexcept {
  digest.add(text_of(session.id));
  add_moment(digest, session.evidence());
  digest.add(run_start);
  const Span<Timestamp> disconnects = session.disconnects();
  digest.add(std::uint64_t{disconnects.size()});
  for (const Timestamp at : disconnects) digest.add(at);
  // The state is added as such, because it may be stored in two ways.
  const SessionState state = session.state();
  if (session.is_simple() && !state.moment.exists()) return;
  digest.add(std::uint64_t{1});
  add_moment(digest, state.moment);
  digest.add(static_cast<std::uint64_t>(state.availability));
  digest.add(static_cast<std::uint64_t>(static_cast<std::int64_t>(state.priority)));
  add_moment(digest, session.active());
  add_moment(digest, session.activity_moment());
  const SessionActivity activity = session.activity();
  if (activity.value) add_value(digest, activity.value.view());
  digest.add(session.held_until());
  const Span<Run> runs = session.earlier_runs();
  digest.add(std::uint64_t{runs.size()});
  for (const Run& run : runs) {
    digest.add(run.start);
    digest.add(run.end);
  }
}

/// Returns the digest of a user's registers as they are stored. Pass the normal form if equal knowledge must have equal
/// digests.
inline std::uint64_t digest_of(std::string_view id, const RegistersView& user, std::uint64_t seed = 0) noexcept {
  Digest digest(seed);
  digest.add(id);
  digest.add(std::uint64_t{user.sessions.size()});
  for (const SessionRegisters& session : user.sessions) {
    add_session(digest, session, normal_run_start(session, user.window));
  }
  digest.add(std::uint64_t{user.activities.size()});
  for (const Activity& activity : user.activities) {
    digest.add(activity.value);
    digest.add(activity.evidence);
  }
  digest.add(std::uint64_t{user.visibility_changes.size()});
  for (const VisibilityChange& visibility_change : user.visibility_changes) {
    digest.add(visibility_change.at);
    digest.add(std::uint64_t{visibility_change.invisible});
  }
  const RareRegisters nothing;
  const RareRegisters& rare = user.rare != nullptr ? *user.rare : nothing;
  digest.add(rare.dropped_range.from);
  digest.add(rare.dropped_range.to);
  digest.add(user.status_at());
  digest.add(user.status());
  digest.add(rare.reported_at);
  digest.add(rare.reported_last_active_at);
  digest.add(rare.reported_last_active);
  digest.add(rare.forgotten_up_to);
  // Absent in most users.
  if (rare.status_until != never) {
    digest.add(std::uint64_t{1});
    digest.add(rare.status_until);
  }
  if (rare.removed != absent) {
    digest.add(std::uint64_t{2});
    digest.add(rare.removed);
  }
  if (rare.choice_at != absent) {
    digest.add(std::uint64_t{3});
    digest.add(rare.choice_at);
    digest.add(static_cast<std::uint64_t>(rare.choice));
    digest.add(rare.choice_until);
  }
  if (rare.data) {
    digest.add(std::uint64_t{4});
    digest.add(rare.data->since);
    digest.add(std::uint64_t{rare.data->names()});
    each_entry(*rare.data, [&digest](std::string_view name, Timestamp at, const Value* value) {
      digest.add(name);
      digest.add(at);
      add_value(digest, value == nullptr ? ValueView() : value->view());
    });
  }
  return digest.value();
}

}  // namespace detail
}  // namespace PRESENCE_ABI
}  // namespace presence

#endif  // PRESENCE_REGISTERS_DETAIL_DIGEST_HPP
