package handlers

import (
	"cmp"
	"context"
	"errors"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"bellhop/events"
	"bellhop/lobby"
	"bellhop/store"
)

// Limits of quick_join: how many lobbies of its own it starts; for each, how
// often it reads the list, how many lobbies it then knows, and how many of
// these it tries.
const (
	maxStarts = 4
	maxLooks  = 4
	maxKnown  = 100
	maxTries  = 8
)

// startLag limits how long it takes until a lobby appears that another player
// starts at the same moment. A slow store gets more time, up to maxPause.
const (
	startLag = 20 * time.Millisecond
	maxPause = 500 * time.Millisecond
)

// maxMoving is how long a player moves from one lobby to another. A claim
// counts for claimTTL.
const maxMoving = 5 * time.Second

// quickJoin brings the sender into an open lobby or, if there is none, into a
// new one.
func (h *Handler) quickJoin(ctx context.Context, req *action) error {
	var c events.QuickJoin
	if err := req.Content.Read(&c); err != nil {
		return err
	}
	own := h.NewID()
	if c.OrStart != nil {
		req.pay(guessCost - 1)
		own = cmp.Or(c.OrStart.LobbyID, own)
	}
	at, err := h.claim(ctx, req, lobby.Claim{}, own) // so the sender goes nowhere else in the meantime
	if err != nil {
		return err
	}
	q := &quickSearch{action: req, QuickJoin: c, began: h.Now(), shut: map[string]bool{}}
	if at, err = h.quick(ctx, q, at, own); err != nil && at.ID != "" {
		ctx, cancel := lastTime(ctx)
		defer cancel()
		h.releaseClaim(ctx, req.conn, at.Claim)
	}
	return err
}

// A quickSearch is a quick_join under way.
type quickSearch struct {
	*action
	events.QuickJoin
	began time.Time
	shut  map[string]bool // ids of lobbies that will not let the sender in later either
}

// quick is quickJoin for a sender that claims own, an id that nobody has
// opened. It returns that claim if it still holds.
func (h *Handler) quick(ctx context.Context, q *quickSearch, at store.Connection, own string) (store.Connection, error) {
	var nowhere store.Connection
	open, err := h.open(ctx, q, maxTries)
	for starts := 1; err == nil; starts++ {
		var in bool
		if in, at, err = h.joinAny(ctx, q, at, open); in || err != nil {
			return at, err
		}
		if q.OrStart == nil {
			return at, rejection("", errNoMatch)
		}
		l, s, err := h.openOwn(ctx, q.action, at, own, *q.OrStart)
		if err != nil {
			return nowhere, err
		}
		if open, at = nil, nowhere; starts < maxStarts && !h.isLate(q) {
			if l, open, err = h.elsewhere(ctx, q, l); err != nil {
				return nowhere, err
			}
		}
		if open == nil {
			return nowhere, h.started(ctx, q.action, l, s)
		}
	}
	return at, err
}

// isLate reports whether the sender has moved between lobbies for long enough.
func (h *Handler) isLate(q *quickSearch) bool { return h.Now().Sub(q.began) >= maxMoving }

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
func (h *Handler) open(ctx context.Context, q *quickSearch, n int) (open []lobby.Listing, err error) {
	at, _, err := h.connection(ctx, q.action)
	if err != nil {
		return nil, err
	}
	s := search{game: at.Game, order: lobby.Fullest, filter: q.Filter, first: n, reads: quickReads}
	for l, err := range h.find(ctx, q.action, &s) {
		if err != nil {
			return nil, err
		}
		if q.shut[l.ID] {
			continue
		}
		if open = append(open, l); len(open) == n {
			break
		}
	}
	return open, nil
}

// joinAny joins one of the lobbies or, if others were faster everywhere, one
// that it finds in the list then. It reports whether the sender is in a lobby
// or waits for one, and returns at if that claim still holds.
func (h *Handler) joinAny(ctx context.Context, q *quickSearch, at store.Connection, open []lobby.Listing) (in bool, _ store.Connection, err error) {
	for look := 1; len(open) > 0 && err == nil; look++ {
		if in, at, err = h.joinOneOf(ctx, q, at, open); in || err != nil || look == maxLooks || h.isLate(q) {
			break
		}
		q.pay(guessCost)
		open, err = h.open(ctx, q, maxKnown)
	}
	return in, at, err
}

// joinOneOf is joinAny for the listed lobbies. It tries the first lobby and
// then random other ones, so that players who arrive together spread out.
func (h *Handler) joinOneOf(ctx context.Context, q *quickSearch, at store.Connection, open []lobby.Listing) (bool, store.Connection, error) {
	open = slices.Clone(open)
	for try := 0; try < maxTries && len(open) > 0; try++ {
		i := 0
		if try > 0 {
			i = rand.IntN(len(open))
		}
		there, seen, err := h.claimAndRead(ctx, q.action, at.Claim, open[i].ID)
		if err != nil {
			return false, at, err
		}
		at = store.Connection{}
		err = h.join(ctx, q.action, there, seen, events.JoinLobby{LobbyID: open[i].ID, Player: q.Player})
		if err == nil || !isRefusal(err) {
			return err == nil, at, err
		}
		if errors.Is(err, lobby.ErrBanned) || errors.Is(err, lobby.ErrNeedsNewer) {
			q.shut[open[i].ID] = true
		}
		open = slices.Delete(open, i, i+1)
	}
	return false, at, nil
}

// elsewhere decides between players who all found no lobby at the same moment
// and started one each. For a player that moves, it closes the player's lobby l
// and returns the lobbies to join. For a player that stays, it returns l in its
// present state, and no lobbies. If the sender has left l since then, it
// returns lobby.ErrNotIn.
//
// A player stays once another has joined it, or if no other lobby has a place.
// Until then it looks again, later each time.
func (h *Handler) elsewhere(ctx context.Context, q *quickSearch, l *lobby.Lobby) (*lobby.Lobby, []lobby.Listing, error) {
	own := l.Listing()
	if !l.AutoAccept || !l.Discoverable() || !q.Filter.Matches(wireListing(own)) {
		return l, nil, nil // others cannot join it, or do not find it
	}
	crowded := false
	for look := 1; ; look++ {
		select {
		case <-h.After(max(h.Store.ListLag(), startLag, min(h.Now().Sub(q.began), maxPause))):
		case <-ctx.Done():
			l, err := h.reread(ctx, q, l)
			return l, nil, err
		}
		open, err := h.open(ctx, q, maxKnown)
		if err != nil { // this one is as good
			l, err = h.reread(ctx, q, l)
			return l, nil, err
		}
		i := slices.IndexFunc(open, func(o lobby.Listing) bool { return o.ID == own.ID })
		if i < 0 { // it is too far down in a long list, or not there any more
			if l, err = h.reread(ctx, q, l); err != nil {
				return l, nil, err
			}
			own = l.Listing()
		} else {
			own = open[i]
		}
		if own.Players > 1 {
			l, err = h.reread(ctx, q, l)
			return l, nil, err
		}
		others := slices.DeleteFunc(open, func(o lobby.Listing) bool { return o.ID == own.ID || !o.AutoAccept })
		if len(others) == 0 && !crowded {
			return l, nil, nil
		}
		crowded = len(others) > 0
		there := better(own, others, look)
		if look > maxLooks && len(there) == 0 {
			there = others // the expected player is slow, or waits there for others
		}
		if len(there) > 0 {
			return h.move(ctx, q, l, there)
		}
	}
}

// reread returns l in its present state, or lobby.ErrNotIn if the sender has
// left it. If the store fails, it returns l as it was.
func (h *Handler) reread(ctx context.Context, q *quickSearch, l *lobby.Lobby) (*lobby.Lobby, error) {
	ctx, cancel := lastTime(ctx)
	defer cancel()
	now, err := h.Store.Lobby(ctx, l.Key())
	switch {
	case errors.Is(err, store.ErrNotFound) || err == nil && !now.Has(q.conn):
		return nil, lobby.ErrNotIn
	case err != nil:
		return l, nil
	}
	return now, nil
}

// move is elsewhere for a player that moves, unless somebody joins it first.
func (h *Handler) move(ctx context.Context, q *quickSearch, l *lobby.Lobby, there []lobby.Listing) (*lobby.Lobby, []lobby.Listing, error) {
	_, err := h.update(ctx, change{key: l.Key()}, func(l *lobby.Lobby) error {
		if len(l.Members) > 1 || len(l.Waiting) > 0 {
			return lobby.ErrAlreadyIn // another player was faster
		}
		return l.Leave(q.conn)
	})
	if err != nil {
		l, err = h.reread(ctx, q, l)
		return l, nil, err
	}
	rand.Shuffle(len(there), func(i, j int) { there[i], there[j] = there[j], there[i] })
	return nil, there, nil
}

// better returns the lobbies that are better for the only player of own than
// staying, after so many looks at the list. They have more players, or a player
// who stays longer. Among those who stay equally long, one is better than all.
//
// This does not depend on the rest of the list, so players agree although they
// see it at different moments, when some are in no lobby and on their way.
func better(own lobby.Listing, others []lobby.Listing, look int) (there []lobby.Listing) {
	if looksToStay(own) >= look {
		return nil
	}
	best := own
	for _, l := range others {
		if l.Players > 1 || looksToStay(l) >= look {
			there = append(there, l)
		}
		if cmp.Or(cmp.Compare(looksToStay(l), looksToStay(best)), strings.Compare(l.ID, best.ID)) > 0 {
			best = l
		}
	}
	if len(there) == 0 && best.ID != own.ID {
		there = append(there, best)
	}
	return there
}

// looksToStay draws, from a lobby's id, for how many looks at the list its only
// player waits for others. Of lobbies for four, three in four do not wait, and
// one in four waits for one look, of those one in four for a second, and so on.
func looksToStay(l lobby.Listing) int {
	id := fnv.New32a()
	id.Write([]byte(l.ID))
	drawn := (float64(id.Sum32()) + 1) / (1 << 32)
	return int(-math.Log(drawn) / math.Log(float64(max(l.MaxPlayers, 2))))
}
