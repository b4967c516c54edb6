package store

import "time"

// AllAlike has everybody wait alike before a write is tried again, until the function that it returns is called.
func AllAlike() (restore func()) {
	was, alike := joining, otherwise
	joining = backoff{2 * time.Millisecond, 64 * time.Millisecond, false} // as it was before the host went first
	otherwise = joining
	return func() { joining, otherwise = was, alike }
}
