package main

import (
	"slices"
	"strings"
	"testing"
)

var wide = "// " + strings.Repeat("wide ", 20)

// bad holds one line for each kind of finding.
var bad = []string{wide, "// The list is for whoever reads it.", "// Who waits has to wait.", "// It starts anew."}

func fingerprints(lines []string) (prints []string) {
	for _, line := range lines {
		prints = append(prints, finding{line: line}.fingerprint())
	}
	return prints
}

func TestNewFindingsFail(t *testing.T) {
	for _, line := range bad {
		others := slices.DeleteFunc(slices.Clone(bad), func(other string) bool { return other == line })
		fresh, _ := sift(check("a.go", "package a\n\n"+line+"\n"), fingerprints(others))
		if len(fresh) != 1 || !strings.HasPrefix(fresh[0], "a.go:3: ") {
			t.Errorf("%q gives %q, want one finding at a.go:3", line, fresh)
		}
	}
	if fresh, _ := sift(check("a.go", "// A player waits.\nvar whoever int\n"), nil); len(fresh) > 0 {
		t.Errorf("clean lines give %q", fresh)
	}
}

func TestOldFindingsMayMove(t *testing.T) {
	text := strings.Join(bad, "\n\t")
	for _, file := range []string{"a.go", "folder/b.go"} {
		fresh, old := sift(check(file, text), append(fingerprints(bad), "gone"))
		if len(fresh) > 0 {
			t.Errorf("known lines in %s give %q", file, fresh)
		}
		if want := slices.Sorted(slices.Values(fingerprints(bad))); !slices.Equal(old, want) {
			t.Errorf("after an update known.txt has %q, want %q", old, want)
		}
	}
}
