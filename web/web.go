// Package web holds Bellhop's client for browsers, and the page that plays with
// it. The gateway serves the client at /bellhop.js and the page at /.
package web

import (
	"embed"
	"io/fs"
)

// Client holds the client for browsers: bellhop.js, the modules it imports, and
// its types. All lie in one folder.
//
//go:embed *.js bellhop.d.ts
var Client embed.FS

//go:embed page
var files embed.FS

// Page has the page's files: index.html, and the files below page/ that it
// loads. It also loads bellhop.js and qr.svg, which stand beside it, and
// connects to Bellhop at its own address.
var Page, _ = fs.Sub(files, "page")
