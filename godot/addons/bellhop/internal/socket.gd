extends RefCounted
## One WebSocket to Bellhop, with the calls that wait for an answer.
##
## Every call ends: with its answer, at its deadline, or when the socket closes. API Gateway can send frames that name no
## request ("Too Many Requests"): each call that such a frame can be about is sent again, after a random time.

const Call := preload("call.gd")
const Wire := preload("wire.gd")

signal opened
signal closed(code: int)
## Each event, in the order of its arrival.
signal received(event: String, content: Dictionary)
## Each message, as the inspector shows it.
signal wired(is_sent: bool, what: String, content: Dictionary)

const TIMEOUT := 15.0 ## Of a handshake, and of an answer.
const QUIET := 480.0 ## After which a ping keeps the connection: API Gateway closes it after 600 s.
const CHECK := 30.0 ## After which a call that a host decides is checked.
const SUSPECT := 35.0 ## The age of the oldest call that a frame without a request can be about.
const MAX_TRIES := 6
const BUFFER := 1 << 18

## The actions that can be sent twice, with the error that means that an earlier copy has taken effect.
const REPEATABLE: Dictionary = {
	"start_lobby": "", "join_lobby": "", "quick_join": "", "resume": "", "list_lobbies": "", "get_lobby": "",
	"ping": "", "update_lobby": "", "update_player": "", "set_host": "not_host", "accept_request": "",
	"send_ice_candidate": "", "leave_lobby": "not_in_lobby", "reject_join_request": "request_not_found",
	"remove_player": "peer_not_found", "close_lobby": "not_in_lobby",
}

var is_open: bool = false
var is_closed: bool = false
var opened_at: float = 0.0
var messages: int = 0 ## Sent and received, as they are billed.

var _socket: WebSocketPeer = WebSocketPeer.new()
var _calls: Array[Call] = []
var _last_id: int = 0
var _heard_at: float = 0.0
var _started_at: float = Wire.now()
var _probe: Call


## Begins to connect. It returns false if the URL cannot be one.
func open(url: String) -> bool:
	_socket.inbound_buffer_size = BUFFER
	_socket.outbound_buffer_size = BUFFER
	_socket.max_queued_packets = 4096
	return _socket.connect_to_url(url) == OK


## Sends an action. Its answer settles the call.
func request(action: String, content: Dictionary = {}, timeout: float = TIMEOUT) -> Call:
	var call: Call = Call.new()
	call.action = action
	call.content = content
	call.deadline = Wire.now() + timeout
	if not is_open:
		call.fail("connection_lost", "There is no connection to Bellhop at the moment; try again.")
		return call
	_calls.append(call)
	_send_call(call)
	return call


## Sends an action that needs no answer.
func send(action: String, content: Dictionary) -> void:
	if is_open:
		_put(action, content, "")


## Finds out whether the connection has died silently.
func probe(timeout: float = TIMEOUT) -> void:
	if is_open and (_probe == null or _probe.is_settled):
		_probe = request("ping", {}, timeout)


## Closes the socket for good, and fails its calls. Nothing is emitted.
func close(code: String = "connection_lost", message: String = "The connection was lost before the answer came; try again.") -> void:
	if is_closed:
		return
	is_closed = true
	is_open = false
	_socket.close(1000)
	var calls: Array[Call] = _calls.duplicate()
	_calls.clear()
	for call: Call in calls:
		call.fail(code, message)


## Receives what has come. Called each frame.
func poll() -> void:
	if is_closed:
		return
	_socket.poll()
	var now: float = Wire.now()
	var state: WebSocketPeer.State = _socket.get_ready_state()
	if state == WebSocketPeer.STATE_OPEN and not is_open:
		is_open = true
		opened_at = now
		_heard_at = now
		opened.emit()
	while not is_closed and _socket.get_available_packet_count() > 0:
		_heard_at = now
		_receive(_socket.get_packet().get_string_from_utf8())
	if is_closed:
		return
	if state == WebSocketPeer.STATE_CLOSED or (not is_open and now - _started_at > TIMEOUT):
		return _lose(_socket.get_close_code())
	_poll_calls(now)
	if is_open and now - _heard_at > QUIET:
		_heard_at = now
		probe()


func _lose(code: int) -> void:
	close()
	closed.emit(code)


func _put(action: String, content: Dictionary, id: String) -> void:
	messages += 1
	if _socket.send_text(Wire.encode(action, content, id)) == OK:
		wired.emit(true, action, content)


func _send_call(call: Call) -> void:
	_last_id += 1
	call.ids.append(str(_last_id))
	call.tries += 1
	call.sent_at = Wire.now()
	call.resend_at = INF
	call.check_at = Wire.now() + CHECK if call.deadline == INF else INF
	_put(call.action, call.content, str(_last_id))


func _poll_calls(now: float) -> void:
	for call: Call in _calls.duplicate():
		if call.is_settled:
			_calls.erase(call)
		elif now >= call.resend_at:
			_send_call(call)
		elif now >= call.check_at:
			call.checks.append(str(_last_id + 1))
			call.tries -= 1
			_send_call(call)
		elif now >= call.deadline:
			_calls.erase(call)
			call.fail("timeout", "Bellhop has not answered %s; try again." % call.action)
			if call == _probe:
				return _lose(1006)


func _receive(text: String) -> void:
	messages += 1
	var heard: Dictionary = Wire.decode(text)
	var event: String = Wire.text(heard, "event")
	if event == "":
		return _on_frame(Wire.text(heard, "message"))
	var content: Dictionary = Wire.object(heard, "content")
	wired.emit(false, event, content)
	var id: String = Wire.text(heard, "request_id")
	var call: Call = _call_of(id)
	if id != "" and call == null:
		return
	if call == null:
		received.emit(event, content)
	elif event == "error" or event == "request_rejected":
		_on_error(call, id, content)
	else:
		_calls.erase(call)
		call.settle(event, content)


func _call_of(id: String) -> Call:
	for call: Call in _calls:
		if id != "" and id in call.ids:
			return call
	return null


func _on_error(call: Call, id: String, content: Dictionary) -> void:
	var code: String = Wire.text(content, "code")
	if id in call.checks and code in ["already_in_lobby", "rate_limited", "internal"]:
		return # it still waits
	var wait: int = Wire.integer(content, "retry_after_ms", -1)
	if wait >= 0 and wait <= 10000 and REPEATABLE.has(call.action) and call.tries < MAX_TRIES:
		call.resend_at = Wire.now() + wait / 1000.0 + Wire.backoff(0)
		call.deadline = maxf(call.deadline, call.resend_at + TIMEOUT)
		return
	_calls.erase(call)
	if call.tries > 1 and code != "" and REPEATABLE.get(call.action) == code:
		return call.settle("done", {})
	call.answer = content
	var message: String = Wire.text(content, "message")
	call.fail(code, message if message != "" else Wire.text(content, "reason"))


func _on_frame(message: String) -> void:
	for call: Call in _calls.duplicate():
		if call.is_settled or call.resend_at < INF or Wire.now() - call.sent_at > SUSPECT:
			continue
		if REPEATABLE.has(call.action) and call.tries < MAX_TRIES:
			call.resend_at = Wire.now() + Wire.backoff(call.tries)
			continue
		_calls.erase(call)
		var code: String = "rate_limited" if message.to_lower().contains("too many") else "internal"
		call.fail(code, "The server could not take this now: %s. Try again later." % message)
