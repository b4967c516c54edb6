package handlers

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"sync"

	"bellhop/events"
	"bellhop/store"
)

// A letter is an event for one connection.
type letter struct {
	to        string
	original  bool // speaks the original dialect
	event     events.Event
	requestID string // of the action that the event answers
	last      bool   // the connection is closed after it
}

// tell posts l. An event that the original dialect does not have is not sent to who speaks that.
func (h *Handler) tell(ctx context.Context, l letter) error {
	if l.original {
		if l.event = events.Original(l.event); l.event == nil {
			return nil
		}
	}
	data, err := events.Append(nil, l.event, l.requestID)
	if err != nil {
		return err
	}
	return h.Poster.Post(ctx, l.to, data)
}

// reply answers the sender, whose action has been done.
func (h *Handler) reply(ctx context.Context, req *request, e events.Event) error {
	ctx, cancel := lastTime(ctx)
	defer cancel()
	c, _, err := h.connection(ctx, req)
	if err != nil {
		return err
	}
	return h.say(ctx, req, c, e)
}

// say answers the sender, who is c. One that is gone meanwhile is cleared up after. One that cannot be told misses the
// answer, and would miss an error as well.
func (h *Handler) say(ctx context.Context, req *request, c store.Connection, e events.Event) error {
	answer := letter{to: req.conn, original: c.Original, event: e, requestID: req.RequestID}
	err := h.tell(ctx, answer)
	if !errors.Is(err, ErrGone) {
		h.logUndelivered(ctx, answer, err)
		return nil
	}
	if c.Pointer.LobbyID != "" { // $disconnect may have been handled before the sender came into the lobby
		if _, err := h.drop(ctx, c.Key(), req.conn); err != nil {
			return err
		}
	}
	return h.gone(ctx, req.conn)
}

// done answers an action that has no event of its own, if the sender has asked for an answer: it saves a billed message.
func (h *Handler) done(ctx context.Context, req *request, e events.Done) error {
	if req.RequestID == "" {
		return nil
	}
	return h.reply(ctx, req, e)
}

// read returns the lobby as it is now, after those who were away for too long have lost their places; or
// store.ErrNotFound.
func (h *Handler) read(ctx context.Context, key store.Key) (*store.Lobby, error) {
	l, err := h.Store.Lobby(ctx, key)
	if err != nil || !l.Due(h.Now()) {
		return l, err
	}
	return h.update(ctx, nil, key, func(*store.Lobby) error { return nil })
}

// updateOwn is update for the lobby that the sender is in, or waits for. It returns store.ErrNotIn if there is none.
func (h *Handler) updateOwn(ctx context.Context, req *request, rule func(*store.Lobby) error) (l *store.Lobby, err error) {
	err = h.inLobby(ctx, req, func(key store.Key) error {
		l, err = h.update(ctx, req, key, func(l *store.Lobby) error {
			if !l.Lists(req.conn) {
				return store.ErrNotIn
			}
			return rule(l)
		})
		if errors.Is(err, store.ErrNotFound) {
			return store.ErrNotIn
		}
		return err
	})
	return l, err
}

// update applies rule to the lobby and tells everybody concerned what has changed. Places held for too long are given up
// first; a lobby that ends by that is store.ErrNotFound. req is the action that asks for it, nil if it is none that hears
// of the change.
func (h *Handler) update(ctx context.Context, req *request, key store.Key, rule func(*store.Lobby) error) (*store.Lobby, error) {
	return h.updateSeen(ctx, req, key, nil, rule)
}

// updateSeen is update, for who has read the lobby a moment ago: seen, or nil.
func (h *Handler) updateSeen(ctx context.Context, req *request, key store.Key, seen *store.Lobby, rule func(*store.Lobby) error) (*store.Lobby, error) {
	l, lapsed, err := h.apply(ctx, key, seen, rule)
	if l != nil {
		h.announce(ctx, req, l, lapsed)
	}
	return l, err
}

// apply is updateSeen, and leaves it to the caller to announce what has changed: lapsed of the changes are not the rule's. It
// returns the lobby also when that has ended.
func (h *Handler) apply(ctx context.Context, key store.Key, seen *store.Lobby, rule func(*store.Lobby) error) (l *store.Lobby, lapsed int, err error) {
	now := h.Now()
	var no error // what the rule said, if not yes
	l, err = store.UpdateLobby(ctx, parting{h.Store, h}, key, seen, func(l *store.Lobby) error {
		l.Lapse(now)
		if lapsed, no = len(l.Changes), store.ErrNotFound; !l.Closed {
			no = rule(l)
		}
		if l.ExpiresAt = l.Lasts(now); lapsed > 0 {
			return nil // that somebody's time is over is written whatever the rule says
		}
		return no
	})
	return l, lapsed, cmp.Or(err, no)
}

// announce tells those concerned what has changed in l. What changed first, lapsed of the changes, is not req's doing and so
// no answer to it.
func (h *Handler) announce(ctx context.Context, req *request, l *store.Lobby, lapsed int) {
	h.dropAll(ctx, l.Key(), h.tellChanges(ctx, req, l, lapsed))
}

// dropAll drops those who turned out to be gone.
func (h *Handler) dropAll(ctx context.Context, key store.Key, gone []string) {
	for _, conn := range gone {
		if _, err := h.drop(ctx, key, conn); err != nil {
			h.logFault(ctx, conn, "", "announce", err)
		}
	}
}

// tellChanges is announce, and returns who turned out to be gone.
func (h *Handler) tellChanges(ctx context.Context, req *request, l *store.Lobby, lapsed int) (gone []string) {
	var letters []letter
	for i, c := range l.Changes {
		for _, letter := range lettersFor(l, c) {
			isAnswer := c.Kind == store.Closed || c.Kind == store.Updated
			if req != nil && letter.to == req.conn && i >= lapsed && isAnswer {
				letter.requestID = req.RequestID
			}
			letters = append(letters, letter)
		}
	}
	return h.deliver(ctx, letters)
}

// lettersFor is who hears what: docs/protocol.md has it as a table.
func lettersFor(l *store.Lobby, c store.Change) (letters []letter) {
	var e events.Event
	switch c.Kind {
	case store.Asked:
		e = requestToJoin(c.Requests[0])
	case store.Removed:
		e = events.Removed{LobbyID: l.ID, Reason: cmp.Or(c.Reason, "The host removed you.")}
	case store.Resumed:
		e = events.PeerResumed{ConnectionID: c.Conn, NewConnectionID: c.New, PeerID: c.PeerID}
	case store.Replaced:
		e = events.Replaced{}
	case store.HostChanged:
		e = events.HostChanged{HostConnectionID: c.Conn, PeerID: c.PeerID, Term: c.Term}
	case store.Updated:
		e = events.LobbyUpdated{Lobby: wireLobby(l.Listing())}
	case store.Left:
		e = events.PeerLeft{ConnectionID: c.Conn, PeerID: c.PeerID, Reason: c.Reason}
	case store.Disconnected:
		e = events.PeerDisconnected{ConnectionID: c.Conn, PeerID: c.PeerID, ResumeUntil: events.TimeOf(c.Until)}
	case store.Cancelled:
		e = events.RequestCancelled{ConnectionID: c.Conn}
	case store.Closed:
		e = events.LobbyClosed{LobbyID: l.ID, Reason: c.Reason}
	}
	for _, m := range c.To {
		if !m.Away() {
			letters = append(letters, letter{to: m.Conn, original: m.Original, event: e, last: c.Kind == store.Replaced})
		}
	}
	for _, r := range c.Requests {
		switch c.Kind {
		case store.HostChanged:
			letters = append(letters, letter{to: c.Conn, event: requestToJoin(r)})
		case store.Closed:
			letters = append(letters, closedLetter(l, r))
		case store.HostAway:
			letters = append(letters, rejectedLetter(l, r, events.HostUnavailable, hostIsAway))
		}
	}
	return letters
}

func closedLetter(l *store.Lobby, r store.Request) letter {
	return rejectedLetter(l, r, events.LobbyClosedCode, "The lobby has closed.")
}

func rejectedLetter(l *store.Lobby, r store.Request, code events.Code, reason string) letter {
	return letter{to: r.Conn, original: r.Original, requestID: r.RequestID, event: events.RequestRejected{
		LobbyID: l.ID, Code: code, Reason: reason,
	}}
}

// deliver posts letters, all at the same time but those to one connection, which keep their order. It returns those whose
// connection is gone. What else fails is logged: the action itself has been done.
func (h *Handler) deliver(ctx context.Context, letters []letter) (gone []string) {
	var mu sync.Mutex
	var posts []func()
	for _, to := range byRecipient(letters) {
		posts = append(posts, func() {
			if err := h.tellAll(ctx, to); errors.Is(err, ErrGone) {
				mu.Lock()
				defer mu.Unlock()
				gone = append(gone, to[0].to)
			}
		})
	}
	h.atOnce(ctx, posts)
	return gone
}

// atOnce calls all at the same time, and returns when all have returned.
func (h *Handler) atOnce(ctx context.Context, all []func()) {
	var wg sync.WaitGroup
	for _, f := range all {
		wg.Go(func() {
			defer h.contain(ctx)
			f()
		})
	}
	wg.Wait()
}

func byRecipient(letters []letter) (groups [][]letter) {
	at := map[string]int{}
	for _, l := range letters {
		i, ok := at[l.to]
		if !ok {
			i = len(groups)
			at[l.to], groups = i, append(groups, nil)
		}
		groups[i] = append(groups[i], l)
	}
	return groups
}

// tellAll posts letters to one connection, one after the other. It returns ErrGone, and logs what else goes wrong.
func (h *Handler) tellAll(ctx context.Context, letters []letter) error {
	for _, l := range letters {
		err := h.tell(ctx, l)
		if errors.Is(err, ErrGone) {
			return err
		}
		h.logUndelivered(ctx, l, err)
		if l.last {
			h.logUndelivered(ctx, l, h.Poster.Hangup(ctx, l.to))
		}
	}
	return nil
}

// logUndelivered logs what kept l from its receiver. A receiver that does not read is logged once: it must not fill a log.
func (h *Handler) logUndelivered(ctx context.Context, l letter, err error) {
	if err == nil || errors.Is(err, ErrGone) || errors.Is(err, ErrBusy) && h.sessions.of(l.to).wasBusy() {
		return
	}
	h.Log.LogAttrs(ctx, slog.LevelWarn, "event not delivered", slog.String("connection_id", l.to),
		slog.String("event", l.event.EventName()), slog.Any("error", err))
}
