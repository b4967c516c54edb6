// Package sharded splits data that many goroutines use into 64 parts, so that
// they seldom wait for each other. A part is a struct of the caller's, with a
// lock and a map. Of finds the part that a key belongs to:
//
//	var counts sharded.Parts[struct {
//		sync.Mutex
//		of map[string]int
//	}]
//	part := counts.Of("fox")
//	part.Lock()
//	defer part.Unlock()
package sharded

import (
	"hash/maphash"
	"iter"
)

var seed = maphash.MakeSeed()

// N is the number of parts.
const N = 64

// Parts are N values of T. The zero value is ready for use.
type Parts[T any] struct{ parts [N]T }

// Of returns the part of a key. It is the same one each time.
func (p *Parts[T]) Of(key string) *T {
	return &p.parts[maphash.String(seed, key)%N]
}

// All yields every part.
func (p *Parts[T]) All() iter.Seq[*T] {
	return func(yield func(*T) bool) {
		for i := range p.parts {
			if !yield(&p.parts[i]) {
				return
			}
		}
	}
}
