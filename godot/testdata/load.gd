extends "kit.gd"
## Every script and scene of the project loads. What is wrong with one is printed, and a printed error fails the test.


func run() -> void:
	check(_load_all("res://") > 15, "too few scripts")


func _load_all(folder: String) -> int:
	var count: int = 0
	for file: String in DirAccess.get_files_at(folder):
		if file.get_extension() in ["gd", "tscn", "tres"] and file != "plugin.gd": # which extends a class of the editor
			var path: String = folder.path_join(file)
			var loaded: Resource = load(path)
			check(loaded != null, path + " does not load")
			if loaded is GDScript:
				check((loaded as GDScript).can_instantiate(), path + " has errors")
			count += 1
	for inner: String in DirAccess.get_directories_at(folder):
		count += _load_all(folder.path_join(inner))
	return count
