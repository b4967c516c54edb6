extends "kit.gd"
## Two and four players, in a mesh and in a star, with RPCs each way.


func run() -> void:
	for mesh: bool in [true, false]:
		var players: Array[Player] = []
		for i: int in 4:
			var one: Player = await player("%s%d" % ["mesh" if mesh else "star", i])
			players.append(one)
			one.play(await one.bellhop.host_lobby({"mesh": mesh}) if i == 0 else await one.bellhop.join_lobby(players[0].lobby.code))
			if not check(one.lobby != null, "%s is in no lobby: %s" % [one.name, one.bellhop.last_error]):
				return
			equal(one.lobby.peer_id, i + 1, "peer id")
			if i == 1 or i == 3:
				await talk(players, "we are %d" % i)
		equal(players[3].lobby.players.keys(), [1, 2, 3, 4], "players")
		equal(players[3].lobby.players[1].name, players[0].name, "the host's name")
		check(players[3].lobby.players[1].is_host and not players[3].lobby.is_host(), "the first is the host")
		equal(players[2].lobby.players[2].way, "open" if mesh else "host", "the way between guests")
		if not mesh:
			check(not await players[0].lobby.set_host(players[0].lobby.players[2]), "another host of a star")
			equal(players[0].bellhop.last_error.get("code"), "not_available", "another host of a star")
		await players[0].lobby.close()
		await until(func() -> bool: return players.all(func(one: Player) -> bool: return one.events.has("closed closed")), "the end for all")
