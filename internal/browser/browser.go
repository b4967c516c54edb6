// Package browser starts Chromium for tests.
package browser

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"sync"

	"github.com/chromedp/chromedp"
)

// ErrMissing means that there is no Chromium.
var ErrMissing = errors.New("no Chromium: run `make tools`, or install one")

// A Chromium is a browser without a window. It starts when a test first wants
// it, since that takes a second.
type Chromium struct {
	// Options are added to those that all tests need.
	Options []chromedp.ExecAllocatorOption

	once   sync.Once
	ctx    context.Context
	stop   context.CancelFunc
	folder string
	err    error
}

// Start starts the browser, once, and returns its context.
func (c *Chromium) Start() (context.Context, error) {
	c.once.Do(c.start)
	return c.ctx, c.err
}

func (c *Chromium) start() {
	var program string
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			program = path
			break
		}
	}
	if program == "" {
		c.err = ErrMissing
		return
	}
	if c.folder, c.err = os.MkdirTemp("", "bellhop-browser-"); c.err != nil {
		return
	}
	options := append([]chromedp.ExecAllocatorOption{
		chromedp.ExecPath(program), chromedp.UserDataDir(c.folder), chromedp.Headless, chromedp.NoSandbox,
		chromedp.NoFirstRun, chromedp.Env("TMPDIR=" + c.folder),
		// Names of hosts by mDNS would hide the addresses that peers need.
		chromedp.Flag("disable-features", "WebRtcHideLocalIpsWithMdns"),
	}, Flags("disable-quic", "disable-background-networking", "disable-component-update", "disable-sync",
		"disable-background-timer-throttling", "disable-backgrounding-occluded-windows", "disable-renderer-backgrounding")...)
	allocator, stop := chromedp.NewExecAllocator(context.Background(), append(options, c.Options...)...)
	c.ctx, _ = chromedp.NewContext(allocator)
	c.stop, c.err = stop, chromedp.Do(c.ctx)
}

// Stop ends the browser, if it was started, and waits for its end.
func (c *Chromium) Stop() {
	if c.stop != nil {
		chromedp.Cancel(c.ctx)
		c.stop()
	}
	os.RemoveAll(c.folder)
}

// Flags returns command-line flags without values.
func Flags(names ...string) (all []chromedp.ExecAllocatorOption) {
	for _, name := range names {
		all = append(all, chromedp.Flag(name, true))
	}
	return all
}
