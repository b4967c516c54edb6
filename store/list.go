package store

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/btree"
)

// A Listing is what anybody may know of a lobby.
type Listing struct {
	Position    Position  `dynamodbav:"-"` // in the list that it was found in
	ID          string    `dynamodbav:"lobby_id"`
	Players     int       `dynamodbav:"players"` // places taken, those that are held too
	MaxPlayers  int       `dynamodbav:"max_players"`
	Public      bool      `dynamodbav:"public"`
	Locked      bool      `dynamodbav:"locked"`
	HasPassword bool      `dynamodbav:"has_password"`
	AutoAccept  bool      `dynamodbav:"auto_accept"`
	Mesh        bool      `dynamodbav:"mesh"`
	Migrates    bool      `dynamodbav:"migrates"`
	Metadata    string    `dynamodbav:"metadata"`
	CreatedAt   int64     `dynamodbav:"created_at"`
	ExpiresAt   time.Time `dynamodbav:"expires_at,unixtime"`
}

// Listing returns what anybody may know of l.
func (l *Lobby) Listing() Listing { return l.listing("") }

func (l *Lobby) listing(at Position) Listing {
	return Listing{
		Position: at, ID: l.ID, Players: len(l.Members), MaxPlayers: l.MaxPlayers, Public: l.Public, Locked: l.Locked, HasPassword: l.Password != "",
		AutoAccept: l.AutoAccept, Mesh: l.Mesh, Migrates: l.Migrates, Metadata: l.Metadata, CreatedAt: l.CreatedAt, ExpiresAt: l.ExpiresAt,
	}
}

// Listed reports whether lists show l: it is public, and somebody may come in.
func (l *Lobby) Listed() bool {
	return l.Public && !l.Locked && !l.Closed && len(l.Members) < l.MaxPlayers && !l.Host().Away()
}

// An Order is one that lobbies are listed in.
type Order struct {
	index    string // of DynamoDB's table, and the attribute that is its range key
	position func(l *Lobby) Position
}

// A Position is where a lobby stands in a list. It is of use for that order alone; the empty one is before all.
type Position string

// The orders. In Newest a lobby keeps its place for as long as it lives. In Fullest those with a password are left out; with
// as many free places as others, the oldest comes first.
var (
	Newest = &Order{"newest", func(l *Lobby) Position {
		return Position(fmt.Sprintf("%016d#%s", 1e16-l.CreatedAt, strings.ToLower(l.ID)))
	}}
	Fullest = &Order{"fullest", func(l *Lobby) Position {
		if l.Password != "" {
			return ""
		}
		return Position(fmt.Sprintf("%02d#%016d#%s", l.MaxPlayers-len(l.Members), l.CreatedAt, strings.ToLower(l.ID)))
	}}
	orders = []*Order{Newest, Fullest}
)

// place returns where l stands in o, or "" if it is not in that list.
func (o *Order) place(l *Lobby) Position {
	if l == nil || !l.Listed() {
		return ""
	}
	return o.position(l)
}

// A board has the lobbies of a Memory that are listed, in each game's each order.
type board struct {
	mu    sync.Mutex
	lists map[boardKey]*btree.BTreeG[posted]
}

type boardKey struct {
	game  string
	order *Order
}

// posted is a lobby on a board.
type posted struct {
	at    Position
	lobby *Lobby
}

// change takes was off the board and puts is on it, if they are listed. Either may be nil.
func (b *board) change(was, is *Lobby) {
	for _, o := range orders {
		from, to := o.place(was), o.place(is)
		if from != "" && from != to {
			b.remove(boardKey{was.Game, o}, from)
		}
		if to != "" {
			b.put(boardKey{is.Game, o}, posted{to, is})
		}
	}
}

func (b *board) put(key boardKey, p posted) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.lists[key] == nil {
		b.lists[key] = btree.NewG(32, func(a, b posted) bool { return a.at < b.at })
	}
	b.lists[key].ReplaceOrInsert(p)
}

func (b *board) remove(key boardKey, at Position) {
	b.mu.Lock()
	defer b.mu.Unlock()
	list := b.lists[key]
	if list.Delete(posted{at: at}); list.Len() == 0 {
		delete(b.lists, key)
	}
}

// copy returns the list as it is now. It costs nothing until somebody changes the list, and so keeps nobody waiting.
func (b *board) copy(key boardKey) *btree.BTreeG[posted] {
	b.mu.Lock()
	defer b.mu.Unlock()
	if list := b.lists[key]; list != nil {
		return list.Clone()
	}
	return btree.NewG(2, func(a, b posted) bool { return a.at < b.at })
}

// List implements Store.
func (m *Memory) List(ctx context.Context, game string, o *Order, after Position, n int) (page []Listing, more bool, err error) {
	if err := ctx.Err(); err != nil {
		return nil, false, err
	}
	now := m.lobbies.now()
	m.board.copy(boardKey{game, o}).AscendGreaterOrEqual(posted{at: after}, func(p posted) bool {
		if p.at == after || !now.Before(p.lobby.ExpiresAt) {
			return true
		}
		if more = len(page) == n; !more {
			page = append(page, p.lobby.listing(p.at))
		}
		return !more
	})
	return page, more, nil
}

// ListLag implements Store.
func (m *Memory) ListLag() time.Duration { return 0 }

// A shardPage is what has been read of one shard of a list.
type shardPage struct {
	listings []Listing
	last     Position // that was read
	more     bool     // behind that
}

// merge puts what the shards of a list have into its order. Of a shard that has more than it has shown, nothing is known
// behind the last that it has: what comes after the first such end is left for the next time.
func merge(shards []shardPage) (page []Listing, more bool, end Position) {
	end = "~" // after all
	for _, s := range shards {
		page = append(page, s.listings...)
		if s.more {
			more, end = true, min(end, s.last)
		}
	}
	slices.SortFunc(page, func(a, b Listing) int { return cmp.Compare(a.Position, b.Position) })
	return slices.DeleteFunc(page, func(l Listing) bool { return l.Position > end }), more, end
}
