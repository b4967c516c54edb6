extends "kit.gd"
## How fast a join is, and the messages that are billed for it.


func run() -> void:
	var joins: int = 3
	for argument: String in OS.get_cmdline_user_args():
		if argument.begins_with("joins="):
			joins = argument.trim_prefix("joins=").to_int()
	var host: Player = await player("host")
	host.play(await host.bellhop.host_lobby({"max_players": 64}))
	var times: Array[int] = []
	var most: int = 0
	for approve: bool in [false, true]:
		await host.lobby.update({"auto_accept": not approve})
		for i: int in joins:
			var guest: Player = await player("guest%d%s" % [i, approve])
			await guest.bellhop.list_lobbies() # connects
			var before: int = host.bellhop.messages + guest.bellhop.messages
			var started: int = Time.get_ticks_msec()
			if approve:
				host.lobby.join_requested.connect(func(request: BellhopJoinRequest) -> void: host.lobby.accept(request), CONNECT_ONE_SHOT)
			var wire: PackedStringArray = []
			for one: Player in [host, guest]:
				one.bellhop.wired.connect(func(is_sent: bool, what: String, content: Dictionary) -> void:
					wire.append("%s%s %s%s" % ["" if is_sent else "got ", what, content.get("session_type", ""), content.get("candidates", [""]).size()]))
			guest.play(await guest.bellhop.join_lobby(host.lobby.code))
			await until(func() -> bool: return guest.multiplayer.get_peers().size() == 1 and host.multiplayer.get_peers().size() == 1, "a join")
			if not approve:
				times.append(Time.get_ticks_msec() - started)
			await get_tree().create_timer(0.15).timeout # candidates that come late
			var count: int = host.bellhop.messages + guest.bellhop.messages - before
			check(count <= 12, "%d messages for a join: %s" % [count, ", ".join(wire)])
			most = maxi(most, count)
			await guest.bellhop.leave()
			await until(func() -> bool: return host.lobby.players.size() == 1, "the guest to leave")
			guest.queue_free()
	times.sort()
	print("a join takes %d ms (p50 of %d), and at most %d messages" % [times[floori(joins / 2.0)], joins, most])
