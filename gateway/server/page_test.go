package server_test

import (
	"context"
	"encoding/xml"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/makiuchi-d/gozxing"
	"github.com/makiuchi-d/gozxing/qrcode"

	"bellhop/gateway/apigateway"
	"bellhop/gateway/server"
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
	site := strings.Replace(start(t, server.Config{Version: "v1.4<"}), "ws", "http", 1)
	if _, index := get(t, site); !strings.Contains(index, "Bellhop v1.4&lt;</p>") {
		t.Error("the page shows no version")
	}
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
	site := strings.Replace(start(t, server.Config{}), "ws", "http", 1)
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
	site := strings.Replace(start(t, server.Config{}), "ws", "http", 1) + "/qr.svg?text="
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

// TestFidelityPaths checks that a browser gets the page and its files, and that
// clients connect with or without the stage in the path.
func TestFidelityPaths(t *testing.T) {
	address := strings.TrimPrefix(start(t, server.Config{Sockets: apigateway.Config{Stage: "dev"}}), "ws://")
	for _, test := range []struct {
		name    string
		path    string
		upgrade bool
		status  int
		body    string
	}{
		{"a page for browsers", "/", false, 200, "Host a game"},
		{"what it is made of", "/page/page.js", false, 200, "import { Bellhop }"},
		{"what it is not made of", "/page/server.go", false, 404, ""},
		{"no list of that", "/page/", false, 404, ""},
		{"a QR code", "/qr.svg?text=fox", false, 200, "<svg "},
		{"no stage, as behind a domain of one's own", "/", true, 101, ""},
		{"the stage", "/dev", true, 101, ""},
		{"the stage and a query", "/dev?game=chess", true, 101, ""},
		{"the stage and a slash", "/dev/", true, 101, ""},
		{"a status of $connect reaches the client, with its body", "/?game=no%20such", true, 400, "game"},
		{"another reason of $connect", "/?protocol=none", true, 400, "protocol"},
		{"a stage that is not there is 403", "/prod", true, 403, `{"message":"Forbidden"}`},
		{"no handshake is 426", "/dev", false, 426, "WebSocket"},
		{"the client for browsers", "/bellhop.js", false, 200, "export class Bellhop "},
		{"a module that it imports", "/peer.js", false, 200, "export class Peer "},
		{"its types", "/bellhop.d.ts", false, 200, "export class Bellhop "},
		{"which is no stage", "/bellhop.js", true, 403, `{"message":"Forbidden"}`},
		{"another path", "/favicon.ico", false, 404, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			conn, err := net.Dial("tcp", address)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			r, _ := http.NewRequest("GET", "http://"+address+test.path, nil)
			if test.upgrade {
				r.Header = http.Header{"Connection": {"Upgrade"}, "Upgrade": {"websocket"},
					"Sec-Websocket-Version": {"13"}, "Sec-Websocket-Key": {"dGhlIHNhbXBsZSBub25jZQ=="}}
			}
			answer, err := (&http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) { return conn, nil }}).RoundTrip(r)
			if err != nil {
				t.Fatal(err)
			}
			body := ""
			if answer.StatusCode != 101 {
				b, _ := io.ReadAll(answer.Body)
				body = string(b)
			}
			if answer.StatusCode != test.status || !strings.Contains(body, test.body) {
				t.Errorf("%d %s; want %d and %q", answer.StatusCode, body, test.status, test.body)
			}
		})
	}
}
