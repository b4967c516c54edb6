extends RefCounted
## The place of this game in a lobby, kept for the next start: after F5, stop, F5 it is taken back.
##
## On the web it lies in the tab's session storage, and elsewhere in [code]user://[/code]. Two instances of a game share
## [code]user://[/code], and must not take each other's places. So the owner of a place listens on a port of the loopback
## interface, which the system frees when the instance ends, however that happens.

const Wire := preload("wire.gd")

const MAX_AGE := 3 * 60 * 60 ## Seconds. A place is renewed every 2 hours, and kept for a minute after that.

var _key: String
var _guard: TCPServer


func _init(key: String) -> void:
	_key = "bellhop " + key


## Returns [code]token[/code] and [code]code[/code] of the saved place, or an empty dictionary.
func read() -> Dictionary:
	var slot: Dictionary = Wire.decode(_load())
	if Time.get_unix_time_from_system() - Wire.integer(slot, "at") > MAX_AGE or _is_in_use(Wire.integer(slot, "port")):
		return {}
	return slot if Wire.text(slot, "token") != "" else {}


## Saves a place.
func write(token: String, code: String) -> void:
	var slot: Dictionary = {"token": token, "code": code, "at": int(Time.get_unix_time_from_system())}
	if not OS.has_feature("web"):
		if _guard == null:
			_guard = TCPServer.new()
			if _guard.listen(0, "127.0.0.1") != OK:
				_guard = null
		slot["port"] = _guard.get_local_port() if _guard != null else 0
	_store(JSON.stringify(slot))


## Removes a place, and not one that was saved since.
func remove(token: String) -> void:
	if Wire.text(Wire.decode(_load()), "token") == token:
		_store("")


func _is_in_use(port: int) -> bool:
	if port <= 0 or (_guard != null and _guard.get_local_port() == port):
		return false
	var probe: TCPServer = TCPServer.new()
	var taken: bool = probe.listen(port, "127.0.0.1") != OK
	probe.stop()
	return taken


func _path() -> String:
	return "user://bellhop-%s.json" % _key.md5_text().left(16)


func _load() -> String:
	if OS.has_feature("web"):
		var kept: Variant = JavaScriptBridge.eval("try { sessionStorage.getItem(%s) ?? '' } catch { '' }" % JSON.stringify(_key))
		return kept if kept is String else ""
	return FileAccess.get_file_as_string(_path()) if FileAccess.file_exists(_path()) else ""


func _store(text: String) -> void:
	if OS.has_feature("web"):
		JavaScriptBridge.eval("try { sessionStorage.setItem(%s, %s) } catch {}" % [JSON.stringify(_key), JSON.stringify(text)])
		return
	var file: FileAccess = FileAccess.open(_path(), FileAccess.WRITE)
	if file != null:
		file.store_string(text)
