package store

import (
	"context"
	"sync"
	"time"

	"github.com/google/btree"
)

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
