package events

import (
	"strings"
	"testing"
)

// BenchmarkRelay takes a description of 1500 bytes through this package: it is
// decoded, checked, and written as the event for the peer.
func BenchmarkRelay(b *testing.B) {
	text := `{"action":"set_session_description","content":{"connection_id":"aB3dE5gH7jKCmN0=","session_type":"offer","sdp":"` +
		strings.Repeat(`a=candidate:1 1 udp 1 192.0.2.1 1 typ host\r\n`, 1500/46) + `"}}`
	var m Message
	var event []byte
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		var c SessionDescription
		if err := m.Decode(text); err != nil {
			b.Fatal(err)
		}
		if err := m.Content.Read(&c); err != nil {
			b.Fatal(err)
		}
		event = c.AppendEvent(event[:0], Sender{"sender", 2}, false)
	}
}
