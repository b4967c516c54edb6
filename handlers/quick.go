package handlers

import (
	"cmp"
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"bellhop/events"
	"bellhop/lobby"
	"bellhop/store"
)

// Limits of quick_join: how often it reads the list, how many lobbies it then
// knows, and how many it tries.
const (
	maxLooks = 4
	maxKnown = 100
	maxTries = 8
)

// startLag bounds how long a lobby takes to appear that another player starts
// at the same moment.
const startLag = 20 * time.Millisecond

// quickJoin brings the sender into an open lobby or, if there is none, into one
// of its own.
func (h *Handler) quickJoin(ctx context.Context, req *action) error {
	var c events.QuickJoin
	if err := req.Content.Read(&c); err != nil {
		return err
	}
	own := h.NewID()
	if c.OrStart != nil {
		req.session.pay(guessCost - 1)
		own = cmp.Or(strings.Clone(c.OrStart.LobbyID), own)
	}
	at, err := h.claim(ctx, req, lobby.Claim{}, own, nil) // so that the sender goes nowhere else meanwhile
	if err != nil {
		return err
	}
	if at, err = h.quick(ctx, req, at, own, c); err != nil && at.ID != "" {
		ctx, cancel := lastTime(ctx)
		defer cancel()
		h.releaseClaim(ctx, req.conn, at.Claim)
	}
	return err
}

// quick is quickJoin for a sender that claims own, an id that nobody has
// opened. It returns that claim if it still holds.
func (h *Handler) quick(ctx context.Context, req *action, at store.Connection, own string, c events.QuickJoin) (store.Connection, error) {
	var nowhere store.Connection
	open, err := h.open(ctx, req, c, maxTries)
	for look := 1; err == nil; look++ {
		var in bool
		if in, at, err = h.joinAny(ctx, req, at, open, c); in || err != nil {
			return at, err
		}
		if c.OrStart == nil {
			if len(open) == 0 || look == maxLooks {
				return at, rejection("", errNoMatch)
			}
			req.session.pay(guessCost)
			open, err = h.open(ctx, req, c, maxKnown)
			continue
		}
		l, s, err := h.openOwn(ctx, req, at, own, *c.OrStart)
		if err != nil {
			return nowhere, err
		}
		if open, at = nil, nowhere; look < maxLooks {
			open = h.elsewhere(ctx, req, l, c)
		}
		if open == nil {
			return nowhere, h.started(ctx, req, l, s)
		}
	}
	return at, err
}

// openOwn is openLobby for a sender that might already claim the id; at is its
// connection if it does.
func (h *Handler) openOwn(ctx context.Context, req *action, at store.Connection, id string, c events.StartLobby) (*lobby.Lobby, resumeToken, error) {
	if at.ID != "" {
		if l, s, err := h.openAt(ctx, req, at, id, c); !errors.Is(err, store.ErrExists) || c.LobbyID != "" {
			return l, s, err
		}
	}
	return h.openLobby(ctx, req, c)
}

// open returns the first n lobbies that the sender can enter, the best first.
func (h *Handler) open(ctx context.Context, req *action, c events.QuickJoin, n int) (open []lobby.Listing, err error) {
	at, _, err := h.connection(ctx, req)
	if err != nil {
		return nil, err
	}
	for l, err := range h.find(ctx, req, at.Game, lobby.Fullest, "", n, c.Filter) {
		if err != nil {
			return nil, err
		}
		if open = append(open, l); len(open) == n {
			break
		}
	}
	return open, nil
}

// joinAny joins the first of the lobbies. If somebody else takes the last place
// there, it tries a random other one, so that players who arrive together
// spread out. It reports whether the sender is in a lobby or waits for one, and
// returns at if that claim still holds.
func (h *Handler) joinAny(ctx context.Context, req *action, at store.Connection, open []lobby.Listing, c events.QuickJoin) (bool, store.Connection, error) {
	open = slices.Clone(open)
	for try := 0; try < maxTries && len(open) > 0; try++ {
		i := 0
		if try > 0 {
			i = rand.IntN(len(open))
		}
		there, seen, err := h.claimAndRead(ctx, req, at.Claim, open[i].ID)
		if err != nil {
			return false, at, err
		}
		at = store.Connection{}
		if err := h.join(ctx, req, there, seen, events.JoinLobby{LobbyID: open[i].ID, Player: c.Player}); err == nil || !isRefusal(err) {
			return err == nil, at, err
		}
		open = slices.Delete(open, i, i+1)
	}
	return false, at, nil
}

// elsewhere decides between players who all found no lobby at the same moment
// and started one each. From the same list they agree on who stays. For a
// player that moves, it closes the player's lobby l and returns where to go.
// For a player that stays, it returns nil.
//
// A player stays once somebody has joined it, or if no other lobby has a place.
// Until then it looks again, since whoever should come might find a place
// elsewhere.
func (h *Handler) elsewhere(ctx context.Context, req *action, l *lobby.Lobby, c events.QuickJoin) []lobby.Listing {
	if !l.AutoAccept || !l.Discoverable() {
		return nil // others are not let in by it, or do not find it
	}
	own := func(o lobby.Listing) bool { return o.ID == l.ID }
	var open []lobby.Listing
	var err error
	target, moves := 0, false
	for look := 1; !moves; look++ {
		select {
		case <-h.After(max(h.Store.ListLag(), startLag)):
		case <-ctx.Done():
			return nil
		}
		if open, err = h.open(ctx, req, c, maxKnown); err != nil {
			return nil // this one is as good
		}
		open = slices.DeleteFunc(open, func(o lobby.Listing) bool { return !o.AutoAccept })
		i := slices.IndexFunc(open, own)
		if i < 0 || open[i].Players > 1 || len(open) == 1 || look > maxLooks {
			return nil
		}
		target, moves = lobbyFor(open, l.ID)
	}
	_, err = h.update(ctx, nil, l.Key(), func(l *lobby.Lobby) error {
		if len(l.Members) > 1 || len(l.Waiting) > 0 {
			return lobby.ErrAlreadyIn // somebody was faster
		}
		return l.Leave(req.conn)
	})
	if err != nil {
		return nil
	}
	best := open[target] // before it is taken out of open
	return append([]lobby.Listing{best}, slices.DeleteFunc(slices.Delete(open, target, target+1), own)...)
}

// lobbyFor goes through the lobbies with one player in the order in which they
// began. It gives each of these players the next free place in a fuller lobby,
// or in an earlier one whose player stays. It returns that lobby for the player
// of own, unless that player stays.
func lobbyFor(open []lobby.Listing, own string) (target int, moves bool) {
	var seats, alone []int // indexes into open, a seat's as often as it has places
	for i, l := range open {
		if l.Players == 1 {
			alone = append(alone, i)
		} else {
			seats = append(seats, slices.Repeat([]int{i}, l.MaxPlayers-l.Players)...)
		}
	}
	slices.SortFunc(alone, func(i, j int) int {
		return cmp.Or(cmp.Compare(open[i].CreatedAt, open[j].CreatedAt), strings.Compare(open[i].ID, open[j].ID))
	})
	for _, i := range alone {
		if len(seats) == 0 {
			seats = slices.Repeat([]int{i}, open[i].MaxPlayers-1)
			if open[i].ID == own {
				return 0, false
			}
			continue
		}
		if open[i].ID == own {
			return seats[0], true
		}
		seats = seats[1:]
	}
	return 0, false
}
