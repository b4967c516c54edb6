extends "kit.gd"
## Lost connections, a server that restarts, and games that are stopped and started again.


func run() -> void:
	var host: Player = await player("Ann")
	host.play(await host.bellhop.host_lobby({"code": "fox"}))
	var guest: Player = await player("Bob")
	guest.play(await guest.bellhop.join_lobby("fox"))
	await talk([host, guest], "before")
	for what: String in ["cut", "restart"]:
		await _survive(host, guest, what)
	guest = await _start_again(guest, host, func(bellhop: Bellhop) -> BellhopLobby: return await bellhop.join_lobby("fox"))
	host = await _start_again(host, guest, func(bellhop: Bellhop) -> BellhopLobby: return await bellhop.host_lobby({"code": "FOX"}))
	guest = await _start_again(guest, host, func(bellhop: Bellhop) -> BellhopLobby: return await bellhop.resume())
	await host.lobby.close()
	await until(func() -> bool: return "closed closed" in guest.events, "the end")
	equal(await guest.bellhop.resume(), null, "nothing to take back")
	equal(guest.bellhop.last_error, {}, "nothing to take back is no error")
	await _forget()


## The lobby goes on, and a player who joins afterwards finds it.
func _survive(host: Player, guest: Player, what: String) -> void:
	var back: Array[int] = []
	for one: Player in [host, guest]:
		one.bellhop.resumed.connect(func() -> void: back.append(one.lobby.peer_id), CONNECT_ONE_SHOT)
	await ask(what)
	await until(func() -> bool: return back.size() == 2, "both to resume after " + what)
	await until(func() -> bool: return not host.lobby.players[2].is_away and not guest.lobby.players[1].is_away, "nobody to be away")
	await talk([host, guest], "after " + what)
	check(host.events.is_empty() or not host.events[-1].begins_with("closed"), "closed by " + what)
	check(await guest.lobby.chat("still " + what), "chat after " + what)
	await until(func() -> bool: return "chat 2 still " + what in host.heard, "chat after " + what)
	var late: Player = await player("Late" + what)
	late.play(await late.bellhop.join_lobby("fox"))
	await talk([host, guest, late], "with a late one after " + what)
	await late.lobby.leave()
	await until(func() -> bool: return host.lobby.players.size() == 2 and guest.lobby.players.size() == 2, "the late one to leave")


## A game that was killed takes its place back: its engine is gone, and nobody said goodbye.
func _start_again(one: Player, other: Player, enter: Callable) -> Player:
	var title: String = one.name
	var before: int = one.lobby.peer_id
	var was_host: bool = one.lobby.is_host()
	one.name = "killed"
	one.bellhop._line.socket._socket.close(4000)
	for link: Object in other.lobby._links._links.values():
		link.set("retry_after", 3600.0) # the offer of the new engine has to do
	one.bellhop.lobby = null
	one.lobby._links.close()
	one.queue_free()
	await until(func() -> bool: return other.lobby.players[before].is_away, "the other to see the drop of " + title)
	var again: Player = await player(title)
	again.bellhop.player_name = "another"
	again.play(await enter.call(again.bellhop))
	if not check(again.lobby != null, "%s is not back: %s" % [title, again.bellhop.last_error]):
		return again
	equal(again.lobby.peer_id, before, "the number of " + title)
	equal(again.lobby.is_host(), was_host, "host")
	equal(again.lobby.players[before].name, title, "the name")
	await talk([again, other], "back as " + str(again.get_instance_id()))
	return again


## Bellhop that has lost its table: players go on, and the lobby ends with the last of them.
func _forget() -> void:
	var host: Player = await player("Cat")
	host.play(await host.bellhop.host_lobby())
	var guest: Player = await player("Dan")
	guest.play(await guest.bellhop.join_lobby(host.lobby.code))
	await talk([host, guest], "before Bellhop forgets")
	var reports: PackedStringArray = []
	for one: Player in [host, guest]:
		one.bellhop.error_raised.connect(func(code: String, _message: String) -> void: reports.append(code))
	await ask("forget")
	await until(func() -> bool: return reports.size() == 2, "both to be forgotten")
	await talk([host, guest], "forgotten")
	var frames: Array[int] = []
	host.multiplayer.peer_disconnected.connect(func(_id: int) -> void: frames.append(Engine.get_process_frames()), CONNECT_ONE_SHOT)
	host.lobby.closed.connect(func(_reason: String) -> void: frames.append(Engine.get_process_frames()), CONNECT_ONE_SHOT)
	await guest.bellhop.leave()
	await until(func() -> bool: return "closed resume_failed" in host.events, "the end of a forgotten lobby")
	check(frames.size() == 2 and frames[1] - frames[0] < 30, "a forgotten lobby goes on after its last player: %s" % [frames])
	host.play(await host.bellhop.host_lobby())
	check(host.lobby != null, "another lobby after a forgotten one")
