extends RefCounted
## The links of a lobby, and the multiplayer peer that they carry.

const Wire := preload("wire.gd")
const Link := preload("link.gd")

signal opened(peer_id: int)
signal lost(peer_id: int)
signal failed(peer_id: int, why: String)
signal raw_received(peer_id: int, data: Variant)
## A message to the player at a connection.
signal signalled(action: String, content: Dictionary)

var multiplayer_peer: WebRTCMultiplayerPeer = WebRTCMultiplayerPeer.new()

var _my_id: int
var _is_mesh: bool
var _links: Dictionary[int, Link] = {}
var _servers: Array = []
var _timeout: float
var _relay_only: bool


func _init(my_id: int, is_mesh: bool, timeout: float, relay_only: bool) -> void:
	_my_id = my_id
	_is_mesh = is_mesh
	_timeout = timeout
	_relay_only = relay_only
	if is_mesh:
		multiplayer_peer.create_mesh(my_id)
	elif my_id == 1:
		multiplayer_peer.create_server()
	else:
		multiplayer_peer.create_client(my_id)


## Uses STUN and TURN servers. Those that no connection would take are left out, and returned.
func set_servers(servers: Array) -> Array:
	var bad: Array = []
	_servers = []
	for server: Variant in servers:
		if _is_server(server):
			_servers.append(server)
		else:
			bad.append(server)
	for link: Link in _links.values():
		link.set_servers(_servers)
	return bad


static func _is_server(server: Variant) -> bool:
	if not server is Dictionary:
		return false
	var given: Dictionary = server
	var urls: String = str(given.get("urls", ""))
	return urls.contains("stun") or (urls.contains("turn") and given.has("username") and given.has("credential"))


## Links with a player, or takes their new address.
func add(peer_id: int, connection_id: String, offers: bool) -> void:
	var link: Link = _links.get(peer_id)
	if link != null:
		link.connection_id = connection_id
		return
	link = Link.new(multiplayer_peer, _my_id, peer_id, _servers, _timeout, _relay_only)
	link.connection_id = connection_id
	_links[peer_id] = link
	link.opened.connect(_on_opened.bind(peer_id))
	link.lost.connect(_on_lost.bind(peer_id))
	link.failed.connect(_on_failed.bind(peer_id))
	link.raw_received.connect(_on_raw.bind(peer_id))
	link.signalled.connect(_on_signalled.bind(peer_id))
	link.start(offers)


func remove(peer_id: int) -> void:
	var link: Link = _links.get(peer_id)
	if link != null:
		_links.erase(peer_id)
		link.close()


func has(peer_id: int) -> bool:
	return _links.has(peer_id)


func ids() -> Array[int]:
	return _links.keys()


func connection_id_of(peer_id: int) -> String:
	var link: Link = _links.get(peer_id)
	return link.connection_id if link != null else ""


func is_open(peer_id: int) -> bool:
	var link: Link = _links.get(peer_id)
	return link != null and link.is_open


func is_rpc(peer_id: int) -> bool:
	var link: Link = _links.get(peer_id)
	return link != null and link.is_rpc


## Returns the milliseconds there and back, or -1.
func ping_of(peer_id: int) -> int:
	var link: Link = _links.get(peer_id)
	return link.ping.milliseconds if link != null else -1


## Whether messages get to a player now.
func set_reachable(peer_id: int, reachable: bool) -> void:
	var link: Link = _links.get(peer_id)
	if link == null or link.can_signal == reachable:
		return
	link.can_signal = reachable
	if reachable:
		link.retry()


func receive(peer_id: int, event: String, content: Dictionary) -> void:
	var link: Link = _links.get(peer_id)
	if link != null:
		link.receive(event, content)


func send_raw(peer_id: int, data: Variant, reliable: bool) -> bool:
	var link: Link = _links.get(peer_id)
	return link != null and link.send_raw(data, reliable)


func has_raw(peer_id: int) -> bool:
	var link: Link = _links.get(peer_id)
	return link != null and link.has_raw()


func poll(now: float) -> void:
	for link: Link in _links.values():
		link.poll(now)


func close() -> void:
	for peer_id: int in _links.keys():
		remove(peer_id)
	multiplayer_peer.close()


func _on_opened(peer_id: int) -> void:
	opened.emit(peer_id)


func _on_lost(peer_id: int) -> void:
	lost.emit(peer_id)


func _on_failed(why: String, peer_id: int) -> void:
	failed.emit(peer_id, why)


func _on_raw(data: Variant, peer_id: int) -> void:
	raw_received.emit(peer_id, data)


func _on_signalled(action: String, content: Dictionary, peer_id: int) -> void:
	content["connection_id"] = connection_id_of(peer_id)
	signalled.emit(action, content)
