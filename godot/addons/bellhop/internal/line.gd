extends RefCounted
## The way of a node to Bellhop: a connection, and a second one that takes over before the first ends.

signal opened
## The connection in use has ended.
signal lost
## is_ahead: on the second connection, which has not taken over yet.
signal received(event: String, content: Dictionary, is_ahead: bool)
signal wired(is_sent: bool, what: String, content: Dictionary)

const _Call := preload("call.gd")
const _Options := preload("options.gd")
const _Socket := preload("socket.gd")

const AWAY := 4.0 ## Seconds without a frame after which the device has slept, or the page was hidden.

var socket: _Socket ## In use, or null.
var next: _Socket ## Takes over from [member socket], or null.
var is_lost: bool = false ## Whether [signal lost] was the last that was heard of the connection.
## Sent and received, on all connections.
var messages: int:
	get:
		return _ended + (socket.messages if socket != null else 0)

var _node: Bellhop
var _goal: String = "" # that socket connects to
var _ended: int = 0 # messages of connections that have ended
var _polled_at: float = 0.0
var _is_replaced: bool = false # whether next has taken the place of socket, as Bellhop says on socket


func _init(node: Bellhop) -> void:
	_node = node


## Called in each frame.
func poll(now: float) -> void:
	if _polled_at > 0.0 and now - _polled_at > AWAY and socket != null:
		socket.probe(AWAY)
	_polled_at = now
	for each: _Socket in [socket, next]:
		if each != null:
			each.poll()


## Returns how long the connection has been open, in seconds; 0 if it is not.
func age(now: float) -> float:
	return now - socket.opened_at if socket != null and socket.is_open else 0.0


## Connects unless connected, and returns whether that worked.
func reach() -> bool:
	var goal: String = "%s %s" % [_node.url, _node._options().full_game()]
	if socket != null and _goal != goal and _node.lobby == null:
		socket.close()
		socket = null
	_goal = goal
	if socket != null and socket.is_open:
		return true
	if socket == null:
		socket = await open()
		if socket == null:
			return false
	var opening: _Socket = socket
	while not opening.is_open and not opening.is_closed:
		if not _node.is_inside_tree():
			return _node._fail("closed", "The node Bellhop is not in the tree.")
		await _node.get_tree().process_frame
	if opening.is_open:
		return true
	return _node._fail("unreachable", "There is no way to %s: is Bellhop running there, and is the token right?" % _node.url)


## Returns a connection that is about to open; null, with the node's last_error, if it cannot.
func open() -> _Socket:
	var options: _Options = _node._options()
	var given: String = _node.token
	if _node.token_source.is_valid():
		given = str(await _node.token_source.call())
	var address: String = options.address(given)
	if not options.error.is_empty():
		_node._fail(str(options.error["code"]), str(options.error["message"]))
		return null
	if not _node.is_inside_tree():
		_node._fail("closed", "The node Bellhop is not in the tree.")
		return null
	var opening: _Socket = _Socket.new()
	if not opening.open(address):
		_node._fail("invalid_url", "Godot takes no such URL: %s" % _node.url)
		return null
	opening.opened.connect(opened.emit)
	opening.closed.connect(_on_closed.bind(opening.get_instance_id()))
	opening.received.connect(_on_received.bind(opening.get_instance_id()))
	opening.wired.connect(wired.emit)
	return opening


## Uses another connection from now on.
func adopt(other: _Socket) -> void:
	if socket != null:
		_ended += socket.messages
		socket.close()
	socket = other
	is_lost = false
	_is_replaced = false


## Notes that the second connection does not take over.
func fail() -> void:
	if _is_replaced and socket == null:
		is_lost = true
		lost.emit()
	_is_replaced = false


## Ends all connections, since the node is gone. Bellhop hears of it if the node was in a lobby, or about to enter one.
func close(is_leaving: bool) -> void:
	for each: _Socket in [socket, next]:
		if each == null:
			continue
		if is_leaving:
			each.send("leave_lobby", {})
		each.close("closed", "The node Bellhop has left the tree.")
	socket = null
	next = null


func request(action: String, content: Dictionary) -> _Call:
	if socket != null:
		return socket.request(action, content)
	var call: _Call = _Call.new()
	call.fail("connection_lost", "There is no connection to Bellhop at the moment; try again.")
	return call


func send(action: String, content: Dictionary) -> void:
	if socket != null:
		socket.send(action, content)


func _on_closed(_code: int, id: int) -> void:
	if next != null and next.get_instance_id() == id:
		_ended += next.messages
		next = null
		fail()
	if socket == null or socket.get_instance_id() != id:
		return
	_ended += socket.messages
	socket = null
	if not _is_replaced:
		is_lost = true
		lost.emit()


func _on_received(event: String, content: Dictionary, id: int) -> void:
	var is_ahead: bool = socket == null or socket.get_instance_id() != id
	if event == "replaced" and (is_ahead or next != null):
		_is_replaced = _is_replaced or not is_ahead # by our own resume, whose answer is on its way
		return
	received.emit(event, content, is_ahead)
