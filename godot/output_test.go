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
type output struct {
	*programtest.Output
	forgives bool
}

func newOutput(forgives bool) *output { return &output{programtest.NewOutput(), forgives} }

// find waits until a line matches, and returns it.
func (o *output) find(t *testing.T, pattern string) string {
	t.Helper()
	return o.Find(t, "(?m)^("+pattern+")$")
}

// mistakes are lines that no game should print, but for those that tests cause.
var (
	mistakes = regexp.MustCompile(`ERROR:|Parse Error|WARNING:|table index is out of bounds|Uncaught`)
	expected = regexp.MustCompile(`^ERROR: (Invalid URL: ws:///$|Error opening file 'res://icon.svg'|Node not found: "%Browser")`)
)

// listen notes what a tab prints. A mistake fails the
// test, unless the output forgives it.
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
		if !o.forgives && mistakes.MatchString(text) && !expected.MatchString(text) {
			t.Error(text)
		}
		o.Write([]byte(text + "\n"))
	}
}
