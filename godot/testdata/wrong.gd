extends "kit.gd"
## What goes wrong: addresses, names, options, calls at the wrong time, nodes that are freed.


func run() -> void:
	await _addresses()
	await _options()
	await _names()
	await _timing()
	await _raw()


func _addresses() -> void:
	var one: Player = await player("Ann")
	var good: String = url
	for wrong: Array in [["ws://127.0.0.1:1", "unreachable"], ["127.0.0.1", "invalid_url"], ["ws://", "invalid_url"],
			["", "invalid_url"], [good + "/no/such/path?game=", "unreachable"]]:
		one.bellhop.url = str(wrong[0])
		equal(await one.bellhop.host_lobby(), null, str(wrong[0]))
		equal(one.bellhop.last_error.get("code"), wrong[1], "the error for \"%s\"" % wrong[0])
	await ask("down")
	one.bellhop.url = good
	equal(await one.bellhop.host_lobby(), null, "a server that refuses")
	equal(one.bellhop.last_error.get("code"), "unreachable", "a server that refuses")
	await ask("up")
	one.bellhop.url = good.replace("ws://", "http://") + "/?game=tanks"
	one.play(await one.bellhop.host_lobby())
	check(one.lobby != null, "a URL as browsers show it, with a query: %s" % one.bellhop.last_error)
	var other: Player = await player("Bob")
	equal(await other.bellhop.join_lobby(one.lobby.code), null, "another game")
	equal(other.bellhop.last_error.get("code"), "lobby_not_found", "another game")


func _options() -> void:
	var one: Player = await player("Cat")
	for wrong: Dictionary in [{"maxplayers": 4}, {"max_players": 1}, {"max_players": "many"}, {"code": "a/b"}, {"code": ""},
			{"player": "Cat"}, {"mesh": false, "on_host_leave": "migrate"}, {"metadata": 7}]:
		equal(await one.bellhop.host_lobby(wrong), null, "options %s" % wrong)
		equal(one.bellhop.last_error.get("code"), "invalid_field", "options %s: %s" % [wrong, one.bellhop.last_error])
	equal(await one.bellhop.host_lobby({"player": {"name": "x".repeat(300)}}), null, "too large a player")
	equal(one.bellhop.last_error.get("code"), "message_too_large", "too large a player")
	one.bellhop.game = "no spaces"
	equal(await one.bellhop.join_lobby("fox"), null, "a game with a space")
	equal(one.bellhop.last_error.get("code"), "invalid_field", "a game with a space")
	one.bellhop.game = ""
	equal(await one.bellhop.join_lobby("fox"), null, "no such lobby")
	equal(one.bellhop.last_error.get("code"), "lobby_not_found", "no such lobby")
	equal(await one.bellhop.resume("wrong"), null, "a wrong token")
	equal(one.bellhop.last_error.get("code"), "resume_failed", "a wrong token")


func _names() -> void:
	var host: Player = await player("Dan")
	host.play(await host.bellhop.host_lobby({"player": {"name": "[b]D\u0001an\n\u202e[/b]", "at": NAN, "who": &"x"}}))
	check(host.lobby != null, "a name with control characters: %s" % host.bellhop.last_error)
	equal(host.lobby.me().name, "[b]Dan[/b]", "the name")
	var label: RichTextLabel = RichTextLabel.new()
	label.bbcode_enabled = true
	label.append_text(host.lobby.me().bbcode_name())
	equal(label.get_parsed_text(), "[b]Dan[/b]", "the name in a RichTextLabel")
	label.free()
	host.bellhop.player_name = "Z" + "\u0301".repeat(10000)
	var guest: Player = await player("Nobody")
	guest.bellhop.player_name = host.bellhop.player_name
	guest.play(await guest.bellhop.join_lobby(host.lobby.code))
	check(guest.lobby != null, "10,000 combining marks: %s" % guest.bellhop.last_error)
	await until(func() -> bool: return host.lobby.players.has(2), "the guest")
	equal(host.lobby.players[2].name, "Z\u0301\u0301", "two combining marks are left")


func _timing() -> void:
	var host: Player = await player("Eve")
	host.play(await host.bellhop.host_lobby({"auto_accept": false}))
	var guest: Player = await player("Fay")
	var entered: Array = []
	var join: Callable = func() -> void: entered.append(await guest.bellhop.join_lobby(host.lobby.code))
	join.call()
	await until(func() -> bool: return host.lobby.requests.size() == 1, "a request")
	check(await guest.bellhop.leave(), "leave while it waits")
	await until(func() -> bool: return entered.size() == 1 and host.lobby.requests.is_empty(), "the call to end")
	equal(guest.bellhop.last_error.get("code"), "closed", "leave while it waits")
	join.call()
	check(await guest.bellhop.leave(), "leave immediately")
	await until(func() -> bool: return entered.size() == 2, "the call to end again")
	equal(entered[1], null, "a call that was given up")
	check(await host.lobby.update({"auto_accept": true}), "update")
	guest.play(await guest.bellhop.join_lobby(host.lobby.code))
	check(guest.lobby != null, "a join after a call that was given up: %s" % guest.bellhop.last_error)
	await talk([host, guest], "after leave")

	guest.remove_child(guest.bellhop)
	await until(func() -> bool: return host.events.has("left %d left" % guest.lobby.peer_id), "the node to leave with the tree")
	equal(guest.events[-1], "closed left", "a node out of the tree")
	guest.bellhop.free()
	var third: Player = await player("Gil")
	third.play(await third.bellhop.join_lobby(host.lobby.code))
	await talk([host, third], "before it is freed")
	var left: int = third.lobby.peer_id
	third.lobby.chat("nobody waits for this")
	third.bellhop.free()
	await until(func() -> bool: return host.events.has("left %d left" % left), "the freed node to leave")
	check(await host.lobby.update({"auto_accept": false}), "update")
	host.bellhop._line.socket._socket.close(4000)
	host.bellhop.process_mode = PROCESS_MODE_DISABLED
	var late: Player = await player("Jon")
	equal(await late.bellhop.join_lobby(host.lobby.code), null, "a host that is away")
	equal(late.bellhop.last_error.get("code"), "host_unavailable", "a host that is away")
	host.bellhop.process_mode = PROCESS_MODE_ALWAYS
	await until(func() -> bool: return host.bellhop._line.age(Time.get_ticks_msec()) > 0.0, "the host to be back")
	host.lobby.leave()
	host.lobby.leave()
	equal(await host.lobby.chat("after the end"), false, "a chat after the end")


## Garbage on the plain channel, and data that it does not take.
func _raw() -> void:
	var players: Array[Player] = [await player("Hal"), await player("Ida")]
	for one: Player in players:
		one.play(await one.bellhop.join_or_host("raw"))
	await talk(players, "raw")
	equal(players[0].lobby.send_raw(PackedByteArray([0xff, 0, 0xc3])), 1, "bytes that are no text")
	equal(players[0].lobby.send_raw("x".repeat(70000)), 0, "over 64 KiB")
	await until(func() -> bool: return "raw 1 [255, 0, 195]" in players[1].heard, "the bytes")
	players[0].bellhop._send("send_ice_candidate", {"connection_id": players[0].lobby._links.connection_id_of(2), "candidates": [
			{"candidate": 7}, {"name": "x", "media": 5, "index": "a"}, {}]})
	players[0].bellhop._send("set_session_description", {"connection_id": players[0].lobby._links.connection_id_of(2),
			"session_type": "offer", "sdp": "nonsense", "seq": "x"})
	await talk(players, "after nonsense")
