extends "kit.gd"
## The demo is played by three, and each screen is drawn.


func run() -> void:
	Engine.max_fps = 15 # software draws
	var mains: Array[Node] = []
	for i: int in 3:
		var one: Player = await player("demo%d" % i)
		var main: Control = (load("res://main.tscn") as PackedScene).instantiate()
		main.visible = i == 0
		(main.get_node("Bellhop") as Bellhop).url = url
		one.add_child(main)
		(main.get_node("%Name") as LineEdit).text = ["Ann", "Bob", "Cat"][i]
		main.set("colour", ["#8eef97", "#ff7f7f", "#7fb4ff"][i])
		mains.append(main)
	var lobbies: Callable = func(i: int) -> BellhopLobby: return (mains[i].get_node("Bellhop") as Bellhop).lobby
	await mains[1].call("host")
	await mains[0].call("refresh")
	await ask("shot-browser")
	check(lobbies.call(1) != null, "the demo opens no lobby")
	await mains[0].call("quick")
	await mains[2].call("join", (lobbies.call(1) as BellhopLobby).code)
	for i: int in 3:
		await until(func() -> bool: return mains[i].multiplayer.get_peers().size() == 2, "three in the demo")
	await mains[1].call("say", "Catch me if you can!")
	await mains[2].call("say", "I see the key [b]first[/b]")
	await (lobbies.call(2) as BellhopLobby).update_player({"ready": true})
	var host: Control = mains[1].get_node("%Game")
	var chased: Array[Control] = []
	for main: Node in mains:
		chased.append(main.get_node("%Game"))
	var caught: Callable = func() -> bool:
		for one: Control in chased:
			one.call("walk_to", host.get("key"))
		return not (chased[0].get("scores") as Dictionary).is_empty() and chased[0].get("scores") == chased[2].get("scores")
	await until(caught, "somebody to catch the key, and all to know")
	for i: int in 3:
		chased[i].call("walk_to", [Vector2(0.25, 0.7), Vector2(0.7, 0.35), Vector2(0.6, 0.8)][i])
	await get_tree().create_timer(1.2).timeout
	await ask("shot-room")
	(mains[0].get_node("%ShowWire") as Button).button_pressed = true
	await until(func() -> bool: return (mains[0].get_node("%Wire") as BellhopInspector).links().contains(" ms"), "a ping on the wire")
	await get_tree().create_timer(0.8).timeout
	await ask("shot-wire")
	await mains[1].call("leave")
	await until(func() -> bool: return (lobbies.call(0) as BellhopLobby).is_host(), "another host")
	var before: Vector2 = chased[0].get("key")
	caught = func() -> bool:
		chased[2].call("walk_to", before)
		return chased[2].get("key") != before and chased[0].get("key") == chased[2].get("key")
	await until(caught, "the game to go on under another host")
