package e2e

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestCheckout checks that a checkout has the same bytes as here, whatever git
// is configured to do with line endings. A carriage return in a conversation
// fails its replay, and in a Go file gofmt.
func TestCheckout(t *testing.T) {
	dir := t.TempDir()
	git := func(args ...string) {
		t.Helper()
		out, err := exec.Command("git", append([]string{"-C", dir, "-c", "core.autocrlf=true", "-c", "core.eol=crlf", "-c", "user.name=test", "-c", "user.email=test"}, args...)...).CombinedOutput()
		if err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
	}
	git("init", "-q")
	files, _ := filepath.Glob("../testdata/conversations/*")
	if len(files) < 10 {
		t.Fatalf("there are only %d conversations", len(files))
	}
	files = append(files, "../main.go", "../Makefile", "../web/bellhop.js", "../docs/page-phone.webp", "../sam/local", "../.gitattributes")
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, filepath.Base(file)), data, 0o666)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	git("add", "-A")
	git("commit", "-q", "-m", "all")
	for _, file := range files {
		os.Remove(filepath.Join(dir, filepath.Base(file)))
	}
	git("checkout", "-q", "--", ".")
	for _, file := range files {
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(filepath.Join(dir, filepath.Base(file))); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s is not checked out as it is: %v, %d bytes, want %d", file, err, len(got), len(want))
		}
	}
}
