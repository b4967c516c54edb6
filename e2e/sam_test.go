package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"bellhop/gateway/lambda"
)

// TestSAM replays the conversations through the function in the real sam local,
// which sam/local has built and started.
func TestSAM(t *testing.T) {
	function := lambda.Function{URL: os.Getenv("BELLHOP_SAM_URL"), Name: "Function"}
	if function.URL == "" {
		t.Skip("needs sam local: make test-sam")
	}
	files, _ := filepath.Glob("../testdata/conversations/*.txt")
	for _, file := range files {
		c := readConversation(t, file)
		if c.isTimed() {
			continue
		}
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt")+"/sam", func(t *testing.T) {
			c.check(t, c.replay(t, func(t *testing.T, w *world) home {
				h, invoker := newBuiltHome(t, w, os.Getenv("BELLHOP_SAM_CALLBACK"), os.Getenv("BELLHOP_SAM_DYNAMODB"), os.Getenv("BELLHOP_SAM_TABLE"))
				*invoker = function.Invoke
				return h
			}))
		})
	}
}
