package handlers

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"bellhop/events"
)

// maxICEUsername is the limit of libwebrtc, and so of Chromium and Safari: 509
// bytes.
const maxICEUsername = 509

// splitICEServers reads URLs with commas between them. A browser asks each
// server once, so servers of a kind become one.
func splitICEServers(list string) ([]events.ICEServer, error) {
	var stun, turn events.ICEServer
	for u := range strings.SplitSeq(list, ",") {
		u = strings.TrimSpace(u)
		if err := checkICEURL(u); err != nil {
			return nil, err
		}
		if isTURN(u) {
			turn.URLs = append(turn.URLs, u)
		} else {
			stun.URLs = append(stun.URLs, u)
		}
	}
	return slices.DeleteFunc([]events.ICEServer{stun, turn}, func(s events.ICEServer) bool { return s.URLs == nil }), nil
}

// A givenServer is a STUN or TURN server in the format of browsers and
// providers: Xirsys and Twilio also have the older name url.
type givenServer struct {
	URLs       oneOrMore[string] `json:"urls"`
	URL        oneOrMore[string] `json:"url"`
	Username   string            `json:"username"`
	Credential string            `json:"credential"`
	Kind       string            `json:"credentialType"`
}

// readWritten is DecodeICEServers for what an operator wrote: a field of
// another name is a mistake.
func readWritten(list string) ([]events.ICEServer, error) {
	inner, err := unwrapICEServers([]byte(list))
	if err != nil {
		return nil, err
	}
	var given oneOrMore[map[string]any]
	json.Unmarshal(inner, &given) // of the error, DecodeICEServers knows
	for _, fields := range given {
		for name := range fields {
			if !slices.Contains([]string{"urls", "url", "username", "credential", "credentialType"}, name) {
				return nil, fmt.Errorf(`%s: unknown field %q`, aList, name)
			}
		}
	}
	return DecodeICEServers(list)
}

const aList = `STUN and TURN servers are an array such as [{"urls": ["stun:stun.example.com"]}]`

// DecodeICEServers reads JSON: an array of servers, one server, or the whole
// answer of a provider that contains them. It skips fields that it does not
// know.
func DecodeICEServers(list string) ([]events.ICEServer, error) {
	if !json.Valid([]byte(list)) {
		return nil, whyInvalid(list)
	}
	inner, err := unwrapICEServers([]byte(list))
	if err != nil {
		return nil, err
	}
	var given oneOrMore[givenServer]
	if err := json.Unmarshal(inner, &given); err != nil {
		return nil, fmt.Errorf("%s: %w", aList, err)
	}
	servers := make([]events.ICEServer, len(given))
	for i, g := range given {
		if servers[i], err = g.check(i + 1); err != nil {
			return nil, err
		}
	}
	return servers, nil
}

// whyInvalid explains why text is not JSON.
func whyInvalid(list string) error {
	d := json.NewDecoder(strings.NewReader(list))
	var first any
	if d.Decode(&first) == nil {
		return errors.New("there is text after the STUN and TURN servers; take it away")
	}
	return errors.New(aList + ", and this is not JSON")
}

// unwrapICEServers returns the servers in a provider's whole answer:
//
//	Cloudflare  {"iceServers": …}
//	Xirsys      {"v": {"iceServers": …}, "s": "ok"}
//	Twilio      {"ice_servers": …, "ttl": …, …}
//
// Anything else is returned as it is.
func unwrapICEServers(list []byte) ([]byte, error) {
	var answer struct {
		Cloudflare json.RawMessage `json:"iceServers"`
		Twilio     json.RawMessage `json:"ice_servers"`
		Value      json.RawMessage `json:"v"`
		Status     string          `json:"s"`
	}
	if !bytes.HasPrefix(list, []byte("{")) || json.Unmarshal(list, &answer) != nil {
		return list, nil
	}
	switch {
	case answer.Status != "" && answer.Status != "ok":
		var why string
		json.Unmarshal(answer.Value, &why) // and none of its other contents
		return nil, fmt.Errorf("this is an error of Xirsys and no list of servers: %q", why)
	case answer.Value != nil:
		return unwrapICEServers(bytes.TrimSpace(answer.Value))
	case answer.Cloudflare != nil:
		return answer.Cloudflare, nil
	case answer.Twilio != nil:
		return answer.Twilio, nil
	}
	return list, nil
}

// check returns the server for clients, or the error that browsers would
// report.
func (g givenServer) check(number int) (events.ICEServer, error) {
	urls := g.URLs
	if len(urls) == 0 {
		urls = g.URL
	}
	if len(urls) == 0 {
		return events.ICEServer{}, fmt.Errorf(`STUN or TURN server %d has no "urls"`, number)
	}
	for _, u := range urls {
		if err := checkICEURL(u); err != nil {
			return events.ICEServer{}, err
		}
	}
	switch {
	case (g.Username == "") != (g.Credential == ""):
		return events.ICEServer{}, fmt.Errorf("give %s both a username and a credential, or neither", urls[0])
	case len(g.Username) > maxICEUsername:
		return events.ICEServer{}, fmt.Errorf("the username for %s is over %d bytes, which browsers refuse", urls[0], maxICEUsername)
	case g.Kind != "" && g.Kind != "password":
		return events.ICEServer{}, fmt.Errorf(`the credentialType for %s is %q; browsers only take "password"`, urls[0], g.Kind)
	}
	return events.ICEServer{URLs: urls, Username: g.Username, Credential: g.Credential}, nil
}

// oneOrMore is a value or an array of values: browsers accept both as urls, and
// providers write both for servers.
type oneOrMore[T any] []T

// UnmarshalJSON implements json.Unmarshaler.
func (o *oneOrMore[T]) UnmarshalJSON(b []byte) error {
	if bytes.HasPrefix(b, []byte("[")) {
		return json.Unmarshal(b, (*[]T)(o))
	}
	*o = make(oneOrMore[T], 1)
	return json.Unmarshal(b, &(*o)[0])
}

// checkICEURL checks a URL by RFC 7064 (STUN) and RFC 7065 (TURN), and by the
// rules of browsers: each of them throws an exception for a URL that one of
// them refuses.
func checkICEURL(s string) error {
	scheme, rest, _ := strings.Cut(s, ":")
	address, query, asks := strings.Cut(rest, "?")
	isTransport := !asks || isTURN(s) && (query == "transport=udp" || query == "transport=tcp")
	switch {
	case scheme == "stuns":
		return fmt.Errorf("%q is STUN over TLS, which not all browsers take; write stun:%s", s, rest)
	case !strings.HasPrefix(address, "[") && strings.Count(address, ":") > 1:
		return fmt.Errorf("%q: put an IPv6 address in brackets, as in %s:[2001:db8::1]:3478", s, scheme)
	case !slices.Contains([]string{"stun", "turn", "turns"}, scheme) || !isTransport || !isICEAddress(address):
		return fmt.Errorf("%q is not a URL such as stun:stun.example.com:3478 or turn:turn.example.com:3478?transport=udp", s)
	}
	return nil
}

// isICEAddress reports whether a text is a host, alone or with a port.
func isICEAddress(address string) bool {
	u, err := url.Parse("//" + address)
	if err != nil || u.Host != address || u.Hostname() == "" || strings.HasSuffix(address, ":") {
		return false
	}
	if strings.HasPrefix(address, "[") {
		ip, err := netip.ParseAddr(u.Hostname())
		if err != nil || !ip.Is6() || ip.Zone() != "" {
			return false
		}
	}
	if u.Port() == "" {
		return true
	}
	port, err := strconv.ParseUint(u.Port(), 10, 16)
	return err == nil && port > 0
}
