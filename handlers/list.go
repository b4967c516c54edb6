package handlers

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"iter"

	"bellhop/events"
	"bellhop/lobby"
	"bellhop/store"
)

// listLobbies lists the lobbies of the sender's game that anybody can join.
func (h *Handler) listLobbies(ctx context.Context, req *action) error {
	var c events.ListLobbies
	if err := req.Content.Read(&c); err != nil {
		return err
	}
	at, _, err := h.connection(ctx, req)
	if err != nil {
		return err
	}
	after, ok := positionOf(c.Cursor, at.Game)
	if !ok {
		return &events.Error{Code: events.InvalidField, Field: "cursor", Message: "Leave \"cursor\" out to start the list anew; this one is of another."}
	}
	list := events.LobbyList{Lobbies: []json.RawMessage{}}
	s := search{game: at.Game, order: lobby.Newest, after: after, filter: c.Filter, first: c.Limit + 1, reads: listReads}
	for l, err := range h.find(ctx, req, &s) {
		if err != nil {
			return err
		}
		if len(list.Lobbies) == c.Limit || !list.Add(wireListing(l)) {
			s.after, s.more = after, true
			break
		}
		after = l.Position
	}
	if s.more {
		list.Cursor = cursor(s.after, at.Game)
	}
	return h.reply(ctx, req, list)
}

// How often one action reads a list. A client can go on from a cursor, and
// pays for that.
const (
	listReads  = 2
	quickReads = 4
)

// maxListed limits one read of a list: DynamoDB returns about 1 MB at most.
const maxListed = 1000

// A search reads the list of a game in an order.
type search struct {
	game   string
	order  *lobby.Order
	filter events.Filter
	first  int            // how many lobbies it reads first
	reads  int            // how often it reads at most
	after  lobby.Position // what has been read, or skipped
	more   bool           // there are others after that
}

// find returns the lobbies that the filter of s selects, from s.after on. Each
// time that what it has read is not enough, it reads four times as many, and
// the sender pays for that.
func (h *Handler) find(ctx context.Context, req *action, s *search) iter.Seq2[lobby.Listing, error] {
	return func(yield func(lobby.Listing, error) bool) {
		s.more = true
		for read, n := 0, s.first; s.more && read < s.reads; read, n = read+1, min(4*n, maxListed) {
			if read > 0 {
				req.pay(guessCost)
			}
			var page []lobby.Listing
			var err error
			if page, s.more, err = h.Store.List(ctx, s.game, s.order, s.after, n); err != nil {
				yield(lobby.Listing{}, err)
				return
			}
			for _, l := range page {
				if s.filter.Matches(wireListing(l)) && !yield(l, nil) {
					return
				}
				s.after = l.Position
			}
		}
	}
}

// cursor encodes a position for the client to keep, with a checksum that
// detects another game, another version, or edits. It is no secret: a made-up
// cursor shows nothing that is not public.
func cursor(at lobby.Position, game string) string {
	return base64.RawURLEncoding.EncodeToString(append(cursorSum(at, game), at...))
}

func positionOf(cursor, game string) (at lobby.Position, ok bool) {
	if cursor == "" {
		return "", true
	}
	data, err := base64.RawURLEncoding.Strict().DecodeString(cursor)
	if err != nil || len(data) <= cursorSumLen {
		return "", false
	}
	at = lobby.Position(data[cursorSumLen:])
	return at, string(cursorSum(at, game)) == string(data[:cursorSumLen])
}

const cursorSumLen = 6

func cursorSum(at lobby.Position, game string) []byte {
	sum := sha256.Sum256([]byte("1#" + game + "#" + string(at))) // 1 is the version
	return sum[:cursorSumLen]
}

// getLobby shows the sender a lobby by its id, public or not.
func (h *Handler) getLobby(ctx context.Context, req *action) error {
	var c events.GetLobby
	if err := req.Content.Read(&c); err != nil {
		return err
	}
	at, _, err := h.connection(ctx, req)
	if err != nil {
		return err
	}
	l, err := h.read(ctx, lobby.KeyOf(at.Game, c.LobbyID))
	if errors.Is(err, store.ErrNotFound) {
		return h.guessed(req, err)
	}
	if err != nil {
		return err
	}
	shown := wireLobby(l)
	shown.HostAway = l.Host().Away()
	return h.reply(ctx, req, events.LobbyInfo{Lobby: shown})
}
