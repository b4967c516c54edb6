extends "kit.gd"
## Approval, rejection, passwords, lists and quick join.


func run() -> void:
	await _approve()
	await _password()
	await _find()


func _approve() -> void:
	var host: Player = await player("Ann")
	host.play(await host.bellhop.host_lobby({"auto_accept": false}))
	var guest: Player = await player("Bob")
	var entered: Array[BellhopLobby] = []
	var join: Callable = func() -> void: entered.append(await guest.bellhop.join_lobby(" " + host.lobby.code.to_lower() + " "))
	join.call()
	await until(func() -> bool: return host.lobby.requests.size() == 1, "a request")
	equal(host.lobby.requests[0].player.name, "Bob", "who asks")
	check(await host.lobby.reject(host.lobby.requests[0], "Not now."), "reject")
	await until(func() -> bool: return entered.size() == 1, "the rejection")
	equal(entered[0], null, "rejected")
	equal(guest.bellhop.last_error, {"code": "rejected_by_host", "message": "Not now."}, "rejected")
	join.call()
	await until(func() -> bool: return host.lobby.requests.size() == 1, "a request again")
	guest.bellhop._on_received("player_updated", {"peer_id": 1.0, "player": {"name": "Early"}}, false) # as on AWS
	check(await host.lobby.accept(host.lobby.requests[0]), "accept")
	await until(func() -> bool: return entered.size() == 2, "the acceptance")
	guest.play(entered[1])
	await talk([host, guest], "approved")
	equal(guest.lobby.players[1].name, "Early", "an event that overtook the answer")
	join = func() -> void: entered.append(await guest.bellhop.join_lobby("x"))
	await join.call()
	equal(guest.bellhop.last_error.get("code"), "already_in_lobby", "a second lobby in one node")
	await host.lobby.close()


func _password() -> void:
	var host: Player = await player("Cat")
	host.play(await host.bellhop.host_lobby({"password": "sesame", "max_players": 2}))
	var guest: Player = await player("Dan")
	for wrong: Dictionary in [{}, {"password": "open"}]:
		equal(await guest.bellhop.join_lobby(host.lobby.code, wrong), null, "wrong password")
		equal(guest.bellhop.last_error.get("code"), "wrong_password", "wrong password")
	guest.play(await guest.bellhop.join_lobby(host.lobby.code, {"password": "sesame"}))
	await talk([host, guest], "with a password")
	var late: Player = await player("Eve")
	equal(await late.bellhop.join_lobby(host.lobby.code, {"password": "sesame"}), null, "full")
	equal(late.bellhop.last_error.get("code"), "lobby_full", "full")
	check(await host.lobby.update({"max_players": 3, "locked": true}), "update")
	await until(func() -> bool: return guest.lobby.info.get("locked") == true, "the update at the guest")
	equal(await late.bellhop.join_lobby(host.lobby.code, {"password": "sesame"}), null, "locked")
	equal(late.bellhop.last_error.get("code"), "lobby_locked", "locked")
	await host.lobby.close()


func _find() -> void:
	var host: Player = await player("Fay")
	equal(await host.bellhop.list_lobbies(), [] as Array[Dictionary], "an empty list")
	host.play(await host.bellhop.quick_join({"metadata": {"mode": "duel"}}))
	check(host.lobby != null and host.lobby.is_host(), "quick join opens a lobby")
	var guest: Player = await player("Gil")
	var found: Array[Dictionary] = await guest.bellhop.list_lobbies({"metadata.mode": "duel"})
	if check(found.size() == 1, "a list of one"):
		equal(found[0]["code"], host.lobby.code, "the code in the list")
	equal(await guest.bellhop.list_lobbies({"metadata.mode": "race"}), [] as Array[Dictionary], "a list of others")
	equal(await guest.bellhop.quick_join({"filter": {"metadata.mode": "race"}, "start": false}), null, "no match")
	equal(guest.bellhop.last_error.get("code"), "no_match", "no match")
	guest.play(await guest.bellhop.quick_join())
	equal(guest.lobby.code, host.lobby.code, "quick join joins")
	await talk([host, guest], "found")
	var third: Player = await player("Hal")
	third.play(await third.bellhop.join_or_host(host.lobby.code))
	var fourth: Player = await player("Ida")
	fourth.play(await fourth.bellhop.join_or_host("hut"))
	check(not third.lobby.is_host() and fourth.lobby.is_host(), "join or host")
