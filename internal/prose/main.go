// Command prose reports comments and docs that a reader has to read twice. It
// knows few patterns: clauses that begin with a headless who, whom or whoever,
// words that this project avoids, and comments of Go code that are too wide.
//
// Old findings stand in known.txt, a count for each file. A file with more
// findings than that fails, so new prose stays clean. After a clean-up, -update
// lowers the counts.
package main

import (
	"bufio"
	"flag"
	"fmt"
	"log"
	"os"
	"os/exec"
	"regexp"
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

func main() {
	log.SetFlags(0)
	update := flag.Bool("update", false, "write the counts of today to "+knownFile)
	flag.Parse()
	known, counts := readKnown(), map[string]int{}
	out, err := exec.Command("git", "ls-files", "--cached", "--others", "--exclude-standard", "*.go", "*.js", "*.ts", "*.gd", "*.md", "*.yaml", "Makefile").Output()
	if err != nil {
		log.Fatalf("git ls-files: %v; run this in Bellhop's folder", err)
	}
	var findings []string
	var list strings.Builder
	for _, file := range strings.Fields(string(out)) {
		found := check(file)
		if counts[file] = len(found); len(found) > 0 {
			fmt.Fprintln(&list, file, len(found))
		}
		if len(found) > known[file] {
			findings = append(findings, found...)
		}
	}
	if *update {
		if err := os.WriteFile(knownFile, []byte(list.String()), 0o644); err != nil {
			log.Fatal(err)
		}
	} else if len(findings) > 0 {
		log.Fatal(strings.Join(findings, "\n"))
	}
}

// check returns what is wrong in a file, a line each.
func check(file string) (found []string) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil // deleted, and not committed yet
	}
	for i, line := range strings.Split(string(data), "\n") {
		_, comment, isComment := strings.Cut(line, "//")
		if strings.HasSuffix(file, ".md") {
			comment, isComment = line, true
		}
		for _, pattern := range patterns {
			if isComment && pattern.MatchString(strings.TrimSpace(comment)) {
				found = append(found, fmt.Sprintf("%s:%d: %q: name the subject, in plain words", file, i+1, pattern.FindString(strings.TrimSpace(comment))))
			}
		}
		if strings.HasSuffix(file, ".go") && strings.HasPrefix(strings.TrimSpace(line), "//") && utf8.RuneCountInString(line) > maxWidth {
			found = append(found, fmt.Sprintf("%s:%d: a comment of more than %d characters: wrap it at 80", file, i+1, maxWidth))
		}
	}
	return found
}

func readKnown() map[string]int {
	known := map[string]int{}
	f, err := os.Open(knownFile)
	if err != nil {
		return known
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var file string
		var n int
		if _, err := fmt.Sscan(lines.Text(), &file, &n); err == nil {
			known[file] = n
		}
	}
	return known
}
