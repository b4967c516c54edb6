package store

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"bellhop/lobby"
)

// stateVersion is the version of a saved Memory. It grows when an earlier
// version of this package could not read the result, or would lose part of it.
const stateVersion = 1

// A stateHeader is the first line of a saved Memory. Each further line is a
// lobby.
type stateHeader struct {
	Version int       `json:"bellhop_state"`
	Written time.Time `json:"written"`
	SHA256  string    `json:"sha256"` // of the further lines
}

// Errors of Load, besides those of encoding/json.
var (
	errNewerState = errors.New("a newer version of Bellhop has written it")
	errStateSum   = errors.New("it is incomplete, or was changed: its checksum is wrong")
	errStateLobby = errors.New("it has a lobby that no Bellhop could have written")
)

// Save returns the lobbies of m, and how many there are, for Load in a later
// process. No connection survives this one: each connected member becomes away,
// and its slot is kept for grace.
func (m *Memory) Save(grace time.Duration) (data []byte, n int, err error) {
	now := m.lobbies.now().UTC()
	var all []*lobby.Lobby
	for l := range m.Lobbies() {
		if c := l.Clone(); parted(&c, now, grace) {
			all = append(all, &c)
		}
	}
	slices.SortFunc(all, func(a, b *lobby.Lobby) int { return cmp.Compare(a.Key(), b.Key()) })
	var lines bytes.Buffer
	encoder := json.NewEncoder(&lines)
	for _, l := range all {
		if err := encoder.Encode(l); err != nil {
			return nil, 0, err
		}
	}
	header, err := json.Marshal(stateHeader{stateVersion, now, sumOf(lines.Bytes())})
	return slices.Concat(header, []byte("\n"), lines.Bytes()), len(all), err
}

// parted disconnects everybody from l. It reports whether l remains.
func parted(l *lobby.Lobby, now time.Time, grace time.Duration) bool {
	for _, r := range slices.Clone(l.Waiting) {
		_ = l.Disconnect(r.Conn, now)
	}
	for _, m := range slices.Clone(l.Members) {
		_ = l.Disconnect(m.Conn, now.Add(grace))
	}
	l.ExpiresAt = l.Lasts(now).UTC()
	return !l.Closed
}

func sumOf(lines []byte) string {
	sum := sha256.Sum256(lines)
	return hex.EncodeToString(sum[:])
}

// Load adds the lobbies that Save returned in an earlier process to an empty m,
// and returns how many there are and when they were saved. The time since then
// does not count: each grace ends later by it. If data cannot be used, Load
// returns an error that begins with "it", and changes nothing.
func (m *Memory) Load(data []byte) (n int, saved time.Time, err error) {
	all, saved, err := parseState(data)
	if err != nil {
		return 0, saved, err
	}
	since := m.lobbies.now().Sub(saved)
	for _, l := range all {
		for i := range l.Members {
			l.Members[i].AwayUntil = l.Members[i].AwayUntil.Add(since)
		}
		l.ExpiresAt = l.ExpiresAt.Add(since)
		_ = m.lobbies.update(context.Background(), l.Key(), func(*lobby.Lobby, bool) (*lobby.Lobby, bool, error) {
			return l, true, nil
		})
	}
	return len(all), saved, nil
}

func parseState(data []byte) (all []*lobby.Lobby, saved time.Time, err error) {
	first, lines, _ := bytes.Cut(data, []byte("\n"))
	var h stateHeader
	if err := json.Unmarshal(first, &h); err != nil || h.Version < 1 {
		return nil, saved, errors.New("it is not a state file of Bellhop, or lacks its beginning")
	}
	switch {
	case h.Version > stateVersion:
		return nil, saved, errNewerState
	case h.SHA256 != sumOf(lines):
		return nil, saved, errStateSum
	}
	decoder, keys := json.NewDecoder(bytes.NewReader(lines)), map[lobby.Key]bool{}
	decoder.DisallowUnknownFields()
	for {
		l := new(lobby.Lobby)
		switch err := decoder.Decode(l); {
		case errors.Is(err, io.EOF):
			return all, h.Written, nil
		case err != nil:
			return nil, saved, fmt.Errorf("it has a lobby that cannot be read: %w", err)
		case !isParted(l) || keys[l.Key()]:
			return nil, saved, errStateLobby
		}
		all, keys[l.Key()] = append(all, l), true
	}
}

// isParted reports whether l is as parted leaves a lobby.
func isParted(l *lobby.Lobby) bool {
	connected := func(m lobby.Member) bool { return !m.Away() || m.Original || m.Conn == "" }
	return !l.Closed && l.Host().Conn != "" && len(l.Waiting) == 0 && !slices.ContainsFunc(l.Members, connected)
}
