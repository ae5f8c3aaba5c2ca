// SPDX-License-Identifier: MIT
#ifndef PRESENCE_CLIENT_HPP
#define PRESENCE_CLIENT_HPP

#include <godot_cpp/classes/node.hpp>
#include <godot_cpp/core/class_db.hpp>
#include <godot_cpp/variant/packed_string_array.hpp>
#include <godot_cpp/variant/string.hpp>
#include <presence/fwd.hpp>

/// Mirrors the presence that a server sends. The signal `user_changed(id, online, status)` reports changes of friends. Its
/// handlers may call anything here.
class PresenceClient : public godot::Node {
  GDCLASS(PresenceClient, godot::Node)

 public:
  PresenceClient();
  ~PresenceClient() override;

  /// Sets whose changes are reported from now on.
  void set_friends(const godot::PackedStringArray& ids);
  /// Applies one event of the server, as JSON. An error is printed, and has no other effect.
  void feed(const godot::String& json);
  /// The connection to the server is lost: what the server reported as online no longer counts. Set the friends again when
  /// it is back.
  void connection_lost();
  godot::PackedStringArray online_friends() const;

  void _process(double delta) override;

 protected:
  static void _bind_methods();

 private:
  // Pointers, so that this header needs only declarations.
  presence::Store* store;
  presence::Subscription* subscription;
};

#endif  // PRESENCE_CLIENT_HPP
