@icon("res://addons/bellhop/icons/bellhop.svg")
class_name BellhopInspector
extends RichTextLabel
## Shows what a [Bellhop] sends and receives, with the time between messages, and the state of each link.
## @tutorial(Bellhop in Godot): https://github.com/bellhop/bellhop/blob/main/docs/godot.md

## The lines that are kept.
const MOST: int = 200

## Whose messages are shown.
var bellhop: Bellhop:
	set(value):
		bellhop = value
		bellhop.wired.connect(_on_wired)

var _started_at: int = Time.get_ticks_msec()


func _init() -> void:
	bbcode_enabled = true
	scroll_following = true


func _on_wired(is_sent: bool, what: String, content: Dictionary) -> void:
	var more: String = ""
	for key: String in ["session_type", "code", "peer_id", "reason"]:
		if content.has(key):
			more += " %s" % content[key]
	var arrow: String = "[color=#ffd166]→[/color]" if is_sent else "[color=#8eef97]←[/color]"
	var at: float = (Time.get_ticks_msec() - _started_at) / 1000.0
	append_text("[color=#8a90a8]%6.2f[/color] %s %s[color=#8a90a8]%s[/color]\n" % [at, arrow, what, more.replace("[", "[lb]").left(60)])
	if get_paragraph_count() > MOST:
		remove_paragraph(0)


## Returns the state of each link, one line each.
func links() -> String:
	var lines: PackedStringArray = []
	if bellhop != null and bellhop.lobby != null:
		for player: BellhopPlayer in bellhop.lobby.players.values():
			lines.append("%d %s: %s" % [player.peer_id, player.name, "away" if player.is_away else player.way])
	return "\n".join(lines)
