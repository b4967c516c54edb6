extends "kit.gd"
## Games for Bellhop's first version: they say ?protocol=original, and have a client of their own.


## A client as such games have it: it sends each candidate by itself, and closes its lobby to leave.
class Old:
	extends Node

	var socket: WebSocketPeer = WebSocketPeer.new()
	var peer: WebRTCMultiplayerPeer = WebRTCMultiplayerPeer.new()
	var links: Dictionary[String, WebRTCPeerConnection] = {}
	var heard: PackedStringArray = []

	func _process(_delta: float) -> void:
		socket.poll()
		for link: WebRTCPeerConnection in links.values():
			link.poll()
		while socket.get_available_packet_count() > 0:
			var event: Dictionary = JSON.parse_string(socket.get_packet().get_string_from_utf8())
			heard.append("%s %s" % [event["event"], event["content"].get("reason", event["content"].get("lobby_id", ""))])
			_receive(event["event"], event["content"])

	func send(action: String, content: Variant = null) -> void:
		var message: Dictionary = {"action": action}
		if content != null:
			message["content"] = content
		socket.send_text(JSON.stringify(message))

	func _receive(event: String, content: Dictionary) -> void:
		var other: String = content.get("connection_id", "")
		match event:
			"lobby_started":
				peer.create_server()
				multiplayer.multiplayer_peer = peer
			"received_join_request":
				send("accept_join_request", {"player_connection_id": other, "player_peer_id": links.size() + 2})
				_link(other, links.size() + 2)
			"join_request_accepted":
				peer.create_client(int(content["peer_id"]))
				multiplayer.multiplayer_peer = peer
				_link(content["host_connection_id"], 1).create_offer()
			"received_session_description":
				links[other].set_remote_description(content["session_type"], content["sdp"])
			"received_ice_candidate":
				links[other].add_ice_candidate(content["media"], int(content["index"]), content["name"])

	func _link(other: String, id: int) -> WebRTCPeerConnection:
		var link: WebRTCPeerConnection = WebRTCPeerConnection.new()
		links[other] = link
		link.initialize({})
		link.session_description_created.connect(func(type: String, sdp: String) -> void:
			link.set_local_description(type, sdp)
			send("send_session_description", {"connection_id": other, "session_type": type, "sdp": sdp}))
		link.ice_candidate_created.connect(func(media: String, index: int, candidate: String) -> void:
			send("send_ice_candidate", {"connection_id": other, "media": media, "index": index, "name": candidate}))
		peer.add_peer(link, id)
		return link

	@rpc("any_peer", "call_remote", "reliable")
	func hear(text: String) -> void:
		heard.append("rpc %d %s" % [multiplayer.get_remote_sender_id(), text])


func run() -> void:
	url = await ask("start")
	var host: Old = await _old("host")
	await _say(host, "start_lobby", "fox", "lobby_started fox")
	var rival: Old = await _old("rival")
	await _say(rival, "start_lobby", "fox", "lobby_creation_failed Lobby fox already exists.")
	await _say(rival, "join_lobby", "hen", "join_request_rejected Lobby 'hen' not found.")
	var guests: Array[Old] = []
	for i: int in 2:
		guests.append(await _old("guest%d" % i))
		guests[i].send("join_lobby", {"lobby_id": "fox"})
		await until(func() -> bool: return host.multiplayer.get_peers().size() == i + 1 and guests[i].multiplayer.get_peers().size() == i + 1, "guest %d" % i)
	host.hear.rpc("hello")
	guests[0].hear.rpc("hi")
	await until(func() -> bool: return "rpc 1 hello" in guests[0].heard and "rpc 1 hello" in guests[1].heard, "the host's RPC")
	await until(func() -> bool: return "rpc 2 hi" in host.heard and "rpc 2 hi" in guests[1].heard, "a guest's RPC")
	host.send("close_lobby")
	await _say(host, "join_lobby", "fox", "join_request_rejected Lobby 'fox' not found.")
	for one: Old in [host, guests[0], guests[1]]:
		one.peer.close()


func _old(title: String) -> Old:
	var one: Old = Old.new()
	one.name = title
	add_child(one)
	get_tree().set_multiplayer(MultiplayerAPI.create_default_interface(), one.get_path())
	one.socket.connect_to_url(url + "/?protocol=original")
	await until(func() -> bool: return one.socket.get_ready_state() == WebSocketPeer.STATE_OPEN, title + " to connect")
	return one


func _say(one: Old, action: String, code: String, want: String) -> void:
	one.send(action, {"lobby_id": code})
	await until(func() -> bool: return want in one.heard, "%s, not %s" % [want, one.heard])
