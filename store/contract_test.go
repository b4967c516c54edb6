package store_test

import (
	"testing"
	"time"

	"bellhop/store"
	"bellhop/store/storetest"
)

func TestMemory(t *testing.T) {
	storetest.Run(t, func(_ *testing.T, now func() time.Time) store.Store { return store.NewMemory(now) })
}
