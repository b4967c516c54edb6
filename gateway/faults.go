package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"

	"bellhop/gateway/faults"
	"bellhop/gateway/server"
)

// faultFlags are the flags for faults of AWS.
type faultFlags struct{ faults.Config }

func (o *faultFlags) flags(f *flag.FlagSet) {
	f.Uint64Var(&o.Seed, "seed", 0, "seed `n` of -delay, -drop-disconnect, -gone, -reorder and -throttle, which repeats a run: the same seed\n"+
		"and order of arrivals give the same faults. 0 is a random seed, which is printed")
	f.Float64Var(&o.Reorder, "reorder", 0, "`probability`, from 0 to 1, that a message is handled after the next one of its client, or a quarter of a\n"+
		"second later: AWS promises no order")
	f.DurationVar(&o.Delay, "delay", 0, "longest `duration` by which each message of a client, and each post to one, is late. Posts that do not\n"+
		"wait for each other overtake each other")
	f.Float64Var(&o.DropDisconnect, "drop-disconnect", 0, "`probability` that a connection ends without $disconnect, which is best effort on AWS")
	f.Float64Var(&o.Gone, "gone", 0, "`probability` that a post finds its client lost: it is answered 410, and the connection is cut")
	f.Float64Var(&o.Throttle, "throttle", 0, "`probability` that AWS is too busy: a post or a handshake is answered 429, and a client's message\n"+
		"\"Too Many Requests\". AWS does not document that frame")
}

func (o *faultFlags) check() error {
	for _, p := range []float64{o.Reorder, o.DropDisconnect, o.Gone, o.Throttle} {
		if !(p >= 0 && p <= 1) {
			return errors.New("-reorder, -drop-disconnect, -gone and -throttle are chances, from 0 to 1")
		}
	}
	if o.Delay < 0 {
		return errors.New("-delay must not be less than 0")
	}
	return nil
}

// apply makes the sockets of c meet the faults.
func (o *faultFlags) apply(c *server.Config) {
	if o.Any() {
		f := faults.New(o.Config)
		c.Sockets.Hooks, c.Intercept = f.Hooks(), f.Invoker
	}
}

// chooseSeed draws a seed if none is given, and prints it.
func (o *faultFlags) chooseSeed(w io.Writer) {
	if !o.Any() {
		return
	}
	for o.Seed == 0 {
		o.Seed = uint64(rand.Uint32())
	}
	fmt.Fprintf(w, "What AWS may do happens here by chance; -seed %d repeats it.\n", o.Seed)
}
