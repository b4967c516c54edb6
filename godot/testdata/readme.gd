extends "kit.gd"
## The lines that README.md shows.


func run() -> void:
	url = await ask("start")
	var host: BellhopLobby = await _press("host", "")
	if not check(host != null, "no lobby by README's lines"):
		return
	var guest: BellhopLobby = await _press("join", host.code)
	check(guest != null and guest.code == host.code, "README's lines do not join")
	await until(func() -> bool: return get_node("host").multiplayer.get_peers() == PackedInt32Array([2]), "the guest at the host")
	await until(func() -> bool: return get_node("join").multiplayer.get_peers() == PackedInt32Array([1]), "the host at the guest")


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
