package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"

	"bellhop/gateway/apigateway"
	"bellhop/gateway/faults"
)

// trouble is what the flags say of what AWS may do.
type trouble struct{ faults.Config }

func (o *trouble) flags(f *flag.FlagSet) {
	f.Uint64Var(&o.Seed, "seed", 0, "`number` from which -delay, -drop-disconnect, -gone, -reorder and -throttle draw, so that a run can be\n"+
		"repeated: they draw the same for the same order of arrivals. 0 takes any, and says which")
	f.Float64Var(&o.Reorder, "reorder", 0, "`chance`, from 0 to 1, that a message is dealt with only after the next of its client, or a quarter of\n"+
		"a second later: AWS promises no order")
	f.DurationVar(&o.Delay, "delay", 0, "`time` that each message of a client, and each post to one, may be late, at most. Posts that do not wait\n"+
		"for each other overtake each other")
	f.Float64Var(&o.DropDisconnect, "drop-disconnect", 0, "`chance` that a connection ends and $disconnect never comes: on AWS it is best effort")
	f.Float64Var(&o.Gone, "gone", 0, "`chance` that a post finds its client lost: it is answered 410, and the connection is cut")
	f.Float64Var(&o.Throttle, "throttle", 0, "`chance` that AWS has too much to do: a post is answered 429, a handshake too, and a client's message\n"+
		"with \"Too Many Requests\". What that frame looks like on AWS is not documented")
}

func (o *trouble) check() error {
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

// cause has the sockets meet what the flags say.
func (o *trouble) cause(c *apigateway.Config) {
	if !o.Any() {
		return
	}
	f := faults.New(o.Config)
	c.Hooks = f.Hooks()
	wrap(c, f.Invoker)
}

// announce says from which seed chances are drawn, and draws one where none is given.
func (o *trouble) announce(w io.Writer) {
	if !o.Any() {
		return
	}
	for o.Seed == 0 {
		o.Seed = uint64(rand.Uint32())
	}
	fmt.Fprintf(w, "What AWS may do happens here by chance; -seed %d repeats it.\n", o.Seed)
}

// wrap puts something before all integrations.
func wrap(c *apigateway.Config, wrapper func(apigateway.Invoker) apigateway.Invoker) {
	if c.Invoke != nil {
		c.Invoke = wrapper(c.Invoke)
	}
	for key, route := range c.Routes {
		if route.Invoke != nil {
			route.Invoke = wrapper(route.Invoke)
			c.Routes[key] = route
		}
	}
}
