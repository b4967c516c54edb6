extends Node
## Runs the tests that the command line names: each prints one line TEST PASS or TEST FAIL. Those of tests= run at the
## same time, and then those of alone=, one after the other.

var running: int = 0


func _ready() -> void:
	for test: String in _named("tests="):
		_run(test)
	while running > 0:
		await get_tree().process_frame
	for test: String in _named("alone="):
		await _run(test)


func _named(option: String) -> PackedStringArray:
	for argument: String in OS.get_cmdline_user_args():
		if argument.begins_with(option):
			return argument.trim_prefix(option).split(",", false)
	return []


func _run(test: String) -> void:
	var script: GDScript = load("res://test/%s.gd" % test)
	if script == null or not script.can_instantiate():
		print("TEST FAIL %s cannot be loaded" % test)
		return
	running += 1
	var kit: Node = script.new()
	kit.name = test
	for given: String in _named("patience="):
		kit.set("patience", given.to_float())
	add_child(kit)
	await kit.call("run")
	var faults: PackedStringArray = kit.get("faults")
	print("TEST PASS " + test if faults.is_empty() else "TEST FAIL %s: %s" % [test, "; ".join(faults)])
	kit.queue_free()
	running -= 1
