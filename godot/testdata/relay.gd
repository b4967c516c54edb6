extends "kit.gd"
## Players who hide their addresses meet through Bellhop's own TURN server, also with one who does not.


func run() -> void:
	url = await ask("start-turn")
	var candidates: PackedStringArray = []
	var players: Array[Player] = []
	for i: int in 3:
		var one: Player = await player("abc"[i])
		players.append(one)
		one.bellhop.relay_only = i < 2
		if one.bellhop.relay_only:
			one.bellhop.wired.connect(func(is_sent: bool, _what: String, content: Dictionary) -> void: candidates.append_array(_in(content if is_sent else {})))
		one.play(await one.bellhop.host_lobby() if i == 0 else await one.bellhop.join_lobby(players[0].lobby.code))
	await talk(players, "relayed")
	check(not candidates.is_empty(), "no candidates")
	for candidate: String in candidates:
		check(candidate.contains(" typ relay"), "a candidate shows an address: " + candidate)


func _in(content: Dictionary) -> PackedStringArray:
	var all: PackedStringArray = []
	for line: String in str(content.get("sdp", "")).split("\n"):
		if line.begins_with("a=candidate"):
			all.append(line)
	for one: Variant in content.get("candidates", []):
		all.append(str(one))
	return all
