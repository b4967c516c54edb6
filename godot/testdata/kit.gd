extends Node
## What each test has: players with a multiplayer of their own, checks, and the server that Go runs for it.

var patience: float = 60.0 ## Seconds, for each wait. The command line can set it.
var faults: PackedStringArray = []
var url: String = ""


## One player: a branch of the tree with its own multiplayer, RPCs and addon.
class Player:
	extends Node

	var bellhop: Bellhop
	var lobby: BellhopLobby
	var heard: PackedStringArray = []
	var events: PackedStringArray = []

	## Assigns the lobby's peer, as a game does, and notes what happens in it.
	func play(entered: BellhopLobby) -> BellhopLobby:
		lobby = entered
		if lobby == null:
			return null
		multiplayer.multiplayer_peer = lobby.multiplayer_peer
		lobby.player_joined.connect(func(player: BellhopPlayer) -> void: events.append("joined %d" % player.peer_id))
		lobby.player_left.connect(func(player: BellhopPlayer, why: String) -> void: events.append("left %d %s" % [player.peer_id, why]))
		lobby.host_changed.connect(func(player: BellhopPlayer) -> void: events.append("host %d" % player.peer_id))
		lobby.chat_received.connect(func(player: BellhopPlayer, data: Variant) -> void: heard.append("chat %d %s" % [player.peer_id, data]))
		lobby.raw_received.connect(func(player: BellhopPlayer, data: Variant) -> void: heard.append("raw %d %s" % [player.peer_id, data]))
		lobby.kicked.connect(func(reason: String) -> void: events.append("kicked " + reason))
		lobby.closed.connect(func(reason: String) -> void: events.append("closed " + reason))
		return lobby

	@rpc("any_peer", "call_remote", "reliable")
	func hear(text: String) -> void:
		heard.append("rpc %d %s" % [multiplayer.get_remote_sender_id(), text])


func run() -> void:
	pass


## Adds a player, whose addon connects to this test's server.
func player(title: String) -> Player:
	if url == "":
		url = await ask("start")
	var one: Player = Player.new()
	one.name = title
	add_child(one)
	get_tree().set_multiplayer(MultiplayerAPI.create_default_interface(), one.get_path())
	one.bellhop = Bellhop.new()
	one.bellhop.name = "Bellhop"
	one.bellhop.url = url
	one.bellhop.player_name = title
	one.add_child(one.bellhop)
	# RPCs find a node by its path below the player's own root.
	return one


func check(ok: bool, what: String) -> bool:
	if not ok:
		faults.append(what)
		print("%s: %s" % [name, what])
	return ok


func equal(got: Variant, want: Variant, what: String) -> bool:
	return check(got == want, "%s: %s, want %s" % [what, got, want])


## Waits until a condition holds.
func until(condition: Callable, what: String) -> bool:
	var end: int = Time.get_ticks_msec() + int(patience * 1000)
	while not condition.call():
		if Time.get_ticks_msec() > end:
			return check(false, "waited for " + what)
		await get_tree().process_frame
	return true


## Waits until each player's RPCs reach each other one.
func talk(players: Array[Player], text: String) -> bool:
	for one: Player in players:
		await until(func() -> bool: return one.multiplayer.get_peers().size() == players.size() - 1,
				"%s to have %d peers in %s, has %s" % [one.name, players.size() - 1, text, one.multiplayer.get_peers()])
	if not faults.is_empty():
		return false
	for one: Player in players:
		one.hear.rpc(text)
	for one: Player in players:
		for other: Player in players:
			if one != other:
				var want: String = "rpc %d %s" % [other.lobby.peer_id, text]
				await until(func() -> bool: return want in one.heard, "%s to hear %s" % [one.name, want])
	return faults.is_empty()


## Asks Go for something, and returns the answer.
func ask(what: String) -> String:
	var request: HTTPRequest = HTTPRequest.new()
	add_child(request)
	var origin: Variant = JavaScriptBridge.eval("location.origin")
	request.request("%s/do/%s/%s" % [origin, name, what.uri_encode()])
	var answer: Array = await request.request_completed
	request.queue_free()
	var body: PackedByteArray = answer[3]
	return body.get_string_from_utf8()
