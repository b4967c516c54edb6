package store

import "time"

// AllAlike makes all writers wait alike before they retry, until the returned
// function is called.
func AllAlike() (restore func()) {
	was, alike := joining, otherwise
	joining = backoff{2 * time.Millisecond, 64 * time.Millisecond, false} // as before the host had priority
	otherwise = joining
	return func() { joining, otherwise = was, alike }
}
