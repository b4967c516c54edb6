package lambda

import (
	"bytes"
	"io"
	"strings"
	"sync"
)

// maxLine is the longest part of a line, in bytes, that is written in one
// piece.
const maxLine = 64 << 10

// lines passes on the output of a process in whole lines, so that the lines of
// several processes do not mix.
type lines struct {
	to     io.Writer
	mu     *sync.Mutex // of to
	prefix string
	rest   []byte // an unfinished line
	last   string // the last line that was not blank
}

// Write implements io.Writer. It never fails: a process must not suffer because
// its output cannot be written.
func (l *lines) Write(b []byte) (int, error) {
	l.rest = append(l.rest, b...)
	for {
		end := bytes.IndexByte(l.rest, '\n') + 1
		if end == 0 && len(l.rest) >= maxLine {
			end = maxLine
		}
		if end == 0 {
			return len(b), nil
		}
		l.show(l.rest[:end])
		l.rest = l.rest[:copy(l.rest, l.rest[end:])]
	}
}

// flush writes the unfinished line.
func (l *lines) flush() {
	if len(l.rest) > 0 {
		l.show(l.rest)
		l.rest = nil
	}
}

func (l *lines) show(line []byte) {
	text := strings.TrimRight(string(line), "\r\n")
	if strings.TrimSpace(text) != "" {
		l.last = shorten(text, 300)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	io.WriteString(l.to, l.prefix+text+"\n")
}
