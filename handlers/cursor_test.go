package handlers

import (
	"crypto/sha256"
	"encoding/base64"
	"testing"

	"bellhop/lobby"
)

// TestCursors checks that a cursor is valid only for lists of its game. A
// cursor of another game, of another version, or with any letter changed, left
// out or added is not valid.
func TestCursors(t *testing.T) {
	at := lobby.Position("8106446555000000#blue-fox")
	good := cursor(at, "tanks")
	if got, ok := positionOf(good, "tanks"); !ok || got != at {
		t.Fatalf("%q is %q, %v", good, got, ok)
	}
	sum := sha256.Sum256([]byte("0#tanks#" + string(at)))
	bad := map[string]string{
		"another game's":   cursor(at, "boats"),
		"one without game": cursor(at, ""),
		"an old version":   base64.RawURLEncoding.EncodeToString(append(sum[:cursorSumLen], at...)),
		"with padding":     good + "=",
		"one of nothing":   cursor("", "tanks"),
	}
	for i := range good {
		other := byte('A')
		if good[i] == other {
			other = 'B'
		}
		bad["changed at "+good[:i]] = good[:i] + string(other) + good[i+1:]
		bad["cut after "+good[:i]] = good[:i]
		bad["doubled at "+good[:i]] = good[:i] + string(other) + good[i:]
	}
	delete(bad, "cut after ") // an empty one is the start of the list
	for what, cursor := range bad {
		if at, ok := positionOf(cursor, "tanks"); ok {
			t.Errorf("%s, %q, is taken for %q", what, cursor, at)
		}
	}
}
