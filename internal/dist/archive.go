package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// An entry is a file in an archive.
type entry struct {
	path       string
	data       []byte
	executable bool
}

func (e entry) mode() os.FileMode {
	if e.executable {
		return 0o755
	}
	return 0o644
}

// write adds a file to the release.
func (r *release) write(name string, data []byte) error {
	r.files = append(r.files, name)
	fmt.Printf("%6.1f MB  %s\n", float64(len(data))/1e6, name)
	return os.WriteFile(filepath.Join(r.out, name), data, 0o644)
}

// tgz adds a tar archive, packed by gzip.
func (r *release) tgz(name string, entries []entry) error {
	var b bytes.Buffer
	packed, _ := gzip.NewWriterLevel(&b, gzip.BestCompression)
	w := tar.NewWriter(packed)
	for _, e := range entries {
		header := &tar.Header{Name: e.path, Size: int64(len(e.data)), Mode: int64(e.mode()), ModTime: r.at, Format: tar.FormatPAX}
		if err := w.WriteHeader(header); err != nil {
			return err
		}
		if _, err := w.Write(e.data); err != nil {
			return err
		}
	}
	if err := errors.Join(w.Close(), packed.Close()); err != nil {
		return err
	}
	return r.write(name, b.Bytes())
}

// zip adds a zip archive.
func (r *release) zip(name string, entries []entry) error {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, e := range entries {
		header := &zip.FileHeader{Name: e.path, Method: zip.Deflate, Modified: r.at}
		header.SetMode(e.mode())
		f, err := w.CreateHeader(header)
		if err != nil {
			return err
		}
		if _, err := f.Write(e.data); err != nil {
			return err
		}
	}
	if err := w.Close(); err != nil {
		return err
	}
	return r.write(name, b.Bytes())
}

// sums adds the list of checksums, which sha256sum -c reads.
func (r *release) sums() error {
	slices.Sort(r.files)
	var list strings.Builder
	for _, name := range r.files {
		data, err := os.ReadFile(filepath.Join(r.out, name))
		if err != nil {
			return err
		}
		fmt.Fprintf(&list, "%x  %s\n", sha256.Sum256(data), name)
	}
	return r.write("SHA256SUMS", []byte(list.String()))
}
