@tool
@icon("res://addons/bellhop/icons/bellhop.svg")
class_name Bellhop
extends Node
## A client of Bellhop, the lobby and WebRTC signalling server: three lines from a button to RPCs.
##
## [codeblock]
## var lobby: BellhopLobby = await $Bellhop.host_lobby() # or join_lobby("QK7WPX")
## if lobby != null:
##     multiplayer.multiplayer_peer = lobby.multiplayer_peer
## [/codeblock]
## Each call that you [code]await[/code] returns [code]null[/code] or [code]false[/code] if it fails, and then
## [member last_error] has [code]code[/code] and [code]message[/code]. One node is in one lobby at a time; a tree can have
## several. Keep the node where a change of scene does not free it: freeing it leaves the lobby.
## @tutorial(Bellhop in Godot): https://github.com/bellhop/bellhop/blob/main/docs/godot.md

const _Wire := preload("internal/wire.gd")
const _Comeback := preload("internal/comeback.gd")
const _Line := preload("internal/line.gd")
const _Socket := preload("internal/socket.gd")
const _Call := preload("internal/call.gd")
const _Saved := preload("internal/saved.gd")
const _Options := preload("internal/options.gd")

## The connection to Bellhop stands.
signal connected
## The connection is lost while in a lobby. The game goes on, and the node connects again.
signal disconnected
## The place in the lobby is taken back after [signal disconnected].
signal resumed
## Something went wrong that no call waits for.
signal error_raised(code: String, message: String)
## Each message, for a panel that shows the wire: see [BellhopInspector].
signal wired(is_sent: bool, what: String, content: Dictionary)


## The address of Bellhop: that of your own computer, or one that begins with wss: and ends with a stage on AWS.
@export var url: String = "ws://127.0.0.1:3000"
## Keeps games apart: lobbies of one cannot be seen from another. 1 to 64 letters, digits, dots, - and _.
@export var game: String = ""
## Keeps versions of a game apart, if you set it. It becomes a part of the game's name.
@export var version: String = ""
## Whether lobbies that this node opens are a mesh: all players linked with each other, and a host that can change.
## Otherwise they are a star: all linked with the host alone, who has the number 1.
@export var mesh: bool = true
## Whether lobbies that this node opens admit everybody. Otherwise see [signal BellhopLobby.join_requested].
@export var auto_accept: bool = true
## The player's name, unless an option [code]player[/code] says otherwise.
@export var player_name: String = ""
## STUN and TURN servers beside Bellhop's own: [code]{"urls": ["stun:stun.example.com"]}[/code].
@export var ice_servers: Array[Dictionary] = []
## Whether players are reached through a TURN server only, so that they do not learn this device's address.
@export var relay_only: bool = false
## A JWT that says who the player is, if the server takes them.
@export var token: String = ""
## Seconds after which [signal BellhopLobby.link_failed] tells that no way to a player was found.
@export_range(5.0, 120.0, 1.0, "suffix:s") var link_timeout: float = 30.0
## Whether a place is kept for the next start, so that the game takes it back after it was stopped or reloaded.
@export var remember: bool = true

## Returns the token for each new connection, in place of [member token]. It can be a coroutine.
var token_source: Callable
## The lobby that this node is in, or null.
var lobby: BellhopLobby
## What went wrong in the last call: [code]code[/code] and [code]message[/code]. Empty after a success.
var last_error: Dictionary = {}
## The messages so far, sent and received: what AWS bills.
var messages: int:
	get:
		return _line.messages

var _line: _Line
var _comeback: _Comeback
var _token: String = "" # of the place in the lobby
var _saved: _Saved
var _entry: _Call # start_lobby, join_lobby, quick_join or resume under way
var _is_entering: bool = false
var _was_cancelled: bool = false
var _leaving: _Call
var _held: Array[Array] = [] # events that came before the answer to the entry
static var _warned: bool = false


func _init() -> void:
	process_mode = Node.PROCESS_MODE_ALWAYS
	_line = _Line.new(self)
	_line.opened.connect(connected.emit)
	_line.lost.connect(_on_lost)
	_line.received.connect(_on_received)
	_line.wired.connect(wired.emit)
	_comeback = _Comeback.new(self, _line)


func _ready() -> void:
	set_process(not Engine.is_editor_hint())


## Opens a lobby with you as its host. Options: [code]code[/code] (without it Bellhop makes one), [code]max_players[/code],
## [code]public[/code], [code]auto_accept[/code], [code]mesh[/code], [code]on_host_leave[/code] ([code]"close"[/code] or
## [code]"migrate"[/code]), [code]password[/code], [code]metadata[/code] and [code]player[/code].
func host_lobby(options: Dictionary = {}) -> BellhopLobby:
	var prepared: _Options = _options()
	var content: Dictionary = prepared.start(options)
	var entered: BellhopLobby = await _enter("start_lobby", content, prepared.error)
	if entered == null and last_error.get("code") == "lobby_exists":
		var refused: Dictionary = last_error
		entered = await _take_back(_Wire.text(content, "lobby_id"))
		last_error = refused if entered == null else {}
	return entered


## Joins a lobby by its code. Options: [code]password[/code] and [code]player[/code].
func join_lobby(code: String, options: Dictionary = {}) -> BellhopLobby:
	var prepared: _Options = _options()
	var content: Dictionary = prepared.join(code, options)
	var entered: BellhopLobby = await _take_back(_Wire.text(content, "lobby_id"))
	return entered if entered != null else await _enter("join_lobby", content, prepared.error)


## Joins a lobby, or opens it if there is none with that code. Takes the options of [method host_lobby].
func join_or_host(code: String, options: Dictionary = {}) -> BellhopLobby:
	var prepared: _Options = _options()
	var content: Dictionary = prepared.join_or_start(code, options)
	var entered: BellhopLobby = await _take_back(_Wire.text(content, "lobby_id"))
	return entered if entered != null else await _enter("join_lobby", content, prepared.error)


## Joins any public lobby that fits [code]filter[/code], or opens one. Takes the options of [method host_lobby] too; with
## [code]start = false[/code] it opens none.
func quick_join(options: Dictionary = {}) -> BellhopLobby:
	var prepared: _Options = _options()
	return await _enter("quick_join", prepared.quick(options), prepared.error)


## Takes back the place that this game had before it was stopped or reloaded, or the one of a token. A place is kept for a
## minute. Returns null without [member last_error] if there is none to take back.
func resume(resume_token: String = "") -> BellhopLobby:
	last_error = {}
	var used: String = resume_token if resume_token != "" else _Wire.text(_storage().read(), "token")
	if used == "":
		return null
	var entered: BellhopLobby = await _enter("resume", {"resume_token": used}, {})
	if entered == null and last_error.get("code") == "resume_failed":
		_storage().remove(used)
		if resume_token == "":
			last_error = {}
	return entered


## Returns public lobbies, the newest first: each with [code]code[/code], [code]players[/code], [code]max_players[/code],
## [code]has_password[/code], [code]metadata[/code] and so on. An empty list after an error too.
func list_lobbies(filter: Dictionary = {}, limit: int = 20) -> Array[Dictionary]:
	var found: Array[Dictionary] = []
	if not await _connect():
		return found
	var call: _Call = _request("list_lobbies", {"filter": filter, "limit": limit})
	if await _done(call):
		found = _Wire.objects(call.answer, "lobbies")
		for one: Dictionary in found:
			one["code"] = one.get("lobby_id")
	return found


## Leaves the lobby, or gives up the call that is about to enter one. Returns when Bellhop knows.
func leave() -> bool:
	var was_in: BellhopLobby = lobby
	var asked: _Call = _entry
	_was_cancelled = _is_entering
	if was_in == null and asked == null:
		return true
	_leaving = _request("leave_lobby")
	if was_in != null:
		was_in._end("left")
	if asked != null:
		asked.fail("closed", "leave() was called before the answer came.")
	if not await _leaving.wait() and _leaving.error["code"] != "not_in_lobby":
		return _fail(str(_leaving.error["code"]), str(_leaving.error["message"]))
	return true


## Sends any action of the protocol, and returns the [code]content[/code] of the answer; null after an error.
func request(action: String, content: Dictionary = {}) -> Variant:
	if not await _connect():
		return null
	var call: _Call = _request(action, content)
	return call.answer if await _done(call) else null


## Returns the token of this node's place: [method resume] takes it back elsewhere. Keep it secret.
func get_resume_token() -> String:
	return _token


func _get_configuration_warnings() -> PackedStringArray:
	var all: PackedStringArray = []
	if url == "" or not _options().is_url(url):
		all.append("The URL has to begin with ws:// or wss://.")
	if not _has_webrtc():
		all.append(_Options.NO_WEBRTC)
	return all


func _process(_delta: float) -> void:
	var now: float = _Wire.now()
	_line.poll(now)
	if lobby != null:
		lobby._poll(now)
	if lobby != null and not _is_entering:
		_comeback.poll(now)


func _notification(what: int) -> void:
	if what == NOTIFICATION_EXIT_TREE:
		_leave_if_removed.call_deferred()
	elif what == NOTIFICATION_PREDELETE:
		_shut_down()


func _leave_if_removed() -> void:
	if not is_inside_tree():
		_shut_down()


func _shut_down() -> void:
	var was_in: BellhopLobby = lobby
	_was_cancelled = _is_entering
	_line.close(was_in != null or _is_entering)
	if was_in != null:
		was_in._end("left")


# Entering


func _options() -> _Options:
	return _Options.new(self)


func _storage() -> _Saved:
	if _saved == null:
		_saved = _Saved.new("%s %s %s" % [url, _options().full_game(), get_path()])
	return _saved


func _enter(action: String, content: Dictionary, wrong: Dictionary) -> BellhopLobby:
	last_error = {}
	if not wrong.is_empty():
		_fail(str(wrong["code"]), str(wrong["message"]))
		return null
	if _is_entering or lobby != null:
		_fail("already_in_lobby", "This node is in a lobby already: leave() it first, or use a second node.")
		return null
	if not _check_webrtc():
		return null
	_is_entering = true
	_was_cancelled = false
	_comeback.is_forgotten = false
	var entered: BellhopLobby = await _ask_to_enter(action, content)
	_is_entering = false
	_entry = null
	_held.clear()
	return entered


func _ask_to_enter(action: String, content: Dictionary) -> BellhopLobby:
	if _leaving != null:
		await _leaving.wait()
	if not await _connect():
		return null
	if _was_cancelled:
		_fail("closed", "leave() was called before the answer came.")
		return null
	var timeout: float = INF if action == "join_lobby" or action == "quick_join" else _Socket.TIMEOUT
	_entry = _line.socket.request(action, content, timeout)
	if not await _done(_entry):
		if last_error["code"] == "timeout":
			_send("leave_lobby", {})
		return null
	var answer: Dictionary = _entry.answer
	_token = _Wire.text(answer, "resume_token") if answer.has("resume_token") else _Wire.text(content, "resume_token")
	var said: Variant = content.get("player", _Wire.object(content, "or_start").get("player"))
	lobby = BellhopLobby.new(self, answer, said if said is Dictionary else {})
	if remember:
		_storage().write(_token, lobby.code)
	var entered: BellhopLobby = lobby
	_release()
	return entered


## Delivers the events that came before the lobby was there.
func _release() -> void:
	var held: Array[Array] = _held.duplicate()
	_held.clear()
	for event: Array in held:
		if lobby != null:
			lobby._receive(str(event[0]), event[1])


## Takes back the place in a lobby that this game had before, if there is one.
func _take_back(code: String) -> BellhopLobby:
	if not remember or code == "" or lobby != null or _is_entering:
		return null
	var slot: Dictionary = _storage().read()
	if _Wire.text(slot, "code").to_lower() != code.to_lower():
		return null
	return await resume()


func _check_webrtc() -> bool:
	if _has_webrtc():
		return true
	if not _warned:
		_warned = true
		push_warning(_Options.NO_WEBRTC)
	return _fail("webrtc_missing", _Options.NO_WEBRTC)


static func _has_webrtc() -> bool:
	if OS.has_feature("web") or ClassDB.class_exists(&"WebRTCLibPeerConnection"):
		return true
	return not WebRTCPeerConnection.new().get_class() in ["WebRTCPeerConnection", "WebRTCPeerConnectionExtension"]


# The connection


## Connects unless connected, and returns whether that worked.
func _connect() -> bool:
	last_error = {}
	return await _line.reach()


func _on_lost() -> void:
	if lobby == null or _comeback.is_forgotten:
		return
	_comeback.wait()
	lobby._on_lost()
	disconnected.emit()


func _on_received(event: String, content: Dictionary, is_ahead: bool) -> void:
	if is_ahead or lobby == null or _is_entering:
		_held.append([event, content]) # newer than the answer that is awaited
	else:
		lobby._receive(event, content)


func _on_lobby_closed(ended: BellhopLobby, _reason: String) -> void:
	if lobby != ended:
		return
	lobby = null
	_storage().remove(_token)
	_token = ""


func _request(action: String, content: Dictionary = {}) -> _Call:
	return _line.request(action, content)


func _send(action: String, content: Dictionary) -> void:
	_line.send(action, content)


## Waits for a call, and notes what went wrong.
func _done(call: _Call) -> bool:
	if await call.wait():
		last_error = {}
		return true
	return _fail(str(call.error["code"]), str(call.error["message"]))


func _fail(code: String, message: String) -> bool:
	last_error = {"code": code, "message": message}
	return false


func _report(code: String, message: String) -> void:
	error_raised.emit(code, message)
