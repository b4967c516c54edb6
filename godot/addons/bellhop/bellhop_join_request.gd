@icon("res://addons/bellhop/icons/player.svg")
class_name BellhopJoinRequest
extends RefCounted
## A player who asks to join a lobby whose host decides.
## @tutorial(Bellhop in Godot): https://github.com/bellhop/bellhop/blob/main/docs/godot.md

## The player, as they describe themselves. Their [member BellhopPlayer.peer_id] is the one that they will have.
var player: BellhopPlayer
## The address of their connection to Bellhop.
var connection_id: String
