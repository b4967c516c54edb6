// Package web holds Bellhop's client for browsers and a page that plays with it, for who serves them: the gateway has the
// client at /bellhop.js and the page at /.
package web

import (
	"embed"
	"io/fs"
)

// Client is bellhop.js, an ES module that needs nothing else.
//
//go:embed bellhop.js
var Client []byte

//go:embed page
var files embed.FS

// Page has the page's files, index.html and what it asks for below page/. It also asks for bellhop.js and qr.svg beside
// it, and connects to Bellhop where it came from.
var Page, _ = fs.Sub(files, "page")
