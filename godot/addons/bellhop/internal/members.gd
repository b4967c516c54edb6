extends RefCounted
## The players of a lobby, and which of them are linked.

const Wire := preload("wire.gd")
const Links := preload("links.gd")

signal joined(player: BellhopPlayer)
signal left(player: BellhopPlayer, reason: String)
signal updated(player: BellhopPlayer)
signal host_changed(player: BellhopPlayer)

const KNOCKS: Array[float] = [10.0, 20.0, 31.0] ## Seconds between questions about an absent player, then 30.

var all: Dictionary[int, BellhopPlayer] = {}
var host_id: int = 1
var wants_knock: int = 0 ## The player that Bellhop should be asked about, or 0.

var _my_id: int
var _is_mesh: bool
var _links: Links
var _term: int = 0
var _gone: Dictionary[int, bool] = {} # who left: their number never comes back
var _knock_at: Dictionary[int, float] = {}
var _knocks: Dictionary[int, int] = {}
var _is_online: bool = true
var _starts_over: bool = false # whether this engine has just taken a place back, and knows no links
var _announce_host: bool = false
var _announce_by: float = 0.0


func _init(my_id: int, links: Links, is_mesh: bool) -> void:
	_my_id = my_id
	_links = links
	_is_mesh = is_mesh
	var mine: BellhopPlayer = BellhopPlayer.new()
	mine.peer_id = my_id
	mine.is_me = true
	mine.way = "me"
	all[my_id] = mine


func me() -> BellhopPlayer:
	return all[_my_id]


## Takes all players of a lobby_started, request_accepted or resumed.
func take(content: Dictionary) -> void:
	_starts_over = _term == 0 and not content.has("resume_token")
	var peers: Array[Dictionary] = Wire.objects(content, "peers")
	var listed: Array[Dictionary] = Wire.objects(content, "roster")
	var here: Dictionary[int, bool] = {_my_id: true}
	for peer: Dictionary in listed + peers:
		var id: int = Wire.integer(peer, "peer_id")
		here[id] = true
		var said: Variant = peer.get("player") if listed.is_empty() or not peer.has("connection_id") else null
		if id == _my_id and said is Dictionary and _starts_over:
			all[id]._said = said
		add(id, said, Wire.text(peer, "connection_id"))
		set_away(id, Wire.flag(peer, "away"))
		if all.has(id) and peer.has("player_id"):
			all[id].player_id = Wire.text(peer, "player_id")
	_starts_over = false
	for id: int in all.keys():
		if not here.has(id):
			remove(id, "left")
	var term: int = Wire.integer(content, "term", 1)
	var host: int = _my_id
	for peer: Dictionary in peers:
		if Wire.text(peer, "connection_id") == Wire.text(content, "host_connection_id"):
			host = Wire.integer(peer, "peer_id")
	_set_host(host, term)


## Adds a player, or changes what is known of one. A player with a connection is linked.
func add(id: int, said: Variant, connection_id: String) -> void:
	if id <= 0 or _gone.has(id):
		return
	var player: BellhopPlayer = all.get(id)
	var is_new: bool = player == null
	if is_new:
		player = BellhopPlayer.new()
		player.peer_id = id
		player.way = "connecting" if connection_id != "" else "host"
		all[id] = player
		all.sort()
	if said is Dictionary and (id != _my_id or is_new):
		player._said = said
	if connection_id != "" and id != _my_id:
		_links.add(id, connection_id, _my_id > id or _starts_over)
		player.way = "connecting" if player.way == "host" else player.way
	if is_new:
		joined.emit(player)
	elif said is Dictionary:
		updated.emit(player)


func remove(id: int, reason: String) -> void:
	_gone[id] = true
	_knock_at.erase(id)
	_links.remove(id)
	var player: BellhopPlayer = all.get(id)
	if player != null and id != _my_id:
		all.erase(id)
		left.emit(player, reason)


func set_away(id: int, away: bool) -> void:
	var player: BellhopPlayer = all.get(id)
	if player == null or player.is_away == away:
		return
	player.is_away = away
	_knock_at.erase(id)
	_knocks[id] = 0
	if away and _links.has(id):
		_knock_at[id] = Wire.now() + KNOCKS[0]
	_links.set_reachable(id, _is_online and not away)
	updated.emit(player)


## Whether this side reaches Bellhop.
func set_online(online: bool) -> void:
	_is_online = online
	for id: int in _links.ids():
		var player: BellhopPlayer = all.get(id)
		_links.set_reachable(id, online and player != null and not player.is_away)


func set_way(id: int) -> void:
	var player: BellhopPlayer = all.get(id)
	if player == null:
		return
	player.way = "connecting"
	if _links.is_open(id):
		player.way = "open" if _links.is_rpc(id) else "raw"
	updated.emit(player)


func poll(now: float) -> void:
	if _announce_host and (host_id == _my_id or _links.is_open(host_id) or now > _announce_by):
		_announce_host = false
		if all.has(host_id):
			host_changed.emit(all[host_id])
	for id: int in _links.ids():
		if all.has(id):
			all[id].ping = _links.ping_of(id)
	if not _is_online:
		return
	for id: int in _knock_at.keys():
		if now >= _knock_at[id]:
			_knocks[id] = _knocks.get(id, 0) + 1
			_knock_at[id] = now + (KNOCKS[_knocks[id]] if _knocks[id] < KNOCKS.size() else 30.0)
			wants_knock = id


## Handles an event about a player.
func receive(event: String, content: Dictionary) -> void:
	var id: int = Wire.integer(content, "peer_id")
	var at: String = Wire.text(content, "connection_id")
	match event:
		"peer_joined", "player_joined":
			if not all.has(id) or (at != "" and not _links.has(id)):
				add(id, Wire.object(content, "player"), at)
			if all.has(id):
				all[id].player_id = Wire.text(content, "player_id")
		"peer_left", "player_left":
			remove(id, Wire.text(content, "reason"))
		"peer_disconnected":
			if not _links.has(id) or _links.connection_id_of(id) == at:
				add(id, null, at)
				set_away(id, true)
		"peer_resumed":
			add(id, null, Wire.text(content, "new_connection_id"))
			set_away(id, false)
		"player_away":
			set_away(id, true)
		"player_back":
			set_away(id, false)
		"player_updated":
			if not all.has(id):
				add(id, Wire.object(content, "player"), "")
			elif id != _my_id:
				all[id]._said = Wire.object(content, "player")
				updated.emit(all[id])
		"host_changed":
			for peer: Dictionary in Wire.objects(content, "peers"):
				add(Wire.integer(peer, "peer_id"), peer.get("player"), Wire.text(peer, "connection_id"))
			_set_host(id, Wire.integer(content, "term"))
		"received_session_description", "received_ice_candidate":
			_on_signal(event, id, at, content)
		"error":
			_on_error(content, at)


func _on_signal(event: String, id: int, at: String, content: Dictionary) -> void:
	if _gone.has(id) or (not _is_mesh and id != host_id and _my_id != host_id):
		return
	add(id, null, at) # it can overtake the event that announces its sender, and Bellhop names the sender
	set_away(id, false)
	if not content.has("knock"):
		_links.receive(id, event, content)


func _on_error(content: Dictionary, at: String) -> void:
	if Wire.text(content, "code") != "peer_unreachable":
		return
	for id: int in _links.ids():
		if _links.connection_id_of(id) == at:
			set_away(id, true)


func _set_host(id: int, term: int) -> void:
	if term <= _term or id <= 0:
		return
	var before: int = host_id if _term > 0 else 0
	_term = term
	host_id = id
	for player: BellhopPlayer in all.values():
		player.is_host = player.peer_id == id
	if before == 0 or before == id:
		return
	for changed: int in [before, id]:
		if all.has(changed):
			updated.emit(all[changed])
	_announce_host = true
	_announce_by = Wire.now() + 20.0
