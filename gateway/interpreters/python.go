package interpreters

import (
	"context"
	"log/slog"
	"path/filepath"

	"bellhop/gateway/lambda"
	"bellhop/gateway/stack"
)

// pythonPackages are AWS's runtime, and the SDK that Lambda's has.
var pythonPackages = []string{"awslambdaric==4.2.2", "boto3==1.44.8"}

// python runs a function in a virtual environment. It prefers an interpreter of
// the template's version; pyenv has commands that do not work.
func python(ctx context.Context, f *stack.Function, log *slog.Logger) (c lambda.Config, version string, err error) {
	program := f.Runtime
	const ask = `import sys; print("python%d.%d" % sys.version_info[:2])`
	if version, err = output(ctx, program, "-c", ask); err != nil {
		program = "python3"
		version, err = output(ctx, program, "-c", ask)
	}
	if err != nil {
		return c, "", err
	}
	folder, err := cached(version+"-"+pythonPackages[0]+"-"+pythonPackages[1], log, func(folder string) error {
		_, err := output(ctx, program, "-m", "venv", folder)
		if err == nil {
			_, err = output(ctx, filepath.Join(folder, "bin", "python"), append([]string{"-m", "pip", "install", "-q"}, pythonPackages...)...)
		}
		return err
	})
	c.File, c.Args, c.Env = filepath.Join(folder, "bin", "python"), []string{"-m", "awslambdaric", f.Handler}, []string{"PYTHONUNBUFFERED=1"}
	return c, version, err
}
