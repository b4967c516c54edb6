extends "kit.gd"
## What players do in a lobby: chat, ready marks, kicks, bans, and a host that changes.


func run() -> void:
	var players: Array[Player] = []
	for i: int in 3:
		players.append(await player("abc"[i]))
		players[i].play(await players[i].bellhop.host_lobby() if i == 0 else await players[i].bellhop.join_lobby(players[0].lobby.code))
	await talk(players, "hello")
	await _say(players)
	await _host(players)
	await _remove(players)


func _say(players: Array[Player]) -> void:
	check(await players[1].lobby.chat({"text": "hi"}), "chat")
	check(await players[1].lobby.chat("you", players[1].lobby.players[1]), "chat to one")
	await until(func() -> bool: return "chat 2 you" in players[0].heard, "the chat to one")
	await until(func() -> bool: return players[2].heard.has('chat 2 { "text": "hi" }'), "the chat to all")
	check(not "chat 2 you" in players[2].heard, "a chat to one reaches another")
	check(await players[2].lobby.update_player({"ready": true, "colour": "red"}), "update_player")
	for one: Player in players:
		await until(func() -> bool: return one.lobby.players[3].ready, "the ready mark")
		equal(one.lobby.players[3].name, "c", "the name stays")
		equal(one.lobby.players[3].data.get("colour"), "red", "data")
	equal(players[0].lobby.send_raw("raw"), 2, "raw to two")
	await until(func() -> bool: return "raw 1 raw" in players[1].heard and "raw 1 raw" in players[2].heard, "raw")


## The host hands over, and then leaves: the numbers stay, and RPCs go on.
func _host(players: Array[Player]) -> void:
	check(await players[0].lobby.set_host(players[0].lobby.players[3]), "set_host")
	for one: Player in players:
		await until(func() -> bool: return "host 3" in one.events, "the host to be 3")
		equal(one.lobby.host_peer_id, 3, "host_peer_id")
		equal(one.lobby.is_host(), one == players[2], "is_host")
		equal(one.lobby.players.values().filter(func(other: BellhopPlayer) -> bool: return other.is_host), [one.lobby.host()], "the mark")
	await talk(players, "under 3")
	await players[2].lobby.leave()
	equal(players[2].events[-1], "closed left", "leave")
	players.remove_at(2)
	for one: Player in players:
		await until(func() -> bool: return "left 3 left" in one.events and "host 1" in one.events, "the host to leave")
		check(one.events.find("left 3 left") < one.events.rfind("host 1"), "the host leaves, then another is")
		equal(one.lobby._links.ids(), [3 - one.lobby.peer_id] as Array[int], "links after one has left")
	await talk(players, "under 1")


func _remove(players: Array[Player]) -> void:
	for ban: bool in [false, true]:
		var host: BellhopLobby = players[0].lobby
		var guest: BellhopPlayer = host.players[players[1].lobby.peer_id]
		check(await host.ban(guest, "Out.") if ban else await host.kick(guest, "Out."), "removal")
		await until(func() -> bool: return players[1].events.has("closed removed"), "the end")
		check("kicked Out." in players[1].events, "the reason")
		await until(func() -> bool: return players[0].events.has("left %d removed" % guest.peer_id), "the removal at the host")
		players[1].events.clear()
		players[1].play(await players[1].bellhop.join_lobby(host.code))
		if ban:
			equal(players[1].bellhop.last_error.get("code"), "banned", "a ban")
		else:
			await talk(players, "back again")
