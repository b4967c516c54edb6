extends Control
## Catch the key: the first to touch it has a point, and the host puts it elsewhere. All go on when the host changes.
##
## The child Host is a MultiplayerSynchronizer: it copies the key and the scores from the host to all.

const REACH: float = 0.06
const SPEED: float = 0.7 ## Widths of the board a second.
const SEND_EVERY: float = 0.05

var lobby: BellhopLobby
var places: Dictionary[int, Vector2] = {}
var scores: Dictionary[int, int] = {}
var key: Vector2 = Vector2(0.5, 0.3)

var _target: Vector2 = Vector2(0.5, 0.5)
var _sent_at: float = 0.0
var _shown: Dictionary[int, Vector2] = {}


func start(entered: BellhopLobby) -> void:
	lobby = entered
	places = {lobby.peer_id: Vector2(randf_range(0.2, 0.8), randf_range(0.4, 0.8))}
	scores.clear()
	_shown.clear()
	_target = places[lobby.peer_id]
	lobby.host_changed.connect(_obey)
	_obey(lobby.host())


func _obey(host: BellhopPlayer) -> void:
	$Host.set_multiplayer_authority(host.peer_id)


func _process(delta: float) -> void:
	if lobby == null or lobby.is_closed:
		return
	var mine: Vector2 = places[lobby.peer_id]
	var keys: Vector2 = Input.get_vector("ui_left", "ui_right", "ui_up", "ui_down")
	if keys != Vector2.ZERO and get_viewport().gui_get_focus_owner() == null:
		_target = (mine + keys * 0.2).clamp(Vector2.ZERO, Vector2.ONE)
	places[lobby.peer_id] = mine.move_toward(_target, SPEED * delta)
	_sent_at += delta
	if _sent_at > SEND_EVERY and not multiplayer.get_peers().is_empty():
		_sent_at = 0.0
		move.rpc(places[lobby.peer_id])
	if lobby.is_host():
		_judge()
	for id: int in places:
		_shown[id] = (_shown.get(id, places[id]) as Vector2).lerp(places[id], minf(1.0, delta * 15.0))
	queue_redraw()


func _gui_input(event: InputEvent) -> void:
	if event is InputEventMouse:
		walk_to((event as InputEventMouse).position / size)


## Walks to a place on the board.
func walk_to(place: Vector2) -> void:
	_target = place.clamp(Vector2.ZERO, Vector2.ONE)


func _judge() -> void:
	for id: int in places:
		if lobby.players.has(id) and places[id].distance_to(key) < REACH:
			scores[id] = scores.get(id, 0) + 1
			key = Vector2(randf_range(0.1, 0.9), randf_range(0.1, 0.9))
			return


@rpc("any_peer", "call_remote", "unreliable_ordered")
func move(place: Vector2) -> void:
	places[multiplayer.get_remote_sender_id()] = place.clamp(Vector2.ZERO, Vector2.ONE)


func _draw() -> void:
	draw_rect(Rect2(Vector2.ZERO, size), Color("1a1f33"))
	for i: int in range(1, 10):
		draw_line(Vector2(size.x * i / 10.0, 0), Vector2(size.x * i / 10.0, size.y), Color("232a44"))
		draw_line(Vector2(0, size.y * i / 10.0), Vector2(size.x, size.y * i / 10.0), Color("232a44"))
	if lobby == null:
		return
	_draw_key(key * size)
	var font: Font = get_theme_default_font()
	for id: int in _shown:
		var player: BellhopPlayer = lobby.players.get(id)
		if player == null:
			continue
		var at: Vector2 = _shown[id] * size
		draw_circle(at + Vector2(0, 3), 19.0, Color(0, 0, 0, 0.35))
		draw_circle(at, 18.0, Color.from_string(str(player.data.get("colour")), Color("8eef97")))
		draw_circle(at + Vector2(-6, -3), 3.0, Color("11131e"))
		draw_circle(at + Vector2(6, -3), 3.0, Color("11131e"))
		if player.is_host:
			draw_arc(at, 22.0, 0, TAU, 40, Color("ffd166"), 2.5, true)
		var text: String = "%s  %d" % [player.name, scores.get(id, 0)]
		draw_string(font, at + Vector2(-80, 42), text, HORIZONTAL_ALIGNMENT_CENTER, 160, 16, Color("eceffa"))


func _draw_key(at: Vector2) -> void:
	var gold: Color = Color("ffd166")
	draw_circle(at, 30.0, Color(1, 0.82, 0.4, 0.12))
	draw_arc(at + Vector2(-8, 0), 8.0, 0, TAU, 32, gold, 4.5, true)
	draw_line(at, at + Vector2(20, 0), gold, 4.5, true)
	draw_line(at + Vector2(12, 0), at + Vector2(12, 8), gold, 4.5, true)
	draw_line(at + Vector2(19, 0), at + Vector2(19, 9), gold, 4.5, true)
