package store

import (
	"context"
	"sync"
	"time"

	"github.com/google/btree"

	"bellhop/lobby"
)

// A lobbyIndex lists the discoverable lobbies of a Memory, for each game and
// each order.
type lobbyIndex struct {
	mu    sync.Mutex
	lists map[indexKey]*btree.BTreeG[indexed]
}

type indexKey struct {
	game  string
	order *lobby.Order
}

// An indexed lobby has its position in the order.
type indexed struct {
	at    lobby.Position
	lobby *lobby.Lobby
}

// change removes was from the index and adds is, if they are discoverable.
// Either can be nil.
func (b *lobbyIndex) change(was, is *lobby.Lobby) {
	for _, o := range lobby.Orders {
		from, to := o.PositionOf(was), o.PositionOf(is)
		if from != "" && from != to {
			b.remove(indexKey{was.Game, o}, from)
		}
		if to != "" {
			b.put(indexKey{is.Game, o}, indexed{to, is})
		}
	}
}

func (b *lobbyIndex) put(key indexKey, p indexed) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.lists[key] == nil {
		b.lists[key] = btree.NewG(32, func(a, b indexed) bool { return a.at < b.at })
	}
	b.lists[key].ReplaceOrInsert(p)
}

func (b *lobbyIndex) remove(key indexKey, at lobby.Position) {
	b.mu.Lock()
	defer b.mu.Unlock()
	list := b.lists[key]
	if list.Delete(indexed{at: at}); list.Len() == 0 {
		delete(b.lists, key)
	}
}

// copy returns the list as it is now. The copy costs nothing until the list
// changes, so readers block nobody.
func (b *lobbyIndex) copy(key indexKey) *btree.BTreeG[indexed] {
	b.mu.Lock()
	defer b.mu.Unlock()
	if list := b.lists[key]; list != nil {
		return list.Clone()
	}
	return btree.NewG(2, func(a, b indexed) bool { return a.at < b.at })
}

// List implements Store.
func (m *Memory) List(ctx context.Context, game string, o *lobby.Order, after lobby.Position, n int) (page []lobby.Listing, more bool, err error) {
	if err := ctx.Err(); err != nil {
		return nil, false, err
	}
	now := m.lobbies.now()
	m.index.copy(indexKey{game, o}).AscendGreaterOrEqual(indexed{at: after}, func(p indexed) bool {
		if p.at == after || !now.Before(p.lobby.ExpiresAt) {
			return true
		}
		if more = len(page) == n; !more {
			l := p.lobby.Listing()
			l.Position = p.at
			page = append(page, l)
		}
		return !more
	})
	return page, more, nil
}

// ListLag implements Store.
func (m *Memory) ListLag() time.Duration { return 0 }
