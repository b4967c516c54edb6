package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"text/tabwriter"
	"time"

	awsevents "github.com/aws/aws-lambda-go/events"

	"bellhop/gateway/lambda"
)

// A function is one of the compared Lambda functions.
type function struct {
	name, folder string // of its package
	file         string
	start        []float64 // ms from the start of the process to its first answer, by round
	memory       []float64 // MiB after that
	size         float64   // MB
}

// functionCosts measures starts of Bellhop's function, of one that only creates
// the same AWS clients, and of an empty one. All are built alike and take
// turns.
func functionCosts(ctx context.Context, dir string) error {
	all := []*function{
		{name: "empty handler", folder: "empty"}, {name: "AWS clients", folder: "clients"}, {name: "bellhop", folder: bellhop},
	}
	for _, f := range all {
		if err := f.build(ctx, dir); err != nil {
			return err
		}
	}
	for round := range *cold {
		for _, f := range all {
			if err := f.measure(ctx); err != nil {
				return fmt.Errorf("%s: %w", f.name, err)
			}
		}
		if round == 0 { // the first of them reads its file from the disk
			for _, f := range all {
				f.start, f.memory = nil, nil
			}
		}
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 4, ' ', 0)
	fmt.Fprintf(w, "the function's start to its first answer (median of %d)\tms\tMiB\tbinary MB\n", *cold-1)
	for _, f := range all {
		fmt.Fprintf(w, "  %s\t%.2f\t%.1f\t%.1f\n", f.name, median(f.start), median(f.memory), f.size)
	}
	fmt.Fprintf(w, "  bellhop / AWS clients (median)\t%.2f\t%.2f\n", medianRatio(all[2].start, all[1].start), medianRatio(all[2].memory, all[1].memory))
	return w.Flush()
}

// build makes the binary as `make build` does.
func (f *function) build(ctx context.Context, dir string) error {
	f.file = filepath.Join(dir, "function-"+filepath.Base(f.folder), "bootstrap")
	cmd := exec.CommandContext(ctx, "go", "build", "-tags", "lambda.norpc", "-trimpath", "-ldflags", "-s -w", "-o", f.file, ".")
	cmd.Dir, cmd.Env = f.folder, append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go build in %s: %w\n%s", f.folder, err, out)
	}
	info, err := os.Stat(f.file)
	if err == nil {
		f.size = float64(info.Size()) / 1e6
	}
	return err
}

// measure starts f, invokes it once and ends it. Bellhop gets a handshake that
// it refuses, which needs no DynamoDB.
func (f *function) measure(ctx context.Context) error {
	began := time.Now()
	b, err := lambda.Open(ctx, lambda.Config{File: f.file, Env: []string{"TABLE=bench", "AWS_REGION=eu-west-1"}, Output: os.Stderr})
	if err != nil {
		return err
	}
	defer b.Close()
	e := awsevents.APIGatewayWebsocketProxyRequest{QueryStringParameters: map[string]string{"protocol": "none"}}
	e.RequestContext.RouteKey, e.RequestContext.EventType, e.RequestContext.ConnectionID = "$connect", "CONNECT", "bench"
	if _, err := b.Invoke(ctx, e); err != nil {
		return err
	}
	f.start = append(f.start, time.Since(began).Seconds()*1e3)
	pid, err := processOf(f.file)
	if err != nil {
		return err
	}
	kib, err := residentMemory(pid)
	f.memory = append(f.memory, float64(kib)/1024)
	return err
}

// processOf returns the process that runs a file.
func processOf(file string) (pid int, err error) {
	links, _ := filepath.Glob("/proc/[0-9]*/exe")
	for _, link := range links {
		if target, err := os.Readlink(link); err == nil && target == file {
			_, err := fmt.Sscanf(link, "/proc/%d/exe", &pid)
			return pid, err
		}
	}
	return 0, fmt.Errorf("nothing runs %s any more", file)
}

func median(all []float64) float64 {
	sorted := slices.Sorted(slices.Values(all))
	return (sorted[(len(sorted)-1)/2] + sorted[len(sorted)/2]) / 2
}
