@icon("res://addons/bellhop/icons/bellhop.svg")
class_name BellhopInspector
extends RichTextLabel
## Shows the link with each player, and what a [Bellhop] sends and receives, the newest first.
## @tutorial(Bellhop in Godot): https://github.com/bellhop/bellhop/blob/main/docs/godot.md

## The lines that are kept.
const MOST: int = 200
const _Wire := preload("internal/wire.gd")
const _GREY: String = "#8a90a8"
const _COLOURS: Dictionary[String, String] = {"open": "#8eef97", "me": "#8eef97", "raw": "#7fb4ff", "host": "#7fb4ff", "failed": "#ff7f7f"}

## Whose messages are shown.
var bellhop: Bellhop:
	set(value):
		bellhop = value
		bellhop.wired.connect(_on_wired)

var _lines: PackedStringArray = []
var _started_at: int = Time.get_ticks_msec()
var _draw_at: float = 0.0


func _init() -> void:
	bbcode_enabled = true


func _process(delta: float) -> void:
	_draw_at -= delta
	if _draw_at <= 0.0 and is_visible_in_tree():
		_draw_at = 0.5
		text = _links() + "\n" + "\n".join(_lines)


## Returns the state of each link, one line each, as text.
func links() -> String:
	var lines: PackedStringArray = []
	if bellhop != null and bellhop.lobby != null:
		for player: BellhopPlayer in bellhop.lobby.players.values():
			var ping: String = "" if player.ping < 0 else ", %d ms" % player.ping
			lines.append("%d %s: %s%s" % [player.peer_id, player.name, "away" if player.is_away else player.way, ping])
	return "\n".join(lines)


func _links() -> String:
	if bellhop == null or bellhop.lobby == null:
		return _coloured(_GREY, "in no lobby\n")
	var all: Array[BellhopPlayer] = bellhop.lobby.players.values()
	var lines: PackedStringArray = links().split("\n")
	var shown: String = ""
	for i: int in lines.size():
		var way: String = "away" if all[i].is_away else all[i].way
		shown += "%s %s\n" % [_coloured(_COLOURS.get(way, "#ffd166"), "•"), lines[i].replace("[", "[lb]")]
	return shown + _coloured(_GREY, "%d messages" % bellhop.messages)


func _on_wired(is_sent: bool, what: String, content: Dictionary) -> void:
	var more: String = ""
	for key: String in ["session_type", "code", "reason"]:
		if content.has(key):
			more += " %s" % content[key]
	var other: String = _name_in(content)
	if other != "":
		more += (" to " if is_sent else " of ") + other
	var arrow: String = _coloured("#ffd166", "»") if is_sent else _coloured("#8eef97", "«") # Godot's font has no arrows
	var at: String = "%6.2f" % ((Time.get_ticks_msec() - _started_at) / 1000.0)
	_lines.insert(0, "%s %s %s%s" % [_coloured(_GREY, at), arrow, what, _coloured(_GREY, more.left(60).replace("[", "[lb]"))])
	if _lines.size() > MOST:
		_lines.resize(MOST)


## Returns the name of the player that a message is to or of.
func _name_in(content: Dictionary) -> String:
	if bellhop.lobby == null:
		return ""
	var player: BellhopPlayer = bellhop.lobby.players.get(_Wire.integer(content, "peer_id"))
	var id: String = _Wire.text(content, "connection_id")
	for one: BellhopPlayer in bellhop.lobby.players.values():
		if player == null and id != "" and bellhop.lobby._links.connection_id_of(one.peer_id) == id:
			player = one
	return "" if player == null else player.name if player.name != "" else str(player.peer_id)


func _coloured(colour: String, what: String) -> String:
	return "[color=%s]%s[/color]" % [colour, what]
