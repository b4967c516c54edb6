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
	"bellhop/store"
)

// How often quick_join looks for a lobby, of how many it knows then, and how many it tries.
const (
	maxLooks = 4
	maxKnown = 100
	maxTries = 8
)

// startLag is how long a lobby is under way, at most, that began a moment before another.
const startLag = 20 * time.Millisecond

// quickJoin brings the sender into a lobby that it may come into, else into one of its own.
func (h *Handler) quickJoin(ctx context.Context, req *request) error {
	var c events.QuickJoin
	if err := req.Content.Read(&c); err != nil {
		return err
	}
	own := h.NewID()
	if c.OrStart != nil {
		req.session.pay(guessCost - 1)
		own = cmp.Or(strings.Clone(c.OrStart.LobbyID), own)
	}
	at, err := h.enter(ctx, req, store.Pointer{}, own, nil) // so that the sender goes nowhere else meanwhile
	if err != nil {
		return err
	}
	if at, err = h.quick(ctx, req, at, own, c); err != nil && at.ID != "" {
		ctx, cancel := lastTime(ctx)
		defer cancel()
		h.release(ctx, req.conn, at.Pointer)
	}
	return err
}

// quick is quickJoin for a sender who points at own, a lobby that nobody has opened: at. It returns at if that is so still.
func (h *Handler) quick(ctx context.Context, req *request, at store.Connection, own string, c events.QuickJoin) (store.Connection, error) {
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

// openOwn is openLobby for a sender who may point at the lobby id already: at, if so.
func (h *Handler) openOwn(ctx context.Context, req *request, at store.Connection, id string, c events.StartLobby) (*store.Lobby, seat, error) {
	if at.ID != "" {
		if l, s, err := h.openAt(ctx, req, at, id, c); !errors.Is(err, store.ErrExists) || c.LobbyID != "" {
			return l, s, err
		}
	}
	return h.openLobby(ctx, req, c)
}

// open returns the first n lobbies that the sender may come into, the best first.
func (h *Handler) open(ctx context.Context, req *request, c events.QuickJoin, n int) (open []store.Listing, err error) {
	at, _, err := h.connection(ctx, req)
	if err != nil {
		return nil, err
	}
	for l, err := range h.find(ctx, req, at.Game, store.Fullest, "", n, c.Filter) {
		if err != nil {
			return nil, err
		}
		if open = append(open, l); len(open) == n {
			break
		}
	}
	return open, nil
}

// joinAny joins one of the lobbies: the first, or if others were faster there any other, so that those who come at once do not
// all run after each other. It reports whether the sender is in one, or waits for it; and at, if the sender points there still.
func (h *Handler) joinAny(ctx context.Context, req *request, at store.Connection, open []store.Listing, c events.QuickJoin) (bool, store.Connection, error) {
	open = slices.Clone(open)
	for try := 0; try < maxTries && len(open) > 0; try++ {
		i := 0
		if try > 0 {
			i = rand.IntN(len(open))
		}
		there, seen, err := h.approach(ctx, req, at.Pointer, open[i].ID)
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

// elsewhere returns where the sender goes who has just started l, having found no other lobby, if that was so for others at
// the same moment: they agree on who stays, by the same list. Their own lobby has closed then. It is nil for who stays: that is
// sure once somebody has come, or nobody else has a place; until then who is to come may be faster elsewhere, so it looks again.
func (h *Handler) elsewhere(ctx context.Context, req *request, l *store.Lobby, c events.QuickJoin) []store.Listing {
	if !l.AutoAccept || !l.Listed() {
		return nil // others are not let in by it, or do not find it
	}
	own := func(o store.Listing) bool { return o.ID == l.ID }
	var open []store.Listing
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
		open = slices.DeleteFunc(open, func(o store.Listing) bool { return !o.AutoAccept })
		i := slices.IndexFunc(open, own)
		if i < 0 || open[i].Players > 1 || len(open) == 1 || look > maxLooks {
			return nil
		}
		target, moves = seatFor(open, l.ID)
	}
	_, err = h.update(ctx, nil, l.Key(), func(l *store.Lobby) error {
		if len(l.Members) > 1 || len(l.Waiting) > 0 {
			return store.ErrAlreadyIn // somebody was faster
		}
		return l.Leave(req.conn)
	})
	if err != nil {
		return nil
	}
	best := open[target] // before it is taken out of open
	return append([]store.Listing{best}, slices.DeleteFunc(slices.Delete(open, target, target+1), own)...)
}

// seatFor goes through the lobbies with one player in the order in which they began, and gives each of those players the next
// free place in a lobby with more of them, or in one that began earlier and has stayed. It returns where that is for the player
// of own, unless that one stays too.
func seatFor(open []store.Listing, own string) (target int, moves bool) {
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
