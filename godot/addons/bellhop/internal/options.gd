extends RefCounted
## What a game asks for, as the protocol writes it.

const Wire := preload("wire.gd")

const NO_WEBRTC: String = "Godot needs an extension for WebRTC on desktop and mobile systems. Get webrtc-native from " \
		+ "https://github.com/godotengine/webrtc-native/releases and unpack it into this project. Web exports need nothing."

const START: Array[String] = ["code", "max_players", "public", "auto_accept", "mesh", "on_host_leave", "password", "metadata", "player"]
const JOIN: Array[String] = ["password", "player"]

## What is wrong with the options: [code]code[/code] and [code]message[/code], or empty.
var error: Dictionary = {}

var _url: String
var _game: String
var _version: String
var _mesh: bool
var _auto_accept: bool
var _name: String


func _init(bellhop: Bellhop) -> void:
	_url = bellhop.url.strip_edges()
	_game = bellhop.game
	_version = bellhop.version
	_mesh = bellhop.mesh
	_auto_accept = bellhop.auto_accept
	_name = bellhop.player_name


## The content of start_lobby.
func start(options: Dictionary) -> Dictionary:
	_check(options, START)
	var mesh: bool = options.get("mesh", _mesh) == true
	var content: Dictionary = {
		"auto_accept": options.get("auto_accept", _auto_accept) == true,
		"topology": "mesh" if mesh else "star",
		"on_host_leave": str(options.get("on_host_leave", "migrate" if mesh else "close")),
		"roster": true,
		"player": _player(options),
	}
	if not mesh and content["on_host_leave"] == "migrate":
		_wrong("invalid_field", "The host of a star cannot change in Godot: leave on_host_leave out, or open a mesh.")
	for key: String in ["max_players", "public", "password", "metadata"]:
		if options.has(key):
			content[key] = options[key]
	if options.has("code"):
		content["lobby_id"] = _code(str(options["code"]))
	return content


## The content of join_lobby.
func join(code: String, options: Dictionary) -> Dictionary:
	_check(options, JOIN)
	var content: Dictionary = {"lobby_id": _code(code), "player": _player(options)}
	if options.has("password"):
		content["password"] = options["password"]
	return content


## The content of join_lobby with or_start.
func join_or_start(code: String, options: Dictionary) -> Dictionary:
	var started: Dictionary = start(options)
	started.erase("lobby_id")
	var content: Dictionary = {"lobby_id": _code(code), "player": _player(options), "or_start": started}
	if options.has("password"):
		content["password"] = options["password"]
	return content


## The content of quick_join.
func quick(options: Dictionary) -> Dictionary:
	var others: Dictionary = options.duplicate()
	others.erase("filter")
	others.erase("start")
	var started: Dictionary = start({"public": true, "auto_accept": true}.merged(others, true))
	var content: Dictionary = {"player": _player(options), "filter": options.get("filter", {})}
	if options.get("start", true) == true:
		content["or_start"] = started
	return content


## The name of the game with its version.
func full_game() -> String:
	return _game if _version == "" else "%s-%s" % [_game if _game != "" else "default", _version]


static func is_url(url: String) -> bool:
	return url.begins_with("ws://") or url.begins_with("wss://")


## The URL to connect to. Godot wants a path before the query.
func address(token: String) -> String:
	var base: String = _url.replace("https://", "wss://").replace("http://", "ws://")
	if not is_url(base):
		_wrong("invalid_url", "The URL of Bellhop has to begin with ws:// or wss://, and this is \"%s\"." % _url)
	var game: RegEx = RegEx.create_from_string("^[A-Za-z0-9._-]{0,64}$")
	if game.search(full_game()) == null:
		_wrong("invalid_field", "The game \"%s\" is not a valid name: use 1 to 64 letters, digits, dots, - and _." % full_game())
	var parts: PackedStringArray = base.split("?", true, 1)
	var query: PackedStringArray = PackedStringArray() if parts.size() < 2 else parts[1].split("&", false)
	if full_game() != "":
		query.append("game=" + full_game())
	if token != "":
		query.append("token=" + token.uri_encode())
	var path: String = parts[0] if parts[0].split("/").size() > 3 else parts[0] + "/"
	return path if query.is_empty() else path + "?" + "&".join(query)


func _player(options: Dictionary) -> Dictionary:
	var given: Variant = options.get("player", {})
	if not given is Dictionary:
		_wrong("invalid_field", "The option player has to be a Dictionary, such as {name = \"Ann\"}.")
		return {}
	var named: Dictionary = {} if _name == "" else {"name": Wire.clean_name(_name)}
	return Wire.clean(named.merged(given, true))


## Codes are read aloud and typed: spaces do not count.
func _code(typed: String) -> String:
	var code: String = ""
	for word: String in typed.strip_edges().split(" ", false):
		code += word
	if RegEx.create_from_string("^[A-Za-z0-9_-]{1,64}$").search(code) == null:
		_wrong("invalid_field", "A code has 1 to 64 letters, digits, - and _, and this is \"%s\"." % Wire.clean_name(typed))
	return code


func _check(options: Dictionary, known: Array[String]) -> void:
	for key: Variant in options:
		if not str(key) in known:
			_wrong("invalid_field", "There is no option \"%s\"; there are %s." % [key, ", ".join(known)])


func _wrong(code: String, message: String) -> void:
	if error.is_empty():
		error = {"code": code, "message": message}
