extends "kit.gd"
## Links that cannot open, and why in words; how long a message takes there and back.

const Link := preload("res://addons/bellhop/internal/link.gd")
const Reason := preload("res://addons/bellhop/internal/reason.gd")


func run() -> void:
	await _fail()
	_explain()


func _fail() -> void:
	var host: Player = await player("Ann")
	host.bellhop.link_timeout = 10.0
	host.play(await host.bellhop.host_lobby())
	host.lobby.link_failed.connect(func(one: BellhopPlayer, why: String) -> void: host.events.append("%s: %s" % [one.name, why]))
	var mute: Player = await player("Bob")
	var content: Variant = await mute.bellhop.request("join_lobby", {"lobby_id": host.lobby.code, "player": {"name": "Bob"}})
	check(content is Dictionary, "a player without links: %s" % mute.bellhop.last_error)
	var hidden: Player = await player("Cat")
	hidden.bellhop.link_timeout = 10.0
	hidden.bellhop.relay_only = true
	hidden.play(await hidden.bellhop.join_lobby(host.lobby.code))
	hidden.lobby.link_failed.connect(func(one: BellhopPlayer, why: String) -> void: hidden.events.append("%s: %s" % [one.name, why]))
	await until(func() -> bool: return "Bob: The other player has not answered: their game may be closed, or makes no connections." in host.events, "no answer")
	equal(host.lobby.players[2].way, "failed", "the way")
	await until(func() -> bool: return "Ann: This device has found no TURN server, and relay_only allows nothing else." in hidden.events, "no TURN server")
	await until(func() -> bool: return "Cat: The other player's device has no address to be reached at (no candidates)." in host.events, "no candidates")
	var seer: Player = await player("Dan")
	seer.play(await seer.bellhop.join_lobby(host.lobby.code))
	await until(func() -> bool: return seer.lobby.players[1].ping >= 0 and host.lobby.players[4].ping >= 0, "the ping")
	check(seer.lobby.players[1].ping < 10000, "a ping of %d ms" % seer.lobby.players[1].ping)


func _explain() -> void:
	var turn: Dictionary = {"urls": "turn:127.0.0.1:9", "username": "a", "credential": "b"}
	for row: Array in [
			[[], "", "a=candidate", "This device has no address to be reached at (no candidates)."],
			[[], "a=candidate", "a=candidate", "There is no direct way between the two networks; a TURN server would be one, and this server names none."],
			[[turn], "a=candidate", "a=candidate", "There is no direct way between the two networks, nor one through turn:127.0.0.1:9."]]:
		var link: Link = Link.new(WebRTCMultiplayerPeer.new(), 2, 1, row[0], 1.0, false)
		link._has_heard = true
		link._sdp = row[1]
		link._remote_sdp = row[2]
		equal(Reason.of(link), row[3], "why there is no link")
