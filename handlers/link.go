package handlers

import (
	"context"
	"hash/maphash"
	"slices"
	"sync"

	"bellhop/events"
	"bellhop/handlers/metrics"
)

// reportLink takes a client's word for what became of a link. It reads nothing:
// nobody could check the outcome, and the lobby might be gone by now.
func (h *Handler) reportLink(ctx context.Context, req *action) error {
	var c events.ReportLink
	if err := req.Content.Read(&c); err != nil {
		return err
	}
	if req.client.reported.add(c.ConnectionID) {
		h.Metrics.Count(metrics.Links, c.Outcome)
		if c.MS >= 0 && c.Outcome != "failed" {
			h.Metrics.Time(metrics.LinkOpen, int64(c.MS))
		}
	}
	return h.done(ctx, req, events.Done{})
}

// maxReported is how many links of a client are remembered as reported: those
// of the largest mesh.
const maxReported = 64

// reported are the peers about whose links a client has reported.
type reported struct {
	mu    sync.Mutex
	peers []uint64 // hashes, the oldest first
}

var reportSeed = maphash.MakeSeed()

// add reports whether conn is new.
func (r *reported) add(conn string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	peer := maphash.String(reportSeed, conn)
	if slices.Contains(r.peers, peer) {
		return false
	}
	if len(r.peers) == maxReported {
		r.peers = slices.Delete(r.peers, 0, 1)
	}
	r.peers = append(r.peers, peer)
	return true
}
