# SPDX-License-Identifier: MIT
# Uses the node of the recipe as a game in GDScript. Prints what its signal reports.
extends SceneTree

var client
var started = OS.get_ticks_msec()
var frames = 0

func changed(id, online, status, second):
	return JSON.print({"type": "user.presence.changed", "created_at": "2019-01-07T13:17:%02dZ" % second,
		"user": {"id": id, "online": online, "status": status}})

func _init():
	client = load("res://presence_client.gdns").new()
	for user_changed in client.get_signal_list():
		if user_changed.name == "user_changed":
			for argument in user_changed.args:
				print("argument ", argument.name, " of type ", argument.type)
	client.connect("user_changed", self, "_on_user_changed")
	get_root().add_child(client)
	client.set_friends(["john", "Jörg 🚀", "jack", "mary"])
	client.feed(changed("john", true, "Eating a veggie burger...", 42))
	client.feed(changed("a stranger", true, "", 43))
	client.feed(changed("Jörg 🚀", true, "Follow me", 43))
	client.feed("{\"type\":\"message.new\"}")
	client.feed("{\"type\":\"user.updated\",\"user\":")
	client.feed("")
	print("online: ", client.online_friends())

func _on_user_changed(id, online, status):
	print(id, " is ", "online" if online else "offline", " '", status, "'")
	# A handler may feed. What changes is reported after this change.
	if online and status == "Follow me":
		client.feed(changed("jack", true, "☃", 44))
		print("fed by a handler")

func _idle(_delta):
	frames += 1
	if frames == 1:
		# One second is left until this session times out. The engine calls _process once a frame, which reports it.
		client.feed(JSON.print({"type": "connect", "user": "mary", "session": "pc",
			"at": (OS.get_system_time_msecs() - 39000) * 1000000}))
	elif not "mary" in client.online_friends():
		reconnect()
		quit()
	elif OS.get_ticks_msec() - started > 10000:
		print("mary did not time out")
		quit()

func reconnect():
	client.connection_lost()
	print("online: ", client.online_friends())
	client.set_friends(PoolStringArray(["jack"]))
	client.feed(changed("jack", true, "", 50))
	client.feed(changed("john", true, "", 50))
	print("online: ", client.online_friends())
	client.free()
