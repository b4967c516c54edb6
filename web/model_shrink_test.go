package web_test

import "slices"

// shrinkTries limits the sequences that are played to make a failing one
// shorter.
const shrinkTries = 24

// shrink returns a shorter sequence that fails as well, or f itself. It leaves
// out steps, first many together, then fewer. A sequence that only fails now
// and then stays as it is.
func shrink(f failure, play func(sequence) *failure) failure {
	tries := 0
	for size := len(f.steps) / 2; size > 0; size /= 2 {
		for from := 0; from+size <= len(f.steps) && tries < shrinkTries; tries++ {
			shorter := f.sequence
			shorter.steps = slices.Delete(slices.Clone(f.steps), from, from+size)
			if failed := play(shorter); failed != nil {
				f = *failed
			} else {
				from += size
			}
		}
	}
	return f
}
