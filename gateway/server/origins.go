package server

import (
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// Origins are the sites whose pages can connect, as browsers write them in the
// header Origin (RFC 6454, section 7). Empty Origins allow all. It is a
// flag.Value.
type Origins []string

// String implements flag.Value.
func (o *Origins) String() string { return strings.Join(*o, ",") }

// Set implements flag.Value.
func (o *Origins) Set(list string) error {
	for site := range strings.SplitSeq(list, ",") {
		if site = strings.ToLower(strings.TrimSpace(site)); site != localFiles {
			site = strings.TrimSuffix(site, "/")
		}
		if err := checkOrigin(site); err != nil {
			return err
		}
		*o = append(*o, site)
	}
	return nil
}

// localFiles is Chromium's origin of a page that was opened as a file; other
// browsers use null.
const localFiles = "file://"

// checkOrigin returns an error for a site that no browser would send in the
// header Origin. Origins with schemes other than http and https, as apps have
// them (capacitor://localhost), are compared as they are.
func checkOrigin(site string) error {
	u, err := url.Parse(site)
	switch {
	case site == localFiles || site == "null":
		return nil
	case strings.Contains(site, "*"):
		return fmt.Errorf("%q has a wildcard, which -origins does not know; list each site, as in https://a.example,https://b.example", site)
	case err != nil || u.Scheme == "" || u.Host == "" || site != u.Scheme+"://"+u.Host:
		return fmt.Errorf("%q is not a site such as https://a.example", site)
	case u.Scheme == "ws" || u.Scheme == "wss":
		return fmt.Errorf("%q is where clients connect to, not a site whose pages do; list the pages' own, such as https://%s", site, u.Host)
	case u.Scheme != "http" && u.Scheme != "https":
		return nil
	case strings.ContainsFunc(site, func(c rune) bool { return c > '~' }):
		return fmt.Errorf("%q never matches: browsers write such a name in its xn-- form; list that", site)
	}
	if named := canonicalOrigin(u); named != site {
		return fmt.Errorf("%q never matches: browsers write it as %s; list that", site, named)
	}
	return nil
}

// canonicalOrigin returns the origin of an http or https site as browsers write
// it (the URL standard, "host serializing" and "origin").
func canonicalOrigin(u *url.URL) string {
	host, port := u.Hostname(), u.Port()
	if ip, err := netip.ParseAddr(host); err == nil && ip.Is6() {
		host = "[" + ip.String() + "]"
	}
	n, _ := strconv.Atoi(port)
	if port == "" || u.Scheme == "http" && n == 80 || u.Scheme == "https" && n == 443 {
		return u.Scheme + "://" + host
	}
	return fmt.Sprintf("%s://%s:%d", u.Scheme, host, n)
}

// allow reports whether a handshake can go on. Without the header it is not a
// browser's.
func (o Origins) allow(r *http.Request) bool {
	site := r.Header.Get("Origin")
	return len(o) == 0 || site == "" || slices.Contains(o, strings.ToLower(site))
}
