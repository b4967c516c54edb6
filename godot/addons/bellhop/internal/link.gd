extends RefCounted
## One WebRTC connection to one other player, made again as often as it takes.
##
## Either side can offer at any time. The higher peer id begins, and if both have offered, the lower one's offer stands.
## A new attempt is a new connection: the other side sees that by the session in its description. A description carries
## the candidates that were found by then, since each message is billed.

const Wire := preload("wire.gd")
const Order := preload("order.gd")
const Ping := preload("ping.gd")
const Reason := preload("reason.gd")

signal opened
signal lost
signal failed(why: String)
signal raw_received(data: Variant)
## A message for the other side.
signal signalled(action: String, content: Dictionary)

const FIRST_CANDIDATES := 0.025 ## Seconds that a description waits for candidates without servers.
const PATIENCE := 0.25 ## Seconds more that it waits for the first one: a busy device finds it late.
const BATCH := 0.1 ## Seconds of other candidates, and of a description with servers.
const MAX_BATCH := 64
const MAX_HELD := 256
const MAX_SDP := 27 * 1024
const MAX_RAW := 64 * 1024

var peer_id: int
var connection_id: String = ""
var is_open: bool = false
var is_rpc: bool = true ## Whether the other side is a Godot that knows RPCs, as far as is known.
var can_signal: bool = true ## Whether Bellhop can reach the other side now.
var connection: WebRTCPeerConnection
var retry_after: float = 4.0 ## Seconds before an attempt without a result is made again.
var ping: Ping = Ping.new()

var _multiplayer: WebRTCMultiplayerPeer
var _my_id: int
var _servers: Array = []
var _timeout: float
var _relay_only: bool
var _generation: int = 0 # of connection
var _offers: bool = false # whether this side begins
var _has_offered: bool = false # and waits for the answer
var _has_remote: bool = false
var _has_heard: bool = false # a description since the link was open
var _remote_session: String = ""
var _remote_sdp: String = ""
var _local_session: String = ""
var _answers: String = "" # session of the offer that the description in progress answers
var _type: String = "" # of the description in progress
var _sdp: String = ""
var _send_at: float = INF
var _seq: int = 0
var _order: Order = Order.new()
var _found: Array[Dictionary] = []
var _found_any: bool = false
var _flush_at: float = INF
var _held: Array[Dictionary] = []
var _raw: Array[WebRTCDataChannel] = []
var _down_since: float = 0.0
var _retry_at: float = 0.0
var _tries: int = 0
var _has_failed: bool = false
var _is_closed: bool = false


func _init(peer: WebRTCMultiplayerPeer, my_id: int, other_id: int, servers: Array, timeout: float, relay_only: bool) -> void:
	_multiplayer = peer
	_my_id = my_id
	peer_id = other_id
	_servers = servers
	_timeout = timeout
	_relay_only = relay_only


## Begins. The side that does not offer waits for the offer, and then offers itself.
func start(offers: bool) -> void:
	_offers = offers
	_down_since = Wire.now()
	_retry_at = Wire.now() if offers else Wire.now() + retry_after
	poll(Wire.now())


## Tries again now: the other side, or this one, is back.
func retry() -> void:
	if is_open or _is_closed:
		return
	_tries = 0
	_has_failed = false
	_has_heard = false
	_down_since = Wire.now()
	_order.skip()
	_retry_at = Wire.now() if _offers else Wire.now() + retry_after / 2


## Uses other STUN and TURN servers from the next attempt on.
func set_servers(servers: Array) -> void:
	_servers = servers


## Ends the link for good.
func close() -> void:
	_is_closed = true
	is_open = false
	_drop()


## Handles a description or candidates of the other side.
func receive(event: String, content: Dictionary) -> void:
	if _is_closed:
		return
	if event == "received_ice_candidate":
		var all: Array[Dictionary] = Wire.objects(content, "candidates")
		return _add_candidates(all if content.has("candidates") else [content])
	for next: Dictionary in _order.receive(content):
		_apply(next)


## Sends text or bytes on the plain channel, and returns whether it could.
func send_raw(data: Variant, reliable: bool) -> bool:
	var chosen: WebRTCDataChannel
	for channel: WebRTCDataChannel in _raw:
		if channel.get_ready_state() != WebRTCDataChannel.STATE_OPEN:
			continue
		if channel.is_ordered() == reliable or (chosen == null and channel.is_ordered()):
			chosen = channel
	if chosen == null:
		return false
	chosen.write_mode = WebRTCDataChannel.WRITE_MODE_TEXT if data is String else WebRTCDataChannel.WRITE_MODE_BINARY
	var text: String = data if data is String else ""
	var bytes: PackedByteArray = data if data is PackedByteArray else text.to_utf8_buffer()
	return bytes.size() <= MAX_RAW and chosen.put_packet(bytes) == OK


## Whether the plain channel is open.
func has_raw() -> bool:
	return _raw.any(func(channel: WebRTCDataChannel) -> bool: return channel.get_ready_state() == WebRTCDataChannel.STATE_OPEN)


## Does what is due. Called each frame.
func poll(now: float) -> void:
	if _is_closed:
		return
	for next: Dictionary in _order.poll(now):
		_apply(next)
	if connection != null:
		connection.poll()
		_poll_raw()
		_poll_state(now)
		ping.poll(now, is_open and is_rpc)
	if (now >= _send_at and _found_any) or now >= _send_at + PATIENCE or (_send_at < INF and _found_any and _is_gathered()):
		_send_description()
	if now >= _flush_at:
		_flush()
	if not is_open and can_signal:
		_poll_tries(now)


func _poll_state(now: float) -> void:
	var state: WebRTCPeerConnection.ConnectionState = connection.get_connection_state()
	if state == WebRTCPeerConnection.STATE_CONNECTED and not is_open and not _was_closed():
		is_open = true
		_tries = 0
		_has_failed = false
		opened.emit()
	elif is_open and (state != WebRTCPeerConnection.STATE_CONNECTED or _was_closed()):
		_retry_at = now + (1.0 if _offers else retry_after)
		_lose()


## Whether the other side has closed the connection. Some browsers call it connected for half a minute more.
func _was_closed() -> bool:
	return not _raw.is_empty() and _raw.all(func(channel: WebRTCDataChannel) -> bool:
		return channel.get_ready_state() == WebRTCDataChannel.STATE_CLOSED)


func _poll_tries(now: float) -> void:
	if now - _down_since > _timeout and not _has_failed:
		_has_failed = true
		failed.emit(Reason.of(self))
	if now < _retry_at:
		return
	_tries += 1
	var wait: float = retry_after if not _has_failed else randf_range(10.0, 20.0)
	_retry_at = now + wait * (1.0 if _offers else 2.0)
	_offer()


## Makes a new connection in place of the old one.
func _create() -> bool:
	_drop()
	_generation += 1
	connection = WebRTCPeerConnection.new()
	var configuration: Dictionary = {"iceServers": _servers}
	if _relay_only:
		configuration["iceTransportPolicy"] = "relay" # webrtc-native ignores this; see _is_allowed
	if connection.initialize(configuration) != OK:
		connection = null
		_retry_at = INF
		failed.emit("This Godot cannot make WebRTC connections, or an entry of ice_servers is wrong.")
		return false
	ping.open(connection)
	connection.session_description_created.connect(_on_description.bind(_generation))
	connection.ice_candidate_created.connect(_on_candidate.bind(_generation))
	connection.data_channel_received.connect(_on_channel.bind(_generation))
	var may_serve: bool = _multiplayer.get_unique_id() == 1 or _multiplayer.get_unique_id() == _my_id
	if is_rpc and may_serve and _multiplayer.get_connection_status() != MultiplayerPeer.CONNECTION_DISCONNECTED:
		is_rpc = _multiplayer.add_peer(connection, peer_id) == OK
	return true


func _drop() -> void:
	_generation += 1
	_type = ""
	_send_at = INF
	_flush_at = INF
	_seq = 0
	_found.clear()
	_found_any = false
	_has_offered = false
	_has_remote = false
	_remote_session = ""
	_local_session = ""
	_raw.clear()
	ping.close()
	if _is_in_multiplayer():
		_multiplayer.remove_peer(peer_id)
	if connection != null:
		connection.close()
	connection = null


func _is_in_multiplayer() -> bool:
	return _multiplayer.get_connection_status() != MultiplayerPeer.CONNECTION_DISCONNECTED and _multiplayer.has_peer(peer_id)


func _offer() -> void:
	if not _create():
		return
	_on_channel(connection.create_data_channel("reliable"), _generation)
	_on_channel(connection.create_data_channel("unreliable", {"ordered": false, "maxRetransmits": 0}), _generation)
	_has_offered = true
	_answers = ""
	connection.create_offer()


func _apply(content: Dictionary) -> void:
	var type: String = Wire.text(content, "session_type")
	var sdp: String = Wire.text(content, "sdp")
	if type == "offer":
		_apply_offer(sdp, content)
	elif type == "answer" and _has_offered:
		var meant: String = Wire.text(content, "answers")
		if meant != "" and meant != _local_session:
			return # it answers an offer of before
		if not content.has("godot") and _is_in_multiplayer():
			_multiplayer.remove_peer(peer_id)
			is_rpc = false
		_has_offered = false
		_set_remote("answer", sdp)


func _apply_offer(sdp: String, content: Dictionary) -> void:
	if _has_offered and _my_id < peer_id:
		return # this side's offer stands
	is_rpc = content.has("godot")
	var session: String = Wire.session_of(sdp)
	if connection == null or _has_offered or _remote_session != session:
		_lose()
		if not _create():
			return
	elif Wire.ufrag_of(sdp) == Wire.ufrag_of(_remote_sdp):
		if _type == "answer":
			_send_description() # it was lost
		return
	else:
		_lose()
		return _offer() # Godot cannot restart ICE
	_retry_at = Wire.now() + retry_after * (1.0 if _offers else 2.0)
	_answers = session
	_set_remote("offer", sdp)


func _lose() -> void:
	if is_open:
		is_open = false
		_has_heard = false
		_down_since = Wire.now()
		lost.emit()


func _set_remote(type: String, sdp: String) -> void:
	_remote_session = Wire.session_of(sdp)
	_remote_sdp = sdp
	_has_heard = true
	if _relay_only and not OS.has_feature("web"):
		sdp = Wire.only_relayed(sdp)
	_has_remote = connection.set_remote_description(type, sdp) == OK
	var held: Array[Dictionary] = _held.duplicate()
	_held.clear()
	_add_candidates(held)


func _add_candidates(candidates: Array[Dictionary]) -> void:
	for given: Dictionary in candidates:
		var candidate: String = Wire.text(given, "candidate") if given.has("candidate") else Wire.text(given, "name")
		var fragment: String = Wire.text(given, "usernameFragment")
		if candidate == "":
			continue # the end of candidates
		if not _has_remote or (fragment != "" and not _remote_sdp.contains("a=ice-ufrag:" + fragment)):
			_held.append(given)
			if _held.size() > MAX_HELD:
				_held.pop_front()
			continue
		var media: String = Wire.text(given, "sdpMid") if given.has("candidate") else Wire.text(given, "media")
		var index: int = Wire.integer(given, "sdpMLineIndex" if given.has("candidate") else "index")
		if _remote_sdp.contains("a=mid:" + media) and (_is_allowed(candidate) or OS.has_feature("web")):
			connection.add_ice_candidate(media, index, candidate)


func _on_description(type: String, sdp: String, generation: int) -> void:
	if generation != _generation or connection == null:
		return
	connection.set_local_description(type, sdp)
	_type = type
	_sdp = sdp
	_local_session = Wire.session_of(sdp)
	_send_at = Wire.now() + (FIRST_CANDIDATES if _servers.is_empty() else BATCH)


func _on_candidate(media: String, index: int, candidate: String, generation: int) -> void:
	if generation != _generation or candidate == "" or not _is_allowed(candidate):
		return
	_found_any = true
	var all: Dictionary = {"media": media, "index": index, "name": candidate}
	var fragment: String = Wire.ufrag_of(_sdp)
	if fragment != "":
		all["usernameFragment"] = fragment
	_found.append(all)
	if _send_at == INF and _flush_at == INF:
		_flush_at = Wire.now() + BATCH


## Whether a candidate can be used: with relay_only no side learns the other's address.
func _is_allowed(candidate: String) -> bool:
	return not _relay_only or candidate.contains(" typ relay")


func _is_gathered() -> bool:
	return connection != null and connection.get_gathering_state() == WebRTCPeerConnection.GATHERING_STATE_COMPLETE


func _send_description() -> void:
	_send_at = INF
	_seq += 1
	_sdp = Wire.with_candidates(Wire.only_relayed(_sdp) if _relay_only else _sdp, _found)
	_found.clear()
	if _sdp.length() > MAX_SDP:
		return failed.emit("The description of this connection is too large for Bellhop.")
	var content: Dictionary = {"session_type": _type, "sdp": _sdp, "seq": _seq, "godot": 1}
	if _type == "answer" and _answers != "":
		content["answers"] = _answers
	signalled.emit("set_session_description", content)


func _flush() -> void:
	_flush_at = INF
	_sdp = Wire.with_candidates(_sdp, _found)
	while not _found.is_empty():
		signalled.emit("send_ice_candidate", {"candidates": _found.slice(0, MAX_BATCH)})
		_found = _found.slice(MAX_BATCH)


func _on_channel(channel: WebRTCDataChannel, generation: int) -> void:
	if generation == _generation and channel != null:
		_raw.append(channel)


func _poll_raw() -> void:
	for channel: WebRTCDataChannel in _raw.duplicate():
		channel.poll()
		while channel.get_ready_state() == WebRTCDataChannel.STATE_OPEN and channel.get_available_packet_count() > 0:
			var packet: PackedByteArray = channel.get_packet()
			if channel.was_string_packet():
				raw_received.emit(packet.get_string_from_utf8())
			else:
				raw_received.emit(packet)
