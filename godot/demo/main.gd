extends Control
## The demo: a browser of lobbies, and the room with the game, the players and a chat.

const COLOURS: Array[String] = ["#8eef97", "#ff7f7f", "#7fb4ff", "#ffb86b", "#d59bff", "#6be5e0"]

var colour: String = COLOURS.pick_random()

@onready var bellhop: Bellhop = $Bellhop
@onready var game: Control = %Game


func _ready() -> void:
	get_window().content_scale_factor = maxf(1.0, DisplayServer.screen_get_scale())
	for argument: String in OS.get_cmdline_user_args():
		if argument.begins_with("url="):
			bellhop.url = argument.trim_prefix("url=")
	(%Wire as BellhopInspector).bellhop = bellhop
	(%Name as LineEdit).text = ["Ann", "Bob", "Cat", "Dan", "Eve", "Fay"].pick_random()
	for one: String in COLOURS:
		_add_colour(one)
	(%Quick as Button).pressed.connect(quick)
	(%Host as Button).pressed.connect(host)
	(%JoinButton as Button).pressed.connect(_on_join)
	(%Code as LineEdit).text_submitted.connect(join)
	(%Refresh as Button).pressed.connect(refresh)
	(%Leave as Button).pressed.connect(leave)
	(%Ready as Button).toggled.connect(_on_ready_toggled)
	(%ShowWire as Button).toggled.connect(_on_wire_toggled)
	(%Say as LineEdit).text_submitted.connect(say)
	bellhop.disconnected.connect(_status.bind("The connection to Bellhop is lost. The game goes on."))
	bellhop.resumed.connect(_status.bind(""))
	resized.connect(_arrange)
	_arrange()
	if is_visible_in_tree():
		_on_entered(await bellhop.resume())
		refresh()


func quick() -> void:
	_on_entered(await bellhop.quick_join({"player": _me(), "max_players": 6}))


func host() -> void:
	var options: Dictionary = {"player": _me(), "public": true, "auto_accept": not (%Approve as CheckBox).button_pressed}
	if (%Password as LineEdit).text != "":
		options["password"] = (%Password as LineEdit).text
	_on_entered(await bellhop.host_lobby(options))


func join(code: String) -> void:
	_status("Waiting for the host…")
	_on_entered(await bellhop.join_lobby(code, {"player": _me(), "password": (%Password as LineEdit).text} \
			if (%Password as LineEdit).text != "" else {"player": _me()}))


func leave() -> void:
	await bellhop.leave()


func say(text: String) -> void:
	(%Say as LineEdit).clear()
	if bellhop.lobby != null and text.strip_edges() != "" and await bellhop.lobby.chat(text):
		_on_chat(bellhop.lobby.me(), text)


func refresh() -> void:
	var found: Array[Dictionary] = await bellhop.list_lobbies()
	_clear(%Lobbies)
	if found.is_empty():
		_add_label(%Lobbies, str(bellhop.last_error.get("message", "None yet: open one.")))
	for one: Dictionary in found:
		var button: Button = Button.new()
		var lock: String = "  (password)" if one.get("has_password") == true else ""
		button.text = "%s   %d of %d%s" % [one["code"], one["players"], one["max_players"], lock]
		button.alignment = HORIZONTAL_ALIGNMENT_LEFT
		button.pressed.connect(join.bind(one["code"]))
		(%Lobbies as Node).add_child(button)


func _me() -> Dictionary:
	return {"name": (%Name as LineEdit).text, "colour": colour}


func _on_join() -> void:
	join((%Code as LineEdit).text)


func _on_entered(lobby: BellhopLobby) -> void:
	_status(str(bellhop.last_error.get("message", "")))
	if lobby == null:
		return
	multiplayer.multiplayer_peer = lobby.multiplayer_peer
	for changed: Signal in [lobby.player_joined, lobby.player_updated, lobby.join_requested, lobby.join_cancelled, lobby.host_changed]:
		changed.connect(_draw_players.unbind(1))
	lobby.player_left.connect(_draw_players.unbind(2))
	lobby.updated.connect(_draw_players)
	lobby.chat_received.connect(_on_chat)
	lobby.link_failed.connect(func(player: BellhopPlayer, why: String) -> void: _status("%s: %s" % [player.name, why]))
	lobby.closed.connect(_on_closed)
	(%Ready as Button).set_pressed_no_signal(lobby.me().ready)
	(%Chat as RichTextLabel).clear()
	game.call("start", lobby)
	_show_room(true)
	_draw_players()


func _on_closed(reason: String) -> void:
	game.set("lobby", null)
	_show_room(false)
	_status("" if reason == "left" else "The lobby is over: %s." % reason.replace("_", " "))
	refresh()


func _show_room(shown: bool) -> void:
	(%Browser as Control).visible = not shown
	(%Room as Control).visible = shown
	(%Title as Label).text = "Catch the key" if not shown else "Lobby  " + bellhop.lobby.code


func _draw_players() -> void:
	_clear(%Players)
	_clear(%Requests)
	var lobby: BellhopLobby = bellhop.lobby
	if lobby == null:
		return
	for player: BellhopPlayer in lobby.players.values():
		var marks: String = (" (host)" if player.is_host else "") + (" (you)" if player.is_me else "") + ("  ready" if player.ready else "")
		var how: String = "  away" if player.is_away else "" if player.way in ["me", "open"] else "  " + player.way
		var label: Label = _add_label(%Players, player.name + marks + how)
		label.add_theme_color_override("font_color", Color.from_string(str(player.data.get("colour")), Color.WHITE))
	for request: BellhopJoinRequest in lobby.requests:
		_add_request(lobby, request)


func _add_request(lobby: BellhopLobby, request: BellhopJoinRequest) -> void:
	var row: HBoxContainer = HBoxContainer.new()
	_add_label(row, request.player.name + " wants in").size_flags_horizontal = Control.SIZE_EXPAND_FILL
	for yes: bool in [true, false]:
		var button: Button = Button.new()
		button.text = "Accept" if yes else "Reject"
		button.pressed.connect(_decide.bind(lobby, request, yes))
		row.add_child(button)
	(%Requests as Node).add_child(row)


func _decide(lobby: BellhopLobby, request: BellhopJoinRequest, yes: bool) -> void:
	if yes:
		await lobby.accept(request)
	else:
		await lobby.reject(request)
	_draw_players()


func _on_chat(player: BellhopPlayer, data: Variant) -> void:
	var shown: String = Color.from_string(str(player.data.get("colour")), Color.WHITE).to_html(false)
	(%Chat as RichTextLabel).append_text("[color=#%s]%s[/color]  %s\n" % [shown, player.bbcode_name(), str(data).left(200).replace("[", "[lb]")])


func _on_ready_toggled(on: bool) -> void:
	if bellhop.lobby != null:
		bellhop.lobby.update_player({"ready": on})


func _on_wire_toggled(on: bool) -> void:
	(%Wire as Control).visible = on
	(%Chat as Control).visible = not on
	game.visible = not on or size.x > size.y


func _add_colour(one: String) -> void:
	var button: Button = Button.new()
	button.custom_minimum_size = Vector2(40, 40)
	var box: StyleBoxFlat = StyleBoxFlat.new()
	box.bg_color = Color(one)
	box.set_corner_radius_all(20)
	for state: String in ["normal", "hover", "pressed"]:
		button.add_theme_stylebox_override(state, box)
	button.pressed.connect(func() -> void: colour = one; (%Name as Control).add_theme_color_override("font_color", Color(one)))
	(%Colours as Node).add_child(button)


func _arrange() -> void:
	var tall: bool = size.y > size.x
	(%Browser as BoxContainer).vertical = tall
	(%Room as BoxContainer).vertical = tall
	game.size_flags_stretch_ratio = 1.0 if tall else 1.8
	_on_wire_toggled((%ShowWire as Button).button_pressed)


func _status(text: String) -> void:
	(%Status as Label).text = text
	(%Status as Control).visible = text != ""


func _add_label(to: Node, text: String) -> Label:
	var label: Label = Label.new()
	label.text = text
	to.add_child(label)
	return label


func _clear(node: Node) -> void:
	for child: Node in node.get_children():
		child.queue_free()
