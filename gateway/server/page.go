package server

import (
	"bytes"
	"fmt"
	"html"
	"io"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"time"

	"rsc.io/qr"

	"bellhop/web"
)

// servePage serves the page: index.html at /, and its files below /page/. The
// page can run and load nothing else, and no other site can show it in a frame.
// index.html shows the version.
func (s *Server) servePage(w http.ResponseWriter, r *http.Request) {
	protect(w.Header())
	w.Header().Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "+
		"connect-src 'self'"+sockets(r.Host)+"; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	name := strings.TrimPrefix(strings.TrimPrefix(path.Clean("/"+r.URL.Path), "/"), "page/")
	if name != "" {
		http.ServeFileFS(w, r, web.Page, name)
		return
	}
	index, _ := fs.ReadFile(web.Page, "index.html")
	shown := ""
	if s.version != "" {
		shown = `<p class="hint">Bellhop ` + html.EscapeString(s.version) + "</p>"
	}
	index = bytes.Replace(index, []byte("<!-- version -->"), []byte(shown), 1)
	http.ServeContent(w, r, "index.html", time.Time{}, bytes.NewReader(index))
}

// sockets are the WebSockets of host, in a policy: 'self' includes them by CSP
// Level 3, but not in Safari before 15.4.
func sockets(host string) string {
	if host == "" || strings.Trim(strings.ToLower(host), "abcdefghijklmnopqrstuvwxyz0123456789.-:[]") != "" {
		return "" // it could add to the policy
	}
	return " ws://" + host + " wss://" + host
}

// protect sets the headers that all answers to browsers share: browsers notice
// a new version immediately, and guess no types.
func protect(h http.Header) {
	h.Set("Cache-Control", "no-cache")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer") // an address can hold a lobby's code
}

// maxQR is the longest text in bytes. A link to a lobby has some 50. No phone
// reads a much longer one off a screen.
const maxQR = 300

// serveQR draws the query's text as a QR code (ISO/IEC 18004), with the quiet
// zone of 4 modules that the standard requires.
func serveQR(w http.ResponseWriter, r *http.Request) {
	text := r.URL.Query().Get("text")
	printable := !strings.ContainsFunc(text, func(c rune) bool { return c < ' ' || c > '~' })
	if text == "" || len(text) > maxQR || !printable {
		http.Error(w, fmt.Sprintf("Give text, 1 to %d printable characters of ASCII.", maxQR), http.StatusBadRequest)
		return
	}
	code, err := qr.Encode(text, qr.M)
	if err != nil {
		http.Error(w, "This text is too long for a QR code.", http.StatusBadRequest)
		return
	}
	protect(w.Header())
	w.Header().Set("Content-Type", "image/svg+xml")
	w.Header().Set("Content-Security-Policy", "default-src 'none'")
	var modules strings.Builder
	for y := range code.Size {
		for x := range code.Size {
			if code.Black(x, y) {
				fmt.Fprintf(&modules, "M%d %dh1v1h-1z", x, y)
			}
		}
	}
	fmt.Fprintf(w, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="-4 -4 %d %[1]d" shape-rendering="crispEdges">`+
		`<path fill="#fff" d="M-4-4h%[1]dv%[1]dh-%[1]dz"/><path d="`, code.Size+8)
	io.WriteString(w, modules.String())
	io.WriteString(w, `"/></svg>`)
}
