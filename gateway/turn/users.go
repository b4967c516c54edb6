package turn

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/pion/turn/v5"
	"golang.org/x/time/rate"

	"bellhop/events"
	"bellhop/handlers"
	"bellhop/internal/turnrest"
	"bellhop/lobby"
	"bellhop/store"
)

// A user is a connection that has credentials.
type user struct {
	party     *party
	until     time.Time       // when its newest credentials expire
	out       bool            // its lobby does not list it
	relays    map[*relay]bool // nil before the first relay
	bandwidth *rate.Limiter   // nil until then
}

// A party is a lobby whose players have credentials.
type party struct {
	key     lobby.Key
	members int
	users   map[string]*user
}

func (u *user) closeRelays() {
	for r := range u.relays {
		r.PacketConn.Close() // pion/turn then ends the allocation
	}
}

// Mint implements handlers.Minter.
func (s *Server) Mint(_ context.Context, p handlers.Player) ([]events.ICEServer, time.Time) {
	end := s.Now().Add(s.Lifetime)
	if !s.admit(p, end) {
		return nil, time.Time{}
	}
	name := turnrest.Username(p.Conn, end)
	return []events.ICEServer{
		{URLs: s.urls("stun")},
		{URLs: s.urls("turn"), Username: name, Credential: turnrest.Password(s.secret, name)},
	}, end
}

// urls returns the addresses of the server for one scheme.
func (s *Server) urls(scheme string) []string {
	first := scheme + ":" + net.JoinHostPort(s.Host, fmt.Sprint(s.Addr().Port))
	if scheme == "stun" {
		return []string{first}
	}
	urls := []string{first + "?transport=udp"}
	for _, l := range s.streams {
		_, port, _ := net.SplitHostPort(l.Addr().String())
		if l.secure != nil {
			urls = append(urls, "turns:"+net.JoinHostPort(s.TLSHost, port)+"?transport=tcp")
		} else {
			urls = append(urls, "turn:"+net.JoinHostPort(s.Host, port)+"?transport=tcp")
		}
	}
	return urls
}

// URL returns the address of the server to show to people.
func (s *Server) URL() string { return strings.TrimSuffix(s.urls("turn")[0], "?transport=udp") }

// admit makes p a user, and reports whether it may have credentials. Without a
// number of members, p only claims to be in the lobby, and one that has been
// removed stays out.
func (s *Server) admit(p handlers.Player, end time.Time) bool {
	if p.Lobby == "" {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	u := s.users[p.Conn]
	if u == nil {
		u = new(user)
		s.users[p.Conn] = u
	}
	in := s.lobbies[p.Lobby]
	if in == nil {
		in = &party{key: p.Lobby, users: map[string]*user{}}
		s.lobbies[p.Lobby] = in
	}
	if u.party != in {
		s.part(p.Conn, u)
		u.party, u.out, in.users[p.Conn] = in, false, u
	}
	if p.Members > 0 {
		in.members, u.out = p.Members, false
	}
	if !u.out {
		u.until = end
	}
	return !u.out
}

// part takes a user from its party. mu is held.
func (s *Server) part(conn string, u *user) {
	if u.party == nil {
		return
	}
	if delete(u.party.users, conn); len(u.party.users) == 0 {
		delete(s.lobbies, u.party.key)
	}
}

// authenticate is turn.AuthHandler: it returns what the password of a user name
// would make of a request, which the caller compares.
func (s *Server) authenticate(a *turn.RequestAttributes) (conn string, key []byte, ok bool) {
	conn, end, ok := turnrest.Parse(a.Username)
	s.mu.Lock()
	u := s.users[conn]
	ok = ok && u != nil && !u.out && s.Now().Before(end)
	s.mu.Unlock()
	if !ok {
		s.refuse(badCredentials)
		return "", nil, false
	}
	return conn, turn.GenerateAuthKey(a.Username, a.Realm, turnrest.Password(s.secret, a.Username)), true
}

func (s *Server) onAuth(_, _ net.Addr, _, _, _, _ string, verdict bool) {
	if !verdict {
		s.refuse(badCredentials)
	}
}

// hasRoom is turn.QuotaHandler.
func (s *Server) hasRoom(conn, _ string, _ net.Addr) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if u := s.users[conn]; u != nil && s.roomFor(u) {
		return true
	}
	s.refuse(tooMany)
	return false
}

// roomFor reports whether a user may have one more relayed address. mu is held.
func (s *Server) roomFor(u *user) bool {
	return !u.out && len(u.relays) < perPeer*max(1, u.party.members-1) && s.allocations.Load() < maxRelays
}

func (s *Server) sweepUntil(ctx context.Context) {
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			s.sweep(ctx)
		}
	}
}

// sweep ends what no longer has a reason. A lobby that is gone leaves its
// players their links, as everywhere else.
func (s *Server) sweep(ctx context.Context) {
	for _, key := range s.relaying() {
		l, err := s.Lobby(ctx, key)
		switch {
		case err == nil:
			s.settle(key, l)
		case !errors.Is(err, store.ErrNotFound) && ctx.Err() == nil:
			s.Log.Warn("cannot check who may use TURN", "error", err)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.Now()
	for conn, u := range s.users {
		switch {
		case now.Before(u.until):
		case len(u.relays) == 0:
			s.part(conn, u)
			delete(s.users, conn)
		case now.After(u.until.Add(keptOn)):
			u.closeRelays()
		}
	}
}

// keptOn is how long an allocation outlives its credentials: as long as one
// lives that is not refreshed, and refreshing it needs new ones.
const keptOn = 10 * time.Minute

// relaying returns the lobbies of players with relayed addresses.
func (s *Server) relaying() (keys []lobby.Key) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for key, in := range s.lobbies {
		for _, u := range in.users {
			if len(u.relays) > 0 {
				keys = append(keys, key)
				break
			}
		}
	}
	return keys
}

// settle closes the relayed addresses of users that the lobby does not list.
func (s *Server) settle(key lobby.Key, l *lobby.Lobby) {
	s.mu.Lock()
	defer s.mu.Unlock()
	in := s.lobbies[key]
	if in == nil {
		return
	}
	in.members = len(l.Members)
	for conn, u := range in.users {
		was := slices.ContainsFunc(l.Members, func(m lobby.Member) bool { return slices.Contains(m.PreviousConns, conn) })
		if u.out = !was && !l.Has(conn); u.out {
			u.closeRelays()
		}
	}
}
