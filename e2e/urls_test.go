package e2e

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// openable are the WebSocket URLs that Godot and browsers can open. A query
// needs a path before it: for Godot a host ends only at the first slash.
var openable = regexp.MustCompile(`^wss?://([A-Za-z0-9.-]+|\[[0-9a-f:]+\])(:\d+)?(/[^?#]*(\?.*)?)?$`)

// TestURLs checks that Godot and browsers can open each WebSocket URL in docs,
// texts of the programs and comments.
func TestURLs(t *testing.T) {
	shown := regexp.MustCompile(`\bwss?://[A-Za-z0-9\[$%][^\s"'` + "`" + `<>()|\\*,;]*`)
	filled := regexp.MustCompile(`\$\{[^}]*\}|%[a-z]|\bHOST\b|\bADDRESS\b`)
	found := 0
	err := filepath.WalkDir("..", func(file string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && d.Name() != ".." && strings.HasPrefix(d.Name(), "."), d.Name() == "node_modules":
			return filepath.SkipDir
		case d.IsDir() || strings.HasSuffix(file, "_test.go") || !strings.Contains(".md .gd .js .ts .html .go .yaml .txt", filepath.Ext(file)):
			return nil
		}
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		for _, url := range shown.FindAllString(string(text), -1) {
			url = filled.ReplaceAllString(strings.TrimRight(url, ".:"), "x")
			url = strings.Replace(url, ":PORT", ":3000", 1)
			found++
			if !openable.MatchString(url) {
				t.Errorf("%s shows %s, for which Godot finds no host", file, url)
			}
		}
		return nil
	})
	if err != nil || found < 15 {
		t.Errorf("%d URLs are found, %v", found, err)
	}
}
