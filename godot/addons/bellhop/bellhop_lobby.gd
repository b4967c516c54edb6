@icon("res://addons/bellhop/icons/lobby.svg")
class_name BellhopLobby
extends RefCounted
## A lobby that you are in. [Bellhop] opens and joins lobbies.
##
## Assign [member multiplayer_peer] to [member MultiplayerAPI.multiplayer_peer], and RPCs, MultiplayerSpawner and
## MultiplayerSynchronizer work as with any peer. The lobby goes on while the connection to Bellhop is lost, and
## [Bellhop] takes its place back by itself.
## @tutorial(Bellhop in Godot): https://github.com/bellhop/bellhop/blob/main/docs/godot.md

const _Wire := preload("internal/wire.gd")
const _Links := preload("internal/links.gd")
const _Members := preload("internal/members.gd")
const _Call := preload("internal/call.gd")

## Another player is in. RPCs reach them from [signal MultiplayerAPI.peer_connected] on.
signal player_joined(player: BellhopPlayer)
## A player is gone: [code]"left"[/code], [code]"removed"[/code] or [code]"timed_out"[/code].
signal player_left(player: BellhopPlayer, reason: String)
## A player's name, data, ready mark, host mark, absence or [member BellhopPlayer.way] has changed.
signal player_updated(player: BellhopPlayer)
## A player asks to join, and waits for [method accept] or [method reject]. Only the host gets this.
signal join_requested(request: BellhopJoinRequest)
## A player no longer waits.
signal join_cancelled(request: BellhopJoinRequest)
## The host has changed, and the link with the new one is open.
signal host_changed(player: BellhopPlayer)
## The settings have changed.
signal updated
## Another player's [method chat].
signal chat_received(player: BellhopPlayer, data: Variant)
## Text or bytes of another player's [method send_raw], or of a page with bellhop.js.
signal raw_received(player: BellhopPlayer, data: Variant)
## The host has removed you. [signal closed] follows.
signal kicked(reason: String)
## The lobby is over for you: [code]"left"[/code], [code]"closed"[/code], [code]"host_left"[/code],
## [code]"timed_out"[/code], [code]"removed"[/code], [code]"replaced"[/code] or [code]"resume_failed"[/code].
signal closed(reason: String)
## No way to a player was found. The addon keeps trying.
signal link_failed(player: BellhopPlayer, why: String)

## The code that others join with.
var code: String
## Your own number.
var peer_id: int
## The host's number: it has the authority in a game with one.
var host_peer_id: int:
	get:
		return _members.host_id
## What RPCs go through: assign it to [code]multiplayer.multiplayer_peer[/code].
var multiplayer_peer: MultiplayerPeer:
	get:
		return _links.multiplayer_peer
## All players by their number, you included.
var players: Dictionary[int, BellhopPlayer]:
	get:
		return _members.all
## The players who wait for [method accept] or [method reject]. Only the host has any.
var requests: Array[BellhopJoinRequest] = []
## The settings: [code]max_players[/code], [code]public[/code], [code]locked[/code], [code]auto_accept[/code],
## [code]has_password[/code], [code]topology[/code], [code]metadata[/code] and so on.
var info: Dictionary = {}
## Whether the lobby is over for you.
var is_closed: bool = false

var _bellhop: Bellhop
var _links: _Links
var _members: _Members
var _is_updating: bool = false


func _init(bellhop: Bellhop, content: Dictionary, player: Dictionary) -> void:
	_bellhop = bellhop
	code = _Wire.text(content, "lobby_id")
	peer_id = _Wire.integer(content, "peer_id")
	info = _Wire.object(content, "lobby")
	_links = _Links.new(peer_id, is_mesh(), bellhop.link_timeout, bellhop.relay_only)
	_members = _Members.new(peer_id, _links, is_mesh())
	_links.opened.connect(_on_link_changed)
	_links.lost.connect(_on_link_changed)
	_links.failed.connect(_on_link_failed)
	_links.raw_received.connect(_on_raw)
	_links.signalled.connect(_on_signalled)
	_members.joined.connect(_on_joined)
	_members.left.connect(_on_left)
	_members.updated.connect(_on_updated)
	_members.host_changed.connect(_on_host_changed)
	_members.me()._said = player
	_take(content)


## Whether you are the host.
func is_host() -> bool:
	return host_peer_id == peer_id


## Whether all players are linked with each other. In a star all are linked with the host.
func is_mesh() -> bool:
	return _Wire.text(info, "topology") == "mesh"


## You, as one of [member players].
func me() -> BellhopPlayer:
	return _members.me()


## The host, as one of [member players].
func host() -> BellhopPlayer:
	return players.get(host_peer_id)


## Admits a player who waits. Returns whether that worked; if not, see [member Bellhop.last_error].
func accept(request: BellhopJoinRequest) -> bool:
	var call: _Call = _bellhop._request("accept_request", {"connection_id": request.connection_id})
	if not await _bellhop._done(call):
		return false
	requests.erase(request)
	_members.add(_Wire.integer(call.answer, "peer_id"), request.player._said, request.connection_id)
	return true


## Rejects a player who waits. They see the reason.
func reject(request: BellhopJoinRequest, reason: String = "") -> bool:
	var content: Dictionary = {"connection_id": request.connection_id, "reason": reason}
	var done: bool = await _bellhop._done(_bellhop._request("reject_join_request", content))
	requests.erase(request)
	return done


## Removes a player. They see the reason, and can ask to join again.
func kick(player: BellhopPlayer, reason: String = "") -> bool:
	return await _remove(player, reason, false)


## Removes a player for as long as the lobby lives.
func ban(player: BellhopPlayer, reason: String = "") -> bool:
	return await _remove(player, reason, true)


## Changes the settings that it names: [code]max_players[/code], [code]public[/code], [code]locked[/code],
## [code]auto_accept[/code], [code]password[/code] ([code]null[/code] takes it off), [code]metadata[/code].
func update(changes: Dictionary) -> bool:
	return await _bellhop._done(_bellhop._request("update_lobby", changes))


## Changes what you say of yourself, for all: [code]{name = "Ann", ready = true}[/code]. Keys that it does not name stay,
## and [code]null[/code] removes one. All together have room for 256 bytes of JSON.
func update_player(changes: Dictionary) -> bool:
	var mine: BellhopPlayer = me()
	for key: Variant in changes:
		if changes[key] == null:
			mine._said.erase(str(key))
		else:
			mine._said[str(key)] = changes[key]
	player_updated.emit(mine)
	while _is_updating and not is_closed:
		await _bellhop.get_tree().process_frame # two updates under way could change places
	_is_updating = true
	var done: bool = await _bellhop._done(_bellhop._request("update_player", {"player": mine._said}))
	_is_updating = false
	return done


## Makes another player the host. A star cannot do this, since Godot gives the host of a star the number 1.
func set_host(player: BellhopPlayer) -> bool:
	if not is_mesh():
		return _bellhop._fail("not_available", "The host of a star cannot change in Godot: open the lobby as a mesh.")
	var call: _Call = _bellhop._request("set_host", {"connection_id": _links.connection_id_of(player.peer_id)})
	if not await _bellhop._done(call):
		return false
	_receive("host_changed", call.answer)
	return true


## Sends whatever JSON can hold through Bellhop, to all others or to one: at most 4 KiB, and 10 a second.
func chat(data: Variant, to: BellhopPlayer = null) -> bool:
	var content: Dictionary = {"data": data}
	if to != null:
		content["connection_id"] = _links.connection_id_of(to.peer_id)
	return await _bellhop._done(_bellhop._request("send_message", content))


## Sends a [String] or a [PackedByteArray] to all that you are linked with, or to one, over a plain data channel. Players
## without Godot hear it too. Returns how many it is on its way to.
func send_raw(data: Variant, to: BellhopPlayer = null, reliable: bool = true) -> int:
	var count: int = 0
	for id: int in _links.ids():
		if (to == null or to.peer_id == id) and _links.send_raw(id, data, reliable):
			count += 1
	return count


## Gives up your place. If you are the host, the lobby closes, or in a mesh goes on with another host.
func leave() -> bool:
	return await _bellhop.leave()


## Ends the lobby for all.
func close() -> bool:
	var done: bool = await _bellhop._done(_bellhop._request("close_lobby"))
	if done:
		_end("closed")
	return done


func _remove(player: BellhopPlayer, reason: String, ban_too: bool) -> bool:
	var content: Dictionary = {"connection_id": _links.connection_id_of(player.peer_id), "reason": reason}
	if ban_too:
		content["ban"] = true
	return await _bellhop._done(_bellhop._request("remove_player", content))


## Takes the fields that lobby_started, request_accepted and resumed share.
func _take(content: Dictionary) -> void:
	info = _Wire.object(content, "lobby")
	var servers: Array = _bellhop.ice_servers.duplicate()
	servers.append_array(_Wire.objects(content, "ice_servers"))
	for bad: Variant in _links.set_servers(servers):
		_bellhop._report("invalid_field", "This is no STUN or TURN server that WebRTC takes: %s" % [bad])
	_members.take(content)


func _poll(now: float) -> void:
	_links.poll(now)
	_members.poll(now)
	if _members.wants_knock != 0:
		_knock(_members.wants_knock)


## Asks Bellhop about a player who is away: on AWS nothing else makes it notice that a place has expired.
func _knock(id: int) -> void:
	_members.wants_knock = 0
	var content: Dictionary = {"connection_id": _links.connection_id_of(id), "candidate": "", "knock": true}
	var call: _Call = _bellhop._request("send_ice_candidate", content)
	if await call.wait():
		_members.set_away(id, false)
	elif call.error["code"] == "peer_not_found" and players.has(id):
		_bellhop._comeback.renew()


func _receive(event: String, content: Dictionary) -> void:
	if is_closed:
		return
	match event:
		"request_to_join":
			_add_request(content)
		"request_cancelled":
			_cancel(_Wire.text(content, "connection_id"))
		"lobby_updated":
			info = _Wire.object(content, "lobby")
			updated.emit()
		"received_message":
			var sender: BellhopPlayer = players.get(_Wire.integer(content, "peer_id"))
			if sender != null:
				chat_received.emit(sender, content.get("data"))
		"lobby_left":
			_end("left")
		"lobby_closed":
			_end(_Wire.text(content, "reason"))
		"removed":
			kicked.emit(_Wire.text(content, "reason"))
			_end("removed")
		"replaced":
			_end("replaced")
		_:
			_members.receive(event, content)


func _add_request(content: Dictionary) -> void:
	var id: String = _Wire.text(content, "connection_id")
	if requests.any(func(known: BellhopJoinRequest) -> bool: return known.connection_id == id):
		return
	var request: BellhopJoinRequest = BellhopJoinRequest.new()
	request.connection_id = id
	request.player = BellhopPlayer.new()
	request.player.peer_id = _Wire.integer(content, "peer_id")
	request.player.player_id = _Wire.text(content, "player_id")
	request.player._said = _Wire.object(content, "player")
	requests.append(request)
	join_requested.emit(request)


func _cancel(connection_id: String) -> void:
	for request: BellhopJoinRequest in requests.duplicate():
		if connection_id == "" or request.connection_id == connection_id:
			requests.erase(request)
			join_cancelled.emit(request)


func _on_resumed(content: Dictionary) -> void:
	_cancel("") # Bellhop repeats them
	_take(content)
	_members.set_online(true)


func _on_lost() -> void:
	_members.set_online(false)


func _end(reason: String) -> void:
	if is_closed:
		return
	is_closed = true
	requests.clear()
	_links.close()
	_bellhop._on_lobby_closed(self, reason)
	closed.emit(reason)


func _on_joined(player: BellhopPlayer) -> void:
	player_joined.emit(player)


func _on_left(player: BellhopPlayer, reason: String) -> void:
	player_left.emit(player, reason)


func _on_updated(player: BellhopPlayer) -> void:
	player_updated.emit(player)


func _on_host_changed(player: BellhopPlayer) -> void:
	if not is_mesh():
		return _end("host_left")
	if not is_host():
		_cancel("")
	host_changed.emit(player)


func _on_link_changed(id: int) -> void:
	_members.set_way(id)
	if _bellhop._comeback.is_forgotten and _links.ids().all(func(other: int) -> bool: return not _links.is_open(other)):
		_end("resume_failed")


func _on_link_failed(id: int, why: String) -> void:
	var player: BellhopPlayer = players.get(id)
	if player == null:
		return
	player.way = "failed"
	player_updated.emit(player)
	link_failed.emit(player, why)


func _on_raw(id: int, data: Variant) -> void:
	var player: BellhopPlayer = players.get(id)
	if player != null:
		raw_received.emit(player, data)


func _on_signalled(action: String, content: Dictionary) -> void:
	_bellhop._send(action, content)
