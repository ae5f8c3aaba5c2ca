// SPDX-License-Identifier: MIT
#ifndef PRESENCE_CLIENT_HPP
#define PRESENCE_CLIENT_HPP

#include <godot_cpp/classes/node.hpp>
#include <godot_cpp/core/class_db.hpp>
#include <godot_cpp/variant/packed_string_array.hpp>
#include <godot_cpp/variant/string.hpp>
#include <presence/fwd.hpp>

/// Mirrors what a server says about who is online. The signal `user_changed(id, online, status)` tells of friends; who
/// is connected to it may call anything here.
class PresenceClient : public godot::Node {
  GDCLASS(PresenceClient, godot::Node)

 public:
  PresenceClient();
  ~PresenceClient() override;

  /// Whom to tell of, from now on.
  void set_friends(const godot::PackedStringArray& ids);
  /// One event of the server as it came. An error is printed, and counts as nothing.
  void feed(const godot::String& json);
  /// The connection to the server is gone: nobody is shown online on stale word. Set the friends again when it is back.
  void connection_lost();
  godot::PackedStringArray online_friends() const;

  void _process(double delta) override;

 protected:
  static void _bind_methods();

 private:
  // Only named here, so that this header costs nothing.
  presence::Store* store;
  presence::Subscription* subscription;
};

#endif  // PRESENCE_CLIENT_HPP
