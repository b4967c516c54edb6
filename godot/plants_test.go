package godot_test

import (
	"bytes"
	"flag"
	"os"
	"strings"
	"testing"

	"bellhop/internal/godot"
)

var plants = flag.Int("plants", 0, "the planted faults that TestPlants runs; 0: it checks only that they can be planted")

// planted are faults in the addon, each with the test that has to fail.
var planted = []struct{ name, file, good, bad, test string }{
	{"a new session's offer is applied to the old connection", "internal/link.gd",
		"if connection == null or _has_offered or _remote_session != session:", "if connection == null or _has_offered:", "return"},
	{"events that overtake the answer are lost", "bellhop.gd", "_held.append([event, content])", "pass", "admit"},
	{"the mark of the host does not move", "internal/members.gd", "player.is_host = player.peer_id == id", "player.is_host = player.is_host or player.peer_id == id", "among"},
	{"being replaced by oneself counts as a loss", "internal/line.gd", "	if not _is_replaced:\n", "	if true:\n", "clock"},
	{"a place is not taken back", "internal/saved.gd", `return slot if Wire.text(slot, "token") != "" else {}`, "return {}", "return"},
	{"a name keeps all its marks", "internal/wire.gd", "marks > 2", "marks > 20", "wrong"},
	{"a player who has left stays linked", "internal/members.gd", "	_links.remove(id)\n", "", "among"},
	{"a connection that the other side has closed counts as open", "internal/link.gd", "STATE_CONNECTED or _was_closed()):", "STATE_CONNECTED):", "return"},
	{"an ICE restart is not answered", "internal/link.gd", "		return _offer() # Godot", "		return # Godot", "page"},
	{"a lost answer is not sent again", "internal/link.gd", "			_send_description() # it was lost\n", "			pass\n", "page"},
	{"relay_only hides nothing", "internal/links.gd", "	_relay_only = relay_only\n", "", "relay"},
	{"no connection takes over in time", "internal/comeback.gd", "_line.age(now) > RENEW", "_line.age(now) > 100.0 * RENEW", "clock"},
}

// TestPlants checks that the tests of the addon see faults.
func TestPlants(t *testing.T) {
	for i, plant := range planted {
		files, err := godot.Project(os.DirFS("."))
		if err != nil {
			t.Fatal(err)
		}
		name := "addons/bellhop/" + plant.file
		if n := bytes.Count(files[name], []byte(plant.good)); n != 1 {
			t.Errorf("%s has %q %d times", name, plant.good, n)
		}
		if i >= *plants {
			continue
		}
		t.Run(strings.ReplaceAll(plant.name, " ", "-"), func(t *testing.T) {
			pack := packTests(t, func(files map[string][]byte) {
				files[name] = bytes.Replace(files[name], []byte(plant.good), []byte(plant.bad), 1)
			})
			g := engine{forgives: true}.open(t, pack, "alone="+plant.test, "patience=8")
			if line := g.find(t, "TEST (?:PASS|FAIL) "+plant.test+`\b.*`); strings.HasPrefix(line, "TEST PASS") {
				t.Errorf("%s sees nothing", plant.test)
			}
		})
	}
}
