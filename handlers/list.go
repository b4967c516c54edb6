package handlers

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"iter"

	"bellhop/events"
	"bellhop/store"
)

// listLobbies shows the lobbies of the sender's game that anybody may join.
func (h *Handler) listLobbies(ctx context.Context, req *request) error {
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
	for l, err := range h.find(ctx, req, at.Game, store.Newest, after, c.Limit+1, c.Filter) {
		if err != nil {
			return err
		}
		if len(list.Lobbies) == c.Limit || !list.Add(wireLobby(l)) {
			list.Cursor = cursor(after, at.Game)
			break
		}
		after = l.Position
	}
	return h.reply(ctx, req, list)
}

// maxListed is how much of a list is read at once: DynamoDB answers with some 1 MB at most.
const maxListed = 1000

// find returns the lobbies of game that filter picks, in an order, from after a position on. It reads n of the list at
// first. Each time that was not enough it reads four times as many, and the sender pays for that.
func (h *Handler) find(ctx context.Context, req *request, game string, o *store.Order, after store.Position, n int, filter events.Filter) iter.Seq2[store.Listing, error] {
	return func(yield func(store.Listing, error) bool) {
		for more, read := true, 0; more; n, read = min(4*n, maxListed), read+1 {
			if read > 0 {
				req.session.pay(guessCost)
			}
			var page []store.Listing
			var err error
			if page, more, err = h.Store.List(ctx, game, o, after, n); err != nil {
				yield(store.Listing{}, err)
				return
			}
			for _, l := range page {
				if filter.Matches(wireLobby(l)) && !yield(l, nil) {
					return
				}
				after = l.Position
			}
		}
	}
}

// A cursor is a position that the sender keeps for us, with a sum by which one that is of another game, of another version
// or edited is told from it. It is no secret: whoever makes one up sees what anybody may.
func cursor(at store.Position, game string) string {
	return base64.RawURLEncoding.EncodeToString(append(cursorSum(at, game), at...))
}

func positionOf(cursor, game string) (at store.Position, ok bool) {
	if cursor == "" {
		return "", true
	}
	data, err := base64.RawURLEncoding.Strict().DecodeString(cursor)
	if err != nil || len(data) <= cursorSumLen {
		return "", false
	}
	at = store.Position(data[cursorSumLen:])
	return at, string(cursorSum(at, game)) == string(data[:cursorSumLen])
}

const cursorSumLen = 6

func cursorSum(at store.Position, game string) []byte {
	sum := sha256.Sum256([]byte("1#" + game + "#" + string(at))) // 1 is the version
	return sum[:cursorSumLen]
}
