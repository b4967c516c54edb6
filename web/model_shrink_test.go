package web_test

import "slices"

// shrinkTries is how many sequences are played at most to make one that fails shorter.
const shrinkTries = 24

// shrink returns a shorter sequence that fails as well, found by leaving out steps, more at once first, or f itself. What
// fails by chance, now and then, stays as it is.
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
