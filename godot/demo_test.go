package godot_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// desktop makes the larger screenshots, which take software longest to draw.
var desktop = flag.Bool("desktop", false, "draw the demo in the size of a computer too")

// TestDemo plays the demo as the engine draws it, in the size of a phone and,
// with -desktop, of a computer. Screenshots are in .cache/screenshots.
func TestDemo(t *testing.T) {
	for _, size := range []struct {
		name          string
		width, height int64
		drawn         bool
	}{{"phone", 390, 844, true}, {"desktop", 1280, 720, *desktop}} {
		if !size.drawn {
			continue
		}
		t.Run(size.name, func(t *testing.T) {
			g := engine{draws: true}.open(t, packTests(t), "tests=demo")
			g.size = size.name
			if err := chromedp.Do(g.ctx, chromedp.EmulateViewport(size.width, size.height)); err != nil {
				t.Fatal(err)
			}
			if line := g.find(t, `TEST (?:PASS|FAIL) demo\b.*`); strings.HasPrefix(line, "TEST FAIL") {
				t.Error(line)
			}
		})
	}
}

// shoot keeps what the engine draws as a picture.
func (g *game) shoot(name string) string {
	if g.size == "" {
		return "not drawn"
	}
	picture, err := chromedp.Run(g.ctx, chromedp.CaptureScreenshot())
	if err == nil {
		err = os.MkdirAll("../.cache/screenshots", 0o777)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join("../.cache/screenshots", "godot-"+name+"-"+g.size+".png"), picture, 0o666)
	}
	if err != nil {
		return err.Error()
	}
	return "done"
}
