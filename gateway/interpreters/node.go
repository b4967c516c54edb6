package interpreters

import (
	"bytes"
	"context"
	_ "embed"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"bellhop/gateway/lambda"
	"bellhop/gateway/stack"
)

//go:embed runtime.mjs
var nodeRuntime []byte

// nodePackages are the parts of the SDK that most functions of a WebSocket API
// use; Lambda has all of it.
var nodePackages = []string{
	"@aws-sdk/client-apigatewaymanagementapi@3.1169.0", "@aws-sdk/client-dynamodb@3.1169.0", "@aws-sdk/lib-dynamodb@3.1169.0",
}

// node runs a function in a loop of our own.
func node(ctx context.Context, _ *stack.Function, log *slog.Logger) (c lambda.Config, version string, err error) {
	if c.File, err = exec.LookPath("node"); err != nil {
		return c, "", err
	}
	if version, err = output(ctx, c.File, "-p", "`nodejs${process.versions.node.split('.')[0]}.x`"); err != nil {
		return c, "", err
	}
	folder, err := cached("node-"+strings.ReplaceAll(nodePackages[0], "/", "-"), log, func(folder string) error {
		_, err := output(ctx, "npm", append([]string{"install", "--silent", "--no-audit", "--no-fund", "--prefix", folder}, nodePackages...)...)
		return err
	})
	c.Args, c.Env = []string{filepath.Join(folder, "runtime.mjs")}, []string{"NODE_PATH=" + filepath.Join(folder, "node_modules")}
	if old, _ := os.ReadFile(c.Args[0]); err == nil && !bytes.Equal(old, nodeRuntime) {
		err = os.WriteFile(c.Args[0], nodeRuntime, 0o600)
	}
	return c, version, err
}
