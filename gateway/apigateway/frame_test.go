package apigateway

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// frame returns a client's frame, masked. first is the final bit and the
// opcode.
func frame(first byte, payload string) []byte {
	b := appendFrame(nil, first, []byte(payload))
	size := len(b) - len(payload)
	mask := [4]byte{1, 2, 3, 4}
	b[1] |= 0x80
	masked := append(append(append([]byte{}, b[:size]...), mask[:]...), payload...)
	unmask(masked[size+4:], mask, 0)
	return masked
}

// header returns a client's frame header with a claimed length, in its form of
// two or eight bytes.
func header(first byte, form byte, length uint64) []byte {
	b := []byte{first, 0x80 | form}
	if form == 126 {
		b = binary.BigEndian.AppendUint16(b, uint16(length))
	} else {
		b = binary.BigEndian.AppendUint64(b, length)
	}
	return append(b, 1, 2, 3, 4)
}

func join(frames ...[]byte) []byte { return bytes.Join(frames, nil) }

const (
	text     = 0x80 | opText
	moreText = opText // without the final bit
	more     = opContinuation
	final    = 0x80 | opContinuation
	ping     = 0x80 | opPing
	closing  = 0x80 | opClose
)

var big = strings.Repeat("x", MaxFrame)

// decode passes data to a decoder in chunks, whose sizes are taken from sizes
// in turn.
func decode(data []byte, sizes []byte) (got []string, end *closeStatus) {
	var d decoder
	data = bytes.Clone(data)
	for i := 0; len(data) > 0; i++ {
		n := len(data)
		if len(sizes) > 0 {
			n = min(n, 1+int(sizes[i%len(sizes)]))
		}
		chunk := data[:n]
		for data = data[n:]; len(chunk) > 0; {
			var opcode byte
			var payload []byte
			if opcode, payload, chunk, end = d.next(chunk); end != nil {
				return got, end
			}
			if opcode != 0 {
				got = append(got, fmt.Sprintf("%d %s", opcode, payload))
			}
		}
	}
	return got, nil
}

// TestDecoder checks every rule of RFC 6455 for frames, and both limits,
// however the bytes are cut.
func TestDecoder(t *testing.T) {
	for _, test := range rfc6455() {
		t.Run(test.name, func(t *testing.T) {
			for _, sizes := range [][]byte{nil, {0}, {1}, {2}, {6}, {0, 4, 1}, {255}} {
				got, end := decode(test.sent, sizes)
				if diff := cmp.Diff(test.want, got); diff != "" || end != test.end {
					t.Fatalf("cut by %v: ended with %v, want %v; messages (-want +got):\n%.500s", sizes, end, test.end, diff)
				}
			}
		})
	}
}

// FuzzDecoder checks that the decoder returns the same messages however bytes
// are cut, and none over the limit.
func FuzzDecoder(f *testing.F) {
	for _, test := range rfc6455() {
		if len(test.sent) < 1000 {
			f.Add(test.sent, []byte{1, 5})
		}
	}
	f.Fuzz(func(t *testing.T, data, sizes []byte) {
		whole, end := decode(data, nil)
		cut, cutEnd := decode(data, sizes)
		if diff := cmp.Diff(whole, cut); diff != "" || end != cutEnd {
			t.Fatalf("uncut it ended with %v, cut with %v (-uncut +cut):\n%s", end, cutEnd, diff)
		}
		for _, m := range whole {
			if len(m) > MaxMessage+2 {
				t.Fatalf("a message of %d bytes came through", len(m)-2)
			}
		}
	})
}

// FuzzUnmask checks that a mask is applied the same way at any offset and
// length.
func FuzzUnmask(f *testing.F) {
	f.Add([]byte(big[:70]), uint32(0x01020304), 3)
	f.Fuzz(func(t *testing.T, data []byte, key uint32, offset int) {
		offset &= 0xFFFF
		mask := [4]byte(binary.LittleEndian.AppendUint32(nil, key))
		got := bytes.Clone(data)
		unmask(got, mask, offset)
		for i := range data {
			if got[i] != data[i]^mask[(offset+i)%4] {
				t.Fatalf("byte %d of %d is wrong at offset %d", i, len(data), offset)
			}
		}
	})
}
