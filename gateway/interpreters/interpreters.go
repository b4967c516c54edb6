// Package interpreters runs functions of Python and Node without containers, by
// the interpreters of this machine. Python's functions run in awslambdaric,
// AWS's own runtime, and Node's in a loop of this package. Both find AWS's SDK,
// as on Lambda. What that takes is installed once, into a cache.
package interpreters

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"bellhop/gateway/lambda"
	"bellhop/gateway/stack"
)

// Prepare returns the configuration that runs a function, whose code is in a
// folder or in the template: its command and its environment. Code of the
// template becomes a folder in temporary.
func Prepare(ctx context.Context, f *stack.Function, folder, temporary string, log *slog.Logger) (c lambda.Config, err error) {
	prepare, inline := node, "index.js"
	if strings.HasPrefix(f.Runtime, "python") {
		prepare, inline = python, "index.py"
	}
	if f.Inline != "" {
		folder = filepath.Join(temporary, f.ID)
		if err := errors.Join(os.MkdirAll(folder, 0o700), os.WriteFile(filepath.Join(folder, inline), []byte(f.Inline), 0o600)); err != nil {
			return c, err
		}
	}
	if info, err := os.Stat(folder); err != nil || !info.IsDir() {
		return c, fmt.Errorf("%s: the code of function %s is not in the folder %q; sam build makes one for each function", f.At, f.ID, folder)
	}
	c, runtime, err := prepare(ctx, f, log)
	if err != nil {
		return c, fmt.Errorf("%s: function %s cannot run on %s here: %w", f.At, f.ID, f.Runtime, err)
	}
	if f.Runtime != runtime {
		log.Warn(fmt.Sprintf("%s: function %s is for %s, and runs on %s here", f.At, f.ID, f.Runtime, runtime))
	}
	c.Handler, c.Folder, c.InitTimeout = f.Handler, folder, time.Minute // a busy machine imports slowly
	return c, nil
}

// output runs a program and returns what it prints.
func output(ctx context.Context, program string, args ...string) (string, error) {
	out, err := exec.CommandContext(ctx, program, args...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w: %s", program, strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out)), nil
}

// cached returns a folder of the cache, which fill fills if it is not there
// yet. Another program can do the same at that time.
func cached(name string, log *slog.Logger, fill func(folder string) error) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	folder := filepath.Join(cache, "gateway-emulate", name)
	if _, err := os.Stat(folder); err == nil {
		return folder, nil
	}
	log.Info("installing what functions need, once", "folder", folder)
	partial := fmt.Sprint(folder, ".", os.Getpid())
	defer os.RemoveAll(partial)
	if err := errors.Join(os.MkdirAll(partial, 0o700), fill(partial)); err != nil {
		return "", fmt.Errorf("cannot install into %s: %w", folder, err)
	}
	if err := os.Rename(partial, folder); err != nil && !errors.Is(err, os.ErrExist) {
		return "", err
	}
	return folder, nil
}
