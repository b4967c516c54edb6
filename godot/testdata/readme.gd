extends "kit.gd"
## The lines that README.md shows, and the scripts of docs/godot.md.


func run() -> void:
	url = await ask("start")
	var host: BellhopLobby = await _press("host", "")
	if not check(host != null, "no lobby by README's lines"):
		return
	var guest: BellhopLobby = await _press("join", host.code)
	check(guest != null and guest.code == host.code, "README's lines do not join")
	await until(func() -> bool: return get_node("host").multiplayer.get_peers() == PackedInt32Array([2]), "the guest at the host")
	await until(func() -> bool: return get_node("join").multiplayer.get_peers() == PackedInt32Array([1]), "the host at the guest")
	await _first()
	await _calls(host.code)


## The first scene of docs/godot.md, built as it says, in two games.
func _first() -> void:
	var scenes: Array[Node] = []
	for i: int in 2:
		var game: Node = await player("first%d" % i)
		var scene: Node = (load("res://test/docs/first.gd") as GDScript).new()
		scene.name = "Control"
		for child: Node in [Bellhop.new(), Button.new(), Button.new(), LineEdit.new()]:
			child.name = ["Bellhop", "Host", "Join", "Code"][scene.get_child_count()]
			scene.add_child(child)
		(scene.get_node("Bellhop") as Bellhop).url = url
		game.add_child(scene)
		scenes.append(scene)
	(scenes[0].get_node("Host") as Button).pressed.emit()
	await until(func() -> bool: return (scenes[0].get_node("Code") as LineEdit).text != "", "the code")
	(scenes[1].get_node("Code") as LineEdit).text = (scenes[0].get_node("Code") as LineEdit).text
	(scenes[1].get_node("Join") as Button).pressed.emit()
	for scene: Node in scenes:
		await until(func() -> bool: return scene.multiplayer.get_peers().size() == 1, "two players")
	await ask("printed-Hello from 1")
	await ask("printed-Hello from 2")


## What C# does.
func _calls(code: String) -> void:
	var one: Player = await player("sharp")
	var calls: Node = (load("res://test/docs/calls.gd") as GDScript).new()
	one.add_child(calls)
	for method: String in ["resume", "join_lobby", "leave"]:
		var number: int = calls.call("start", one.bellhop, method, [code] if method == "join_lobby" else [])
		var answer: Array = await Signal(calls, "answered")
		equal(answer[0], number, "the number of the call")
		equal(answer[1] is BellhopLobby, method == "join_lobby", method)


func _press(button: String, code: String) -> BellhopLobby:
	var scene: Node = (load("res://test/readme/%s.gd" % button) as GDScript).new()
	scene.name = button
	var bellhop: Bellhop = Bellhop.new()
	bellhop.name = "Bellhop"
	bellhop.url = url
	scene.add_child(bellhop)
	add_child(scene)
	get_tree().set_multiplayer(MultiplayerAPI.create_default_interface(), scene.get_path())
	return await scene.call("press", code)
