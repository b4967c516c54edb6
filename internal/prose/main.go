// Command prose reports comments and docs that a reader has to read twice. It
// knows few patterns: clauses that begin with a headless who, whom or whoever,
// words that this project avoids, and comments of Go code that are too wide.
//
// A fingerprint of each old finding stands in known.txt. Any other finding
// fails, so new prose stays clean, and a file can move with its old findings.
// The flag -all lists the old ones too. After a clean-up, -update deletes the
// fingerprints of lines that are gone; it adds none.
package main

import (
	"crypto/sha256"
	"flag"
	"fmt"
	"log"
	"maps"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// maxWidth of a line of a Go comment, in characters, with its indentation.
const maxWidth = 100

const knownFile = "internal/prose/known.txt"

var patterns = []*regexp.Regexp{
	regexp.MustCompile(`\b(for|of|to|than|by|with|from|at|in|on) (who|whom|whoever)\b`),
	regexp.MustCompile(`(?i)(^|[.:;,(]\s+)(who|whoever|whom)( \w+)? (is|are|has|have|was|were|had|can|may|must|makes|waits|asks|comes|leaves|reads|writes|runs)\b`),
	regexp.MustCompile(`\b(anew|in the place of|so that it is true)\b`),
}

// A finding is one fault of one line.
type finding struct{ line, message string }

// fingerprint identifies a line by its words, in whichever file it stands.
func (f finding) fingerprint() string {
	return fmt.Sprintf("%x", sha256.Sum256([]byte(strings.TrimSpace(f.line))))[:12]
}

func main() {
	log.SetFlags(0)
	update := flag.Bool("update", false, "deletion of lines that are gone from "+knownFile)
	all := flag.Bool("all", false, "old findings too")
	flag.Parse()
	data, err := os.ReadFile(knownFile)
	if err != nil {
		log.Fatalf("%v; run this in Bellhop's folder", err)
	}
	known := strings.Fields(string(data))
	if *all {
		known = nil
	}
	fresh, old := sift(checkAll(), known)
	if *update && !*all {
		data := strings.Join(old, "\n") + "\n"
		if err := os.WriteFile(knownFile, []byte(data), 0o644); err != nil {
			log.Fatal(err)
		}
	}
	if len(fresh) > 0 {
		log.Fatal(strings.Join(fresh, "\n"))
	}
}

// sift returns the messages of findings that are not known, and the known
// fingerprints that findings still have.
func sift(findings []finding, known []string) (fresh, old []string) {
	still := map[string]bool{}
	for _, f := range findings {
		if print := f.fingerprint(); slices.Contains(known, print) {
			still[print] = true
		} else {
			fresh = append(fresh, f.message)
		}
	}
	return fresh, slices.Sorted(maps.Keys(still))
}

// checkAll returns the findings of every file that git does not ignore.
func checkAll() (found []finding) {
	out, err := exec.Command("git", "ls-files", "--cached", "--others", "--exclude-standard",
		"*.go", "*.js", "*.ts", "*.gd", "*.md", "*.yaml", "Makefile").Output()
	if err != nil {
		log.Fatalf("git ls-files: %v; run this in Bellhop's folder", err)
	}
	for _, file := range strings.Fields(string(out)) {
		if data, err := os.ReadFile(file); err == nil { // git still lists a file that was just deleted
			found = append(found, check(file, string(data))...)
		}
	}
	return found
}

// check returns the findings of a file's text.
func check(file, text string) (found []finding) {
	for i, line := range strings.Split(text, "\n") {
		report := func(format string, args ...any) {
			found = append(found, finding{line, fmt.Sprintf("%s:%d: ", file, i+1) + fmt.Sprintf(format, args...)})
		}
		_, comment, isComment := strings.Cut(line, "//")
		if strings.HasSuffix(file, ".md") {
			comment, isComment = line, true
		}
		for _, pattern := range patterns {
			if words := pattern.FindString(strings.TrimSpace(comment)); isComment && words != "" {
				report("%q: name the subject, in plain words", words)
			}
		}
		if strings.HasSuffix(file, ".go") && strings.HasPrefix(strings.TrimSpace(line), "//") && utf8.RuneCountInString(line) > maxWidth {
			report("a comment of more than %d characters: wrap it at 80", maxWidth)
		}
	}
	return found
}
