extends "kit.gd"
## What takes minutes and hours, with a clock that is moved on: so it runs alone.

const Wire := preload("res://addons/bellhop/internal/wire.gd")


func run() -> void:
	var players: Array[Player] = []
	for i: int in 3:
		var one: Player = await player("abc"[i])
		players.append(one)
		one.play(await one.bellhop.host_lobby() if i == 0 else await one.bellhop.join_lobby(players[0].lobby.code))
		one.bellhop.disconnected.connect(func() -> void: one.events.append("disconnected"))
		one.bellhop.resumed.connect(func() -> void: one.events.append("resumed"))
	await talk(players, "at first")
	await _pause(players)
	await _hide(players, false)
	await _hide(players, true)
	await _renew(players)


## A paused game keeps its lobby and its links.
func _pause(players: Array[Player]) -> void:
	get_tree().paused = true
	check(await players[1].lobby.chat("paused"), "chat in a paused game")
	await until(func() -> bool: return "chat 2 paused" in players[0].heard, "the chat in a paused game")
	await talk(players, "paused")
	get_tree().paused = false


## An engine that a browser stops for a minute finds everything that happened meanwhile, or a connection that has died.
func _hide(players: Array[Player], dies: bool) -> void:
	var sleeper: Player = players[2]
	sleeper.bellhop.process_mode = PROCESS_MODE_DISABLED
	var dead: Object = sleeper.bellhop._line.socket
	if dies:
		(dead.get("_socket") as WebSocketPeer).close(4000)
	check(await players[0].lobby.update_player({"round": 2 if dies else 1}), "an update while one is hidden")
	Wire.ahead += 60.0
	sleeper.bellhop.process_mode = PROCESS_MODE_ALWAYS
	await until(func() -> bool: return sleeper.lobby.players[1].data.get("round") == (2 if dies else 1), "what happened while it was hidden")
	equal("resumed" in sleeper.events, dies, "resumed")
	await talk(players, "after a minute, %s" % dies)


## Before API Gateway ends a connection, another takes over, and nobody notices.
func _renew(players: Array[Player]) -> void:
	var before: Array[PackedStringArray] = []
	var sockets: Array[Object] = []
	for one: Player in players:
		before.append(one.events.duplicate())
		sockets.append(one.bellhop._line.socket)
	Wire.ahead += 116 * 60.0
	for i: int in players.size():
		await until(func() -> bool: return players[i].bellhop._line.socket != sockets[i] and players[i].bellhop._line.next == null, "a new connection")
		equal(players[i].events, before[i], "events of the takeover")
	check(await players[2].lobby.chat("two hours"), "chat after the takeover")
	await until(func() -> bool: return "chat 3 two hours" in players[1].heard, "chat after the takeover")
	var late: Player = await player("d")
	late.play(await late.bellhop.join_lobby(players[0].lobby.code))
	players.append(late)
	await talk(players, "after the takeover")
	check(players.all(func(one: Player) -> bool: return one.bellhop._line.age(Wire.now()) < 100.0), "the age of a connection")
