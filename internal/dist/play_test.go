//go:build unix

package main

import (
	"errors"
	"fmt"
	"os"
	"testing"

	"github.com/chromedp/chromedp"

	"bellhop/internal/browser"
)

// play lets two players meet on the page at an address, in a browser.
func play(t *testing.T, address string) {
	t.Helper()
	chromium := browser.Chromium{Options: []chromedp.ExecAllocatorOption{chromedp.DisableGPU}}
	ctx, err := chromium.Start()
	if errors.Is(err, browser.ErrMissing) && os.Getenv("CI") != "true" {
		t.Logf("NOT TESTED: a game on the page: %v", err)
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	defer chromium.Stop()
	open := func() (run func(script string) string) {
		tab, _ := chromedp.NewContext(ctx)
		if err := chromedp.Do(tab, chromedp.Navigate(address)); err != nil {
			t.Fatal(err)
		}
		return func(script string) string {
			t.Helper()
			result, err := chromedp.Run(tab, chromedp.Evaluate[string]("(async () => {"+hand+script+"})()", chromedp.EvalAwaitPromise))
			if err != nil {
				t.Fatalf("%s: %v", script, err)
			}
			return result
		}
	}
	host, guest := open(), open()
	code := host(`await press("Host a game"); return await until(() => text("#tag"))`)
	guest(fmt.Sprintf(`await until(() => text("#status").includes("Connected")); document.querySelector("#code").value = %q; await press("Join"); return ""`, code))
	host(`await press("Let in"); return ""`)
	for _, tab := range []func(string) string{host, guest} {
		tab(`return await until(() => text("#way").includes("Connected with") && text("#way"))`)
	}
}

// hand are the tests' hands on the page.
const hand = `
	const until = async (what) => {
		for (let i = 0; i < 3000; i++, await new Promise((resolve) => setTimeout(resolve, 20))) { const got = what(); if (got) return got; }
		throw Error("in vain: " + what);
	};
	const text = (selector) => { const e = document.querySelector(selector); return e?.checkVisibility() ? e.innerText.trim() : ""; };
	const press = async (label) =>
		(await until(() => [...document.querySelectorAll("button")].find((b) => b.checkVisibility() && b.innerText.trim() === label && !b.disabled))).click();
	await until(() => text("#status").includes("Connected"));
`
