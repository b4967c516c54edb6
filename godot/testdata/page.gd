extends "kit.gd"
## Godot and pages with bellhop.js in one lobby, whichever side opens it.


func run() -> void:
	var ann: Player = await player("Ann")
	var bob: Player = await player("Bob")
	ann.play(await ann.bellhop.host_lobby())
	bob.play(await bob.bellhop.join_lobby(ann.lobby.code))
	var offers: Array[Dictionary] = []
	var answers: Array[Dictionary] = []
	ann.bellhop.wired.connect(func(is_sent: bool, _what: String, content: Dictionary) -> void:
		if content.has("sdp"):
			(answers if is_sent else offers).append(content))
	await ask("page-join-" + ann.lobby.code) # has the highest number, and offers
	await _meet(ann, bob, 3)
	await until(func() -> bool: return ann.lobby._links._links[3]._sdp.contains("a=candidate"), "Ann's candidates")
	var count: int = answers.size()
	ann.lobby._receive("received_session_description", offers[-1].merged({"seq": offers[-1]["seq"] + 1.0}, true))
	equal(answers.size(), count + 1, "an answer to an offer that the page repeats")
	check(str(answers[-1]["sdp"]).contains("a=candidate"), "no candidates in the repeated answer")
	equal(await ask("page-restart"), "restarted 2", "a page restarts ICE")
	for one: Player in [ann, bob]:
		await until(func() -> bool: return one.lobby.send_raw("after ICE", one.lobby.players[3]) == 1, "the link after an ICE restart")
		await _page_hears("%d after ICE" % one.lobby.peer_id)
	await talk([ann, bob], "beside a page")
	await ann.lobby.close()
	var code: String = await ask("page-host") # has the lowest number, and waits for offers
	ann.play(await ann.bellhop.join_lobby(code))
	bob.play(await bob.bellhop.join_lobby(code))
	await _meet(ann, bob, 1)
	await talk([ann, bob], "in a page's lobby")


func _meet(ann: Player, bob: Player, page: int) -> void:
	for one: Player in [ann, bob]:
		await until(func() -> bool: return one.lobby.players.has(page), "the page among the players")
		equal(one.lobby.players[page].name, "Page", "the page's name")
		await until(func() -> bool: return one.lobby.players[page].way == "raw", "a link with the page, which is " + one.lobby.players[page].way)
		check(not page in one.multiplayer.get_peers(), "a page is no peer of RPCs")
	check(await ann.lobby.chat("to all"), "chat to a page")
	await until(func() -> bool: return ann.lobby.send_raw("hello", ann.lobby.players[page]) == 1, "room to send")
	bob.lobby.send_raw("bytes".to_utf8_buffer(), bob.lobby.players[page])
	for what: String in ["chat %d to all" % ann.lobby.peer_id, "%d hello" % ann.lobby.peer_id, "%d 5 bytes" % bob.lobby.peer_id]:
		await _page_hears(what)
	await ask("page-say-back")
	for one: Player in [ann, bob]:
		await until(func() -> bool: return "raw %d back" % page in one.heard and "chat %d back" % page in one.heard, "the page's words")


func _page_hears(what: String) -> void:
	var heard: String = ""
	for i: int in 200:
		heard = await ask("page-heard")
		if heard.contains(what):
			return
	check(false, "the page hears %s, not %s" % [heard, what])
