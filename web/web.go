// Package web holds Bellhop's client for browsers, for who serves it: the gateway does so at /bellhop.js.
package web

import _ "embed"

// Client is bellhop.js, an ES module that needs nothing else.
//
//go:embed bellhop.js
var Client []byte
