package handlers_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"bellhop/handlers"
)

// goldenText returns all of testdata/conversations.
func goldenText(t *testing.T) string {
	t.Helper()
	files, _ := filepath.Glob("../testdata/conversations/*.txt")
	var all strings.Builder
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(data)
	}
	return all.String()
}

// TestEveryActionIsShown checks that each action, by each of its names, is in
// some conversation.
func TestEveryActionIsShown(t *testing.T) {
	golden := goldenText(t)
	for _, action := range handlers.ActionNames() {
		if !strings.Contains(golden, `"action":"`+action+`","content"`) && !strings.Contains(golden, `> {"action":"`+action+`"`) {
			t.Errorf("no conversation has the action %s", action)
		}
	}
}

// TestEveryActionIsListed checks that each action of today's dialect has a row
// wherever actions have one.
func TestEveryActionIsListed(t *testing.T) {
	for _, list := range []struct{ file, row, without string }{
		{"../docs/protocol.md", "\n| `%s` |", ""},
		{"budget_test.go", `{"action":"%s"`, ""},
		{"simulation/rules_test.go", `"%s":`, "get_ice_servers report_link"}, // which no lobby has to do with
		{"../web/line.js", " %s: ", ""},                                      // whether it may be sent twice
	} {
		text, err := os.ReadFile(list.file)
		if err != nil {
			t.Fatal(err)
		}
		for _, action := range handlers.ActionNames() {
			original := action == "accept_join_request" || action == "send_session_description"
			if row := fmt.Sprintf(list.row, action); !original && !strings.Contains(list.without, action) && !strings.Contains(string(text), row) {
				t.Errorf("%s has no row %q", list.file, strings.TrimSpace(row))
			}
		}
	}
}

// TestEveryCodeIsShown checks that every code of package events is in some
// conversation.
func TestEveryCodeIsShown(t *testing.T) {
	golden := goldenText(t)
	file, err := parser.ParseFile(token.NewFileSet(), "../events/errors.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	codes := 0
	ast.Inspect(file, func(n ast.Node) bool {
		c, ok := n.(*ast.ValueSpec)
		if !ok || len(c.Values) != 1 {
			return true
		}
		if typed, ok := c.Type.(*ast.Ident); !ok || typed.Name != "Code" {
			return true
		}
		codes++
		code, _ := strconv.Unquote(c.Values[0].(*ast.BasicLit).Value)
		if !strings.Contains(golden, `"code":"`+code+`"`) {
			t.Errorf("no conversation has the code %s", code)
		}
		return true
	})
	if codes < 15 {
		t.Errorf("only %d codes found", codes)
	}
}
