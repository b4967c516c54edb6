extends RefCounted
## What goes over the wire: text that is JSON, and the parts of a session description.

const MAX_NAME := 32

static var ahead: float = 0.0 ## Seconds that a test is ahead of the real time.


## Returns a message as JSON. [method JSON.stringify] leaves control characters raw and writes [code]nan[/code],
## neither of which is JSON, and keys as [StringName].
static func encode(action: String, content: Dictionary, request_id: String) -> String:
	var message: Dictionary = {"action": action}
	if request_id != "":
		message["request_id"] = request_id
	message["content"] = clean(content)
	return JSON.stringify(message, "", false)


## Returns the object in a frame, or an empty one if it has none.
static func decode(text: String) -> Dictionary:
	var json: JSON = JSON.new()
	if json.parse(text) != OK or not json.data is Dictionary:
		return {}
	return json.data


## Returns a value that JSON can hold.
static func clean(value: Variant) -> Variant:
	match typeof(value):
		TYPE_STRING, TYPE_STRING_NAME, TYPE_NODE_PATH:
			return clean_text(str(value))
		TYPE_FLOAT:
			var number: float = value
			return number if is_finite(number) else 0.0
		TYPE_DICTIONARY:
			var given: Dictionary = value
			var all: Dictionary = {}
			for key: Variant in given:
				all[clean_text(str(key))] = clean(given[key])
			return all
		TYPE_ARRAY, TYPE_PACKED_STRING_ARRAY, TYPE_PACKED_INT32_ARRAY, TYPE_PACKED_INT64_ARRAY:
			var list: Array = []
			for item: Variant in value:
				list.append(clean(item))
			return list
		TYPE_NIL, TYPE_BOOL, TYPE_INT:
			return value
	return clean_text(str(value))


## Returns text without control characters and halves of surrogate pairs.
static func clean_text(text: String) -> String:
	var kept: PackedStringArray = []
	var start: int = 0
	for i: int in text.length():
		var c: int = text.unicode_at(i)
		if (c < 32 and c != 9 and c != 10 and c != 13) or c == 127 or (c >= 0xd800 and c < 0xe000):
			kept.append(text.substr(start, i - start))
			start = i + 1
	if start == 0:
		return text
	kept.append(text.substr(start))
	return "".join(kept)


## Returns a name that can be shown in one line: no line breaks, at most two combining marks in a row.
static func clean_name(text: String) -> String:
	var shown: String = ""
	var marks: int = 0
	for i: int in text.length():
		var c: int = text.unicode_at(i)
		marks = marks + 1 if is_mark(c) else 0
		if c < 32 or marks > 2 or (c >= 0x202a and c <= 0x202e) or (c >= 0x2066 and c <= 0x2069):
			continue
		shown += String.chr(c)
		if shown.length() >= MAX_NAME:
			break
	return clean_text(shown).strip_edges()


## Whether a character is drawn over the one before it.
static func is_mark(c: int) -> bool:
	return (c >= 0x300 and c <= 0x36f) or (c >= 0x483 and c <= 0x489) or (c >= 0x591 and c <= 0x5bd) \
			or (c >= 0x610 and c <= 0x61a) or (c >= 0x64b and c <= 0x65f) or (c >= 0xe31 and c <= 0xe4e) \
			or (c >= 0x1ab0 and c <= 0x1aff) or (c >= 0x1dc0 and c <= 0x1dff) or (c >= 0x20d0 and c <= 0x20ff) \
			or (c >= 0xfe20 and c <= 0xfe2f)


## Returns a field that should be an object.
static func object(content: Dictionary, key: String) -> Dictionary:
	var value: Variant = content.get(key)
	return value if value is Dictionary else {}


## Returns a field that should be an array of objects.
static func objects(content: Dictionary, key: String) -> Array[Dictionary]:
	var all: Array[Dictionary] = []
	var value: Variant = content.get(key)
	if value is Array:
		for item: Variant in value:
			if item is Dictionary:
				all.append(item)
	return all


## Returns a field that should be text.
static func text(content: Dictionary, key: String) -> String:
	var value: Variant = content.get(key)
	return str(value) if value is String or value is StringName else ""


## Returns a field that should be an integer. JSON has floats only.
static func integer(content: Dictionary, key: String, otherwise: int = 0) -> int:
	var value: Variant = content.get(key)
	return int(str(value).to_float()) if value is float or value is int else otherwise


## Returns a field that should be a boolean.
static func flag(content: Dictionary, key: String) -> bool:
	var value: Variant = content.get(key)
	return value is bool and value == true


## Returns the id of the WebRTC connection that made a description: the second word of its line [code]o=[/code].
static func session_of(sdp: String) -> String:
	return _first(sdp, "o=", 1)


## Returns the name that candidates of a description carry.
static func ufrag_of(sdp: String) -> String:
	return _first(sdp, "a=ice-ufrag:", 0)


static func _first(sdp: String, prefix: String, word: int) -> String:
	for line: String in sdp.split("\n"):
		if line.begins_with(prefix):
			var words: PackedStringArray = line.trim_prefix(prefix).strip_edges().split(" ", false)
			return words[word] if words.size() > word else ""
	return ""


## Returns a description with further candidates in it.
static func with_candidates(sdp: String, candidates: Array[Dictionary]) -> String:
	var whole: String = sdp if sdp.ends_with("\n") else sdp + "\r\n"
	for candidate: Dictionary in candidates:
		whole += "a=" + text(candidate, "name").trim_prefix("a=") + "\r\n"
	return whole


## Returns a description without the candidates that name an address of the device itself.
static func only_relayed(sdp: String) -> String:
	var kept: PackedStringArray = []
	for line: String in sdp.split("\n"):
		if not line.begins_with("a=candidate") or line.contains(" typ relay"):
			kept.append(line)
	return "\n".join(kept)


## Returns the time to wait before another try, in seconds: longer each time, and random, or all would come together.
static func backoff(tries: int, most: float = 10.0) -> float:
	return minf(most, 0.25 * pow(2.0, minf(tries, 10.0))) * randf()


## Returns seconds since the engine's start.
static func now() -> float:
	return Time.get_ticks_msec() / 1000.0 + ahead
