extends "kit.gd"
## The built function behind a gateway, with DynamoDB, serves the addon like the handler in process.


func run() -> void:
	url = await ask("start-built")
	var players: Array[Player] = []
	for i: int in 3:
		var one: Player = await player("abc"[i])
		players.append(one)
		one.play(await one.bellhop.host_lobby({"public": true, "auto_accept": false}) if i == 0 \
				else await one.bellhop.join_lobby(players[0].lobby.code))
		if not check(one.lobby != null, "%s is in no lobby: %s" % [one.name, one.bellhop.last_error]):
			return
		if i == 0:
			one.lobby.join_requested.connect(one.lobby.accept)
		one.bellhop.resumed.connect(func() -> void: one.events.append("resumed"))
	await talk(players, "through the function")
	equal((await players[1].bellhop.list_lobbies()).size(), 1, "lobbies on the list")
	await ask("cut")
	for one: Player in players:
		await until(func() -> bool: return "resumed" in one.events, "%s to resume" % one.name)
	check(await players[1].lobby.chat("after the cut"), "chat")
	for one: Player in [players[0], players[2]]:
		await until(func() -> bool: return "chat 2 after the cut" in one.heard, "the chat")
	await players[0].lobby.leave()
	players.remove_at(0)
	for one: Player in players:
		await until(func() -> bool: return "host 2" in one.events, "another host")
	await talk(players, "under another host")
