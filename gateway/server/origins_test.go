package server_test

import (
	"strings"
	"testing"

	"bellhop/gateway/programtest"
	"bellhop/gateway/server"
)

// TestOrigins checks that pages of sites that Origins does not list are
// refused, and that clients outside browsers are not.
func TestOrigins(t *testing.T) {
	allowing := func(list string) (address string) {
		var sites server.Origins
		if err := sites.Set(list); err != nil {
			t.Fatal(err)
		}
		return strings.TrimPrefix(start(t, server.Config{Origins: sites}), "ws://")
	}
	listed, open := allowing("https://a.example, https://B.example:8443/"), strings.TrimPrefix(start(t, server.Config{}), "ws://")
	apps := allowing("null,capacitor://localhost,TAURI://localhost/,file://,http://[::1]:8080,http://127.0.0.1")
	for _, test := range []struct {
		name, address, header string
		status                int
	}{
		{"a site of the list", listed, "Origin: https://a.example\r\n", 101},
		{"another of the list, with its port", listed, "Origin: https://b.example:8443\r\n", 101},
		{"no browser", listed, "", 101},
		{"another site", listed, "Origin: https://c.example\r\n", 403},
		{"a name that goes on", listed, "Origin: https://a.example.c.example\r\n", 403},
		{"another scheme", listed, "Origin: http://a.example\r\n", 403},
		{"another port", listed, "Origin: https://b.example\r\n", 403},
		{"a page that will not say", listed, "Origin: null\r\n", 403},
		{"a page that may not say, if that is listed", apps, "Origin: null\r\n", 101},
		{"an app", apps, "Origin: capacitor://localhost\r\n", 101},
		{"another app", apps, "Origin: tauri://localhost\r\n", 101},
		{"a file", apps, "Origin: file://\r\n", 101},
		{"an address", apps, "Origin: http://[::1]:8080\r\n", 101},
		{"an address without a port", apps, "Origin: http://127.0.0.1\r\n", 101},
		{"an app that is not listed", apps, "Origin: ionic://localhost\r\n", 403},
		{"any site, without a list", open, "Origin: https://c.example\r\n", 101},
	} {
		t.Run(test.name, func(t *testing.T) {
			if r := programtest.Upgrade(t, test.address, test.header); r.StatusCode != test.status {
				t.Errorf("answered %d, want %d", r.StatusCode, test.status)
			}
		})
	}
}
