package main

import (
	"encoding/xml"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/makiuchi-d/gozxing"
	"github.com/makiuchi-d/gozxing/qrcode"

	"bellhop/web"
)

// get returns the gateway's answer to a browser.
func get(t *testing.T, url string) (*http.Response, string) {
	t.Helper()
	answer, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer, string(body)
}

// TestPageHeaders checks that the page can run and load only its own files, is
// shown in no frame, and gives no other site the code in its address. Each file
// has its type.
func TestPageHeaders(t *testing.T) {
	site := strings.Replace(start(t), "ws", "http", 1)
	files := []string{"/"}
	fs.WalkDir(web.Page, ".", func(name string, entry fs.DirEntry, _ error) error {
		if !entry.IsDir() && name != "index.html" {
			files = append(files, "/page/"+name)
		}
		return nil
	})
	types := map[string]string{"/": "text/html", ".js": "text/javascript", "css": "text/css", "svg": "image/svg+xml"}
	for _, file := range files {
		answer, body := get(t, site+file)
		h := answer.Header
		policy := h.Get("Content-Security-Policy")
		for _, want := range []string{"default-src 'none'", "script-src 'self'", "style-src 'self'", "frame-ancestors 'none'", "base-uri 'none'", "connect-src 'self' ws://127.0.0.1:"} {
			if !strings.Contains(policy, want) || strings.Contains(policy, "unsafe") || strings.Contains(policy, "*") {
				t.Errorf("%s has the policy %q", file, policy)
			}
		}
		if h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Referrer-Policy") != "no-referrer" || !strings.HasPrefix(h.Get("Content-Type"), types[file[max(0, len(file)-3):]]) {
			t.Errorf("%s has the headers %v", file, h)
		}
		if answer.StatusCode != http.StatusOK || body == "" {
			t.Errorf("%s is answered %s", file, answer.Status)
		}
	}
}

// TestPageNotThere checks that a path that is no file of the page's is not
// found, whatever its slashes.
func TestPageNotThere(t *testing.T) {
	site := strings.Replace(start(t), "ws", "http", 1)
	for _, path := range []string{"/page/", "/page/none", "/page/page/", "/page//none/"} {
		if answer, _ := get(t, site+path); answer.StatusCode != http.StatusNotFound {
			t.Errorf("%s is answered %s", path, answer.Status)
		}
	}
}

// TestPageSize checks that the page is small enough for a phone: 80 KiB in all,
// before compression.
func TestPageSize(t *testing.T) {
	var all int64
	fs.WalkDir(web.Page, ".", func(_ string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			info, _ := entry.Info()
			all += info.Size()
		}
		return err
	})
	if t.Logf("the page has %.1f KiB", float64(all)/1024); all == 0 || all > 80<<10 {
		t.Errorf("the page has %d bytes", all)
	}
}

// TestQR checks that another implementation reads the text from its QR code, up
// to the longest allowed text, and that any other request is refused in words.
func TestQR(t *testing.T) {
	site := strings.Replace(start(t), "ws", "http", 1) + "/qr.svg?text="
	for _, text := range []string{"http://127.0.0.1:3000/#join=4RPL47", "https://play.example.com/?game=a.b&x=%20#join=Blue-Fox_1", "~", strings.Repeat("x", 300)} {
		answer, svg := get(t, site+url.QueryEscape(text))
		if answer.Header.Get("Content-Type") != "image/svg+xml" {
			t.Errorf("%q is answered by %v", text, answer.Header)
		}
		bitmap, err := gozxing.NewBinaryBitmapFromImage(drawn(t, svg))
		if err != nil {
			t.Fatal(err)
		}
		read, err := qrcode.NewQRCodeReader().Decode(bitmap, nil)
		if err != nil || read.GetText() != text {
			t.Errorf("of %q is read %v, %v", text, read, err)
		}
	}
	for _, text := range []string{"", strings.Repeat("x", 301), "two\nlines", "h\u00f6r", "\x00"} {
		if answer, body := get(t, site+url.QueryEscape(text)); answer.StatusCode != http.StatusBadRequest || !strings.HasPrefix(body, "Give text") {
			t.Errorf("%q is answered %s: %s", text, answer.Status, body)
		}
	}
}

// drawn draws the modules of a QR code, 4 pixels each way.
func drawn(t *testing.T, svg string) image.Image {
	t.Helper()
	var code struct {
		ViewBox string `xml:"viewBox,attr"`
		Path    []struct {
			D string `xml:"d,attr"`
		} `xml:"path"`
	}
	if err := xml.Unmarshal([]byte(svg), &code); err != nil || len(code.Path) != 2 {
		t.Fatalf("%v: %s", err, svg)
	}
	var left, top, width, height int
	if _, err := fmt.Sscan(code.ViewBox, &left, &top, &width, &height); err != nil {
		t.Fatal(err)
	}
	picture := image.NewGray(image.Rect(0, 0, 4*width, 4*height))
	draw.Draw(picture, picture.Bounds(), image.White, image.Point{}, draw.Src)
	for module := range strings.SplitSeq(strings.TrimPrefix(code.Path[1].D, "M"), "M") {
		var x, y int
		if _, err := fmt.Sscanf(module, "%d %dh1v1h-1z", &x, &y); err != nil {
			t.Fatal(module, err)
		}
		at := image.Rect(4*(x-left), 4*(y-top), 4*(x-left)+4, 4*(y-top)+4)
		draw.Draw(picture, at, image.NewUniform(color.Black), image.Point{}, draw.Src)
	}
	return picture
}
