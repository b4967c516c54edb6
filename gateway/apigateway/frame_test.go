package apigateway

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// frame returns a client's frame, masked. first is the final bit and the opcode.
func frame(first byte, payload string) []byte {
	b := appendFrame(nil, first, []byte(payload))
	size := len(b) - len(payload)
	mask := [4]byte{1, 2, 3, 4}
	b[1] |= 0x80
	masked := append(append(append([]byte{}, b[:size]...), mask[:]...), payload...)
	unmask(masked[size+4:], mask, 0)
	return masked
}

// header returns a client's frame header that claims a length, in the form with two or eight bytes of it.
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

// decodings are what clients may send, and what becomes of it.
var decodings = []struct {
	name string
	sent []byte
	want []string // messages and control frames
	end  *ending
}{
	{"a message", frame(text, "hello"), []string{"1 hello"}, nil},
	{"an empty message", frame(text, ""), []string{"1 "}, nil},
	{"two messages", join(frame(text, "a"), frame(text, "b")), []string{"1 a", "1 b"}, nil},
	{"three lengths", join(frame(text, big[:125]), frame(text, big[:126]), frame(text, big)), []string{"1 " + big[:125], "1 " + big[:126], "1 " + big}, nil},
	{"fragments", join(frame(moreText, "he"), frame(more, ""), frame(more, "l"), frame(final, "lo")), []string{"1 hello"}, nil},
	{"fragments without content", join(frame(moreText, ""), frame(final, "")), []string{"1 "}, nil},
	{"control frames between fragments", join(frame(moreText, "a"), frame(ping, "p"), frame(final, "b")), []string{"9 p", "1 ab"}, nil},
	{"a message of 128 KiB", join(frame(moreText, big), frame(more, big), frame(more, big), frame(final, big)), []string{"1 " + big + big + big + big}, nil},
	{"a close frame", frame(closing, "\x03\xe8bye"), []string{"8 \x03\xe8bye"}, nil},
	{"text that is not UTF-8", frame(text, "\xff"), []string{"1 \xff"}, nil},
	{"a frame over 32 KiB", frame(text, big+"x"), nil, endLongFrame},
	{"a frame that claims 2^63 bytes", header(text, 127, 1<<63), nil, endLength},
	{"a frame that claims 2^63 - 1 bytes", header(text, 127, 1<<63-1), nil, endLongFrame},
	{"a message over 128 KiB", join(frame(moreText, big), frame(more, big), frame(more, big), frame(more, big), frame(final, "x")), nil, endLongMessage},
	{"a binary message", frame(0x80|opBinary, "x"), nil, endBinary},
	{"a message that begins as binary", frame(opBinary, "x"), nil, endBinary},
	{"reserved bit 1, as compression sets it", frame(0x40|text, "x"), nil, endReserved},
	{"reserved bit 3", frame(0x10|text, "x"), nil, endReserved},
	{"opcode 3", frame(0x83, ""), nil, endOpcode},
	{"opcode 11", frame(0x8B, ""), nil, endOpcode},
	{"no mask", appendFrame(nil, text, []byte("x")), nil, endUnmasked},
	{"a ping of 126 bytes", frame(ping, big[:126]), nil, endControl},
	{"a ping in fragments", frame(opPing, "x"), nil, endControl},
	{"125 bytes in the form for more", header(text, 126, 125), nil, endLength},
	{"65535 bytes in the form for more", header(text, 127, 65535), nil, endLength},
	{"a continuation of nothing", frame(final, "x"), nil, endContinuation},
	{"a continuation of what is whole", join(frame(text, "a"), frame(final, "b")), []string{"1 a"}, endContinuation},
	{"a message within a message", join(frame(moreText, "a"), frame(text, "b")), nil, endInterleaved},
}

// decode feeds a decoder with data in chunks whose sizes are taken from sizes in turn.
func decode(data []byte, sizes []byte) (got []string, end *ending) {
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

// TestDecoder: every rule of RFC 6455 about frames, and both limits, however the bytes are cut.
func TestDecoder(t *testing.T) {
	for _, test := range decodings {
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

// TestReadClose: what a client may say as it closes.
func TestReadClose(t *testing.T) {
	for _, test := range []struct {
		payload string
		want    ending
		wrong   *ending
	}{
		{"", ending{1005, "Client-side close frame status not set", true}, nil},
		{"\x03\xe8", ending{1000, "", true}, nil},
		{"\x03\xe9gone", ending{1001, "gone", true}, nil},
		{"\x0f\xa0own", ending{4000, "own", true}, nil},
		{"\x03", ending{}, endCloseCode},
		{"\x03\xed", ending{1005, "", true}, endCloseCode},
		{"\x03\xee", ending{1006, "", true}, endCloseCode},
		{"\x00\x01", ending{1, "", true}, endCloseCode},
		{"\x13\x88", ending{5000, "", true}, endCloseCode},
		{"\x03\xe8\xff", ending{1000, "\xff", true}, endReason},
	} {
		got, wrong := readClose([]byte(test.payload))
		if got != test.want || wrong != test.wrong {
			t.Errorf("readClose(%q) = %v, %v; want %v, %v", test.payload, got, wrong, test.want, test.wrong)
		}
	}
}

// FuzzDecoder: however bytes are cut, the decoder makes the same of them, and no message is over the limit.
func FuzzDecoder(f *testing.F) {
	for _, test := range decodings {
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

// FuzzUnmask: a mask is applied the same way at any offset and length.
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
