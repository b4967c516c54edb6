package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"

	"bellhop/gateway/programtest"
)

// TestReadmeClient checks that two copies of the client in the README connect,
// unchanged.
func TestReadmeClient(t *testing.T) {
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	code := regexp.MustCompile("(?s)```go\n(.*?)```").FindSubmatch(readme)
	if code == nil {
		t.Fatal("README.md shows no client")
	}
	source := filepath.Join(t.TempDir(), "client.go")
	program := bytes.ReplaceAll(code[1], []byte("ws://127.0.0.1:3000"), []byte(start(t)))
	if err := os.WriteFile(source, program, 0o600); err != nil {
		t.Fatal(err)
	}
	client := source + ".exe"
	if out, err := exec.Command("go", "build", "-o", client, source).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	play := func(action string) *programtest.Output {
		said := programtest.NewOutput()
		c := exec.Command(client, action, "blue-fox")
		c.Stdout, c.Stderr = said, said
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Process.Kill(); c.Wait() })
		return said
	}
	host := play("start_lobby")
	host.Find(t, `"event":"lobby_started","content":{"lobby_id":"blue-fox"`)
	guest := play("join_lobby")
	host.Find(t, `"event":"request_to_join"`)
	guest.Find(t, `"event":"request_accepted"`)
}
