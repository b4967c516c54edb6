extends RefCounted
## The order of numbered descriptions: messages can overtake each other on AWS.

const Wire := preload("wire.gd")

const GAP := 3.0 ## Seconds that a description waits for a missing earlier one.

var _next: int = 1 # number of the next description; 0: any
var _session: String = ""
var _former: PackedStringArray = [] # sessions whose late descriptions count no more
var _early: Dictionary = {} # by number
var _skip_at: float = INF


## Takes a description, and returns those that are due now.
func receive(content: Dictionary) -> Array[Dictionary]:
	var session: String = Wire.session_of(Wire.text(content, "sdp"))
	var number: int = Wire.integer(content, "seq")
	if session == "" or session in _former:
		return []
	if number <= 0:
		return [content]
	if _session != "" and session != _session:
		_former.append(_session)
		_early.clear()
		_next = 1
	_session = session
	if _next == 0:
		_next = number
	if number < _next:
		return []
	_early[number] = content
	return _due()


## Returns what has waited long enough.
func poll(now: float) -> Array[Dictionary]:
	if now < _skip_at:
		return []
	skip()
	return _due()


## Gives up on missing descriptions.
func skip() -> void:
	_skip_at = INF
	_next = 0
	for number: int in _early:
		_next = number if _next == 0 else mini(_next, number)


func _due() -> Array[Dictionary]:
	var all: Array[Dictionary] = []
	while _early.has(_next):
		all.append(_early[_next])
		_early.erase(_next)
		_next += 1
	_skip_at = INF if _early.is_empty() else minf(_skip_at, Wire.now() + GAP)
	return all
