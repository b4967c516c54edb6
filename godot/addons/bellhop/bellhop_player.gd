@icon("res://addons/bellhop/icons/player.svg")
class_name BellhopPlayer
extends RefCounted
## One player of a [BellhopLobby], you included.
##
## Everything that a player says of themselves is written by their copy of the game: show it as text.
## @tutorial(Bellhop in Godot): https://github.com/bellhop/bellhop/blob/main/docs/godot.md

const _Wire := preload("internal/wire.gd")

## The number of this player: that of RPCs and of [method Node.set_multiplayer_authority].
var peer_id: int
## Their name, in one line of at most 32 characters.
var name: String:
	get:
		return _Wire.clean_name(_Wire.text(_said, "name"))
## Whether they have said that they are ready.
var ready: bool:
	get:
		return _Wire.flag(_said, "ready")
## All that they say of themselves, [code]name[/code] and [code]ready[/code] included.
var data: Dictionary:
	get:
		return _said.duplicate(true)
## Whether they are the lobby's host.
var is_host: bool = false
## Whether this is you.
var is_me: bool = false
## Whether their connection to Bellhop is gone, and their place held for a minute. The game can go on.
var is_away: bool = false
## Who they are, if the server knows: see the [code]token[/code] of [Bellhop].
var player_id: String = ""
## How you are linked with them: [code]"me"[/code], [code]"open"[/code], [code]"connecting"[/code],
## [code]"failed"[/code], [code]"host"[/code] (through the host of a star), or [code]"raw"[/code] (a player without Godot:
## [method BellhopLobby.send_raw] reaches them, RPCs do not).
var way: String = "connecting"
## Milliseconds to them and back, or -1 while unknown. It includes the time that each side takes to draw a frame.
var ping: int = -1

var _said: Dictionary = {}


## Returns the name for a [RichTextLabel]: nothing in it counts as a tag.
func bbcode_name() -> String:
	return name.replace("[", "[lb]")
