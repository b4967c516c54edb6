package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"bellhop/store"
)

// A stateFile keeps the lobbies in memory while the program does not run. A nil
// *stateFile keeps nothing.
type stateFile struct {
	path   string
	memory *store.Memory
	grace  time.Duration
}

// openState loads the lobbies of the file at path, if it is there, into memory.
// It returns an error if the file could not be written at the end. A file that
// cannot be used is renamed, and the lobbies start empty.
func openState(path string, memory *store.Memory, grace time.Duration, log *slog.Logger, stdout io.Writer,
) (*stateFile, error) {
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target // or the link would be replaced, not the file
	}
	s := &stateFile{path, memory, grace}
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return nil, fmt.Errorf("-state %s is not a file; name one in a folder where this program can write", path)
	}
	if trial, err := s.temporary(nil); err != nil {
		return nil, fmt.Errorf("cannot write -state: %w; name a file in a folder where this program can write", err)
	} else if err := os.Remove(trial); err != nil {
		return nil, fmt.Errorf("cannot write -state: %w", err)
	}
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		fmt.Fprintf(stdout, "Lobbies will be kept in %s at the end.\n", path)
		return s, nil
	}
	if err != nil {
		return nil, fmt.Errorf("cannot read -state: %w", err)
	}
	n, saved, unusable := memory.Load(data)
	if unusable != nil {
		aside, err := s.putAside()
		log.Error("the file of -state cannot be used, and no lobby is back", "error", unusable, "kept_as", aside)
		return s, err
	}
	ago := time.Since(saved).Round(time.Second)
	fmt.Fprintf(stdout, "Lobbies that are back: %d, from %s, kept %v ago.\n", n, path, ago)
	return s, nil
}

// putAside renames the file to a name that no file has.
func (s *stateFile) putAside() (aside string, err error) {
	for i := 1; ; i++ {
		aside = fmt.Sprintf("%s.unusable%d", s.path, i)
		if _, err := os.Lstat(aside); err != nil {
			return aside, os.Rename(s.path, aside)
		}
	}
}

// remove deletes the file, once its lobbies are served: after a crash they
// would be back as they had been at the start.
func (s *stateFile) remove() error {
	if s == nil {
		return nil
	}
	if err := os.Remove(s.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// save writes the file, as a whole or not at all.
func (s *stateFile) save(stdout io.Writer) error {
	if s == nil {
		return nil
	}
	data, n, err := s.memory.Save(s.grace)
	if err != nil {
		return err
	}
	temporary, err := s.temporary(data)
	if err == nil {
		err = os.Rename(temporary, s.path)
	}
	if err != nil {
		return fmt.Errorf("%d lobbies are lost, since -state cannot be written: %w", n, err)
	}
	fmt.Fprintf(stdout, "Kept %d lobbies in %s.\n", n, s.path)
	return nil
}

// temporary writes data to a new file beside the state file, which only this
// user can read: hashes of tokens and passwords are in it.
func (s *stateFile) temporary(data []byte) (name string, err error) {
	f, err := os.CreateTemp(filepath.Dir(s.path), "."+filepath.Base(s.path)+".*") // mode 0600
	if err != nil {
		return "", err
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		os.Remove(f.Name())
	}
	return f.Name(), err
}
