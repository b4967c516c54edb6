// Package turnrest makes and checks credentials by the TURN REST scheme
// (draft-uberti-behave-turn-rest-00), which coturn calls use-auth-secret: a
// user name has its expiry, and the password is the name's HMAC.
package turnrest

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"strconv"
	"strings"
	"time"
)

// Username returns the user name of conn until end. It has the expiry in
// seconds since 1970, and the connection for the server's log and quotas.
func Username(conn string, end time.Time) string {
	return strconv.FormatInt(end.Unix(), 10) + ":" + conn
}

// Password returns the password of a user name.
func Password(secret []byte, username string) string {
	mac := hmac.New(sha1.New, secret)
	mac.Write([]byte(username))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// Parse returns what Username was made of. ok is false if it was not.
func Parse(username string) (conn string, end time.Time, ok bool) {
	text, conn, found := strings.Cut(username, ":")
	seconds, err := strconv.ParseInt(text, 10, 64)
	end = time.Unix(seconds, 0)
	return conn, end, found && err == nil && Username(conn, end) == username
}
