extends RefCounted
## Takes the place of a node in its lobby back on another connection: after a loss, and before Bellhop ends a connection.

const _Call := preload("call.gd")
const _Line := preload("line.gd")
const _Socket := preload("socket.gd")
const _Wire := preload("wire.gd")

const RENEW := 115 * 60.0 ## Seconds after which a new connection takes over: API Gateway ends each after 2 hours.

var is_forgotten: bool = false ## Whether Bellhop knows the lobby no more, and its players go on.

var _node: Bellhop
var _line: _Line
var _tries: int = 0
var _reconnect_at: float = INF
var _renewed_at: float = -INF


func _init(node: Bellhop, line: _Line) -> void:
	_node = node
	_line = line


## Called in each frame, while the node is in a lobby.
func poll(now: float) -> void:
	if is_forgotten:
		return
	if _line.socket == null and now >= _reconnect_at:
		_reconnect_at = INF
		_tries += 1
		_take_over()
	elif _line.age(now) > RENEW:
		renew()


## Tries again after a while.
func wait() -> void:
	_reconnect_at = _Wire.now() + _Wire.backoff(_tries)


## Opens a second connection and resumes on it; the first goes on until then. Also if something does not fit.
func renew() -> void:
	if _line.next == null and _Wire.now() - _renewed_at > 10.0:
		_take_over()


func _take_over() -> void:
	_renewed_at = _Wire.now()
	var was_in: BellhopLobby = _node.lobby
	var kept: Dictionary = _node.last_error
	var socket: _Socket = await _line.open()
	_node.last_error = kept
	if socket == null:
		wait()
		return
	_line.next = socket
	while not socket.is_open and not socket.is_closed:
		await _node.get_tree().process_frame
	var call: _Call = socket.request("resume", {"resume_token": _node._token})
	var is_back: bool = await call.wait()
	if _line.next == socket:
		_line.next = null
	if _node.lobby != was_in or was_in == null:
		return socket.close()
	if is_back:
		_adopt(socket, call.answer)
		return
	_node._held.clear()
	socket.close()
	_line.fail()
	if call.error["code"] == "resume_failed":
		_forget()
	elif _line.socket == null:
		wait()


func _adopt(socket: _Socket, answer: Dictionary) -> void:
	var was_lost: bool = _line.is_lost
	_line.adopt(socket)
	_tries = 0
	if _node.remember:
		_node._storage().write(_node._token, _node.lobby.code)
	_node.lobby._on_resumed(answer)
	_node._release()
	if was_lost:
		_node.resumed.emit()


## Bellhop knows the lobby no more. Players who are linked go on without it.
func _forget() -> void:
	is_forgotten = true
	_node._report("resume_failed", "Bellhop has forgotten the lobby. Players who are connected play on.")
	_node.lobby._on_link_changed(0)
