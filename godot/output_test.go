package godot_test

import (
	"iter"
	"regexp"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"bellhop/gateway/programtest"
)

// output is what a game prints.
type output struct{ *programtest.Output }

func newOutput() *output { return &output{programtest.NewOutput()} }

// find waits until a line matches, and returns it.
func (o *output) find(t *testing.T, pattern string) string {
	t.Helper()
	return o.Find(t, "(?m)^("+pattern+")$")
}

// mistakes are lines that no game should print.
var mistakes = regexp.MustCompile(`SCRIPT ERROR:|Parse Error|ERROR: Failed|USER ERROR|WARNING:|SCRIPT ERROR|table index is out of bounds|Uncaught`)

// listen notes what a tab prints. A mistake fails the test.
func (o *output) listen(t *testing.T, said iter.Seq2[chromedp.ConsoleMessage, error]) {
	for message, err := range said {
		if err != nil || t.Context().Err() != nil {
			return
		}
		text := strings.TrimRight(message.Text, "\n")
		if message.IsException() {
			text = "Uncaught " + message.String()
		}
		t.Log(text)
		if mistakes.MatchString(text) {
			t.Error(text)
		}
		o.Write([]byte(text + "\n"))
	}
}
