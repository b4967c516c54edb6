package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"bellhop/handlers/metrics"
)

// testWatching checks that each alarm and the dashboard ask for metrics that
// the function writes, by dimensions that it writes them with.
func (s stack) testWatching(t *testing.T) {
	alarms := 0
	for name, r := range s.Resources {
		if r.Type != "AWS::CloudWatch::Alarm" {
			continue
		}
		alarms++
		p := r.Properties
		checkWritten(t, name, asked(p))
		if asJSON(p["AlarmActions"]) != `{"Fn::If":["Tells",[{"Ref":"AlarmTopic"}],{"Ref":"AWS::NoValue"}]}` {
			t.Errorf("%s tells nobody", name)
		}
		if counts := r.Condition == "Counts"; counts != regexp.MustCompile(`"Namespace":"Bellhop"`).MatchString(asJSON(p)) {
			t.Errorf("%s has the condition %q", name, r.Condition)
		}
	}
	if alarms < 10 {
		t.Errorf("there are only %d alarms", alarms)
	}
	body := s.Resources["Dashboard"].Properties["DashboardBody"].(map[string]any)["Fn::Sub"].(string)
	for _, name := range regexp.MustCompile(`\$\{([\w:]+)\}`).FindAllStringSubmatch(body, -1) {
		if _, ok := s.Resources[name[1]]; !ok && name[1] != "AWS::Region" && name[1] != "AWS::StackName" && name[1] != "StageName" {
			t.Errorf("the dashboard names %s", name[0])
		}
	}
	var dashboard struct {
		Widgets []struct {
			Properties struct {
				Title, Query string
				Metrics      [][]any
			}
		}
	}
	if err := json.Unmarshal([]byte(body), &dashboard); err != nil || len(dashboard.Widgets) < 8 {
		t.Fatalf("the dashboard has %d widgets: %v", len(dashboard.Widgets), err)
	}
	for _, w := range dashboard.Widgets {
		for _, m := range w.Properties.Metrics {
			var texts []string
			for _, part := range m {
				if text, ok := part.(string); ok {
					texts = append(texts, text)
				}
			}
			checkWritten(t, w.Properties.Title, [][]string{texts})
		}
		for _, name := range regexp.MustCompile(`bellhop_\w+`).FindAllString(w.Properties.Query, -1) {
			checkWritten(t, w.Properties.Title, [][]string{{"Bellhop", name, "stack", ""}})
		}
	}
}

// asked returns the metrics of an alarm, as a dashboard writes them: namespace,
// name, and names and values of dimensions.
func asked(alarm map[string]any) (all [][]string) {
	type metric struct {
		Namespace, MetricName string
		Dimensions            []struct{ Name, Value any }
	}
	var a struct {
		metric
		Metrics []struct{ MetricStat struct{ Metric metric } }
	}
	json.Unmarshal([]byte(asJSON(alarm)), &a)
	of := []metric{a.metric}
	for _, m := range a.Metrics {
		of = append(of, m.MetricStat.Metric)
	}
	for _, m := range of {
		texts := []string{m.Namespace, m.MetricName}
		for _, d := range m.Dimensions {
			value, _ := d.Value.(string)
			texts = append(texts, d.Name.(string), value)
		}
		all = append(all, texts)
	}
	return all
}

// checkWritten checks each metric of the namespace Bellhop.
func checkWritten(t *testing.T, by string, all [][]string) {
	t.Helper()
	for _, m := range all {
		if len(m) < 4 || m[0] != "Bellhop" {
			continue
		}
		families := slices.Concat(metrics.Families[:], metrics.TimeFamilies[:])
		i := slices.IndexFunc(families, func(f metrics.Family) bool { return f.Name == m[1] })
		switch {
		case i < 0:
			t.Errorf("%s: nothing writes %s", by, m[1])
		case m[2] != "stack":
			t.Errorf("%s: %s is not of this stack", by, m[1])
		case len(m) > 4 && (!families[i].Apart || m[4] != families[i].Labels[0] || families[i].Values != nil && !slices.Contains(families[i].Values, m[5])):
			t.Errorf("%s: %s is not written by %s", by, m[1], m[4:])
		}
	}
}

// TestLogLines checks that docs/deploying.md says what each line of the
// function's log means.
func TestLogLines(t *testing.T) {
	doc, err := os.ReadFile("docs/deploying.md")
	if err != nil {
		t.Fatal(err)
	}
	lines := 0
	for _, pattern := range []string{"*.go", "handlers/*.go", "handlers/*/*.go"} {
		files, _ := filepath.Glob(pattern)
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			code, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range regexp.MustCompile(`(?:slog\.Level\w+, |\.(?:Error|Warn)\()"([^"]+)"`).FindAllSubmatch(code, -1) {
				lines++
				if !bytes.Contains(doc, []byte("\n| `"+string(m[1])+"` |")) {
					t.Errorf("%s logs %q", file, m[1])
				}
			}
		}
	}
	if lines < 9 {
		t.Errorf("only %d lines are found", lines)
	}
}
