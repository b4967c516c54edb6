extends RefCounted
## One action that waits for its answer.

## Emitted once, when the answer is there or will not come.
signal settled

var action: String
var content: Dictionary
var ids: PackedStringArray = [] ## Of each copy that was sent.
var checks: PackedStringArray = [] ## Those of [member ids] that only ask whether the call still waits.
var tries: int = 0
var sent_at: float = 0.0
var resend_at: float = INF
var deadline: float = INF
var check_at: float = INF

var is_settled: bool = false
var event: String = "" ## Of the answer.
var answer: Dictionary = {}
var error: Dictionary = {} ## [code]code[/code] and [code]message[/code], or empty.


## Ends the wait.
func settle(of: String, with: Dictionary) -> void:
	if is_settled:
		return
	is_settled = true
	event = of
	answer = with
	settled.emit()


## Ends the wait without an answer, or with one that is an error.
func fail(code: String, message: String) -> void:
	if is_settled:
		return
	error = {"code": code, "message": message}
	settle("error", {})


## Waits for the answer, and returns whether it is a success.
func wait() -> bool:
	if not is_settled:
		await settled
	return error.is_empty()
