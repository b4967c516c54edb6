extends "kit.gd"
## MultiplayerSpawner and MultiplayerSynchronizer: late players, and a host that changes.


func run() -> void:
	for mesh: bool in [false, true]:
		var players: Array[Player] = []
		for i: int in 3:
			var one: Player = await player("%s%d" % ["mesh" if mesh else "star", i])
			_prepare(one)
			players.append(one)
			one.play(await one.bellhop.host_lobby({"mesh": mesh}) if i == 0 else await one.bellhop.join_lobby(players[0].lobby.code))
			if i == 1:
				await _spawn(players, Vector2(10, 20))
		await _see(players, Vector2(10, 20))
		if mesh:
			await players[0].lobby.leave()
			players.remove_at(0)
			for one: Player in players:
				await until(func() -> bool: return "host 2" in one.events, "another host")
				await until(func() -> bool: return one.get_node("Things").get_child_count() == 0, "the former host's things to go")
				one.get_node("Spawner").set_multiplayer_authority(2)
			await _spawn(players, Vector2(30, 40))
			await _see(players, Vector2(30, 40))
		await players[0].lobby.close()


func _prepare(one: Player) -> void:
	var things: Node = Node.new()
	things.name = "Things"
	one.add_child(things)
	var spawner: MultiplayerSpawner = MultiplayerSpawner.new()
	spawner.name = "Spawner"
	one.add_child(spawner)
	spawner.spawn_path = NodePath("../Things")
	spawner.spawn_function = func(place: Vector2) -> Node:
		var thing: Node2D = (load("res://test/thing.tscn") as PackedScene).instantiate()
		thing.position = place
		thing.set_multiplayer_authority(spawner.get_multiplayer_authority())
		return thing


func _spawn(players: Array[Player], place: Vector2) -> void:
	(players[0].get_node("Spawner") as MultiplayerSpawner).spawn(place)
	await _see(players, place)


## All see the thing, and then where it moves.
func _see(players: Array[Player], place: Vector2) -> void:
	for to: Vector2 in [place, place * 2, place]:
		(players[0].get_node("Things").get_child(0) as Node2D).position = to
		for one: Player in players:
			await until(func() -> bool: return _place(one) == to, "%s to see the thing at %s" % [one.name, to])


func _place(one: Player) -> Vector2:
	var things: Node = one.get_node("Things")
	return (things.get_child(0) as Node2D).position if things.get_child_count() == 1 else Vector2.INF
