package main

import (
	"strings"
	"testing"
)

func TestFindings(t *testing.T) {
	for _, bad := range []string{
		strings.Repeat("wide ", 16), "The list is for whoever reads it.", "Who waits has to wait.", "It starts anew.",
	} {
		for _, indent := range []string{"", "\t"} {
			found := check("a.go", "package a\n\n"+indent+"// "+bad+"\n")
			if len(found) != 1 || !strings.HasPrefix(found[0], "a.go:3: ") {
				t.Errorf("%q gives %q, want one finding at a.go:3", bad, found)
			}
		}
	}
	clean := "// A player waits.\nvar whoever int\n// " + strings.Repeat("x", maxWidth-3) + "\n"
	if found := check("a.go", clean); len(found) > 0 {
		t.Errorf("clean lines give %q", found)
	}
}
