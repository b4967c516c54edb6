extends Node
## Runs the tests that the command line names, all at the same time: each prints one line TEST PASS or TEST FAIL.


func _ready() -> void:
	for argument: String in OS.get_cmdline_user_args():
		if argument.begins_with("tests="):
			for test: String in argument.trim_prefix("tests=").split(",", false):
				_run(test)


func _run(test: String) -> void:
	var script: GDScript = load("res://test/%s.gd" % test)
	if script == null or not script.can_instantiate():
		print("TEST FAIL %s cannot be loaded" % test)
		return
	var kit: Node = script.new()
	kit.name = test
	add_child(kit)
	await kit.call("run")
	var faults: PackedStringArray = kit.get("faults")
	print("TEST PASS " + test if faults.is_empty() else "TEST FAIL %s: %s" % [test, "; ".join(faults)])
	kit.queue_free()
