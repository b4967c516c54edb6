package events

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// addConversations adds the clients' messages from the golden conversations.
func addConversations(f *testing.F) {
	files, _ := filepath.Glob("../testdata/conversations/*.txt")
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		for line := range strings.SplitSeq(string(data), "\n") {
			if _, message, found := strings.Cut(line, "> "); found {
				f.Add(message)
			}
		}
	}
}

// FuzzPlain checks that jsontext accepts all that readPlain accepts, with the
// same result.
func FuzzPlain(f *testing.F) {
	addConversations(f)
	for _, text := range []string{
		` { "action" : "a" , "content" : { } } `, `{"action":"a","content":{"n":-0.5e+3,"t":true,"f":false,"x":null}}`,
		`{"action":"a","content":{"s":"\u00e9\\\/ \"12345678é"}}`, `{"action":"\ud800"}`, `{"action":"a","action":"b"}`, `{"action":01}`,
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var quick, strict Message
		quick.reset(text)
		if len(text) > MaxMessage || !quick.readPlain() {
			return
		}
		strict.reset(text)
		if err := strict.readAny(); err != nil {
			t.Fatalf("readPlain accepts what is %v", err)
		}
		fields := cmp.AllowUnexported(field{})
		if strict.Action != quick.Action || strict.RequestID != quick.RequestID || strict.Content.text != quick.Content.text {
			t.Errorf("readPlain made %+v of it, jsontext %+v", quick, strict)
		}
		if diff := cmp.Diff(append([]field{}, strict.Content.fields...), append([]field{}, quick.Content.fields...), fields); diff != "" {
			t.Errorf("fields (-jsontext +readPlain):\n%s", diff)
		}
	})
}
